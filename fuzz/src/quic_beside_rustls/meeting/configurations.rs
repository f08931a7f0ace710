//! The configurations of both libraries, as the input chooses them.

use std::sync::Arc;
use std::time::Duration;

use handclasp::connection::Options;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::Side;
use handclasp::pki_types::UnixTime;
use handclasp::quic::{Connection, Version};
use handclasp::registry::NamedGroup;
use handclasp::session::{
    AntiReplay, ClientHelloRecord, MemoryClientSessions, ReplayCheck, TicketKeys,
};
use handclasp::verify::ClientAuthentication;
use handclasp::{ClientConfig, Reply, ServerConfig};
use handclasp_testing::deterministic::{self, PinnedChain};
use handclasp_testing::rustls_pin::Pinned;
use rustls::client::Resumption;
use rustls::server::ServerSessionMemoryCache;
use rustls::time_provider::TimeProvider;

use super::end::End;
use crate::{Input, theirs};

const GROUPS: [NamedGroup; 2] = [NamedGroup::X25519, NamedGroup::SECP256R1];
const SUITES: [u16; 3] = [0x1301, 0x1302, 0x1303];
const PROTOCOLS: [&str; 3] = ["h3", "hq-interop", "test/1"];

/// The longest list of transport parameters.
const MOST_PARAMETERS: usize = 300;

/// What an end has.
#[derive(Clone, Debug)]
pub struct Choices {
    groups: Vec<NamedGroup>,
    suites: Vec<u16>,
    protocols: Vec<&'static str>,
    /// An end of rustls can have no application protocol.
    has_no_protocol: bool,
    pub parameters: Vec<u8>,
    /// A client offers 0-RTT data, and a server takes them.
    early_data: bool,
    /// A server asks for a certificate.
    asks: bool,
}

/// A client, whose sessions its configuration has.
pub struct Client {
    pub choices: Choices,
    config: Config,
}

enum Config {
    Ours(Arc<ClientConfig>),
    Theirs(Arc<rustls::ClientConfig>),
}

impl Client {
    pub fn new(our_side: Side, choices: Choices) -> Self {
        let config = match our_side {
            Side::Client => Config::Ours(Arc::new(choices.our_client())),
            Side::Server => Config::Theirs(Arc::new(choices.their_client())),
        };
        Self { choices, config }
    }

    pub fn our_side(&self) -> Side {
        match self.config {
            Config::Ours(_) => Side::Client,
            Config::Theirs(_) => Side::Server,
        }
    }

    /// A new connection.
    pub fn start(&self) -> End {
        let (name, parameters) = (theirs::name(), self.choices.parameters.clone());
        match &self.config {
            Config::Ours(config) => {
                let (config, options) = (config.clone(), Options::new(deterministic::now()));
                let client = Connection::client(config, Version::V1, name, parameters, options);
                End::ours(client.expect("QUIC can have it"))
            }
            Config::Theirs(config) => {
                let (config, version) = (config.clone(), rustls::quic::Version::V1);
                let client = rustls::quic::ClientConnection::new(config, version, name, parameters);
                End::theirs(client.expect("it starts").into())
            }
        }
    }
}

/// Some of all, at least one, in an order.
fn some<T: Clone>(all: &[T], choice: u8) -> Vec<T> {
    let mut chosen = all.to_vec();
    chosen.rotate_left(usize::from(choice >> 5) % all.len());
    if choice & 16 != 0 {
        chosen.reverse();
    }
    // Without a choice, all.
    let count = all.len() - usize::from(choice & 15) % all.len();
    chosen.truncate(count);
    chosen
}

impl Choices {
    pub fn read(input: &mut Input<'_>) -> Self {
        let flags = input.byte();
        let groups = some(&GROUPS, input.byte());
        let suites = some(&SUITES, input.byte());
        let protocols = some(&PROTOCOLS, input.byte());
        let parameters = input.bytes();
        Self {
            groups,
            suites,
            protocols,
            has_no_protocol: flags & 0xf0 == 0xf0,
            parameters: parameters[..parameters.len().min(MOST_PARAMETERS)].to_vec(),
            early_data: flags & 1 == 0,
            asks: flags & 2 != 0,
        }
    }

    /// Must the handshake with this server complete?
    pub fn agrees_with(&self, server: &Self, our_side: Side) -> bool {
        let theirs = if our_side == Side::Client { server } else { self };
        self.groups.iter().any(|group| server.groups.contains(group))
            && self.suites.iter().any(|suite| server.suites.contains(suite))
            && self.protocols.iter().any(|protocol| server.protocols.contains(protocol))
            && !theirs.has_no_protocol
    }

