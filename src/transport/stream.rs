use core::fmt;
use core::ops::DerefMut;
use std::io::{self, IoSlice, Read, Write};

use super::buffered::Buffered;
use crate::connection::Connection;

/// A TLS connection over any byte stream: it reads and writes like the stream below.
///
/// A transport that does not block works too: its [`io::ErrorKind::WouldBlock`] comes through,
/// nothing is lost, and the same call goes on later. What was written and not yet sent goes with
/// the next call of any kind; [`flush`](Write::flush) succeeds when all of it is gone. While
/// nothing comes, no buffer is held.
///
/// The handshake happens with the first read or write, or with [`Stream::handshake`]. A TLS error
/// is inside the [`io::Error`]: [`Error::inside`](crate::Error::inside) finds it.
///
/// Reading returns 0 bytes after the peer's close_notify only; a transport that ends without it
/// is an error of the kind [`io::ErrorKind::UnexpectedEof`], since data may be missing then.
pub struct Stream<C, T> {
    buffered: Buffered<C>,
    transport: T,
}

impl<C: DerefMut<Target = Connection>, T: Read + Write> Stream<C, T> {
    /// Puts the connection over this transport. Nothing is sent yet.
    pub fn new(connection: C, transport: T) -> Self {
        Self { buffered: Buffered::new(connection), transport }
    }

    /// Completes the handshake.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when the connection rests on a question: answer it and call
    /// again. Otherwise what went wrong, after the alert was sent.
    pub fn handshake(&mut self) -> io::Result<()> {
        self.buffered.handshake(&mut self.transport)
    }

    /// Takes one record of the peer's, unless data wait to be read, and returns how many bytes
    /// can be read without waiting: none after a record of the connection's own business, such as
    /// a client's answer to a request for its certificate. `None` at the end of data.
    ///
    /// # Errors
    /// As reading.
    pub fn receive(&mut self) -> io::Result<Option<usize>> {
        self.buffered.receive(&mut self.transport)
    }

    /// Says that this side will write no more. Reading can go on.
    pub fn close(&mut self) -> io::Result<()> {
        self.buffered.connection.close();
        self.flush()
    }

    /// The connection.
    pub fn connection(&self) -> &C {
        &self.buffered.connection
    }

    /// The connection, to answer its questions.
    pub fn connection_mut(&mut self) -> &mut C {
        &mut self.buffered.connection
    }

    /// The transport.
    pub fn transport(&self) -> &T {
        &self.transport
    }

    /// The 0-RTT data that a server accepted, apart from what reading gives: they may be a copy of
    /// what came on another connection. All are here when the handshake is complete: as many
    /// bytes as the configuration allows. They are given out once.
    pub fn take_early_data(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.buffered.early_data)
    }

    /// Takes the two apart; bytes that were read and not looked at are lost.
    pub fn into_parts(self) -> (C, T) {
        (self.buffered.connection, self.transport)
    }
}

impl<C: DerefMut<Target = Connection>, T: Read + Write> Read for Stream<C, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.buffered.read(&mut self.transport)?;
        let count = self.buffered.plaintext().read(buffer)?;
        self.buffered.consume(count);
        Ok(count)
    }
}

impl<C: DerefMut<Target = Connection>, T: Read + Write> Write for Stream<C, T> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.buffered.write(data, &mut self.transport)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.buffered.write_vectored(pieces, &mut self.transport)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.buffered.flush(&mut self.transport)
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
