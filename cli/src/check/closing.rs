//! Does the server end its data with close_notify?

use std::time::{Duration, Instant};

use serde::Serialize;

use super::advice::Advice;
use super::prober::Probe;
use super::section::{Row, Section};
use crate::client::ReceiveEnd;

/// How long the end is waited for.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// What the server does when the client has closed its direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Closing {
    /// It sends close_notify.
    CloseNotify,
    /// It closes the transport without close_notify.
    Truncated,
    /// It keeps the connection open.
    Open,
    /// The connection has failed before.
    Unknown { reason: String },
}

impl Closing {
    /// Closes the client's direction, and receives the end. `so_far` is how the connection has gone on after
    /// the handshake.
    pub fn of(probe: &mut Probe, so_far: ReceiveEnd) -> Self {
        match so_far {
            ReceiveEnd::CloseNotify => return Self::CloseNotify,
            ReceiveEnd::Failed(failure) => return Self::Unknown { reason: failure.message },
            ReceiveEnd::Silence | ReceiveEnd::Enough => {}
        }
        probe.client.connection.close();
        if let Err(error) = probe.client.send(Instant::now() + CLOSE_TIMEOUT) {
            return Self::Unknown { reason: error.to_string() };
        }
        match probe.client.receive_until(CLOSE_TIMEOUT, CLOSE_TIMEOUT, || false) {
            ReceiveEnd::CloseNotify => Self::CloseNotify,
            ReceiveEnd::Silence | ReceiveEnd::Enough => Self::Open,
            ReceiveEnd::Failed(failure) => match failure.code_of_diagnosis() {
                Some("truncated" | "reset") => Self::Truncated,
                _ => Self::Unknown { reason: failure.message },
            },
        }
    }
}

impl Section for Closing {
    fn title(&self) -> &'static str {
        "Closing"
    }

    fn rows(&self) -> Vec<Row> {
        let seconds = CLOSE_TIMEOUT.as_secs();
        let close_notify = match self {
            Self::CloseNotify => "yes".to_owned(),
            Self::Truncated => "no: the server closes the transport without it".to_owned(),
            Self::Open => format!("not known: the connection was open for {seconds} seconds more"),
            Self::Unknown { reason } => format!("not known: {reason}"),
        };
        vec![Row::new("close_notify", close_notify)]
    }

    fn advice(&self) -> Vec<Advice> {
        if *self != Self::Truncated {
            return Vec::new();
        }
        vec![Advice::improvement(
            "no-close-notify",
            "send close_notify before the connection is closed (RFC 9846, section 6.1): without it a client \
             cannot see whether data are missing",
        )]
    }
}
