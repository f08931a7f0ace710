//! The orderly end of a connection that failed.

use std::io::{self, Read};
use std::net::{Shutdown, TcpStream};
use std::time::Instant;

use handclasp::transport::{CLOSING_BYTES, CLOSING_TIME};

/// A socket that is closed with unread bytes in it resets the connection, and the alert that was just
/// sent may be lost: so what the server still sends is read and dropped, for a while.
pub fn drain(mut socket: &TcpStream) -> io::Result<()> {
    socket.shutdown(Shutdown::Write)?;
    let end = Instant::now() + CLOSING_TIME;
    let mut left = CLOSING_BYTES;
    let mut buffer = [0; 4096];
    while left > 0 {
        let time = end.saturating_duration_since(Instant::now());
        if time.is_zero() {
            break;
        }
        socket.set_read_timeout(Some(time))?;
        match socket.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => left = left.saturating_sub(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
