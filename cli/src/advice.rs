//! Advice for a connection that failed, from what this side knows. Each sentence is true of what this
//! side has offered and sent, and says "usually" or "may" about the peer.

use std::io;
use std::time::Duration;

use handclasp::certificate::{CertificateError, CertificateErrorKind};
use handclasp::record::{OtherProtocol, RecordError};
use handclasp::{Error, ErrorKind};
use handclasp_explain::words::counted;

use crate::alerts;
use crate::event_log::{Progress, Side};
use crate::failure::{Cause, Failure};

/// What this side knew before the handshake.
pub struct Situation {
    pub side: Side,
    /// The name that the server's certificate must have.
    pub server_name: Option<String>,
    /// The identities of the external pre-shared keys.
    pub keys: Vec<String>,
    /// The application protocols.
    pub protocols: Vec<String>,
    /// Whether a client has a certificate.
    pub has_certificate: bool,
    /// How long the peer may be silent.
    pub timeout: Duration,
    /// Whether the steps are printed, with an explanation of each alert.
    pub shows_steps: bool,
}

impl Situation {
    /// Completes the failure with a message and a hint for this situation.
    pub fn explain(&self, mut failure: Failure, progress: &Progress) -> Failure {
        match failure.cause.take() {
            Some(Cause::Tls(error)) => {
                match error.kind() {
                    ErrorKind::Truncated => failure.message += &came_before(progress),
                    ErrorKind::EndedInHandshake | ErrorKind::ClosedInHandshake => {
                        let awaited = self.awaited(progress);
                        failure.message += &format!("; this side was waiting for {awaited}");
                    }
                    _ => {}
                }
                failure.hint = failure.hint.or_else(|| self.hint(&error, progress));
            }
            Some(Cause::Transport(kind)) => self.explain_transport(&mut failure, kind, progress),
            None => {}
        }
        failure
    }

