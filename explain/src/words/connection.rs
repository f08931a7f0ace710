//! What became of a connection, in words.

use super::counted;
use crate::account::{ChoiceSubject, Connection, Outcome, ProblemKind, RecordState, Side, Value};

/// How far a connection came.
pub fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::NotTls => "there is no ClientHello: this is not TLS, or its beginning is missing",
        Outcome::Incomplete => "the handshake is not complete, and no alert says why",
        Outcome::Encrypted => {
            "unknown: what follows ServerHello is encrypted, and no key log has its secrets"
        }
        Outcome::ProbablyFailed => {
            "the handshake has probably failed: its last record is encrypted, and as long as an alert; no key \
             log has its secrets"
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

/// Why nothing was chosen, as far as it is known.
pub fn not_chosen(connection: &Connection, subject: ChoiceSubject) -> &'static str {
    let has_psk = |choice: &crate::Choice| {
        choice.subject == ChoiceSubject::PreSharedKey && choice.chosen.is_some()
    };
    let resumed = connection.choices.iter().any(has_psk);
    let complete = matches!(connection.outcome, Outcome::Complete | Outcome::FailedLater);
    // ServerHello is in the clear; what it does not choose is chosen in encrypted messages.
    let is_in_server_hello = matches!(
        subject,
        ChoiceSubject::Version
            | ChoiceSubject::CipherSuite
            | ChoiceSubject::Group
            | ChoiceSubject::KeyShare
            | ChoiceSubject::RequestedGroup
            | ChoiceSubject::PreSharedKey
    );
    let has_answers = complete || connection.message("EncryptedExtensions").is_some();
    match subject {
        ChoiceSubject::SignatureScheme if resumed => "not needed with a pre-shared key",
        ChoiceSubject::ServerName if has_answers => "the server does not say",
        ChoiceSubject::ApplicationProtocol if has_answers => "none",
        ChoiceSubject::ClientSignatureScheme if complete => {
            "none: the client showed no certificate"
        }
        _ if complete => "none",
        _ if connection.outcome == Outcome::OtherVersion => {
            "not seen: what is negotiated in older versions is not decoded"
        }
        _ if connection.message("ServerHello").is_none() => "not seen: there is no ServerHello",
        _ if is_in_server_hello => "none",
        _ if has_closed_records(connection, Side::Server) => "not seen (encrypted)",
        _ => "not seen: the handshake ended before",
    }
}

/// How many bytes of application data a side sent, as far as it is known.
pub fn data_sent(connection: &Connection, side: Side) -> String {
    let data = connection.sizes.of(side).data_bytes;
    match (has_closed_records(connection, side), data) {
        (true, 0) => "the amount of data is not known (encrypted)".to_owned(),
        (true, known) => format!("at least {} of data", bytes(known)),
        (false, known) => format!("{} of data", bytes(known)),
    }
}

/// Whether there are records of this side that could not be opened.
fn has_closed_records(connection: &Connection, side: Side) -> bool {
    connection.records.iter().any(|record| {
        let is_closed = matches!(record.state, RecordState::NoKey | RecordState::DoesNotDecrypt);
        record.sender == side && is_closed
    })
}

/// What is missing or damaged.
pub fn problem(problem: &ProblemKind) -> String {
    match problem {
        ProblemKind::Gap { length: Some(length) } => {
            format!(
                "{} are missing; what follows is decoded from the next record on",
                bytes(*length)
            )
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
