//! KeyUpdate (RFC 9846, sections 4.7.3 and 5.5): by itself before a key has protected too much, on
//! request, and under a peer that asks for too many.

use handclasp_testing::rustls_peer;
use std::sync::{Arc, Mutex};

use handclasp::certificate::CertificateError;
use handclasp::config::{ClientConfigBuilder, ServerConfigBuilder};
use handclasp::connection::{Options, Received};
use handclasp::credential::CertificateList;
use handclasp::crypto::{Aead, AeadKey, CipherSuite, CryptoError, CryptoProvider, StaticOrArc};
use handclasp::observer::{Event, Observer};
use handclasp::pki_types::UnixTime;
use handclasp::registry::{ContentType, HandshakeType};
use handclasp::session::{MemoryClientSessions, StrikeRegister, TicketKeys};
use handclasp::transport::memory::exchange;
use handclasp::verify::{ClientAuthentication, PeerIdentity, PeerVerifier};
use handclasp::wire::{KeyUpdate, NewSessionTicket};
use handclasp::{
    ClientConfig, ClientConnection, Connection, ErrorKind, Reply, ServerConfig, ServerConnection,
};
use handclasp_testing::forge::{Forger, Secrets};
use handclasp_testing::{Identity, deliver_outgoing, server_name};

/// An AEAD of the default provider whose keys are good for few records.
struct ShortLived {
    aead: StaticOrArc<dyn Aead>,
    limit: u64,
}

impl Aead for ShortLived {
    fn key_length(&self) -> usize {
        self.aead.key_length()
    }

    fn key(&self, bytes: &[u8]) -> Result<AeadKey, CryptoError> {
        self.aead.key(bytes)
    }

    fn confidentiality_limit(&self) -> u64 {
        self.limit
    }
}

fn provider(limit: u64) -> CryptoProvider {
    let mut provider = CryptoProvider::default();
    provider.cipher_suites.truncate(1);
    let aead = provider.cipher_suites[0].aead.clone();
    let suite = CipherSuite {
        aead: StaticOrArc::Arc(Arc::new(ShortLived { aead, limit })),
        ..(*provider.cipher_suites[0]).clone()
    };
    provider.cipher_suites[0] = suite.into();
    provider
}

/// What one side has sent and received, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Record,
    /// A KeyUpdate was sent, with or without a request.
    Sent(bool),
    Received(bool),
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Seen>>>);

impl Observer for Log {
    fn event(&mut self, event: &Event<'_>) {
        let requested = |body: &[u8]| KeyUpdate::parse(body).unwrap().update_requested;
        let seen = match event {
            Event::RecordSent(record)
                if matches!(
                    record.content_type,
                    ContentType::APPLICATION_DATA | ContentType::HANDSHAKE
                ) =>
            {
                Seen::Record
            }
            Event::MessageSent(_, message) if message.kind == HandshakeType::KEY_UPDATE => {
                Seen::Sent(requested(message.body))
            }
            Event::MessageReceived(_, message) if message.kind == HandshakeType::KEY_UPDATE => {
                Seen::Received(requested(message.body))
            }
            _ => return,
        };
        self.0.lock().unwrap().push(seen);
    }
}

impl Log {
    fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// The KeyUpdates since the last look.
    fn updates(&self) -> Vec<Seen> {
        self.take().into_iter().filter(|seen| *seen != Seen::Record).collect()
    }
}

fn options(log: &Log) -> Options {
    let mut options = Options::default();
    options.observer = Some(Box::new(log.clone()));
    options
}

fn client(identity: &Identity, limit: u64, log: &Log) -> ClientConnection {
    let config = ClientConfig::builder(provider(limit)).trust(identity.anchors()).unwrap();
    let config = Arc::new(config.build().unwrap());
    ClientConnection::with_options(config, server_name(), options(log))
}

fn server(identity: &Identity, limit: u64, log: &Log) -> ServerConnection {
    let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let config = ServerConfig::builder(provider(limit)).build(Arc::new(list)).unwrap();
    ServerConnection::with_options(Arc::new(config), options(log))
}

const MANY: u64 = 1 << 24;

fn connected(limit: u64) -> (ClientConnection, Log, ServerConnection, Log) {
    let identity = Identity::p256();
    let (ours, theirs) = (Log::default(), Log::default());
    let mut client = client(&identity, limit, &ours);
    let mut server = server(&identity, limit, &theirs);
    exchange(&mut client, &mut server).unwrap();
    assert!(!client.is_handshaking() && !server.is_handshaking());
    ours.take();
    theirs.take();
    (client, ours, server, theirs)
}

