//! What a configuration refuses when it is built.

use std::io::Write;
use std::sync::{Arc, Mutex};

use super::common::check_protocols;
use super::*;
use crate::certificate::TrustAnchors;
use crate::crypto::{CipherSuite, CryptoProvider, StaticOrArc};
use crate::key_log::{KeyLog, KeyLogFile};
use crate::psk::PreSharedKey;
use crate::reply::AnswerLater;
use crate::verify::ClientAuthentication;
use crate::wire::{EXTENSION_TABLE, ExtensionMessage, ExtensionType, OidFilter};

#[test]
fn a_client_needs_somebody_to_trust_and_something_to_offer() {
    assert_eq!(ClientConfig::new(TrustAnchors::new()).unwrap_err(), ConfigError::NoTrustAnchors);
    let build = |provider| {
        ClientConfig::builder(provider).verifier(Arc::new(AnswerLater)).build().map(drop)
    };
    build(CryptoProvider::default()).unwrap();
    let mut provider = CryptoProvider::default();
    provider.cipher_suites.clear();
    assert_eq!(build(provider), Err(ConfigError::Empty("cipher suites")));
    let mut provider = CryptoProvider::default();
    provider.groups.clear();
    assert_eq!(build(provider), Err(ConfigError::Empty("key exchange groups")));
    let mut provider = CryptoProvider::default();
    provider.signatures.by_scheme.retain(|row| !row.scheme.signs_handshakes());
    let policy = ClientAuthentication::required(Arc::new(AnswerLater));
    let server = ServerConfig::builder(provider.clone()).client_authentication(policy);
    let server = server.build(Arc::new(AnswerLater)).map(drop);
    for result in [build(provider), server] {
        assert_eq!(result, Err(ConfigError::Empty("signature schemes")));
    }
    let without_trust = ClientConfig::builder(CryptoProvider::default()).build().map(drop);
    assert_eq!(without_trust, Err(ConfigError::NoTrustAnchors));
    let secret = CryptoProvider::default().cipher_suites[0].hash.digest(b"a key");
    let keys = vec![PreSharedKey::external(b"key", &secret).unwrap(); 17];
    let many = ClientConfig::builder(CryptoProvider::default()).verifier(Arc::new(AnswerLater));
    let many = many.pre_shared_keys(keys).build().map(drop);
    assert_eq!(many, Err(ConfigError::PreSharedKey));
}

#[test]
fn application_protocols_must_fit_a_client_hello() {
    let long = |count: usize, length: usize| vec![vec![b'x'; length]; count];
    for good in [vec![], long(1, 255), long(64, 255)] {
        assert_eq!(check_protocols(&good), Ok(()));
    }
    for bad in [long(1, 0), long(1, 256), long(65, 255)] {
        assert_eq!(check_protocols(&bad), Err(ConfigError::ApplicationProtocol));
    }
}

#[test]
fn a_layout_sets_nothing_twice_and_nothing_that_the_handshake_stands_on() {
    let raw = |kind, length| LayoutItem::Raw(kind, vec![0; length]);
    let message = ExtensionMessage::ClientHello;
    let check = |items: Vec<LayoutItem>| ExtensionLayout { items }.check(message);
    let (groups, own) = (ExtensionType::SUPPORTED_GROUPS, ExtensionType(0xff77));
    check(vec![LayoutItem::Standard(groups), raw(own, 9), LayoutItem::Padding]).unwrap();
    for kind in [ExtensionType::KEY_SHARE, ExtensionType::COOKIE, ExtensionType::SERVER_NAME] {
        assert_eq!(check(vec![raw(kind, 1)]), Err(ConfigError::Layout(kind)));
        check(vec![LayoutItem::Standard(kind)]).unwrap();
    }
    let twice = vec![LayoutItem::Standard(groups), raw(groups, 1)];
    assert_eq!(check(twice), Err(ConfigError::LayoutTooLarge(groups)));
    check(vec![raw(own, 0x6000 - 4)]).unwrap();
    assert_eq!(check(vec![raw(own, 0x6000 - 3)]), Err(ConfigError::LayoutTooLarge(own)));
}

