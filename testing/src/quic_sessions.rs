//! The sessions of quinn's traits, without quinn: a test or a benchmark carries their messages.

use quinn_proto::crypto::{Keys, Session};
use quinn_proto::transport_parameters::TransportParameters;
use quinn_proto::{Side, TransportError};

/// The number of version 1.
pub const VERSION: u32 = 1;

/// No transport parameter.
pub fn no_parameters() -> TransportParameters {
    TransportParameters::read(Side::Server, &mut &[][..]).unwrap()
}

/// What an end sends now: the messages of each level together. Its newest keys are in `keys` then.
pub fn send(from: &mut dyn Session, keys: &mut Option<Keys>) -> Vec<Vec<u8>> {
    let mut levels = Vec::new();
    loop {
        let mut messages = Vec::new();
        let new_keys = from.write_handshake(&mut messages);
        if messages.is_empty() && new_keys.is_none() {
            return levels;
        }
        if !messages.is_empty() {
            levels.push(messages);
        }
        if new_keys.is_some() {
            *keys = new_keys;
        }
    }
}

/// Receives the messages, those of each level in a packet of their own, and returns the answer.
pub fn receive(
    to: &mut dyn Session,
    levels: &[Vec<u8>],
    keys: &mut Option<Keys>,
) -> Result<Vec<Vec<u8>>, TransportError> {
    let mut answer = Vec::new();
    for messages in levels {
        to.read_handshake(messages)?;
        answer.extend(send(to, keys));
    }
    Ok(answer)
}

/// Completes the handshake. Returns the keys of 1-RTT packets, those of the client first.
pub fn complete(client: &mut dyn Session, server: &mut dyn Session) -> [Keys; 2] {
    let [mut client_keys, mut server_keys] = [None, None];
    let mut from_client = send(client, &mut client_keys);
    while !from_client.is_empty() {
        let from_server = receive(server, &from_client, &mut server_keys).unwrap();
        from_client = receive(client, &from_server, &mut client_keys).unwrap();
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    [client_keys, server_keys].map(Option::unwrap)
}
