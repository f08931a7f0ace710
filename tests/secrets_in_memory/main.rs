//! Secrets that are not needed any more are in no memory of the process: no value of the key
//! schedule, no key of the records, no key of tickets, no key of a session.
#![cfg(target_os = "linux")]

mod dead_stack;
mod handed_over;
mod memory;
mod quic;
#[cfg(any(feature = "ml-kem", feature = "aws-lc-rs"))]
mod watched_group;

use std::hint::black_box;
use std::sync::Arc;

use handclasp::config::{ClientConfigBuilder, ServerConfigBuilder};
use handclasp::connection::Options;
use handclasp::credential::{CertifiedKey, KeySource};
use handclasp::crypto::{CryptoProvider, signing_key};
use handclasp::handshake::{Answer, EarlyData, Question};
use handclasp::key_schedule::PskKind;
use handclasp::psk::{ChosenPsk, PreSharedKey, PskList};
use handclasp::session::{
    ClientSession, ClientSessionStore, MemoryClientSessions, SessionStore, TicketKeys,
};
use handclasp::transport::memory::exchange;
use handclasp::verify::ClientAuthentication;
use handclasp::{
    AnswerLater, ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection,
};
use handclasp_testing::sessions::{Elsewhere, LIFETIME, Pair, time};
use handclasp_testing::{Identity, narrow_provider, server_name};
use memory::{Hidden, Seen, clean_stack, copies, is_readable};

/// Fails for each secret that is in more places than `allowed` says.
fn check(what: &str, seen: &Seen, allowed: impl Fn(&Hidden) -> usize) {
    let hidden = seen.all();
    assert!(!hidden.is_empty(), "{what}: nothing was seen");
    let counts = copies(&hidden);
    let mut left = Vec::new();
    for (hidden, count) in hidden.iter().zip(counts) {
        if count > allowed(hidden) {
            left.push(format!("{} in {count} places", hidden.label));
        }
    }
    println!("{what}: {} secrets, {} of them left", hidden.len(), left.len());
    assert!(left.is_empty(), "{what}: {left:#?}");
}

fn check_gone(what: &str, seen: &Seen) {
    check(what, seen, |_| 0);
}

/// Both sides of one scenario, and what they need to answer questions.
struct World {
    pair: Pair,
    own: Identity,
    elsewhere: Arc<Elsewhere>,
    psk: PreSharedKey,
    seen: Seen,
}

/// The secret has been on the stack.
#[inline(never)]
fn new_key() -> PreSharedKey {
    PreSharedKey::external(b"ours", &handclasp_testing::pre_shared_secret()).unwrap()
}

impl World {
    #[inline(never)]
    fn new(seen: &Seen) -> Self {
        let psk = new_key();
        clean_stack();
        let (pair, own, elsewhere) = (Pair::new(), Identity::p256(), Elsewhere::new());
        Self { pair, own, elsewhere, psk, seen: seen.clone() }
    }

    fn options(&self, at: u64) -> Options {
        let mut options = Options::new(time(at));
        options.observer = self.seen.observer();
        options
    }

    fn client(&self, builder: ClientConfigBuilder, at: u64) -> ClientConnection {
        let config = Arc::new(builder.build().unwrap());
        ClientConnection::with_options(config, server_name(), self.options(at))
    }

    fn server(&self, builder: ServerConfigBuilder, at: u64) -> ServerConnection {
        let config = self.pair.finish(builder);
        ServerConnection::with_options(config, self.options(at))
    }

    /// A client and a server without sessions.
    fn plain(
        &self,
        provider: fn() -> CryptoProvider,
    ) -> (ClientConfigBuilder, ServerConfigBuilder) {
        let client = ClientConfig::builder(provider()).trust(self.pair.identity.anchors()).unwrap();
        (client, ServerConfig::builder(provider()))
    }

