//! A provider with a handle, such as the session of a device, needs no statics and leaks nothing: the handle is
//! freed after the last configuration, connection and store that used it.

use core::fmt;
use std::sync::{Arc, Weak};

use handclasp::credential::{CertificateList, CertifiedKey};
use handclasp::crypto::{
    ActiveKeyExchange, Aead, AeadKey, CipherSuite, CompletedKeyExchange, CryptoError,
    CryptoProvider, CustomAeadKey, CustomHashContext, CustomHmacKey, Digest, Hash, HashAlgorithm,
    HashContext, HmacKey, KeyError, KeyExchangeError, KeyExchangeGroup, KeyProvider, NONCE_LENGTH,
    Secret, SecureRandom, SharedSecret, SigningKey, StaticOrArc, TAG_LENGTH,
};
use handclasp::key_schedule::PskKind;
use handclasp::pki_types::{
    AlgorithmIdentifier, InvalidSignature, PrivateKeyDer, SignatureVerificationAlgorithm,
};
use handclasp::registry::{NamedGroup, SignatureScheme};
use handclasp::session::{MemoryClientSessions, TicketKeys};
use handclasp::{ClientConfig, ServerConfig, TrustAnchors};
use handclasp_testing::sessions::{client, server_at, talk};
use handclasp_testing::{NAME, authority};

/// What all primitives of the provider need.
struct Handle;

/// A primitive of the default provider, or what it makes, with the handle.
struct Holding<T> {
    inner: T,
    handle: Arc<Handle>,
}

impl<T> Holding<T> {
    fn new(inner: T, handle: &Arc<Handle>) -> Self {
        Self { inner, handle: handle.clone() }
    }

    /// Something else that holds the handle.
    fn with<U>(&self, inner: U) -> Holding<U> {
        Holding::new(inner, &self.handle)
    }
}

impl<T> fmt::Debug for Holding<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Holding(..)")
    }
}

impl Hash for Holding<StaticOrArc<dyn Hash>> {
    fn algorithm(&self) -> HashAlgorithm {
        self.inner.algorithm()
    }

    fn output_length(&self) -> usize {
        self.inner.output_length()
    }

    fn start(&self) -> HashContext {
        HashContext::custom(Box::new(self.with(self.inner.start())))
    }

    fn digest(&self, data: &[u8]) -> Digest {
        self.inner.digest(data)
    }

    fn hmac_key(&self, key: &[u8]) -> HmacKey {
        HmacKey::custom(Box::new(self.with(self.inner.hmac_key(key))))
    }
}

impl CustomHashContext for Holding<HashContext> {
    fn update(&mut self, data: &[u8]) {
        self.inner.update(data);
    }

    fn fork(&self) -> Box<dyn CustomHashContext> {
        Box::new(self.with(self.inner.fork()))
    }

    fn current(&self) -> Digest {
        self.inner.current()
    }
}

impl CustomHmacKey for Holding<HmacKey> {
    fn sign(&self, data: &[&[u8]]) -> Result<Secret, CryptoError> {
        self.inner.sign(data)
    }
}

impl Aead for Holding<StaticOrArc<dyn Aead>> {
    fn key_length(&self) -> usize {
        self.inner.key_length()
    }

    fn key(&self, bytes: &[u8]) -> Result<AeadKey, CryptoError> {
        Ok(AeadKey::custom(Box::new(self.with(self.inner.key(bytes)?))))
    }

    fn confidentiality_limit(&self) -> u64 {
        self.inner.confidentiality_limit()
    }
}

impl CustomAeadKey for Holding<AeadKey> {
    fn seal(
        &self,
        nonce: [u8; NONCE_LENGTH],
        additional_data: &[u8],
        data: &mut [u8],
    ) -> Result<[u8; TAG_LENGTH], CryptoError> {
        self.inner.seal(nonce, additional_data, data)
    }

    fn open<'a>(
        &self,
        nonce: [u8; NONCE_LENGTH],
        additional_data: &[u8],
        data: &'a mut [u8],
    ) -> Result<&'a mut [u8], CryptoError> {
        self.inner.open(nonce, additional_data, data)
    }
}

impl KeyExchangeGroup for Holding<Arc<dyn KeyExchangeGroup>> {
    fn name(&self) -> NamedGroup {
        self.inner.name()
    }

    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        Ok(Box::new(self.with(self.inner.start()?)))
    }

    fn respond(&self, peer_share: &[u8]) -> Result<CompletedKeyExchange, KeyExchangeError> {
        self.inner.respond(peer_share)
    }
}

