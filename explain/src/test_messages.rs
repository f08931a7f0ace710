//! Messages and records for tests, as a hostile peer or the author of a capture writes them.

use std::sync::Arc;

use handclasp::crypto::CryptoProvider;
use handclasp::registry::{ContentType, HandshakeType};

use crate::account::{Connection, Field, ProblemKind};
use crate::recorded::{Decoder, KeyLogSecrets};
use crate::{Options, Side};

/// The random of [`client_hello`].
pub(crate) const RANDOM: [u8; 32] = [7; 32];

/// A vector whose length has `width` bytes.
pub(crate) fn vector(width: usize, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u64).to_be_bytes();
    [&length[8 - width..], content].concat()
}

/// A handshake message.
pub(crate) fn message(kind: HandshakeType, body: &[u8]) -> Vec<u8> {
    [&[kind.0][..], &vector(3, body)].concat()
}

/// Records with this content, which is cut where a record is full.
pub(crate) fn records(kind: ContentType, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for piece in content.chunks(1 << 14) {
        bytes.extend([kind.0, 3, 3]);
        bytes.extend(vector(2, piece));
    }
    bytes
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &vector(2, content)].concat()
}

/// A ClientHello of TLS 1.3 with these suites, which announces 0-RTT data for a pre-shared key.
pub(crate) fn client_hello(suites: &[u8], identity: &[u8]) -> Vec<u8> {
    let keys =
        [vector(2, &[vector(2, identity), vec![0; 4]].concat()), vector(2, &vector(1, &[7; 32]))];
    hello_with(suites, &[extension(42, &[]), extension(41, &keys.concat())].concat())
}

/// A ClientHello of TLS 1.3 that announces no 0-RTT data.
pub(crate) fn hello_without_early_data() -> Vec<u8> {
    hello_with(&[0x13, 1], &[])
}

fn hello_with(suites: &[u8], last_extensions: &[u8]) -> Vec<u8> {
    let extensions = [
        extension(43, &vector(1, &[3, 4])),
        extension(13, &vector(2, &[8, 4])),
        extension(10, &vector(2, &[0, 0x1d])),
        extension(51, &vector(2, &[vec![0, 0x1d], vector(2, &[9; 32])].concat())),
        extension(45, &vector(1, &[1])),
        last_extensions.to_vec(),
    ];
    let start = [&[3, 3][..], &RANDOM, &[0]].concat();
    let end = [vector(2, suites), vec![1, 0], vector(2, &extensions.concat())].concat();
    message(HandshakeType::CLIENT_HELLO, &[start, end].concat())
}

/// A ServerHello of TLS 1.3 that takes the first pre-shared key.
pub(crate) fn server_hello() -> Vec<u8> {
    let extensions = [
        extension(43, &[3, 4]),
        extension(41, &[0, 0]),
        extension(51, &[vec![0, 0x1d], vector(2, &[9; 32])].concat()),
    ];
    let start = [&[3, 3][..], &[9; 32], &[0, 0x13, 1, 0]].concat();
    message(HandshakeType::SERVER_HELLO, &[start, vector(2, &extensions.concat())].concat())
}

/// A NewSessionTicket with this ticket.
pub(crate) fn new_session_ticket(ticket: &[u8]) -> Vec<u8> {
    let body = [vec![0, 0, 0, 100, 0, 0, 0, 1], vector(1, &[1]), vector(2, ticket), vec![0, 0]];
    message(HandshakeType::NEW_SESSION_TICKET, &body.concat())
}

pub(crate) fn options() -> Options {
    Options::new(CryptoProvider::default())
}

/// The account of what a side sends in handshake records without protection.
pub(crate) fn account_of(sender: Side, messages: &[u8]) -> Connection {
    let mut decoder = Decoder::new(options(), Arc::new(KeyLogSecrets::default()));
    decoder.bytes(sender, None, &records(ContentType::HANDSHAKE, messages));
    decoder.finish()
}

/// How many fields there are, at any depth.
pub(crate) fn count(fields: &[Field]) -> usize {
    fields.iter().map(|field| 1 + count(&field.fields)).sum()
}

/// The limits that were reached.
pub(crate) fn limits(connection: &Connection) -> Vec<&'static str> {
    let mut limits = Vec::new();
    for problem in &connection.problems {
        if let ProblemKind::LimitReached { limit } = problem.kind {
            limits.push(limit);
        }
    }
    limits
}
