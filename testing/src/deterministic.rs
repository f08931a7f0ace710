//! Two ends whose handshakes are the same bytes each time: fixed randomness, a toy key exchange, a
//! fixed Ed25519 certificate and a fixed clock. What one handshake recorded can be replayed, whole
//! or changed, to a new end. Nothing here is secret, or safe.

use core::ops::DerefMut;
use core::time::Duration;
use std::sync::{Arc, LazyLock, OnceLock};

use handclasp::certificate::CertificateError;
use handclasp::config::{ClientConfigBuilder, ServerConfigBuilder};
use handclasp::connection::{ClientConnection, Connection, Options, Received, ServerConnection};
use handclasp::cookie::HmacCookies;
use handclasp::credential::{
    CertificateList, CertificateResolver, CertifiedKey, ClientCertificateResolver,
};
use handclasp::crypto::{
    ActiveKeyExchange, CryptoError, CryptoProvider, HashAlgorithm, KeyExchangeError,
    KeyExchangeGroup, SecureRandom, SharedSecret,
};
use handclasp::handshake::{Answer, Handshake, Question, Side, Step};
use handclasp::key_schedule::PskKind;
use handclasp::observer::Observer;
use handclasp::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime,
};
use handclasp::psk::PreSharedKey;
use handclasp::registry::NamedGroup;
use handclasp::session::{ClientSessionStore, MemoryClientSessions, SessionStore};
use handclasp::verify::{ClientAuthentication, PeerIdentity, PeerVerifier};
use handclasp::wire::HandshakeMessage;
use handclasp::{AnswerLater, ClientConfig, Level, Reply, ServerConfig};
use zeroize::Zeroizing;

use crate::take_outgoing;

/// The only certificate, and its key.
pub const CERTIFICATE: &[u8] = include_bytes!("data/server.der");
pub const KEY: &[u8] = include_bytes!("data/server-key.der");

/// What a handshake goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// The client's share is taken.
    Plain,
    /// The server wants another group.
    Retry,
    /// The server wants another group and has put its state into a cookie.
    Cookie,
    /// The server requires a certificate of the client.
    ClientAuth,
    /// The server has a session for the client's ticket.
    Resumed,
}

pub const SCENARIOS: [Scenario; 5] =
    [Scenario::Plain, Scenario::Retry, Scenario::Cookie, Scenario::ClientAuth, Scenario::Resumed];

#[derive(Debug)]
struct FixedRandom(u8);

impl SecureRandom for FixedRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        bytes.fill(self.0);
        Ok(())
    }
}

/// Shares of a fixed byte; the secret is the hash of both.
#[derive(Debug)]
struct ToyGroup {
    name: NamedGroup,
    own: u8,
}

struct ToyExchange {
    group: NamedGroup,
    share: [u8; 32],
}

impl KeyExchangeGroup for ToyGroup {
    fn name(&self) -> NamedGroup {
        self.name
    }

    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        Ok(Box::new(ToyExchange { group: self.name, share: [self.own; 32] }))
    }
}

impl ActiveKeyExchange for ToyExchange {
    fn group(&self) -> NamedGroup {
        self.group
    }

    fn share(&self) -> &[u8] {
        &self.share
    }

    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<SharedSecret, KeyExchangeError> {
        if peer_share.len() != self.share.len() || peer_share.iter().all(|byte| *byte == 0) {
            return Err(KeyExchangeError::InvalidShare);
        }
        let mut shares = [&self.share, peer_share];
        shares.sort_unstable();
        let hash = CryptoProvider::default().cipher_suites[0].hash.digest(&shares.concat());
        Ok(SharedSecret::new(hash.to_vec()))
    }
}

/// Takes the one chain that both have.
#[derive(Debug)]
pub struct PinnedChain;

impl PeerVerifier for PinnedChain {
    fn verify(&self, peer: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        Reply::Now(match &*peer.chain {
            [only] if only.as_ref() == CERTIFICATE => Ok(()),
            _ => Err(CertificateError::rejected("it is not the pinned one")),
        })
    }
}

