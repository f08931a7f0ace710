//! A listener for `axum::serve`.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::serve::Listener;
use handclasp::connection::Options;
use handclasp::transport::tokio::Acceptor;
use handclasp::{Event, Observer, ServerConnection};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::HttpsStream;
use crate::address_limit::{AddressLimit, AddressPlace};

type OnFailure = Arc<dyn Fn(SocketAddr, &io::Error) + Send + Sync>;

/// Accepts TLS connections for `axum::serve`, over another listener, such as a `TcpListener`.
///
/// Handshakes run at the same time, so that a slow client delays no other one. Their number is
/// [limited](Self::max_handshakes). When `axum::serve` shuts down, it drops the listener: handshakes that are not
/// complete are given up. Connections answer the requests that they have, and end with close_notify.
///
/// A call of `accept` of the listener below is never given up before: it may wait after it has a socket, for example
/// for the header of a PROXY protocol. Its clients wait for each other then.
///
/// To replace certificates or any other option while the server runs, give the acceptor a configuration whose
/// [`config_resolver`](handclasp::config::ServerConfigBuilder::config_resolver) returns the current one. For
/// certificates in files, the crate `handclasp-reload` has a resolver.
pub struct TlsListener<L: Listener> {
    /// The listener below is inside, so that no accept is given up when a handshake ends.
    accepting: Pin<Box<dyn Future<Output = Accepted<L>> + Send>>,
    local_addr: io::Result<SocketAddr>,
    acceptor: Acceptor,
    answers_early_data: bool,
    max_handshakes: usize,
    by_address: AddressLimit,
    on_failure: OnFailure,
    handshakes: JoinSet<Handshake<L::Io>>,
    /// The next client, while there is no place for it.
    waiting: Option<WaitingClient<L::Io>>,
    /// The clients that have sent no message yet, the oldest first. Others are removed later.
    silent_clients: VecDeque<SilentClient>,
}

/// A client of the listener below, and the listener.
struct Accepted<L: Listener> {
    listener: L,
    client: NewClient<L::Io>,
}

/// A client of the listener below.
struct NewClient<T> {
    transport: T,
    address: SocketAddr,
}

/// A client whose handshake has not begun, and whose address has no more handshakes than it may have.
struct WaitingClient<T> {
    client: NewClient<T>,
    place: AddressPlace,
}

async fn accept_from<L: Listener<Addr = SocketAddr>>(mut listener: L) -> Accepted<L> {
    let (transport, address) = listener.accept().await;
    Accepted { listener, client: NewClient { transport, address } }
}

/// A client that has sent no complete message, and a way to give it up.
struct SilentClient {
    has_sent: Arc<AtomicBool>,
    give_up: oneshot::Sender<()>,
}

impl SilentClient {
    fn is_silent(&self) -> bool {
        let is_over = self.give_up.is_closed();
        !is_over && !self.has_sent.load(Ordering::Relaxed)
    }
}

/// Notes that the client has sent a message.
struct FirstMessage(Arc<AtomicBool>);

