//! Pre-shared keys that were agreed on outside of TLS: taken, passed over, refused, answered later.

mod common;

use std::sync::Arc;

use common::{Identity, narrow_provider, server_name};
use handclasp::alert::AlertDescription;
use handclasp::config::{AnswerLater, CertificateList, ChosenPsk, PreSharedKey, PskList};
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::{Answer, Question};
use handclasp::key_schedule::PskKind;
use handclasp::transport::memory::exchange;
use handclasp::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};

const SECRET: &[u8; 32] = &[0x42; 32];

fn psk(identity: &str, secret: &[u8]) -> PreSharedKey {
    PreSharedKey::external(identity.as_bytes(), secret).unwrap()
}

fn client(identity: &Identity, keys: Vec<PreSharedKey>) -> ClientConnection {
    let config = ClientConfig::builder(CryptoProvider::ring()).pre_shared_keys(keys);
    let config = config.trust(identity.anchors()).unwrap().build().unwrap();
    ClientConnection::new(Arc::new(config), server_name()).unwrap()
}

fn server(
    identity: &Identity,
    provider: CryptoProvider,
    keys: Vec<PreSharedKey>,
) -> ServerConnection {
    let certificates = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let config = ServerConfig::builder(provider).pre_shared_keys(Arc::new(PskList::new(keys)));
    ServerConnection::new(Arc::new(config.build(Arc::new(certificates)).unwrap())).unwrap()
}

fn used_by_both(client: &Connection, server: &Connection) -> bool {
    assert!(!client.is_handshaking() && !server.is_handshaking());
    let (client, server) = (client.parameters(), server.parameters());
    assert_eq!(client.pre_shared_key, server.pre_shared_key);
    assert_eq!(client.certificates.is_none(), client.pre_shared_key.is_some());
    client.pre_shared_key == Some(PskKind::External)
}

#[test]
fn a_shared_key_takes_the_place_of_the_certificate() {
    let identity = Identity::p256();
    let keys = vec![psk("other", &[1; 32]), psk("ours", SECRET)];
    let mut client = client(&identity, keys);
    let mut server = server(&identity, CryptoProvider::ring(), vec![psk("ours", SECRET)]);
    exchange(&mut client, &mut server).unwrap();
    assert!(used_by_both(&client, &server));
}

#[test]
fn after_a_hello_retry_request_the_binder_covers_both_hellos() {
    let identity = Identity::p256();
    let mut client = client(&identity, vec![psk("ours", SECRET)]);
    let mut server = server(&identity, narrow_provider(0, 1), vec![psk("ours", SECRET)]);
    exchange(&mut client, &mut server).unwrap();
    assert!(client.parameters().retried && used_by_both(&client, &server));
}

#[test]
fn a_key_for_another_hash_is_passed_over_for_the_certificate() {
    let identity = Identity::p256();
    for group in [0, 1] {
        let mut client = client(&identity, vec![psk("ours", SECRET)]);
        // This server has SHA-384 only.
        let mut server = server(&identity, narrow_provider(1, group), vec![psk("ours", SECRET)]);
        exchange(&mut client, &mut server).unwrap();
        assert!(!used_by_both(&client, &server));
    }
}

#[test]
fn an_unknown_identity_falls_back_to_the_certificate() {
    let identity = Identity::p256();
    let mut client = client(&identity, vec![psk("unknown", SECRET)]);
    let mut server = server(&identity, CryptoProvider::ring(), vec![psk("ours", SECRET)]);
    exchange(&mut client, &mut server).unwrap();
    assert!(!used_by_both(&client, &server));
}

#[test]
fn a_known_identity_with_another_key_is_refused_with_decrypt_error() {
    let identity = Identity::p256();
    let mut client = client(&identity, vec![psk("ours", &[0x43; 32])]);
    let mut server = server(&identity, CryptoProvider::ring(), vec![psk("ours", SECRET)]);
    let error = exchange(&mut client, &mut server).unwrap_err();
    assert_eq!(error.alert_sent(), Some(AlertDescription::DECRYPT_ERROR), "{error}");
}

#[test]
fn the_key_can_be_looked_up_later_and_found_or_not() {
    for found in [true, false] {
        let identity = Identity::p256();
        let mut client = client(&identity, vec![psk("ours", SECRET)]);
        let certificates = CertificateList::new(vec![Arc::new(identity.certified_key())]);
        let config =
            ServerConfig::builder(CryptoProvider::ring()).pre_shared_keys(Arc::new(AnswerLater));
        let config = Arc::new(config.build(Arc::new(certificates)).unwrap());
        let mut server = ServerConnection::new(config).unwrap();
        exchange(&mut client, &mut server).unwrap();
        let Some(Question::ResolvePsk(question)) = server.question() else { panic!() };
        let hello = question.client_hello().unwrap();
        let (offered, _) = hello.pre_shared_keys.unwrap().iter().next().unwrap();
        assert_eq!(offered.identity, b"ours");
        let key = found.then(|| ChosenPsk { index: 0, key: psk("ours", SECRET) });
        server.answer(Answer::Psk(key)).unwrap();
        exchange(&mut client, &mut server).unwrap();
        assert_eq!(used_by_both(&client, &server), found);
    }
}

#[test]
fn keys_that_could_be_guessed_cannot_be_configured() {
    assert!(PreSharedKey::external(b"identity", b"password").is_err());
    assert!(PreSharedKey::external(b"", SECRET).is_err());
    assert!(!format!("{:?}", psk("ours", SECRET)).contains("66"), "the secret is not shown");
}

#[test]
fn a_key_for_one_server_is_not_offered_to_another() {
    let identity = Identity::p256();
    let other = "other.example".try_into().unwrap();
    for (key, used) in [
        (psk("ours", SECRET).for_server(server_name()), true),
        (psk("ours", SECRET).for_server(other), false),
    ] {
        let mut client = client(&identity, vec![key]);
        let mut server = server(&identity, CryptoProvider::ring(), vec![psk("ours", SECRET)]);
        exchange(&mut client, &mut server).unwrap();
        assert_eq!(used_by_both(&client, &server), used);
    }
}
