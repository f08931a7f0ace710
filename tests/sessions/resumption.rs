//! Resumption: tickets are made, kept, used once, and worth nothing under other rules.

use core::time::Duration;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use handclasp::alert::AlertDescription;
use handclasp::config::ConfigError;
use handclasp::connection::Options;
use handclasp::credential::{CertificateList, CertifiedKey};
use handclasp::crypto::{CryptoError, CryptoProvider};
use handclasp::key_schedule::PskKind;
use handclasp::observer::{Event, Observer};
use handclasp::pki_types::UnixTime;
use handclasp::psk::PskList;
use handclasp::registry::HandshakeType;
use handclasp::session::{
    ClientSession, ClientSessionStore, MAX_LIFETIME, MemorySessions, SessionStore, TicketKeys,
};
use handclasp::wire::{EncryptedExtensions, ExtensionType, NewSessionTicket};
use handclasp::{
    ClientConnection, Connection, ErrorKind, Reply, ServerConfig, ServerConnection, Stream,
};
use handclasp_testing::sessions::{
    self, LIFETIME, Pair, append_outgoing, client, found, server_at, talk, ticket_keys, time,
};
use handclasp_testing::{Identity, narrow_provider, server_name};
use zeroize::Zeroizing;

fn resumed(client: &Connection, server: &Connection) -> bool {
    assert!(!client.is_handshaking() && !server.is_handshaking());
    let kind = client.parameters().pre_shared_key;
    assert_eq!(kind, server.parameters().pre_shared_key);
    kind == Some(PskKind::Resumption)
}

/// A second connection with this server: is it resumed?
fn again(client: &mut ClientConnection, config: &Arc<ServerConfig>, at: u64) -> bool {
    let mut server = server_at(config, at);
    client.set_time(time(at));
    talk(client, &mut server).checked();
    resumed(client, &server)
}

#[test]
fn a_ticket_resumes_with_the_certificate_of_then_and_brings_a_new_ticket() {
    let pair = Pair::new();
    let config = pair.finish(pair.server_builder());
    pair.meet(&config);
    for round in 1..4 {
        let before = pair.store.sessions().len();
        let mut client = pair.client(round);
        assert!(again(&mut client, &config, round));
        assert_eq!(client.parameters().certificates.as_ref().unwrap()[..], pair.identity.chain);
        assert_eq!(pair.store.sessions().len(), before);
    }
}

#[test]
fn a_ticket_resumes_after_a_hello_retry_request_with_every_suite() {
    for suite in 0..3 {
        let pair = Pair::new();
        pair.meet(&pair.finish(pair.server_with(narrow_provider(suite, 0))));
        let config = pair.finish(pair.server_with(narrow_provider(suite, 1)));
        let mut client = pair.client(1);
        assert!(again(&mut client, &config, 1));
        assert!(client.parameters().retried);
    }
}

#[test]
fn tickets_in_memory_are_good_for_one_use() {
    let pair = Pair::new();
    let sessions = Arc::new(MemorySessions::new(8, CryptoProvider::default().random));
    let config = pair.finish(pair.server_builder().sessions(sessions).tickets(1));
    pair.meet(&config);
    let session = pair.store.take(&server_name(), time(1)).unwrap();
    pair.store.put(session.clone());
    assert!(again(&mut pair.client(1), &config, 1));
    pair.store.forget(&server_name());
    pair.store.put(session);
    assert!(!again(&mut pair.client(2), &config, 2), "it was used");
}

#[test]
fn a_server_that_shares_the_ticket_keys_resumes_and_another_one_shakes_hands_anew() {
    let pair = Pair::new();
    let random = CryptoProvider::default().random;
    let bytes: Vec<u8> = (0..64).collect();
    let shared = |bytes: &[u8]| Arc::new(TicketKeys::from_bytes(bytes, random.clone()).unwrap());
    let server = |keys: Arc<TicketKeys>| pair.finish(pair.server_builder().sessions(keys));
    let first = server(shared(&bytes[..32]));
    pair.meet(&first);
    let rotated = server(shared(&[&bytes[32..], &bytes[..32]].concat()));
    assert!(again(&mut pair.client(1), &rotated, 1), "the old key opens still");
    assert!(!again(&mut pair.client(2), &server(ticket_keys()), 2));
    assert!(!again(&mut pair.client(3), &first, 3), "the other server's tickets are foreign");
}

