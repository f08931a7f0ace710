//! Streams that block, over any transport that reads and writes.

use core::fmt;
use core::ops::DerefMut;
use std::io::{self, IoSlice, Read, Write};

use super::buffered::Buffered;
use super::closing::{DrainOnDrop, Socket};
use super::handed_over::HandedOver;
use super::io_error::is_gone;
use crate::connection::{Connection, IntoSecretsError};

/// A TLS connection over any byte stream: it reads and writes as that stream does.
///
/// The first read or write completes the handshake, or [`Stream::handshake`] does. A TLS error is
/// inside the [`io::Error`]: [`Error::from_io`](crate::Error::from_io) returns it.
///
/// The transport may be non-blocking: the stream passes [`io::ErrorKind::WouldBlock`] on, nothing is
/// lost, and the same call continues later. Bytes that were written and not sent are sent by the next
/// call of any kind; [`flush`](Write::flush) succeeds when all are sent. While the peer is silent, the
/// stream has no buffers.
///
/// Reading returns 0 bytes only after the peer's close_notify. If the transport ends without it, data
/// may be missing, and reading returns an error of the kind [`io::ErrorKind::UnexpectedEof`].
///
/// After a write has failed, reading first returns the data that the peer had sent before, and then
/// the error. If an alert of the peer says why the write failed, and no data come before that alert,
/// the write returns the alert as its error.
///
/// **The end.** When the stream is dropped after its last record (close_notify or a fatal alert), and
/// its transport is a `TcpStream` or `UnixStream` of the standard library, it shuts down the write
/// side of the socket, and reads and discards bytes until the peer closes. That takes at most
/// [`CLOSING_TIME`](super::CLOSING_TIME) and [`CLOSING_BYTES`](super::CLOSING_BYTES), and no time if
/// the peer has sent close_notify. Without this, the kernel resets a connection that has unread bytes,
/// and the last record, or data before it, may be lost. [`Stream::over`] does the same for other
/// transports that contain a socket.
pub struct Stream<C, T> {
    buffered: Buffered<C>,
    socket: fn(&T) -> Option<Socket>,
    /// Fields are dropped in order: this one before the transport.
    drain_on_drop: DrainOnDrop,
    transport: T,
}

impl<C: DerefMut<Target = Connection>, T: Read + Write> Stream<C, T> {
    /// A stream of this connection over this transport. Nothing is sent yet.
    pub fn new(connection: C, transport: T) -> Self
    where
        T: 'static,
    {
        Self::over(connection, transport, |transport| Socket::of_transport(transport))
    }

    /// A stream over a transport that is borrowed, or contains a socket. `socket` returns a second
    /// handle to that socket, for the orderly end of the connection, or `None` if there is none.
    /// Nothing is sent yet.
    ///
    /// ```
    /// use std::net::TcpStream;
    /// use handclasp::transport::Socket;
    /// use handclasp::{ClientConnection, Stream};
    ///
    /// fn stream(connection: ClientConnection, socket: &TcpStream) -> Stream<ClientConnection, &TcpStream> {
    ///     Stream::over(connection, socket, |socket| socket.try_clone().ok().map(Socket::Tcp))
    /// }
    /// ```
    pub fn over(connection: C, transport: T, socket: fn(&T) -> Option<Socket>) -> Self {
        let (buffered, drain_on_drop) = (Buffered::new(connection), DrainOnDrop::default());
        Self { buffered, socket, drain_on_drop, transport }
    }

    /// Completes the handshake.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when the handshake waits for the answer to a question: answer it
    /// and call again. Otherwise the error of the handshake, after the alert was sent, or of the
    /// transport.
    pub fn handshake(&mut self) -> io::Result<()> {
        let result = self.buffered.handshake(&mut self.transport);
        self.update_drain_on_drop();
        result
    }

    /// Receives one record, unless there are data to read already, and returns how many bytes can be
    /// read without waiting. `Some(0)`: the record had no data, as a client's answer to a request for
    /// its certificate; more can come. `None`: the peer has sent close_notify.
    ///
    /// # Errors
    /// As reading.
    pub fn receive(&mut self) -> io::Result<Option<usize>> {
        let result = self.buffered.receive(&mut self.transport);
        self.update_drain_on_drop();
        result
    }