    fn explain_transport(&self, failure: &mut Failure, kind: io::ErrorKind, progress: &Progress) {
        match kind {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                let timeout = self.timeout.as_secs();
                failure.message = match progress.complete {
                    true => format!("the peer was silent or too slow for {timeout} seconds"),
                    false => {
                        let awaited = self.awaited(progress);
                        format!(
                            "the handshake was not complete after {timeout} seconds of silence or \
                             delay: this side was waiting for {awaited}"
                        )
                    }
                };
                failure.hint = Some(self.hint_at_silence(progress));
            }
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => {
                failure.message = match progress.complete {
                    true => format!(
                        "the peer dropped the connection without closing it: its data may be \
                         truncated{}",
                        came_before(progress)
                    ),
                    false => format!(
                        "the peer dropped the connection (reset) in the middle of the handshake; \
                         this side was waiting for {}",
                        self.awaited(progress)
                    ),
                };
                failure.hint = self.hint_at_end(progress);
            }
            _ => {}
        }
    }

    fn hint(&self, error: &Error, progress: &Progress) -> Option<String> {
        match error.kind() {
            ErrorKind::Certificate(error) => self.hint_at_certificate(error),
            ErrorKind::AlertReceived(alert) => alerts::hint(*alert, self, progress),
            ErrorKind::Record(RecordError::NotTls { protocol, .. }) => {
                Some(self.hint_at_protocol(*protocol))
            }
            ErrorKind::UnsupportedVersion(_) => Some(
                "handclasp speaks TLS 1.3 only: the peer must be set up for it, or may be too old"
                    .into(),
            ),
            ErrorKind::NoApplicationProtocol { .. } => {
                Some("name a protocol that both sides speak with --alpn, or none at all".into())
            }
            ErrorKind::EndedInHandshake | ErrorKind::ClosedInHandshake | ErrorKind::Truncated => {
                self.hint_at_end(progress)
            }
            ErrorKind::CertificateRequired => Some(
                "let clients in without a certificate: --client-auth optional; or the client must \
                 show one (handclasp connect: --client-cert FILE --client-key FILE)"
                    .into(),
            ),
            ErrorKind::NothingInCommon { what, .. } => self.hint_at_nothing_in_common(what),
            ErrorKind::UnrecognizedName(_) => {
                Some("the server needs a --cert for that name, or the client another --name".into())
            }
            ErrorKind::WrongBinder { key } if key.starts_with("the pre-shared key") => {
                Some(format!("both sides must have the same secret for {key}: compare --psk"))
            }
            _ => None,
        }
    }

    fn hint_at_certificate(&self, error: &CertificateError) -> Option<String> {
        let remedy = error.kind.remedy();
        let option = match (&error.kind, self.side) {
            (
                CertificateErrorKind::UnknownIssuer(_) | CertificateErrorKind::SelfIssued,
                Side::Client,
            ) => "if you trust this authority, name its certificate: --ca FILE".to_owned(),
            (
                CertificateErrorKind::UnknownIssuer(_) | CertificateErrorKind::SelfIssued,
                Side::Server,
            ) => "if you trust this authority for clients, name its certificate: --client-ca FILE"
                .to_owned(),
            (CertificateErrorKind::NameMismatch { .. }, _) => match error.kind.accepted_name() {
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

    fn hint_at_protocol(&self, protocol: OtherProtocol) -> String {
        match (protocol, self.side) {
            (OtherProtocol::Http, Side::Client) => {
                "this port is for HTTP without TLS: use the one for https://, usually 443".into()
            }
            (OtherProtocol::Http, Side::Server) => {
                "the client must speak TLS from its first byte: https:// in place of http://".into()
            }
            (OtherProtocol::ProxyHeader, _) => {
                "turn the PROXY header off at the proxy, or take it off before TLS begins".into()
            }
            (OtherProtocol::Ssl2, _) => {
                "the client is too old, or set up to be compatible with SSL 2.0: handclasp speaks \
                 TLS 1.3 only"
                    .into()
            }
            (OtherProtocol::Dtls | OtherProtocol::Quic, _) => {
                "handclasp speaks TLS over TCP, not over datagrams".into()
            }
            (OtherProtocol::Smtp | OtherProtocol::SmtpOrFtp, Side::Client) => {
                "it may begin TLS after STARTTLS, which handclasp does not do, or at another port: \
                 mail is submitted with TLS from the first byte at port 465"
                    .into()
            }
            (OtherProtocol::Imap, Side::Client) => {
                "it may begin TLS after STARTTLS, which handclasp does not do, or at another port: \
                 IMAP with TLS from the first byte is at port 993"
                    .into()
            }
            (OtherProtocol::Pop3 | OtherProtocol::Pop3OrRedis, Side::Client) => {
                "it may begin TLS after STLS, which handclasp does not do, or at another port: \
                 POP3 with TLS from the first byte is at port 995"
                    .into()
            }
            (protocol, Side::Client) if protocol.can_start_tls() => {
                "it may begin TLS after a command of its own, which handclasp does not send, or at \
                 another port"
                    .into()
            }
            (protocol, Side::Server) if protocol.can_start_tls() => {
                "the client must speak TLS from its first byte: set it up for TLS at once, and not \
                 after a command such as STARTTLS"
                    .into()
            }
            (_, Side::Client) => {
                "the server must speak TLS from its first byte: is it the right port?".into()
            }
            (_, Side::Server) => "the client must speak TLS from its first byte".into(),
        }
    }

    fn hint_at_nothing_in_common(&self, what: &str) -> Option<String> {
        let what_to_do = match what {
            "signature scheme" => {
                "give the server a certificate with a key of another kind, too (--cert and --key \
                 again)"
            }
            "PSK key exchange mode" => "the client must offer psk_dhe_ke",
            _ => "the other side must be set up for one of those that this side takes",
        };
        Some(what_to_do.to_owned())
    }

    /// The peer has closed the connection.
    fn hint_at_end(&self, progress: &Progress) -> Option<String> {
        if progress.complete {
            return Some(
                "the peer may have crashed or been stopped, or does not send close_notify; data that \
                 state their own length may be whole"
                    .into(),
            );
        }
        Some(match (self.side, progress.received.as_deref()) {
            (Side::Client, None) => {
                "the peer may not speak TLS 1.3, or not at this port; or something in between \
                 closes connections"
                    .into()
            }
            (Side::Client, Some(_)) if progress.asked && progress.shown.is_none() => {
                "the server asked for a certificate, and may hang up without: --client-cert FILE \
                 --client-key FILE"
                    .into()
            }
            (Side::Client, Some(_)) => {
                "the server speaks TLS 1.3, and gave up: its log may say why".into()
            }
            (Side::Server, None) => {
                "without a byte it is harmless, as load balancers and port scanners look so; else \
                 the client gave up"
                    .into()
            }
            (Side::Server, Some(_)) if progress.sent.is_some() => {
                "clients often hang up so when they do not accept the certificate; theirs is the \
                 log that says why"
                    .into()
            }
            (Side::Server, Some(_)) => "the client gave up: its log may say why".into(),
        })
    }

    fn hint_at_silence(&self, progress: &Progress) -> String {
        match (self.side, progress.complete, progress.received.is_some()) {
            (_, true, _) => "the peer keeps the connection open and sends nothing".into(),
            (Side::Client, _, false) => {
                "the port may be for another protocol whose client speaks first, or a firewall may \
                 drop what is sent"
                    .into()
            }
            (Side::Server, _, false) => {
                "the client may wait for this side to speak first, as in mail: it must begin with \
                 TLS"
                .into()
            }
            _ => "something between the two may drop long messages, or the peer hangs".into(),
        }
    }

    /// What this side is waiting for.
    fn awaited(&self, progress: &Progress) -> &'static str {
        match (self.side, progress.received.as_deref()) {
            (Side::Client, None) => "the server's first message (ServerHello)",
            (Side::Client, Some("HelloRetryRequest")) => "the ServerHello after its retry",
            (Side::Client, Some("ServerHello")) => "EncryptedExtensions",
            (Side::Client, Some("EncryptedExtensions")) => "the server's Certificate or Finished",
            (Side::Client, Some("CertificateRequest")) => "the server's Certificate",
            (Side::Client, Some("Certificate" | "CompressedCertificate")) => {
                "the server's CertificateVerify"
            }
            (Side::Client, Some("CertificateVerify")) => "the server's Finished",
            (Side::Client, Some(_)) => "the server",
            (Side::Server, None) => "the ClientHello",
            (Side::Server, Some("ClientHello"))
                if progress.sent.as_deref() == Some("HelloRetryRequest") =>
            {
                "the second ClientHello"
            }
            (Side::Server, Some("Certificate")) => "the client's CertificateVerify",
            (Side::Server, Some(_)) => "the client's Finished",
        }
    }
}

/// How much data arrived before the connection broke.
fn came_before(progress: &Progress) -> String {
    if progress.data_records == 0 {
        return "; nothing came after the handshake".to_owned();
    }
    let records = counted(progress.data_records, "record");
    let bytes = counted(progress.data_bytes, "byte");
    format!("; {records} of {bytes} came after the handshake")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn situation(side: Side) -> Situation {
        Situation {
            side,
            server_name: None,
            keys: Vec::new(),
            protocols: Vec::new(),
            has_certificate: false,
            timeout: Duration::from_secs(30),
            shows_steps: true,
        }
    }

    fn explained(side: Side, kind: io::ErrorKind, progress: &Progress) -> (String, String) {
        let failure = situation(side).explain(io::Error::from(kind).into(), progress);
        (failure.message, failure.hint.unwrap_or_default())
    }

    #[test]
    fn silence_says_how_long_and_what_was_awaited() {
        let after =
            |received: &str| Progress { received: Some(received.into()), ..Progress::default() };
        for (side, progress, awaited, hint) in [
            (
                Side::Client,
                Progress::default(),
                "the server's first message",
                "client speaks first",
            ),
            (Side::Client, after("CertificateVerify"), "the server's Finished", "long messages"),
            (Side::Server, Progress::default(), "the ClientHello", "begin with TLS"),
            (Side::Server, after("ClientHello"), "the client's Finished", "long messages"),
        ] {
            let (message, help) = explained(side, io::ErrorKind::WouldBlock, &progress);
            assert!(message.contains("30 seconds") && message.contains(awaited), "{message}");
            assert!(help.contains(hint), "{help}");
        }
        let complete = Progress { complete: true, ..Progress::default() };
        let (message, _) = explained(Side::Client, io::ErrorKind::TimedOut, &complete);
        assert_eq!(message, "the peer was silent or too slow for 30 seconds");
    }

    #[test]
    fn data_that_may_be_truncated_are_counted() {
        let progress =
            Progress { complete: true, data_records: 3, data_bytes: 4_200, ..Progress::default() };
        let (message, help) = explained(Side::Client, io::ErrorKind::ConnectionReset, &progress);
        assert!(message.contains("truncated; 3 records of 4200 bytes came"), "{message}");
        assert!(help.contains("does not send close_notify"), "{help}");
        let failure = Failure::from(Error::from(ErrorKind::Truncated));
        let failure = situation(Side::Server).explain(failure, &progress);
        assert!(failure.message.contains("3 records of 4200 bytes"), "{}", failure.message);
    }

    #[test]
    fn the_same_failure_has_the_options_of_the_side_that_reads_it() {
        let kind = CertificateErrorKind::UnknownIssuer("CN=a".into());
        let error = CertificateError { certificate: "CN=b".into(), kind };
        for (side, with, without) in [
            (Side::Client, "--ca FILE", "--client-ca"),
            (Side::Server, "--client-ca FILE", ": --ca"),
        ] {
            let failure = Failure::from(Error::from(error.clone()));
            let hint = situation(side).explain(failure, &Progress::default()).hint.unwrap();
            assert!(hint.contains(with) && !hint.contains(without), "{hint}");
            assert!(hint.contains("send the certificate of \"CN=a\""), "the library's: {hint}");
        }
        // The library's text about dates is true for the certificate of either side.
        let now = handclasp::certificate::Timestamp(0);
        let kind = CertificateErrorKind::Expired { not_after: now, now };
        let remedy = kind.remedy();
        let error = Error::from(CertificateError { certificate: "CN=b".into(), kind });
        for side in [Side::Client, Side::Server] {
            let failure = situation(side).explain(error.clone().into(), &Progress::default());
            assert_eq!(failure.hint, remedy);
        }
    }
}
