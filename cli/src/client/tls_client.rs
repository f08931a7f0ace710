//! A client's connection over a socket, each part of which has a time limit.

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use handclasp::connection::{Options, Received};
use handclasp::pki_types::ServerName;
use handclasp::transport::Socket;
use handclasp::{ClientConfig, ClientConnection, Observer};
use handclasp_explain::Recorder;

use super::ReceiveBuffer;
use crate::advice;
use crate::event_log::Side;
use crate::failure::Failure;
use crate::timeout_socket::is_timeout;

/// How long a handshake may take.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a server may be silent before its tickets are taken to be complete.
const TICKET_TIMEOUT: Duration = Duration::from_millis(300);
/// How long tickets are waited for altogether, also if the server is never silent.
const TICKETS_TIMEOUT: Duration = Duration::from_secs(2);
/// How long sending close_notify may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection, its socket, and what was received and not processed.
pub struct TlsClient {
    pub connection: ClientConnection,
    pub socket: TcpStream,
    pub buffer: ReceiveBuffer,
}

/// Why receiving has ended.
#[derive(Debug)]
pub enum ReceiveEnd {
    /// What was waited for has come.
    Enough,
    /// The server was silent for too long, or all time is used.
    Silence,
    /// The server has sent close_notify.
    CloseNotify,
    /// The connection has failed, or the server has closed it without close_notify.
    Failed(Failure),
}

impl TlsClient {
    /// A connection whose ClientHello is not sent yet.
    pub fn new(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        socket: TcpStream,
        observer: Box<dyn Observer>,
    ) -> Result<Self, Failure> {
        let mut options = Options::default();
        options.observer = Some(observer);
        let connection = ClientConnection::with_options(config, name, options);
        Ok(Self { connection, socket, buffer: ReceiveBuffer::new() })
    }

    /// Performs the handshake. After a failure the server gets the alert.
    ///
    /// # Errors
    /// With the diagnosis, and the options of the program that help.
    pub fn handshake(&mut self, timeout: Duration) -> Result<(), Failure> {
        let result = self.exchange(Instant::now() + timeout);
        if result.is_ok() {
            self.socket.set_read_timeout(None)?;
            self.socket.set_write_timeout(None)?;
        } else {
            self.drain();
        }
        result.map_err(|failure| advice::explain(failure.at(&self.connection), Side::Client))
    }

    fn exchange(&mut self, end: Instant) -> Result<(), Failure> {
        loop {
            let written = self.send(end);
            if !self.connection.is_handshaking() {
                return Ok(written?);
            }
            // The peer may have closed already: its alert says more than the failed write.
            match self.connection.receive(self.buffer.unread()) {
                Ok((_, Received::Incomplete)) => {
                    if self.fill(end)? == 0 {
                        self.connection.end_of_input()?;
                    }
                }
                Ok((consumed, _)) => self.buffer.consume(consumed),
                Err(error) => {
                    let _ = self.send(end);
                    return Err(error.into());
                }
            }
        }
    }

    /// Receives the tickets that come right after the handshake.
    pub fn receive_tickets(&mut self) -> ReceiveEnd {
        self.receive_until(TICKET_TIMEOUT, TICKETS_TIMEOUT, || false)
    }

    /// Receives until it is `enough`, the server is silent for so long, or has closed, or the `total` time
    /// has passed. Data are dropped.
    pub fn receive_until(
        &mut self,
        silence: Duration,
        total: Duration,
        enough: impl Fn() -> bool,
    ) -> ReceiveEnd {
        let end = Instant::now() + total;
        match self.receive(silence, end, enough) {
            Ok(end) => end,
            Err(failure) => {
                let failure = failure.at(&self.connection);
                ReceiveEnd::Failed(advice::explain(failure, Side::Client))
            }
        }
    }

    fn receive(
        &mut self,
        silence: Duration,
        end: Instant,
        enough: impl Fn() -> bool,
    ) -> Result<ReceiveEnd, Failure> {
        while !enough() {
            match self.connection.receive(self.buffer.unread()) {
                Ok((_, Received::Incomplete)) => match self.send_and_fill(silence, end) {
                    Ok(0) => self.connection.end_of_input()?,
                    Ok(_) => {}
                    // Also if the server is not silent: then all time is used.
                    Err(error) if is_timeout(&error) => return Ok(ReceiveEnd::Silence),
                    Err(error) => return Err(error.into()),
                },
                Ok((_, Received::Closed)) => return Ok(ReceiveEnd::CloseNotify),
                Ok((consumed, _)) => self.buffer.consume(consumed),
                Err(error) => {
                    let _ = self.send(end);
                    return Err(error.into());
                }
            }
        }
        Ok(ReceiveEnd::Enough)
    }

    /// Sends close_notify, and gives the server the time to read it.
    pub fn close(&mut self) {
        self.connection.close();
        let _ = self.send(Instant::now() + CLOSE_TIMEOUT);
        self.drain();
    }

    fn drain(&self) {
        // The server should get the last record. An error here does not matter.
        if let Ok(handle) = self.socket.try_clone() {
            let _ = Socket::Tcp(handle).drain();
        }
    }

    /// Sends all of these bytes. They fit into the buffers of the system.
    pub fn send_all(&mut self, mut data: &[u8]) -> Result<(), Failure> {
        while !data.is_empty() {
            let taken = self.connection.write(data)?;
            data = data.get(taken..).unwrap_or_default();
            let length = self.connection.outgoing().len();
            self.socket.write_all(self.connection.outgoing())?;
            self.connection.sent(length);
        }
        Ok(())
    }

    /// Sends what the connection has to send.
    pub fn send(&mut self, end: Instant) -> io::Result<()> {
        self.socket.set_write_timeout(Some(left(end)?))?;
        let length = self.connection.outgoing().len();
        let written = (&self.socket).write_all(self.connection.outgoing());
        self.connection.sent(length);
        written
    }

    /// Sends, and waits for more as long as the server may be silent.
    fn send_and_fill(&mut self, silence: Duration, end: Instant) -> io::Result<usize> {
        self.send(end)?;
        self.fill(end.min(Instant::now() + silence))
    }

    fn fill(&mut self, end: Instant) -> io::Result<usize> {
        self.socket.set_read_timeout(Some(left(end)?))?;
        self.buffer.fill(&mut &self.socket)
    }
}

/// The time that is left.
fn left(end: Instant) -> io::Result<Duration> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// Records the addresses of both ends.
pub fn set_addresses(socket: &TcpStream, recorder: &Recorder) {
    let text = |address: io::Result<std::net::SocketAddr>| Some(address.ok()?.to_string());
    recorder.set_addresses(text(socket.local_addr()), text(socket.peer_addr()));
}
