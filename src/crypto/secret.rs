//! Bytes that must not leak: wiped on drop, compared in constant time, absent from Debug output.

use core::fmt;
use core::ops::Deref;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The longest hash output in bytes that the key schedule has room for (SHA-512's).
pub const MAX_HASH_LENGTH: usize = 64;

/// A secret of at most one hash in length: a stage of the key schedule, or a HMAC.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret {
    bytes: [u8; MAX_HASH_LENGTH],
    length: usize,
}

impl Secret {
    /// `length` zero bytes; at most [`MAX_HASH_LENGTH`], longer is cut to that.
    pub fn zeros(length: usize) -> Self {
        Self { bytes: [0; MAX_HASH_LENGTH], length: length.min(MAX_HASH_LENGTH) }
    }

    /// A copy of `bytes`, or `None` when they are longer than [`MAX_HASH_LENGTH`].
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mut secret = Self { bytes: [0; MAX_HASH_LENGTH], length: bytes.len() };
        secret.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(secret)
    }

    /// The bytes. Handle with care.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// The bytes, to be filled.
    pub fn as_mut_bytes(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.length).unwrap_or_default()
    }

    /// Compares with what a peer sent, in time that depends on the lengths only.
    pub fn verify(&self, received: &[u8]) -> bool {
        self.as_bytes().ct_eq(received).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.length)
    }
}

/// The result of a key exchange. Of any length: a hybrid's is longer than a hash.
#[derive(Clone)]
pub struct SharedSecret(Zeroizing<Vec<u8>>);

impl SharedSecret {
    /// Takes the bytes over; they are wiped on drop.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// What stands in the place of a key exchange where there is none: as many zeros as the
    /// suite's hash is long (RFC 9846, section 7.1).
    pub(crate) fn none(suite: &super::CipherSuite) -> Self {
        Self::new(vec![0; suite.hash.output_length()])
    }

    /// The bytes. Handle with care.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedSecret({} bytes)", self.0.len())
    }
}

/// The output of a hash: public, short, and on the stack.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    bytes: [u8; MAX_HASH_LENGTH],
    length: usize,
}

impl Digest {
    /// A copy of `bytes`; what is longer than [`MAX_HASH_LENGTH`] is cut, which no hash is.
    pub fn new(bytes: &[u8]) -> Self {
        let length = bytes.len().min(MAX_HASH_LENGTH);
        let mut digest = Self { bytes: [0; MAX_HASH_LENGTH], length };
        for (to, from) in digest.bytes.iter_mut().zip(bytes) {
            *to = *from;
        }
        digest
    }
}

impl Deref for Digest {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", hex::encode(&**self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_shows_no_secret_bytes() {
        let secret = Secret::new(&[0xab; 32]).unwrap();
        let shared = SharedSecret::new(vec![0xab; 32]);
        for shown in [format!("{secret:?}"), format!("{shared:?}")] {
            assert!(!shown.contains("ab") && !shown.contains("171"), "{shown}");
        }
    }

    #[test]
    fn comparison_needs_equal_length_and_bytes() {
        let secret = Secret::new(&[1, 2, 3]).unwrap();
        assert!(secret.verify(&[1, 2, 3]));
        assert!(!secret.verify(&[1, 2]));
        assert!(!secret.verify(&[1, 2, 4]));
        assert!(Secret::new(&[0; MAX_HASH_LENGTH + 1]).is_none());
    }
}
