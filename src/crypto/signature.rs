use core::fmt;
use std::sync::Arc;

use pki_types::{PrivateKeyDer, SignatureVerificationAlgorithm};

use super::{CryptoError, KeyError, StaticOrArc};
use crate::certificate::Digests;
use crate::registry::SignatureScheme;

/// A private key that signs a CertificateVerify. It may be anywhere: in memory, or behind another
/// process or device. In the latter case, answer the signing question later.
pub trait SigningKey: Send + Sync + fmt::Debug {
    /// The schemes that this key can sign with, the preferred one first.
    fn schemes(&self) -> &[SignatureScheme];

    /// Signs `message` (not its hash) with `scheme`, which is one of [`SigningKey::schemes`].
    ///
    /// # Errors
    /// When the key cannot sign with this scheme, or its device fails.
    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError>;

    /// The public half as the DER of a SubjectPublicKeyInfo, where it is known: it lets a
    /// configuration refuse a certificate that belongs to another key.
    fn public_key(&self) -> Option<Vec<u8>> {
        None
    }
}

/// Loads private keys for a provider that signs with them.
pub trait KeyProvider: Send + Sync + fmt::Debug {
    /// Loads a private key: PKCS#8, SEC1 or PKCS#1.
    ///
    /// `public_keys` are the keys of the certificates that come with it, each the DER of a
    /// SubjectPublicKeyInfo. They may be none. An EC key without a public half of its own gets it from
    /// the one that belongs to it.
    ///
    /// # Errors
    /// When the key is malformed, encrypted, or of a kind or size that the provider does not sign with.
    /// [`KeyError::NoPublicKey`] where the key has no public half of its own, and none of
    /// `public_keys` belongs to it.
    fn load_private_key(
        &self,
        key: &PrivateKeyDer<'_>,
        public_keys: &[&[u8]],
    ) -> Result<Arc<dyn SigningKey>, KeyError>;
}

/// Loads no private key: for a provider that only verifies, such as
/// [`CryptoProvider::without_private_keys`](super::CryptoProvider::without_private_keys). It refuses every
/// key with [`KeyError::NoPrivateKeys`].
#[derive(Clone, Copy, Debug)]
pub struct NoPrivateKeys;

impl KeyProvider for NoPrivateKeys {
    fn load_private_key(
        &self,
        _key: &PrivateKeyDer<'_>,
        _public_keys: &[&[u8]],
    ) -> Result<Arc<dyn SigningKey>, KeyError> {
        Err(KeyError::NoPrivateKeys)
    }
}

/// Loads a private key with the default provider: see [`KeyProvider::load_private_key`].
///
/// # Errors
/// When the key is malformed, encrypted, or of another kind or size than the provider signs with; and
/// when it is an EC key without its public half.
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub fn signing_key(key: &PrivateKeyDer<'_>) -> Result<Arc<dyn SigningKey>, KeyError> {
    super::CryptoProvider::default().key_provider.load_private_key(key, &[])
}

/// The signature algorithms that a provider can verify.
///
/// The algorithms are those of the `rustls-pki-types` trait, so that implementations made for the
/// ecosystem fit.
#[derive(Clone, Debug)]
pub struct SignatureAlgorithms {
    /// Every algorithm: signatures in certificates are verified with them.
    pub all: Vec<StaticOrArc<dyn SignatureVerificationAlgorithm>>,
    /// The schemes, in order of preference, and the algorithms of each.
    pub by_scheme: Vec<SchemeAlgorithms>,
    /// The hashes that OCSP responses name issuers with (RFC 6960, section 4.1.1). They are functions, and
    /// can hold nothing: see [`Digests`].
    pub digests: Digests,
}

/// A signature scheme, and the algorithms that can verify its signatures.
#[derive(Clone, Debug)]
pub struct SchemeAlgorithms {
    /// The scheme (RFC 9846, section 4.3.3).
    pub scheme: SignatureScheme,
    /// The algorithms. ECDSA in TLS 1.3 binds the curve to the scheme, so a scheme for handshakes has
    /// only the algorithm of its curve.
    pub algorithms: Vec<StaticOrArc<dyn SignatureVerificationAlgorithm>>,
}

impl SignatureAlgorithms {
    /// The schemes, the preferred one first.
    pub fn schemes(&self) -> impl Iterator<Item = SignatureScheme> + '_ {
        self.by_scheme.iter().map(|row| row.scheme)
    }

    /// Every algorithm, as [`ChainRequest`](crate::certificate::ChainRequest) takes them.
    pub fn for_certificates(&self) -> impl Iterator<Item = &dyn SignatureVerificationAlgorithm> {
        self.all.iter().map(|algorithm| &**algorithm)
    }

    /// The algorithms behind `scheme`; none when the provider lacks it.
    pub fn for_scheme(
        &self,
        scheme: SignatureScheme,
    ) -> impl Iterator<Item = &dyn SignatureVerificationAlgorithm> {
        let row = self.by_scheme.iter().find(|row| row.scheme == scheme);
        let algorithms = row.map_or(&[][..], |row| &row.algorithms);
        algorithms.iter().map(|algorithm| &**algorithm)
    }
}
