//! The ends of rustls, with the same certificate, randomness and toy key exchange as ours.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, LazyLock};

use handclasp::crypto::CryptoProvider;
use handclasp::handshake::Side;
use handclasp::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::NamedGroup;
use rustls::client::Resumption;
use rustls::crypto::{
    ActiveKeyExchange, GetRandomFailed, SecureRandom, SharedSecret, SupportedKxGroup,
};

use crate::differential::{End, Outcome};
use handclasp_testing::deterministic::{self, Scenario};
use handclasp_testing::rustls_pin::Pinned;

/// An end of rustls.
pub struct Theirs(rustls::Connection);

thread_local! {
    /// The traffic secrets of this thread's newest end.
    static SECRETS: RefCell<HashMap<String, Vec<u8>>> = RefCell::default();
}

impl Theirs {
    pub fn new(side: Side, scenario: Scenario) -> Self {
        forget_secrets();
        Self(match side {
            Side::Client => {
                let client = rustls::ClientConnection::new(client_config(), name());
                client.expect("it starts").into()
            }
            Side::Server => {
                let server = rustls::ServerConnection::new(server_config(scenario));
                server.expect("it starts").into()
            }
        })
    }
}

pub fn name() -> ServerName<'static> {
    ServerName::try_from("server.example").expect("it is a name")
}

pub fn client_config() -> Arc<rustls::ClientConfig> {
    Arc::clone(&CLIENT)
}

pub fn server_config(scenario: Scenario) -> Arc<rustls::ServerConfig> {
    Arc::clone(match scenario {
        Scenario::Plain | Scenario::Resumed => &SERVERS[0],
        Scenario::ClientAuth => &SERVERS[2],
        Scenario::Retry | Scenario::Cookie => &SERVERS[1],
    })
}

/// Before a new end.
pub fn forget_secrets() {
    SECRETS.with_borrow_mut(HashMap::clear);
}

/// The traffic secret of the newest end, by the label of its derivation.
pub fn secret(label: &str) -> Option<Vec<u8>> {
    let label = match label {
        "c hs traffic" => "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "s hs traffic" => "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "c ap traffic" => "CLIENT_TRAFFIC_SECRET_0",
        _ => "SERVER_TRAFFIC_SECRET_0",
    };
    SECRETS.with_borrow(|secrets| secrets.get(label).cloned())
}

impl End for Theirs {
    fn take(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while self.0.wants_write() {
            self.0.write_tls(&mut out).expect("memory takes all");
        }
        out
    }

    fn receive(&mut self, mut records: &[u8], outcome: &mut Outcome) {
        while !records.is_empty() && outcome.error.is_none() {
            match self.0.read_tls(&mut records) {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
            match self.0.process_new_packets() {
                Ok(state) => outcome.closed = state.peer_has_closed(),
                Err(error) => outcome.error = Some(format!("{error:?}")),
            }
            // It ends with "would block", or with the end.
            let _ = self.0.reader().read_to_end(&mut outcome.delivered);
        }
    }

    fn write(&mut self, data: &[u8]) {
        std::io::Write::write_all(&mut self.0.writer(), data).expect("memory takes all");
    }

    fn complete(&self) -> bool {
        !self.0.is_handshaking()
    }

    fn secret(&self, label: &str) -> Option<Vec<u8>> {
        secret(label)
    }

    fn settle(&self, outcome: &mut Outcome) {
        settle(&self.0, outcome);
    }
}

/// Says what an end takes as agreed.
pub fn settle(end: &rustls::CommonState, outcome: &mut Outcome) {
    outcome.suite = end.negotiated_cipher_suite().map(|suite| u16::from(suite.suite()));
    outcome.group = end.negotiated_key_exchange_group().map(|group| u16::from(group.name()));
    outcome.protocol = end.alpn_protocol().map(<[u8]>::to_vec);
    let chain = end.peer_certificates().into_iter().flatten();
    outcome.certificates = chain.map(|certificate| certificate.to_vec()).collect();
}

#[derive(Debug)]
struct KeepSecrets;

impl rustls::KeyLog for KeepSecrets {
    fn log(&self, label: &str, _: &[u8], secret: &[u8]) {
        SECRETS.with_borrow_mut(|secrets| secrets.insert(label.to_owned(), secret.to_vec()));
    }
}

#[derive(Debug)]
struct FixedRandom(u8);

impl SecureRandom for FixedRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        bytes.fill(self.0);
        Ok(())
    }
}

#[derive(Debug)]
struct ToyGroup(NamedGroup, u8);

impl SupportedKxGroup for ToyGroup {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, rustls::Error> {
        Ok(Box::new(ToyExchange(self.0, [self.1; 32])))
    }

    fn name(&self) -> NamedGroup {
        self.0
    }
}

