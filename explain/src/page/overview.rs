//! The head of the page: whose connection it is, how it ended, and what was agreed on.

use handclasp::alert::AlertDescription;

use super::Failure;
use super::text::{bytes, value, visible};
use crate::account::{
    Alert, ChoiceSubject, Connection, Message, Outcome, Side, Source, StepKind, Value,
};
use crate::words::{self, counted};

/// The head of a connection.
pub(super) struct Overview {
    pub title: String,
    /// `good`, `bad` or `open`: how it looks.
    pub mood: &'static str,
    /// How it ended, in a line.
    pub outcome: String,
    /// How the account was made.
    pub source: String,
    pub facts: Vec<Fact>,
}

/// A line of the overview.
pub(super) struct Fact {
    pub name: &'static str,
    pub value: String,
}

pub(super) fn of(connection: &Connection) -> Overview {
    let (mood, outcome) = outcome(connection);
    let mut overview = Overview {
        title: title(connection),
        mood,
        outcome,
        source: source(connection),
        facts: Vec::new(),
    };
    overview.agreed(connection);
    overview.cost(connection);
    overview
}

impl Overview {
    fn add(&mut self, name: &'static str, value: impl Into<String>) {
        self.facts.push(Fact { name, value: value.into() });
    }

    fn agreed(&mut self, connection: &Connection) {
        for (name, subject) in [
            ("Version", ChoiceSubject::Version),
            ("Cipher suite", ChoiceSubject::CipherSuite),
            ("Key exchange", ChoiceSubject::Group),
        ] {
            if let Some(chosen) = chosen(connection, subject) {
                self.add(name, value(chosen));
            }
        }
        if let Some(authentication) = authentication(connection) {
            self.add("Server authenticated by", authentication);
        }
        if let Some(chosen) = chosen(connection, ChoiceSubject::ApplicationProtocol) {
            self.add("Protocol (ALPN)", value(chosen));
        }
        if let Some(chosen) = chosen(connection, ChoiceSubject::EarlyData) {
            let accepted = *chosen == Value::Number(1);
            self.add("Early data (0-RTT)", if accepted { "accepted" } else { "not accepted" });
        }
    }

    fn cost(&mut self, connection: &Connection) {
        let complete = matches!(connection.outcome, Outcome::Complete | Outcome::FailedLater);
        if complete && connection.round_trips > 0 {
            let trips = usize::try_from(connection.round_trips).unwrap_or_default();
            self.add("Until complete", counted(trips, "round trip"));
        }
        for (name, side) in [("Client sent", Side::Client), ("Server sent", Side::Server)] {
            let sizes = connection.sizes.of(side);
            let records = usize::try_from(sizes.records).unwrap_or_default();
            self.add(name, format!("{} in {}", bytes(sizes.bytes), counted(records, "record")));
        }
    }
}

/// What was chosen for this parameter.
pub(super) fn chosen(connection: &Connection, subject: ChoiceSubject) -> Option<&Value> {
    let choice = connection.choices.iter().find(|choice| choice.subject == subject)?;
    choice.chosen.as_ref()
}

/// The name of the server that the client asked for.
pub(super) fn server_name(connection: &Connection) -> Option<String> {
    let is_name = |choice: &&crate::account::Choice| choice.subject == ChoiceSubject::ServerName;
    let choice = connection.choices.iter().find(is_name)?;
    // The name is in the extension after its kind: it is all of the printable text in it.
    let hello = connection.message("ClientHello").and_then(|hello| hello.find("HostName"));
    let named = hello.and_then(|name| name.find("data")).and_then(|data| data.value.as_ref());
    named.or_else(|| choice.offered_by_client.first()).map(value)
}

fn title(connection: &Connection) -> String {
    let address = connection.server.as_deref().map(visible);
    match (server_name(connection), address) {
        (Some(name), _) => format!("A handshake with {name}"),
        (None, Some(address)) => format!("A handshake with {address}"),
        (None, None) => "A TLS handshake".to_owned(),
    }
}

