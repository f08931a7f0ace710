//! Tickets at their edges: when none is made, none is taken, none is kept, and none is sent.

use core::time::Duration;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use handclasp::alert::AlertDescription;
use handclasp::crypto::{CryptoError, Secret};
use handclasp::handshake::{Handshake, Step};
use handclasp::pki_types::{ServerName, UnixTime};
use handclasp::registry::CipherSuiteId;
use handclasp::session::{
    ClientSession, ClientSessionStore, MAX_LIFETIME, MemoryClientSessions, SessionStore, TicketKeys,
};
use handclasp::wire::{ClientHello, ExtensionType, Extensions, HandshakeMessage, NewSessionTicket};
use handclasp::{Connection, ErrorKind, Level, Reply, Stream};
use handclasp_testing::server_name;
use handclasp_testing::sessions::{self, Pair, client, pass, server_at, talk, ticket_origin, time};
use zeroize::Zeroizing;

/// The longest ticket that is kept, or made.
const MAX_TICKET_LENGTH: usize = 8192;

fn plain() -> NewSessionTicket<'static> {
    NewSessionTicket {
        lifetime: 1000,
        age_add: 7,
        nonce: &[],
        ticket: b"ticket",
        extensions: Extensions::default(),
        max_early_data_size: None,
    }
}

fn session(server: &'static str, ticket: &NewSessionTicket<'_>) -> Option<ClientSession> {
    let origin = ticket_origin(server.try_into().unwrap());
    let received = Duration::from_secs(time(0).as_secs());
    ClientSession::new(origin, ticket, Secret::zeros(32), received)
}

#[test]
fn tickets_without_a_lifetime_and_long_ones_are_not_kept() {
    assert!(session("a.example", &plain()).is_some());
    assert!(session("a.example", &NewSessionTicket { lifetime: 0, ..plain() }).is_none());
    let long = [1; MAX_TICKET_LENGTH + 1];
    assert!(session("a.example", &NewSessionTicket { ticket: &long, ..plain() }).is_none());
    assert!(ClientSession::from_bytes(&vec![0; ClientSession::MAX_LENGTH + 1]).is_err());
}

#[test]
fn a_ticket_of_a_server_that_keeps_nothing_is_short() {
    // As short as that of rustls, with the session of a client without a certificate in it.
    let pair = Pair::new();
    pair.meet(&pair.finish(pair.server_builder()));
    let session = pair.store.take(&server_name(), time(0)).unwrap();
    assert_eq!(session.ticket().len(), 122);
}

#[test]
fn the_oldest_sessions_of_a_client_go_when_there_are_too_many() {
    let store = MemoryClientSessions::new(2);
    for name in ["a.example", "b.example", "c.example"] {
        store.put(session(name, &plain()).unwrap());
    }
    let kept: Vec<_> =
        store.sessions().iter().map(|it| it.server_name().to_str().into_owned()).collect();
    assert_eq!(kept, ["b.example", "c.example"]);
}

/// Gives out one session to every request, and forgets nothing.
#[derive(Debug)]
struct Careless(Mutex<Option<ClientSession>>);

impl ClientSessionStore for Careless {
    fn put(&self, _: ClientSession) {}

    fn take(&self, _: &ServerName<'static>, _: UnixTime) -> Option<ClientSession> {
        self.0.lock().unwrap().take()
    }
}

/// The ClientHello in the first record of these offers a pre-shared key.
fn offers_key(outgoing: &[u8]) -> bool {
    let (message, _) = HandshakeMessage::split(&outgoing[5..]).unwrap();
    ClientHello::parse(message.body).unwrap().pre_shared_keys.is_some()
}

#[test]
fn a_session_that_is_dead_or_of_another_server_is_not_offered() {
    let pair = Pair::new();
    let config = pair.finish(pair.server_builder());
    for (name, at, offered) in
        [("server.example", 1, true), ("server.example", 2000, false), ("localhost", 1, false)]
    {
        pair.meet(&config);
        // The session has the certificates: without them the server is not authenticated.
        let real = pair.store.take(&server_name(), time(0)).unwrap();
        let mut origin = ticket_origin(name.try_into().unwrap());
        origin.cipher_suite = CipherSuiteId::TLS_AES_256_GCM_SHA384;
        origin.certificates = Some(pair.identity.chain.clone().into());
        let ticket = NewSessionTicket { ticket: real.ticket(), ..plain() };
        let received = Duration::from_secs(time(0).as_secs());
        let given = ClientSession::new(origin, &ticket, Secret::zeros(48), received);
        let store = Arc::new(Careless(Mutex::new(given)));
        let client = client(pair.client_builder().sessions(store), at);
        assert_eq!(offers_key(client.outgoing()), offered, "{name} at {at}");
    }
}

