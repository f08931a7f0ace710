//! Two ends whose handshakes are the same bytes each time: fixed randomness, a toy key exchange, a
//! fixed Ed25519 certificate and a fixed clock. What one handshake recorded can be replayed, whole
//! or changed, to a new end. Nothing here is secret, or safe.
#![allow(dead_code, reason = "each user has its own part of it")]

use core::ops::DerefMut;
use core::time::Duration;
use std::sync::{Arc, LazyLock};

use handclasp::certificate::CertificateError;
use handclasp::config::{
    AnswerLater, CertificateList, CertificateResolver, CertifiedKey, ClientAuthentication,
    ClientCertificateResolver, HmacCookies, PeerIdentity, PeerVerifier, Reply,
};
use handclasp::connection::{ClientConnection, Connection, Options, Received, ServerConnection};
use handclasp::crypto::{
    ActiveKeyExchange, CryptoError, CryptoProvider, KeyExchangeGroup, SecureRandom, SharedSecret,
};
use handclasp::handshake::{Answer, Handshake, Question, Side, Step};
use handclasp::observer::Observer;
use handclasp::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use handclasp::registry::NamedGroup;
use handclasp::wire::HandshakeMessage;
use handclasp::{ClientConfig, Level, ServerConfig};

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
}

pub const SCENARIOS: [Scenario; 4] =
    [Scenario::Plain, Scenario::Retry, Scenario::Cookie, Scenario::ClientAuth];

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

struct ToyExchange([u8; 32]);

impl KeyExchangeGroup for ToyGroup {
    fn name(&self) -> NamedGroup {
        self.name
    }

    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        Ok(Box::new(ToyExchange([self.own; 32])))
    }
}

impl ActiveKeyExchange for ToyExchange {
    fn share(&self) -> &[u8] {
        &self.0
    }

    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<SharedSecret, CryptoError> {
        if peer_share.len() != self.0.len() || peer_share.iter().all(|byte| *byte == 0) {
            return Err(CryptoError);
        }
        let mut shares = [&self.0, peer_share];
        shares.sort_unstable();
        let hash = CryptoProvider::ring().cipher_suites[0].hash.digest(&shares.concat());
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
    let mut provider = CryptoProvider::ring();
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

fn client(
    verifier: Arc<dyn PeerVerifier>,
    certificates: Arc<dyn ClientCertificateResolver>,
) -> Arc<ClientConfig> {
    let provider = provider(Side::Client, &[NamedGroup::X25519, NamedGroup::SECP256R1]);
    let builder = ClientConfig::builder(provider)
        .application_protocols(PROTOCOLS)
        .client_certificates(certificates);
    Arc::new(builder.verifier(verifier).build().expect("the configuration is good"))
}

fn server(
    scenario: Scenario,
    resolver: Arc<dyn CertificateResolver>,
    verifier: Arc<dyn PeerVerifier>,
) -> Arc<ServerConfig> {
    let group = match scenario {
        Scenario::Plain | Scenario::ClientAuth => NamedGroup::X25519,
        Scenario::Retry | Scenario::Cookie => NamedGroup::SECP256R1,
    };
    let mut builder =
        ServerConfig::builder(provider(Side::Server, &[group])).application_protocols(PROTOCOLS);
    if scenario == Scenario::Cookie {
        builder = builder.cookies(Arc::new(HmacCookies::shared(&[3; 32], 10)));
    }
    if scenario == Scenario::ClientAuth {
        builder = builder.client_authentication(ClientAuthentication::required(verifier));
    }
    Arc::new(builder.build(resolver).expect("the configuration is good"))
}

fn list() -> Arc<CertificateList> {
    Arc::new(CertificateList::new(vec![certified_key()]))
}

static CLIENT: LazyLock<Arc<ClientConfig>> =
    LazyLock::new(|| client(Arc::new(PinnedChain), list()));

static SERVERS: LazyLock<[Arc<ServerConfig>; 4]> =
    LazyLock::new(|| SCENARIOS.map(|scenario| server(scenario, list(), Arc::new(PinnedChain))));

static ASKING_CLIENT: LazyLock<Arc<ClientConfig>> =
    LazyLock::new(|| client(Arc::new(AnswerLater), Arc::new(AnswerLater)));

static ASKING_SERVERS: LazyLock<[Arc<ServerConfig>; 4]> = LazyLock::new(|| {
    SCENARIOS.map(|scenario| server(scenario, Arc::new(AnswerLater), Arc::new(AnswerLater)))
});

/// A new handshake that asks, where others decide at once.
pub fn asking(side: Side, scenario: Scenario) -> Handshake {
    let handshake = match side {
        Side::Client => {
            let name = "server.example".try_into().expect("it is a name");
            Handshake::client(Arc::clone(&ASKING_CLIENT), name, now())
        }
        Side::Server => Handshake::server(Arc::clone(&ASKING_SERVERS[scenario as usize]), now()),
    };
    handshake.without_records().expect("fixed randomness does not fail")
}

/// What the ends that do not ask decide.
pub fn answer(question: &Question) -> Answer {
    match question {
        Question::ChooseCertificate(_) => Answer::Certificate(Ok(certified_key())),
        Question::ChooseClientCertificate(_) => Answer::ClientCertificate(Some(certified_key())),
        Question::VerifyPeer(peer) => match PinnedChain.verify(peer) {
            Reply::Now(verdict) => Answer::Peer(verdict),
            Reply::Later => unreachable!("it decides at once"),
        },
        other => panic!("the key is at hand, so nobody asks {}", other.name()),
    }
}

pub fn client_config() -> Arc<ClientConfig> {
    Arc::clone(&CLIENT)
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
        Side::Client => {
            let name = "server.example".try_into().expect("it is a name");
            Handshake::client(client_config(), name, now())
        }
        Side::Server => Handshake::server(server_config(scenario), now()),
    };
    if let Some(observer) = observer {
        handshake.observe(observer);
    }
    handshake.without_records().expect("fixed randomness does not fail")
}

pub type AnyConnection = Box<dyn DerefMut<Target = Connection>>;

/// A new connection with records.
pub fn connection(side: Side, scenario: Scenario) -> AnyConnection {
    let options = Options { now: now(), observer: None };
    match side {
        Side::Client => {
            let name = "server.example".try_into().expect("it is a name");
            let client = ClientConnection::with_options(client_config(), name, options);
            Box::new(client.expect("fixed randomness does not fail"))
        }
        Side::Server => {
            let server = ServerConnection::with_options(server_config(scenario), options);
            Box::new(server.expect("a server starts"))
        }
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

pub fn take_outgoing(from: &mut Connection) -> Vec<u8> {
    let bytes = from.outgoing().to_vec();
    from.sent(bytes.len());
    bytes
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
