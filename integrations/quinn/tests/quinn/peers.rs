//! Clients and servers of quinn, on handclasp and on rustls.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::pki_types::UnixTime;
use handclasp::registry::{CipherSuiteId, NamedGroup};
use handclasp::session::{MemoryClientSessions, StrikeRegister, TicketKeys};
use handclasp::verify::{ClientAuthentication, TrustAnchorVerifier};
use handclasp::{ClientConfig, ServerConfig};
use handclasp_testing::{Identity, rustls_peer};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{Connection, Endpoint};
use tokio::sync::mpsc;

pub use handclasp_testing::NAME;

/// Whose TLS an end of quinn has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tls {
    Handclasp,
    Rustls,
}

/// The TLS of a client and of a server. One of them is ours.
pub const PAIRS: [(Tls, Tls); 3] = [
    (Tls::Handclasp, Tls::Handclasp),
    (Tls::Handclasp, Tls::Rustls),
    (Tls::Rustls, Tls::Handclasp),
];

/// What a test asks of both ends.
#[derive(Clone)]
pub struct Wanted {
    pub client_protocol: &'static str,
    pub server_protocol: &'static str,
    /// The suite that our end prefers, and the only one that another stack has.
    pub cipher_suite: Option<CipherSuiteId>,
    pub takes_early_data: bool,
    pub asks_clients: bool,
    /// The client must send another share.
    pub retries_group: bool,
    /// The server answers the first packets with a Retry.
    pub sends_retry: bool,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            client_protocol: "test/1",
            server_protocol: "test/1",
            cipher_suite: None,
            takes_early_data: true,
            asks_clients: false,
            retries_group: false,
            sends_retry: false,
        }
    }
}

/// The identities of both sides.
pub struct People {
    pub server: Identity,
    pub client: Identity,
}

impl People {
    pub fn new() -> Self {
        Self { server: Identity::p256(), client: Identity::p256() }
    }

    /// The same once more.
    pub fn copy(&self) -> Self {
        Self { server: self.server.copy(), client: self.client.copy() }
    }
}

/// One whose certificate has 12 kB.
pub fn long_identity() -> Identity {
    let names = (0..300).map(|number| format!("a-name-of-this-server-{number}.example"));
    Identity::with_names(names.chain([NAME.into()]).collect())
}

fn list(identity: &Identity) -> Arc<CertificateList> {
    Arc::new(CertificateList::new(vec![Arc::new(identity.certified_key())]))
}

fn our_provider(wanted: &Wanted) -> CryptoProvider {
    let mut provider = CryptoProvider::default();
    provider.cipher_suites.sort_by_key(|suite| Some(suite.id) != wanted.cipher_suite);
    provider
}

pub fn our_server(people: &People, wanted: &Wanted) -> Arc<ServerConfig> {
    let keys = TicketKeys::random(CryptoProvider::default().random).unwrap();
    our_server_with(people, wanted, Arc::new(keys))
}

/// With these keys of tickets.
pub fn our_server_with(
    people: &People,
    wanted: &Wanted,
    keys: Arc<TicketKeys>,
) -> Arc<ServerConfig> {
    let mut provider = our_provider(wanted);
    if wanted.retries_group {
        provider.groups.retain(|group| group.name() == NamedGroup::SECP384R1);
    }
    let mut builder = ServerConfig::builder(provider)
        .application_protocols([wanted.server_protocol])
        .sessions(keys);
    if wanted.takes_early_data {
        let now = UnixTime::now().as_secs();
        let started = UnixTime::since_unix_epoch(Duration::from_secs(now - 2));
        builder = builder.early_data(16_384, Arc::new(StrikeRegister::new(started)));
    }
    if wanted.asks_clients {
        let algorithms = CryptoProvider::default().signatures;
        let verifier = TrustAnchorVerifier::for_clients(people.client.anchors(), algorithms);
        builder = builder.client_authentication(ClientAuthentication::required(Arc::new(verifier)));
    }
    Arc::new(builder.build(list(&people.server)).unwrap())
}

pub fn our_client(people: &People, wanted: &Wanted) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder(our_provider(wanted))
        .application_protocols([wanted.client_protocol])
        .sessions(Arc::new(MemoryClientSessions::new(16)))
        .early_data(wanted.takes_early_data)
        .client_certificates(list(&people.client));
    Arc::new(builder.trust(people.server.anchors()).unwrap().build().unwrap())
}