pub fn provider(side: Side, groups: &[NamedGroup]) -> CryptoProvider {
    let own = match side {
        Side::Client => 0xc1,
        Side::Server => 0x5e,
    };
    let mut provider = CryptoProvider::default();
    provider.random = Arc::new(FixedRandom(own));
    let toy = |name: &NamedGroup| -> Arc<dyn KeyExchangeGroup> {
        Arc::new(ToyGroup { name: *name, own })
    };
    provider.groups = groups.iter().map(toy).collect();
    provider
}

pub const PROTOCOLS: [&str; 2] = ["h2", "http/1.1"];

pub fn certified_key() -> Arc<CertifiedKey> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(KEY));
    let chain = vec![CertificateDer::from(CERTIFICATE)];
    Arc::new(CertifiedKey::from_der(chain, &key).expect("the key is good"))
}

const TICKET: &[u8] = b"the only ticket";

/// The session of the only ticket. It is given out as often as it is asked for.
#[derive(Debug)]
struct OneSession {
    later: bool,
}

/// What the first `put` was given.
static SESSION: OnceLock<Zeroizing<Vec<u8>>> = OnceLock::new();

fn session(ticket: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    LazyLock::force(&KEY_OF_TICKET);
    SESSION.get().filter(|_| ticket == TICKET).cloned()
}

impl SessionStore for OneSession {
    fn put(&self, session: &[u8], _: UnixTime, _: Duration) -> Result<Vec<u8>, CryptoError> {
        SESSION.get_or_init(|| session.to_vec().into());
        Ok(TICKET.to_vec())
    }

    fn take(&self, ticket: &[u8], _: UnixTime) -> Reply<Option<Zeroizing<Vec<u8>>>> {
        if self.later { Reply::Later } else { Reply::Now(session(ticket)) }
    }
}

/// The key of the ticket, from the connection that the session is of.
static KEY_OF_TICKET: LazyLock<PreSharedKey> = LazyLock::new(|| {
    let (name, store) = (name(), Arc::new(MemoryClientSessions::new(1)));
    let builder = client_builder().verifier(Arc::new(PinnedChain)).sessions(store.clone());
    let config = Arc::new(builder.build().expect("the configuration is good"));
    let options = || Options::new(now());
    let mut client = ClientConnection::with_options(config, name.clone(), options());
    let mut server = ServerConnection::with_options(server_config(Scenario::Resumed), options());
    for _ in 0..2 {
        deliver(&mut server, &take_outgoing(&mut client)).expect("both are honest");
        deliver(&mut client, &take_outgoing(&mut server)).expect("both are honest");
    }
    server.send_tickets(1).expect("the handshake is complete");
    deliver(&mut client, &take_outgoing(&mut server)).expect("both are honest");
    let secret = store.take(&name, now()).expect("there is a ticket");
    let (secret, kind) = (secret.secret().as_bytes(), PskKind::Resumption);
    PreSharedKey::new(TICKET, secret, HashAlgorithm::Sha256, kind).expect("the key is good")
});

fn name() -> ServerName<'static> {
    "server.example".try_into().expect("it is a name")
}

fn client(
    scenario: Scenario,
    verifier: Arc<dyn PeerVerifier>,
    certificates: Arc<dyn ClientCertificateResolver>,
) -> Arc<ClientConfig> {
    let builder = client_builder_for(scenario).client_certificates(certificates);
    Arc::new(builder.verifier(verifier).build().expect("the configuration is good"))
}

/// A client that decides at once.
pub fn client_builder_for(scenario: Scenario) -> ClientConfigBuilder {
    let builder = client_builder().client_certificates(list()).verifier(Arc::new(PinnedChain));
    match scenario {
        Scenario::Resumed => builder.pre_shared_keys(vec![KEY_OF_TICKET.clone()]),
        _ => builder,
    }
}