impl ActiveKeyExchange for Holding<Box<dyn ActiveKeyExchange>> {
    fn group(&self) -> NamedGroup {
        self.inner.group()
    }

    fn share(&self) -> &[u8] {
        self.inner.share()
    }

    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<SharedSecret, KeyExchangeError> {
        self.inner.complete(peer_share)
    }
}

impl SignatureVerificationAlgorithm for Holding<StaticOrArc<dyn SignatureVerificationAlgorithm>> {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        self.inner.verify_signature(public_key, message, signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.inner.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.inner.signature_alg_id()
    }
}

impl KeyProvider for Holding<Arc<dyn KeyProvider>> {
    fn load_private_key(
        &self,
        key: &PrivateKeyDer<'_>,
        public_keys: &[&[u8]],
    ) -> Result<Arc<dyn SigningKey>, KeyError> {
        Ok(Arc::new(self.with(self.inner.load_private_key(key, public_keys)?)))
    }
}

impl SigningKey for Holding<Arc<dyn SigningKey>> {
    fn schemes(&self) -> &[SignatureScheme] {
        self.inner.schemes()
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.inner.sign(scheme, message)
    }
}

impl SecureRandom for Holding<Arc<dyn SecureRandom>> {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        self.inner.fill(bytes)
    }
}

fn held_hash(hash: &StaticOrArc<dyn Hash>, handle: &Arc<Handle>) -> StaticOrArc<dyn Hash> {
    StaticOrArc::Arc(Arc::new(Holding::new(hash.clone(), handle)))
}

fn held_aead(aead: &StaticOrArc<dyn Aead>, handle: &Arc<Handle>) -> StaticOrArc<dyn Aead> {
    StaticOrArc::Arc(Arc::new(Holding::new(aead.clone(), handle)))
}

/// The default provider, each primitive with the handle.
fn provider(handle: &Arc<Handle>) -> CryptoProvider {
    let mut provider = CryptoProvider::default();
    for suite in &mut provider.cipher_suites {
        let hash = held_hash(&suite.hash, handle);
        let aead = held_aead(&suite.aead, handle);
        *suite = CipherSuite { id: suite.id, hash, aead }.into();
    }
    for group in &mut provider.groups {
        *group = Arc::new(Holding::new(group.clone(), handle));
    }
    let signatures = &mut provider.signatures;
    let of_schemes = signatures.by_scheme.iter_mut().flat_map(|row| &mut row.algorithms);
    for algorithm in of_schemes.chain(&mut signatures.all) {
        *algorithm = StaticOrArc::Arc(Arc::new(Holding::new(algorithm.clone(), handle)));
    }
    provider.key_provider = Arc::new(Holding::new(provider.key_provider, handle));
    provider.sha256 = held_hash(&provider.sha256, handle);
    provider.ticket_aead = held_aead(&provider.ticket_aead, handle);
    provider.random = Arc::new(Holding::new(provider.random, handle));
    provider
}

#[test]
fn the_last_user_of_a_provider_frees_its_handle() {
    let handle = Arc::new(Handle);
    let provider = provider(&handle);
    let observed: Weak<Handle> = Arc::downgrade(&handle);
    drop(handle);

    let root = authority::root("root");
    let key_pair = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec![NAME.to_owned()]).unwrap();
    let chain = vec![params.signed_by(&key_pair, &root).unwrap().der().clone()];
    let der = PrivateKeyDer::try_from(key_pair.serialize_der()).unwrap();
    let key = CertifiedKey::from_der_with_provider(chain, &der, &provider).unwrap();
    let certificates = Arc::new(CertificateList::new(vec![Arc::new(key)]));
    let tickets = Arc::new(TicketKeys::random_with_provider(&provider).unwrap());
    let server = ServerConfig::builder(provider.clone()).sessions(tickets);
    let server = Arc::new(server.build(certificates).unwrap());

    let store = Arc::new(MemoryClientSessions::new(4));
    let anchors = TrustAnchors::from_der(root.der()).unwrap();
    for kind in [None, Some(PskKind::Resumption)] {
        let builder = ClientConfig::builder(provider.clone()).sessions(store.clone());
        let mut client = client(builder.trust(anchors.clone()).unwrap(), 0);
        let mut server = server_at(&server, 0);
        talk(&mut client, &mut server).checked();
        assert_eq!(client.parameters().pre_shared_key, kind);
    }
    drop(provider);
    drop(store);
    assert!(observed.upgrade().is_some(), "the configuration of the server has it");
    drop(server);
    assert_eq!(observed.strong_count(), 0);
}
