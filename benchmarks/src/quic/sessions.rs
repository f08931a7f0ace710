//! The sessions of quinn's traits, without quinn: the benchmark carries their messages.

use handclasp_testing::NAME;
use quinn_proto::Side;
use quinn_proto::crypto::{Keys, Session};
use quinn_proto::transport_parameters::TransportParameters;

use super::Tls;

/// The number of version 1.
const VERSION: u32 = 1;

pub fn start_client(tls: &Tls) -> Box<dyn Session> {
    tls.client.clone().start_session(VERSION, NAME, &no_parameters()).unwrap()
}

pub fn start_server(tls: &Tls) -> Box<dyn Session> {
    tls.server.clone().start_session(VERSION, &no_parameters())
}

fn no_parameters() -> TransportParameters {
    TransportParameters::read(Side::Server, &mut &[][..]).unwrap()
}

/// What an end sends now: the messages of each level together. The newest keys are in `keys` then.
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
pub fn receive(to: &mut dyn Session, levels: &[Vec<u8>], keys: &mut Option<Keys>) -> Vec<Vec<u8>> {
    let mut answer = Vec::new();
    for messages in levels {
        to.read_handshake(messages).unwrap();
        answer.extend(send(to, keys));
    }
    answer
}

/// An end whose handshake is complete.
pub struct Connected {
    pub session: Box<dyn Session>,
    /// The keys of 1-RTT packets.
    pub keys: Keys,
}

/// Completes a handshake: the client, and the server.
pub fn connect(tls: &Tls) -> [Connected; 2] {
    let (mut client, mut server) = (start_client(tls), start_server(tls));
    let (mut client_keys, mut server_keys) = (None, None);
    let mut from_client = send(&mut *client, &mut client_keys);
    while !from_client.is_empty() {
        let from_server = receive(&mut *server, &from_client, &mut server_keys);
        from_client = receive(&mut *client, &from_server, &mut client_keys);
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    [(client, client_keys), (server, server_keys)]
        .map(|(session, keys)| Connected { session, keys: keys.unwrap() })
}
