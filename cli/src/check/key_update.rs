//! Does the server answer a KeyUpdate that asks for one?

use std::time::Duration;

use serde::Serialize;

use super::advice::Advice;
use super::client_certificate::{CLIENT_REFUSED, ClientCertificate};
use super::prober::Prober;
use super::section::{Row, Section};
use crate::client::ReceiveEnd;
use crate::failure::Failure;

/// How long the answer is waited for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum KeyUpdate {
    Answered,
    /// No answer came in time. A server may send it only before its next data.
    Silent,
    /// The server has closed the connection before it answered.
    Closed,
    /// The server has ended the connection with an alert.
    Refused {
        reason: String,
    },
    /// What the server sent after it was wrong: this side has ended the connection with an alert.
    Wrong {
        reason: String,
    },
    /// The connection was not made, or failed in another way.
    Unknown {
        reason: String,
    },
}

impl KeyUpdate {
    /// `client` says whether the server keeps the connection after the handshake.
    pub fn ask(prober: &mut Prober, client: &ClientCertificate) -> Self {
        if client.is_refused() {
            return Self::Unknown { reason: CLIENT_REFUSED.to_owned() };
        }
        let mut probe = match prober.connect(prober.config_builder(prober.provider())) {
            Ok(probe) => probe,
            Err(failure) => return Self::Unknown { reason: failure.message },
        };
        if let Err(error) = probe.client.connection.update_keys(true) {
            return Self::Unknown { reason: error.to_string() };
        }
        match probe.receive_message("KeyUpdate", ANSWER_TIMEOUT) {
            ReceiveEnd::Enough => Self::Answered,
            ReceiveEnd::Silence => Self::Silent,
            ReceiveEnd::CloseNotify => Self::Closed,
            ReceiveEnd::Failed(failure) => Self::of_failure(failure),
        }
    }

    /// The connection has failed in place of an answer.
    fn of_failure(failure: Failure) -> Self {
        let reason = failure.message;
        let Some(diagnosis) = failure.diagnosis else { return Self::Unknown { reason } };
        if diagnosis.alert_received.is_some() {
            return Self::Refused { reason };
        }
        if diagnosis.alert_sent.is_some() {
            return Self::Wrong { reason };
        }
        match diagnosis.code {
            "truncated" | "reset" => Self::Closed,
            _ => Self::Unknown { reason },
        }
    }
}

impl Section for KeyUpdate {
    fn title(&self) -> &'static str {
        "KeyUpdate"
    }

    fn rows(&self) -> Vec<Row> {
        let answered = match self {
            Self::Answered => "yes".to_owned(),
            Self::Silent => {
                let seconds = ANSWER_TIMEOUT.as_secs();
                format!("not within {seconds} seconds: perhaps before the server's next data")
            }
            Self::Closed => "not known: the server has closed the connection first".to_owned(),
            Self::Refused { reason } | Self::Wrong { reason } => format!("no: {reason}"),
            Self::Unknown { reason } => format!("not known: {reason}"),
        };
        vec![Row::new("answered", answered)]
    }

    fn advice(&self) -> Vec<Advice> {
        match self {
            Self::Refused { reason } => {
                let text = format!(
                    "let the server answer a KeyUpdate (RFC 9846, section 4.7.3): long connections end without \
                     it; here: {reason}"
                );
                vec![Advice::fault("key-update-refused", text)]
            }
            Self::Wrong { reason } => {
                let text = format!(
                    "mend the server's KeyUpdate (RFC 9846, section 4.7.3), or its keys after it: what it \
                     sends then is wrong: {reason}"
                );
                vec![Advice::fault("key-update-wrong", text)]
            }
            _ => Vec::new(),
        }
    }
}
