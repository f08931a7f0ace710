//! quinn-proto with the TLS of this library and with that of rustls, in memory. Both have the same suite,
//! group and certificate, and the same library of primitives: ring, or aws-lc-rs with the feature of that
//! name.

pub mod endpoints;
pub mod sessions;

use std::sync::Arc;

use handclasp::credential::{CertificateList, CertifiedKey};
use handclasp::crypto::CryptoProvider;
use handclasp::registry::{CipherSuiteId, NamedGroup};
use handclasp::session::{MemoryClientSessions, TicketKeys};
use handclasp::verify::TrustAnchorVerifier;
use handclasp::{ClientConfig, ServerConfig};
use handclasp_quinn::{QuicClientConfig, QuicServerConfig, ResetKey, TokenKey};
use handclasp_testing::Identity;
use handclasp_testing::handshakes::BATCH;
use handclasp_testing::rustls_peer::roots;
use quinn_proto::crypto::{self, rustls as quinn_rustls};
use quinn_proto::{EndpointConfig, TransportConfig};
use rustls::client::Resumption;
#[cfg(feature = "aws-lc-rs")]
use rustls::crypto::aws_lc_rs as rustls_provider;
#[cfg(not(feature = "aws-lc-rs"))]
use rustls::crypto::ring as rustls_provider;

const PROTOCOL: &str = "test/1";

/// The library of primitives that both have.
pub const PRIMITIVES: &str = if cfg!(feature = "aws-lc-rs") { "aws-lc-rs" } else { "ring" };

/// The cipher suite of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    Aes128Gcm,
    ChaCha20Poly1305,
}

/// What a handshake rests on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Full,
    Resumed,
}

/// One of the two implementations of TLS, as quinn-proto has it.
pub struct Tls {
    pub client: Arc<dyn crypto::ClientConfig>,
    pub server: Arc<dyn crypto::ServerConfig>,
    endpoint: Arc<EndpointConfig>,
    client_config: quinn_proto::ClientConfig,
    server_config: Arc<quinn_proto::ServerConfig>,
}

impl Tls {
    /// This library's.
    pub fn handclasp(suite: Suite, kind: Kind, identity: &Identity) -> Self {
        let provider = provider(suite);
        let client = QuicClientConfig::new(our_client(&provider, kind, identity)).unwrap();
        let server: Arc<dyn crypto::ServerConfig> =
            Arc::new(QuicServerConfig::new(our_server(&provider, kind, identity)).unwrap());
        let token_key = Arc::new(TokenKey::random(&provider).unwrap());
        let server_config = quinn_proto::ServerConfig::new(server.clone(), token_key);
        let endpoint = EndpointConfig::new(Arc::new(ResetKey::random(&provider).unwrap()));
        Self::new(Arc::new(client), server, server_config, endpoint)
    }

    /// That of rustls. quinn makes the keys of tokens and resets with ring.
    pub fn rustls(suite: Suite, kind: Kind, identity: &Identity) -> Self {
        let client = their_client(suite, kind, identity);
        let client = quinn_rustls::QuicClientConfig::try_from(client).unwrap();
        let server = their_server(suite, kind, identity);
        let server: Arc<dyn crypto::ServerConfig> =
            Arc::new(quinn_rustls::QuicServerConfig::try_from(server).unwrap());
        let server_config = quinn_proto::ServerConfig::with_crypto(server.clone());
        Self::new(Arc::new(client), server, server_config, EndpointConfig::default())
    }

    fn new(
        client: Arc<dyn crypto::ClientConfig>,
        server: Arc<dyn crypto::ServerConfig>,
        mut server_config: quinn_proto::ServerConfig,
        endpoint: EndpointConfig,
    ) -> Self {
        let transport = transport();
        server_config.transport_config(transport.clone());
        let mut client_config = quinn_proto::ClientConfig::new(client.clone());
        client_config.transport_config(transport);
        let (endpoint, server_config) = (Arc::new(endpoint), Arc::new(server_config));
        Self { client, server, endpoint, client_config, server_config }
    }
}

