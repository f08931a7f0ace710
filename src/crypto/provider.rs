use core::fmt;
use std::sync::Arc;

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
use super::NoPrivateKeys;
use super::{
    Aead, Hash, KeyExchangeGroup, KeyProvider, SecureRandom, SignatureAlgorithms, StaticOrArc,
};
use crate::registry::{CipherSuiteId, NamedGroup};

/// What an implementation of the primitives offers, each list in order of preference.
///
/// A configuration refuses at build time what its provider lacks, so that nothing is missing in
/// the middle of a handshake. What a primitive returns is checked where it is used: zeros in the
/// place of randomness or of a secret, and wrong lengths, end the connection with a
/// [`ProviderFault`](super::ProviderFault).
///
/// A provider fills this struct, and those in it, with a literal. A new field is a breaking change on
/// purpose: each provider has to say what it has there. The example `custom-provider/` of the repository is
/// a small provider over the crates of RustCrypto.
#[derive(Clone)]
pub struct CryptoProvider {
    /// Cipher suites, the preferred one first. Each secret of a connection has the reference to its
    /// suite.
    pub cipher_suites: Vec<StaticOrArc<CipherSuite>>,
    /// Key exchange groups, the preferred one first. A client sends a share for the
    /// first, and for its classical group if it is a hybrid, unless its configuration names others.
    pub groups: Vec<Arc<dyn KeyExchangeGroup>>,
    /// Signature verification, in handshakes and in certificates.
    pub signatures: SignatureAlgorithms,
    /// Loads private keys.
    pub key_provider: Arc<dyn KeyProvider>,
    /// SHA-256, whether or not a suite has it: for pins, for digests in sessions and in registers of
    /// 0-RTT data, and for the default cookies and tickets.
    pub sha256: StaticOrArc<dyn Hash>,
    /// AES-256-GCM, whether or not a suite has it: for the tickets of
    /// [`TicketKeys`](crate::session::TicketKeys). Servers that share ticket keys must have the same
    /// one.
    pub ticket_aead: StaticOrArc<dyn Aead>,
    /// The source of the randomness that messages, tickets and cookies contain. Key pairs and signatures
    /// have their own: see [`KeyExchangeGroup::start`].
    pub random: Arc<dyn SecureRandom>,
}

impl CryptoProvider {
    /// Everything that `ring` offers for TLS 1.3: three suites, x25519, secp256r1 and secp384r1,
    /// ECDSA, Ed25519 and RSA. With the feature `ml-kem`, the hybrids of these groups come first.
    #[cfg(feature = "ring")]
    pub fn ring() -> Self {
        super::ring::provider(Arc::new(super::ring::RingKeyProvider))
    }

    /// Everything that AWS-LC offers for TLS 1.3: three suites, x25519, secp256r1, secp384r1, secp521r1
    /// and ML-KEM, ECDSA, Ed25519, RSA and ML-DSA, and its hybrids first.
    #[cfg(feature = "aws-lc-rs")]
    pub fn aws_lc_rs() -> Self {
        super::aws_lc_rs::provider(Arc::new(super::aws_lc_rs::AwsLcKeyProvider))
    }

    /// The default provider, but it loads no private keys: for clients that show no certificate of their
    /// own. The linker leaves the code that reads private keys and signs with them out of a program that
    /// uses no other provider.
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn without_private_keys() -> Self {
        #[cfg(feature = "ring")]
        return super::ring::provider(Arc::new(NoPrivateKeys));
        #[cfg(not(feature = "ring"))]
        return super::aws_lc_rs::provider(Arc::new(NoPrivateKeys));
    }

    /// The suite with this code point, if the provider has it.
    pub fn cipher_suite(&self, id: CipherSuiteId) -> Option<&StaticOrArc<CipherSuite>> {
        self.cipher_suites.iter().find(|suite| suite.id == id)
    }

    /// The group with this code point, if the provider has it.
    pub fn group(&self, name: NamedGroup) -> Option<&Arc<dyn KeyExchangeGroup>> {
        self.groups.iter().find(|group| group.name() == name)
    }
}

/// `CryptoProvider::ring()` with the feature `ring`, or else `CryptoProvider::aws_lc_rs()`. Functions
/// that take no provider use it.
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
impl Default for CryptoProvider {
    fn default() -> Self {
        #[cfg(feature = "ring")]
        return Self::ring();
        #[cfg(not(feature = "ring"))]
        return Self::aws_lc_rs();
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
#[derive(Clone)]
pub struct CipherSuite {
    /// The code point on the wire.
    pub id: CipherSuiteId,
    /// The hash of the transcript and of HKDF.
    pub hash: StaticOrArc<dyn Hash>,
    /// The AEAD that protects records.
    pub aead: StaticOrArc<dyn Aead>,
}

impl fmt::Debug for CipherSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id)
    }
}
