//! Server handshakes under tokio.

use core::fmt;
use core::time::Duration;
use std::io;
use std::sync::Arc;

use ::tokio::io::{AsyncRead, AsyncWrite};
use ::tokio::sync::Semaphore;

use super::question_handler::{QuestionHandler, no_handler};
use super::stream::{TlsStream, within};
use crate::config::ServerConfig;
use crate::connection::{Connection, Options, ServerConnection};
use crate::level::Level;
use crate::record::{OtherProtocol, RecordError};

/// Accepts clients. Clones share the limit on concurrent handshakes.
///
/// To choose the configuration by the ClientHello, give the acceptor one with a
/// [`config_resolver`](crate::config::ServerConfigBuilder::config_resolver). A resolver that answers later
/// asks the handler of [`answers`](Self::answers). The limits of the acceptor include the choice.
#[derive(Clone)]
pub struct Acceptor {
    config: Arc<ServerConfig>,
    answers: Arc<dyn QuestionHandler>,
    timeout: Duration,
    permits: Arc<HandshakePermits>,
    plain_http_reply: Option<Arc<[u8]>>,
}

/// Limits how many handshakes are processed at once. A ClientHello and a client's last flight need
/// permits of two separate semaphores, so that handshakes that are nearly complete do not wait behind
/// new ones.
struct HandshakePermits {
    hellos: Semaphore,
    flights: Semaphore,
}

impl HandshakePermits {
    fn new(limit: usize) -> Arc<Self> {
        let limit = limit.clamp(1, Semaphore::MAX_PERMITS);
        Arc::new(Self { hellos: Semaphore::new(limit), flights: Semaphore::new(limit) })
    }

    /// The semaphore for what a client sends at this level. After its ClientHello, a client sends nothing but
    /// 0-RTT data and its last flight.
    fn for_level(&self, level: Level) -> &Semaphore {
        match level {
            Level::Initial => &self.hellos,
            Level::EarlyData | Level::Handshake | Level::Application => &self.flights,
        }
    }
}

impl Acceptor {
    /// How long a handshake may take by default: 10 seconds.
    pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

    /// How many handshakes are processed at once by default.
    pub const MAX_HANDSHAKES: usize = 1024;

    /// An acceptor with this configuration.
    pub fn new(config: Arc<ServerConfig>) -> Self {
        Self {
            config,
            answers: Arc::new(no_handler),
            timeout: Self::HANDSHAKE_TIMEOUT,
            permits: HandshakePermits::new(Self::MAX_HANDSHAKES),
            plain_http_reply: None,
        }
    }

    /// The same acceptor with another configuration, for example after certificates or CRLs were renewed. The
    /// two share the limit on concurrent handshakes. Handshakes that have begun keep theirs.
    ///
    /// ```
    /// # use std::sync::{Arc, Mutex};
    /// # use handclasp::ServerConfig;
    /// use handclasp::transport::tokio::Acceptor;
    ///
    /// /// The accept loop clones the acceptor for each client.
    /// fn reload(current: &Mutex<Acceptor>, config: Arc<ServerConfig>) {
    ///     let mut current = current.lock().unwrap();
    ///     *current = current.with_config(config);
    /// }
    /// ```
    pub fn with_config(&self, config: Arc<ServerConfig>) -> Self {
        Self { config, ..self.clone() }
    }

    /// Sets the handler for questions that the configuration leaves open.
    pub fn answers(mut self, answers: impl QuestionHandler + 'static) -> Self {
        self.answers = Arc::new(answers);
        self
    }

    /// Sets how long a handshake may take, from the call of [`accept`](Self::accept) to its last byte.
    /// The time for answers and for a permit counts.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how many handshakes of this acceptor, and of clones that are made of it afterwards, are
    /// processed at once. A handshake takes a permit when a complete record of the client is there. It
    /// keeps the permit while it computes and while it waits for an answer, and returns it while it
    /// waits for the client. Other handshakes wait for a permit. There are as many more permits for what
    /// clients send after the server's flight, so that new clients do not delay the others. 0 is taken
    /// for 1.
    ///
    /// A client that waits for a permit, or for which the server waits, costs only memory: a buffer for
    /// one record, and at most
    /// [`Limits::handshake_message`](crate::config::Limits::handshake_message). The caller bounds the
    /// number of such clients where it accepts sockets, and by
    /// [`handshake_timeout`](Self::handshake_timeout).
    pub fn max_handshakes(mut self, limit: usize) -> Self {
        self.permits = HandshakePermits::new(limit);
        self
    }