#[test]
fn a_store_that_never_forgets_serves_all_the_same() {
    // What a server does not take, a store may forget; the default is that it need not.
    let pair = Pair::new();
    let config = pair.finish(pair.server_builder());
    pair.meet(&config);
    let kept = pair.store.take(&server_name(), time(0));
    let store = Arc::new(Careless(Mutex::new(kept)));
    let stranger = pair.finish(pair.server_builder().sessions(sessions::ticket_keys()));
    let mut client = client(pair.client_builder().sessions(store), 1);
    talk(&mut client, &mut server_at(&stranger, 1)).checked();
    assert_eq!(client.parameters().pre_shared_key, None);
}

/// A store that fails, or whose tickets are not to be sent.
#[derive(Debug)]
struct Broken(Result<Vec<u8>, CryptoError>);

impl SessionStore for Broken {
    fn put(&self, _: &[u8], _: UnixTime, _: Duration) -> Result<Vec<u8>, CryptoError> {
        self.0.clone()
    }

    fn take(&self, _: &[u8], _: UnixTime) -> Reply<Option<Zeroizing<Vec<u8>>>> {
        Reply::Now(None)
    }
}

#[test]
fn a_server_whose_store_makes_no_ticket_goes_on_without_one() {
    for tickets in [Err(CryptoError), Ok(Vec::new()), Ok(vec![1; MAX_TICKET_LENGTH + 1])] {
        let pair = Pair::new();
        let config = pair.finish(pair.server_builder().sessions(Arc::new(Broken(tickets))));
        pair.meet(&config);
        assert!(pair.store.sessions().is_empty());
    }
}

fn resumed(client: &Connection) -> bool {
    client.parameters().pre_shared_key.is_some()
}

#[test]
fn no_ticket_is_made_where_the_first_proof_will_be_too_old_before_it_can_be_used() {
    let pair = Pair::new();
    let week = u64::from(MAX_LIFETIME);
    let config = pair.finish(pair.server_builder().ticket_lifetime(MAX_LIFETIME));
    pair.meet(&config);
    let before = pair.store.sessions().len();
    let mut client = pair.client(week);
    talk(&mut client, &mut server_at(&config, week)).checked();
    assert!(resumed(&client));
    assert_eq!(pair.store.sessions().len(), before - 1, "one was used, and none came");
}

#[test]
fn tickets_of_the_application_and_of_the_server_have_different_nonces() {
    let pair = Pair::new();
    let config = pair.finish(pair.server_builder());
    let (mut client, mut server) = (pair.client(0), server_at(&config, 0));
    talk(&mut client, &mut server).checked();
    // The server has sent two. The number of its next one after this would be the same.
    let nonce = 3_u64.to_be_bytes();
    let psk = server.send_ticket(&NewSessionTicket { nonce: &nonce, ..plain() }).unwrap();
    server.send_tickets(2).unwrap();
    talk(&mut client, &mut server).checked();
    let kept = pair.store.sessions();
    let secrets: Vec<_> = kept.iter().map(|it| it.secret().as_bytes().to_vec()).collect();
    assert_eq!(secrets.len(), 5);
    assert_eq!(secrets[2], psk.as_bytes());
    for (index, secret) in secrets.iter().enumerate() {
        assert!(!secrets[..index].contains(secret), "{index}");
    }
}

#[test]
fn a_ticket_that_cannot_be_sent_is_a_misuse_and_ends_nothing() {
    let pair = Pair::new();
    let config = pair.finish(pair.server_builder());
    let client = Arc::new(pair.client_builder().build().unwrap());
    let mut ends =
        [Handshake::client(client, server_name(), time(0)), Handshake::server(config, time(0))];
    let misuse = |error: handclasp::Error| matches!(error.kind(), ErrorKind::Misuse(_));
    ends[0].start().unwrap();
    for end in &mut ends {
        assert!(misuse(end.send_ticket(&plain()).unwrap_err()), "it is too early");
        assert!(misuse(end.update_keys(true).unwrap_err()));
        assert!(end.check().is_ok());
    }
    for from in [0, 1, 0, 1] {
        while let Some(step) = ends[from].next_step() {
            let Step::Send { level, bytes } = step else { continue };
            ends[1 - from].receive(level, &bytes).unwrap();
        }
    }
    assert!(ends.iter().all(Handshake::is_complete));
    assert!(misuse(ends[0].send_ticket(&plain()).unwrap_err()), "only servers do");
    assert!(misuse(ends[0].request_client_certificate().unwrap_err()));
    assert!(ends[0].check().is_ok());
    ends[1].send_ticket(&plain()).unwrap();
}

