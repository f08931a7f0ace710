//! Does the server resume a connection with its ticket?

use handclasp::key_schedule::PskKind;
use serde::Serialize;

use super::advice::Advice;
use super::client_certificate::CLIENT_REFUSED;
use super::cost::HandshakeCost;
use super::prober::Prober;
use super::section::{Row, Section};
use super::tickets::Tickets;

#[derive(Clone, Debug, Serialize)]
pub struct Resumption {
    pub result: ResumptionResult,
    /// Of the resumed handshake.
    pub cost: Option<HandshakeCost>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum ResumptionResult {
    /// The server took the ticket.
    Resumed,
    /// It did a full handshake in place of it.
    FullHandshake,
    /// There was no ticket to resume with.
    NoTicket,
    /// The connection failed, or was not made.
    Unknown { reason: String },
}

impl Resumption {
    /// Connects with a ticket of the connection before. Its tickets are kept, too.
    pub fn ask(prober: &mut Prober, tickets: &Tickets) -> Self {
        if tickets.tickets.iter().all(|ticket| ticket.lifetime == 0) {
            return Self::without_cost(match tickets.is_known {
                true => ResumptionResult::NoTicket,
                false => ResumptionResult::Unknown { reason: CLIENT_REFUSED.to_owned() },
            });
        }
        let builder = prober.config_builder(prober.provider()).sessions(prober.sessions.clone());
        let mut probe = match prober.connect(builder) {
            Ok(probe) => probe,
            Err(failure) => {
                let reason = failure.message;
                return Self::without_cost(ResumptionResult::Unknown { reason });
            }
        };
        let cost = HandshakeCost::of(&probe);
        let _ = probe.client.receive_tickets();
        let key = probe.client.connection.parameters().pre_shared_key;
        if key != Some(PskKind::Resumption) {
            return Self::without_cost(ResumptionResult::FullHandshake);
        }
        Self { result: ResumptionResult::Resumed, cost: Some(cost) }
    }

    fn without_cost(result: ResumptionResult) -> Self {
        Self { result, cost: None }
    }
}

impl Section for Resumption {
    fn title(&self) -> &'static str {
        "Resumption"
    }

    fn rows(&self) -> Vec<Row> {
        let works = match &self.result {
            ResumptionResult::Resumed => "yes".to_owned(),
            ResumptionResult::FullHandshake => "no: the ticket was not accepted".to_owned(),
            ResumptionResult::NoTicket => "no: there is no ticket".to_owned(),
            ResumptionResult::Unknown { reason } => format!("not known: {reason}"),
        };
        vec![Row::new("works", works)]
    }

    fn advice(&self) -> Vec<Advice> {
        if self.result != ResumptionResult::FullHandshake {
            return Vec::new();
        }
        vec![Advice::fault(
            "tickets-not-accepted",
            "find out why a ticket was not accepted on the next connection: usually several servers are behind \
             this address, and each has ticket keys of its own; give all of them the same",
        )]
    }
}
