//! The values of the appendices, with each built-in provider, and what may not pass.

mod appendix_a;

use super::*;
use crate::crypto::tests::providers;
use crate::crypto::{CipherSuite, CryptoProvider, StaticOrArc};
use crate::handshake::Side;
use crate::key_schedule::{LabelPrefix, Prk, TrafficSecret, expand_label};
use crate::registry::CipherSuiteId;
use appendix_a::{
    APPENDICES, Appendix, CHACHA20_SECRET, CLIENT_CRYPTO_FRAME, CLIENT_PAYLOAD_LENGTH,
    DESTINATION_CONNECTION_ID, Derived, Packet, SERVER_PAYLOAD,
};

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

/// Each version with each provider.
fn cases() -> impl Iterator<Item = (CryptoProvider, Appendix)> {
    providers().into_iter().flat_map(|provider| {
        APPENDICES.into_iter().map(move |appendix| (provider.clone(), appendix))
    })
}

fn suite(provider: &CryptoProvider, id: CipherSuiteId) -> StaticOrArc<CipherSuite> {
    provider.cipher_suite(id).unwrap().clone()
}

fn initial_keys(provider: &CryptoProvider, version: Version, side: Side) -> InitialKeys {
    InitialKeys::new(provider, version, &bytes(DESTINATION_CONNECTION_ID), side).unwrap()
}

fn chacha20_secret(provider: &CryptoProvider) -> TrafficSecret {
    let suite = suite(provider, CipherSuiteId::TLS_CHACHA20_POLY1305_SHA256);
    TrafficSecret::from_bytes(suite, &bytes(CHACHA20_SECRET)).unwrap()
}

fn client_payload() -> Vec<u8> {
    let mut payload = bytes(CLIENT_CRYPTO_FRAME);
    payload.resize(CLIENT_PAYLOAD_LENGTH, 0);
    payload
}

#[test]
fn labels_derive_the_values_of_the_appendices() {
    for (provider, appendix) in cases() {
        let labels = appendix.version.labels();
        let aes = suite(&provider, CipherSuiteId::TLS_AES_128_GCM_SHA256);
        let chacha20 = suite(&provider, CipherSuiteId::TLS_CHACHA20_POLY1305_SHA256);
        for (suite, derived) in [
            (&aes, &appendix.client_initial),
            (&aes, &appendix.server_initial),
            (&chacha20, &appendix.chacha20),
        ] {
            let Derived { secret, key, iv, header_protection, key_update } = derived;
            for (label, expected) in [
                (labels.key, key),
                (labels.iv, iv),
                (labels.header_protection, header_protection),
                (labels.key_update, key_update),
            ] {
                let mut output = vec![0; expected.len() / 2];
                let (hash, secret) = (&*suite.hash, bytes(secret));
                expand_label(hash, LabelPrefix::Tls13, &secret, label, &[], &mut output).unwrap();
                assert_eq!(hex::encode(output), **expected, "{:?} {label}", appendix.version);
            }
        }
    }
}

#[test]
fn initial_secrets_are_those_of_the_appendices() {
    for (provider, appendix) in cases() {
        let suite = suite(&provider, CipherSuiteId::TLS_AES_128_GCM_SHA256);
        let salt = appendix.version.initial_salt();
        let id = bytes(DESTINATION_CONNECTION_ID);
        let initial = suite.hash.hmac_key(&salt).sign(&[&id]).unwrap();
        let prk = Prk::new(&*suite.hash, LabelPrefix::Tls13, initial.as_bytes());
        for (label, expected) in [
            ("client in", appendix.client_initial.secret),
            ("server in", appendix.server_initial.secret),
        ] {
            let secret = initial::initial_traffic_secret(&suite, &prk, label).unwrap();
            assert_eq!(hex::encode(secret.as_bytes()), expected);
        }
    }
}