#[test]
fn no_key_protects_more_records_than_its_limit_in_either_role() {
    for limit in [4, 5, 8, 100] {
        let (mut client, ours, mut server, theirs) = connected(limit);
        for round in 0..500_u32 {
            let data = round.to_be_bytes();
            assert_eq!(client.write(&data).unwrap(), 4);
            assert_eq!(deliver_outgoing(&mut client, &mut server).unwrap(), data);
            assert_eq!(server.write(&data).unwrap(), 4);
            assert_eq!(deliver_outgoing(&mut server, &mut client).unwrap(), data);
        }
        for log in [ours.take(), theirs.take()] {
            let updates = count_updates(log, limit);
            assert!(updates >= 500 / limit && updates <= 500, "{updates}");
        }
    }
}

#[test]
fn one_large_write_updates_in_its_middle() {
    let (mut client, ours, mut server, _) = connected(8);
    let data = vec![3; 16 * 1024];
    for _ in 0..50 {
        assert_eq!(client.write(&data).unwrap(), data.len());
        assert!(deliver_outgoing(&mut client, &mut server).unwrap() == data);
    }
    let large = vec![4; 65_000];
    let mut taken = 0;
    let mut got = 0;
    while taken < large.len() {
        taken += client.write(&large[taken..]).unwrap();
        got += deliver_outgoing(&mut client, &mut server).unwrap().len();
    }
    assert_eq!(got, large.len());
    assert!(ours.updates().len() >= 8);
}

#[test]
fn tickets_count_towards_the_limit_too() {
    let sessions = Arc::new(MemoryClientSessions::new(1));
    let (mut client, _, mut server, theirs) =
        connected_with(8, |client| client.sessions(sessions), |server| server);
    for nonce in 0..100_u8 {
        let ticket = NewSessionTicket {
            lifetime: 10,
            age_add: 0,
            nonce: &[nonce],
            ticket: b"ticket",
            extensions: Default::default(),
            max_early_data_size: None,
        };
        server.send_ticket(&ticket).unwrap();
        server.write(b"data").unwrap();
        assert_eq!(deliver_outgoing(&mut server, &mut client).unwrap(), b"data");
    }
    assert!(theirs.updates().len() >= 25);
}

/// Both ends, with what their configurations need beside a provider of this limit.
fn connected_with(
    limit: u64,
    client: impl FnOnce(ClientConfigBuilder) -> ClientConfigBuilder,
    server: impl FnOnce(ServerConfigBuilder) -> ServerConfigBuilder,
) -> (ClientConnection, Log, ServerConnection, Log) {
    let identity = Identity::p256();
    let (ours, theirs) = (Log::default(), Log::default());
    let theirs_config = ClientConfig::builder(provider(limit)).trust(identity.anchors()).unwrap();
    let theirs_config = Arc::new(client(theirs_config).build().unwrap());
    let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let ours_config = server(ServerConfig::builder(provider(limit)));
    let ours_config = Arc::new(ours_config.build(Arc::new(list)).unwrap());
    let mut client = ClientConnection::with_options(theirs_config, server_name(), options(&ours));
    let mut server = ServerConnection::with_options(ours_config, options(&theirs));
    exchange(&mut client, &mut server).unwrap();
    ours.take();
    theirs.take();
    (client, ours, server, theirs)
}

/// How often the key was renewed. At most `limit` records were sent under each.
fn count_updates(log: Vec<Seen>, limit: u64) -> u64 {
    let (mut records, mut updates) = (0, 0);
    let mut sent = log.into_iter().filter(|seen| !matches!(seen, Seen::Received(_)));
    while let Some(seen) = sent.next() {
        records += 1;
        assert!(records <= limit, "{records} records under one key of {limit}");
        if seen == Seen::Sent(false) {
            // The message is reported before its record, which is the last under the old key.
            assert_eq!(sent.next(), Some(Seen::Record));
            (records, updates) = (0, updates + 1);
        }
    }
    updates
}

/// The key was renewed several times, each time before it had protected more than `limit` records.
fn expect_renewed(log: Vec<Seen>, limit: u64) {
    let updates = count_updates(log, limit);
    assert!(updates >= 4, "{updates}");
}

