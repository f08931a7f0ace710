//! What a server does with one thing that it is offered alone.

use serde::Serialize;

use super::prober::Probe;
use super::section::Row;
use crate::failure::Failure;

/// What the server did with an offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    Accepted,
    /// The handshake is complete, and the server has left the offer out of its messages.
    Ignored,
    /// The server has ended the connection, with this alert if it has sent one.
    Refused {
        alert: Option<String>,
    },
    /// The connection failed in another way, or was not made.
    Unknown {
        reason: String,
    },
}

/// Something that was offered, and what the server did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Offer {
    pub name: String,
    #[serde(flatten)]
    pub answer: Answer,
}

impl Offer {
    pub fn new(name: impl Into<String>, answer: Answer) -> Self {
        Self { name: name.into(), answer }
    }

    pub fn is_accepted(&self) -> bool {
        self.answer == Answer::Accepted
    }

    pub fn is_refused(&self) -> bool {
        matches!(self.answer, Answer::Refused { .. })
    }
}

impl Answer {
    /// What the server did, in words.
    pub fn words(&self) -> String {
        match self {
            Self::Accepted => "accepted".to_owned(),
            Self::Ignored => "ignored".to_owned(),
            Self::Refused { alert: Some(alert) } => alert.clone(),
            Self::Refused { alert: None } => "closed".to_owned(),
            Self::Unknown { reason } => format!("not known: {reason}"),
        }
    }

    /// From the handshake of a client that offered one thing and no alternative to it.
    pub fn of(probe: &Result<Probe, Failure>) -> Self {
        let failure = match probe {
            Ok(Probe { result: Ok(()), .. }) => return Self::Accepted,
            Ok(Probe { result: Err(failure), .. }) | Err(failure) => failure,
        };
        let Some(diagnosis) = &failure.diagnosis else {
            return Self::Unknown { reason: failure.message.clone() };
        };
        match (diagnosis.alert_received, diagnosis.code) {
            (Some(alert), _) => Self::Refused { alert: Some(alert.to_string()) },
            (None, "ended-in-handshake" | "closed-in-handshake" | "reset") => {
                Self::Refused { alert: None }
            }
            _ => Self::Unknown { reason: failure.message.clone() },
        }
    }
}

/// The names of those that were accepted.
pub fn accepted(offers: &[Offer]) -> Vec<&str> {
    let accepted = offers.iter().filter(|offer| offer.is_accepted());
    accepted.map(|offer| offer.name.as_str()).collect()
}

/// The names of those that were not accepted, each with what the server did.
fn others(offers: &[Offer]) -> Vec<String> {
    let others = offers.iter().filter(|offer| !offer.is_accepted());
    others.map(|offer| format!("{} ({})", offer.name, offer.answer.words())).collect()
}

/// What was accepted, what was not, and what was chosen from a usual offer.
pub fn rows(offers: &[Offer], chosen: Option<&String>) -> Vec<Row> {
    let mut rows = vec![Row::new("accepted", list(&accepted(offers)))];
    let others = others(offers);
    if !others.is_empty() {
        rows.push(Row::new("not accepted", list(&others)));
    }
    rows.extend(chosen.map(|name| Row::new("chosen", name.clone())));
    rows
}

/// A list for a row.
pub fn list<T: AsRef<str>>(names: &[T]) -> String {
    let names: Vec<_> = names.iter().map(AsRef::as_ref).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
