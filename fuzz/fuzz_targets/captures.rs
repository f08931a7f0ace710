//! The first byte chooses: the rest is a capture, or the bytes of both directions, or a key log. Each byte of
//! a message that was found is in one field.

#![no_main]

use std::sync::Arc;

use handclasp::crypto::CryptoProvider;
use handclasp::pki_types::UnixTime;
use handclasp_explain::recorded::{Decoder, KeyLogSecrets};
use handclasp_explain::{Connection, Options, Side, capture, words};
use libfuzzer_sys::fuzz_target;

/// The key log of section 3 of RFC 8448, whose records are among the seeds.
const KEY_LOG: &[u8] = include_bytes!("../captures.keys");

fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else { return };
    let mut options = Options::new(CryptoProvider::default());
    options.now = UnixTime::since_unix_epoch(core::time::Duration::from_secs(1_800_000_000));
    let mut secrets = KeyLogSecrets::parse(KEY_LOG);
    match kind % 3 {
        0 => {
            let _ = capture::add_secrets(data, &mut secrets);
            let _ = capture::read(data, secrets, &options, |connection| check(&connection));
        }
        1 => {
            let mut decoder = Decoder::new(options, Arc::new(secrets));
            let mut rest = data;
            // Pieces: the side and a gap in the highest bits of a length of two bytes.
            while let Some((length, after)) = rest.split_first_chunk() {
                let length = u16::from_be_bytes(*length);
                let side = if length & 0x8000 == 0 { Side::Client } else { Side::Server };
                if length & 0x4000 != 0 {
                    decoder.gap(side, Some(u64::from(length & 0xff)));
                    rest = after;
                    continue;
                }
                let (piece, after) = after.split_at(after.len().min(usize::from(length & 0x3fff)));
                decoder.bytes(side, None, piece);
                rest = after;
            }
            check(&decoder.finish());
        }
        _ => {
            let whole = KeyLogSecrets::parse(data);
            let read = KeyLogSecrets::read(data).map_or(0, |secrets| secrets.len());
            assert!(whole.len() <= read, "a long line is cut where it is read");
        }
    }
});

/// The leaves of each message are its bytes, and words can be made of everything.
fn check(connection: &Connection) {
    for (index, message) in connection.messages.iter().enumerate() {
        let mut end = 0;
        for leaf in message.leaves() {
            assert_eq!(leaf.range.start, end, "{}", leaf.name);
            end = leaf.range.end;
        }
        assert_eq!(end, message.length);
        let list = connection.certificates.iter().find(|list| list.message == index);
        let _ = words::facts(message, list);
    }
    for problem in &connection.problems {
        let _ = words::problem(&problem.kind);
    }
    for list in &connection.certificates {
        for finding in &list.findings {
            let _ = words::finding(list, finding);
        }
    }
    for choice in &connection.choices {
        let _ = words::not_chosen(connection, choice.subject);
    }
    for side in [Side::Client, Side::Server] {
        let _ = words::data_sent(connection, side);
    }
}