    fn key_elsewhere(&self) -> Arc<CertifiedKey> {
        let schemes = signing_key(&self.own.key).unwrap().schemes().to_vec();
        let key = KeySource::Remote { schemes };
        Arc::new(CertifiedKey::new(self.own.chain.clone(), key).unwrap())
    }

    /// Answers the open question, if one is open.
    fn answer(&self, end: &mut Connection) -> bool {
        let (Some(number), Some(question)) = (end.question_number(), end.question()) else {
            return false;
        };
        let answer = match question {
            Question::ChooseCertificate(_) => Answer::Certificate(Ok(self.key_elsewhere())),
            Question::ChooseClientCertificate(_) => {
                Answer::ClientCertificate(Some(self.key_elsewhere()))
            }
            Question::Sign(sign) => {
                let key = signing_key(&self.own.key).unwrap();
                Answer::Signature(key.sign(sign.scheme, &sign.message))
            }
            Question::VerifyPeer(_) => Answer::Peer(Ok(())),
            Question::TakeSession(asked) => Answer::Session(self.elsewhere.answer(&asked.ticket)),
            Question::AcceptEarlyData(_) => Answer::EarlyData(true),
            Question::ResolvePsk(_) => {
                Answer::Psk(Some(ChosenPsk { index: 0, key: self.psk.clone() }))
            }
            other => panic!("{other:?}"),
        };
        end.answer(number, answer).unwrap();
        true
    }

    /// Talks to the end of the handshake.
    #[inline(never)]
    fn meet(&self, client: &mut Connection, server: &mut Connection) {
        loop {
            exchange(client, server).unwrap();
            if !self.answer(client) && !self.answer(server) {
                break;
            }
        }
        assert!(!client.is_handshaking() && !server.is_handshaking());
    }

    /// A whole connection: the handshake, data, exporters, new keys, and the goodbye.
    #[inline(never)]
    fn live(&self, mut client: ClientConnection, mut server: ServerConnection) {
        self.meet(&mut client, &mut server);
        client.write(b"hello").unwrap();
        client.update_keys(true).unwrap();
        client.tls_exporter().unwrap();
        exchange(&mut client, &mut server).unwrap();
        server.write(b"hello").unwrap();
        exchange(&mut client, &mut server).unwrap();
        client.close();
        server.close();
        exchange(&mut client, &mut server).unwrap();
    }
}

/// Plays `scenario`, and looks for what is left when all that it had was dropped.
fn leaves_nothing(what: &str, scenario: impl FnOnce(World)) {
    if !is_readable() {
        return;
    }
    let seen = Seen::default();
    play(&seen, scenario);
    clean_stack();
    check_gone(what, &seen);
}

#[inline(never)]
fn play(seen: &Seen, scenario: impl FnOnce(World)) {
    scenario(World::new(seen));
}

const SUITES: [fn() -> CryptoProvider; 3] =
    [|| narrow_provider(0, 0), || narrow_provider(1, 1), || narrow_provider(2, 2)];

fn providers() -> Vec<CryptoProvider> {
    vec![
        #[cfg(feature = "ring")]
        CryptoProvider::ring(),
        #[cfg(feature = "aws-lc-rs")]
        CryptoProvider::aws_lc_rs(),
    ]
}

#[test]
fn a_secret_that_is_there_is_found() {
    if !is_readable() {
        return;
    }
    let seen = Seen::default();
    let kept = keep_a_secret(&seen);
    clean_stack();
    assert_eq!(copies(&seen.all()), [2], "a whole one and a part of one");
    black_box(kept);
}

#[inline(never)]
fn keep_a_secret(seen: &Seen) -> (Vec<u8>, Vec<u8>) {
    let secret = handclasp_testing::pre_shared_secret();
    seen.add("a secret", &secret);
    (secret.to_vec(), [&[0; 8], &secret[16..24]].concat())
}

#[test]
fn nothing_is_left_of_a_connection_with_each_suite() {
    for (number, provider) in SUITES.into_iter().enumerate() {
        leaves_nothing(&format!("suite {number}"), |world| {
            let (client, server) = world.plain(provider);
            world.live(world.client(client, 0), world.server(server, 0));
        });
    }
}

