//! The seam to cryptographic primitives.
//!
//! The protocol above this module never names a crate of primitives: it uses the traits here.
//! [`CryptoProvider`] lists what an implementation offers, in order of preference. Another provider
//! (an HSM's, a device's, a replay of recorded keys) implements the traits and changes nothing else. The
//! folder `custom-provider/` of the repository is one in 270 lines, over crates of RustCrypto.
//!
//! Two providers come with this crate: `CryptoProvider::ring()`, with the feature `ring`, which is on
//! by default, and `CryptoProvider::aws_lc_rs()`, with the feature `aws-lc-rs`. Functions that take no
//! provider, such as [`CertifiedKey::from_der`](crate::credential::CertifiedKey), use the default one,
//! and exist only with one of these features; each has a sibling that takes a provider. The default
//! is `ring` if both are there.

mod aead;
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
mod aead_limits;
#[cfg(feature = "aws-lc-rs")]
pub mod aws_lc_rs;
mod hash;
mod hkdf;
mod hmac;
pub mod hybrid;
mod key_error;
mod key_exchange;
mod key_exchange_checks;
#[cfg(feature = "libcrux")]
pub mod libcrux;
#[cfg(feature = "ml-kem")]
pub mod ml_kem;
#[cfg(all(test, any(feature = "libcrux", feature = "ml-kem")))]
mod ml_kem_tests;
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
mod overwritten;
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
mod private_key;
mod provider;
mod provider_error;
pub(crate) mod provider_fault;
mod random;
#[cfg(feature = "ring")]
pub mod ring;
mod secret;
mod signature;
mod static_or_arc;
#[cfg(all(test, any(feature = "ring", feature = "aws-lc-rs")))]
pub(crate) mod tests;

pub(crate) use aead::nonce;
pub use aead::{
    Aead, AeadKey, CustomAeadKey, CustomHeaderProtectionKey, HEADER_MASK_LENGTH,
    HEADER_SAMPLE_LENGTH, HeaderProtectionKey, KeyLimits, NONCE_LENGTH, TAG_LENGTH,
};
pub use hash::{CustomHashContext, Hash, HashAlgorithm, HashContext};
pub(crate) use hkdf::{HKDF_STACK_DEPTH, Info, expand, expand_block};
pub use hkdf::{hkdf_expand, hkdf_expand_with_key, hkdf_prepare_key};
pub use hmac::{CustomHmacKey, HmacKey};
pub use key_error::KeyError;
pub use key_exchange::{
    ActiveKeyExchange, CompletedKeyExchange, KeyExchangeError, KeyExchangeGroup,
};
pub use provider::{CipherSuite, CryptoProvider};
pub(crate) use provider_error::ProviderError;
pub use provider_error::ProviderFault;
pub use random::{SecureRandom, SystemRandom};
pub use secret::{Digest, MAX_HASH_LENGTH, Secret, SharedSecret};
pub(crate) use secret::{stack_depth, wipe_stack, with_stack_wiped};
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub use signature::signing_key;
pub use signature::{
    KeyProvider, NoPrivateKeys, SchemeAlgorithms, SignatureAlgorithms, SigningKey,
};
pub use static_or_arc::StaticOrArc;

/// A primitive failed. It has no more words on purpose: either the caller knows what it asked for, or
/// the reason is nothing that a peer or a log should learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cryptographic operation failed")]
pub struct CryptoError;
