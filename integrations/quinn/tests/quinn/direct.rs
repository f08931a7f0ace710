//! The sessions of a client and a server, without quinn: the test carries their messages.

use std::sync::Arc;

use handclasp_quinn::{QuicClientConfig, QuicServerConfig};
use handclasp_testing::quic_sessions::{self, VERSION, no_parameters};
use quinn_proto::TransportError;
use quinn_proto::crypto::{ClientConfig as _, ServerConfig as _, Session};

use crate::peers::NAME;

pub fn start_client(config: &Arc<QuicClientConfig>) -> Box<dyn Session> {
    config.clone().start_session(VERSION, NAME, &no_parameters()).unwrap()
}

pub fn start_server(config: &Arc<QuicServerConfig>) -> Box<dyn Session> {
    config.clone().start_session(VERSION, &no_parameters())
}

/// The messages that this end sends now, those of each level together.
pub fn flight(from: &mut dyn Session) -> Vec<Vec<u8>> {
    quic_sessions::send(from, &mut None)
}

/// Receives the messages, those of each level in a packet of their own, and returns the answer.
pub fn receive(to: &mut dyn Session, levels: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, TransportError> {
    quic_sessions::receive(to, levels, &mut None)
}
