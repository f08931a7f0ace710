//! Pre-shared keys that were agreed on outside of TLS: taken, passed over, refused, answered later.

use std::sync::Arc;

use handclasp::alert::AlertDescription;
use handclasp::credential::CertificateList;
use handclasp::crypto::{CryptoProvider, HashAlgorithm};
use handclasp::handshake::{Answer, Question};
use handclasp::key_schedule::PskKind;
use handclasp::psk::{ChosenPsk, PreSharedKey, PskImporter, PskList, PskResolver};
use handclasp::transport::memory::exchange;
use handclasp::wire::ClientHello;
use handclasp::{
    AnswerLater, ClientConfig, ClientConnection, Connection, Reply, ServerConfig, ServerConnection,
};
use handclasp_testing::{Identity, narrow_provider, server_name};

const SECRET: &[u8; 32] = &secret(0x42);

/// No randomness, but nothing that looks typed either.
const fn secret(seed: u8) -> [u8; 32] {
    let mut secret = [0; 32];
    let mut at = 0;
    while at < secret.len() {
        secret[at] = (at as u8).wrapping_mul(37) ^ seed;
        at += 1;
    }
    secret
}

fn psk(identity: &str, secret: &[u8]) -> PreSharedKey {
    PreSharedKey::external(identity.as_bytes(), secret).unwrap()
}

fn client(identity: &Identity, keys: Vec<PreSharedKey>) -> ClientConnection {
    let config = ClientConfig::builder(CryptoProvider::default()).pre_shared_keys(keys);
    let config = config.trust(identity.anchors()).unwrap().build().unwrap();
    ClientConnection::new(Arc::new(config), server_name())
}

fn server(
    identity: &Identity,
    provider: CryptoProvider,
    keys: Vec<PreSharedKey>,
) -> ServerConnection {
    let certificates = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let config = ServerConfig::builder(provider).pre_shared_keys(Arc::new(PskList::new(keys)));
    ServerConnection::new(Arc::new(config.build(Arc::new(certificates)).unwrap()))
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
    let keys = vec![psk("other", &secret(1)), psk("ours", SECRET)];
    let mut client = client(&identity, keys);
    let mut server = server(&identity, CryptoProvider::default(), vec![psk("ours", SECRET)]);
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
    let mut server = server(&identity, CryptoProvider::default(), vec![psk("ours", SECRET)]);
    exchange(&mut client, &mut server).unwrap();
    assert!(!used_by_both(&client, &server));
}

#[test]
fn a_known_identity_with_another_key_is_refused_with_decrypt_error() {
    let identity = Identity::p256();
    let mut client = client(&identity, vec![psk("ours", &secret(0x43))]);
    let mut server = server(&identity, CryptoProvider::default(), vec![psk("ours", SECRET)]);
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
            ServerConfig::builder(CryptoProvider::default()).pre_shared_keys(Arc::new(AnswerLater));
        let config = Arc::new(config.build(Arc::new(certificates)).unwrap());
        let mut server = ServerConnection::new(config);
        exchange(&mut client, &mut server).unwrap();
        let Some(Question::ResolvePsk(question)) = server.question() else { panic!() };
        let hello = question.client_hello().unwrap();
        let (offered, _) = hello.pre_shared_keys.unwrap().iter().next().unwrap();
        assert_eq!(offered.identity, b"ours");
        let key = found.then(|| ChosenPsk { index: 0, key: psk("ours", SECRET) });
        handclasp_testing::answer(&mut server, Answer::Psk(key)).unwrap();
        exchange(&mut client, &mut server).unwrap();
        assert_eq!(used_by_both(&client, &server), found);
    }
}

/// Chooses a key that the client has not offered.
#[derive(Debug)]
struct Mistaken;

impl PskResolver for Mistaken {
    fn resolve(&self, _: &ClientHello<'_>, _: &[HashAlgorithm]) -> Reply<Option<ChosenPsk>> {
        Reply::Now(Some(ChosenPsk { index: 1, key: psk("ours", SECRET) }))
    }
}

#[test]
fn a_choice_that_the_client_did_not_offer_is_the_servers_own_fault() {
    let identity = Identity::p256();
    let config =
        ServerConfig::builder(CryptoProvider::default()).pre_shared_keys(Arc::new(Mistaken));
    let config = Arc::new(config.build(Arc::new(AnswerLater)).unwrap());
    let mut server = ServerConnection::new(config);
    let mut client = client(&identity, vec![psk("ours", SECRET)]);
    let error = exchange(&mut client, &mut server).unwrap_err();
    assert_eq!(error.alert_sent(), Some(AlertDescription::INTERNAL_ERROR), "{error}");
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
        let mut server = server(&identity, CryptoProvider::default(), vec![psk("ours", SECRET)]);
        exchange(&mut client, &mut server).unwrap();
        assert_eq!(used_by_both(&client, &server), used);
    }
}