/// Of neither component, and of the secret that both make.
#[cfg(any(feature = "ml-kem", feature = "aws-lc-rs"))]
#[test]
fn nothing_is_left_of_a_connection_with_each_hybrid_group() {
    use handclasp::crypto::KeyExchangeGroup;
    #[cfg(not(feature = "ml-kem"))]
    use handclasp::crypto::aws_lc_rs::{MLKEM768, MLKEM1024};
    use handclasp::crypto::hybrid::HybridGroup;
    #[cfg(feature = "ml-kem")]
    use handclasp::crypto::ml_kem::{MLKEM768, MLKEM1024};
    use handclasp::registry::NamedGroup;
    use watched_group::WatchedGroup;

    let hybrids: Vec<(NamedGroup, Arc<dyn KeyExchangeGroup>)> = vec![
        (NamedGroup::X25519, Arc::new(MLKEM768)),
        (NamedGroup::SECP256R1, Arc::new(MLKEM768)),
        (NamedGroup::SECP384R1, Arc::new(MLKEM1024)),
        #[cfg(feature = "libcrux")]
        (NamedGroup::X25519, Arc::new(handclasp::crypto::libcrux::MLKEM768)),
        #[cfg(feature = "libcrux")]
        (NamedGroup::SECP384R1, Arc::new(handclasp::crypto::libcrux::MLKEM1024)),
    ];
    for (classical, kem) in hybrids {
        leaves_nothing(&format!("{classical} and {}", kem.name()), |world| {
            let watch = |inner: Arc<dyn KeyExchangeGroup>| -> Arc<dyn KeyExchangeGroup> {
                Arc::new(WatchedGroup { inner, seen: world.seen.clone() })
            };
            let mut provider = CryptoProvider::default();
            let classical = watch(provider.group(classical).unwrap().clone());
            let hybrid = HybridGroup::new(classical, watch(kem.clone())).unwrap();
            provider.groups = vec![watch(Arc::new(hybrid))];
            let client = ClientConfig::builder(provider.clone());
            let client = client.trust(world.pair.identity.anchors()).unwrap();
            let server = ServerConfig::builder(provider);
            world.live(world.client(client, 0), world.server(server, 0));
        });
    }
}

#[test]
fn nothing_is_left_of_a_connection_after_a_retry() {
    leaves_nothing("a retry", |world| {
        let (client, _) = world.plain(CryptoProvider::default);
        let (_, server) = world.plain(|| narrow_provider(0, 1));
        world.live(world.client(client, 0), world.server(server, 0));
    });
}

#[test]
fn nothing_is_left_of_a_connection_whose_questions_are_answered_later() {
    leaves_nothing("questions", |world| {
        let client = ClientConfig::builder(CryptoProvider::default())
            .verifier(Arc::new(AnswerLater))
            .client_certificates(Arc::new(AnswerLater));
        let server = ServerConfig::builder(CryptoProvider::default())
            .client_authentication(ClientAuthentication::required(Arc::new(AnswerLater)))
            .build(Arc::new(AnswerLater));
        let server = ServerConnection::with_options(Arc::new(server.unwrap()), world.options(0));
        world.live(world.client(client, 0), server);
    });
}

#[test]
fn nothing_is_left_of_an_external_key_that_is_at_hand_or_looked_up_later() {
    for later in [false, true] {
        leaves_nothing(&format!("an external key, later: {later}"), |world| {
            let (client, server) = world.plain(CryptoProvider::default);
            let server = match later {
                true => server.pre_shared_keys(Arc::new(AnswerLater)),
                false => server.pre_shared_keys(Arc::new(PskList::new(vec![world.psk.clone()]))),
            };
            let client = client.pre_shared_keys(vec![world.psk.clone()]);
            world.live(world.client(client, 0), world.server(server, 0));
        });
    }
}

