use super::{CryptoError, Digest, Secret};

/// A hash function, with the HMAC and HKDF that are made of it (RFC 5869).
pub trait Hash: Send + Sync {
    /// Which hash it is: pre-shared keys are bound to one.
    fn algorithm(&self) -> HashAlgorithm;

    /// The length of the output in bytes: at most [`MAX_HASH_LENGTH`](super::MAX_HASH_LENGTH).
    fn output_length(&self) -> usize;

    /// Starts an incremental hash.
    fn start(&self) -> Box<dyn HashContext>;

    /// The hash of `data`.
    fn digest(&self, data: &[u8]) -> Digest;

    /// HMAC (RFC 2104) of the concatenation of `data` under `key`. HKDF-Extract is this, with the
    /// salt as the key.
    fn hmac(&self, key: &[u8], data: &[&[u8]]) -> Secret;

    /// HKDF-Expand (RFC 5869, section 2.3): fills `output` from `secret` and the concatenation of
    /// `info`.
    ///
    /// # Errors
    /// When `output` is longer than 255 hashes.
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

/// An incremental hash.
pub trait HashContext: Send + Sync {
    /// Adds bytes.
    fn update(&mut self, data: &[u8]);

    /// A second hash that goes on from the bytes so far.
    fn fork(&self) -> Box<dyn HashContext>;

    /// The hash of the bytes so far; more may follow.
    fn current(&self) -> Digest;
}
