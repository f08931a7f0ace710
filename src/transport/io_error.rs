//! Errors of a transport: what they mean for the connection, and which of them an error of TLS becomes.

use std::io;

use crate::error::{Error, ErrorKind};

/// Whether this error of reading says why the peer has closed the connection.
pub(super) fn names_a_cause(error: &io::Error) -> bool {
    Error::from_io(error).is_some_and(|error| !matches!(error.kind(), ErrorKind::Truncated))
}

/// Does the transport take nothing now, and may later? Where a socket's timeout has passed, Unix says
/// `WouldBlock`, and others `TimedOut`. The `TimedOut` of Unix is that of TCP, and the end.
pub(super) fn is_full(error: &io::Error) -> bool {
    let is_the_end = cfg!(unix) && error.raw_os_error().is_some();
    match error.kind() {
        io::ErrorKind::WouldBlock => true,
        io::ErrorKind::TimedOut => !is_the_end,
        _ => false,
    }
}

/// Whether this error of the transport says that the peer has closed it. Errors of the TLS connection
/// are no errors of the transport.
pub(super) fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
    if Error::from_io(error).is_some() {
        return false;
    }
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected)
}

impl From<Error> for io::Error {
    /// [`Error::from_io`] returns the error from it. If the transport ended without close_notify, the
    /// kind is [`io::ErrorKind::UnexpectedEof`].
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::Truncated | ErrorKind::EndedInHandshake => io::ErrorKind::UnexpectedEof,
            ErrorKind::AlertReceived(_) | ErrorKind::ClosedInHandshake => {
                io::ErrorKind::ConnectionAborted
            }
            ErrorKind::Misuse(_) => io::ErrorKind::NotConnected,
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}
