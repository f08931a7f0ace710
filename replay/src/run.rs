//! One role of a trace, through the public API: the trace plays the other.

use handclasp::Connection;
use handclasp::connection::{ClientConnection, Options, Received, ServerConnection};
use handclasp::record::HEADER_LENGTH;
use handclasp::registry::{ContentType, HandshakeType};
use handclasp::wire::{HandshakeMessage, NewSessionTicket};

use crate::Role;
use crate::primitives::Shares;
use crate::scenario::{Scenario, SetUpError};
use crate::vectors::{Record, Trace};
use crate::watch::Watcher;

/// What came of a run.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub watcher: Watcher,
    /// The public keys that were made, in order.
    pub shares: Shares,
    /// The records that were sent, in order.
    pub emitted: Vec<Vec<u8>>,
    /// The application data that came, a piece for each record.
    pub data: Vec<Vec<u8>>,
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error(transparent)]
    SetUp(#[from] SetUpError),
    #[error(transparent)]
    Handshake(#[from] handclasp::Error),
    #[error("a record of the trace was not taken whole")]
    NotTaken,
    #[error("a record is due, and none was sent")]
    NothingSent,
    #[error("more was sent than the trace has")]
    TooMuchSent,
    #[error("a ticket of the trace cannot be parsed")]
    Ticket,
}

enum Side {
    Client(ClientConnection),
    Server(ServerConnection),
}

impl Side {
    fn connection(&mut self) -> &mut Connection {
        match self {
            Self::Client(client) => client,
            Self::Server(server) => server,
        }
    }
}

impl Run {
    /// Plays `role` to the end of the trace or the first error.
    pub(crate) fn play(
        &mut self,
        role: Role,
        trace: &Trace,
        scenario: &Scenario<'_>,
    ) -> Result<(), RunError> {
        let mut side = self.connect(role, scenario)?;
        for record in &trace.derived.records {
            if record.side == role {
                self.send(&mut side, record)?;
            } else {
                self.receive(side.connection(), record)?;
            }
        }
        match side.connection().outgoing() {
            [] => Ok(()),
            _ => Err(RunError::TooMuchSent),
        }
    }

    fn connect(&self, role: Role, scenario: &Scenario<'_>) -> Result<Side, RunError> {
        let observer = Some(Box::new(self.watcher.clone()) as _);
        let mut options = Options::new(scenario.now());
        options.observer = observer;
        let shares = self.shares.clone();
        Ok(match role {
            Role::Client => {
                let config = scenario.client(shares, &self.watcher)?;
                let name = scenario.server_name()?;
                Side::Client(ClientConnection::with_options(config, name, options))
            }
            Role::Server => {
                let config = scenario.server(shares)?;
                Side::Server(ServerConnection::with_options(config, options))
            }
        })
    }

    /// Does what makes this record due, unless the handshake did so by itself, and takes it.
    fn send(&mut self, side: &mut Side, record: &Record) -> Result<(), RunError> {
        let payload = &record.payload.0;
        match (ContentType(record.content_type), side) {
            (ContentType::APPLICATION_DATA, side) if record.epoch == "early" => {
                side.connection().write_early_data(payload)?;
                self.take(side.connection())
            }
            (ContentType::APPLICATION_DATA, side) => {
                side.connection().write(payload)?;
                self.take(side.connection())
            }
            (ContentType::ALERT, side) => {
                side.connection().close();
                self.take(side.connection())
            }
            (_, Side::Server(server)) => {
                let message = HandshakeMessage::split(payload).map(|(message, _)| message);
                let is_ticket =
                    |it: &HandshakeMessage<'_>| it.kind == HandshakeType::NEW_SESSION_TICKET;
                if let Some(message) = message.filter(is_ticket) {
                    let ticket = NewSessionTicket::parse(message.body);
                    server.send_ticket(&ticket.map_err(|_| RunError::Ticket)?)?;
                }
                self.take(server)
            }
            (_, Side::Client(client)) => self.take(client),
        }
    }

    fn take(&mut self, connection: &mut Connection) -> Result<(), RunError> {
        let outgoing = connection.outgoing();
        let header = outgoing.first_chunk::<HEADER_LENGTH>().ok_or(RunError::NothingSent)?;
        let length = HEADER_LENGTH + usize::from(u16::from_be_bytes([header[3], header[4]]));
        let record = outgoing.get(..length).ok_or(RunError::NothingSent)?.to_vec();
        connection.sent(length);
        self.emitted.push(record);
        Ok(())
    }

    fn receive(&mut self, connection: &mut Connection, record: &Record) -> Result<(), RunError> {
        let mut bytes = record.record.0.clone();
        let (taken, received) = connection.receive(&mut bytes)?;
        let whole = match received {
            Received::Data(data) | Received::EarlyData(data) => {
                self.data.push(data.to_vec());
                true
            }
            received => matches!(received, Received::Handled | Received::Closed),
        };
        match whole && taken == record.record.0.len() {
            true => Ok(()),
            false => Err(RunError::NotTaken),
        }
    }
}
