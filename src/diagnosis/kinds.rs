//! What each kind of error means: where the fault is, what may be behind it, and what to change.

use super::data::{Diagnosis, Fault, Setting};
use super::transport::{add_progress, explain_end};
use super::{alert, certificate, credentials, lists, record};
use crate::error::circumstances::{Circumstances, Parameter};
use crate::error::{Error, ErrorKind};
use crate::registry::HandshakeType;
use crate::side::Side;

impl Error {
    /// Why the connection failed, and what to change. It is made now, of what the connection knew when
    /// it failed.
    pub fn diagnosis(&self) -> Diagnosis {
        let mut diagnosis = Diagnosis::new(self.kind().code(), self.what_happened());
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

/// Each kind is here by its name, so that a new one cannot be forgotten.
fn explain(kind: &ErrorKind, circumstances: Option<&Circumstances>, diagnosis: &mut Diagnosis) {
    use ErrorKind as K;
    let side = circumstances.map(|circumstances| circumstances.side);
    match kind {
        K::Certificate(error) => certificate::explain(error, circumstances, diagnosis),
        K::AlertReceived(received) => alert::explain(*received, circumstances, diagnosis),
        K::Record(error) => record::explain(error, side, diagnosis),
        K::EndedInHandshake | K::ClosedInHandshake | K::Truncated => {
            ended(circumstances, diagnosis)
        }
        K::NothingInCommon { what, ours, theirs } => lists::explain(*what, ours, theirs, diagnosis),
        K::NoApplicationProtocol { ours, theirs } => {
            lists::explain_protocols(ours, theirs, side, diagnosis);
        }
        K::CertificateType { ours, theirs } => {
            lists::explain(Parameter::CertificateTypes, ours, theirs, diagnosis);
        }
        K::UnsupportedVersion { theirs, .. } => {
            lists::explain(Parameter::Versions, &["TLS 1.3".to_owned()], theirs, diagnosis);
        }
        K::UnrecognizedName(name) => credentials::unrecognized_name(name, diagnosis),
        K::CertificateRequired => credentials::certificate_required(circumstances, diagnosis),
        K::UnknownPskIdentity { offered } => credentials::unknown_identity(offered, diagnosis),
        K::NoPreSharedKey(_) => credentials::no_pre_shared_key(diagnosis),
        K::WrongBinder { identity } => credentials::wrong_binder(identity.as_deref(), diagnosis),
        K::NotAuthentic(_) | K::Downgrade => changed_on_the_way(diagnosis),
        K::WrongKeyForScheme { .. } => {
            at_the_peer("it must sign with the key of its certificate: compare the two", diagnosis);
        }
        K::UnexpectedMessage { received, .. } => unexpected_message(*received, side, diagnosis),
        K::LimitExceeded { name, .. } => limit_exceeded(name, diagnosis),
        K::Aborted { .. } => {
            at_this_side("the application has decided that: its reason says why", diagnosis);
        }
        K::Canceled => at_this_side("the application has closed too early", diagnosis),
        K::Refused(_) | K::Unanswered { .. } => {
            at_this_side("look into the resolver, key or verifier that was asked", diagnosis);
        }
        K::Crypto(_) | K::Provider(_) => {
            at_this_side("look into the crypto provider or the signing key", diagnosis);
        }
        K::Misuse(_) => at_this_side("correct the call: the connection continues", diagnosis),
        K::Internal(_) => {
            at_this_side("report this to the project: it is a fault of handclasp", diagnosis);
        }
        K::OutsideQuic(_) => {
            at_the_peer("it must connect over QUIC, or leave the extension out", diagnosis);
        }
        K::Decode(_)
        | K::UnexpectedRecord { .. }
        | K::MisplacedBytes(_)
        | K::IllegalParameter { .. }
        | K::MissingExtension { .. }
        | K::UnsolicitedExtension { .. }
        | K::QuicProtocolViolation(_)
        | K::CryptoBufferExceeded { .. } => broken_rule(diagnosis),
    }
}

fn at_this_side(remedy: &str, diagnosis: &mut Diagnosis) {
    diagnosis.fault = Fault::ThisSide;
    diagnosis.remedy(&format!("at this side: {remedy}"));
}

fn at_the_peer(remedy: &str, diagnosis: &mut Diagnosis) {
    diagnosis.fault = Fault::Peer;
    diagnosis.remedy(&format!("at the peer: {remedy}"));
}

fn unexpected_message(received: HandshakeType, side: Option<Side>, diagnosis: &mut Diagnosis) {
    if received == HandshakeType::CLIENT_HELLO && side == Some(Side::Client) {
        diagnosis.cause("the peer may return what it receives, or be a client itself");
        at_the_peer("is it the right port? no TLS server seems to answer there", diagnosis);
    } else {
        broken_rule(diagnosis);
    }
}

fn limit_exceeded(name: &str, diagnosis: &mut Diagnosis) {
    diagnosis.cause("the peer may flood this side, or honestly need more");
    diagnosis.change(Setting::Limits, &format!("if the peer is honest, raise the limit {name}"));
}

/// The transport, or the peer, has ended the connection.
fn ended(circumstances: Option<&Circumstances>, diagnosis: &mut Diagnosis) {
    diagnosis.fault = Fault::Transport;
    match circumstances {
        Some(circumstances) => {
            add_progress(circumstances, diagnosis);
            explain_end(circumstances, diagnosis);
        }
        None => diagnosis.remedy("look into the peer's log: it may say why it ended"),
    }
}

fn changed_on_the_way(diagnosis: &mut Diagnosis) {
    diagnosis
        .cause("something between the two may change messages, such as a proxy that inspects TLS");
    diagnosis.remedy("connect without the proxy");
    diagnosis.remedy("if it fails there, too, compare the peer's private key and its certificate");
}

/// The peer breaks a rule of the protocol.
fn broken_rule(diagnosis: &mut Diagnosis) {
    diagnosis.fault = Fault::Peer;
    diagnosis
        .cause("the peer's TLS may have a fault, or something between the two changes messages");
    diagnosis.remedy("update the peer's TLS");
    diagnosis.remedy("if it is up to date, report this to its makers, with a capture");
}
