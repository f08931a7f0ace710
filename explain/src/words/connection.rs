//! What became of a connection, in words.

use super::counted;
use crate::account::{ChoiceSubject, Outcome, ProblemKind, Value};

/// How far a connection came.
pub fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::NotTls => "there is no ClientHello: this is not TLS, or its beginning is missing",
        Outcome::Incomplete => "the handshake is not complete, and no alert says why",
        Outcome::Encrypted => {
            "what follows ServerHello is encrypted: with a key log it could be explained"
        }
        Outcome::Complete => "the handshake is complete",
        Outcome::OtherVersion => "another version than TLS 1.3 was agreed on",
        Outcome::Failed => "an alert ended the handshake",
        Outcome::FailedLater => {
            "the handshake is complete, and an alert ended the connection later"
        }
    }
}

/// The name of a parameter that both sides agree on.
pub fn subject(subject: ChoiceSubject) -> &'static str {
    match subject {
        ChoiceSubject::Version => "version",
        ChoiceSubject::CipherSuite => "cipher suite",
        ChoiceSubject::Group => "group",
        ChoiceSubject::KeyShare => "key share",
        ChoiceSubject::RequestedGroup => "wanted group",
        ChoiceSubject::SignatureScheme => "signature",
        ChoiceSubject::ClientSignatureScheme => "client's signature",
        ChoiceSubject::ApplicationProtocol => "protocol",
        ChoiceSubject::ServerName => "server name",
        ChoiceSubject::PreSharedKey => "pre-shared key",
        ChoiceSubject::EarlyData => "early data",
    }
}

/// A value of a choice, safe to print.
pub fn choice(subject: ChoiceSubject, value: &Value) -> String {
    match (subject, value) {
        (ChoiceSubject::PreSharedKey, Value::Bytes(bytes)) => super::identity(&bytes.0),
        (ChoiceSubject::EarlyData, Value::Number(0)) => "not accepted".to_owned(),
        (ChoiceSubject::EarlyData, Value::Number(_)) => "accepted".to_owned(),
        (_, Value::Code(code)) => code.to_string(),
        (_, Value::Number(number)) => number.to_string(),
        (_, Value::Text(text)) => super::printable(text.as_bytes()),
        (_, Value::Bytes(bytes)) => super::printable(&bytes.0),
    }
}

/// What is missing or damaged.
pub fn problem(problem: &ProblemKind) -> String {
    match problem {
        ProblemKind::Gap { length: Some(length) } => {
            format!("{} are missing; what follows cannot be decoded", bytes(*length))
        }
        ProblemKind::Gap { length: None } => {
            "bytes are missing; what follows cannot be decoded".to_owned()
        }
        ProblemKind::NotRecords { protocol: Some(protocol) } => {
            format!("these bytes are no records of TLS: they seem to be {protocol}")
        }
        ProblemKind::NotRecords { protocol: None } => {
            "these bytes are no records of TLS".to_owned()
        }
        ProblemKind::CutRecord { present } => {
            format!("the last record is not whole: {} of it are there", bytes(*present))
        }
        ProblemKind::CutMessage { present, length } => format!(
            "the last handshake message is not whole: {present} of its {} are there",
            bytes(*length)
        ),
        ProblemKind::NoKeys { count, .. } => {
            let records = counted(usize::try_from(*count).unwrap_or(usize::MAX), "record");
            format!("there are no keys for {records}")
        }
        ProblemKind::DoesNotDecrypt { .. } => {
            "a record does not decrypt: it was changed, or its key is another one".to_owned()
        }
        ProblemKind::LimitReached { limit } => {
            format!("there is more than a limit of the account allows: {limit}")
        }
    }
}

fn bytes(count: u64) -> String {
    counted(usize::try_from(count).unwrap_or(usize::MAX), "byte")
}