/// Section 4.3.9, for example: a server must not send psk_key_exchange_modes.
#[test]
fn a_layout_sets_no_extension_of_another_message() {
    use ExtensionMessage::{ClientHello, EncryptedExtensions};
    for row in EXTENSION_TABLE {
        for message in [ClientHello, EncryptedExtensions] {
            let items = vec![LayoutItem::Raw(row.extension, vec![1])];
            let allowed = row.messages.contains(&message) && !row.extension.is_reserved();
            let expected = if allowed { Ok(()) } else { Err(ConfigError::Layout(row.extension)) };
            assert_eq!(ExtensionLayout { items }.check(message), expected, "{message:?}");
        }
    }
    let modes = vec![LayoutItem::Raw(ExtensionType::PSK_KEY_EXCHANGE_MODES, vec![1, 1])];
    let builder = ServerConfig::builder(CryptoProvider::default())
        .encrypted_extensions_layout(ExtensionLayout { items: modes });
    let refused = builder.build(Arc::new(AnswerLater)).unwrap_err();
    assert_eq!(refused, ConfigError::Layout(ExtensionType::PSK_KEY_EXCHANGE_MODES));
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_key_log_has_a_line_for_each_secret() {
    let written = Shared::default();
    let log = KeyLogFile::new(written.clone());
    log.log("EXPORTER_SECRET", &[0xab; 32], &[1, 2]);
    log.log("CLIENT_TRAFFIC_SECRET_0", &[0; 32], &[3]);
    let expected = format!(
        "EXPORTER_SECRET {} 0102\nCLIENT_TRAFFIC_SECRET_0 {} 03\n",
        "ab".repeat(32),
        "00".repeat(32)
    );
    assert_eq!(written.0.lock().unwrap().as_slice(), expected.as_bytes());
}

/// The error with these suites, which both roles give.
fn error_with(cipher_suites: Vec<StaticOrArc<CipherSuite>>) -> ConfigError {
    let provider = CryptoProvider { cipher_suites, ..CryptoProvider::default() };
    let client = ClientConfig::builder(provider.clone()).verifier(Arc::new(AnswerLater)).build();
    let server = ServerConfig::builder(provider).build(Arc::new(AnswerLater));
    let error = client.unwrap_err();
    assert_eq!(server.unwrap_err(), error);
    error
}

#[test]
fn a_suite_is_what_its_code_point_says_and_in_a_list_once() {
    let suites = CryptoProvider::default().cipher_suites;
    for suite in &suites {
        let error = error_with([&suites[..], std::slice::from_ref(suite)].concat());
        assert_eq!(error, ConfigError::CipherSuiteTwice(suite.id));
        for other in &suites {
            let wrong_hash = CipherSuite { hash: other.hash.clone(), ..(**suite).clone() };
            if other.hash.algorithm() != suite.hash.algorithm() {
                assert_eq!(
                    error_with(vec![wrong_hash.into()]),
                    ConfigError::WrongCipherSuite(suite.id)
                );
            }
            let wrong_aead = CipherSuite { aead: other.aead.clone(), ..(**suite).clone() };
            if other.aead.key_length() != suite.aead.key_length() {
                assert_eq!(
                    error_with(vec![wrong_aead.into()]),
                    ConfigError::WrongCipherSuite(suite.id)
                );
            }
        }
    }
}

#[test]
fn a_group_stands_in_a_list_once() {
    // RFC 9846, section 4.3.7.
    let mut provider = CryptoProvider::default();
    let first = provider.groups[0].clone();
    let name = first.name();
    provider.groups.push(first);
    let client = ClientConfig::builder(provider.clone()).verifier(Arc::new(AnswerLater)).build();
    assert_eq!(client.unwrap_err(), ConfigError::GroupTwice(name));
    let server = ServerConfig::builder(provider).build(Arc::new(AnswerLater));
    assert_eq!(server.unwrap_err(), ConfigError::GroupTwice(name));
}

#[test]
fn filters_that_the_rfc_forbids_cannot_be_configured() {
    // RFC 9846, section 4.3.5.
    let build = |filters: &[OidFilter<'_>]| {
        let policy = ClientAuthentication::required(Arc::new(AnswerLater))
            .oid_filters(filters.iter().copied());
        let builder =
            ServerConfig::builder(CryptoProvider::default()).client_authentication(policy);
        builder.build(Arc::new(AnswerLater)).err()
    };
    let key_usage = OidFilter { identifier: &[6, 3, 0x55, 0x1d, 15], values: &[3, 2, 7, 0x80] };
    let usages = |values| OidFilter { identifier: &[6, 3, 0x55, 0x1d, 37], values };
    let other_usage = usages(&[0x30, 6, 6, 4, 0x55, 0x1d, 37, 1]);
    assert_eq!(build(&[key_usage, other_usage]), None);
    assert_eq!(build(&[key_usage, key_usage]), Some(ConfigError::CertificateRequest));
    let any = build(&[key_usage, usages(&[0x30, 6, 6, 4, 0x55, 0x1d, 37, 0])]);
    assert_eq!(any, Some(ConfigError::CertificateRequest), "anyExtendedKeyUsage");
}