fn source(connection: &Connection) -> String {
    let mut words = match (connection.source, connection.observed_side) {
        (Source::Live, Some(side)) => format!("Observed by the {} as it ran", side.name()),
        _ => "Decoded from recorded bytes".to_owned(),
    };
    if let (Some(client), Some(server)) = (&connection.client, &connection.server) {
        words += &format!(", from {} to {}", visible(client), visible(server));
    }
    if let Some(started) = connection.started_unix_ns {
        let seconds = i64::try_from(started / 1_000_000_000).unwrap_or_default();
        words += &format!(", {}", handclasp::certificate::Timestamp(seconds));
    }
    words + "."
}

fn outcome(connection: &Connection) -> (&'static str, String) {
    let resumed = chosen(connection, ChoiceSubject::PreSharedKey).is_some();
    match connection.outcome {
        Outcome::Complete if resumed => (
            "good",
            "The handshake is complete: a pre-shared key took the place of a certificate.".into(),
        ),
        Outcome::Complete => ("good", "The handshake is complete.".into()),
        Outcome::Failed => ("bad", ended_by("The handshake failed", connection)),
        Outcome::FailedLater => (
            "bad",
            ended_by("The handshake was complete, and the connection failed later", connection),
        ),
        Outcome::Incomplete => {
            ("open", format!("The handshake is not complete{}.", last(connection)))
        }
        Outcome::OtherVersion => {
            ("open", "Both sides agreed on an older version than TLS 1.3.".into())
        }
        Outcome::Encrypted => (
            "open",
            "The keys to look into the handshake are missing: it may have ended well.".into(),
        ),
        Outcome::ProbablyFailed => (
            "bad",
            "The handshake has probably failed: its last record is encrypted, and as long as an alert."
                .into(),
        ),
        Outcome::NotTls => {
            ("open", "There is no ClientHello: this is not TLS, or its start is missing.".into())
        }
    }
}

/// The alert that ended the connection: the last one.
pub(super) fn final_alert(connection: &Connection) -> Option<&Alert> {
    connection.alerts.iter().rev().find(|alert| alert.description.name != Some("close_notify"))
}

/// What an alert usually means. `None` where its reason is known: the page says it, and the usual one may be
/// another.
pub(super) fn usual_meaning(
    connection: &Connection,
    alert: &Alert,
    failure: Option<&Failure>,
) -> Option<&'static str> {
    let description = AlertDescription(u8::try_from(alert.description.code).unwrap_or_default());
    let is_final = final_alert(connection) == Some(alert);
    if is_final && failure.is_some() {
        return None;
    }
    // Many send it for all that can be wrong with a certificate.
    let is_vague = description == AlertDescription::BAD_CERTIFICATE;
    if is_vague && !words::findings_before(connection, alert).is_empty() {
        return None;
    }
    Some(words::alert(description))
}

fn ended_by(what: &str, connection: &Connection) -> String {
    match final_alert(connection) {
        Some(alert) => {
            format!("{what}: the {} sent the alert {}.", alert.sender.name(), alert.description)
        }
        None => format!("{what}."),
    }
}

fn last(connection: &Connection) -> String {
    match connection.messages.last() {
        Some(Message { name, sender, .. }) => {
            format!(": the last message is the {} of the {}", visible(name), sender.name())
        }
        None => String::new(),
    }
}

fn authentication(connection: &Connection) -> Option<String> {
    if chosen(connection, ChoiceSubject::PreSharedKey).is_some() {
        return Some("a pre-shared key".to_owned());
    }
    let scheme = value(chosen(connection, ChoiceSubject::SignatureScheme)?);
    if connection.observed_side == Some(Side::Client) {
        let verified = connection.steps.iter().any(|step| step.kind == StepKind::PeerVerified);
        return Some(match verified {
            true => format!("its certificate and a signature ({scheme})"),
            false => format!("a certificate that was not accepted, and a signature ({scheme})"),
        });
    }
    // A client that sends its Finished has accepted them.
    let shown = format!("a certificate and a signature ({scheme}): shown");
    Some(match (connection.outcome, final_alert(connection)) {
        (Outcome::Complete | Outcome::FailedLater, _) => {
            format!("its certificate and a signature ({scheme})")
        }
        (_, Some(alert)) if alert.sender == Side::Client => {
            format!("{shown}, refused by the client")
        }
        _ => format!("{shown}; it is not seen whether the client accepted them"),
    })
}
