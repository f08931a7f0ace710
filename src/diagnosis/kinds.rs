//! What each kind of error means: where the fault is, what may be behind it, and what to change.

use super::data::{Diagnosis, Fault, Setting, own_offers};
use super::transport::{add_progress, explain_end};
use super::{alert, certificate, other_protocol};
use crate::error::circumstances::{Circumstances, Offer, Parameter};
use crate::error::{Error, ErrorKind};
use crate::record::RecordError;
use crate::registry::HandshakeType;
use crate::side::Side;
use crate::stage::Stage;

impl Error {
    /// Why the connection failed, and what to change. It is made now, of what the connection knew when
    /// it failed.
    pub fn diagnosis(&self) -> Diagnosis {
        let mut diagnosis = Diagnosis::new(self.kind().code(), self.to_string());
        diagnosis.alert_sent = self.alert_sent();
        diagnosis.alert_received = self.alert_received();
        let circumstances = self.circumstances();
        if let Some(circumstances) = circumstances {
            diagnosis.set_circumstances(circumstances);
        }
        explain(self.kind(), circumstances, &mut diagnosis);
        diagnosis
    }
}

fn explain(kind: &ErrorKind, circumstances: Option<&Circumstances>, diagnosis: &mut Diagnosis) {
    use ErrorKind as K;
    let side = circumstances.map(|circumstances| circumstances.side);
    match kind {
        K::Certificate(error) => certificate::explain(error, side, diagnosis),
        K::AlertReceived(received) => alert::explain(*received, circumstances, diagnosis),
        K::Record(error) => explain_record(error, side, diagnosis),
        K::EndedInHandshake | K::ClosedInHandshake | K::Truncated => {
            diagnosis.fault = Fault::Transport;
            match circumstances {
                Some(circumstances) => {
                    add_progress(circumstances, diagnosis);
                    explain_end(circumstances, diagnosis);
                }
                None => diagnosis.remedy("look into the peer's log: it may say why it ended"),
            }
        }
        K::NothingInCommon { .. }
        | K::NoApplicationProtocol { .. }
        | K::UnsupportedVersion { .. }
        | K::CertificateType { .. } => explain_lists(kind, side, diagnosis),
        K::UnrecognizedName(_)
        | K::CertificateRequired
        | K::UnknownPskIdentity { .. }
        | K::NoPreSharedKey(_)
        | K::WrongBinder { .. } => explain_credentials(kind, circumstances, diagnosis),
        K::NotAuthentic(_) | K::Downgrade => {
            diagnosis.cause(
                "something between the two may change messages, such as a proxy that inspects TLS",
            );
            diagnosis.remedy(
                "connect without the proxy; if it fails there, too, compare the peer's private key and \
                 its certificate",
            );
        }
        K::WrongKeyForScheme { .. } => {
            diagnosis.fault = Fault::Peer;
            diagnosis.remedy("the peer must sign with the key of its certificate: compare the two");
        }
        K::UnexpectedMessage { received: HandshakeType::CLIENT_HELLO, .. }
            if side == Some(Side::Client) =>
        {
            diagnosis.fault = Fault::Peer;
            diagnosis.cause("the peer may return what it receives, or be a client itself");
            diagnosis.remedy("is it the right port? no TLS server seems to answer there");
        }
        K::LimitExceeded { name, .. } => {
            diagnosis.cause("the peer may flood this side, or honestly need more");
            diagnosis
                .change(Setting::Limits, format!("if the peer is honest, raise the limit {name}"));
        }
        _ => explain_faults(kind, diagnosis),
    }
}

fn explain_record(error: &RecordError, side: Option<Side>, diagnosis: &mut Diagnosis) {
    use RecordError as R;
    match error {
        R::NotTls { protocol, begins } => {
            diagnosis.code = "not-tls";
            diagnosis.fault = Fault::Peer;
            other_protocol::explain(*protocol, begins, side, diagnosis);
        }
        R::BadRecordMac { .. } => {
            diagnosis.cause(
                "something between the two may change bytes, or two writers share one socket",
            );
            diagnosis.remedy(
                "connect without proxies in between; in the peer and here, write to the socket through \
                 TLS alone",
            );
        }
        R::KeyExhausted | R::SealFailed | R::Provider(_) => {
            diagnosis.fault = Fault::ThisSide;
            diagnosis.remedy("look into the crypto provider of this side");
        }
        _ => {
            diagnosis.fault = Fault::Peer;
            diagnosis.cause(
                "the peer may not speak TLS at this point, or two writers may share its socket",
            );
            diagnosis.remedy(
                "look whether something writes to the socket beside TLS, and whether the peer's TLS is \
                 up to date",
            );
        }
    }
}

