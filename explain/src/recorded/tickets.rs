//! Which connection gave the ticket that another one was resumed with.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use crate::account::{ChoiceSubject, Connection, TicketOrigin, Value};

/// The most tickets that are remembered.
pub const MAX_TICKETS: usize = 200_000;

/// Remembers tickets by their bytes, which are the identity of the pre-shared key that they are used as.
#[derive(Debug, Default)]
pub struct Tickets {
    /// Two hashes of a ticket, under random keys: no peer can make tickets that collide.
    origins: HashMap<[u64; 2], TicketOrigin>,
    states: [RandomState; 2],
    /// How many messages were looked at: each of them once.
    #[cfg(test)]
    pub(crate) messages_read: usize,
}

impl Tickets {
    /// Says where the connection's ticket is from, if it was resumed with one, and remembers the tickets
    /// that it gives.
    pub fn link(&mut self, connection: &mut Connection) {
        self.find_origin(connection);
        self.learn(connection);
    }

    /// Says where the connection's ticket is from, if it was resumed with one.
    pub(crate) fn find_origin(&self, connection: &mut Connection) {
        if let Some(Value::Bytes(identity)) = chosen_key(connection) {
            connection.resumed_from = self.origins.get(&self.key(&identity.0)).copied();
        }
    }

    /// Remembers the tickets that a connection gives.
    pub fn learn(&mut self, connection: &Connection) {
        self.learn_newer(connection, &mut 0);
    }

    /// Remembers the tickets in those of its messages that are new: `learned` of them are known.
    pub(crate) fn learn_newer(&mut self, connection: &Connection, learned: &mut usize) {
        let newer = connection.messages.iter().enumerate().skip(*learned);
        *learned = connection.messages.len();
        for (index, message) in newer {
            #[cfg(test)]
            {
                self.messages_read += 1;
            }
            if message.name != "NewSessionTicket" || self.origins.len() >= MAX_TICKETS {
                continue;
            }
            let ticket = message.find("ticket").and_then(|ticket| ticket.find("data"));
            if let Some(Value::Bytes(ticket)) = ticket.and_then(|ticket| ticket.value.as_ref()) {
                let origin = TicketOrigin { connection: connection.number, message: index };
                // The connection that gave a ticket first is the one that it is from.
                self.origins.entry(self.key(&ticket.0)).or_insert(origin);
            }
        }
    }

    fn key(&self, ticket: &[u8]) -> [u64; 2] {
        [self.states[0].hash_one(ticket), self.states[1].hash_one(ticket)]
    }
}

/// The identity of the pre-shared key that was chosen.
fn chosen_key(connection: &Connection) -> Option<&Value> {
    let mut choices = connection.choices.iter();
    let keys = choices.find(|choice| choice.subject == ChoiceSubject::PreSharedKey)?;
    keys.chosen.as_ref()
}
