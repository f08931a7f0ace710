use super::*;
use crate::crypto::CryptoProvider;
use crate::record::next_record;

fn keys(limit: u32) -> TrafficKeys {
    let suite = CryptoProvider::default().cipher_suites[0].clone();
    let mut keys = TrafficKeys::new(&suite, &[7; 16], &[9; 12]).unwrap();
    keys.limit = limit;
    keys
}

fn seal(content_type: ContentType, content: &[u8]) -> Vec<u8> {
    let mut sealer = Sealer::plaintext();
    sealer.install(keys(u32::MAX));
    let mut out = Vec::new();
    sealer.seal(content_type, ProtocolVersion::TLS_1_2, content, &mut out).unwrap();
    out
}

/// Seals an inner plaintext that our own sealer would never write.
fn seal_raw(inner: &[u8]) -> Vec<u8> {
    let keys = keys(u32::MAX);
    let length = inner.len() + TAG_LENGTH;
    let header = header_of(ContentType::APPLICATION_DATA, ProtocolVersion::TLS_1_2, length);
    let mut record = header.to_vec();
    let mut body = inner.to_vec();
    let tag = keys.key.seal(keys.nonce(0), &record, &mut body).unwrap();
    record.extend_from_slice(&body);
    record.extend_from_slice(&tag);
    record
}

fn opener() -> Opener {
    let mut opener = Opener::plaintext();
    opener.install(keys(u32::MAX));
    opener
}

#[test]
fn long_content_becomes_several_records_which_open_in_order() {
    let content: Vec<u8> = (0..40_000_u32).map(|i| i as u8).collect();
    let mut bytes = seal(ContentType::APPLICATION_DATA, &content);
    assert_eq!(bytes.len(), Sealer::plaintext().sealed_length(content.len()));
    let (mut opener, mut opened, mut start) = (opener(), Vec::new(), 0);
    while let Some(length) = next_record(&bytes[start..]).unwrap() {
        let record = opener.open(&mut bytes[start..start + length]).unwrap().unwrap();
        assert!(record.protected);
        opened.extend_from_slice(record.payload);
        start += length;
    }
    assert_eq!(opened, content);
}

#[test]
fn content_goes_to_the_front_where_records_are_behind_each_other() {
    let content: Vec<u8> = (0..40_000_u32).map(|i| i as u8).collect();
    let mut bytes = seal(ContentType::APPLICATION_DATA, &content);
    let (mut opener, mut opened, mut position) = (opener(), 0, 0);
    while let Some(length) = next_record(&bytes[position..]).unwrap() {
        let buffer = &mut bytes[opened..position + length];
        let record = opener.open_to_front(buffer, position - opened).unwrap().unwrap();
        opened += record.payload.len();
        position += length;
    }
    assert!(bytes[..opened] == content);
}

