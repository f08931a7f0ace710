//! Packets that are made here, with the keys of the library.

use handclasp::registry::HandshakeType;

use super::*;
use crate::test_messages::{hello_without_early_data, options};

const DESTINATION: [u8; 8] = [8; 8];

/// An Initial packet of the client with these frames.
fn initial(version: Version, number: u8, frames: &[u8]) -> Vec<u8> {
    let keys =
        InitialKeys::new(&options().provider, version, &DESTINATION, handshake::Side::Client);
    let keys = keys.unwrap().local;
    let kind = if version == Version::V2 { 0xd0 } else { 0xc0 };
    let mut packet = vec![kind];
    packet.extend(version.number().to_be_bytes());
    packet.push(DESTINATION.len() as u8);
    packet.extend(DESTINATION);
    // No own connection ID, and no token.
    packet.extend([0, 0]);
    let length = (1 + frames.len() + 16) as u16;
    packet.extend((0x4000 | length).to_be_bytes());
    let number_offset = packet.len();
    packet.push(number);
    let mut payload = frames.to_vec();
    let tag = keys.packet.encrypt_in_place(number.into(), &packet, &mut payload).unwrap();
    packet.extend(payload);
    packet.extend(tag);
    keys.header.protect(number_offset, &mut packet).unwrap();
    packet
}

fn crypto(offset: u16, data: &[u8]) -> Vec<u8> {
    let [high, low] = (0x4000 | offset).to_be_bytes();
    let [length_high, length_low] = (0x4000 | data.len() as u16).to_be_bytes();
    [&[6, high, low, length_high, length_low][..], data].concat()
}

#[test]
fn crypto_frames_come_in_any_order_in_both_versions() {
    let hello = hello_without_early_data();
    let (first, rest) = hello.split_at(40);
    for version in [Version::V1, Version::V2] {
        // PADDING and PING around the frames; the end of the hello first.
        let end = [&[0, 1][..], &crypto(40, rest), &[0; 20]].concat();
        let end = initial(version, 0, &end);
        let mut beginning = initial(version, 1, &[crypto(0, first), vec![0; 20]].concat());
        let secrets = Arc::default();
        let mut decoder = QuicDecoder::begin(&end, &options(), &secrets).unwrap();
        decoder.datagram(Side::Client, Some(1), &end);
        assert!(decoder.connection_mut().messages.is_empty());
        // Another packet may follow in the same datagram.
        beginning.extend(&end);
        decoder.datagram(Side::Client, Some(2), &beginning);
        let connection = decoder.finish();
        let [message] = connection.messages.as_slice() else { panic!("{version:?}") };
        assert_eq!(message.kind.code, u32::from(HandshakeType::CLIENT_HELLO.0));
        assert_eq!(message.bytes.0, hello);
        assert_eq!(connection.sizes.client.records, 3);
    }
}

#[test]
fn only_an_authentic_initial_packet_begins_a_connection() {
    let secrets = Arc::default();
    let packet = initial(Version::V1, 0, &[0; 40]);
    assert!(QuicDecoder::begin(&packet, &options(), &secrets).is_some());
    for index in 0..packet.len() {
        let mut damaged = packet.clone();
        damaged[index] ^= 1;
        assert!(QuicDecoder::begin(&damaged, &options(), &secrets).is_none(), "{index}");
        let _ = QuicDecoder::begin(&packet[..index], &options(), &secrets);
    }
}
