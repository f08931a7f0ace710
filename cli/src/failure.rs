//! Failures of the program: what happened, what to do, and the exit code.

use std::io;

use handclasp::Error;

/// Why the program ends without success.
#[derive(Debug)]
pub struct Failure {
    /// 1: the handshake or a check failed. 2: the program was used in a way that cannot work.
    pub code: u8,
    /// What happened.
    pub message: String,
    /// What to do about it, if that is known.
    pub hint: Option<String>,
    /// The cause, if a connection failed: `advice` derives the hint from it.
    pub cause: Option<Cause>,
}

impl Failure {
    /// The handshake, the connection or a check failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { code: 1, message: message.into(), hint: None, cause: None }
    }

    /// The arguments, or the files that they name, cannot be used.
    pub fn misuse(message: impl Into<String>) -> Self {
        Self { code: 2, message: message.into(), hint: None, cause: None }
    }

    /// Adds a hint what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Why a connection failed.
#[derive(Debug)]
pub enum Cause {
    /// An error of TLS.
    Tls(Error),
    /// The transport.
    Transport(io::ErrorKind),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let mut failure = Self::failed(error.to_string());
        failure.cause = Some(Cause::Tls(error));
        failure
    }
}

impl From<io::Error> for Failure {
    /// A transport's error, which may have a TLS error inside.
    fn from(error: io::Error) -> Self {
        if let Some(error) = Error::from_io(&error) {
            return error.clone().into();
        }
        let mut failure = match error.kind() {
            // The error kind of a socket's timeout depends on the system.
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                Self::failed("the peer was silent for too long")
            }
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => {
                Self::failed("the peer dropped the connection without closing it (truncated)")
            }
            _ => Self::failed(error.to_string()),
        };
        failure.cause = Some(Cause::Transport(error.kind()));
        failure
    }
}
