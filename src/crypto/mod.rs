//! The seam to cryptographic primitives.
//!
//! The protocol above this module never names a crate of primitives: it asks the traits here.
//! [`CryptoProvider`] says what an implementation offers, in order of preference;
//! [`CryptoProvider::ring`] is the one that comes with this crate. Another provider (an HSM's, a
//! post-quantum group, a replay of recorded keys) implements the traits and changes nothing else.

mod key_error;
pub(crate) mod provider_fault;
pub mod ring;
mod secret;

use core::fmt;
use std::sync::Arc;

use pki_types::SignatureVerificationAlgorithm;

use crate::registry::{CipherSuiteId, NamedGroup, SignatureScheme};

pub use key_error::KeyError;
pub(crate) use provider_fault::ProviderError;
pub use provider_fault::ProviderFault;
pub use ring::{signing_key, signing_key_of};
pub(crate) use secret::wipe_stack;
pub use secret::{Digest, MAX_HASH_LENGTH, Secret, SharedSecret};

/// The length in bytes of the nonce of every AEAD that TLS 1.3 uses (RFC 9846, section 5.3).
pub const NONCE_LENGTH: usize = 12;

/// The length in bytes of the tag of every AEAD that this crate supports.
pub const TAG_LENGTH: usize = 16;

/// A primitive failed. It never says more: why a key or a share was refused is either obvious to
/// the caller, which knows what it asked for, or nothing that should be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cryptographic operation failed")]
pub struct CryptoError;

/// What an implementation of the primitives offers, each list in order of preference.
///
/// A configuration refuses at build time what its provider lacks, so that nothing is missing in
/// the middle of a handshake. What a primitive returns is checked where it is used: zeros in the
/// place of randomness or of a secret, and wrong lengths, end the connection with a
/// [`ProviderFault`].
#[derive(Clone)]
pub struct CryptoProvider {
    /// Cipher suites, the preferred one first.
    pub cipher_suites: Vec<CipherSuite>,
    /// Key exchange groups, the preferred one first. A client sends a share for the first.
    pub groups: Vec<Arc<dyn KeyExchangeGroup>>,
    /// Signature verification, in handshakes and in certificates.
    pub signatures: SignatureAlgorithms,
    /// The source of all randomness of the handshake.
    pub random: Arc<dyn SecureRandom>,
}

impl CryptoProvider {
    /// Everything that `ring` offers for TLS 1.3: three suites, x25519, secp256r1 and secp384r1,
    /// ECDSA, Ed25519 and RSA.
    pub fn ring() -> Self {
        ring::provider()
    }

    /// The suite with this code point, if the provider has it.
    pub fn cipher_suite(&self, id: CipherSuiteId) -> Option<&CipherSuite> {
        self.cipher_suites.iter().find(|suite| suite.id == id)
    }

    /// The group with this code point, if the provider has it.
    pub fn group(&self, name: NamedGroup) -> Option<&Arc<dyn KeyExchangeGroup>> {
        self.groups.iter().find(|group| group.name() == name)
    }
}

impl fmt::Debug for CryptoProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CryptoProvider")
            .field("cipher_suites", &self.cipher_suites)
            .field("groups", &self.groups)
            .finish_non_exhaustive()
    }
}

/// A cipher suite: an AEAD for records and a hash for the key schedule (section B.4).
#[derive(Clone, Copy)]
pub struct CipherSuite {
    /// The code point on the wire.
    pub id: CipherSuiteId,
    /// The hash of the transcript and of HKDF.
    pub hash: &'static dyn Hash,
    /// The AEAD that protects records.
    pub aead: &'static dyn Aead,
}

impl fmt::Debug for CipherSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id)
    }
}

/// A hash function, with the HMAC and HKDF that are made of it (RFC 5869).
pub trait Hash: Send + Sync {
    /// Which hash it is: pre-shared keys are bound to one.
    fn algorithm(&self) -> HashAlgorithm;

    /// The length of the output in bytes: at most [`MAX_HASH_LENGTH`].
    fn output_length(&self) -> usize;

    /// Starts an incremental hash.
    fn start(&self) -> Box<dyn HashContext>;

    /// The hash of `data`.
    fn digest(&self, data: &[u8]) -> Digest;

    /// HMAC (RFC 2104) of the concatenation of `data` under `key`. HKDF-Extract is this, with the
    /// salt as the key.
    fn hmac(&self, key: &[u8], data: &[&[u8]]) -> Secret;

    /// HKDF-Expand (RFC 5869, section 2.3): fills `output` from `secret` and the concatenation of
    /// `info`. Fails when `output` is longer than 255 hashes.
    fn expand(&self, secret: &[u8], info: &[&[u8]], output: &mut [u8]) -> Result<(), CryptoError>;
}

/// The hashes of TLS 1.3's suites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HashAlgorithm {
    /// SHA-256: 32 bytes.
    Sha256,
    /// SHA-384: 48 bytes.
    Sha384,
}

/// A hash under way.
pub trait HashContext: Send + Sync {
    /// Adds bytes.
    fn update(&mut self, data: &[u8]);

    /// A second hash that goes on from the bytes so far.
    fn fork(&self) -> Box<dyn HashContext>;

    /// The hash of the bytes so far; more may follow.
    fn current(&self) -> Digest;
}

/// An authenticated cipher (RFC 5116) with 12-byte nonces and 16-byte tags.
pub trait Aead: Send + Sync {
    /// The length of a key in bytes.
    fn key_length(&self) -> usize;

    /// Makes a key of `bytes`, which must be [`Aead::key_length`] long.
    fn key(&self, bytes: &[u8]) -> Result<AeadKey, CryptoError>;

    /// How many records one key may protect before its sender must have changed it (section 5.5).
    fn confidentiality_limit(&self) -> u64;
}

