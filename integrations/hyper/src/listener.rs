//! A listener for `axum::serve`.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::serve::Listener;
use handclasp::ServerConnection;
use handclasp::transport::tokio::Acceptor;
use tokio::task::JoinSet;

use crate::HttpsStream;

type OnFailure = Arc<dyn Fn(SocketAddr, &io::Error) + Send + Sync>;

/// Accepts TLS connections for `axum::serve`, over another listener, such as a `TcpListener`.
///
/// Handshakes run at the same time, so that a slow client delays no other one. When `axum::serve` shuts down, it
/// drops the listener: handshakes that are not complete are given up. Connections answer the requests that they
/// have, and end with close_notify.
///
/// To replace certificates or any other option while the server runs, give the acceptor a configuration whose
/// [`config_resolver`](handclasp::config::ServerConfigBuilder::config_resolver) returns the current one.
pub struct TlsListener<L: Listener> {
    listener: L,
    acceptor: Acceptor,
    answers_early_data: bool,
    max_handshakes: usize,
    on_failure: OnFailure,
    handshakes: JoinSet<Handshake<L::Io>>,
}

/// How a handshake has ended.
struct Handshake<T> {
    client: SocketAddr,
    result: io::Result<HttpsStream<ServerConnection, T>>,
}

impl<L: Listener<Addr = SocketAddr>> TlsListener<L> {
    /// How many clients may be in their handshake by default.
    pub const MAX_HANDSHAKES: usize = 4096;

    /// Accepts clients of `listener`.
    pub fn new(listener: L, acceptor: Acceptor) -> Self {
        Self {
            listener,
            acceptor,
            answers_early_data: false,
            max_handshakes: Self::MAX_HANDSHAKES,
            on_failure: Arc::new(|_, _| {}),
            handshakes: JoinSet::new(),
        }
    }

    /// Serves requests in 0-RTT data before the handshake is complete, one round trip earlier. **An attacker
    /// can replay these requests.** Protect handlers with [`too_early`](crate::too_early), or ask
    /// [`ConnectionInfo::is_early`](crate::ConnectionInfo::is_early).
    ///
    /// By default, requests in 0-RTT data wait until the handshake is complete. A replay ends before that
    /// (RFC 8470, section 3).
    pub fn answer_early_data(mut self) -> Self {
        self.answers_early_data = true;
        self
    }

    /// Sets how many clients may be in their handshake, silent and slow ones included. If there are more, no
    /// socket is accepted. 0 is taken for 1. The acceptor limits how many of them compute
    /// ([`Acceptor::max_handshakes`]), and for how long each may be here ([`Acceptor::handshake_timeout`]).
    pub fn max_handshakes(mut self, limit: usize) -> Self {
        self.max_handshakes = limit.max(1);
        self
    }

    /// Sets what is called with the address of a client and the error of its handshake, for a log. By
    /// default, failed handshakes are not reported.
    pub fn on_failure(
        mut self,
        on_failure: impl Fn(SocketAddr, &io::Error) + Send + Sync + 'static,
    ) -> Self {
        self.on_failure = Arc::new(on_failure);
        self
    }

    fn start_handshake(&mut self, transport: L::Io, client: SocketAddr) {
        let (acceptor, answers_early_data) = (self.acceptor.clone(), self.answers_early_data);
        self.handshakes.spawn(async move {
            let accepted = if answers_early_data {
                acceptor.accept_with_early_data(transport).await
            } else {
                acceptor.accept(transport).await
            };
            let result = accepted.map(|stream| HttpsStream::new(stream.close_on_shutdown()));
            Handshake { client, result }
        });
    }
}

impl<L: Listener<Addr = SocketAddr>> Listener for TlsListener<L> {
    type Io = HttpsStream<ServerConnection, L::Io>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let has_room = self.handshakes.len() < self.max_handshakes;
            tokio::select! {
                (transport, client) = self.listener.accept(), if has_room => {
                    self.start_handshake(transport, client);
                }
                Some(ended) = self.handshakes.join_next() => match ended {
                    Ok(Handshake { client, result: Ok(stream) }) => return (stream, client),
                    Ok(Handshake { client, result: Err(error) }) => {
                        (self.on_failure)(client, &error);
                    }
                    // It panicked, in an observer or in an answer of the application: this was reported.
                    Err(_) => {}
                },
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl<L: Listener + fmt::Debug> fmt::Debug for TlsListener<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsListener")
            .field("listener", &self.listener)
            .field("acceptor", &self.acceptor)
            .field("handshakes", &self.handshakes.len())
            .finish_non_exhaustive()
    }
}