#[test]
fn tickets_alone_renew_the_key() {
    for limit in [4, 8, 16] {
        let store = Arc::new(MemoryClientSessions::new(100));
        let keys = Arc::new(TicketKeys::random(CryptoProvider::default().random).unwrap());
        let (mut client, _, mut server, theirs) = connected_with(
            limit,
            |client| client.sessions(store),
            |server| server.sessions(keys).tickets(1),
        );
        for _ in 0..60 {
            server.send_tickets(1).unwrap();
            deliver_outgoing(&mut server, &mut client).unwrap();
            // The client takes no more than some messages in a row without data.
            client.write(b"data").unwrap();
            deliver_outgoing(&mut client, &mut server).unwrap();
        }
        expect_renewed(theirs.take(), limit);
    }
}

#[test]
fn requests_for_certificates_and_their_answers_renew_the_keys() {
    #[derive(Debug)]
    struct Anyone;
    impl PeerVerifier for Anyone {
        fn verify(&self, _: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
            Reply::Now(Ok(()))
        }
    }
    for limit in [8, 16] {
        let certificate = Arc::new(Identity::p256().certified_key());
        let list = Arc::new(CertificateList::new(vec![certificate]));
        let (mut client, ours, mut server, theirs) = connected_with(
            limit,
            |client| client.client_certificates(list).post_handshake_authentication(true),
            |server| {
                let policy = ClientAuthentication::post_handshake(Arc::new(Anyone));
                server.client_authentication(policy)
            },
        );
        for _ in 0..60 {
            server.request_client_certificate().unwrap();
            deliver_outgoing(&mut server, &mut client).unwrap();
            deliver_outgoing(&mut client, &mut server).unwrap();
            assert!(server.parameters().certificates.is_some());
            // Some data count as progress, and the other direction's as none of this one's.
            if ours.0.lock().unwrap().len().is_multiple_of(7) {
                client.write(b"data").unwrap();
                server.write(b"data").unwrap();
                deliver_outgoing(&mut client, &mut server).unwrap();
                deliver_outgoing(&mut server, &mut client).unwrap();
            }
        }
        expect_renewed(ours.take(), limit);
        expect_renewed(theirs.take(), limit);
    }
}

#[test]
fn a_key_that_is_used_up_before_the_handshake_is_complete_takes_no_more_data() {
    const LIMIT: u64 = 8;
    let store = Arc::new(MemoryClientSessions::new(8));
    let keys = Arc::new(TicketKeys::random(CryptoProvider::default().random).unwrap());
    let began = UnixTime::since_unix_epoch(core::time::Duration::from_secs(1));
    let register = Arc::new(StrikeRegister::new(began));
    let identity = Identity::p256();
    let config = ClientConfig::builder(provider(LIMIT)).trust(identity.anchors()).unwrap();
    let theirs = Arc::new(config.sessions(store).early_data(true).build().unwrap());
    let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let config = ServerConfig::builder(provider(LIMIT)).sessions(keys);
    let ours = Arc::new(config.early_data(16_384, register).build(Arc::new(list)).unwrap());
    let ends = || {
        let client = ClientConnection::new(theirs.clone(), server_name());
        (client, ServerConnection::new(ours.clone()))
    };
    let (mut client, mut server) = ends();
    exchange(&mut client, &mut server).unwrap();

    let (mut client, mut server) = ends();
    let early: usize = (0..20).map(|_| client.write_early_data(b"x").unwrap()).sum();
    assert_eq!(early, 6, "some records are left for the end of the handshake");
    let mut bytes = client.outgoing().to_vec();
    client.sent(bytes.len());
    while !bytes.is_empty() {
        let (consumed, _) = server.receive(&mut bytes).unwrap();
        bytes.drain(..consumed);
    }
    // The server answers before it has the client's Finished.
    let mut answered = 0;
    let refused = loop {
        match server.write(b"y") {
            Ok(taken) => answered += taken,
            Err(error) => break error,
        }
    };
    assert_eq!(answered, 6);
    assert!(matches!(refused.kind(), ErrorKind::Misuse(_)), "{refused}");
    assert_eq!(deliver_outgoing(&mut server, &mut client).unwrap(), [b'y'; 6]);
    deliver_outgoing(&mut client, &mut server).unwrap();
    for _ in 0..20 {
        assert_eq!(server.write(b"y").unwrap(), 1);
        assert_eq!(deliver_outgoing(&mut server, &mut client).unwrap(), b"y");
    }
}

