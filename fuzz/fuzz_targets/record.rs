//! A stream of records, read as a connection reads it: with keys or without, and with the payloads
//! sealed first where the input asks for it, so that what is inside a protected record varies too.

#![no_main]

use handclasp::crypto::ring::TLS_AES_128_GCM_SHA256;
use handclasp::record::{
    HEADER_LENGTH, MAX_PLAINTEXT_LENGTH, MAX_RECORD_LENGTH, Opener, TrafficKeys, next_record,
    parse_alert,
};
use handclasp::registry::ContentType;
use libfuzzer_sys::fuzz_target;

fn keys() -> TrafficKeys {
    TrafficKeys::new(&TLS_AES_128_GCM_SHA256, &[7; 16], &[9; 12]).expect("the lengths are right")
}

fuzz_target!(|data: &[u8]| {
    let Some((mode, stream)) = data.split_first() else { return };
    let stream = if mode & 2 == 0 { stream.to_vec() } else { sealed(stream) };
    let mut opener = Opener::plaintext();
    if mode & 3 != 0 {
        opener.install(keys());
    }
    let mut rest = stream;
    loop {
        let length = match next_record(&rest) {
            Ok(Some(length)) => length,
            Ok(None) => {
                assert!(rest.len() < MAX_RECORD_LENGTH, "a full buffer holds every record");
                return;
            }
            Err(error) => {
                let _ = (error.to_string(), error.alert());
                return;
            }
        };
        assert!((HEADER_LENGTH..=MAX_RECORD_LENGTH).contains(&length), "progress, and bounded");
        match opener.open(&mut rest[..length]) {
            Ok(None) => panic!("no early data were announced that could be passed over"),
            Ok(Some(opened)) => {
                assert!(opened.payload.len() <= MAX_PLAINTEXT_LENGTH);
                if opened.content_type == ContentType::ALERT {
                    let _ = parse_alert(opened.payload);
                }
            }
            Err(error) => {
                let _ = (error.to_string(), error.alert());
                return;
            }
        }
        rest.drain(..length);
    }
});

/// Each chunk of the input (a length byte, then the bytes) becomes the whole inner plaintext of a
/// record under the right keys: content type and padding are the input's choice.
fn sealed(mut input: &[u8]) -> Vec<u8> {
    let key = TLS_AES_128_GCM_SHA256.aead.key(&[7; 16]).expect("the length is right");
    let (mut stream, mut sequence) = (Vec::new(), 0_u8);
    while let Some((length, rest)) = input.split_first() {
        let (chunk, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        input = rest;
        let mut body = chunk.to_vec();
        let total = u16::try_from(body.len() + 16).expect("a chunk is short").to_be_bytes();
        let header = [23, 3, 3, total[0], total[1]];
        let mut nonce = [9; 12];
        nonce[11] ^= sequence;
        sequence = sequence.wrapping_add(1);
        let tag = key.seal(nonce, &header, &mut body).expect("sealing works");
        stream.extend_from_slice(&header);
        stream.extend_from_slice(&body);
        stream.extend_from_slice(&tag);
        if sequence == u8::MAX {
            break;
        }
    }
    stream
}
