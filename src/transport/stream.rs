use core::fmt;
use core::ops::DerefMut;
use std::io::{self, IoSlice, Read, Write};

use super::buffered::{Buffered, gather, is_gone};
use super::closing::{Farewell, Socket};
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
///
/// A write that fails loses nothing of what the peer has sent: reading returns that first, and then
/// the error. Where an alert of the peer says why a write failed, the write returns that error, if
/// the alert is there and no data wait before it.
///
/// **The end.** Over a `TcpStream` or `UnixStream` of the standard library, a stream that has said
/// its last word (close_notify, or the alert of its error) ends in an orderly way when it is dropped:
/// it closes its direction of the socket, reads and drops what comes, and waits for the peer to close
/// its own. That takes at most [`CLOSING_TIME`](super::CLOSING_TIME) and
/// [`CLOSING_BYTES`](super::CLOSING_BYTES), and no time where the peer has sent close_notify. Without
/// it the kernel resets a connection with unread bytes, and the last word, or the data before it, may
/// be lost. [`Stream::over`] does this for transports with a socket inside.
pub struct Stream<C, T> {
    buffered: Buffered<C>,
    socket: fn(&T) -> Option<Socket>,
    /// It is dropped before the transport is.
    farewell: Farewell,
    transport: T,
}

impl<C: DerefMut<Target = Connection>, T: Read + Write> Stream<C, T> {
    /// Puts the connection over this transport. Nothing is sent yet.
    pub fn new(connection: C, transport: T) -> Self
    where
        T: 'static,
    {
        Self::over(connection, transport, |transport| Socket::of_transport(transport))
    }

    /// Puts the connection over a transport that is borrowed, or has a socket inside. `socket`
    /// returns another handle to that socket, for the orderly end of the connection, or `None`
    /// where there is none. Nothing is sent yet.
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
        let (buffered, farewell) = (Buffered::new(connection), Farewell::default());
        Self { buffered, socket, farewell, transport }
    }

    /// Completes the handshake.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when the connection rests on a question: answer it and call
    /// again. Otherwise what went wrong, after the alert was sent.
    pub fn handshake(&mut self) -> io::Result<()> {
        let result = self.buffered.handshake(&mut self.transport);
        self.arm_farewell();
        result
    }

    /// Takes one record of the peer's, unless data wait to be read, and returns how many bytes
    /// can be read without waiting. `Some(0)`: the record had no data, such as a client's answer to
    /// a request for its certificate; more can come. `None`: the data have ended with the peer's
    /// close_notify.
    ///
    /// # Errors
    /// As reading.
    pub fn receive(&mut self) -> io::Result<Option<usize>> {
        let result = self.buffered.receive(&mut self.transport);
        self.arm_farewell();
        result
    }

    /// Says that this side will write no more. Reading can go on.
    ///
    /// `Ok` means that the transport has taken all that was written, and close_notify after it. It
    /// does not mean that the peer has received it. Only the peer can confirm that, in the protocol
    /// above TLS. Dropping the stream gives the peer the time to
    /// receive it, as [the type](Self) says.
    ///
    /// # Errors
    /// As writing. A connection that has failed has said its last word already: it says no more, and
    /// that is no error here.
    pub fn close(&mut self) -> io::Result<()> {
        let data_wait = !self.buffered.connection.outgoing().is_empty();
        self.buffered.connection.close();
        match self.flush() {
            // Both have said all that they had to say: the peer does not miss the close_notify.
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
    /// The transport is the caller's then, and its end, too.
    pub fn into_parts(mut self) -> (C, T) {
        self.farewell.disarm();
        (self.buffered.connection, self.transport)
    }

    /// Once this side has said its last word, the end will be an orderly one. A peer that has closed
    /// sends nothing more, and is not waited for.
    fn arm_farewell(&mut self) {
        if self.buffered.connection.has_said_the_last() && !self.peer_has_closed() {
            self.farewell.arm(|| (self.socket)(&self.transport));
        } else {
            self.farewell.disarm();
        }
    }

    /// Writing has failed: an alert of the peer may say why. It is looked for where that needs no
    /// waiting: in what was read already, and in the socket.
    fn explain(&mut self, error: io::Error) -> io::Error {
        let socket = if is_gone(&error) { (self.socket)(&self.transport) } else { None };
        let Some(socket) = socket else { return self.buffered.explain(&mut Silent, error) };
        let kind = error.kind();
        let look = || self.buffered.explain(&mut self.transport, error);
        socket.without_waiting(look).unwrap_or_else(|_| kind.into())
    }
}

/// A transport that has nothing to read now, and takes nothing.
struct Silent;

impl Read for Silent {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl Write for Silent {
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
        let result = self.buffered.read(&mut self.transport);
        self.arm_farewell();
        result?;
        let count = self.buffered.plaintext().read(buffer)?;
        self.buffered.consume(count);
        Ok(count)
    }
}

impl<C: DerefMut<Target = Connection>, T: Read + Write> Write for Stream<C, T> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let result = self.buffered.write(data, &mut self.transport);
        let result = result.map_err(|error| self.explain(error));
        self.arm_farewell();
        result
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write(&gather(pieces))
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.buffered.flush(&mut self.transport);
        let result = result.map_err(|error| self.explain(error));
        self.arm_farewell();
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