/// A client without a verifier and without certificates of its own.
pub fn client_builder() -> ClientConfigBuilder {
    let provider = provider(Side::Client, &[NamedGroup::X25519, NamedGroup::SECP256R1]);
    ClientConfig::builder(provider).application_protocols(PROTOCOLS)
}

fn server(
    scenario: Scenario,
    resolver: Arc<dyn CertificateResolver>,
    verifier: Arc<dyn PeerVerifier>,
    sessions: OneSession,
) -> Arc<ServerConfig> {
    let mut builder = server_builder(scenario);
    if scenario == Scenario::ClientAuth {
        builder = builder.client_authentication(ClientAuthentication::required(verifier));
    }
    if scenario == Scenario::Resumed {
        builder = builder.sessions(Arc::new(sessions)).tickets(0);
    }
    Arc::new(builder.build(resolver).expect("the configuration is good"))
}

/// A server that asks for no certificate.
pub fn server_builder(scenario: Scenario) -> ServerConfigBuilder {
    let group = match scenario {
        Scenario::Plain | Scenario::ClientAuth | Scenario::Resumed => NamedGroup::X25519,
        Scenario::Retry | Scenario::Cookie => NamedGroup::SECP256R1,
    };
    let builder =
        ServerConfig::builder(provider(Side::Server, &[group])).application_protocols(PROTOCOLS);
    match scenario {
        Scenario::Cookie => builder.cookies(Arc::new(HmacCookies::shared(&[3; 32], 10))),
        _ => builder,
    }
}

pub fn list() -> Arc<CertificateList> {
    Arc::new(CertificateList::new(vec![certified_key()]))
}

/// One for each scenario.
type Each<T> = LazyLock<[Arc<T>; SCENARIOS.len()]>;

static CLIENTS: Each<ClientConfig> =
    LazyLock::new(|| SCENARIOS.map(|scenario| client(scenario, Arc::new(PinnedChain), list())));

static SERVERS: Each<ServerConfig> = LazyLock::new(|| {
    let store = || OneSession { later: false };
    SCENARIOS.map(|scenario| server(scenario, list(), Arc::new(PinnedChain), store()))
});

static ASKING_CLIENTS: Each<ClientConfig> = LazyLock::new(|| {
    SCENARIOS.map(|scenario| client(scenario, Arc::new(AnswerLater), Arc::new(AnswerLater)))
});

static ASKING_SERVERS: Each<ServerConfig> = LazyLock::new(|| {
    let store = || OneSession { later: true };
    SCENARIOS.map(|it| server(it, Arc::new(AnswerLater), Arc::new(AnswerLater), store()))
});

/// A new handshake that asks, where others decide at once.
pub fn asking(side: Side, scenario: Scenario) -> Handshake {
    let mut handshake = match side {
        Side::Client => {
            Handshake::client(Arc::clone(&ASKING_CLIENTS[scenario as usize]), name(), now())
        }
        Side::Server => Handshake::server(Arc::clone(&ASKING_SERVERS[scenario as usize]), now()),
    };
    handshake.start().expect("fixed randomness does not fail");
    handshake
}

/// What the ends that do not ask decide.
pub fn answer(question: &Question) -> Answer {
    match question {
        Question::ChooseCertificate(_) => Answer::Certificate(Ok(certified_key())),
        Question::TakeSession(asked) => Answer::Session(session(&asked.ticket)),
        Question::ChooseClientCertificate(_) => Answer::ClientCertificate(Some(certified_key())),
        Question::VerifyPeer(peer) => match PinnedChain.verify(peer) {
            Reply::Now(result) => Answer::Peer(result),
            Reply::Later => unreachable!("it decides at once"),
        },
        other => panic!("the key is at hand, so there is no question {}", other.name()),
    }
}

pub fn client_config(scenario: Scenario) -> Arc<ClientConfig> {
    Arc::clone(&CLIENTS[scenario as usize])
}