/// Protects the packet and compares it with the appendix; removes the protection and compares again.
fn check_packet(
    sender: &DirectionalKeys,
    receiver: &DirectionalKeys,
    number_length: usize,
    packet: &Packet,
    payload: &[u8],
) {
    let header = bytes(packet.header);
    let offset = header.len() - number_length;
    let mut made = [header.as_slice(), payload].concat();
    let (head, body) = made.split_at_mut(header.len());
    let tag = sender.packet.encrypt_in_place(packet.packet_number, head, body).unwrap();
    made.extend_from_slice(&tag);
    sender.header.protect(offset, &mut made).unwrap();
    assert_eq!(hex::encode(&made), packet.protected);
    assert_eq!(hex::encode(&made[offset + 4..offset + 20]), packet.sample);

    let sample = bytes(packet.sample);
    let mask = receiver.header.mask(sample.first_chunk().unwrap()).unwrap();
    assert_eq!(hex::encode(mask), packet.mask);
    assert_eq!(receiver.header.unprotect(offset, &mut made).unwrap(), number_length);
    let (head, body) = made.split_at_mut(header.len());
    assert_eq!(head, header);
    let opened = receiver.packet.decrypt_in_place(packet.packet_number, head, body).unwrap();
    assert_eq!(opened, payload);
}

#[test]
fn packets_are_those_of_the_appendices() {
    for (provider, appendix) in cases() {
        let client = initial_keys(&provider, appendix.version, Side::Client);
        let server = initial_keys(&provider, appendix.version, Side::Server);
        check_packet(&client.local, &server.remote, 4, &appendix.client_packet, &client_payload());
        let payload = bytes(SERVER_PAYLOAD);
        check_packet(&server.local, &client.remote, 2, &appendix.server_packet, &payload);
        let secret = chacha20_secret(&provider);
        let keys = DirectionalKeys::new(appendix.version, &secret).unwrap();
        check_packet(&keys, &keys, 3, &appendix.chacha20_packet, &[1]);
    }
}

#[test]
fn a_retry_has_the_tag_of_the_appendices_and_no_other() {
    for (provider, appendix) in cases() {
        let (version, id) = (appendix.version, bytes(DESTINATION_CONNECTION_ID));
        let retry = bytes(appendix.retry);
        let (body, tag) = retry.split_last_chunk::<16>().unwrap();
        assert_eq!(retry_integrity_tag(&provider, version, &id, body).unwrap(), *tag);
        assert!(is_authentic_retry(&provider, version, &id, &retry));
        for place in 0..retry.len() {
            let mut changed = retry.clone();
            changed[place] ^= 1;
            assert!(!is_authentic_retry(&provider, version, &id, &changed), "{place}");
            assert!(!is_authentic_retry(&provider, version, &id, &retry[..place]), "{place}");
        }
        assert!(!is_authentic_retry(&provider, version, &id[1..], &retry));
        let [v1, v2] = [Version::V1, Version::V2];
        let other = if version == v1 { v2 } else { v1 };
        assert!(!is_authentic_retry(&provider, other, &id, &retry));
        assert!(retry_integrity_tag(&provider, version, &[0; 256], body).is_err());
    }
}

#[test]
fn each_key_phase_has_a_key_of_its_own_and_both_ends_have_the_same() {
    for (provider, appendix) in cases() {
        for id in provider.cipher_suites.iter().map(|suite| suite.id) {
            let suite = suite(&provider, id);
            let secret = vec![7; suite.hash.output_length()];
            let secret = TrafficSecret::from_bytes(suite, &secret).unwrap();
            let first = DirectionalKeys::new(appendix.version, &secret).unwrap().packet;
            let mut updates = [(); 2].map(|()| KeyUpdate::new(appendix.version, secret.clone()));
            let mut before = first;
            for number in 0..3 {
                let [ours, theirs] = updates.each_mut().map(|update| update.next().unwrap());
                let mut packet = b"a payload of more than one block".to_vec();
                let tag = ours.encrypt_in_place(number, b"header", &mut packet).unwrap();
                packet.extend_from_slice(&tag);
                let copy = &mut packet.clone();
                assert!(before.decrypt_in_place(number, b"header", copy).is_err());
                let opened = theirs.decrypt_in_place(number, b"header", &mut packet).unwrap();
                assert_eq!(opened, b"a payload of more than one block");
                before = ours;
            }
        }
    }
}

#[test]
fn a_key_update_is_that_of_the_appendices() {
    for (provider, appendix) in cases() {
        let secret = chacha20_secret(&provider);
        let suite = secret.suite().clone();
        let mut update = KeyUpdate::new(appendix.version, secret);
        let next = bytes(appendix.chacha20.key_update);
        let next = TrafficSecret::from_bytes(suite, &next).unwrap();
        let expected = DirectionalKeys::new(appendix.version, &next).unwrap().packet;
        let mut payload = [9; 40];
        let tag = update.next().unwrap().encrypt_in_place(5, b"h", &mut payload).unwrap();
        let mut packet = [payload.as_slice(), &tag].concat();
        assert_eq!(expected.decrypt_in_place(5, b"h", &mut packet).unwrap(), [9; 40]);
    }
}

