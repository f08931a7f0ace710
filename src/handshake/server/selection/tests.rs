use super::*;
use crate::alert::AlertDescription;
use crate::crypto::CryptoProvider;
use crate::registry::{CipherSuiteId, NamedGroup};
use crate::reply::AnswerLater;
use crate::wire::List;

/// A ClientHello with nothing wrong in it: two suites, shares for GREASE and secp256r1.
fn body() -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 6, 0x0a, 0x0a, 0x13, 0x02, 0x13, 0x01, 1, 0]);
    let extensions: [&[u8]; 4] = [
        &[0, 43, 0, 3, 2, 3, 4],
        &[0, 10, 0, 8, 0, 6, 0x0a, 0x0a, 0, 23, 0, 29],
        &[0, 13, 0, 4, 0, 2, 4, 3],
        &[0, 51, 0, 12, 0, 10, 0x0a, 0x0a, 0, 1, 0, 0, 23, 0, 1, 9],
    ];
    let extensions = extensions.concat();
    body.extend([0, extensions.len() as u8]);
    body.extend(extensions);
    body
}

fn config() -> ServerConfig {
    let config = ServerConfig::builder(CryptoProvider::ring()).application_protocols(["h2", "h1"]);
    config.build(Arc::new(AnswerLater)).unwrap()
}

#[track_caller]
fn refused<T>(result: Result<T, Error>, alert: AlertDescription) {
    assert_eq!(result.err().and_then(|error| error.alert_sent()), Some(alert));
}

#[test]
fn what_a_client_hello_must_have_is_checked_version_first() {
    let body = body();
    let hello = ClientHello::parse(&body).unwrap();
    let config = config();
    let check_form = |hello: &_| check_version(hello).and_then(|()| check_form(&config, hello));
    check_form(&hello).unwrap();
    let mut old = hello.clone();
    old.known.supported_versions = None;
    old.known.key_shares = None;
    old.compression_methods = &[1, 0];
    refused(check_form(&old), AlertDescription::PROTOCOL_VERSION);
    let mut compressing = hello.clone();
    compressing.compression_methods = &[0, 0];
    compressing.known.key_shares = None;
    refused(check_form(&compressing), AlertDescription::ILLEGAL_PARAMETER);
    for remove in [
        |hello: &mut ClientHello<'_>| hello.known.key_shares = None,
        |hello: &mut ClientHello<'_>| hello.known.supported_groups = None,
        |hello: &mut ClientHello<'_>| hello.known.signature_algorithms = None,
    ] {
        let mut without = hello.clone();
        remove(&mut without);
        refused(check_form(&without), AlertDescription::MISSING_EXTENSION);
    }
    let mut stray = hello.clone();
    stray.known.supported_groups = Some(List::new(&[0x0a, 0x0a, 0, 29]));
    refused(check_form(&stray), AlertDescription::ILLEGAL_PARAMETER);
}

#[test]
fn the_servers_order_decides_and_a_share_saves_the_retry() {
    let (body, mut config) = (body(), config());
    let mut hello = ClientHello::parse(&body).unwrap();
    let suite =
        |config: &ServerConfig, hello: &_| cipher_suite(config, hello).map(|suite| suite.id);
    let first = config.common.provider.cipher_suites[0].id;
    assert_eq!(first, CipherSuiteId::TLS_AES_128_GCM_SHA256);
    assert_eq!(suite(&config, &hello).unwrap(), first, "though the client prefers another");
    config.common.provider.cipher_suites.reverse();
    assert_ne!(suite(&config, &hello).unwrap(), first);
    hello.cipher_suites = List::new(&[0x0a, 0x0a]);
    refused(suite(&config, &hello), AlertDescription::HANDSHAKE_FAILURE);

    let SelectedGroup { group: chosen, share } = group(&config, &hello).unwrap();
    assert_eq!(chosen.name(), NamedGroup::SECP256R1, "X25519 has no share");
    assert_eq!(share.unwrap().key_exchange, [9]);
    hello.known.key_shares = None;
    let SelectedGroup { group: chosen, share } = group(&config, &hello).unwrap();
    assert_eq!((chosen.name(), share), (NamedGroup::X25519, None));
    hello.known.supported_groups = Some(List::new(&[0x0a, 0x0a]));
    refused(group(&config, &hello), AlertDescription::HANDSHAKE_FAILURE);
}

#[test]
fn names_are_dns_names_or_passed_over_or_refused() {
    let body = body();
    let mut hello = ClientHello::parse(&body).unwrap();
    let mut name = |name| {
        hello.known.server_name = Some(name);
        server_name(&hello)
    };
    assert_eq!(name(b"A.Example").unwrap().as_deref(), Some("a.example"));
    assert_eq!(name(b"192.0.2.1").unwrap(), None);
    for wrong in [&b"a b"[..], b"\xff", b"a..b"] {
        refused(name(wrong), AlertDescription::ILLEGAL_PARAMETER);
    }
    assert_eq!(application_protocol(&config(), &hello).unwrap(), None);
}
