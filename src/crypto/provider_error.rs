//! What a provider does wrong: it fails, or it returns what no working one returns.

use core::fmt;

use super::CryptoError;
use crate::registry::{NamedGroup, SignatureScheme};

/// A provider returned what no working one returns: see [`CryptoProvider`](super::CryptoProvider).
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderFault {
    /// [`SecureRandom::fill`](super::SecureRandom::fill) succeeded, and left 16 zeros in a row.
    #[error("its generator of randomness filled in zeros")]
    Random,
    /// The shared secret of this group is all zeros (RFC 9846, section 7.4.2).
    #[error("its shared secret of {0} is all zeros")]
    SharedSecretOfZeros(NamedGroup),
    /// The public share of this group is all zeros.
    #[error("its share of {0} is all zeros")]
    ShareOfZeros(NamedGroup),
    /// The HMAC under a key is all zeros.
    #[error("its HMAC is all zeros")]
    HmacOfZeros,
    /// What should be SHA-256 is another function.
    #[error("its SHA-256 is not SHA-256")]
    Sha256,
    /// The AEAD succeeded in sealing, and left 16 bytes of the plaintext as they were.
    #[error("its AEAD does not encrypt")]
    Unencrypted,
    /// This part has a length that it cannot have.
    #[error("its {what} has {length} bytes, which is wrong")]
    Length {
        /// What it is.
        what: &'static str,
        /// Its length in bytes.
        length: usize,
    },
    /// The signature has a length that no signature of this scheme has. The key that signed may be
    /// outside of the provider.
    #[error("its signature with {scheme} has {length} bytes, which is wrong")]
    Signature {
        /// The scheme.
        scheme: SignatureScheme,
        /// The length of the signature in bytes.
        length: usize,
    },
}

/// `Debug` prints the text of `Display`: a derived one would put the names of all variants into the program.
impl fmt::Debug for ProviderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProviderFault({self})")
    }
}

/// A primitive failed, or returned what it must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProviderError {
    Failed(CryptoError),
    Fault(ProviderFault),
}

impl From<CryptoError> for ProviderError {
    fn from(error: CryptoError) -> Self {
        Self::Failed(error)
    }
}

impl From<ProviderFault> for ProviderError {
    fn from(fault: ProviderFault) -> Self {
        Self::Fault(fault)
    }
}

/// For callers whose error has no reason.
impl From<ProviderError> for CryptoError {
    fn from(_: ProviderError) -> Self {
        Self
    }
}
