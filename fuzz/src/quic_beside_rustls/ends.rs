//! An end of QUIC, of either library, to which messages come without packets.

use std::sync::Arc;

use handclasp::Level;
use handclasp::connection::Options;
use handclasp::handshake::Side;
use handclasp::quic::{Connection, Event, Version, error_code};
use handclasp_testing::deterministic::{self, Scenario};
use rustls::quic::KeyChange;

use crate::differential::{Outcome, Secrets, Watcher};
use crate::theirs;

/// What a CRYPTO_ERROR begins at (RFC 9001, section 4.8).
const CRYPTO_ERROR: u64 = 0x0100;

/// The transport parameters of each side: max_idle_timeout.
pub const PARAMETERS: [u8; 3] = [1, 1, 9];

pub trait End {
    /// The messages that it sends now.
    fn take(&mut self) -> Vec<u8>;
    /// Gives it CRYPTO data at the level that it reads.
    fn receive(&mut self, data: &[u8], outcome: &mut Outcome);
    /// Its peer's Finished has come.
    fn is_complete(&self) -> bool;
    /// It has keys to open Handshake packets.
    fn has_handshake_keys(&self) -> bool;
    /// The traffic secret of this label, once it is there.
    fn secret(&self, label: &str) -> Option<Vec<u8>>;
    /// Says what it takes as agreed.
    fn settle(&self, outcome: &mut Outcome);
}

/// An end of ours.
pub struct Ours {
    connection: Connection,
    secrets: Secrets,
}

impl Ours {
    pub fn new(side: Side, scenario: Scenario) -> Self {
        let secrets = Secrets::default();
        let mut options = Options::new(deterministic::now());
        options.observer = Some(Box::new(Watcher(Arc::clone(&secrets))));
        let (version, parameters) = (Version::V1, PARAMETERS.to_vec());
        let connection = match side {
            Side::Client => {
                let config = deterministic::client_config(scenario);
                Connection::client(config, version, theirs::name(), parameters, options)
            }
            Side::Server => {
                let config = deterministic::server_config(scenario);
                Connection::server(config, version, parameters, options)
            }
        };
        Self { connection: connection.expect("QUIC can have it"), secrets }
    }
}

impl End for Ours {
    fn take(&mut self) -> Vec<u8> {
        let mut sent = Vec::new();
        while let Some(event) = self.connection.next_event() {
            if let Event::CryptoData { data, .. } = event {
                sent.extend_from_slice(&data);
            }
        }
        sent
    }

    fn receive(&mut self, data: &[u8], outcome: &mut Outcome) {
        let level = self.connection.read_level();
        if let Err(error) = self.connection.receive_next(level, data) {
            let code = error_code(&error).expect("the peer is at fault");
            outcome.alert = code.checked_sub(CRYPTO_ERROR).map(|alert| alert as u8);
            outcome.error = Some(error.to_string());
        }
    }

    fn is_complete(&self) -> bool {
        !self.connection.is_handshaking()
    }

    fn has_handshake_keys(&self) -> bool {
        self.connection.read_level() != Level::Initial
    }

    fn secret(&self, label: &str) -> Option<Vec<u8>> {
        self.secrets.lock().expect("no holder panics").get(label).cloned()
    }

    fn settle(&self, outcome: &mut Outcome) {
        outcome.settle(self.connection.parameters());
        outcome.transport_parameters = self.connection.parameters().transport_parameters.clone();
    }
}

/// An end of rustls.
pub struct Theirs {
    connection: rustls::quic::Connection,
    has_handshake_keys: bool,
}

impl Theirs {
    pub fn new(side: Side, scenario: Scenario) -> Self {
        theirs::forget_secrets();
        let (version, parameters) = (rustls::quic::Version::V1, PARAMETERS.to_vec());
        let connection = match side {
            Side::Client => {
                let (config, name) = (theirs::client_config(), theirs::name());
                let client = rustls::quic::ClientConnection::new(config, version, name, parameters);
                client.expect("it starts").into()
            }
            Side::Server => {
                let config = theirs::server_config(scenario);
                let server = rustls::quic::ServerConnection::new(config, version, parameters);
                server.expect("it starts").into()
            }
        };
        Self { connection, has_handshake_keys: false }
    }
}

impl End for Theirs {
    fn take(&mut self) -> Vec<u8> {
        let mut sent = Vec::new();
        loop {
            let length = sent.len();
            match self.connection.write_hs(&mut sent) {
                Some(KeyChange::Handshake { .. }) => self.has_handshake_keys = true,
                Some(KeyChange::OneRtt { .. }) => {}
                None if sent.len() == length => return sent,
                None => {}
            }
        }
    }

    fn receive(&mut self, data: &[u8], outcome: &mut Outcome) {
        if let Err(error) = self.connection.read_hs(data) {
            outcome.alert = self.connection.alert().map(u8::from);
            outcome.error = Some(format!("{error:?}"));
        }
    }

    fn is_complete(&self) -> bool {
        !self.connection.is_handshaking()
    }

    fn has_handshake_keys(&self) -> bool {
        self.has_handshake_keys
    }

    fn secret(&self, label: &str) -> Option<Vec<u8>> {
        theirs::secret(label)
    }

    fn settle(&self, outcome: &mut Outcome) {
        theirs::settle(&self.connection, outcome);
        outcome.transport_parameters =
            self.connection.quic_transport_parameters().map(<[u8]>::to_vec);
    }
}
