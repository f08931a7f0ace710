//! One handshake of the demonstration, in memory.

use std::sync::Arc;

use handclasp::connection::Options;
use handclasp::transport::memory;
use handclasp::{ClientConnection, ServerConnection};
use handclasp_explain::Connection;

use super::scenario::Scenario;
use crate::event_log::{NoReport, SharedEventLog, Side};
use crate::failure::Failure;

/// What the client sends as 0-RTT data.
const EARLY_DATA: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

/// Both ends of a connection, and the log of what they do.
pub struct Ends {
    pub client: ClientConnection,
    pub server: ServerConnection,
    pub event_log: SharedEventLog,
}

impl Ends {
    /// Two ends that have sent nothing. With a session that allows it, the client has 0-RTT data to send.
    pub fn new(scenario: &Scenario, event_log: SharedEventLog) -> Result<Self, Failure> {
        let options = |side| {
            let mut options = Options::default();
            options.observer = Some(event_log.observer(side));
            options
        };
        let config = Arc::clone(&scenario.server);
        let server = ServerConnection::with_options(config, options(Side::Server));
        event_log.start();
        let config = Arc::clone(&scenario.client);
        let name = scenario.name.clone();
        let mut client = ClientConnection::with_options(config, name, options(Side::Client));
        client.write_early_data(EARLY_DATA)?;
        Ok(Self { client, server, event_log })
    }

    /// Performs the handshake.
    pub fn exchange(&mut self) -> Result<(), Failure> {
        let result = memory::exchange(&mut self.client, &mut self.server);
        self.event_log.finish();
        Ok(result?)
    }

    /// The connection as the client and as the server saw it.
    pub fn accounts(&self) -> [Connection; 2] {
        [Side::Client, Side::Server].map(|side| self.event_log.recorder(side).connection())
    }
}

/// A handshake of which nothing is reported: its tickets are for the next one.
pub fn silent(scenario: &Scenario) -> Result<Ends, Failure> {
    let event_log = SharedEventLog::with_account(false, Box::new(NoReport), false);
    let mut ends = Ends::new(scenario, event_log)?;
    ends.exchange()?;
    Ok(ends)
}