/// The lists of the two sides do not fit. The text of the error has them.
fn explain_lists(kind: &ErrorKind, side: Option<Side>, diagnosis: &mut Diagnosis) {
    use ErrorKind as K;
    let (what, ours, theirs) = match kind {
        K::NothingInCommon { what, ours, theirs } => {
            (parameter(what), ours.clone(), theirs.clone())
        }
        K::NoApplicationProtocol { ours, theirs } => {
            (Parameter::ApplicationProtocols, ours.clone(), theirs.clone())
        }
        K::CertificateType { ours, theirs } => {
            (Parameter::CertificateTypes, ours.clone(), theirs.clone())
        }
        K::UnsupportedVersion { theirs, .. } => {
            (Parameter::Versions, vec!["TLS 1.3".to_owned()], theirs.clone())
        }
        _ => return,
    };
    match what {
        Parameter::Versions => {
            diagnosis.fault = Fault::Peer;
            diagnosis.remedy(
                "this side speaks TLS 1.3 only: enable TLS 1.3 at the peer, or update it",
            );
        }
        Parameter::ApplicationProtocols => diagnosis.change(
            Setting::ApplicationProtocols,
            "name a protocol that both sides speak, or none at one of them",
        ),
        Parameter::SignatureSchemes => diagnosis.change(
            Setting::Certificate,
            "give this side a certificate with a key of a kind that the peer takes, beside the other",
        ),
        Parameter::Groups => diagnosis
            .change(Setting::Groups, "set the peer up for one of the groups that this side takes"),
        Parameter::PskModes => {
            diagnosis.change(Setting::PreSharedKeys, "the client must offer psk_dhe_ke");
        }
        _ => diagnosis.remedy("set the peer up for one of those that this side takes"),
    }
    // In QUIC a client has the error, whose lists are the other way round.
    let is_turned = side == Some(Side::Client) && what == Parameter::ApplicationProtocols;
    let (ours, theirs) = if is_turned { (theirs, ours) } else { (ours, theirs) };
    diagnosis.offers.push(Offer::new(what, ours));
    diagnosis.peer_offers.push(Offer::new(what, theirs));
    diagnosis.has_lists = true;
}

/// What the error `nothing-in-common` calls a list.
fn parameter(what: &str) -> Parameter {
    match what {
        "cipher suite" => Parameter::CipherSuites,
        "key exchange group" => Parameter::Groups,
        "signature scheme" => Parameter::SignatureSchemes,
        "PSK key exchange mode" => Parameter::PskModes,
        _ => Parameter::PreSharedKeys,
    }
}

/// Names, certificates of clients, and pre-shared keys.
fn explain_credentials(
    kind: &ErrorKind,
    circumstances: Option<&Circumstances>,
    diagnosis: &mut Diagnosis,
) {
    use ErrorKind as K;
    match kind {
        K::UnrecognizedName(name) => {
            diagnosis.peer_offers.push(Offer::new(Parameter::ServerName, vec![name.clone()]));
            diagnosis.has_lists = true;
            diagnosis.change(
                Setting::Certificate,
                "give this server a certificate for that name, or let the client ask for another",
            );
        }
        K::CertificateRequired => {
            diagnosis.fault = Fault::Peer;
            diagnosis.offers = own_offers(circumstances, &[Parameter::Authorities]);
            diagnosis.cause(
                "the client may have no certificate, or none of the authorities that this server asks \
                 for",
            );
            diagnosis.remedy("the client must show a certificate");
            diagnosis.change(Setting::ClientAuthentication, "or let clients in that show none");
        }
        K::UnknownPskIdentity { offered } => {
            diagnosis.peer_offers.push(Offer::new(Parameter::PreSharedKeys, offered.clone()));
            diagnosis.has_lists = true;
            diagnosis.change(
                Setting::PreSharedKeys,
                "compare the identities of the pre-shared keys at both sides",
            );
        }
        K::NoPreSharedKey(_) => {
            diagnosis.fault = Fault::ThisSide;
            diagnosis.change(Setting::PreSharedKeys, "configure a pre-shared key for this server");
        }
        K::WrongBinder { key } => {
            diagnosis.peer_offers.push(Offer::new(Parameter::PreSharedKeys, vec![key.clone()]));
            diagnosis.has_lists = true;
            let is_session = !key.starts_with("the pre-shared key");
            if is_session {
                diagnosis
                    .remedy("the client must use the session with the ticket that it came with");
            } else {
                diagnosis.change(
                    Setting::PreSharedKeys,
                    format!("both sides must have the same secret for {key}: compare them"),
                );
            }
        }
        _ => {}
    }
    if circumstances.is_some_and(|it| it.stage == Stage::Start) {
        diagnosis.fault = Fault::ThisSide;
    }
}

/// One of the two sides breaks a rule.
fn explain_faults(kind: &ErrorKind, diagnosis: &mut Diagnosis) {
    use ErrorKind as K;
    let (fault, remedy) = match kind {
        K::Aborted { .. } => {
            (Fault::ThisSide, "the application of this side has decided that: its reason says why")
        }
        K::Canceled => (Fault::ThisSide, "the application of this side has closed too early"),
        K::Refused(_) | K::Unanswered { .. } => (
            Fault::ThisSide,
            "look into the resolver, key or verifier of this side that answers the question",
        ),
        K::Crypto(_) | K::Provider(_) => {
            (Fault::ThisSide, "look into the crypto provider or the signing key of this side")
        }
        K::Misuse(_) => (Fault::ThisSide, "correct the call: the connection continues"),
        K::Internal(_) => {
            (Fault::ThisSide, "report this to the project: it is a fault of handclasp")
        }
        K::OutsideQuic(_) => (Fault::Peer, "the client must connect over QUIC, or leave it out"),
        _ => (
            Fault::Peer,
            "update the peer's TLS; if it is up to date, report this to its makers, with a capture",
        ),
    };
    diagnosis.fault = fault;
    if fault == Fault::Peer {
        diagnosis.cause(
            "the peer's TLS may have a fault, or something between the two changes messages",
        );
    }
    diagnosis.remedy(remedy);
}