struct ToyExchange(NamedGroup, [u8; 32]);

impl ActiveKeyExchange for ToyExchange {
    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<SharedSecret, rustls::Error> {
        if peer_share.len() != self.1.len() || peer_share.iter().all(|byte| *byte == 0) {
            return Err(rustls::PeerMisbehaved::InvalidKeyShare.into());
        }
        let mut shares = [&self.1, peer_share];
        shares.sort_unstable();
        let hash = CryptoProvider::default().cipher_suites[0].hash.digest(&shares.concat());
        Ok(SharedSecret::from(&hash[..]))
    }

    fn pub_key(&self) -> &[u8] {
        &self.1
    }

    fn group(&self) -> NamedGroup {
        self.0
    }
}

static CLIENT_GROUPS: [ToyGroup; 2] =
    [ToyGroup(NamedGroup::X25519, 0xc1), ToyGroup(NamedGroup::secp256r1, 0xc1)];
static SERVER_GROUPS: [ToyGroup; 2] =
    [ToyGroup(NamedGroup::X25519, 0x5e), ToyGroup(NamedGroup::secp256r1, 0x5e)];
static RANDOMS: [FixedRandom; 2] = [FixedRandom(0xc1), FixedRandom(0x5e)];

/// A provider with these groups, and the suites of ours.
fn provider(side: Side, groups: &'static [ToyGroup]) -> Provider {
    let suites = CryptoProvider::default().cipher_suites;
    let suites: Vec<u16> = suites.iter().map(|suite| suite.id.0).collect();
    provider_with(side, groups.iter().map(|group| group.0.into()), &suites)
}

/// A provider with these groups and suites, in this order.
pub fn provider_with(side: Side, groups: impl Iterator<Item = u16>, suites: &[u16]) -> Provider {
    let (random, all_groups) = match side {
        Side::Client => (&RANDOMS[0], &CLIENT_GROUPS),
        Side::Server => (&RANDOMS[1], &SERVER_GROUPS),
    };
    let mut provider = rustls::crypto::ring::default_provider();
    provider.secure_random = random;
    let group = |id: u16| all_groups.iter().find(|group| u16::from(group.0) == id);
    let groups = groups.filter_map(group).map(|group| group as &dyn SupportedKxGroup);
    provider.kx_groups = groups.collect();
    let place = |id: u16| suites.iter().position(|suite| *suite == id);
    provider.cipher_suites.retain(|suite| place(suite.suite().into()).is_some());
    provider.cipher_suites.sort_by_key(|suite| place(suite.suite().into()));
    Arc::new(provider)
}

type Provider = Arc<rustls::crypto::CryptoProvider>;

pub fn chain_and_key() -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(deterministic::KEY));
    (vec![CertificateDer::from(deterministic::CERTIFICATE)], key)
}

fn protocols() -> Vec<Vec<u8>> {
    deterministic::PROTOCOLS.map(|protocol| protocol.as_bytes().to_vec()).to_vec()
}

static CLIENT: LazyLock<Arc<rustls::ClientConfig>> = LazyLock::new(|| {
    let provider = provider(Side::Client, &CLIENT_GROUPS);
    let verifier = Pinned::certificate(deterministic::CERTIFICATE);
    let builder = rustls::ClientConfig::builder_with_provider(provider);
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]).expect("it has it");
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let (chain, key) = chain_and_key();
    let mut config = builder.with_client_auth_cert(chain, key).expect("the key is good");
    config.alpn_protocols = protocols();
    // No input leaves anything for the next.
    config.resumption = Resumption::disabled();
    config.key_log = Arc::new(KeepSecrets);
    Arc::new(config)
});

/// One that takes the client's share, one that wants another, and one that asks for a certificate.
static SERVERS: LazyLock<[Arc<rustls::ServerConfig>; 3]> = LazyLock::new(|| {
    let (first, second) = SERVER_GROUPS.split_at(1);
    [(first, false), (second, false), (first, true)].map(|(groups, asks)| {
        let provider = provider(Side::Server, groups);
        let verifier = Pinned::certificate(deterministic::CERTIFICATE);
        let builder = rustls::ServerConfig::builder_with_provider(provider);
        let builder =
            builder.with_protocol_versions(&[&rustls::version::TLS13]).expect("it has it");
        let builder = match asks {
            true => builder.with_client_cert_verifier(verifier),
            false => builder.with_no_client_auth(),
        };
        let (chain, key) = chain_and_key();
        let mut config = builder.with_single_cert(chain, key).expect("the key is good");
        config.alpn_protocols = protocols();
        config.ignore_client_order = true;
        config.send_tls13_tickets = 0;
        config.key_log = Arc::new(KeepSecrets);
        Arc::new(config)
    })
});
