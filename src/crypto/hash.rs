use core::fmt;

#[cfg(feature = "aws-lc-rs")]
use super::aws_lc_rs::AwsLcHashContext;
#[cfg(feature = "ring")]
use super::ring::RingHashContext;
use super::{Digest, HmacKey};

/// A hash function, and HMAC (RFC 2104) with it. HKDF (RFC 5869) is written once for all of them, over
/// [`HmacKey`]: see [`hkdf_expand`](super::hkdf_expand).
pub trait Hash: Send + Sync {
    /// Which hash it is: pre-shared keys are bound to one.
    fn algorithm(&self) -> HashAlgorithm;

    /// The length of the output in bytes: at most [`MAX_HASH_LENGTH`](super::MAX_HASH_LENGTH).
    fn output_length(&self) -> usize;

    /// Starts an incremental hash.
    fn start(&self) -> HashContext;

    /// The hash of `data`.
    fn digest(&self, data: &[u8]) -> Digest;

    /// Prepares a key for HMAC. HMAC accepts keys of any length, also an empty one. What depends on
    /// the key alone, two blocks of the hash, is computed here, once for all messages.
    fn hmac_key(&self, key: &[u8]) -> HmacKey;
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

impl HashAlgorithm {
    /// The length of the output in bytes.
    pub const fn output_length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }
}

/// An incremental hash.
///
/// The contexts of built-in providers are variants of a private enum: they need no allocation and no
/// dynamic dispatch. The context of another provider is a [`CustomHashContext`].
pub struct HashContext(HashContextKind);

#[allow(
    clippy::large_enum_variant,
    reason = "a context of a built-in provider needs no allocation"
)]
enum HashContextKind {
    #[cfg(feature = "ring")]
    Ring(RingHashContext),
    #[cfg(feature = "aws-lc-rs")]
    AwsLcRs(AwsLcHashContext),
    Custom(Box<dyn CustomHashContext>),
}

/// An incremental hash of a provider that is not built in.
pub trait CustomHashContext: Send + Sync {
    /// Adds bytes.
    fn update(&mut self, data: &[u8]);

    /// A second hash that goes on from the bytes so far.
    fn fork(&self) -> Box<dyn CustomHashContext>;

    /// The hash of the bytes so far; more may follow.
    fn current(&self) -> Digest;
}

impl HashContext {
    /// The context of a provider that is not built in.
    pub fn custom(context: Box<dyn CustomHashContext>) -> Self {
        Self(HashContextKind::Custom(context))
    }

    #[cfg(feature = "ring")]
    pub(super) fn ring(context: RingHashContext) -> Self {
        Self(HashContextKind::Ring(context))
    }

    #[cfg(feature = "aws-lc-rs")]
    pub(super) fn aws_lc_rs(context: AwsLcHashContext) -> Self {
        Self(HashContextKind::AwsLcRs(context))
    }

    /// Adds bytes.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.0 {
            #[cfg(feature = "ring")]
            HashContextKind::Ring(context) => context.update(data),
            #[cfg(feature = "aws-lc-rs")]
            HashContextKind::AwsLcRs(context) => context.update(data),
            HashContextKind::Custom(context) => context.update(data),
        }
    }

    /// A second hash that goes on from the bytes so far.
    pub fn fork(&self) -> Self {
        match &self.0 {
            #[cfg(feature = "ring")]
            HashContextKind::Ring(context) => Self::ring(context.fork()),
            #[cfg(feature = "aws-lc-rs")]
            HashContextKind::AwsLcRs(context) => Self::aws_lc_rs(context.fork()),
            HashContextKind::Custom(context) => Self::custom(context.fork()),
        }
    }

    /// The hash of the bytes so far; more may follow.
    pub fn current(&self) -> Digest {
        match &self.0 {
            #[cfg(feature = "ring")]
            HashContextKind::Ring(context) => context.current(),
            #[cfg(feature = "aws-lc-rs")]
            HashContextKind::AwsLcRs(context) => context.current(),
            HashContextKind::Custom(context) => context.current(),
        }
    }
}

impl fmt::Debug for HashContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashContext(..)")
    }
}