impl Observer for FirstMessage {
    fn event(&mut self, event: &Event<'_>) {
        if matches!(event, Event::MessageReceived(..)) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
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
            local_addr: listener.local_addr(),
            accepting: Box::pin(accept_from(listener)),
            acceptor,
            answers_early_data: false,
            max_handshakes: Self::MAX_HANDSHAKES,
            by_address: AddressLimit::new(usize::MAX),
            on_failure: Arc::new(|_, _| {}),
            handshakes: JoinSet::new(),
            waiting: None,
            silent_clients: VecDeque::new(),
        }
    }

    /// Serves requests in 0-RTT data before the handshake is complete, one round trip earlier. **An attacker
    /// can replay these requests.** Protect handlers with [`too_early`](crate::too_early), or ask
    /// [`ConnectionInfo::is_early`](crate::ConnectionInfo::is_early).
    ///
    /// By default, requests in 0-RTT data wait until the handshake is complete. A replay ends before that
    /// (RFC 8470, section 3).
    ///
    /// A connection that is served early is no longer one of [`max_handshakes`](Self::max_handshakes), and
    /// [`Acceptor::handshake_timeout`] does not end it: a client can leave the rest of its handshake out. Only
    /// clients with a session of this server get here. Limit connections and their idle time as you do after
    /// the handshake.
    pub fn answer_early_data(mut self) -> Self {
        self.answers_early_data = true;
        self
    }

    /// Sets how many clients may be in their handshake, silent and slow ones included. If there are more, a new
    /// one takes the place of the one that has been silent for longest: so sockets that send nothing keep no client
    /// out. A client is silent while the acceptor has processed no ClientHello of it. If there is no silent one,
    /// a new one waits until a handshake ends. 0 is taken for 1.
    ///
    /// The acceptor limits how many of them compute ([`Acceptor::max_handshakes`]), and for how long each may be
    /// here ([`Acceptor::handshake_timeout`]). A client that has sent its ClientHello, and then sends nothing, keeps
    /// its place until then: see [`max_handshakes_per_address`](Self::max_handshakes_per_address).
    pub fn max_handshakes(mut self, limit: usize) -> Self {
        self.max_handshakes = limit.max(1);
        self
    }

    /// Sets how many clients of one address may be in their handshake: so one machine cannot take the places of all
    /// others. By default there is no such limit. A client of an address that has no more places is refused, without
    /// an alert, and reported by [`on_failure`](Self::on_failure). IPv6 addresses with the same first 64 bits count as
    /// one. 0 is taken for 1.
    ///
    /// Many users can share an address, and behind a load balancer all of them do. The address counts that the
    /// listener below returns, such as that of a PROXY protocol.
    pub fn max_handshakes_per_address(mut self, limit: usize) -> Self {
        self.by_address = AddressLimit::new(limit.max(1));
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

    /// Whether another handshake may begin: in a place that is free, or in that of a silent client.
    fn has_room(&mut self) -> bool {
        self.handshakes.len() < self.max_handshakes || self.has_silent_client()
    }

    /// Removes those at the front that are not silent any more.
    fn has_silent_client(&mut self) -> bool {
        while self.silent_clients.front().is_some_and(|client| !client.is_silent()) {
            self.silent_clients.pop_front();
        }
        !self.silent_clients.is_empty()
    }

    /// If there is no place, gives up the client that has been silent for longest.
    fn make_room(&mut self) {
        if self.handshakes.len() >= self.max_handshakes && self.has_silent_client() {
            if let Some(client) = self.silent_clients.pop_front() {
                // Its handshake may have ended just now.
                let _ = client.give_up.send(());
            }
        }
        if self.silent_clients.len() >= self.max_handshakes.saturating_mul(2) {
            self.silent_clients.retain(SilentClient::is_silent);
        }
    }

    /// A client that may wait for its handshake, or `None` if it is refused.
    fn admit(&self, client: NewClient<L::Io>) -> Option<WaitingClient<L::Io>> {
        let Some(place) = self.by_address.take_place(client.address.ip()) else {
            (self.on_failure)(client.address, &too_many_of_address());
            return None;
        };
        Some(WaitingClient { client, place })
    }

    fn start_handshake(&mut self, client: WaitingClient<L::Io>) {
        let WaitingClient { client: NewClient { transport, address }, place } = client;
        let (acceptor, answers_early_data) = (self.acceptor.clone(), self.answers_early_data);
        let has_sent = Arc::new(AtomicBool::new(false));
        let (give_up, given_up) = oneshot::channel();
        self.silent_clients.push_back(SilentClient { has_sent: has_sent.clone(), give_up });
        let mut options = Options::default();
        options.observer = Some(Box::new(FirstMessage(has_sent)));
        let handshake = async move {
            if answers_early_data {
                acceptor.accept_early_data_with(options, transport).await
            } else {
                acceptor.accept_with(options, transport).await
            }
        };
        self.handshakes.spawn(async move {
            let accepted = tokio::select! {
                accepted = handshake => accepted,
                Ok(()) = given_up => Err(silent_for_longest()),
            };
            let result = accepted.map(|stream| HttpsStream::new(stream.close_on_shutdown()));
            drop(place);
            Handshake { client: address, result }
        });
    }
}

fn too_many_of_address() -> io::Error {
    let reason = "too many clients of its address are in their handshake";
    io::Error::new(io::ErrorKind::ConnectionRefused, reason)
}

fn silent_for_longest() -> io::Error {
    let reason = "another client needed the place of this one, which was silent";
    io::Error::new(io::ErrorKind::TimedOut, reason)
}

impl<L: Listener<Addr = SocketAddr>> Listener for TlsListener<L> {
    type Io = HttpsStream<ServerConnection, L::Io>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            if self.has_room() {
                if let Some(client) = self.waiting.take() {
                    self.make_room();
                    self.start_handshake(client);
                }
            }
            tokio::select! {
                Accepted { listener, client } = &mut self.accepting, if self.waiting.is_none() => {
                    self.accepting = Box::pin(accept_from(listener));
                    self.waiting = self.admit(client);
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
        match &self.local_addr {
            Ok(address) => Ok(*address),
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        }
    }
}

impl<L: Listener> fmt::Debug for TlsListener<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsListener")
            .field("local_addr", &self.local_addr)
            .field("acceptor", &self.acceptor)
            .field("handshakes", &self.handshakes.len())
            .finish_non_exhaustive()
    }
}
