//! Handshakes with the providers over aws-lc-rs and ring, beside rustls over aws-lc-rs: the CPU time of
//! each side, with TLS_AES_128_GCM_SHA256 and P-256 certificates. Chains are verified anew each time.
//!
//! `cargo run --release -p handclasp-benchmarks --features aws-lc-rs --bin providers`
//!
//! The contenders take turns within each round, and the ratios are medians of the rounds' ratios. In a
//! build with both providers a key of ring is on the heap, so ring is a little slower here than alone.

use std::sync::Arc;
use std::time::Duration;

use handclasp::connection::Connection;
use handclasp::credential::{CertificateList, CertifiedKey};
use handclasp::crypto::CryptoProvider;
use handclasp::registry::NamedGroup;
use handclasp::session::{MemoryClientSessions, TicketKeys};
use handclasp::verify::{ClientAuthentication, TrustAnchorVerifier};
use handclasp::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};
use handclasp_testing::measure::{Column, thread_time};
use handclasp_testing::rustls_peer::{self, roots};
use handclasp_testing::{Identity, server_name};
use rustls::client::Resumption;
use rustls::server::WebPkiClientVerifier;

/// How many connections of a contender live at the same time.
const BATCH: usize = 8;

const ROUNDS: usize = 150;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Full,
    Rsa,
    Resumed,
    Mutual,
    /// With X25519MLKEM768; the others use x25519.
    Hybrid,
}

const KINDS: [(Kind, &str); 5] = [
    (Kind::Full, "full"),
    (Kind::Rsa, "RSA"),
    (Kind::Resumed, "resumed"),
    (Kind::Mutual, "mutual"),
    (Kind::Hybrid, "X25519MLKEM768"),
];

/// The CPU time of the calls of each side.
#[derive(Default)]
struct Spent {
    client: Duration,
    server: Duration,
}

trait Contender {
    /// [`BATCH`] handshakes.
    fn run(&self) -> Spent;
}

fn main() {
    let only = std::env::args().nth(1);
    println!(
        "| handshake | side | rustls, aws-lc-rs, µs | handclasp, aws-lc-rs | handclasp, ring |"
    );
    println!("|---|---|---|---|---|");
    for (kind, name) in KINDS {
        if only.as_deref().is_none_or(|only| only == name) {
            measure(kind, name);
        }
    }
}

fn measure(kind: Kind, name: &str) {
    let server = if kind == Kind::Rsa { rustls_peer::rsa_identity() } else { Identity::p256() };
    let identities = Identities { server, client: Identity::p256() };
    let contenders: [Box<dyn Contender>; 3] = [
        Box::new(Theirs::new(kind, &identities)),
        Box::new(Ours::new(CryptoProvider::aws_lc_rs(), kind, &identities)),
        Box::new(Ours::new(CryptoProvider::ring(), kind, &identities)),
    ];
    let mut columns = [(); 3].map(|()| (Column::default(), Column::default()));
    for _ in 0..ROUNDS {
        for (contender, (client, server)) in contenders.iter().zip(&mut columns) {
            let spent = contender.run();
            client.add(spent.client, BATCH as u32);
            server.add(spent.server, BATCH as u32);
        }
    }
    let [theirs, ours, with_ring] = &columns;
    report(name, "client", &theirs.0, &ours.0, &with_ring.0);
    report(name, "server", &theirs.1, &ours.1, &with_ring.1);
}

fn report(name: &str, side: &str, theirs: &Column, ours: &Column, with_ring: &Column) {
    let (micros, ratio, ring) = (theirs.micros(), ours.ratio(theirs), with_ring.ratio(theirs));
    println!("| {name} | {side} | {micros:.1} | {ratio:.3} | {ring:.3} |");
}

struct Identities {
    server: Identity,
    client: Identity,
}

