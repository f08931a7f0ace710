//! Messages and records, written by hand.

use handclasp::registry::{ContentType, HandshakeType};
use handclasp::wire::ExtensionType;

/// A vector of which the length has `prefix` bytes.
pub fn vector(prefix: usize, content: &[u8]) -> Vec<u8> {
    let length = u64::try_from(content.len()).unwrap().to_be_bytes();
    let (high, low) = length.split_at(length.len() - prefix);
    assert!(high.iter().all(|byte| *byte == 0), "{} bytes are too many", content.len());
    [low, content].concat()
}

pub fn vector16(content: &[u8]) -> Vec<u8> {
    vector(2, content)
}

pub fn extension(kind: ExtensionType, body: &[u8]) -> Vec<u8> {
    [&kind.0.to_be_bytes()[..], &vector16(body)].concat()
}

pub fn handshake_message(kind: HandshakeType, body: &[u8]) -> Vec<u8> {
    [&[kind.0][..], &vector(3, body)].concat()
}

/// A record without protection.
pub fn record(kind: ContentType, content: &[u8]) -> Vec<u8> {
    [&[kind.0, 3, 3][..], &vector16(content)].concat()
}