#[test]
fn a_session_ends_with_the_rules_that_it_was_made_under() {
    // nginx CVE-2025-23419 and others: tickets that outlive a changed policy.
    let pair = Pair::new();
    let protocols = ["test/1", "test/2"];
    let base = || pair.server_builder().application_protocols(protocols);
    let client_of = |at| client(pair.client_builder().application_protocols(["test/1"]), at);
    let original = pair.finish(base());
    let changed = [
        pair.finish(base().session_context("client certificates are required")),
        pair.finish(base().application_protocols(["test/1"])),
        pair.finish(base().application_protocols(["test/2", "test/1"])),
    ];
    for (at, other) in (1..).zip(&changed) {
        talk(&mut client_of(0), &mut server_at(&original, 0)).checked();
        assert!(!again(&mut client_of(at), other, at));
        assert!(again(&mut client_of(at), other, at), "under its own rules it is good");
        pair.store.forget(&server_name());
    }
}

#[test]
fn a_session_of_another_server_name_is_not_resumed() {
    let pair = Pair::new();
    let config = pair.finish(pair.server_builder());
    pair.meet(&config);
    // The client would not offer it by itself: the name in the stored bytes is changed.
    let session = pair.store.take(&server_name(), time(1)).unwrap();
    pair.store.forget(&server_name());
    let bytes = session.to_bytes();
    let other = [&bytes[..1], &[0, 9], b"localhost", &bytes[3 + 14..]].concat();
    pair.store.put(ClientSession::from_bytes(&other).unwrap());
    let options = handclasp::connection::Options::new(time(1));
    let name = "localhost".try_into().unwrap();
    let client = pair.client_builder().build().unwrap();
    let mut client = ClientConnection::with_options(client.into(), name, options);
    assert!(!again(&mut client, &config, 1));
    assert!(client.parameters().certificates.is_some(), "there was a full handshake");
}

#[test]
fn the_server_reports_the_name_of_the_client_hello_and_not_of_the_session() {
    let pair = Pair::new();
    let config = pair.finish(pair.server_builder());
    pair.meet(&config);
    let mut server = server_at(&config, 1);
    let mut client = pair.client(1);
    talk(&mut client, &mut server).checked();
    assert!(resumed(&client, &server));
    assert_eq!(server.parameters().server_name.as_deref(), Some("server.example"));
    // The next client offers a session of this name under another one.
    let bytes = pair.store.take(&server_name(), time(1)).unwrap().to_bytes();
    let other = [&bytes[..1], &[0, 9], b"localhost", &bytes[3 + 14..]].concat();
    pair.store.put(ClientSession::from_bytes(&other).unwrap());
    let options = Options::new(time(1));
    let client = pair.client_builder().build().unwrap();
    let name = "localhost".try_into().unwrap();
    let mut client = ClientConnection::with_options(client.into(), name, options);
    let mut server = server_at(&config, 1);
    talk(&mut client, &mut server).checked();
    assert!(!resumed(&client, &server));
    assert_eq!(server.parameters().server_name.as_deref(), Some("localhost"));
}

#[test]
fn a_session_of_a_name_that_is_not_served_is_not_resumed() {
    let pair = Pair::new();
    let made = rcgen::generate_simple_self_signed(["other.example".into()]).unwrap();
    let key = made.signing_key.serialize_der().try_into().unwrap();
    let other = CertifiedKey::from_der(vec![made.cert.der().clone()], &key).unwrap();
    let [list, with_other] =
        [pair.identity.certified_key(), other].map(|key| CertificateList::new(vec![Arc::new(key)]));
    let server = |list: &CertificateList| {
        Arc::new(pair.server_builder().build(Arc::new(list.clone())).unwrap())
    };
    let open = server(&list);
    for (list, resumes) in [
        (&list, true),
        (&list.clone().only_known_names(), true),
        (&with_other, true),
        (&with_other.clone().only_known_names(), false),
    ] {
        pair.meet(&open);
        let (mut client, mut server) = (pair.client(1), server_at(&server(list), 1));
        talk(&mut client, &mut server);
        if resumes {
            assert!(resumed(&client, &server), "{list:?}");
        } else {
            let unknown = ErrorKind::UnrecognizedName("server.example".into());
            assert_eq!(server.check().map_err(|error| error.kind().clone()), Err(unknown));
        }
    }
}