struct Ours {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl Ours {
    fn new(mut provider: CryptoProvider, kind: Kind, identities: &Identities) -> Self {
        let group = match kind {
            Kind::Hybrid => NamedGroup::X25519_MLKEM768,
            _ => NamedGroup::X25519,
        };
        provider.cipher_suites.truncate(1);
        provider.groups.retain(|candidate| candidate.name() == group);
        let signatures = &provider.signatures;
        let certified_key = |identity: &Identity| {
            let chain = identity.chain.clone();
            CertifiedKey::from_der_with_provider(chain, &identity.key, &provider).unwrap()
        };
        let list =
            |identity| Arc::new(CertificateList::new(vec![Arc::new(certified_key(identity))]));
        // Resumptions verify no signature. Full handshakes verify all of them.
        let remembered = if kind == Kind::Resumed { 16 } else { 0 };
        let verifier = TrustAnchorVerifier::new(identities.server.anchors(), signatures.clone())
            .with_signature_cache(remembered);
        let mut client = ClientConfig::builder(provider.clone()).verifier(Arc::new(verifier));
        let mut server = ServerConfig::builder(provider.clone());
        if kind == Kind::Resumed {
            client = client.sessions(Arc::new(MemoryClientSessions::new(BATCH)));
            let keys = TicketKeys::random_with_provider(&provider).unwrap();
            server = server.sessions(Arc::new(keys)).tickets(1);
        }
        if kind == Kind::Mutual {
            client = client.client_certificates(list(&identities.client));
            let anchors = identities.client.anchors();
            let verifier = TrustAnchorVerifier::for_clients(anchors, signatures.clone())
                .with_signature_cache(0);
            server =
                server.client_authentication(ClientAuthentication::required(Arc::new(verifier)));
        }
        let server = server.build(list(&identities.server)).unwrap();
        let this = Self { client: Arc::new(client.build().unwrap()), server: Arc::new(server) };
        // With sessions: these are full handshakes, and each gives a ticket.
        this.run();
        this
    }
}

impl Contender for Ours {
    fn run(&self) -> Spent {
        let new_client = || ClientConnection::new(Arc::clone(&self.client), server_name()).unwrap();
        let new_server = || ServerConnection::new(Arc::clone(&self.server)).unwrap();
        handshakes(new_client, new_server)
    }
}

struct Theirs {
    client: Arc<rustls::ClientConfig>,
    server: Arc<rustls::ServerConfig>,
}

impl Theirs {
    fn new(kind: Kind, identities: &Identities) -> Self {
        use rustls::crypto::aws_lc_rs;
        let Identities { server: own, client: other } = identities;
        let group = match kind {
            Kind::Hybrid => aws_lc_rs::kx_group::X25519MLKEM768,
            _ => aws_lc_rs::kx_group::X25519,
        };
        let provider = Arc::new(rustls::crypto::CryptoProvider {
            cipher_suites: vec![aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256],
            kx_groups: vec![group],
            ..aws_lc_rs::default_provider()
        });
        let client = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots(own));
        let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap();
        let (client, server) = if kind == Kind::Mutual {
            let anchors = Arc::new(roots(other));
            let verifier = WebPkiClientVerifier::builder_with_provider(anchors, provider).build();
            let (chain, key) = (other.chain.clone(), other.key.clone_key());
            let client = client.with_client_auth_cert(chain, key).unwrap();
            (client, server.with_client_cert_verifier(verifier.unwrap()))
        } else {
            (client.with_no_client_auth(), server.with_no_client_auth())
        };
        let (mut client, chain) = (client, own.chain.clone());
        let mut server = server.with_single_cert(chain, own.key.clone_key()).unwrap();
        // As this library by default.
        client.cert_decompressors = Vec::new();
        server.cert_compressors = Vec::new();
        client.resumption = Resumption::disabled();
        server.send_tls13_tickets = 0;
        if kind == Kind::Resumed {
            client.resumption = Resumption::in_memory_sessions(BATCH);
            server.ticketer = aws_lc_rs::Ticketer::new().unwrap();
            server.send_tls13_tickets = 1;
        }
        let this = Self { client: Arc::new(client), server: Arc::new(server) };
        this.run();
        this
    }
}

