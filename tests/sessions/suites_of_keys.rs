//! A pre-shared key decides which cipher suite is used (RFC 9846, section 4.3.11), and whether a group is
//! needed (sections 4.2.1 and 4.3.9).

use std::sync::{Arc, Mutex};

use handclasp::alert::AlertDescription;
use handclasp::config::{ClientConfigBuilder, ExtensionLayout, LayoutItem, ServerConfigBuilder};
use handclasp::connection::Options;
use handclasp::cookie::HmacCookies;
use handclasp::credential::CertificateList;
use handclasp::crypto::{CryptoProvider, HashAlgorithm};
use handclasp::handshake::{Answer, EarlyData, Question};
use handclasp::key_schedule::PskKind;
use handclasp::observer::{Event, Observer};
use handclasp::psk::{PreSharedKey, PskImporter, PskList, PskResolver};
use handclasp::registry::NamedGroup;
use handclasp::transport::memory::exchange;
use handclasp::wire::ExtensionType;
use handclasp::{
    AnswerLater, ClientConfig, ClientConnection, Connection, Reply, ServerConfig, ServerConnection,
};
use handclasp_testing::sessions::{Pair, client, server_at, shared_key, talk, time};
use handclasp_testing::{
    Identity, answer, deliver_outgoing, narrow_provider, pre_shared_secret, server_name,
};

use HashAlgorithm::{Sha256, Sha384};

const HASHES: [HashAlgorithm; 2] = [Sha256, Sha384];

fn key(hash: HashAlgorithm) -> PreSharedKey {
    key_of("ours", hash)
}

fn key_of(identity: &str, hash: HashAlgorithm) -> PreSharedKey {
    let secret = CryptoProvider::default().sha256.digest(identity.as_bytes());
    PreSharedKey::new(identity.as_bytes(), &secret, hash, PskKind::External).unwrap()
}

/// The default provider, with the suites of this hash first.
fn preferring(hash: HashAlgorithm) -> CryptoProvider {
    let mut provider = CryptoProvider::default();
    provider.cipher_suites.sort_by_key(|suite| suite.hash.algorithm() != hash);
    provider
}

/// The same with a group only for which no client sends a share unasked.
fn retrying(hash: HashAlgorithm) -> CryptoProvider {
    CryptoProvider { groups: narrow_provider(0, 2).groups, ..preferring(hash) }
}

fn client_with(identity: &Identity, keys: Vec<PreSharedKey>) -> ClientConnection {
    let config = ClientConfig::builder(CryptoProvider::default()).pre_shared_keys(keys);
    let config = config.trust(identity.anchors()).unwrap().build().unwrap();
    ClientConnection::new(Arc::new(config), server_name())
}

/// A server that answers at once, or later.
fn server_with(
    certificates: Vec<&Identity>,
    provider: CryptoProvider,
    keys: Arc<dyn PskResolver>,
) -> ServerConfig {
    let random = CryptoProvider::default().random;
    let keys_of_certificates = certificates.into_iter().map(|it| Arc::new(it.certified_key()));
    let list = CertificateList::new(keys_of_certificates.collect());
    ServerConfig::builder(provider)
        .pre_shared_keys(keys)
        .cookies(Arc::new(HmacCookies::random(&*random).unwrap()))
        .build(Arc::new(list))
        .unwrap()
}

/// Exchanges messages, and answers the server's questions for a key. Returns how many there were.
fn exchange_with_answers(client: &mut Connection, server: &mut Connection, list: &PskList) -> u32 {
    let mut questions = 0;
    loop {
        exchange(client, server).unwrap();
        let Some(question) = server.question() else { return questions };
        let Question::ResolvePsk(question) = question else { panic!("{question:?}") };
        let found = list.resolve(&question.client_hello().unwrap(), &question.hashes);
        let Reply::Now(choice) = found else { panic!("a list answers at once") };
        answer(server, Answer::Psk(choice)).unwrap();
        questions += 1;
    }
}

#[track_caller]
fn assert_used(client: &Connection, server: &Connection, key: &PreSharedKey) {
    for side in [client, server] {
        assert!(!side.is_handshaking());
        let parameters = side.parameters();
        assert_eq!(parameters.pre_shared_key, Some(key.kind()));
        assert_eq!(parameters.pre_shared_key_identity.as_deref(), Some(key.identity()));
        let suite = parameters.cipher_suite.unwrap();
        let suite = CryptoProvider::default().cipher_suite(suite).unwrap().clone();
        assert_eq!(suite.hash.algorithm(), key.hash());
        assert_eq!(parameters.certificates, None);
    }
}

