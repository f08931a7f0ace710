//! An example of a crypto provider that is not built in: the smallest one with which a client and a server
//! work. It has one of each primitive, and takes them from crates of RustCrypto and `dalek`.
//!
//! [`provider`] lists the parts. Each part implements one trait of [`handclasp::crypto`]; read them in this
//! order: [`Hash`], [`Aead`], [`KeyExchangeGroup`], [`SignatureVerificationAlgorithm`], [`SigningKey`]. HKDF,
//! the key schedule and the records are handclasp's own, over these traits.
//!
//! No function panics, and a primitive that fails returns [`CryptoError`]. handclasp checks what a provider
//! returns (lengths, zeros), but it cannot check that a hash is a good hash.

use std::sync::Arc;

use chacha20poly1305::aead::AeadInPlace as _;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _};
use handclasp::certificate::Digests;
use handclasp::crypto::{
    ActiveKeyExchange, Aead, AeadKey, CipherSuite, CryptoError, CryptoProvider, CustomAeadKey,
    CustomHashContext, CustomHmacKey, Digest, Hash, HashAlgorithm, HashContext, HmacKey, KeyError,
    KeyExchangeError, KeyExchangeGroup, KeyProvider, NONCE_LENGTH, SchemeAlgorithms, Secret,
    SecureRandom, SharedSecret, SignatureAlgorithms, SigningKey, StaticOrArc, SystemRandom,
    TAG_LENGTH,
};
use handclasp::pki_types::{
    AlgorithmIdentifier, InvalidSignature, PrivateKeyDer, SignatureVerificationAlgorithm, alg_id,
};
use handclasp::registry::{CipherSuiteId, NamedGroup, SignatureScheme};
use hmac::{Hmac, Mac};
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{DerSignature, SigningKey as P256SigningKey, VerifyingKey};
use p256::pkcs8::{DecodePrivateKey as _, EncodePublicKey as _};
use sha2::Digest as _;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

/// TLS_CHACHA20_POLY1305_SHA256, x25519, and ECDSA on P-256 with SHA-256.
pub fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![
            CipherSuite {
                id: CipherSuiteId::TLS_CHACHA20_POLY1305_SHA256,
                hash: StaticOrArc::Static(&Sha256),
                aead: StaticOrArc::Static(&ChaCha20),
            }
            .into(),
        ],
        groups: vec![Arc::new(X25519)],
        signatures: SignatureAlgorithms {
            all: vec![StaticOrArc::Static(&EcdsaP256Sha256)],
            by_scheme: vec![SchemeAlgorithms {
                scheme: SignatureScheme::ECDSA_SECP256R1_SHA256,
                algorithms: vec![StaticOrArc::Static(&EcdsaP256Sha256)],
            }],
            digests: Digests {
                sha1: |data| sha1::Sha1::digest(data).into(),
                sha256: |data| sha2::Sha256::digest(data).into(),
                sha384: |data| sha2::Sha384::digest(data).into(),
                sha512: |data| sha2::Sha512::digest(data).into(),
            },
        },
        key_provider: Arc::new(P256Keys),
        sha256: StaticOrArc::Static(&Sha256),
        // AES-256-GCM where a provider has it: servers that share ticket keys must have the same AEAD.
        ticket_aead: StaticOrArc::Static(&ChaCha20),
        // The operating system's. A device with a generator of its own implements `SecureRandom`.
        random: Arc::new(SystemRandom),
    }
}

/// SHA-256, and HMAC with it.
struct Sha256;

impl Hash for Sha256 {
    fn algorithm(&self) -> HashAlgorithm {
        HashAlgorithm::Sha256
    }

    fn output_length(&self) -> usize {
        32
    }

    fn start(&self) -> HashContext {
        HashContext::custom(Box::new(Sha256Context(sha2::Sha256::new())))
    }

    fn digest(&self, data: &[u8]) -> Digest {
        Digest::new(&sha2::Sha256::digest(data))
    }

    fn hmac_key(&self, key: &[u8]) -> HmacKey {
        let key = <Hmac<sha2::Sha256> as Mac>::new_from_slice(key).ok();
        HmacKey::custom(Box::new(HmacSha256(key)))
    }
}

struct Sha256Context(sha2::Sha256);

impl CustomHashContext for Sha256Context {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn fork(&self) -> Box<dyn CustomHashContext> {
        Box::new(Self(self.0.clone()))
    }

    fn current(&self) -> Digest {
        Digest::new(&self.0.clone().finalize())
    }
}

/// `None` where the crate did not accept the key. HMAC accepts keys of any length.
struct HmacSha256(Option<Hmac<sha2::Sha256>>);

impl CustomHmacKey for HmacSha256 {
    fn sign(&self, data: &[&[u8]]) -> Result<Secret, CryptoError> {
        let mut mac = self.0.clone().ok_or(CryptoError)?;
        for part in data {
            mac.update(part);
        }
        Secret::new(&mac.finalize().into_bytes()).ok_or(CryptoError)
    }
}

/// ChaCha20-Poly1305 (RFC 8439).
struct ChaCha20;