/// Keeps the lifetimes of sessions, and gives no ticket for them. It takes those of the keys.
#[derive(Debug)]
struct Lifetimes {
    lifetimes: Mutex<Vec<Duration>>,
    keys: Arc<TicketKeys>,
}

impl SessionStore for Lifetimes {
    fn put(&self, _: &[u8], _: UnixTime, lifetime: Duration) -> Result<Vec<u8>, CryptoError> {
        self.lifetimes.lock().unwrap().push(lifetime);
        Err(CryptoError)
    }

    fn take(&self, ticket: &[u8], now: UnixTime) -> Reply<Option<Zeroizing<Vec<u8>>>> {
        self.keys.take(ticket, now)
    }
}

#[test]
fn a_store_is_given_the_lifetime_that_is_left_of_seven_days() {
    let pair = Pair::new();
    let store = Lifetimes { lifetimes: Mutex::default(), keys: pair.keys.clone() };
    let store = Arc::new(store);
    for configured in [1, 7_200, MAX_LIFETIME] {
        let builder = pair.server_builder().sessions(store.clone()).ticket_lifetime(configured);
        pair.meet(&pair.finish(builder.tickets(1)));
        let given = core::mem::take(&mut *store.lifetimes.lock().unwrap());
        assert_eq!(given, [Duration::from_secs(configured.into())]);
    }
    // A resumption does not extend it.
    pair.meet(&pair.finish(pair.server_builder().ticket_lifetime(MAX_LIFETIME)));
    let config = pair.server_builder().sessions(store.clone()).ticket_lifetime(MAX_LIFETIME);
    let config = pair.finish(config.tickets(1));
    let (mut client, mut server) = (pair.client(1000), server_at(&config, 1000));
    sessions::talk(&mut client, &mut server).checked();
    assert!(client.parameters().pre_shared_key.is_some());
    let left = Duration::from_secs(u64::from(MAX_LIFETIME) - 1000);
    assert_eq!(*store.lifetimes.lock().unwrap(), [left]);
}

#[test]
fn without_records_a_ticket_says_that_early_data_may_come_and_not_how_much() {
    // As in QUIC (RFC 9001, section 4.6.1), where it is another error.
    let pair = Pair::new();
    let config = pair.finish(pair.server_builder().tickets(0));
    for (size, accepted) in [(u32::MAX, true), (0, false), (16_384, false), (1 << 31, false)] {
        let builder = pair.client_builder().build().unwrap();
        let client = Handshake::client(Arc::new(builder), server_name(), time(0));
        let server = Handshake::server(config.clone(), time(0));
        let mut client = client.without_records().unwrap();
        let mut server = server.without_records().unwrap();
        while pass(&mut client, &mut server) + pass(&mut server, &mut client) > 0 {}
        assert!(client.is_complete());
        let mut list = ExtensionType::EARLY_DATA.0.to_be_bytes().to_vec();
        list.extend_from_slice(&[0, 4]);
        list.extend_from_slice(&size.to_be_bytes());
        let mut message = vec![4, 0, 0, 0, 0, 0, 3, 232, 0, 0, 0, 7, 1, 9, 0, 6];
        message.extend_from_slice(b"ticket");
        message.extend_from_slice(&[0, list.len() as u8]);
        message.extend_from_slice(&list);
        message[3] = (message.len() - 4) as u8;
        let result = client.receive(Level::Application, &message);
        assert_eq!(result.is_ok(), accepted, "{size}: {result:?}");
        if let Err(error) = result {
            assert_eq!(error.alert_sent(), Some(AlertDescription::ILLEGAL_PARAMETER));
        }
    }
}

#[test]
fn a_ticket_lives_from_the_time_at_which_a_stream_receives_it() {
    let pair = Pair::new();
    let builder = pair.server_builder().sessions(sessions::ticket_keys());
    let config = pair.finish(builder.tickets(0).ticket_lifetime(1000));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let left = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (right, _) = listener.accept().unwrap();
    let mut server = Stream::new(server_at(&config, 0), right);
    let served = thread::spawn(move || {
        server.write_all(b"data").unwrap();
        thread::sleep(Duration::from_millis(1100));
        server.connection_mut().send_tickets(1).unwrap();
        server.write_all(b"more").unwrap();
    });
    Stream::new(pair.client(0), left).read_exact(&mut [0; 8]).unwrap();
    served.join().unwrap();
    let session = pair.store.take(&server_name(), time(1)).unwrap();
    assert!(session.is_alive(time(1001)), "it is as old as the connection");
    assert!(!session.is_alive(time(1060)));
}