#[test]
fn a_key_is_used_whichever_suite_the_server_prefers() {
    let identity = Identity::p256();
    for preferred in HASHES {
        for hash in HASHES {
            let list = PskList::new(vec![key(hash)]);
            for provider in [preferring(preferred), retrying(preferred)] {
                // Also on a server that has no certificate.
                for certificates in [vec![&identity], vec![]] {
                    for later in [false, true] {
                        let keys: Arc<dyn PskResolver> = match later {
                            true => Arc::new(AnswerLater),
                            false => Arc::new(list.clone()),
                        };
                        let config = server_with(certificates.clone(), provider.clone(), keys);
                        let mut server = ServerConnection::new(Arc::new(config));
                        let mut client = client_with(&identity, vec![key(hash)]);
                        let asked = exchange_with_answers(&mut client, &mut server, &list);
                        assert_used(&client, &server, &key(hash));
                        let retried = client.parameters().retried;
                        assert_eq!(retried, provider.groups.len() == 1);
                        assert_eq!(asked, u32::from(later) * (1 + u32::from(retried)));
                    }
                }
            }
        }
    }
}

#[test]
fn the_suite_of_a_retry_request_is_for_the_key_although_another_server_gets_the_second_hello() {
    let identity = Identity::p256();
    for preferred in HASHES {
        for hash in HASHES {
            let list = Arc::new(PskList::new(vec![key(hash)]));
            let config = Arc::new(server_with(vec![&identity], retrying(preferred), list));
            let mut client = client_with(&identity, vec![key(hash)]);
            let mut first = ServerConnection::new(config.clone());
            deliver_outgoing(&mut client, &mut first).unwrap();
            deliver_outgoing(&mut first, &mut client).unwrap();
            let mut second = ServerConnection::new(config);
            exchange(&mut client, &mut second).unwrap();
            assert_used(&client, &second, &key(hash));
            assert!(second.parameters().retried);
        }
    }
}

#[test]
fn with_keys_for_both_hashes_the_server_prefers_a_suite() {
    let identity = Identity::p256();
    let importer = PskImporter::new(b"imported", &pre_shared_secret()).unwrap();
    let imported = importer.import(&CryptoProvider::default()).unwrap();
    let external = HASHES.map(|hash| key_of("two keys", hash)).to_vec();
    for keys in [imported, external] {
        for preferred in HASHES {
            for provider in [preferring(preferred), retrying(preferred)] {
                let list = Arc::new(PskList::new(keys.clone()));
                let config = server_with(vec![&identity], provider, list);
                let mut server = ServerConnection::new(Arc::new(config));
                let mut client = client_with(&identity, keys.clone());
                exchange(&mut client, &mut server).unwrap();
                let used = keys.iter().find(|key| key.hash() == preferred).unwrap();
                assert_used(&client, &server, used);
            }
        }
    }
}

#[test]
fn a_session_that_a_key_made_is_resumed_with_a_suite_of_its_hash() {
    for preferred in HASHES {
        for hash in HASHES {
            let pair = Pair::new();
            let list = Arc::new(PskList::new(vec![key(hash)]));
            let config = pair.finish(pair.server_with(preferring(preferred)).pre_shared_keys(list));
            for at in 0..3 {
                let builder = pair.client_builder().pre_shared_keys(vec![key(hash)]);
                let (mut client, mut server) = (client(builder, at), server_at(&config, at));
                talk(&mut client, &mut server).checked();
                let kind = if at == 0 { PskKind::External } else { PskKind::Resumption };
                assert_eq!(server.parameters().pre_shared_key, Some(kind));
                let suite = client.parameters().cipher_suite.unwrap();
                let provider = CryptoProvider::default();
                assert_eq!(provider.cipher_suite(suite).unwrap().hash.algorithm(), hash);
            }
        }
    }
}

#[test]
fn a_server_without_certificates_says_that_it_knows_none_of_the_keys() {
    let identity = Identity::p256();
    let strangers = HASHES.map(|hash| key_of("a stranger's", hash)).to_vec();
    for offered in [vec![], strangers[..1].to_vec(), strangers] {
        for provider in [preferring(Sha256), retrying(Sha256)] {
            let list = Arc::new(PskList::new(vec![key(Sha256)]));
            let config = server_with(vec![], provider, list);
            let mut server = ServerConnection::new(Arc::new(config));
            let mut client = client_with(&identity, offered.clone());
            let error = exchange(&mut client, &mut server).unwrap_err();
            let alert = AlertDescription::UNKNOWN_PSK_IDENTITY;
            assert_eq!(error.alert_sent(), Some(alert), "{offered:?}: {error}");
        }
    }
}

/// Which groups keys were exchanged with.
#[derive(Clone, Default)]
struct Exchanged(Arc<Mutex<Vec<NamedGroup>>>);

impl Observer for Exchanged {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::KeysExchanged(group) = event {
            self.0.lock().unwrap().push(*group);
        }
    }
}

/// How a client and a server without a group in common, or without a share for it, get on.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Groups {
    None,
    NoShare,
    Share,
}

/// A client that has these modes for its keys, and groups as `groups` says.
fn client_of_modes(pair: &Pair, groups: Groups, modes: &[u8]) -> ClientConfigBuilder {
    let mut provider = CryptoProvider::default();
    if groups == Groups::None {
        provider.groups = narrow_provider(0, 1).groups;
    }
    let kind = ExtensionType::PSK_KEY_EXCHANGE_MODES;
    let body = [&[u8::try_from(modes.len()).unwrap()], modes].concat();
    let layout = ExtensionLayout::new(vec![LayoutItem::Raw(kind, body)]);
    let builder = pair.client_with(provider).early_data(false);
    builder.client_hello_layout(layout).psk_without_key_exchange(true)
}

