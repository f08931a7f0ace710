//! How much work recorded bytes make.

use std::sync::Arc;

use handclasp::registry::{ContentType, HandshakeType};

use super::key_log::ConnectionSecrets;
use super::keys::{FailedBytes, Keys};
use super::*;
use crate::test_messages::{RANDOM, client_hello, message, options, records};

/// How many decryptions fail when the client sends its hello with these suites and then records of 0-RTT
/// data that do not open. The bytes come in pieces of this size.
fn failed_decryptions(suites: &[u8], data_records: usize, piece: usize) -> usize {
    let random = hex::encode(RANDOM);
    let secret = "0a".repeat(32);
    let log = format!("CLIENT_EARLY_TRAFFIC_SECRET {random} {secret}");
    let secrets = Arc::new(KeyLogSecrets::parse(log.as_bytes()));
    let mut bytes = records(ContentType::HANDSHAKE, &client_hello(suites, b"ticket"));
    let record = records(ContentType::APPLICATION_DATA, &[0x55; 32]);
    bytes.extend(record.repeat(data_records));
    let mut decoder = Decoder::new(options(), secrets);
    for piece in bytes.chunks(piece) {
        decoder.bytes(Side::Client, None, piece);
    }
    // Nothing waits any longer.
    decoder.is_at_end = true;
    decoder.advance();
    assert_eq!(decoder.inspect().sizes.client.data_records, 0);
    decoder.directions[Side::Client as usize].keys.failures.decryptions
}

#[test]
fn suites_that_are_offered_many_times_are_tried_once() {
    let once = failed_decryptions(&[0x13, 1], 100, usize::MAX);
    // The first record is tried before the end, and again at it.
    assert_eq!(once, 101);
    assert_eq!(failed_decryptions(&[0x13, 1].repeat(5000), 100, usize::MAX), once);
}

#[test]
fn a_record_is_not_tried_again_for_each_piece_of_the_stream() {
    let whole = failed_decryptions(&[0x13, 1], 100, usize::MAX);
    for piece in [1, 7, 100] {
        assert_eq!(failed_decryptions(&[0x13, 1], 100, piece), whole, "{piece}");
    }
}

#[test]
fn decryptions_that_fail_are_limited() {
    let failed = failed_decryptions(&[0x13, 1], 3 * MAX_FAILED_DECRYPTIONS, 1000);
    assert_eq!(failed, MAX_FAILED_DECRYPTIONS);
}

/// The keys of the early data of a client, and the secrets of its key log.
fn early_keys() -> (Keys, ConnectionSecrets, StaticOrArc<CipherSuite>) {
    let line = format!("CLIENT_EARLY_TRAFFIC_SECRET {} {}", hex::encode(RANDOM), "0a".repeat(32));
    let secrets = KeyLogSecrets::parse(line.as_bytes()).of(&RANDOM).unwrap();
    let suites = options().provider.cipher_suites;
    let suite = suites.into_iter().find(|suite| suite.id.0 == 0x1301).unwrap();
    (Keys::new(Side::Client), secrets, suite)
}

/// A gap costs a capture no bytes. The work behind it has a limit in bytes, as records may be long.
#[test]
fn the_bytes_that_are_tried_behind_gaps_are_limited() {
    let record = records(ContentType::APPLICATION_DATA, &[0x55; 1 << 14]);
    let of_capture = FailedBytes::default();
    let mut directions = Vec::new();
    for _ in 0..12 {
        let (mut keys, secrets, suite) = early_keys();
        let suites = [suite];
        keys.share_failures(&of_capture);
        for _ in 0..40 {
            keys.lose_bytes(6_000);
            keys.open(&record, Side::Client, Some(&secrets), Some(&suites), &[]);
        }
        directions.push(keys);
    }
    let failed = |keys: &Keys| keys.failures.decryptions * record.len();
    assert_eq!(directions[0].limit_reached(), Some("MAX_FAILED_BYTES"));
    assert_eq!(directions[11].limit_reached(), Some("MAX_FAILED_BYTES_OF_CAPTURE"));
    for keys in &directions {
        assert!(failed(keys) < MAX_FAILED_BYTES + record.len(), "{}", failed(keys));
    }
    // Behind it, each record is tried once with each key.
    assert_eq!(directions[11].failures.decryptions, 40);
    let of_all: usize = directions.iter().map(failed).sum();
    assert!(of_all < MAX_FAILED_BYTES_OF_CAPTURE + 12 * 41 * record.len(), "{of_all}");
}

#[test]
fn a_message_in_many_pieces_stays_where_it_is() {
    let whole = message(HandshakeType::CERTIFICATE, &[0; 200_000]);
    let mut decoder = Decoder::new(options(), Arc::new(KeyLogSecrets::default()));
    let (mut place, mut moved) = (core::ptr::null(), 0);
    let pieces = whole.chunks(4);
    let (count, mut sent) = (pieces.len(), 0);
    for piece in pieces {
        decoder.bytes(Side::Server, None, &records(ContentType::HANDSHAKE, piece));
        sent += piece.len();
        let partial = decoder.directions[Side::Server as usize].take_partial_message();
        assert_eq!(partial.len(), if sent == whole.len() { 0 } else { sent });
        if partial.as_ptr() != place {
            // All bytes so far were copied.
            (place, moved) = (partial.as_ptr(), moved + partial.len());
        }
        decoder.directions[Side::Server as usize].keep_partial_message(partial);
    }
    assert!(count > 10_000 && moved <= 2 * whole.len(), "{moved}");
    assert_eq!(decoder.inspect().messages.len(), 1);
}

#[test]
fn the_times_of_what_waits_are_limited() {
    let mut decoder = Decoder::new(options(), Arc::new(KeyLogSecrets::default()));
    // The server's records wait for the ClientHello.
    let record = records(ContentType::APPLICATION_DATA, &[0x55; 60_000]);
    for (time, byte) in record.iter().enumerate() {
        decoder.bytes(Side::Server, Some(time as u64), &[*byte]);
    }
    let waiting = record.len();
    assert!(decoder.directions[Side::Server as usize].held() == waiting);
    let memory = decoder.directions[Side::Server as usize].memory();
    assert!(memory < 2 * waiting + (1 << 18), "{memory}");
    decoder.bytes(Side::Server, None, b"no record of TLS");
    decoder.is_at_end = true;
    decoder.advance();
    assert_eq!(decoder.directions[Side::Server as usize].memory(), 0);
    assert_eq!(decoder.inspect().records.len(), 4);
}
