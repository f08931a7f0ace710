//! The sessions of a client and a server, without quinn: the test carries their messages.

use std::sync::Arc;

use handclasp_quinn::{QuicClientConfig, QuicServerConfig};
use quinn_proto::crypto::{ClientConfig as _, ServerConfig as _, Session};
use quinn_proto::transport_parameters::TransportParameters;
use quinn_proto::{Side, TransportError};

use crate::peers::NAME;

/// The parameters with this encoding.
fn parameters(encoded: &[u8]) -> TransportParameters {
    TransportParameters::read(Side::Server, &mut &encoded[..]).unwrap()
}

pub fn start_client(config: &Arc<QuicClientConfig>) -> Box<dyn Session> {
    config.clone().start_session(1, NAME, &parameters(&[])).unwrap()
}

pub fn start_server(config: &Arc<QuicServerConfig>) -> Box<dyn Session> {
    config.clone().start_session(1, &parameters(&[]))
}

/// The messages that this end sends now, those of each level together.
pub fn flight(from: &mut dyn Session) -> Vec<Vec<u8>> {
    let mut levels = Vec::new();
    loop {
        let mut messages = Vec::new();
        let has_keys = from.write_handshake(&mut messages).is_some();
        if messages.is_empty() && !has_keys {
            return levels;
        }
        if !messages.is_empty() {
            levels.push(messages);
        }
    }
}

/// Receives the messages, those of each level in a packet of their own, and returns the answer.
pub fn receive(to: &mut dyn Session, levels: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, TransportError> {
    let mut answer = Vec::new();
    for messages in levels {
        to.read_handshake(messages)?;
        answer.extend(flight(to));
    }
    Ok(answer)
}

/// Completes the handshake.
pub fn complete(client: &mut dyn Session, server: &mut dyn Session) {
    let mut from_client = flight(client);
    while !from_client.is_empty() {
        let from_server = receive(server, &from_client).unwrap();
        from_client = receive(client, &from_server).unwrap();
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
}