fn provider(suite: Suite) -> CryptoProvider {
    #[cfg(feature = "aws-lc-rs")]
    let mut provider = CryptoProvider::aws_lc_rs();
    #[cfg(not(feature = "aws-lc-rs"))]
    let mut provider = CryptoProvider::ring();
    let id = match suite {
        Suite::Aes128Gcm => CipherSuiteId::TLS_AES_128_GCM_SHA256,
        Suite::ChaCha20Poly1305 => CipherSuiteId::TLS_CHACHA20_POLY1305_SHA256,
    };
    // The other one protects Initial packets.
    provider
        .cipher_suites
        .retain(|one| one.id == id || one.id == CipherSuiteId::TLS_AES_128_GCM_SHA256);
    provider.cipher_suites.sort_by_key(|one| one.id != id);
    provider.groups.retain(|group| group.name() == NamedGroup::X25519);
    provider
}

fn our_client(provider: &CryptoProvider, kind: Kind, identity: &Identity) -> Arc<ClientConfig> {
    // Resumptions verify no signature. Full handshakes verify all of them.
    let remembered = if kind == Kind::Resumed { 16 } else { 0 };
    let verifier = TrustAnchorVerifier::new(identity.anchors(), provider.signatures.clone())
        .with_signature_cache(remembered);
    let mut client = ClientConfig::builder(provider.clone())
        .application_protocols([PROTOCOL])
        .verifier(Arc::new(verifier));
    if kind == Kind::Resumed {
        client = client.sessions(Arc::new(MemoryClientSessions::new(BATCH)));
    }
    Arc::new(client.build().unwrap())
}

fn our_server(provider: &CryptoProvider, kind: Kind, identity: &Identity) -> Arc<ServerConfig> {
    let mut server = ServerConfig::builder(provider.clone()).application_protocols([PROTOCOL]);
    if kind == Kind::Resumed {
        let keys = TicketKeys::random_with_provider(provider).unwrap();
        server = server.sessions(Arc::new(keys)).tickets(1);
    }
    let chain = identity.chain.clone();
    let key = CertifiedKey::from_der_with_provider(chain, &identity.key, provider).unwrap();
    let list = CertificateList::new(vec![Arc::new(key)]);
    Arc::new(server.build(Arc::new(list)).unwrap())
}

fn their_provider(suite: Suite) -> Arc<rustls::crypto::CryptoProvider> {
    use rustls_provider::cipher_suite;
    let initial = cipher_suite::TLS13_AES_128_GCM_SHA256;
    let cipher_suites = match suite {
        Suite::Aes128Gcm => vec![initial],
        Suite::ChaCha20Poly1305 => {
            vec![cipher_suite::TLS13_CHACHA20_POLY1305_SHA256, initial]
        }
    };
    Arc::new(rustls::crypto::CryptoProvider {
        cipher_suites,
        kx_groups: vec![rustls_provider::kx_group::X25519],
        ..rustls_provider::default_provider()
    })
}

fn their_client(suite: Suite, kind: Kind, identity: &Identity) -> Arc<rustls::ClientConfig> {
    let mut client = rustls::ClientConfig::builder_with_provider(their_provider(suite))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots(identity))
        .with_no_client_auth();
    client.alpn_protocols = vec![PROTOCOL.into()];
    // As this library by default.
    client.cert_decompressors = Vec::new();
    client.resumption = match kind {
        Kind::Full => Resumption::disabled(),
        Kind::Resumed => Resumption::in_memory_sessions(BATCH),
    };
    Arc::new(client)
}

fn their_server(suite: Suite, kind: Kind, identity: &Identity) -> Arc<rustls::ServerConfig> {
    let mut server = rustls::ServerConfig::builder_with_provider(their_provider(suite))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(identity.chain.clone(), identity.key.clone_key())
        .unwrap();
    server.alpn_protocols = vec![PROTOCOL.into()];
    server.cert_compressors = Vec::new();
    server.send_tls13_tickets = 0;
    if kind == Kind::Resumed {
        server.ticketer = rustls_provider::Ticketer::new().unwrap();
        server.send_tls13_tickets = 1;
    }
    Arc::new(server)
}

/// Datagrams of 1,200 bytes.
fn transport() -> Arc<TransportConfig> {
    let mut transport = TransportConfig::default();
    transport.initial_mtu(1200).mtu_discovery_config(None);
    Arc::new(transport)
}
