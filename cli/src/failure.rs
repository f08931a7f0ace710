//! How the program fails: what happened, what to do about it, and the exit code.

use std::io;

use handclasp::alert::AlertDescription;
use handclasp::certificate::{CertificateError, Problem};
use handclasp::{Error, ErrorKind};

use crate::words;

/// Why the program ends without success.
#[derive(Debug)]
pub struct Failure {
    /// 1: the handshake or a check failed. 2: the program was used in a way that cannot work.
    pub code: u8,
    /// What happened.
    pub message: String,
    /// What to do about it, where that is known.
    pub hint: Option<String>,
}

impl Failure {
    /// The handshake, the connection or a check failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { code: 1, message: message.into(), hint: None }
    }

    /// The arguments, or the files that they name, cannot work.
    pub fn misuse(message: impl Into<String>) -> Self {
        Self { code: 2, message: message.into(), hint: None }
    }

    /// Adds what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let hint = hint(&error);
        Self { code: 1, message: error.to_string(), hint }
    }
}

impl From<io::Error> for Failure {
    /// A transport's error, which may have a TLS error inside.
    fn from(error: io::Error) -> Self {
        if let Some(error) = Error::inside(&error) {
            return error.clone().into();
        }
        match error.kind() {
            // What a socket's timeout is called depends on the system.
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                Self::failed("the peer was silent for too long")
            }
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                Self::failed("the peer dropped the connection without closing it (truncated)")
            }
            _ => Self::failed(error.to_string()),
        }
    }
}

fn hint(error: &Error) -> Option<String> {
    Some(match error.kind() {
        ErrorKind::Certificate(error) => return certificate_hint(error),
        ErrorKind::AlertReceived(alert) => alert_hint(*alert),
        ErrorKind::UnsupportedVersion(_) => {
            "handclasp speaks TLS 1.3 only: the peer must be set up for it".into()
        }
        ErrorKind::NoApplicationProtocol { .. } => {
            "name a protocol that both sides speak with --alpn, or none at all".into()
        }
        ErrorKind::Record(error) if error.to_string().contains("not TLS") => {
            "the peer must speak TLS from its first byte: for HTTP, use https:// and the right port"
                .into()
        }
        ErrorKind::EndedInHandshake | ErrorKind::ClosedInHandshake => {
            "the peer may not speak TLS 1.3, or not at this port".into()
        }
        _ => return None,
    })
}

fn certificate_hint(error: &CertificateError) -> Option<String> {
    let remedy = error.problem.remedy();
    let option = match &error.problem {
        Problem::UnknownIssuer(_) | Problem::SelfIssued => {
            "if you trust this authority, name its certificate: --ca FILE, or --client-ca FILE for \
             clients"
                .to_owned()
        }
        Problem::NameMismatch { .. } => match error.problem.other_name() {
            Some(other) => {
                return Some(format!(
                    "if this is the server you want, say which name it should prove: --name {}",
                    other.name
                ));
            }
            None => return remedy,
        },
        _ => return remedy,
    };
    Some(match remedy {
        Some(remedy) => format!("{remedy}; {option}"),
        None => option,
    })
}

fn alert_hint(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::NO_APPLICATION_PROTOCOL => {
            format!("{}: try another --alpn, or none", words::alert(alert))
        }
        AlertDescription::UNRECOGNIZED_NAME => {
            format!("{}: try another --name", words::alert(alert))
        }
        AlertDescription::CERTIFICATE_REQUIRED => {
            format!("{}: show one with --client-cert FILE --client-key FILE", words::alert(alert))
        }
        AlertDescription::UNKNOWN_CA => {
            format!(
                "{}: it must be told to (handclasp connect: --ca FILE; serve: --client-ca FILE)",
                words::alert(alert)
            )
        }
        _ => words::alert(alert).into(),
    }
}
