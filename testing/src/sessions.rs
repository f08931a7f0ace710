//! Clients and servers that resume: configurations with fixed times, and what comes to each side.

use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex};

use handclasp::certificate::CertificateError;
use handclasp::config::{ClientConfigBuilder, ServerConfigBuilder};
use handclasp::connection::{Options, Received};
use handclasp::credential::CertificateList;
use handclasp::crypto::{CryptoError, CryptoProvider};
use handclasp::handshake::{CheckReplay, Handshake, Step};
use handclasp::pki_types::{ServerName, UnixTime};
use handclasp::psk::PreSharedKey;
use handclasp::registry::CipherSuiteId;
use handclasp::session::{
    AntiReplay, ClientHelloRecord, ClientSession, ClientSessionStore, MemoryClientSessions,
    MemorySessions, ReplayCheck, SessionStore, StrikeRegister, TicketKeys, TicketOrigin, Zone,
};
use handclasp::verify::{PeerIdentity, PeerVerifier};
use handclasp::{
    ClientConfig, ClientConnection, Connection, Error, Reply, ServerConfig, ServerConnection,
};
use zeroize::Zeroizing;

use crate::{Identity, server_name};

/// So many seconds after the tests take place.
pub fn time(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000 + seconds))
}

/// The second before: what began then has seen all that happened since.
pub fn before() -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000 - 1))
}

pub fn ticket_keys() -> Arc<TicketKeys> {
    Arc::new(TicketKeys::random(CryptoProvider::default().random).unwrap())
}

/// What a store that answers at once has for this ticket.
pub fn found(store: &dyn SessionStore, ticket: &[u8], now: UnixTime) -> Option<Zeroizing<Vec<u8>>> {
    match store.take(ticket, now) {
        Reply::Now(session) => session,
        Reply::Later => panic!("{store:?} has to be asked elsewhere"),
    }
}

/// Sessions that are asked for later.
#[derive(Debug)]
pub struct Elsewhere(MemorySessions);

impl Elsewhere {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(MemorySessions::new(64, CryptoProvider::default().random)))
    }

    /// The answer to the question for this ticket.
    pub fn answer(&self, ticket: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        found(&self.0, ticket, time(0))
    }
}

impl SessionStore for Elsewhere {
    fn put(
        &self,
        session: &[u8],
        now: UnixTime,
        lifetime: Duration,
    ) -> Result<Vec<u8>, CryptoError> {
        self.0.put(session, now, lifetime)
    }

    fn take(&self, _: &[u8], _: UnixTime) -> Reply<Option<Zeroizing<Vec<u8>>>> {
        Reply::Later
    }
}

/// Counts the chains that it is asked about, and refuses them after the first.
#[derive(Debug, Default)]
pub struct Once(pub AtomicUsize);

impl PeerVerifier for Once {
    fn verify(&self, _: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        let first = self.0.fetch_add(1, Ordering::Relaxed) == 0;
        Reply::Now(first.then_some(()).ok_or_else(|| CertificateError::rejected("not again")))
    }
}

/// Takes each ClientHello for the first one: what is left are the checks before it.
#[derive(Debug)]
pub struct Forgetful;

impl AntiReplay for Forgetful {
    fn check_and_record(&self, _: &ClientHelloRecord, _: UnixTime) -> Reply<ReplayCheck> {
        Reply::Now(ReplayCheck::New)
    }
}

/// A register of several servers, which is asked later. It counts the questions.
#[derive(Debug)]
pub struct RegisterElsewhere {
    register: StrikeRegister,
    pub asked: AtomicUsize,
}

impl RegisterElsewhere {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { register: StrikeRegister::new(before()), asked: AtomicUsize::new(0) })
    }

    /// The answer to the question.
    pub fn answer(&self, question: &CheckReplay) -> ReplayCheck {
        match self.register.check_and_record(&question.record, question.now) {
            Reply::Now(replay_check) => replay_check,
            Reply::Later => panic!("a StrikeRegister answers at once"),
        }
    }
}

impl AntiReplay for RegisterElsewhere {
    fn zone(&self) -> Option<Zone> {
        self.register.zone()
    }

    fn check_and_record(&self, _: &ClientHelloRecord, _: UnixTime) -> Reply<ReplayCheck> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Reply::Later
    }
}

/// A register that knows nothing, and keeps the last ClientHello that it was asked about.
#[derive(Debug, Default)]
pub struct KeepsRecord(Mutex<Option<ClientHelloRecord>>);

impl KeepsRecord {
    pub fn last(&self) -> ClientHelloRecord {
        self.0.lock().unwrap().expect("it was asked")
    }
}

impl AntiReplay for KeepsRecord {
    fn check_and_record(&self, record: &ClientHelloRecord, _: UnixTime) -> Reply<ReplayCheck> {
        *self.0.lock().unwrap() = Some(*record);
        Reply::Now(ReplayCheck::Unknown)
    }
}

/// How long the sessions of tests live.
pub const LIFETIME: Duration = Duration::from_secs(7_200);

/// Lets a client ask for tickets, and keeps none: each of its ClientHellos is without one.
#[derive(Debug)]
pub struct KeepsNoSession;

impl ClientSessionStore for KeepsNoSession {
    fn put(&self, session: ClientSession) {
        let again = ClientSession::from_bytes(&session.to_bytes()).expect("it was written here");
        assert_eq!(again.ticket(), session.ticket());
    }

    fn take(&self, _: &ServerName<'static>, _: UnixTime) -> Option<ClientSession> {
        None
    }
}

/// Where a ticket of this server came from, at the time 0.
pub fn ticket_origin(server_name: ServerName<'static>) -> TicketOrigin {
    let suite = CipherSuiteId::TLS_AES_128_GCM_SHA256;
    TicketOrigin::new(server_name, suite, time(0).as_secs())
}