#[test]
fn a_suite_with_another_hash_is_a_full_handshake() {
    let pair = Pair::new();
    pair.meet(&pair.finish(pair.server_with(narrow_provider(0, 0))));
    let other = pair.finish(pair.server_with(narrow_provider(1, 0)));
    assert!(!again(&mut pair.client(1), &other, 1));
    // Another suite with the same hash resumes.
    pair.store.forget(&server_name());
    pair.meet(&pair.finish(pair.server_with(narrow_provider(0, 0))));
    let other = pair.finish(pair.server_with(narrow_provider(2, 0)));
    assert!(again(&mut pair.client(1), &other, 1));
}

#[test]
fn sessions_end_with_their_lifetime_and_no_chain_of_resumptions_is_longer_than_seven_days() {
    let pair = Pair::new();
    let config = pair.finish(pair.server_builder().ticket_lifetime(100));
    pair.meet(&config);
    assert!(again(&mut pair.client(99), &config, 99));
    let session = pair.store.take(&server_name(), time(99)).unwrap();
    assert!(session.is_alive(time(198)) && !session.is_alive(time(300)));
    assert!(pair.store.take(&server_name(), time(300)).is_none());

    let week = u64::from(MAX_LIFETIME);
    let config = pair.finish(pair.server_builder().ticket_lifetime(MAX_LIFETIME));
    pair.meet(&config);
    assert!(again(&mut pair.client(week - 50), &config, week - 50));
    assert!(again(&mut pair.client(week - 10), &config, week - 10));
    assert!(!again(&mut pair.client(week + 1), &config, week + 1), "the first proof is too old");

    let long = pair.server_builder().ticket_lifetime(MAX_LIFETIME + 1);
    let resolver = Arc::new(handclasp::AnswerLater);
    assert_eq!(long.build(resolver).unwrap_err(), ConfigError::Tickets);
}

#[test]
fn a_client_that_trusts_the_server_no_more_does_not_resume() {
    let pair = Pair::new();
    let config = pair.finish(pair.server_builder());
    pair.meet(&config);
    let other = Identity::p256();
    let builder = handclasp::ClientConfig::builder(CryptoProvider::default());
    let builder = builder.sessions(pair.store.clone()).trust(other.anchors()).unwrap();
    let mut client = client(builder, 1);
    let error = talk(&mut client, &mut server_at(&config, 1)).error.unwrap();
    assert_eq!(error.alert_sent(), Some(AlertDescription::UNKNOWN_CA));
}

#[test]
fn the_client_gets_as_many_tickets_as_it_asks_for_and_the_server_allows() {
    for (allowed, request, new, resumed) in [
        (2, None, 2, 1),
        (1, None, 1, 1),
        (4, Some((3, 1)), 3, 1),
        (4, Some((3, 3)), 3, 3),
        (2, Some((9, 9)), 2, 2),
        (2, Some((1, 0)), 1, 0),
        (0, Some((1, 1)), 0, 0),
    ] {
        let pair = Pair::new();
        let config = pair.finish(pair.server_builder().tickets(allowed));
        let client_of = |at| {
            let builder = pair.client_builder();
            let builder = match request {
                Some((new, resumed)) => builder.ticket_request(new, resumed),
                None => builder,
            };
            client(builder, at)
        };
        talk(&mut client_of(0), &mut server_at(&config, 0)).checked();
        assert_eq!(pair.store.sessions().len(), new, "{request:?}");
        if new > 0 {
            assert!(again(&mut client_of(1), &config, 1));
            assert_eq!(pair.store.sessions().len(), new - 1 + resumed, "{request:?}");
        }
    }
}

#[test]
fn no_two_tickets_have_the_same_nonce_key_or_age() {
    let pair = Pair::new();
    let config = pair.finish(pair.server_builder().tickets(5));
    let tickets = Tickets::default();
    let mut options = Options::new(time(0));
    options.observer = Some(Box::new(tickets.clone()));
    let mut server = ServerConnection::with_options(config, options);
    let mut client = pair.client(0);
    talk(&mut client, &mut server).checked();
    server.send_tickets(3).unwrap();
    talk(&mut client, &mut server).checked();
    let mut secrets = Vec::new();
    while let Some(session) = pair.store.take(&server_name(), time(1)) {
        secrets.push(session.secret().as_bytes().to_vec());
    }
    let (nonces, ages): (Vec<_>, Vec<_>) = tickets.0.lock().unwrap().iter().cloned().unzip();
    for mut list in [secrets, nonces, ages] {
        assert_eq!(list.len(), 8);
        list.sort();
        list.dedup();
        assert_eq!(list.len(), 8);
    }
}

