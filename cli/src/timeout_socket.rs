//! A socket whose reads and writes have a timeout.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use handclasp::transport::Socket;

/// How long a server waits for one read or write, and for all of them until the deadline is lifted.
pub const SILENCE_TIMEOUT: Duration = Duration::from_secs(30);

/// A socket whose reads and writes have a timeout each, and a deadline together if there is one. A peer
/// that sends a byte from time to time does not extend the deadline.
pub struct TimeoutSocket {
    socket: TcpStream,
    timeout: Duration,
    deadline: Cell<Option<Instant>>,
}

impl TimeoutSocket {
    /// A socket with this timeout, for each read or write, and for all together until the deadline is
    /// lifted.
    pub fn new(socket: TcpStream, timeout: Duration) -> Self {
        Self { socket, timeout, deadline: Cell::new(Some(Instant::now() + timeout)) }
    }

    /// Removes the deadline: from here on, only the timeout of each read and write counts.
    pub fn lift_deadline(&self) {
        self.deadline.set(None);
    }

    /// A second handle to the socket, for the orderly end of the connection.
    pub fn handle(&self) -> Option<Socket> {
        self.socket.try_clone().ok().map(Socket::Tcp)
    }

    fn timeout(&self) -> io::Result<Option<Duration>> {
        let left = match self.deadline.get() {
            Some(deadline) => deadline.saturating_duration_since(Instant::now()),
            None => self.timeout,
        };
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

impl Read for TimeoutSocket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(self.timeout()?)?;
        self.socket.read(buffer)
    }
}

impl Write for TimeoutSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(self.timeout()?)?;
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// Whether a timeout of a socket has passed. The kind of the error depends on the system.
pub fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
