//! What tests, benchmarks and fuzz targets share: a certificate authority in memory,
//! configurations, peers, and ways to break things.

pub mod asked_later;
pub mod authority;
pub mod brotli_streams;
pub mod capture;
pub mod captured;
pub mod chromium;
pub mod compression;
pub mod counted;
pub mod damage;
pub mod der;
pub mod deterministic;
pub mod examples;
pub mod faulty_aead;
pub mod forge;
pub mod handshakes;
pub mod key_lines;
pub mod measure;
pub mod message;
pub mod numbers;
pub mod openssl;
pub mod ports;
pub mod process;
#[cfg(feature = "quinn-proto")]
pub mod quic_sessions;
pub mod received_bytes;
pub mod recorded_group;
pub mod redis_server;
pub mod rustls_peer;
pub mod rustls_pin;
pub mod sessions;
pub mod slow_path;
pub mod taken_over;
pub mod written;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use handclasp::connection::Received;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::Answer;
use handclasp::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use handclasp::registry::NamedGroup;
use handclasp::{
    CertifiedKey, ClientConfig, ClientConnection, Connection, Error, ServerConfig,
    ServerConnection, TrustAnchors,
};

/// The name that the test servers have.
pub const NAME: &str = "server.example";

/// A key as two parties would agree on, fresh from the system's randomness.
pub fn pre_shared_secret() -> [u8; 32] {
    let mut secret = [0; 32];
    CryptoProvider::default().random.fill(&mut secret).unwrap();
    secret
}

/// A certificate authority, and a server certificate that it issued.
pub struct Identity {
    pub anchor: CertificateDer<'static>,
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
}

impl Identity {
    /// With a server key of this algorithm.
    pub fn new(algorithm: &'static rcgen::SignatureAlgorithm) -> Self {
        Self::with_key(rcgen::KeyPair::generate_for(algorithm).unwrap())
    }

    /// With a P-256 server key.
    pub fn p256() -> Self {
        Self::new(&rcgen::PKCS_ECDSA_P256_SHA256)
    }

    /// With keys of this algorithm, the authority's too.
    pub fn of_one_algorithm(algorithm: &'static rcgen::SignatureAlgorithm) -> Self {
        let authority = authority::root_with(&authority_name(), algorithm);
        Self::issued_by(&authority, rcgen::KeyPair::generate_for(algorithm).unwrap())
    }

    /// With this server key.
    pub fn with_key(key: rcgen::KeyPair) -> Self {
        Self::issued_by(&authority::root(&authority_name()), key)
    }

    /// With a P-256 server key, and a certificate for these names.
    pub fn with_names(names: Vec<String>) -> Self {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        Self::issued_for(names, &authority::root(&authority_name()), key)
    }

    /// The same with a certificate that is valid from the first day of a year until that of another.
    pub fn valid_in_years(names: Vec<String>, from: i32, until: i32) -> Self {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        Self::issued_with(params, &authority::root(&authority_name()), key)
    }

    fn issued_by(authority: &authority::Authority, key: rcgen::KeyPair) -> Self {
        let names = vec![NAME.into(), "localhost".into(), "127.0.0.1".into()];
        Self::issued_for(names, authority, key)
    }

    fn issued_for(
        names: Vec<String>,
        authority: &authority::Authority,
        key: rcgen::KeyPair,
    ) -> Self {
        Self::issued_with(rcgen::CertificateParams::new(names).unwrap(), authority, key)
    }

    fn issued_with(
        params: rcgen::CertificateParams,
        authority: &authority::Authority,
        key: rcgen::KeyPair,
    ) -> Self {
        let certificate = params.signed_by(&key, authority).unwrap();
        Self {
            anchor: authority.der().clone(),
            chain: vec![certificate.der().clone()],
            key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        }
    }

    /// The same once more.
    pub fn copy(&self) -> Self {
        let (anchor, chain) = (self.anchor.clone(), self.chain.clone());
        Self { anchor, chain, key: self.key.clone_key() }
    }

    pub fn anchors(&self) -> TrustAnchors {
        let mut anchors = TrustAnchors::new();
        anchors.add(self.anchor.clone()).unwrap();
        anchors
    }

    pub fn certified_key(&self) -> CertifiedKey {
        CertifiedKey::from_der(self.chain.clone(), &self.key).unwrap()
    }

    pub fn client_config(&self) -> Arc<ClientConfig> {
        Arc::new(ClientConfig::new(self.anchors()).unwrap())
    }

    pub fn server_config(&self) -> Arc<ServerConfig> {
        Arc::new(ServerConfig::new(self.certified_key()).unwrap())
    }

    /// A client and a server before their handshake.
    pub fn connections(&self) -> (ClientConnection, ServerConnection) {
        let client = ClientConnection::new(self.client_config(), server_name());
        (client, ServerConnection::new(self.server_config()))
    }
}

/// Each authority has a name of its own, so that one is unknown where another is trusted.
fn authority_name() -> String {
    static AUTHORITIES: AtomicUsize = AtomicUsize::new(0);
    format!("test authority {}", AUTHORITIES.fetch_add(1, Ordering::Relaxed))
}

/// The server's name as a type.
pub fn server_name() -> ServerName<'static> {
    ServerName::try_from(NAME).unwrap()
}

/// Answers the question that is open on this connection.
pub fn answer(connection: &mut Connection, answer: Answer) -> Result<(), Error> {
    let number = connection.question_number().expect("a question is open");
    connection.answer(number, answer)
}

pub fn take_outgoing(from: &mut Connection) -> Vec<u8> {
    let bytes = from.outgoing().to_vec();
    from.sent(bytes.len());
    bytes
}

/// Gives `to` all that `from` has to send, which is whole records, and returns the application data
/// in it.
pub fn deliver_outgoing(from: &mut Connection, to: &mut Connection) -> Result<Vec<u8>, Error> {
    let mut bytes = take_outgoing(from);
    let (mut start, mut data) = (0, Vec::new());
    while start < bytes.len() {
        let (consumed, received) = to.receive(&mut bytes[start..])?;
        assert!(consumed > 0, "{received:?}");
        match received {
            Received::Data(part) => data.extend_from_slice(part),
            Received::Handled | Received::Closed => {}
            other => panic!("{other:?}"),
        }
        start += consumed;
    }
    Ok(data)
}

/// A provider with one suite, by its place in the default provider's list, and one classical group, by
/// its place among x25519, secp256r1 and secp384r1.
pub fn narrow_provider(suite: usize, group: usize) -> CryptoProvider {
    const GROUPS: [NamedGroup; 3] =
        [NamedGroup::X25519, NamedGroup::SECP256R1, NamedGroup::SECP384R1];
    let mut provider = CryptoProvider::default();
    provider.cipher_suites = vec![provider.cipher_suites.swap_remove(suite)];
    provider.groups.retain(|group_of_all| group_of_all.name() == GROUPS[group]);
    provider
}