/// The nonce and the age_add of each ticket that is sent.
#[derive(Clone, Default)]
struct Tickets(Arc<Mutex<Vec<TicketAndNonce>>>);

type TicketAndNonce = (Vec<u8>, Vec<u8>);

impl Observer for Tickets {
    fn event(&mut self, event: &Event<'_>) {
        let Event::MessageSent(_, message) = event else { return };
        if message.kind == HandshakeType::NEW_SESSION_TICKET {
            let ticket = NewSessionTicket::parse(message.body).unwrap();
            let age_add = ticket.age_add.to_be_bytes().to_vec();
            self.0.lock().unwrap().push((ticket.nonce.to_vec(), age_add));
        }
    }
}

#[test]
fn stores_are_bounded() {
    // OpenSSL's session cache grew without bound: CVE-2024-2511.
    let sessions = MemorySessions::new(3, CryptoProvider::default().random);
    let tickets: Vec<_> =
        (0..5_u8).map(|number| sessions.put(&[number], time(0), LIFETIME).unwrap()).collect();
    let kept = tickets.iter().map(|ticket| found(&sessions, ticket, time(0)).map(|it| it[0]));
    assert_eq!(kept.collect::<Vec<_>>(), [None, None, Some(2), Some(3), Some(4)]);
    assert!(found(&sessions, &tickets[4], time(0)).is_none(), "once");
    // Those whose lifetime is over are removed, although there is room.
    let put = |now| sessions.put(b"another", time(now), LIFETIME).unwrap();
    let [first, last] = [put(0), put(LIFETIME.as_secs())];
    put(LIFETIME.as_secs() + 1);
    assert!(found(&sessions, &first, time(0)).is_none());
    assert!(found(&sessions, &last, time(0)).is_some());
    // A connection whose time is far ahead does not remove them all.
    let sessions = MemorySessions::new(100, CryptoProvider::default().random);
    let tickets: Vec<_> =
        (0..100_u8).map(|number| sessions.put(&[number], time(0), LIFETIME).unwrap()).collect();
    sessions.put(b"another", time(u32::MAX.into()), LIFETIME).unwrap();
    let kept = tickets.iter().filter(|ticket| found(&sessions, ticket, time(0)).is_some());
    assert_eq!(kept.count(), 98);

    let pair = Pair::new();
    let config = pair.finish(pair.server_builder().tickets(16));
    pair.meet(&config);
    assert_eq!(pair.store.sessions().len(), 8, "the most of one server");
}

#[test]
fn a_changed_ticket_or_binder_is_a_full_handshake_or_a_decrypt_error() {
    let pair = Pair::new();
    let config = pair.finish(pair.server_builder());
    pair.meet(&config);
    let hello = pair.client(1).outgoing().to_vec();
    let length = hello.len();
    // The ClientHello ends with the binder of 32 bytes; the ticket stands before it.
    let outcome = |at: usize| {
        let mut changed = hello.clone();
        changed[at] ^= 1;
        let mut server = server_at(&config, 1);
        let result = server.receive(&mut changed).map(drop);
        (result, server.parameters().pre_shared_key)
    };
    for at in length - 32..length {
        let (result, _) = outcome(at);
        assert_eq!(result.unwrap_err().alert_sent(), Some(AlertDescription::DECRYPT_ERROR));
    }
    let binders = length - 33 - 2;
    for at in (binders - 4 - 120..binders - 4).step_by(7) {
        let (result, psk) = outcome(at);
        assert!(result.is_ok() && psk.is_none(), "a foreign ticket is passed over");
    }
    for at in binders - 4..binders {
        // The age is covered by the binder.
        let (result, _) = outcome(at);
        assert_eq!(result.unwrap_err().alert_sent(), Some(AlertDescription::DECRYPT_ERROR));
    }
    for at in binders..binders + 3 {
        let (result, _) = outcome(at);
        assert!(result.unwrap_err().alert_sent().is_some(), "a truncated list");
    }
}