impl Contender for Theirs {
    fn run(&self) -> Spent {
        let new_client =
            || rustls::ClientConnection::new(Arc::clone(&self.client), server_name()).unwrap();
        let new_server = || rustls::ServerConnection::new(Arc::clone(&self.server)).unwrap();
        handshakes(new_client, new_server)
    }
}

/// A side of a connection of either library.
trait End {
    /// What is to be sent is in `bytes` then.
    fn send(&mut self, bytes: &mut Vec<u8>);
    fn receive(&mut self, bytes: &mut [u8]);
    fn is_connected(&self) -> bool;
}

macro_rules! end_of_handclasp {
    ($($type:ty),*) => {
        $(
            impl End for $type {
                fn send(&mut self, bytes: &mut Vec<u8>) {
                    bytes.extend_from_slice(self.outgoing());
                    self.sent(bytes.len());
                }

                fn receive(&mut self, bytes: &mut [u8]) {
                    let mut start = 0;
                    while start < bytes.len() {
                        let (consumed, _) = Connection::receive(self, &mut bytes[start..]).unwrap();
                        start += consumed;
                    }
                }

                fn is_connected(&self) -> bool {
                    !self.is_handshaking()
                }
            }
        )*
    };
}

macro_rules! end_of_rustls {
    ($($type:ty),*) => {
        $(
            impl End for $type {
                fn send(&mut self, bytes: &mut Vec<u8>) {
                    while self.wants_write() {
                        self.write_tls(bytes).unwrap();
                    }
                }

                fn receive(&mut self, bytes: &mut [u8]) {
                    let mut rest = &bytes[..];
                    while !rest.is_empty() {
                        self.read_tls(&mut rest).unwrap();
                        self.process_new_packets().unwrap();
                    }
                }

                fn is_connected(&self) -> bool {
                    !self.is_handshaking()
                }
            }
        )*
    };
}

end_of_handclasp!(ClientConnection, ServerConnection);
end_of_rustls!(rustls::ClientConnection, rustls::ServerConnection);

fn handshakes<C: End, S: End>(
    mut new_client: impl FnMut() -> C,
    mut new_server: impl FnMut() -> S,
) -> Spent {
    let mut spent = Spent::default();
    let mut clients: Vec<_> =
        timed(&mut spent.client, || (0..BATCH).map(|_| new_client()).collect());
    let mut servers: Vec<_> =
        timed(&mut spent.server, || (0..BATCH).map(|_| new_server()).collect());
    let mut buffers: Vec<_> = (0..BATCH).map(|_| Vec::with_capacity(16 * 1024)).collect();
    loop {
        let to_server = timed(&mut spent.client, || send(&mut clients, &mut buffers));
        timed(&mut spent.server, || receive(&mut servers, &mut buffers));
        let to_client = timed(&mut spent.server, || send(&mut servers, &mut buffers));
        timed(&mut spent.client, || receive(&mut clients, &mut buffers));
        if to_server + to_client == 0 {
            break;
        }
    }
    assert!(clients.iter().all(End::is_connected) && servers.iter().all(End::is_connected));
    spent
}

fn send(ends: &mut [impl End], buffers: &mut [Vec<u8>]) -> usize {
    let mut total = 0;
    for (end, buffer) in ends.iter_mut().zip(buffers) {
        buffer.clear();
        end.send(buffer);
        total += buffer.len();
    }
    total
}

fn receive(ends: &mut [impl End], buffers: &mut [Vec<u8>]) {
    for (end, buffer) in ends.iter_mut().zip(buffers) {
        end.receive(buffer);
    }
}

/// Adds the CPU time that `work` takes to `clock`.
fn timed<T>(clock: &mut Duration, work: impl FnOnce() -> T) -> T {
    let start = thread_time();
    let result = work();
    *clock += thread_time().saturating_sub(start);
    result
}