    /// Sends close_notify: this side writes nothing more. It can still read.
    ///
    /// `Ok` means that the transport has taken everything that was written, and the close_notify. It
    /// does not mean that the peer has received it: only the peer can confirm that, in the protocol
    /// above TLS. Dropping the stream gives the peer the time to receive it, as [the type](Self) says.
    ///
    /// # Errors
    /// As writing. If the connection has failed before, this sends nothing and is no error.
    pub fn close(&mut self) -> io::Result<()> {
        let data_wait = !self.buffered.connection.outgoing().is_empty();
        self.buffered.connection.close();
        match self.flush() {
            // Both sides have sent everything: the peer does not need the close_notify.
            Err(error) if is_gone(&error) && !data_wait && self.peer_has_closed() => Ok(()),
            result => result,
        }
    }

    fn peer_has_closed(&self) -> bool {
        self.buffered.connection.peer_has_closed()
    }

    /// The connection.
    pub fn connection(&self) -> &C {
        &self.buffered.connection
    }

    /// The connection, for example to answer its questions. Its clock goes on first: the answer may have
    /// taken long.
    pub fn connection_mut(&mut self) -> &mut C {
        self.buffered.connection.advance_clock();
        &mut self.buffered.connection
    }

    /// The transport.
    pub fn transport(&self) -> &T {
        &self.transport
    }

    /// Takes the 0-RTT data that a server accepted. Reading does not return them, because an attacker
    /// may have replayed them from another connection. All of them are here when the handshake is
    /// complete, at most as many bytes as the configuration allows.
    pub fn take_early_data(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.buffered.early_data)
    }

    /// Returns the connection and the transport. Bytes that were read and not processed are lost. The
    /// caller is responsible for the end of the transport.
    pub fn into_parts(mut self) -> (C, T) {
        self.drain_on_drop.disarm();
        (self.buffered.connection, self.transport)
    }

    /// Gives the keys of the records to the caller, who protects all records from here on: in the kernel, for
    /// example. **The caller takes a lot over**: see
    /// [`ClientConnection::into_secrets`](crate::ClientConnection::into_secrets). Read what can be read and
    /// flush first.
    ///
    /// # Errors
    /// [`KeysKept`](crate::connection::KeysKept), with the stream: nothing is lost.
    #[allow(clippy::result_large_err, reason = "the error gives the stream back")]
    pub fn into_secrets(mut self) -> Result<HandedOver<T>, IntoSecretsError<Self>>
    where
        C: Into<Connection>,
    {
        match self.buffered.record_keys() {
            Ok(keys) => {
                self.drain_on_drop.disarm();
                Ok(self.buffered.into_secrets_with(keys, self.transport))
            }
            Err(reason) => Err(IntoSecretsError { reason, kept: self }),
        }
    }

    /// After this side's last record, dropping the stream drains the socket, unless the peer has closed
    /// already and sends nothing more.
    fn update_drain_on_drop(&mut self) {
        if self.buffered.connection.has_queued_final_alert() && !self.peer_has_closed() {
            self.drain_on_drop.arm(|| (self.socket)(&self.transport));
        } else {
            self.drain_on_drop.disarm();
        }
    }

    /// Writing has failed: an alert of the peer may say why. This looks for it without waiting: in the
    /// bytes that were read already, and in the socket.
    fn alert_or(&mut self, error: io::Error) -> io::Error {
        let socket = if is_gone(&error) { (self.socket)(&self.transport) } else { None };
        let Some(socket) = socket else { return self.buffered.alert_or(&mut NoTransport, error) };
        let kind = error.kind();
        let look = || self.buffered.alert_or(&mut self.transport, error);
        socket.without_waiting(look).unwrap_or_else(|_| kind.into())
    }
}

/// A transport that reads and writes nothing.
struct NoTransport;

impl Read for NoTransport {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl Write for NoTransport {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<C: DerefMut<Target = Connection>, T: Read + Write> Read for Stream<C, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let result = self.buffered.read(&mut self.transport, buffer);
        self.update_drain_on_drop();
        result
    }
}

impl<C: DerefMut<Target = Connection>, T: Read + Write> Write for Stream<C, T> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = self.buffered.write(data, &mut self.transport);
        let result = written.map_err(|error| self.alert_or(error));
        self.update_drain_on_drop();
        result
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let written = self.buffered.write_vectored(pieces, &mut self.transport);
        let result = written.map_err(|error| self.alert_or(error));
        self.update_drain_on_drop();
        result
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.buffered.flush(&mut self.transport);
        let result = flushed.map_err(|error| self.alert_or(error));
        self.update_drain_on_drop();
        result
    }
}

impl<C: fmt::Debug, T: fmt::Debug> fmt::Debug for Stream<C, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("connection", &self.buffered.connection)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}