impl Aead for ChaCha20 {
    fn key_length(&self) -> usize {
        32
    }

    fn key(&self, bytes: &[u8]) -> Result<AeadKey, CryptoError> {
        let key = ChaCha20Poly1305::new_from_slice(bytes).map_err(|_| CryptoError)?;
        Ok(AeadKey::custom(Box::new(ChaCha20Key(key))))
    }

    /// A sequence number ends before a key is used up (RFC 9846, section 5.5).
    fn confidentiality_limit(&self) -> u64 {
        u64::MAX
    }
}

/// The crate wipes the key when it is dropped.
struct ChaCha20Key(ChaCha20Poly1305);

impl CustomAeadKey for ChaCha20Key {
    fn seal(
        &self,
        nonce: [u8; NONCE_LENGTH],
        additional_data: &[u8],
        data: &mut [u8],
    ) -> Result<[u8; TAG_LENGTH], CryptoError> {
        let tag = self.0.encrypt_in_place_detached(&nonce.into(), additional_data, data);
        tag.map(Into::into).map_err(|_| CryptoError)
    }

    fn open<'a>(
        &self,
        nonce: [u8; NONCE_LENGTH],
        additional_data: &[u8],
        data: &'a mut [u8],
    ) -> Result<&'a mut [u8], CryptoError> {
        let length = data.len().checked_sub(TAG_LENGTH).ok_or(CryptoError)?;
        let (ciphertext, tag) = data.split_at_mut(length);
        let tag: [u8; TAG_LENGTH] = (&*tag).try_into().map_err(|_| CryptoError)?;
        self.0
            .decrypt_in_place_detached(&nonce.into(), additional_data, ciphertext, &tag.into())
            .map_err(|_| CryptoError)?;
        Ok(ciphertext)
    }
}

/// x25519 (RFC 7748). The default `respond` of the trait is the server's side of Diffie-Hellman.
#[derive(Debug)]
struct X25519;

impl KeyExchangeGroup for X25519 {
    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }

    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        // `StaticSecret::random` would panic without randomness.
        let mut bytes = Zeroizing::new([0; 32]);
        SystemRandom.fill(&mut *bytes)?;
        let secret = StaticSecret::from(*bytes);
        let share = PublicKey::from(&secret);
        Ok(Box::new(X25519Exchange { secret, share }))
    }
}

struct X25519Exchange {
    secret: StaticSecret,
    share: PublicKey,
}

impl ActiveKeyExchange for X25519Exchange {
    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }

    fn share(&self) -> &[u8] {
        self.share.as_bytes()
    }

    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<SharedSecret, KeyExchangeError> {
        let peer_share: [u8; 32] =
            peer_share.try_into().map_err(|_| KeyExchangeError::InvalidShare)?;
        let secret = self.secret.diffie_hellman(&PublicKey::from(peer_share));
        if !secret.was_contributory() {
            return Err(KeyExchangeError::InvalidShare);
        }
        Ok(SharedSecret::copied(secret.as_bytes()))
    }
}

/// ECDSA on P-256 with SHA-256, to verify handshakes and certificates.
#[derive(Debug)]
struct EcdsaP256Sha256;

impl SignatureVerificationAlgorithm for EcdsaP256Sha256 {
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P256
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_SHA256
    }

    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let public_key = VerifyingKey::from_sec1_bytes(public_key).map_err(|_| InvalidSignature)?;
        let signature = DerSignature::from_bytes(signature).map_err(|_| InvalidSignature)?;
        public_key.verify(message, &signature).map_err(|_| InvalidSignature)
    }
}

/// Loads keys on P-256 in the form of PKCS#8.
#[derive(Debug)]
struct P256Keys;

impl KeyProvider for P256Keys {
    fn load_private_key(
        &self,
        key: &PrivateKeyDer<'_>,
        _public_keys: &[&[u8]],
    ) -> Result<Arc<dyn SigningKey>, KeyError> {
        let PrivateKeyDer::Pkcs8(key) = key else {
            return Err(KeyError::Unsupported { kind: "not in the form of PKCS#8".to_owned() });
        };
        let key = P256SigningKey::from_pkcs8_der(key.secret_pkcs8_der())
            .map_err(|_| KeyError::Malformed("it is no key on P-256"))?;
        Ok(Arc::new(P256Key(key)))
    }
}

/// The crate wipes the key when it is dropped, and does not show it.
#[derive(Debug)]
struct P256Key(P256SigningKey);

impl SigningKey for P256Key {
    fn schemes(&self) -> &[SignatureScheme] {
        &[SignatureScheme::ECDSA_SECP256R1_SHA256]
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        if scheme != SignatureScheme::ECDSA_SECP256R1_SHA256 {
            return Err(CryptoError);
        }
        let signature: DerSignature = self.0.try_sign(message).map_err(|_| CryptoError)?;
        Ok(signature.as_bytes().to_vec())
    }

    fn public_key(&self) -> Option<Vec<u8>> {
        let public_key = p256::PublicKey::from(self.0.verifying_key());
        Some(public_key.to_public_key_der().ok()?.into_vec())
    }
}