fn server_of_groups(pair: &Pair, groups: Groups) -> ServerConfigBuilder {
    let group = if groups == Groups::Share { 0 } else { 2 };
    let groups = narrow_provider(0, group).groups;
    let provider = CryptoProvider { groups, ..CryptoProvider::default() };
    pair.server_with(provider).psk_without_key_exchange(true)
}

#[test]
fn a_key_that_is_used_without_a_key_exchange_needs_no_group() {
    const ALONE: &[u8] = &[0];
    const BOTH: &[u8] = &[1, 0];
    const EXCHANGE: &[u8] = &[1];
    for (modes, groups, needs_group) in [
        (ALONE, Groups::None, false),
        (ALONE, Groups::NoShare, false),
        (ALONE, Groups::Share, false),
        (BOTH, Groups::None, false),
        (BOTH, Groups::NoShare, true),
        (BOTH, Groups::Share, true),
        (EXCHANGE, Groups::None, true),
        (EXCHANGE, Groups::NoShare, true),
    ] {
        for is_known in [true, false] {
            for allowed in [true, false] {
                let what = format!("{modes:?} {groups:?} known {is_known} allowed {allowed}");
                let pair = Pair::new();
                let offered = if is_known { shared_key() } else { key_of("unknown", Sha256) };
                let builder = client_of_modes(&pair, groups, modes).pre_shared_keys(vec![offered]);
                let mut client = client(builder, 0);
                let list = Arc::new(PskList::new(vec![shared_key()]));
                let builder = server_of_groups(&pair, groups).pre_shared_keys(list);
                let config = pair.finish(builder.psk_without_key_exchange(allowed));
                let exchanged = Exchanged::default();
                let mut options = Options::new(time(0));
                options.observer = Some(Box::new(exchanged.clone()));
                let mut server = ServerConnection::with_options(config, options);
                let error = talk(&mut client, &mut server).error;

                let key_alone = is_known && allowed && !needs_group;
                let fails = groups == Groups::None && !key_alone;
                let alert = error.and_then(|error| error.alert_sent());
                assert_eq!(alert, fails.then_some(AlertDescription::HANDSHAKE_FAILURE), "{what}");
                let exchanges = exchanged.0.lock().unwrap().len();
                assert_eq!(exchanges, usize::from(!key_alone && !fails), "{what}");
                if fails {
                    continue;
                }
                for parameters in [client.parameters(), server.parameters()] {
                    assert_eq!(parameters.group.is_none(), key_alone, "{what}");
                    let retried = !key_alone && groups == Groups::NoShare;
                    assert_eq!(parameters.retried, retried, "{what}");
                    let used = is_known && (allowed || modes != ALONE);
                    assert_eq!(parameters.pre_shared_key.is_some(), used, "{what}");
                }
            }
        }
    }
}

#[test]
fn a_session_that_is_resumed_without_a_key_exchange_needs_no_group() {
    for groups in [Groups::None, Groups::NoShare, Groups::Share] {
        let pair = Pair::new();
        pair.meet(&pair.finish(pair.server_builder()));
        let config = pair.finish(server_of_groups(&pair, groups));
        let mut client = client(client_of_modes(&pair, groups, &[0]), 1);
        let mut server = server_at(&config, 1);
        talk(&mut client, &mut server).checked();
        for parameters in [client.parameters(), server.parameters()] {
            assert_eq!(parameters.pre_shared_key, Some(PskKind::Resumption), "{groups:?}");
            assert_eq!((parameters.group, parameters.retried), (None, false), "{groups:?}");
        }
    }
}

/// The ticket is for SHA-256, the key for SHA-384. The 0-RTT data wait for the answer, too.
#[test]
fn early_data_that_wait_for_the_key_are_skipped_when_a_retry_follows() {
    let pair = Pair::new();
    pair.meet(&pair.finish(pair.early_server(1000)));
    let list = PskList::new(vec![key(Sha384)]);
    let server = pair.server_with(retrying(Sha256)).pre_shared_keys(Arc::new(AnswerLater));
    let config = pair.finish(server.early_data(1000, pair.register.clone()));
    let builder = pair.client_builder().pre_shared_keys(vec![key(Sha384)]);
    let (mut client, mut server) = (client(builder, 1), server_at(&config, 1));
    assert_eq!(client.write_early_data(b"early").unwrap(), 5);
    let asked = exchange_with_answers(&mut client, &mut server, &list);
    assert_eq!(asked, 2, "before the retry and after it");
    assert_used(&client, &server, &key(Sha384));
    for parameters in [client.parameters(), server.parameters()] {
        assert!(parameters.retried);
        assert_eq!(parameters.early_data, EarlyData::Rejected);
    }
}