/// A connection that gives tickets, and one that resumes, with 0-RTT data.
fn resume(world: &World, server: impl Fn() -> ServerConfigBuilder, expected: EarlyData) {
    world.live(world.client(world.pair.client_builder(), 0), world.server(server(), 0));
    let mut client = world.client(world.pair.client_builder(), 1);
    let mut server = world.server(server(), 1);
    client.write_early_data(b"early").unwrap();
    client.export_early_keying_material("EXPERIMENTAL test", b"", &mut [0; 32]).unwrap();
    world.meet(&mut client, &mut server);
    assert_eq!(client.parameters().pre_shared_key, Some(PskKind::Resumption));
    assert_eq!(client.parameters().early_data, expected);
    world.live(client, server);
}

#[test]
fn nothing_is_left_of_tickets_and_of_accepted_and_refused_early_data() {
    leaves_nothing("accepted 0-RTT data", |world| {
        resume(&world, || world.pair.early_server(1000), EarlyData::Accepted);
    });
    leaves_nothing("0-RTT data that a policy accepts later", |world| {
        let server = || world.pair.early_server(1000).early_data_policy(Arc::new(AnswerLater));
        resume(&world, server, EarlyData::Accepted);
    });
    leaves_nothing("0-RTT data, and a session from a store elsewhere", |world| {
        let server = || world.pair.early_server(1000).sessions(world.elsewhere.clone());
        resume(&world, server, EarlyData::Accepted);
    });
    leaves_nothing("0-RTT data that are refused by a policy", |world| {
        let server = || world.pair.early_server(1000).early_data_window(0);
        world.live(world.client(world.pair.client_builder(), 0), world.server(server(), 0));
        let mut client = world.client(world.pair.client_builder(), 100);
        client.write_early_data(b"early").unwrap();
        world.live(client, world.server(world.pair.server_builder(), 100));
    });
}

#[test]
fn nothing_is_left_where_connections_stood_before_they_moved() {
    leaves_nothing("moved connections", |world| {
        let mut ends = Vec::new();
        for _ in 0..9 {
            let (client, server) = world.plain(CryptoProvider::default);
            let (client, server) = (world.client(client, 0), world.server(server, 0));
            let mut end = Box::new((client, server));
            world.meet(&mut end.0, &mut end.1);
            // Out of the box, into a vector that grows.
            ends.push(*end);
        }
        while let Some((client, server)) = ends.pop() {
            world.live(client, server);
        }
    });
}

#[test]
fn a_connection_that_has_failed_has_no_secret_though_it_lives() {
    if !is_readable() {
        return;
    }
    for when in ["in the handshake", "after it"] {
        let seen = Seen::default();
        let ends = failed(&seen, when == "after it");
        clean_stack();
        check_gone(&format!("a failure {when}"), &seen);
        black_box(ends);
    }
}

/// Two ends, of which the client finds something wrong.
#[inline(never)]
fn failed(seen: &Seen, after: bool) -> (ClientConnection, ServerConnection) {
    let world = World::new(seen);
    let (client, server) = world.plain(CryptoProvider::default);
    let (client, server) = match after {
        true => (client, server),
        false => (client.trust(world.own.anchors()).unwrap(), server),
    };
    let (mut client, mut server) = (world.client(client, 0), world.server(server, 0));
    assert_eq!(exchange(&mut client, &mut server).is_ok(), after);
    if after {
        server.write(b"data").unwrap();
        let mut record = server.outgoing().to_vec();
        server.sent(record.len());
        *record.last_mut().unwrap() ^= 1;
        client.receive(&mut record).unwrap_err();
    }
    exchange(&mut client, &mut server).unwrap_err();
    assert!(client.check().is_err() && server.check().is_err());
    (client, server)
}