#[test]
fn a_changed_packet_is_refused() {
    for (provider, appendix) in cases() {
        let keys = DirectionalKeys::new(appendix.version, &chacha20_secret(&provider)).unwrap();
        let mut packet = b"payload".to_vec();
        let tag = keys.packet.encrypt_in_place(1, b"header", &mut packet).unwrap();
        packet.extend_from_slice(&tag);
        let opens = |number, header: &[u8], packet: &[u8]| {
            keys.packet.decrypt_in_place(number, header, &mut packet.to_vec()).is_ok()
        };
        assert!(opens(1, b"header", &packet));
        assert!(!opens(2, b"header", &packet));
        assert!(!opens(1, b"Header", &packet));
        for place in 0..packet.len() {
            let mut changed = packet.clone();
            changed[place] ^= 0x80;
            assert!(!opens(1, b"header", &changed));
            assert!(!opens(1, b"header", &packet[..place]), "{place} bytes");
        }
    }
}

#[test]
fn a_packet_without_room_for_a_sample_is_refused() {
    for provider in providers() {
        let keys = initial_keys(&provider, Version::V1, Side::Client).local;
        for (offset, length) in [(0, 40), (1, 20), (1, 0), (5, 24), (40, 30), (usize::MAX, 64)] {
            let mut packet = vec![0x40; length];
            assert!(keys.header.protect(offset, &mut packet).is_err(), "{offset} {length}");
            assert!(keys.header.unprotect(offset, &mut packet).is_err(), "{offset} {length}");
            assert!(packet.iter().all(|byte| *byte == 0x40), "nothing is changed");
        }
        assert!(keys.header.protect(1, &mut [0; 21]).is_ok());
    }
}

#[test]
fn limits_are_those_of_rfc_9001_section_6_6() {
    for provider in providers() {
        for (id, confidentiality, integrity) in [
            (CipherSuiteId::TLS_AES_128_GCM_SHA256, 1 << 23, 1 << 52),
            (CipherSuiteId::TLS_AES_256_GCM_SHA384, 1 << 23, 1 << 52),
            (CipherSuiteId::TLS_CHACHA20_POLY1305_SHA256, u64::MAX, 1 << 36),
        ] {
            let suite = suite(&provider, id);
            let secret = vec![1; suite.hash.output_length()];
            let secret = TrafficSecret::from_bytes(suite, &secret).unwrap();
            let key = DirectionalKeys::new(Version::V1, &secret).unwrap().packet;
            assert_eq!(key.confidentiality_limit(), confidentiality);
            assert_eq!(key.integrity_limit(), integrity);
        }
    }
}

#[test]
fn versions_are_known_by_their_numbers() {
    for version in [Version::V1, Version::V2] {
        assert_eq!(Version::from_number(version.number()), Some(version));
    }
    for number in [0, 2, 0x709a_50c4, 0xff00_001d, 0x6b33_43ce] {
        assert_eq!(Version::from_number(number), None);
    }
}

#[test]
fn a_provider_without_quic_gives_no_keys() {
    for mut provider in providers() {
        provider.cipher_suites.retain(|it| it.id != CipherSuiteId::TLS_AES_128_GCM_SHA256);
        let id = bytes(DESTINATION_CONNECTION_ID);
        assert!(InitialKeys::new(&provider, Version::V1, &id, Side::Client).is_err());
        assert!(!is_authentic_retry(&provider, Version::V1, &id, &[0; 40]));
    }
}

#[test]
fn debug_output_shows_no_key() {
    let provider = &providers()[0];
    let keys = initial_keys(provider, Version::V1, Side::Client);
    assert_eq!(
        format!("{:?}", keys.local),
        "DirectionalKeys { header: HeaderKey(..), packet: PacketKey(..) }"
    );
    let update = KeyUpdate::new(Version::V1, chacha20_secret(provider));
    assert!(!format!("{update:?}").contains("9a"), "{update:?}");
}