#[test]
fn rustls_follows_the_updates_that_come_by_themselves() {
    let identity = Identity::p256();
    for we_are_client in [true, false] {
        let log = Log::default();
        let default = rustls_peer::default_provider();
        let (mut ours, mut theirs): (Box<dyn std::ops::DerefMut<Target = Connection>>, _) =
            match we_are_client {
                true => {
                    let config = rustls_peer::server_config(&identity, default, None);
                    (Box::new(client(&identity, 8, &log)), rustls_peer::server(config))
                }
                false => {
                    let config = rustls_peer::client_config(&identity, default);
                    (Box::new(server(&identity, 8, &log)), rustls_peer::client(config))
                }
            };
        rustls_peer::exchange(&mut ours, &mut theirs).checked();
        for _ in 0..100 {
            ours.write(b"ours").unwrap();
            std::io::Write::write_all(&mut theirs.writer(), b"theirs").unwrap();
            let exchanged = rustls_peer::exchange(&mut ours, &mut theirs).checked();
            assert_eq!(
                (&exchanged.to_them[..], &exchanged.to_us[..]),
                (&b"ours"[..], &b"theirs"[..])
            );
        }
        assert!(log.updates().len() >= 16, "each was taken");
    }
}

#[test]
fn at_most_one_request_is_outstanding() {
    let (mut client, ours, mut server, theirs) = connected(MANY);
    for _ in 0..3 {
        client.update_keys(true).unwrap();
    }
    assert_eq!(ours.updates(), [Seen::Sent(true), Seen::Sent(false), Seen::Sent(false)]);
    deliver_outgoing(&mut client, &mut server).unwrap();
    server.write(b"data").unwrap();
    assert_eq!(deliver_outgoing(&mut server, &mut client).unwrap(), b"data");
    theirs.take();
    // It was answered: the next one may be sent.
    client.update_keys(true).unwrap();
    assert_eq!(ours.updates(), [Seen::Received(false), Seen::Sent(true)]);
}

/// Section 4.7.3: the answer is update_not_requested, and comes before the next application data.
#[test]
fn a_request_of_this_side_does_not_take_the_place_of_the_answer_that_it_owes() {
    for request in [true, false] {
        let (mut client, ours, mut server, theirs) = connected(MANY);
        server.update_keys(true).unwrap();
        deliver_outgoing(&mut server, &mut client).unwrap();
        client.update_keys(request).unwrap();
        client.write(b"data").unwrap();
        let answers: &[Seen] = match request {
            true => &[Seen::Received(true), Seen::Sent(false), Seen::Sent(true)],
            false => &[Seen::Received(true), Seen::Sent(false)],
        };
        assert_eq!(ours.updates(), answers);
        assert_eq!(deliver_outgoing(&mut client, &mut server).unwrap(), b"data");
        server.write(b"data").unwrap();
        assert_eq!(deliver_outgoing(&mut server, &mut client).unwrap(), b"data");
        let answered = theirs.updates().last() == Some(&Seen::Sent(false));
        assert_eq!(answered, request, "this side's request is answered, too");
    }
}

#[test]
fn requests_that_cross_are_both_answered_and_no_more() {
    let (mut client, ours, mut server, theirs) = connected(MANY);
    client.update_keys(true).unwrap();
    server.update_keys(true).unwrap();
    for _ in 0..3 {
        client.write(b"up").unwrap();
        server.write(b"down").unwrap();
        let up = client.outgoing().to_vec();
        assert_eq!(deliver_outgoing(&mut server, &mut client).unwrap(), b"down");
        assert!(!up.is_empty());
        assert_eq!(deliver_outgoing(&mut client, &mut server).unwrap(), b"up");
    }
    for log in [ours.updates(), theirs.updates()] {
        let sent: Vec<_> = log.into_iter().filter(|seen| matches!(seen, Seen::Sent(_))).collect();
        assert_eq!(sent, [Seen::Sent(true), Seen::Sent(false)]);
    }
}

/// A server, and a client of it that breaks the rules.
fn hostile() -> (ServerConnection, Log, Forger) {
    let identity = Identity::p256();
    let (log, secrets) = (Log::default(), Arc::new(Secrets::default()));
    let config = ClientConfig::builder(provider(MANY)).key_log(secrets.clone());
    let config = Arc::new(config.trust(identity.anchors()).unwrap().build().unwrap());
    let mut client = ClientConnection::new(config, server_name());
    let mut server = server(&identity, MANY, &log);
    exchange(&mut client, &mut server).unwrap();
    log.take();
    (server, log, secrets.forger("CLIENT_TRAFFIC_SECRET_0"))
}

fn receive(to: &mut Connection, bytes: &[u8]) -> Result<Vec<u8>, ErrorKind> {
    let (mut bytes, mut data, mut start) = (bytes.to_vec(), Vec::new(), 0);
    while start < bytes.len() {
        let received = to.receive(&mut bytes[start..]).map_err(|error| error.kind().clone())?;
        if let (_, Received::Data(part)) = &received {
            data.extend_from_slice(part);
        }
        start += received.0;
    }
    Ok(data)
}