/// The keys of one secret, imported for this client and this server.
fn imported(server: &str) -> Vec<PreSharedKey> {
    let importer = PskImporter::new(b"sensor 7", SECRET).unwrap();
    importer.between(b"sensor 7", server.as_bytes()).import(&CryptoProvider::default()).unwrap()
}

fn exchanged(
    client: Vec<PreSharedKey>,
    suite: usize,
    server: Vec<PreSharedKey>,
) -> Option<PskKind> {
    let identity = Identity::p256();
    let mut client = self::client(&identity, client);
    let mut server = self::server(&identity, narrow_provider(suite, 0), server);
    exchange(&mut client, &mut server).unwrap();
    used_by_both(&client, &server);
    client.parameters().pre_shared_key
}

#[test]
fn one_imported_key_serves_suites_of_either_hash() {
    for suite in [0, 1, 2] {
        let used = exchanged(imported("gateway"), suite, imported("gateway"));
        assert_eq!(used, Some(PskKind::Imported), "suite {suite}");
    }
}

#[test]
fn a_hello_for_another_server_with_the_same_key_finds_no_key_there() {
    assert_eq!(exchanged(imported("gateway"), 0, imported("another gateway")), None);
}

#[test]
fn an_imported_key_is_never_mistaken_for_an_external_one() {
    // The same identity and the same bytes: the label of the binder differs.
    let secret: Vec<u8> = (0x80..0xa0).collect();
    let importer = PskImporter::new(b"sensor 7", &secret).unwrap().between(b"client", b"server");
    let key = importer.import(&CryptoProvider::default()).unwrap().remove(0);
    let bytes = "daa8c6f88a87bfd77ef4a858c06edb38812b5eefc2af55c7e272baa7af510504";
    let bytes = hex::decode(bytes).unwrap();
    let external = PreSharedKey::external(key.identity(), &bytes).unwrap();
    let kind = PskKind::Imported;
    let same = PreSharedKey::new(key.identity(), &bytes, key.hash(), kind).unwrap();
    assert_eq!(exchanged(vec![key.clone()], 0, vec![same]), Some(PskKind::Imported));
    let identity = Identity::p256();
    let mut client = client(&identity, vec![key]);
    let mut server = server(&identity, CryptoProvider::default(), vec![external]);
    let error = exchange(&mut client, &mut server).unwrap_err();
    assert_eq!(error.alert_sent(), Some(AlertDescription::DECRYPT_ERROR), "{error}");
}

#[test]
fn several_keys_of_several_kinds_are_offered_and_one_is_taken() {
    let mut ours = vec![psk("first", &secret(7)), psk("second", &secret(8))];
    ours.extend(imported("gateway"));
    for (theirs, kind) in [
        (vec![psk("second", &secret(8))], PskKind::External),
        (imported("gateway"), PskKind::Imported),
    ] {
        assert_eq!(exchanged(ours.clone(), 0, theirs), Some(kind));
    }
}

#[test]
fn a_key_that_looks_like_a_password_is_imported_only_where_the_caller_answers_for_it() {
    let text = b"correct horse battery staple";
    assert!(PskImporter::new(b"sensor 7", text).is_err());
    let keys =
        PskImporter::unchecked(b"sensor 7", text).import(&CryptoProvider::default()).unwrap();
    assert_eq!(keys.len(), 2);
}

#[test]
fn a_long_list_finds_the_key_of_each_hash_and_the_first_identity_that_it_has() {
    let identity = Identity::p256();
    let key = |name: &str, hash, seed| {
        PreSharedKey::new(name.as_bytes(), &secret(seed), hash, PskKind::External).unwrap()
    };
    let (short, long) = (HashAlgorithm::Sha256, HashAlgorithm::Sha384);
    let mut keys: Vec<_> = (0..10_000).map(|n| key(&format!("of device {n}"), short, 1)).collect();
    keys.extend([key("ours", short, 2), key("ours", long, 3), key("ours", short, 4)]);
    for (suite, offered, used) in [
        (0, vec![key("ours", short, 2)], true),
        (0, vec![key("unknown", short, 9), key("ours", short, 2)], true),
        (0, vec![key("of device 9999", short, 1), key("ours", short, 9)], true),
        (1, vec![key("ours", long, 3)], true),
        (1, vec![key("of device 1", short, 1)], false),
    ] {
        let mut client = client(&identity, offered.clone());
        let mut server = server(&identity, narrow_provider(suite, 0), keys.clone());
        exchange(&mut client, &mut server).unwrap();
        assert_eq!(used_by_both(&client, &server), used, "{offered:?}");
    }
}