/// A key that both sides have, under the name "ours".
pub fn shared_key() -> PreSharedKey {
    let secret = CryptoProvider::default().cipher_suites[0].hash.digest(b"a secret of the tests");
    PreSharedKey::external(b"ours", &secret).unwrap()
}

/// Everything that two sides need to meet again.
pub struct Pair {
    pub identity: Identity,
    pub store: Arc<MemoryClientSessions>,
    pub keys: Arc<TicketKeys>,
    pub register: Arc<StrikeRegister>,
}

impl Pair {
    pub fn new() -> Self {
        Self {
            identity: Identity::p256(),
            store: Arc::new(MemoryClientSessions::new(32)),
            keys: ticket_keys(),
            register: Arc::new(StrikeRegister::new(before())),
        }
    }

    /// A client with a store, which offers 0-RTT data where it can.
    pub fn client_builder(&self) -> ClientConfigBuilder {
        self.client_with(CryptoProvider::default())
    }

    pub fn client_with(&self, provider: CryptoProvider) -> ClientConfigBuilder {
        let builder = ClientConfig::builder(provider).sessions(self.store.clone());
        builder.early_data(true).trust(self.identity.anchors()).unwrap()
    }

    /// A server with stateless tickets.
    pub fn server_builder(&self) -> ServerConfigBuilder {
        self.server_with(CryptoProvider::default())
    }

    pub fn server_with(&self, provider: CryptoProvider) -> ServerConfigBuilder {
        ServerConfig::builder(provider).sessions(self.keys.clone())
    }

    /// The same, which accepts so many bytes of 0-RTT data.
    pub fn early_server(&self, max_size: u32) -> ServerConfigBuilder {
        self.server_builder().early_data(max_size, self.register.clone())
    }

    pub fn finish(&self, builder: ServerConfigBuilder) -> Arc<ServerConfig> {
        let list = CertificateList::new(vec![Arc::new(self.identity.certified_key())]);
        Arc::new(builder.build(Arc::new(list)).unwrap())
    }

    pub fn client(&self, at: u64) -> ClientConnection {
        client(self.client_builder(), at)
    }

    /// A first connection, after which the client has tickets.
    pub fn meet(&self, server: &Arc<ServerConfig>) {
        self.store.forget(&server_name());
        let (mut client, mut server) = (self.client(0), server_at(server, 0));
        talk(&mut client, &mut server).checked();
        assert_eq!(client.parameters().pre_shared_key, None);
    }
}

pub fn client(builder: ClientConfigBuilder, at: u64) -> ClientConnection {
    let options = Options::new(time(at));
    let config = Arc::new(builder.build().unwrap());
    ClientConnection::with_options(config, server_name(), options)
}

pub fn server_at(config: &Arc<ServerConfig>, at: u64) -> ServerConnection {
    let options = Options::new(time(at));
    ServerConnection::with_options(config.clone(), options)
}

/// What came of an exchange.
#[derive(Debug, Default)]
pub struct Talk {
    pub early: Vec<u8>,
    pub to_server: Vec<u8>,
    pub to_client: Vec<u8>,
    pub error: Option<Error>,
}

impl Talk {
    pub fn checked(self) -> Self {
        assert!(self.error.is_none(), "{self:?}");
        self
    }
}

/// Moves bytes until neither side has any, or one fails.
pub fn talk(client: &mut Connection, server: &mut Connection) -> Talk {
    let mut talk = Talk::default();
    let (mut to_client, mut to_server) = (Vec::new(), Vec::new());
    loop {
        let moved =
            append_outgoing(client, &mut to_server) + append_outgoing(server, &mut to_client);
        let (early, data) = (&mut talk.early, &mut talk.to_server);
        let results = [
            take(server, &mut to_server, early, data),
            take(client, &mut to_client, &mut Vec::new(), &mut talk.to_client),
        ];
        let mut taken = 0;
        for result in results {
            match result {
                Ok(count) => taken += count,
                Err(error) => talk.error = talk.error.or(Some(error)),
            }
        }
        if moved + taken == 0 || talk.error.is_some() {
            return talk;
        }
    }
}

/// Gives the messages that `from` has to the other end, and returns their number.
pub fn pass(from: &mut Handshake, to: &mut Handshake) -> usize {
    let mut messages = 0;
    while let Some(step) = from.next_step() {
        if let Step::Send { level, bytes } = step {
            to.receive(level, &bytes).unwrap();
            messages += 1;
        }
    }
    messages
}

pub fn append_outgoing(from: &mut Connection, buffer: &mut Vec<u8>) -> usize {
    let length = from.outgoing().len();
    buffer.extend_from_slice(from.outgoing());
    from.sent(length);
    length
}

/// The early data in what a client sent.
pub fn early_data(server: &mut Connection, bytes: &mut Vec<u8>) -> Vec<u8> {
    let mut early = Vec::new();
    take(server, bytes, &mut early, &mut Vec::new()).unwrap();
    early
}

/// Gives an end what it takes of the bytes, and returns how many they were.
pub fn take(
    to: &mut Connection,
    buffer: &mut Vec<u8>,
    early: &mut Vec<u8>,
    data: &mut Vec<u8>,
) -> Result<usize, Error> {
    let mut total = 0;
    loop {
        let (consumed, received) = to.receive(buffer)?;
        match received {
            Received::EarlyData(bytes) => early.extend_from_slice(bytes),
            Received::Data(bytes) => data.extend_from_slice(bytes),
            Received::Closed => return Ok(total),
            _ => {}
        }
        if consumed == 0 {
            return Ok(total);
        }
        total += consumed;
        buffer.drain(..consumed);
    }
}