/// A reader that is asked for an update before each record never has to write for it: so no window
/// that fills can keep the two from going on.
#[test]
fn a_request_before_each_record_makes_a_reader_say_nothing() {
    let (mut server, log, mut client) = hostile();
    for _ in 0..1000 {
        let update = client.update(true);
        let data = client.seal(ContentType::APPLICATION_DATA, b"data");
        assert_eq!(receive(&mut server, &[update, data].concat()).unwrap(), b"data");
        assert!(server.outgoing().is_empty(), "nothing to say, nothing sent");
    }
    log.take();
    for _ in 0..3 {
        server.write(b"at last").unwrap();
    }
    assert_eq!(log.updates(), [Seen::Sent(false)], "one answer for all");
}

/// A peer may not ask again before it has the answer, and a stream that only reads has no data that
/// the answer could go before.
#[cfg(unix)]
#[test]
fn a_stream_that_reads_answers_the_first_request_since_it_wrote() {
    use std::io::{ErrorKind, Read, Write};
    use std::os::unix::net::UnixStream;

    use handclasp::Stream;

    let (server, log, mut client) = hostile();
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let mut stream = Stream::new(server, ours);
    let mut receive = |stream: &mut Stream<_, _>, bytes: &[u8]| {
        theirs.write_all(bytes).unwrap();
        let waits = loop {
            match stream.read(&mut [0; 100]) {
                Ok(count) => assert!(count > 0),
                Err(error) => break error,
            }
        };
        assert_eq!(waits.kind(), ErrorKind::WouldBlock);
        log.updates()
    };
    // Many at once have one answer, many after that have one before data.
    let requests: Vec<u8> = (0..5).flat_map(|_| client.update(true)).collect();
    let answered = receive(&mut stream, &requests);
    assert_eq!(answered[5..], [Seen::Sent(false)]);
    for _ in 0..100 {
        let update = client.update(true);
        let data = client.seal(ContentType::APPLICATION_DATA, b"data");
        assert_eq!(receive(&mut stream, &[update, data].concat()), [Seen::Received(true)]);
    }
    for _ in 0..3 {
        stream.write_all(b"at last").unwrap();
    }
    assert_eq!(log.updates(), [Seen::Sent(false)]);
    assert_eq!(
        receive(&mut stream, &client.update(true)),
        [Seen::Received(true), Seen::Sent(false)]
    );
    // And none follows close_notify.
    stream.write_all(b"more").unwrap();
    stream.close().unwrap();
    assert_eq!(receive(&mut stream, &client.update(true)), [Seen::Received(true)]);
}

#[test]
fn two_updates_in_one_record_are_refused() {
    let (mut server, _, mut client) = hostile();
    let two = [[24, 0, 0, 1, 1]; 2].concat();
    let error = receive(&mut server, &client.seal(ContentType::HANDSHAKE, &two)).unwrap_err();
    assert!(matches!(error, ErrorKind::MisplacedBytes(_)), "{error}");
}

#[test]
fn a_flood_of_requests_ends_the_connection_and_data_start_the_count_anew() {
    let (mut server, log, mut client) = hostile();
    for _ in 0..3 {
        for _ in 0..32 {
            assert_eq!(receive(&mut server, &client.update(true)), Ok(Vec::new()));
        }
        let data = client.seal(ContentType::APPLICATION_DATA, b"data");
        assert_eq!(receive(&mut server, &data).unwrap(), b"data");
    }
    for _ in 0..32 {
        receive(&mut server, &client.update(true)).unwrap();
    }
    log.take();
    let exceeded = ErrorKind::LimitExceeded { name: "messages_without_data", limit: 32 };
    assert_eq!(receive(&mut server, &client.update(true)), Err(exceeded.clone()));
    assert!(!log.take().contains(&Seen::Sent(false)), "it dies without an answer");
    // Its error stays.
    let data = client.seal(ContentType::APPLICATION_DATA, b"data");
    assert_eq!(receive(&mut server, &data), Err(exceeded.clone()));
    assert_eq!(server.write(b"x").unwrap_err().kind(), &exceeded);
}

#[test]
fn data_under_the_old_key_after_an_update_are_refused() {
    let (mut server, _, mut client) = hostile();
    let early = client.seal(ContentType::APPLICATION_DATA, b"data");
    receive(&mut server, &early).unwrap();
    receive(&mut server, &client.update(false)).unwrap();
    assert!(matches!(receive(&mut server, &early), Err(ErrorKind::Record(_))));
}
