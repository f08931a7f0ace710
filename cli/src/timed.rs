//! A socket that does not wait for ever.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use handclasp::transport::Socket;

/// How long a server waits for one read or write, and for everything until a deadline.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A socket whose reads and writes end with an error after a time, and all of them together at the
/// deadline if there is one: a byte now and then does not hold it.
pub struct Timed {
    socket: TcpStream,
    patience: Duration,
    deadline: Cell<Option<Instant>>,
}

impl Timed {
    /// Each read or write may take this long, and all together until the deadline is lifted.
    pub fn new(socket: TcpStream, patience: Duration) -> Self {
        Self { socket, patience, deadline: Cell::new(Some(Instant::now() + patience)) }
    }

    /// From here on only silence ends it.
    pub fn lift_deadline(&self) {
        self.deadline.set(None);
    }

    /// Another handle to the socket, for the orderly end of the connection.
    pub fn handle(&self) -> Option<Socket> {
        self.socket.try_clone().ok().map(Socket::Tcp)
    }

    fn patience(&self) -> io::Result<Option<Duration>> {
        let left = match self.deadline.get() {
            Some(deadline) => deadline.saturating_duration_since(Instant::now()),
            None => self.patience,
        };
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(self.patience()?)?;
        self.socket.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(self.patience()?)?;
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}
