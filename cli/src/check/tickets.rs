//! Does the server give tickets for resumption: how many, for how long, and with 0-RTT data?

use handclasp_explain::{Connection, Message, Side};
use serde::Serialize;

use super::advice::Advice;
use super::client_certificate::{CLIENT_REFUSED, ClientCertificate};
use super::section::{Row, Section};

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tickets {
    /// Whether the server has kept the connection, so that it could send tickets.
    pub is_known: bool,
    /// Those that came right after the handshake.
    pub tickets: Vec<Ticket>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ticket {
    /// In seconds.
    pub lifetime: u64,
    /// The length of the ticket itself, in bytes.
    pub length: usize,
    /// How many bytes of 0-RTT data the server takes with it; zero for none.
    pub max_early_data_size: u64,
}

impl Tickets {
    /// The tickets of a connection, which the server has ended if it refuses the `client`.
    pub fn of(connection: &Connection, client: &ClientCertificate) -> Self {
        let messages = connection
            .messages
            .iter()
            .filter(|message| message.name == "NewSessionTicket" && message.sender == Side::Server);
        let tickets = messages.map(|message| Ticket {
            lifetime: number(message, "ticket_lifetime"),
            length: message.find("ticket").map_or(0, |field| field.length().saturating_sub(2)),
            max_early_data_size: number(message, "max_early_data_size"),
        });
        Self { is_known: !client.is_refused(), tickets: tickets.collect() }
    }
}

/// The number in this field; zero if it is not there.
fn number(message: &Message, field: &str) -> u64 {
    message.find(field).and_then(|field| field.number()).unwrap_or_default()
}

impl Section for Tickets {
    fn title(&self) -> &'static str {
        "Tickets"
    }

    fn rows(&self) -> Vec<Row> {
        if !self.is_known {
            return vec![Row::new("number", format!("not known: {CLIENT_REFUSED}"))];
        }
        let mut rows = vec![Row::new("number", self.tickets.len().to_string())];
        if let Some(ticket) = self.tickets.first() {
            rows.push(Row::new("lifetime", lifetime(ticket.lifetime)));
            rows.push(Row::new("length", format!("{} bytes", ticket.length)));
            let early = match ticket.max_early_data_size {
                0 => "not allowed".to_owned(),
                size => format!("up to {size} bytes"),
            };
            rows.push(Row::new("0-RTT data", early));
        }
        rows
    }

    fn advice(&self) -> Vec<Advice> {
        match self.tickets.first() {
            None if !self.is_known => Vec::new(),
            None => vec![Advice::improvement(
                "no-tickets",
                "let the server send tickets: without them each connection needs a certificate and a \
                 signature",
            )],
            Some(ticket) if ticket.lifetime == 0 => vec![Advice::improvement(
                "ticket-lifetime-zero",
                "give tickets a lifetime: clients drop those with a lifetime of zero",
            )],
            Some(_) => Vec::new(),
        }
    }
}

fn lifetime(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} seconds"),
        120..7200 => format!("{} minutes", seconds / 60),
        7200..172_800 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
