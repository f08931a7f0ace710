use crate::certificate::der::{self, INTEGER, Reader, SEQUENCE};
use crate::crypto::private_key::UNCOMPRESSED;

/// The one form of a public key in TLS: of a share (RFC 9846, section 4.3.8.2), and of a key in a
/// SubjectPublicKeyInfo. Lengths are in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum KeyForm {
    Raw(usize),
    /// A point that is not compressed.
    Point(usize),
    /// RSAPublicKey (RFC 8017, appendix A.1.1).
    Rsa,
}

impl KeyForm {
    /// AWS-LC also accepts compressed points, and keys with the header of a SubjectPublicKeyInfo.
    pub(super) fn fits(self, key: &[u8]) -> bool {
        match self {
            Self::Raw(length) => key.len() == length,
            Self::Point(length) => key.len() == length && key.starts_with(&[UNCOMPRESSED]),
            Self::Rsa => {
                let numbers = der::only(key, SEQUENCE);
                numbers.is_some_and(|numbers| Reader(numbers).take(INTEGER).is_some())
            }
        }
    }
}
