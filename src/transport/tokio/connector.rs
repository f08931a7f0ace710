//! Client handshakes under tokio.

use core::fmt;
use core::time::Duration;
use std::io;
use std::sync::Arc;

use ::tokio::io::{AsyncRead, AsyncWrite};
use pki_types::ServerName;

use super::question_handler::{QuestionHandler, no_handler};
use super::stream::{TlsStream, within};
use crate::config::ClientConfig;
use crate::connection::{ClientConnection, Options};

/// Connects to servers. Cloning it is cheap.
#[derive(Clone)]
pub struct Connector {
    config: Arc<ClientConfig>,
    answers: Arc<dyn QuestionHandler>,
    timeout: Duration,
}

impl Connector {
    /// How long a handshake may take by default: 30 seconds.
    pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);

    /// Connects with this configuration.
    pub fn new(config: Arc<ClientConfig>) -> Self {
        Self { config, answers: Arc::new(no_handler), timeout: Self::HANDSHAKE_TIMEOUT }
    }

    /// Sets the handler for questions that the configuration leaves open.
    pub fn answers(mut self, answers: impl QuestionHandler + 'static) -> Self {
        self.answers = Arc::new(answers);
        self
    }

    /// Sets how long a handshake may take. The time for answers counts.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Completes a handshake with the server of this name over `transport`.
    ///
    /// # Errors
    /// The error of the handshake, after the alert was sent: [`Error::from_io`](crate::Error::from_io)
    /// returns it. [`io::ErrorKind::TimedOut`] when the handshake takes too long. Otherwise the error of
    /// the transport.
    pub async fn connect<T>(
        &self,
        server_name: ServerName<'static>,
        transport: T,
    ) -> io::Result<TlsStream<ClientConnection, T>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        self.connect_with(server_name, Options::default(), transport).await
    }

    /// As [`connect`](Self::connect), with a time and an observer of the caller.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_with<T>(
        &self,
        server_name: ServerName<'static>,
        options: Options,
        transport: T,
    ) -> io::Result<TlsStream<ClientConnection, T>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let config = Arc::clone(&self.config);
        let connection = ClientConnection::with_options(config, server_name, options);
        self.finish(connection, transport).await
    }

    /// As [`connect`](Self::connect), and sends 0-RTT data with the ClientHello. Returns the stream and
    /// how many bytes of the data were sent: see
    /// [`write_early_data`](crate::Connection::write_early_data). **An attacker can replay them.** If
    /// [`PeerParameters::early_data`](crate::handshake::PeerParameters::early_data) is not
    /// [`EarlyData::Accepted`](crate::handshake::EarlyData::Accepted), the server has rejected all of
    /// them: send them again.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_with_early_data<T>(
        &self,
        server_name: ServerName<'static>,
        early_data: &[u8],
        transport: T,
    ) -> io::Result<(TlsStream<ClientConnection, T>, usize)>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        self.connect_early_data_with(server_name, Options::default(), early_data, transport).await
    }

    /// As [`connect_with_early_data`](Self::connect_with_early_data), with a time and an observer of the
    /// caller.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_early_data_with<T>(
        &self,
        server_name: ServerName<'static>,
        options: Options,
        early_data: &[u8],
        transport: T,
    ) -> io::Result<(TlsStream<ClientConnection, T>, usize)>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let config = Arc::clone(&self.config);
        let connection = ClientConnection::with_options(config, server_name, options);
        let mut stream = TlsStream::new(connection, transport, Arc::clone(&self.answers));
        let mut sent = 0;
        within(self.timeout, &mut stream, async |stream| {
            // Before the ClientHello, there may be a question about the session.
            if stream.connection().question().is_some() {
                stream.handshake_until(|connection| connection.question().is_none()).await?;
            }
            sent = stream.connection_mut().write_early_data(early_data)?;
            stream.handshake_until(|connection| !connection.is_handshaking()).await
        })
        .await?;
        Ok((stream, sent))
    }

    async fn finish<T>(
        &self,
        connection: ClientConnection,
        transport: T,
    ) -> io::Result<TlsStream<ClientConnection, T>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let mut stream = TlsStream::new(connection, transport, Arc::clone(&self.answers));
        within(self.timeout, &mut stream, async |stream| {
            stream.handshake_until(|connection| !connection.is_handshaking()).await
        })
        .await?;
        Ok(stream)
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("config", &self.config)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
