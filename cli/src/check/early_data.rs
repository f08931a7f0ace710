//! Does the server accept 0-RTT data?

use handclasp::handshake::EarlyData as State;
use serde::Serialize;

use super::advice::Advice;
use super::client_certificate::CLIENT_REFUSED;
use super::cost::HandshakeCost;
use super::prober::Prober;
use super::section::{Row, Section};
use super::tickets::Tickets;

#[derive(Clone, Debug, Serialize)]
pub struct EarlyData {
    pub result: EarlyDataResult,
    /// Of the handshake with 0-RTT data.
    pub cost: Option<HandshakeCost>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum EarlyDataResult {
    Accepted,
    Rejected {
        /// The server asked for another ClientHello, which has no 0-RTT data.
        retried: bool,
    },
    /// No ticket that was left allows them.
    NotAllowed,
    /// The connection failed, or was not made.
    Unknown {
        reason: String,
    },
}

impl EarlyData {
    /// Resumes with an offer of 0-RTT data. None are sent: they could have an effect on the server. `tickets`
    /// are those of the first connection.
    pub fn ask(prober: &mut Prober, tickets: &Tickets) -> Self {
        let sessions = prober.sessions.sessions();
        // The newest session is taken first.
        if sessions.last().is_none_or(|session| session.max_early_data_size() == 0) {
            return Self::without_cost(match tickets.is_known {
                true => EarlyDataResult::NotAllowed,
                false => EarlyDataResult::Unknown { reason: CLIENT_REFUSED.to_owned() },
            });
        }
        let builder = prober.config_builder(prober.provider());
        let builder = builder.sessions(prober.sessions.clone()).early_data(true);
        let probe = match prober.connect(builder) {
            Ok(probe) => probe,
            Err(failure) => {
                return Self::without_cost(EarlyDataResult::Unknown { reason: failure.message });
            }
        };
        let parameters = probe.client.connection.parameters();
        match parameters.early_data {
            State::Accepted => {
                Self { result: EarlyDataResult::Accepted, cost: Some(HandshakeCost::of(&probe)) }
            }
            State::Rejected => {
                Self::without_cost(EarlyDataResult::Rejected { retried: parameters.retried })
            }
            _ => Self::without_cost(EarlyDataResult::NotAllowed),
        }
    }

    fn without_cost(result: EarlyDataResult) -> Self {
        Self { result, cost: None }
    }
}

impl Section for EarlyData {
    fn title(&self) -> &'static str {
        "0-RTT data"
    }

    fn rows(&self) -> Vec<Row> {
        let accepted = match &self.result {
            EarlyDataResult::Accepted => "yes".to_owned(),
            EarlyDataResult::Rejected { retried: true } => {
                "no: the server sent a HelloRetryRequest, which rejects them".to_owned()
            }
            EarlyDataResult::Rejected { retried: false } => {
                "no: offered with a ticket that allows them".to_owned()
            }
            EarlyDataResult::NotAllowed => "no: no ticket allows them".to_owned(),
            EarlyDataResult::Unknown { reason } => format!("not known: {reason}"),
        };
        vec![Row::new("accepted", accepted)]
    }

    fn advice(&self) -> Vec<Advice> {
        match self.result {
            EarlyDataResult::Accepted => vec![Advice::note(
                "early-data-accepted",
                "an attacker can replay 0-RTT data: accept in them only what may be processed twice (RFC 9846, \
                 section 8)",
            )],
            EarlyDataResult::Rejected { retried: true } => vec![Advice::note(
                "early-data-retried",
                "the server asks for a key share of another group, and that rejects 0-RTT data: let it prefer a \
                 group of the usual shares (see Key share)",
            )],
            EarlyDataResult::Rejected { retried: false } => vec![Advice::note(
                "early-data-rejected",
                "the ticket allows 0-RTT data, and the server did not accept them: a server that has just \
                 started cannot know whether they are a replay, and others may share a register",
            )],
            _ => Vec::new(),
        }
    }
}