#[test]
fn hostile_tickets_open_to_nothing() {
    // rustls 0.23.43: a length in a ticket was believed before it was authenticated.
    let keys = ticket_keys();
    let ticket = keys.put(b"a session", time(0), LIFETIME).unwrap();
    for end in 0..ticket.len() {
        assert!(found(&*keys, &ticket[..end], time(0)).is_none());
    }
    for bit in 0..ticket.len() * 8 {
        let mut changed = ticket.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(found(&*keys, &changed, time(0)).is_none());
    }
    assert_eq!(found(&*keys, &ticket, time(0)).unwrap().as_slice(), b"a session");
    // Even a store that gives out anything ends in a full handshake.
    #[derive(Debug)]
    struct Anything(Vec<u8>);
    impl SessionStore for Anything {
        fn put(
            &self,
            session: &[u8],
            _: handclasp::pki_types::UnixTime,
            _: Duration,
        ) -> Result<Vec<u8>, handclasp::crypto::CryptoError> {
            Ok(session.to_vec())
        }
        fn take(
            &self,
            ticket: &[u8],
            _: handclasp::pki_types::UnixTime,
        ) -> Reply<Option<Zeroizing<Vec<u8>>>> {
            let length = ticket.len().min(self.0[0].into());
            Reply::Now(Some(ticket[..length].to_vec().into()))
        }
    }
    for length in 0..80 {
        let pair = Pair::new();
        let sessions = Arc::new(Anything(vec![length]));
        let config = pair.finish(pair.server_builder().sessions(sessions));
        pair.meet(&config);
        assert!(!again(&mut pair.client(1), &config, 1), "{length}");
    }
}

