use core::fmt;
use core::time::Duration;
use std::io;
use std::sync::Arc;

use ::tokio::io::{AsyncRead, AsyncWrite};
use ::tokio::sync::Semaphore;

use super::answers::{Answers, nobody};
use super::stream::{TlsStream, within};
use crate::config::ServerConfig;
use crate::connection::{Connection, Options, ServerConnection};
use crate::level::Level;
use crate::record::{OtherProtocol, RecordError};

/// Accepts clients. Its clones share the limit on handshakes under way.
#[derive(Clone)]
pub struct Acceptor {
    config: Arc<ServerConfig>,
    answers: Arc<dyn Answers>,
    timeout: Duration,
    places: Arc<Places>,
    plain_http_reply: Option<Arc<[u8]>>,
}

/// How many handshakes may be worked on at once. What a client sends after the server's flight has
/// places of its own, as many: handshakes that are nearly complete do not wait behind new ones.
struct Places {
    hellos: Semaphore,
    flights: Semaphore,
}

impl Places {
    fn new(limit: usize) -> Arc<Self> {
        let limit = limit.clamp(1, Semaphore::MAX_PERMITS);
        Arc::new(Self { hellos: Semaphore::new(limit), flights: Semaphore::new(limit) })
    }

    fn of(&self, level: Level) -> &Semaphore {
        match level {
            Level::Initial => &self.hellos,
            _ => &self.flights,
        }
    }
}

impl Acceptor {
    /// How long a handshake may take, unless [`handshake_timeout`](Self::handshake_timeout) says
    /// otherwise.
    pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

    /// How many handshakes may be worked on at once, unless [`max_handshakes`](Self::max_handshakes) says
    /// otherwise.
    pub const MAX_HANDSHAKES: usize = 1024;

    /// Accepts with this configuration.
    pub fn new(config: Arc<ServerConfig>) -> Self {
        Self {
            config,
            answers: Arc::new(nobody),
            timeout: Self::HANDSHAKE_TIMEOUT,
            places: Places::new(Self::MAX_HANDSHAKES),
            plain_http_reply: None,
        }
    }

    /// Who answers what the configuration leaves open.
    pub fn answers(mut self, answers: impl Answers + 'static) -> Self {
        self.answers = Arc::new(answers);
        self
    }

    /// How long a handshake may take, from its first byte awaited to its last one sent: answers,
    /// and the wait for a place among the handshakes under way, included.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many handshakes may be worked on at once, of this acceptor and of the clones that are made
    /// of it from now on. A handshake takes a place when a whole record of the client's is there, keeps
    /// it while it computes and while an answer is awaited, and gives it back while it waits for the
    /// client. One too many waits for its turn. What a client sends after the server's flight has
    /// places of its own, as many, so that new clients do not hold up the others. A limit of 0 is taken
    /// for 1.
    ///
    /// A client that waits, or is waited for, costs memory alone: a buffer for a record, and at most
    /// what [`Limits::handshake_message`](crate::config::Limits::handshake_message) allows. The number
    /// of such clients is bounded by the caller, who accepts the sockets, and by
    /// [`handshake_timeout`](Self::handshake_timeout).
    pub fn max_handshakes(mut self, limit: usize) -> Self {
        self.places = Places::new(limit);
        self
    }

    /// What a client hears, before the alert that it does not understand, when it speaks HTTP without
    /// TLS: a whole HTTP answer, for a person who has typed `http://` by mistake. Nothing by default.
    pub fn plain_http_reply(mut self, reply: impl Into<Arc<[u8]>>) -> Self {
        self.plain_http_reply = Some(reply.into());
        self
    }

    /// Completes a handshake with the client at the other end of `transport`. Run each in a task
    /// of its own: a client may be slow.
    ///
    /// A client that is refused hears the alert: the future goes on for at most
    /// [`CLOSING_TIME`](crate::transport::CLOSING_TIME) after that, reading and dropping what the
    /// client has sent, until the client has closed. It has no place then.
    ///
    /// # Errors
    /// What went wrong, after the client was told; [`Error::inside`](crate::Error::inside) finds
    /// the TLS error. [`io::ErrorKind::TimedOut`] when it takes too long.
    pub async fn accept<T>(&self, transport: T) -> io::Result<TlsStream<ServerConnection, T>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        self.accept_with(Options::default(), transport).await
    }

    /// As [`accept`](Self::accept), with a time and an observer of the caller's.
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

    /// As [`accept`](Self::accept), but where 0-RTT data are accepted it does not wait for the rest
    /// of the handshake: they can be had from
    /// [`receive_early_data`](TlsStream::receive_early_data), and answered, a round trip earlier.
    /// **They can be replayed.** Reading from the stream completes the handshake, without a limit on
    /// its time.
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
        self.accept_until(Connection::may_write, Options::default(), transport).await
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
        let connection = ServerConnection::with_options(Arc::clone(&self.config), options)?;
        let mut stream = TlsStream::new(connection, transport, Arc::clone(&self.answers));
        within(self.timeout, &mut stream, async |stream| {
            let first = stream.wait_for_record().await?;
            if let (Some(reply), Err(RecordError::NotTls { protocol: OtherProtocol::Http, .. })) =
                (&self.plain_http_reply, first)
            {
                stream.send_plain(reply).await?;
            }
            loop {
                let level = stream.connection().read_level();
                // The semaphore is never closed.
                let place = self.places.of(level).acquire().await.map_err(io::Error::other)?;
                let complete = stream.handshake_with_what_is_here(&done).await?;
                drop(place);
                if complete {
                    return stream.flush_handshake().await;
                }
                // What is wrong with a record, the handshake finds.
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
            .field("places_left", &self.places.hellos.available_permits())
            .finish_non_exhaustive()
    }
}