    /// Sets what a client gets, before the alert, when it speaks HTTP without TLS: a complete HTTP
    /// response, for users who type `http://` by mistake. Nothing by default.
    pub fn plain_http_reply(mut self, reply: impl Into<Arc<[u8]>>) -> Self {
        self.plain_http_reply = Some(reply.into());
        self
    }

    /// Completes a handshake with a client over `transport`. Run each handshake in a task of its own: a
    /// client may be slow.
    ///
    /// After the alert to a client that is refused, the future reads and discards what the client sends
    /// until the client closes, for at most [`CLOSING_TIME`](crate::transport::CLOSING_TIME), so that
    /// the alert arrives. It has no permit then.
    ///
    /// If the client has sent more right after its Finished, a request for example, `accept` does not send
    /// the server's tickets yet. The first write sends them together with its data. A read that has to wait
    /// for the client, a flush and a shutdown send them, too. If the server does none of these for long, it
    /// should flush the stream first. If it drops the stream before, no tickets are sent.
    ///
    /// # Errors
    /// The error of the handshake, after the alert was sent: [`Error::from_io`](crate::Error::from_io)
    /// returns it. [`io::ErrorKind::TimedOut`] when the handshake takes too long. Otherwise the error of
    /// the transport.
    pub async fn accept<T>(&self, transport: T) -> io::Result<TlsStream<ServerConnection, T>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        self.accept_with(Options::default(), transport).await
    }

    /// As [`accept`](Self::accept), with a time and an observer of the caller.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub async fn accept_with<T>(
        &self,
        options: Options,
        transport: T,
    ) -> io::Result<TlsStream<ServerConnection, T>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        self.accept_until(|connection| !connection.is_handshaking(), options, transport).await
    }

    /// As [`accept`](Self::accept), but returns the stream as soon as 0-RTT data are accepted, before
    /// the handshake is complete. [`receive_early_data`](TlsStream::receive_early_data) returns them,
    /// and the server can answer them, one round trip earlier. **An attacker can replay them.** Reading
    /// from the stream completes the handshake, without a limit on its time.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub async fn accept_with_early_data<T>(
        &self,
        transport: T,
    ) -> io::Result<TlsStream<ServerConnection, T>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        self.accept_early_data_with(Options::default(), transport).await
    }

    /// As [`accept_with_early_data`](Self::accept_with_early_data), with a time and an observer of the caller.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub async fn accept_early_data_with<T>(
        &self,
        options: Options,
        transport: T,
    ) -> io::Result<TlsStream<ServerConnection, T>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        self.accept_until(Connection::can_write, options, transport).await
    }

    async fn accept_until<T>(
        &self,
        done: impl Fn(&Connection) -> bool,
        options: Options,
        transport: T,
    ) -> io::Result<TlsStream<ServerConnection, T>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let connection = ServerConnection::with_options(Arc::clone(&self.config), options);
        let mut stream = TlsStream::new(connection, transport, Arc::clone(&self.answers));
        within(self.timeout, &mut stream, async |stream| {
            let first_record = stream.wait_for_record().await?;
            if let (Some(reply), Err(RecordError::NotTls { protocol: OtherProtocol::Http, .. })) =
                (&self.plain_http_reply, first_record)
            {
                stream.send_plain(reply).await?;
            }
            loop {
                let level = stream.connection().read_level();
                // The semaphore is never closed.
                let permit =
                    self.permits.for_level(level).acquire().await.map_err(io::Error::other)?;
                let complete = stream.handshake_with_received(&done).await?;
                drop(permit);
                if complete {
                    return stream.flush_accepted().await;
                }
                // The handshake reports what is wrong with a record.
                let _ = stream.wait_for_record().await?;
            }
        })
        .await?;
        Ok(stream)
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor")
            .field("config", &self.config)
            .field("timeout", &self.timeout)
            .field("permits_left", &self.permits.hellos.available_permits())
            .finish_non_exhaustive()
    }
}
