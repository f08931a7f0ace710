//! The orderly end of a connection over a socket.
//!
//! A socket that is closed with unread bytes in it, or to which bytes come afterwards, resets the
//! connection, and what was just sent may be lost: the alert that says why a client was refused, the
//! answer to a request of which a part was not read, the data of a client that does not read its
//! tickets. So after the last word the socket's own direction is closed, and what comes is read and
//! dropped, until the peer has closed, too, within a bound of time and bytes.

use core::any::Any;
use core::time::Duration;
use std::io::{self, Read};
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::Instant;

/// How long the end of a connection waits for the peer, after this side's last word: 2 seconds.
pub const CLOSING_TIME: Duration = Duration::from_secs(2);

/// How many bytes of the peer's are read and dropped after this side's last word: 16 MiB.
pub const CLOSING_BYTES: usize = 16 * 1024 * 1024;

/// A handle to the socket below a stream, beside the one that the stream's transport has.
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
    /// A handle to the transport's socket, if the transport is one of the standard library.
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

    /// Does `act` while no read from the socket waits, through any of its handles.
    pub(super) fn without_waiting<R>(&self, act: impl FnOnce() -> R) -> io::Result<R> {
        let before = self.read_timeout()?;
        self.set_read_timeout(Some(Duration::from_millis(1)))?;
        let result = act();
        self.set_read_timeout(before)?;
        Ok(result)
    }

    /// Closes this direction, and drops what comes until the peer has closed its own, for at most
    /// [`CLOSING_TIME`] and [`CLOSING_BYTES`]. A [`Stream`](super::Stream) does this when it is
    /// dropped; an application that moves the bytes itself does it after its last word. A socket that
    /// does not block gives what is there.
    ///
    /// # Errors
    /// Those of the socket, such as the end of the waiting: a peer that stays is one.
    pub fn drain(mut self) -> io::Result<()> {
        let before = self.read_timeout()?;
        self.shutdown_write()?;
        let result = self.drop_what_comes();
        // Another handle may be in use still.
        self.set_read_timeout(before)?;
        result
    }

    fn drop_what_comes(&mut self) -> io::Result<()> {
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

/// Ends a connection in an orderly way when it is dropped, which may take [`CLOSING_TIME`].
#[derive(Debug, Default)]
pub(super) struct Farewell(Option<Socket>);

impl Farewell {
    /// When this is dropped, the socket is drained.
    pub(super) fn arm(&mut self, socket: impl FnOnce() -> Option<Socket>) {
        if self.0.is_none() {
            self.0 = socket();
        }
    }

    /// Nothing happens when this is dropped.
    pub(super) fn disarm(&mut self) {
        self.0 = None;
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        if let Some(socket) = self.0.take().filter(|_| !std::thread::panicking()) {
            // There is nothing to do about a socket that is gone already.
            let _ = socket.drain();
        }
    }
}
