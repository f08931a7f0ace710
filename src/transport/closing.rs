//! The orderly end of a connection over a socket.
//!
//! If a socket is closed while it has unread bytes, or receives bytes afterwards, the kernel resets the
//! connection, and bytes that were just sent may be lost: the alert that says why a client was
//! refused, or the response to a request of which a part was not read. So after its last record,
//! this side shuts down the write side of the socket, and reads and discards bytes until the peer has
//! closed its own. Time and bytes are limited.

use core::any::Any;
use core::time::Duration;
use std::io::{self, Read};
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::Instant;

/// How long this side waits for the peer to close, after its own last record: 2 seconds.
pub const CLOSING_TIME: Duration = Duration::from_secs(2);

/// How many bytes of the peer this side reads and discards, after its own last record: 16 MiB.
pub const CLOSING_BYTES: usize = 16 * 1024 * 1024;

/// A second handle to the socket of a stream's transport.
#[derive(Debug)]
#[non_exhaustive]
pub enum Socket {
    /// A TCP socket.
    Tcp(TcpStream),
    /// A Unix socket.
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Socket {
    /// A handle to the transport's socket, if the transport is a socket of the standard library.
    pub(super) fn of_transport(transport: &dyn Any) -> Option<Self> {
        if let Some(socket) = transport.downcast_ref::<TcpStream>() {
            return socket.try_clone().ok().map(Self::Tcp);
        }
        #[cfg(unix)]
        if let Some(socket) = transport.downcast_ref::<UnixStream>() {
            return socket.try_clone().ok().map(Self::Unix);
        }
        None
    }

    fn shutdown_write(&self) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.shutdown(Shutdown::Write),
            #[cfg(unix)]
            Self::Unix(socket) => socket.shutdown(Shutdown::Write),
        }
    }

    fn read_timeout(&self) -> io::Result<Option<Duration>> {
        match self {
            Self::Tcp(socket) => socket.read_timeout(),
            #[cfg(unix)]
            Self::Unix(socket) => socket.read_timeout(),
        }
    }

    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.set_read_timeout(timeout),
            #[cfg(unix)]
            Self::Unix(socket) => socket.set_read_timeout(timeout),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.read(buffer),
            #[cfg(unix)]
            Self::Unix(socket) => socket.read(buffer),
        }
    }

    /// Calls `act` with a read timeout of a millisecond, which holds for all handles of the socket.
    pub(super) fn without_waiting<R>(&self, act: impl FnOnce() -> R) -> io::Result<R> {
        let before = self.read_timeout()?;
        self.set_read_timeout(Some(Duration::from_millis(1)))?;
        let result = act();
        self.set_read_timeout(before)?;
        Ok(result)
    }

    /// Shuts down the write side of the socket, and discards what it receives until the peer has closed its
    /// own, for at most [`CLOSING_TIME`] and [`CLOSING_BYTES`]. A [`Stream`](super::Stream)
    /// does this when it is dropped. An application that moves the bytes itself does it after its last
    /// record. From a non-blocking socket, this reads only what is there.
    ///
    /// # Errors
    /// Errors of the socket. It is an error if the peer does not close in time.
    pub fn drain(mut self) -> io::Result<()> {
        let before = self.read_timeout()?;
        self.shutdown_write()?;
        let result = self.discard_input();
        // Another handle may still be in use.
        self.set_read_timeout(before)?;
        result
    }

    fn discard_input(&mut self) -> io::Result<()> {
        let end = Instant::now() + CLOSING_TIME;
        let mut left = CLOSING_BYTES;
        let mut buffer = [0; 8 * 1024];
        while left > 0 {
            let time = end.saturating_duration_since(Instant::now());
            if time.is_zero() {
                break;
            }
            self.set_read_timeout(Some(time))?;
            match self.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => left = left.saturating_sub(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Drains a socket when it is dropped, which may take [`CLOSING_TIME`].
#[derive(Debug, Default)]
pub(super) struct DrainOnDrop(Option<Socket>);

impl DrainOnDrop {
    /// Makes the drop drain this socket.
    pub(super) fn arm(&mut self, socket: impl FnOnce() -> Option<Socket>) {
        if self.0.is_none() {
            self.0 = socket();
        }
    }

    /// Makes the drop do nothing.
    pub(super) fn disarm(&mut self) {
        self.0 = None;
    }
}

impl Drop for DrainOnDrop {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        if let Some(socket) = self.0.take() {
            // The socket may be closed already: there is nothing to do then.
            let _ = socket.drain();
        }
    }
}