fn rustls_server(people: &People, wanted: &Wanted) -> rustls::ServerConfig {
    let provider = match wanted.retries_group {
        true => rustls_peer::provider(rustls::NamedGroup::secp384r1, true),
        false => rustls_peer::default_provider(),
    };
    let clients = wanted.asks_clients.then(|| {
        let roots = Arc::new(rustls_peer::roots(&people.client));
        let provider = Arc::new(rustls_peer::default_provider());
        rustls::server::WebPkiClientVerifier::builder_with_provider(roots, provider)
            .build()
            .unwrap()
    });
    let mut config = rustls_peer::server_config(&people.server, provider, clients);
    config.alpn_protocols = vec![wanted.server_protocol.as_bytes().to_vec()];
    config.max_early_data_size = if wanted.takes_early_data { u32::MAX } else { 0 };
    config
}

fn rustls_client(people: &People, wanted: &Wanted) -> rustls::ClientConfig {
    let provider = Arc::new(rustls_peer::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(rustls_peer::roots(&people.server))
        .with_client_auth_cert(people.client.chain.clone(), people.client.key.clone_key())
        .unwrap();
    config.alpn_protocols = vec![wanted.client_protocol.as_bytes().to_vec()];
    config.enable_early_data = wanted.takes_early_data;
    config
}

pub fn client(tls: Tls, people: &People, wanted: &Wanted) -> quinn::ClientConfig {
    match tls {
        Tls::Handclasp => handclasp_quinn::client_config(our_client(people, wanted)).unwrap(),
        Tls::Rustls => {
            let config = QuicClientConfig::try_from(rustls_client(people, wanted)).unwrap();
            quinn::ClientConfig::new(Arc::new(config))
        }
    }
}

pub fn server(tls: Tls, people: &People, wanted: &Wanted) -> quinn::ServerConfig {
    match tls {
        Tls::Handclasp => handclasp_quinn::server_config(our_server(people, wanted)).unwrap(),
        Tls::Rustls => {
            let config = QuicServerConfig::try_from(rustls_server(people, wanted)).unwrap();
            quinn::ServerConfig::with_crypto(Arc::new(config))
        }
    }
}

pub fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// A server that sends back what it receives on each stream.
pub struct Server {
    pub address: SocketAddr,
    /// Its connections, as soon as their handshakes are complete.
    pub connections: mpsc::UnboundedReceiver<Connection>,
    /// Why handshakes failed.
    pub failures: mpsc::UnboundedReceiver<quinn::ConnectionError>,
}

impl Server {
    pub fn start(config: quinn::ServerConfig, sends_retry: bool) -> Self {
        let endpoint = handclasp_quinn::server_endpoint(config, any_port()).unwrap();
        let (connected, connections) = mpsc::unbounded_channel();
        let (failed, failures) = mpsc::unbounded_channel();
        let address = endpoint.local_addr().unwrap();
        tokio::spawn(accept(endpoint, sends_retry, connected, failed));
        Self { address, connections, failures }
    }
}

impl Server {
    /// The next connection of which the handshake is complete.
    pub async fn connection(&mut self) -> Connection {
        tokio::select! {
            connection = self.connections.recv() => connection.unwrap(),
            error = self.failures.recv() => panic!("{}", error.unwrap()),
        }
    }
}

async fn accept(
    endpoint: Endpoint,
    sends_retry: bool,
    connected: mpsc::UnboundedSender<Connection>,
    failed: mpsc::UnboundedSender<quinn::ConnectionError>,
) {
    while let Some(incoming) = endpoint.accept().await {
        if sends_retry && !incoming.remote_address_validated() {
            incoming.retry().unwrap();
            continue;
        }
        let (connected, failed) = (connected.clone(), failed.clone());
        tokio::spawn(async move {
            let connection = match incoming.await {
                Ok(connection) => connection,
                Err(error) => {
                    let _ = failed.send(error);
                    return;
                }
            };
            let _ = connected.send(connection.clone());
            echo_streams(&connection, false).await;
        });
    }
}

/// Sends back what comes on each stream, after a key update if there should be one.
pub async fn echo_streams(connection: &Connection, updates_keys: bool) {
    while let Ok((mut send, mut receive)) = connection.accept_bi().await {
        if updates_keys {
            connection.force_key_update();
        }
        tokio::spawn(async move {
            let mut buffer = vec![0; 65_536];
            while let Ok(Some(length)) = receive.read(&mut buffer).await {
                if send.write_all(&buffer[..length]).await.is_err() {
                    return;
                }
            }
            let _ = send.finish();
        });
    }
}

pub fn client_endpoint(config: quinn::ClientConfig) -> Endpoint {
    let mut endpoint = handclasp_quinn::client_endpoint(any_port()).unwrap();
    endpoint.set_default_client_config(config);
    endpoint
}

/// Sends the data on a stream, and returns what came back.
pub async fn echo(connection: &Connection, data: &[u8]) -> Vec<u8> {
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    let sent = async {
        send.write_all(data).await.unwrap();
        send.finish().unwrap();
    };
    let (_, received) = tokio::join!(sent, receive.read_to_end(64 << 20));
    received.unwrap()
}