#[test]
fn stored_sessions_come_back_whole_or_not_at_all() {
    let pair = Pair::new();
    let config = pair.finish(pair.server_builder());
    pair.meet(&config);
    let session = pair.store.take(&server_name(), time(1)).unwrap();
    let bytes = session.to_bytes();
    for end in 0..bytes.len() {
        assert!(ClientSession::from_bytes(&bytes[..end]).is_err(), "{end}");
    }
    assert!(ClientSession::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    let mut other = bytes.to_vec();
    other[0] += 1;
    assert_eq!(
        ClientSession::from_bytes(&other).unwrap_err(),
        handclasp::session::SessionError::Version
    );
    let loaded = ClientSession::from_bytes(&bytes).unwrap();
    assert_eq!(loaded.to_bytes(), bytes);
    let secret = hex::encode(session.secret().as_bytes());
    assert!(!format!("{session:?}").contains(&secret[..8]));
    pair.store.forget(&server_name());
    pair.store.put(loaded);
    assert!(again(&mut pair.client(1), &config, 1));
}

#[test]
fn without_a_key_exchange_where_both_sides_allow_it_and_the_client_wants_it() {
    for (ours, theirs, without) in [(true, true, false), (true, false, false), (false, true, false)]
    {
        let pair = Pair::new();
        let builder = pair.server_builder().psk_without_key_exchange(theirs);
        let config = pair.finish(builder);
        pair.meet(&config);
        let mut client = client(pair.client_builder().psk_without_key_exchange(ours), 1);
        assert!(again(&mut client, &config, 1), "psk_dhe_ke is preferred");
        assert_eq!(client.parameters().group.is_none(), without);
    }
    // A client whose only mode is psk_ke.
    for allowed in [true, false] {
        let pair = Pair::new();
        let config = pair.finish(pair.server_builder().psk_without_key_exchange(allowed));
        pair.meet(&config);
        let kind = handclasp::wire::ExtensionType::PSK_KEY_EXCHANGE_MODES;
        let layout =
            handclasp::config::ExtensionLayout::new(vec![handclasp::config::LayoutItem::Raw(
                kind,
                vec![1, 0],
            )]);
        let builder = pair.client_builder().client_hello_layout(layout);
        let mut client = client(builder.psk_without_key_exchange(true), 1);
        assert_eq!(again(&mut client, &config, 1), allowed);
        assert_eq!(client.parameters().group.is_none(), allowed);
    }
}

#[test]
fn a_ticket_stands_before_external_keys_and_either_is_taken() {
    let pair = Pair::new();
    let key = sessions::shared_key;
    let with_key = || pair.client_builder().pre_shared_keys(vec![key()]);
    let config =
        pair.finish(pair.server_builder().pre_shared_keys(Arc::new(PskList::new(vec![key()]))));
    let mut first = client(with_key(), 0);
    talk(&mut first, &mut server_at(&config, 0)).checked();
    assert_eq!(first.parameters().pre_shared_key, Some(PskKind::External));
    assert!(again(&mut client(with_key(), 1), &config, 1), "by the ticket of that connection");
    let other = pair.finish(
        pair.server_builder()
            .sessions(ticket_keys())
            .pre_shared_keys(Arc::new(PskList::new(vec![key()]))),
    );
    let mut third = client(with_key(), 2);
    talk(&mut third, &mut server_at(&other, 2)).checked();
    assert_eq!(third.parameters().pre_shared_key, Some(PskKind::External));
}

#[test]
fn tickets_are_not_sent_to_clients_without_a_mode_for_them() {
    let pair = Pair::new();
    let config = pair.finish(pair.server_builder());
    let mut client = ClientConnection::new(pair.identity.client_config(), server_name());
    let mut server = server_at(&config, 0);
    talk(&mut client, &mut server).checked();
    server.send_tickets(1).unwrap();
    let mut bytes = Vec::new();
    assert_eq!(append_outgoing(&mut server, &mut bytes), 0);
}

#[test]
fn a_session_that_a_key_vouched_for_ends_with_the_key() {
    let pair = Pair::new();
    let key = sessions::shared_key;
    let list = Arc::new(PskList::new(vec![key()]));
    let config = pair.finish(pair.server_builder().pre_shared_keys(list));
    let elsewhere = key().for_server("localhost".try_into().unwrap());
    for (at, keys) in [(1, vec![]), (2, vec![elsewhere])] {
        let mut first = client(pair.client_builder().pre_shared_keys(vec![key()]), 0);
        talk(&mut first, &mut server_at(&config, 0)).checked();
        assert_eq!(first.parameters().pre_shared_key, Some(PskKind::External));
        // The server has to prove its name now.
        let mut second = client(pair.client_builder().pre_shared_keys(keys), at);
        assert!(!again(&mut second, &config, at));
        assert!(second.parameters().certificates.is_some());
        pair.store.forget(&server_name());
    }
}

/// Keeps the time of the last ticket that it made.
#[derive(Debug, Default)]
struct LastTicket(Mutex<Option<UnixTime>>);

impl SessionStore for LastTicket {
    fn put(&self, _: &[u8], now: UnixTime, _: Duration) -> Result<Vec<u8>, CryptoError> {
        *self.0.lock().unwrap() = Some(now);
        Ok(vec![1; 16])
    }

    fn take(&self, _: &[u8], _: UnixTime) -> Reply<Option<Zeroizing<Vec<u8>>>> {
        Reply::Now(None)
    }
}

#[test]
fn a_client_that_waits_is_served_at_the_time_at_which_it_speaks() {
    let (pair, last) = (Pair::new(), Arc::new(LastTicket::default()));
    let config = pair.finish(pair.server_builder().sessions(last.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let left = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (right, _) = listener.accept().unwrap();
    let mut server = Stream::new(server_at(&config, 0), right);
    let served = thread::spawn(move || server.handshake().unwrap());
    thread::sleep(Duration::from_millis(1100));
    Stream::new(pair.client(0), left).handshake().unwrap();
    served.join().unwrap();
    let at = last.0.lock().unwrap().unwrap();
    assert!(time(1) <= at && at < time(60), "{at:?}");
}

/// Remembers which EncryptedExtensions acknowledged a server name.
#[derive(Clone, Default)]
struct NameSeen(Arc<std::sync::Mutex<Vec<bool>>>);

impl Observer for NameSeen {
    fn event(&mut self, event: &Event<'_>) {
        let Event::MessageReceived(_, message) = event else { return };
        if message.kind == HandshakeType::ENCRYPTED_EXTENSIONS {
            let extensions = EncryptedExtensions::parse(message.body).unwrap().extensions;
            let named = extensions.iter().any(|it| it.kind == ExtensionType::SERVER_NAME);
            self.0.lock().unwrap().push(named);
        }
    }
}

#[test]
fn a_server_name_is_acknowledged_in_a_full_handshake_only() {
    // RFC 6066, section 3: not where a session is resumed.
    let pair = Pair::new();
    let config = pair.finish(pair.server_builder());
    let seen = NameSeen::default();
    for at in 0..2 {
        let observer = Some(Box::new(seen.clone()) as Box<dyn Observer>);
        let mut options = Options::new(time(at));
        options.observer = observer;
        let client = Arc::new(pair.client_builder().build().unwrap());
        let mut client = ClientConnection::with_options(client, server_name(), options);
        let mut server = server_at(&config, at);
        talk(&mut client, &mut server).checked();
        assert_eq!(resumed(&client, &server), at > 0);
    }
    assert_eq!(*seen.0.lock().unwrap(), [true, false]);
}