/// What both ends of a connection use: the last of each kind, once for each direction.
fn is_in_use(all: &[Hidden], index: usize) -> bool {
    let label = all[index].label.as_str();
    match label {
        "exp master" | "res master" => true,
        "traffic upd" | "key" => {
            all[index + 1..].iter().filter(|later| later.label == label).count() < 2
        }
        _ => false,
    }
}

#[test]
fn a_live_connection_has_the_secrets_that_it_uses_and_no_old_ones() {
    if !is_readable() {
        return;
    }
    for (number, provider) in SUITES.into_iter().enumerate() {
        let seen = Seen::default();
        let ends = updated(&seen, provider);
        clean_stack();
        let all = seen.all();
        for (index, count) in copies(&all).into_iter().enumerate() {
            // A place at each end.
            let limit = if is_in_use(&all, index) { 2 } else { 0 };
            let label = &all[index].label;
            assert!(count <= limit, "suite {number}, value {index}, {label}: {count} places");
        }
        black_box(ends);
    }
}

/// Two ends that have changed all of their keys twenty times.
#[inline(never)]
fn updated(seen: &Seen, provider: fn() -> CryptoProvider) -> (ClientConnection, ServerConnection) {
    let world = World::new(seen);
    let (client, server) = world.plain(provider);
    let (mut client, mut server) = (world.client(client, 0), world.server(server, 0));
    world.meet(&mut client, &mut server);
    for _ in 0..20 {
        client.update_keys(false).unwrap();
        server.update_keys(false).unwrap();
        client.write(b"hello").unwrap();
        server.write(b"hello").unwrap();
        exchange(&mut client, &mut server).unwrap();
        client.release_buffers();
        server.release_buffers();
    }
    (client, server)
}

/// Not even the newest: tickets need what HMAC makes of a key, and not the key.
#[test]
fn no_key_of_tickets_is_kept_as_it_was_drawn() {
    if !is_readable() {
        return;
    }
    let seen = Seen::default();
    let keys = rotated(&seen);
    clean_stack();
    check_gone("keys of tickets", &seen);
    replace(&keys);
    drop(keys);
}

const DAY: u64 = 86_400;

/// Keys of eight days, and of one day that is 40 days later.
#[inline(never)]
fn rotated(seen: &Seen) -> TicketKeys {
    let keys = TicketKeys::random(seen.random()).unwrap();
    for day in (0..8).chain([48]) {
        let ticket = keys.put(b"a session", time(day * DAY), LIFETIME).unwrap();
        // The salt of a ticket is in the ticket for all to see.
        seen.remove_salts(&ticket);
    }
    keys
}

#[inline(never)]
fn replace(keys: &TicketKeys) {
    keys.replace(&handclasp_testing::pre_shared_secret()).unwrap();
}

#[test]
fn the_keys_of_sessions_are_gone_when_the_sessions_were_taken_forgotten_or_pushed_out() {
    if !is_readable() {
        return;
    }
    let seen = Seen::default();
    let store = visited(&seen);
    clean_stack();
    check_gone("sessions", &seen);
    assert!(store.sessions().is_empty());
}

#[inline(never)]
fn visited(seen: &Seen) -> Arc<MemoryClientSessions> {
    let world = World::new(seen);
    for _ in 0..9 {
        // One more than the store keeps, and after a resumption one.
        let server = world.pair.server_builder().tickets(9);
        let client = world.client(world.pair.client_builder(), 0);
        world.live(client, world.server(server, 0));
    }
    let store = world.pair.store.clone();
    let copies = store.sessions();
    assert_eq!(copies.len(), MemoryClientSessions::PER_SERVER);
    let stored: Vec<_> = copies.iter().map(ClientSession::to_bytes).collect();
    let read: Vec<_> = stored.iter().map(|bytes| ClientSession::from_bytes(bytes)).collect();
    assert!(read.iter().all(Result::is_ok));
    let mut taken = Vec::new();
    for _ in 0..5 {
        taken.push(store.take(&server_name(), time(1)).unwrap());
    }
    store.forget(&server_name());
    store
}
