//! What is found by a name: pre-shared keys, sessions and pins.

use std::sync::Arc;
use std::time::Duration;

use handclasp::certificate::EndEntity;
use handclasp::crypto::{CryptoProvider, HashAlgorithm, Secret};
use handclasp::pki_types::{ServerName, UnixTime};
use handclasp::psk::{PreSharedKey, PskList, PskResolver};
use handclasp::registry::CipherSuiteId;
use handclasp::session::{
    ClientSession, ClientSessionStore, MemoryClientSessions, MemorySessions, SessionStore,
    TicketOrigin,
};
use handclasp::verify::{PeerIdentity, PeerVerifier, SpkiPin, SpkiPins};
use handclasp::wire::{ClientHello, Extensions, NewSessionTicket};
use handclasp::{ClientConfig, ClientConnection, Reply};
use handclasp_testing::sessions::LIFETIME;
use handclasp_testing::{Identity, pre_shared_secret, server_name};

use crate::{micros_of, scattered};

/// Calls `act` with a ClientHello for this name that offers these keys.
pub fn with_hello(name: &str, keys: Vec<PreSharedKey>, act: impl FnOnce(&ClientHello<'_>)) {
    const HEADERS: usize = 5 + 4;
    let mut provider = CryptoProvider::ring();
    provider.groups.retain(|group| group.name() == handclasp::registry::NamedGroup::X25519);
    let builder = ClientConfig::builder(provider).trust(Identity::p256().anchors()).unwrap();
    let config = builder.pre_shared_keys(keys).build().unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let client = ClientConnection::new(Arc::new(config), name);
    act(&ClientHello::parse(&client.outgoing()[HEADERS..]).unwrap());
}

fn key(identity: String) -> PreSharedKey {
    PreSharedKey::external(identity.as_bytes(), &pre_shared_secret()).unwrap()
}

fn psk_list(count: usize) -> PskList {
    PskList::new((0..count).map(|number| key(format!("client {number}"))).collect())
}

fn resolve(list: &PskList, offered: Vec<PreSharedKey>, is_known: bool) -> f64 {
    let mut micros = 0.0;
    with_hello("server.example", offered, |hello| {
        micros = micros_of(2000, |_| {
            let Reply::Now(choice) = list.resolve(hello, &[HashAlgorithm::Sha256]) else {
                panic!("it is later")
            };
            assert_eq!(choice.is_some(), is_known);
        });
    });
    micros
}

pub fn known_identity(count: usize) -> f64 {
    resolve(&psk_list(count), vec![key(format!("client {}", scattered(1, count)))], true)
}

pub fn unknown_identities(count: usize) -> f64 {
    let offered = (0..16).map(|number| key(format!("stranger {number}"))).collect();
    resolve(&psk_list(count), offered, false)
}

fn client_session(server: usize, received: Duration) -> ClientSession {
    let name = ServerName::try_from(format!("host-{server}.example")).unwrap();
    let suite = CipherSuiteId::TLS_AES_128_GCM_SHA256;
    let origin = TicketOrigin::new(name, suite, received.as_secs());
    let ticket = NewSessionTicket {
        lifetime: 1_000_000,
        age_add: 7,
        nonce: &[],
        ticket: &[7; 100],
        extensions: Extensions::default(),
        max_early_data_size: None,
    };
    ClientSession::new(origin, &ticket, Secret::zeros(32), received).unwrap()
}

fn client_session_store(count: usize) -> MemoryClientSessions {
    let store = MemoryClientSessions::new(count);
    let now = Duration::from_secs(UnixTime::now().as_secs());
    (0..count).for_each(|server| store.put(client_session(server, now)));
    store
}

/// Takes the session with a server, and puts another one with it into a full store.
pub fn client_sessions(count: usize) -> f64 {
    let store = client_session_store(count);
    let now = UnixTime::now();
    micros_of(2000, |call| {
        let server = ServerName::try_from(format!("host-{}.example", scattered(call, count)));
        let session = store.take(&server.unwrap(), now).expect("there is one with each server");
        store.put(session);
    })
}

pub fn server_sessions(count: usize) -> f64 {
    let random = CryptoProvider::ring().random;
    let store = MemorySessions::new(count, random);
    let now = UnixTime::now();
    let bytes = [7; 200];
    let mut tickets: Vec<_> =
        (0..count).map(|_| store.put(&bytes, now, LIFETIME).unwrap()).collect();
    micros_of(2000, |call| {
        let place = scattered(call, count);
        let Reply::Now(session) = store.take(&tickets[place], now) else { panic!("it is later") };
        tickets[place] = store.put(&session.expect("it was stored"), now, LIFETIME).unwrap();
    })
}

pub fn pins(count: usize) -> f64 {
    let chain = Identity::p256().chain;
    let own = EndEntity::parse(&chain[0]).unwrap();
    let known = SpkiPin::of_public_key(own.subject_public_key_info());
    let pins = (1..count).map(|number| SpkiPin::of_public_key(&number.to_be_bytes()));
    let pins = SpkiPins::only(pins.chain([known])).unwrap();
    let peer = PeerIdentity::new(chain.into(), Some(server_name()), UnixTime::now());
    micros_of(1000, |_| assert_eq!(pins.verify(&peer), Reply::Now(Ok(()))))
}
