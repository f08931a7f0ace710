//! What the benchmarks share: contenders that take turns, and figures that noise does not move.

use std::sync::Arc;
use std::time::{Duration, Instant};

use handclasp::registry::NamedGroup;
use handclasp::verify::TrustAnchorVerifier;
use handclasp::{CertifiedKey, ClientConfig, CryptoProvider, ServerConfig};
use rustix::time::{ClockId, clock_gettime};

use crate::Identity;

/// The median, which a few disturbed rounds do not move.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Microseconds of one contender, one value a round.
#[derive(Default)]
pub struct Column(pub Vec<f64>);

impl Column {
    pub fn add(&mut self, spent: Duration, repetitions: u32) {
        self.0.push(spent.as_secs_f64() * 1e6 / f64::from(repetitions));
    }

    pub fn micros(&self) -> f64 {
        median(self.0.clone())
    }

    /// The median of the rounds' ratios: both were measured in the same moment, so a machine that
    /// is slow for a while slows both.
    pub fn ratio(&self, other: &Self) -> f64 {
        median(self.0.iter().zip(&other.0).map(|(mine, other)| mine / other).collect())
    }

    /// The median of the rounds' differences, in microseconds.
    pub fn micros_more_than(&self, other: &Self) -> f64 {
        median(self.0.iter().zip(&other.0).map(|(mine, other)| mine - other).collect())
    }
}

/// The time that this thread has spent on a processor, in user mode and in the kernel.
pub fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// Adds the time that `work` takes to `clock`.
pub fn timed<T>(clock: &mut Duration, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    *clock += start.elapsed();
    result
}

/// Both configurations of this library, with one suite and one group. The client verifies the
/// certificate's signature in each handshake, as it does with a server that it meets for the first time.
pub fn ours(identity: &Identity) -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    ours_with(identity, CryptoProvider::default())
}

/// As [`ours`], with this provider.
pub fn ours_with(
    identity: &Identity,
    mut provider: CryptoProvider,
) -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    provider.groups.retain(|group| group.name() == NamedGroup::X25519);
    ours_with_all_groups(identity, provider)
}

/// As [`ours_with`], with all groups of the provider: a client sends the shares of a program that changes nothing.
pub fn ours_with_all_groups(
    identity: &Identity,
    mut provider: CryptoProvider,
) -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    provider.cipher_suites.truncate(1);
    let verifier = TrustAnchorVerifier::new(identity.anchors(), provider.signatures.clone());
    let verifier = Arc::new(verifier.with_signature_cache(0));
    let client = ClientConfig::builder(provider.clone()).verifier(verifier).build().unwrap();
    let (chain, key) = (identity.chain.clone(), &identity.key);
    let key = CertifiedKey::from_der_with_provider(chain, key, &provider).unwrap();
    let resolver = handclasp::credential::CertificateList::new(vec![Arc::new(key)]);
    let server = ServerConfig::builder(provider).build(Arc::new(resolver)).unwrap();
    (Arc::new(client), Arc::new(server))
}

/// Both configurations of rustls, doing the same: one suite, one group, no resumption.
pub fn rustls(identity: &Identity) -> (Arc<rustls::ClientConfig>, Arc<rustls::ServerConfig>) {
    use rustls::crypto::ring;
    let provider = Arc::new(rustls::crypto::CryptoProvider {
        cipher_suites: vec![ring::cipher_suite::TLS13_AES_128_GCM_SHA256],
        kx_groups: vec![ring::kx_group::X25519],
        ..ring::default_provider()
    });
    let mut roots = rustls::RootCertStore::empty();
    roots.add(identity.anchor.clone()).unwrap();
    let mut client = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.resumption = rustls::client::Resumption::disabled();
    let mut server = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(identity.chain.clone(), identity.key.clone_key())
        .unwrap();
    server.send_tls13_tickets = 0;
    (Arc::new(client), Arc::new(server))
}

/// The whole handshake of both ends of rustls.
pub fn rustls_handshake(
    client: &mut rustls::ClientConnection,
    server: &mut rustls::ServerConnection,
) {
    while client.is_handshaking() || server.is_handshaking() {
        let mut bytes = Vec::new();
        while client.write_tls(&mut bytes).unwrap() > 0 {}
        let mut input = &bytes[..];
        while !input.is_empty() {
            server.read_tls(&mut input).unwrap();
            server.process_new_packets().unwrap();
        }
        bytes.clear();
        while server.write_tls(&mut bytes).unwrap() > 0 {}
        let mut input = &bytes[..];
        while !input.is_empty() {
            client.read_tls(&mut input).unwrap();
            client.process_new_packets().unwrap();
        }
    }
}
