//! Handshakes with the providers over aws-lc-rs and ring, beside rustls over aws-lc-rs: the CPU time of
//! each side, with TLS_AES_128_GCM_SHA256 and P-256 certificates. Chains are verified anew each time. The provider
//! over aws-lc-rs has their keys from the handshakes before: to parse one takes 1 µs.
//!
//! `cargo run --profile bench -p handclasp-benchmarks --features aws-lc-rs --bin providers`
//!
//! The contenders take turns within each round, and the ratios are medians of the rounds' ratios. In a
//! build with both providers a key of ring is on the heap, so ring is a little slower here than alone.

use std::sync::Arc;

use handclasp::credential::{CertificateList, CertifiedKey};
use handclasp::crypto::hybrid::HybridGroup;
use handclasp::crypto::{CryptoProvider, ml_kem, ring};
use handclasp::registry::NamedGroup;
use handclasp::session::{MemoryClientSessions, TicketKeys};
use handclasp::verify::{ClientAuthentication, TrustAnchorVerifier};
use handclasp::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};
use handclasp_testing::Identity;
use handclasp_testing::handshakes::{self, BATCH, Columns, Spent};
use handclasp_testing::measure::Column;
use handclasp_testing::rustls_peer::{self, roots};
use rustls::client::Resumption;
use rustls::server::WebPkiClientVerifier;

const ROUNDS: usize = 150;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Full,
    Rsa,
    Resumed,
    Mutual,
    /// With X25519MLKEM768; the others use x25519.
    Hybrid,
    /// ML-KEM beside ring is of the crate libcrux-ml-kem, and otherwise of ml-kem.
    HybridOfLibcrux,
}

const KINDS: [(Kind, &str); 6] = [
    (Kind::Full, "full"),
    (Kind::Rsa, "RSA"),
    (Kind::Resumed, "resumed"),
    (Kind::Mutual, "mutual"),
    (Kind::Hybrid, "X25519MLKEM768"),
    (Kind::HybridOfLibcrux, "X25519MLKEM768 (libcrux)"),
];

trait Contender {
    /// A batch of handshakes.
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
        Box::new(Ours::new(ring_provider(kind), kind, &identities)),
    ];
    let mut columns = [(); 3].map(|()| Columns::default());
    for _ in 0..ROUNDS {
        for (contender, columns) in contenders.iter().zip(&mut columns) {
            columns.add(contender.run());
        }
    }
    let [theirs, ours, with_ring] = &columns;
    report(name, "client", &theirs.client, &ours.client, &with_ring.client);
    report(name, "server", &theirs.server, &ours.server, &with_ring.server);
}

fn report(name: &str, side: &str, theirs: &Column, ours: &Column, with_ring: &Column) {
    let (micros, ratio, ring) = (theirs.micros(), ours.ratio(theirs), with_ring.ratio(theirs));
    println!("| {name} | {side} | {micros:.1} | {ratio:.3} | {ring:.3} |");
}

fn ring_provider(kind: Kind) -> CryptoProvider {
    let mut provider = CryptoProvider::ring();
    if kind == Kind::Hybrid {
        let hybrid = HybridGroup::new(Arc::new(ring::X25519), Arc::new(ml_kem::MLKEM768));
        provider.groups = vec![Arc::new(hybrid.unwrap())];
    }
    provider
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
            Kind::Hybrid | Kind::HybridOfLibcrux => NamedGroup::X25519_MLKEM768,
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
        let new_client = |name| ClientConnection::new(Arc::clone(&self.client), name);
        let new_server = || ServerConnection::new(Arc::clone(&self.server));
        handshakes::ours(new_client, new_server)
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
            Kind::Hybrid | Kind::HybridOfLibcrux => aws_lc_rs::kx_group::X25519MLKEM768,
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
            |name| rustls::ClientConnection::new(Arc::clone(&self.client), name).unwrap();
        let new_server = || rustls::ServerConnection::new(Arc::clone(&self.server)).unwrap();
        handshakes::theirs(new_client, new_server)
    }
}