#[test]
fn a_record_without_protection_stays_where_it_is() {
    for mut opener in [opener(), Opener::plaintext()] {
        let mut bytes = [9, 9, 9, 21, 3, 3, 0, 2, 2, 40];
        let opened = opener.open_to_front(&mut bytes, 3).unwrap().unwrap();
        assert_eq!((&opened.payload[..], opened.protected), (&[2, 40][..], false));
        let error = opener.open_to_front(&mut bytes, 9).unwrap_err();
        assert_eq!(error, RecordError::NoContentType);
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let record = seal(ContentType::APPLICATION_DATA, b"content");
    for bit in 0..record.len() * 8 {
        let mut flipped = record.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        // What framing would refuse or wait for is not for the opener to see.
        // One bit makes an alert of it, which still may come without protection.
        let opened = opener().open(&mut flipped);
        assert!(!matches!(opened, Ok(Some(Opened { protected: true, .. }))), "bit {bit}");
    }
}

#[test]
fn the_received_header_is_authenticated() {
    let mut record = seal(ContentType::APPLICATION_DATA, b"content");
    record[1..3].copy_from_slice(&[3, 1]);
    assert_eq!(opener().open(&mut record).unwrap_err(), RecordError::BadRecordMac { sequence: 0 });
}

#[test]
fn padding_is_removed_and_malformed_inner_plaintexts_are_refused() {
    let mut padded = seal_raw(b"hi\x17\0\0\0");
    assert_eq!(opener().open(&mut padded).unwrap().unwrap().payload, b"hi");
    let mut empty = seal_raw(b"\x17\0\0\0");
    assert_eq!(opener().open(&mut empty).unwrap().unwrap().payload, b"");
    for (inner, error) in [
        (&b""[..], RecordError::NoContentType),
        (&[0; 10], RecordError::NoContentType),
        (&[0x16, 0], RecordError::Empty(ContentType::HANDSHAKE)),
        (&[0x15], RecordError::Empty(ContentType::ALERT)),
        (&[1, 0x63], RecordError::UnknownContentType(0x63)),
    ] {
        assert_eq!(opener().open(&mut seal_raw(inner)).unwrap_err(), error);
    }
    let error = opener().open(&mut seal_raw(&[1, 20])).unwrap_err();
    assert_eq!(error.alert(), crate::alert::AlertDescription::UNEXPECTED_MESSAGE);
}

#[test]
fn the_inner_plaintext_has_a_limit_that_padding_counts_towards() {
    let mut inner = vec![0; MAX_PLAINTEXT_LENGTH + 1];
    inner[0] = 23;
    assert!(opener().open(&mut seal_raw(&inner)).is_ok());
    inner.push(0);
    let error = opener().open(&mut seal_raw(&inner)).unwrap_err();
    assert_eq!(error.alert(), crate::alert::AlertDescription::RECORD_OVERFLOW);
}

#[test]
fn no_record_is_longer_than_the_peer_allows_with_its_type_and_its_padding() {
    for (limit, multiple, length) in
        [(64, 0, 1000), (64, 50, 1000), (100, 99, 1), (16385, 4096, 16384)]
    {
        let (mut sealer, mut opener) = (Sealer::plaintext(), opener());
        sealer.install(keys(u32::MAX));
        sealer.pad(Some(super::super::pad_to_multiple_of(multiple)));
        sealer.limit_records(limit);
        opener.limit_records(limit);
        let (content, mut out) = (vec![5; length], Vec::new());
        let kind = ContentType::APPLICATION_DATA;
        sealer.seal(kind, ProtocolVersion::TLS_1_2, &content, &mut out).unwrap();
        assert_eq!(out.len(), sealer.sealed_length(length));
        let (mut opened, mut start) = (Vec::new(), 0);
        while let Some(length_of_record) = next_record(&out[start..]).unwrap() {
            let inner = length_of_record - HEADER_LENGTH - TAG_LENGTH;
            assert!(inner <= usize::from(limit));
            let full = inner == usize::from(limit);
            assert!(multiple == 0 || full || (inner - 1).is_multiple_of(multiple), "{inner}");
            let record = opener.open(&mut out[start..start + length_of_record]).unwrap().unwrap();
            opened.extend_from_slice(record.payload);
            start += length_of_record;
        }
        assert_eq!(opened, content);
    }
}

#[test]
fn a_record_one_byte_beyond_the_own_limit_overflows_be_it_by_padding() {
    for (inner, fits) in [([1; 64].to_vec(), true), ([1; 65].to_vec(), false)] {
        let mut inner = inner;
        *inner.last_mut().unwrap() = 0;
        inner[10] = 23;
        inner[11..].fill(0);
        let mut opener = opener();
        opener.limit_records(64);
        match opener.open(&mut seal_raw(&inner)) {
            Ok(_) => assert!(fits),
            Err(error) => {
                assert_eq!(error, RecordError::TooLong { length: 64, limit: 63 });
                assert!(!fits);
            }
        }
    }
}

#[test]
fn unprotected_records_under_keys() {
    let mut opener = opener();
    assert!(!opener.open(&mut [20, 3, 3, 0, 1, 1]).unwrap().unwrap().protected);
    assert_eq!(
        opener.open(&mut [20, 3, 3, 0, 1, 2]).unwrap_err(),
        RecordError::BadChangeCipherSpec
    );
    assert!(!opener.open(&mut [21, 3, 3, 0, 2, 2, 40]).unwrap().unwrap().protected);
    assert!(opener.open(&mut [22, 3, 3, 0, 1, 1]).is_err());
    opener.open(&mut seal(ContentType::APPLICATION_DATA, b"x")).unwrap();
    assert!(opener.open(&mut [21, 3, 3, 0, 2, 2, 40]).is_err(), "keys are known to work now");
}

#[test]
fn a_key_seals_no_more_than_its_limit() {
    let mut sealer = Sealer::plaintext();
    sealer.install(keys(4));
    let mut out = Vec::new();
    let mut one = |sealer: &mut Sealer| {
        sealer.seal(ContentType::APPLICATION_DATA, ProtocolVersion::TLS_1_2, b"x", &mut out)
    };
    for record in 0..4 {
        assert_eq!(sealer.should_update(), record >= 2);
        one(&mut sealer).unwrap();
    }
    assert_eq!(one(&mut sealer), Err(RecordError::KeyExhausted));
}

#[test]
fn the_nonce_is_the_iv_with_the_sequence_number_mixed_in() {
    let nonce = keys(1).nonce(0x0102_0304_0506_0708);
    assert_eq!(nonce, [9, 9, 9, 9, 8, 11, 10, 13, 12, 15, 14, 1]);
}

#[test]
fn early_data_are_passed_over_up_to_a_limit_and_not_after_a_good_record() {
    let undecryptable = |length: usize| {
        let mut record = Vec::new();
        let body = vec![0x55; length];
        let (kind, version) = (ContentType::APPLICATION_DATA, ProtocolVersion::TLS_1_2);
        record.extend(header_of(kind, version, length));
        record.extend_from_slice(&body);
        record
    };
    for mut opener in [opener(), Opener::plaintext()] {
        opener.skip_early_data(100);
        assert!(opener.open(&mut undecryptable(60 + 17)).unwrap().is_none());
        assert!(opener.open(&mut undecryptable(40 + 17)).unwrap().is_none());
        assert!(opener.open(&mut undecryptable(0)).is_err(), "the limit is used up");
    }
    let mut opener = opener();
    opener.skip_early_data(100);
    opener.open(&mut seal(ContentType::HANDSHAKE, b"x")).unwrap().unwrap();
    assert!(opener.open(&mut undecryptable(20)).is_err(), "the early data are over");
}

#[test]
fn nothing_is_passed_over_where_no_early_data_were_offered() {
    for mut opener in [opener(), Opener::plaintext()] {
        assert!(opener.open(&mut [23, 3, 3, 0, 0]).is_err());
    }
}

#[test]
fn a_hello_in_the_clear_ends_the_early_data() {
    let mut opener = Opener::plaintext();
    opener.skip_early_data(100);
    assert!(opener.open(&mut [23, 3, 3, 0, 1, 0]).unwrap().is_none());
    opener.open(&mut [22, 3, 3, 0, 1, 1]).unwrap().unwrap();
    assert!(opener.open(&mut [23, 3, 3, 0, 1, 0]).is_err());
}
