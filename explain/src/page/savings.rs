//! What resumption and 0-RTT saved, or would save.

use super::overview::chosen;
use super::text::bytes;
use crate::account::{Account, ChoiceSubject, Connection, Field, Message, Outcome, Side, Value};

/// What this handshake cost, and what was saved.
pub(super) struct Savings {
    /// Sentences, the most important one first. None for a handshake that is not complete.
    pub lines: Vec<String>,
    /// Bytes of the server's handshake messages by their names, for the picture.
    pub bars: Vec<Bar>,
}

/// The size of what a side sent of one message.
pub(super) struct Bar {
    pub name: String,
    pub sender: &'static str,
    pub bytes: String,
    /// Thousandths of the longest bar.
    pub thousandths: usize,
}

pub(super) fn of(account: &Account, connection: &Connection) -> Savings {
    let mut savings = Savings { lines: Vec::new(), bars: bars(connection) };
    if !matches!(connection.outcome, Outcome::Complete | Outcome::FailedLater) {
        return savings;
    }
    savings.round_trips(connection);
    savings.certificates(account, connection);
    savings.next_time(connection);
    savings
}

impl Savings {
    fn say(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    fn round_trips(&mut self, connection: &Connection) {
        let retried = connection.message("HelloRetryRequest").is_some();
        let early = chosen(connection, ChoiceSubject::EarlyData);
        if retried {
            self.say(
                "The HelloRetryRequest cost a round trip: the client’s first ClientHello had no key share \
                 that the server takes, or no cookie.",
            );
        }
        match early {
            Some(Value::Number(1)) => self.say(
                "0-RTT saved a round trip: the client’s first data went out with its ClientHello, before \
                 the server had answered.",
            ),
            Some(_) => self.say(
                "The client sent 0-RTT data, and the server did not take them: they had to be sent again, \
                 and no round trip was saved.",
            ),
            None if !retried => self.say(
                "The client waited for one round trip before its first data. TLS 1.2 needs two for a full \
                 handshake.",
            ),
            None => {}
        }
    }

    fn certificates(&mut self, account: &Account, connection: &Connection) {
        if chosen(connection, ChoiceSubject::PreSharedKey).is_none() {
            return;
        }
        let origin = connection.resumed_from.and_then(|ticket| {
            account.connections.iter().find(|other| other.number == ticket.connection)
        });
        match origin.map(authentication_bytes) {
            Some(saved) if saved > 0 => self.say(format!(
                "The pre-shared key saved the server’s Certificate and CertificateVerify: {} in the \
                 connection that gave the ticket. It also saved a signature, and the check of the chain.",
                bytes(saved)
            )),
            _ => self.say(
                "The pre-shared key saved the server’s Certificate and CertificateVerify, a signature, and \
                 the check of the chain.",
            ),
        }
    }

    /// What the tickets of this connection would save.
    fn next_time(&mut self, connection: &Connection) {
        let mut tickets = connection.messages.iter().filter(|it| it.name == "NewSessionTicket");
        let Some(ticket) = tickets.next_back() else { return };
        let authentication = authentication_bytes(connection);
        if authentication > 0 {
            let sent = bytes(connection.sizes.server.message_bytes);
            self.say(format!(
                "A ticket makes the next handshake shorter: it needs no Certificate and no \
                 CertificateVerify of the server, which are {} of the {sent} of its handshake messages.",
                bytes(authentication)
            ));
        }
        match ticket.find("max_early_data_size").and_then(Field::number) {
            Some(size) if size > 0 => self.say(format!(
                "The next connection may send up to {} of 0-RTT data, and wait for no round trip.",
                bytes(size)
            )),
            _ => self.say("The ticket allows no 0-RTT data."),
        }
    }
}

/// The bytes of the server's Certificate and CertificateVerify.
fn authentication_bytes(connection: &Connection) -> u64 {
    let names = ["Certificate", "CompressedCertificate", "CertificateVerify"];
    let is_authentication = |message: &&Message| {
        message.sender == Side::Server && names.contains(&message.name.as_str())
    };
    connection.messages.iter().filter(is_authentication).map(|it| it.length as u64).sum()
}

/// The longest messages of the handshake, in their order.
fn bars(connection: &Connection) -> Vec<Bar> {
    /// More would be no picture.
    const MOST: usize = 12;
    let messages = || connection.messages.iter().take(MOST);
    let longest = messages().map(|message| message.length).max().unwrap_or_default().max(1);
    let bar = |message: &Message| Bar {
        name: message.name.clone(),
        sender: message.sender.name(),
        bytes: bytes(message.length as u64),
        thousandths: message.length * 1000 / longest,
    };
    messages().map(bar).collect()
}