/// The key of an [`Aead`]: an enum and not a trait object, so that the default provider's records
/// are sealed and opened without dynamic dispatch.
#[allow(clippy::large_enum_variant, reason = "the key stands inline in the connection on purpose")]
pub enum AeadKey {
    /// A key of `ring`.
    Ring(::ring::aead::LessSafeKey),
    /// A key of another provider.
    Other(Box<dyn OtherAeadKey>),
}

/// What a provider other than `ring` implements for its AEAD keys.
pub trait OtherAeadKey: Send + Sync {
    /// Encrypts `data` in place and returns the tag.
    fn seal(
        &self,
        nonce: [u8; NONCE_LENGTH],
        additional_data: &[u8],
        data: &mut [u8],
    ) -> Result<[u8; TAG_LENGTH], CryptoError>;

    /// Decrypts `data`, whose last [`TAG_LENGTH`] bytes are the tag, in place, and returns the
    /// plaintext. On failure what stands in `data` is of no use.
    fn open<'a>(
        &self,
        nonce: [u8; NONCE_LENGTH],
        additional_data: &[u8],
        data: &'a mut [u8],
    ) -> Result<&'a mut [u8], CryptoError>;
}

impl fmt::Debug for AeadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AeadKey(..)")
    }
}

/// A key exchange group: (EC)DHE or a KEM (section 7.4).
pub trait KeyExchangeGroup: Send + Sync + fmt::Debug {
    /// The code point on the wire.
    fn name(&self) -> NamedGroup;

    /// The initiator's (client's) side: a fresh key pair. Key pairs are never used twice
    /// (RFC 9846, section 4.3.8).
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, CryptoError>;

    /// The responder's (server's) side: takes the peer's share, and returns the own share and the
    /// secret. The default suits Diffie-Hellman; a KEM encapsulates instead.
    fn respond(&self, peer_share: &[u8]) -> Result<(Vec<u8>, SharedSecret), CryptoError> {
        let exchange = self.start()?;
        let share = exchange.share().to_vec();
        Ok((share, exchange.complete(peer_share)?))
    }
}

/// A key exchange that has sent its share and waits for the peer's.
pub trait ActiveKeyExchange: Send + Sync {
    /// The share to send.
    fn share(&self) -> &[u8];

    /// Takes the peer's share and returns the secret. Fails for a share that is no valid public
    /// key of the group, or that leads to a secret of zeros (section 7.4.2).
    fn complete(self: Box<Self>, peer_share: &[u8]) -> Result<SharedSecret, CryptoError>;
}

/// A private key that signs a CertificateVerify. It may live anywhere: in memory, or behind
/// another process or device (answer the signing question later, then).
pub trait SigningKey: Send + Sync + fmt::Debug {
    /// The schemes that this key can sign with, the preferred one first.
    fn schemes(&self) -> &[SignatureScheme];

    /// Signs `message` (not its hash) with `scheme`, which is one of [`SigningKey::schemes`].
    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError>;

    /// The public half as the DER of a SubjectPublicKeyInfo, where it is known: it lets a
    /// configuration refuse a certificate that belongs to another key.
    fn public_key(&self) -> Option<Vec<u8>> {
        None
    }
}

/// The signature algorithms that a provider can verify.
///
/// The algorithms are those of the `rustls-pki-types` trait, so that implementations made for the
/// ecosystem fit.
#[derive(Clone, Debug)]
pub struct SignatureAlgorithms {
    /// Every algorithm: what signatures in certificates are verified with.
    pub all: Vec<&'static dyn SignatureVerificationAlgorithm>,
    /// For each scheme, in order of preference, the algorithms that may stand behind it. ECDSA in
    /// TLS 1.3 binds the curve to the scheme, so each handshake scheme has the one of its curve.
    pub by_scheme: Vec<(SignatureScheme, Vec<&'static dyn SignatureVerificationAlgorithm>)>,
}

impl SignatureAlgorithms {
    /// The schemes, the preferred one first.
    pub fn schemes(&self) -> impl Iterator<Item = SignatureScheme> + '_ {
        self.by_scheme.iter().map(|(scheme, _)| *scheme)
    }

    /// The algorithms behind `scheme`; none when the provider lacks it.
    pub fn for_scheme(
        &self,
        scheme: SignatureScheme,
    ) -> &[&'static dyn SignatureVerificationAlgorithm] {
        self.by_scheme
            .iter()
            .find(|(candidate, _)| *candidate == scheme)
            .map_or(&[], |(_, algorithms)| algorithms.as_slice())
    }
}

/// A cryptographically secure source of random bytes.
pub trait SecureRandom: Send + Sync + fmt::Debug {
    /// Fills `bytes`, or fails and the handshake with it.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), CryptoError>;
}

impl AeadKey {
    /// Encrypts `data` in place and returns the tag.
    pub fn seal(
        &self,
        nonce: [u8; NONCE_LENGTH],
        additional_data: &[u8],
        data: &mut [u8],
    ) -> Result<[u8; TAG_LENGTH], CryptoError> {
        match self {
            Self::Ring(key) => ring::seal(key, nonce, additional_data, data),
            Self::Other(key) => key.seal(nonce, additional_data, data),
        }
    }

    /// Decrypts `data`, whose last [`TAG_LENGTH`] bytes are the tag, in place.
    pub fn open<'a>(
        &self,
        nonce: [u8; NONCE_LENGTH],
        additional_data: &[u8],
        data: &'a mut [u8],
    ) -> Result<&'a mut [u8], CryptoError> {
        match self {
            Self::Ring(key) => ring::open(key, nonce, additional_data, data),
            Self::Other(key) => key.open(nonce, additional_data, data),
        }
    }
}