    fn our_provider(&self, side: Side) -> CryptoProvider {
        let mut provider = deterministic::provider(side, &self.groups);
        let place = |id: u16| self.suites.iter().position(|suite| *suite == id);
        provider.cipher_suites.retain(|suite| place(suite.id.0).is_some());
        provider.cipher_suites.sort_by_key(|suite| place(suite.id.0));
        provider
    }

    fn our_client(&self) -> ClientConfig {
        ClientConfig::builder(self.our_provider(Side::Client))
            .application_protocols(self.protocols.iter().copied())
            .verifier(Arc::new(PinnedChain))
            .client_certificates(deterministic::list())
            .sessions(Arc::new(MemoryClientSessions::new(8)))
            .early_data(self.early_data)
            .build()
            .expect("the configuration is good")
    }

    pub fn our_server(&self) -> End {
        let provider = self.our_provider(Side::Server);
        let secret: Vec<u8> = (0..32).collect();
        let keys = TicketKeys::from_bytes(&secret, provider.random.clone());
        let mut config = ServerConfig::builder(provider)
            .application_protocols(self.protocols.iter().copied())
            .sessions(Arc::new(keys.expect("the key is a good one")))
            .tickets(1);
        if self.early_data {
            config = config.early_data(16_384, Arc::new(TakeAll));
        }
        if self.asks {
            let policy = ClientAuthentication::required(Arc::new(PinnedChain));
            config = config.client_authentication(policy);
        }
        let config = config.build(deterministic::list()).expect("the configuration is good");
        let (config, parameters) = (Arc::new(config), self.parameters.clone());
        let options = Options::new(deterministic::now());
        let server = Connection::server(config, Version::V1, parameters, options);
        End::ours(server.expect("QUIC can have it"))
    }

    fn their_provider(&self, side: Side) -> Arc<rustls::crypto::CryptoProvider> {
        let groups = self.groups.iter().map(|group| group.0);
        theirs::provider_with(side, groups, &self.suites)
    }

    fn their_protocols(&self) -> Vec<Vec<u8>> {
        if self.has_no_protocol {
            return Vec::new();
        }
        self.protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect()
    }

    fn their_client(&self) -> rustls::ClientConfig {
        let provider = self.their_provider(Side::Client);
        let builder = rustls::ClientConfig::builder_with_details(provider, Arc::new(FixedTime));
        let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]);
        let verifier = Pinned::certificate(deterministic::CERTIFICATE);
        let builder = builder.expect("it has it").dangerous();
        let (chain, key) = theirs::chain_and_key();
        let mut config = builder
            .with_custom_certificate_verifier(verifier)
            .with_client_auth_cert(chain, key)
            .expect("the key is good");
        config.alpn_protocols = self.their_protocols();
        config.resumption = Resumption::in_memory_sessions(8);
        config.enable_early_data = self.early_data;
        config
    }

    pub fn their_server(&self, sessions: Arc<ServerSessionMemoryCache>) -> End {
        let provider = self.their_provider(Side::Server);
        let builder = rustls::ServerConfig::builder_with_details(provider, Arc::new(FixedTime));
        let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]);
        let builder = builder.expect("it has it");
        let builder = match self.asks {
            true => {
                let verifier = Pinned::certificate(deterministic::CERTIFICATE);
                builder.with_client_cert_verifier(verifier)
            }
            false => builder.with_no_client_auth(),
        };
        let (chain, key) = theirs::chain_and_key();
        let mut config = builder.with_single_cert(chain, key).expect("the key is good");
        config.alpn_protocols = self.their_protocols();
        config.session_storage = sessions;
        config.send_tls13_tickets = 1;
        config.max_early_data_size = if self.early_data { u32::MAX } else { 0 };
        let (version, parameters) = (rustls::quic::Version::V1, self.parameters.clone());
        let server = rustls::quic::ServerConnection::new(Arc::new(config), version, parameters);
        End::theirs(server.expect("it starts").into())
    }
}

/// Finds no replay: a client says each thing once here.
#[derive(Debug)]
struct TakeAll;

impl AntiReplay for TakeAll {
    fn check_and_record(&self, _: &ClientHelloRecord, _: UnixTime) -> Reply<ReplayCheck> {
        Reply::Now(ReplayCheck::New)
    }
}

/// The time of our ends.
#[derive(Debug)]
struct FixedTime;

impl TimeProvider for FixedTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(deterministic::now().as_secs())))
    }
}