pub fn server_config(scenario: Scenario) -> Arc<ServerConfig> {
    Arc::clone(&SERVERS[scenario as usize])
}

pub fn now() -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000))
}

/// A new handshake below the records.
pub fn raw(side: Side, scenario: Scenario, observer: Option<Box<dyn Observer>>) -> Handshake {
    let mut handshake = match side {
        Side::Client => Handshake::client(client_config(scenario), name(), now()),
        Side::Server => Handshake::server(server_config(scenario), now()),
    };
    if let Some(observer) = observer {
        handshake.observe(observer);
    }
    handshake.start().expect("fixed randomness does not fail");
    handshake
}

pub type AnyConnection = Box<dyn DerefMut<Target = Connection>>;

/// A new connection with records.
pub fn connection(side: Side, scenario: Scenario) -> AnyConnection {
    observed_connection(side, scenario, None)
}

/// The same, watched.
pub fn observed_connection(
    side: Side,
    scenario: Scenario,
    observer: Option<Box<dyn Observer>>,
) -> AnyConnection {
    let mut options = Options::new(now());
    options.observer = observer;
    match side {
        Side::Client => {
            Box::new(ClientConnection::with_options(client_config(scenario), name(), options))
        }
        Side::Server => Box::new(ServerConnection::with_options(server_config(scenario), options)),
    }
}

pub fn other(side: Side) -> Side {
    match side {
        Side::Client => Side::Server,
        Side::Server => Side::Client,
    }
}

/// A handshake message as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub from: Side,
    pub level: Level,
    pub bytes: Vec<u8>,
}

/// All messages of an honest handshake, in order.
pub fn record_messages(scenario: Scenario) -> Vec<Message> {
    let mut client = raw(Side::Client, scenario, None);
    let mut server = raw(Side::Server, scenario, None);
    let mut messages = Vec::new();
    loop {
        let before = messages.len();
        carry(Side::Client, &mut client, &mut server, &mut messages);
        carry(Side::Server, &mut server, &mut client, &mut messages);
        if messages.len() == before {
            assert!(client.is_complete() && server.is_complete());
            return messages;
        }
    }
}

fn carry(from: Side, left: &mut Handshake, right: &mut Handshake, log: &mut Vec<Message>) {
    while let Some(step) = left.next_step() {
        let Step::Send { level, bytes } = step else { continue };
        right.receive(level, &bytes).expect("both are honest");
        let mut rest = &bytes[..];
        while let Some((message, after)) = HandshakeMessage::split(rest) {
            log.push(Message { from, level, bytes: message.bytes.to_vec() });
            rest = after;
        }
    }
}

/// The records of an honest handshake: one entry for each time that the speaker changes.
pub fn record_flights(scenario: Scenario) -> Vec<(Side, Vec<u8>)> {
    let mut ends = [connection(Side::Client, scenario), connection(Side::Server, scenario)];
    let mut flights = Vec::new();
    for side in [Side::Client, Side::Server].into_iter().cycle() {
        let (left, right) = ends.split_at_mut(1);
        let (from, to) = match side {
            Side::Client => (&mut left[0], &mut right[0]),
            Side::Server => (&mut right[0], &mut left[0]),
        };
        let bytes = take_outgoing(from);
        if bytes.is_empty() {
            break;
        }
        deliver(to, &bytes).expect("both are honest");
        flights.push((side, bytes));
    }
    assert!(ends.iter().all(|end| !end.is_handshaking()));
    flights
}

/// Gives the connection all of `bytes`, until it wants more or fails. Returns what it took.
pub fn deliver(to: &mut Connection, bytes: &[u8]) -> Result<usize, handclasp::Error> {
    let mut buffer = bytes.to_vec();
    let mut start = 0;
    loop {
        match to.receive(&mut buffer[start..])? {
            (0, Received::Incomplete | Received::Waiting | Received::Closed) => return Ok(start),
            (consumed, _) => {
                assert!(consumed > 0, "no progress");
                start += consumed;
            }
        }
    }
}
