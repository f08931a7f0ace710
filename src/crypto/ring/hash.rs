use ring::{digest, hmac};

use crate::crypto::overwritten::{Overwritten, words_of};
use crate::crypto::{CryptoError, Digest, Hash, HashAlgorithm, HashContext, HmacKey, Secret};

/// SHA-256.
pub static SHA256: RingHash =
    RingHash { algorithm: HashAlgorithm::Sha256, digest: &digest::SHA256, hmac: hmac::HMAC_SHA256 };

/// SHA-384.
pub static SHA384: RingHash =
    RingHash { algorithm: HashAlgorithm::Sha384, digest: &digest::SHA384, hmac: hmac::HMAC_SHA384 };

/// SHA-1, for names of certificates in OCSP only: it proves nothing any more.
pub fn sha1(data: &[u8]) -> [u8; 20] {
    fixed(&digest::SHA1_FOR_LEGACY_USE_ONLY, data)
}

/// SHA-256 as an array.
pub fn sha256(data: &[u8]) -> [u8; 32] {
    fixed(&digest::SHA256, data)
}

/// SHA-384 as an array.
pub fn sha384(data: &[u8]) -> [u8; 48] {
    fixed(&digest::SHA384, data)
}

/// SHA-512 as an array.
pub fn sha512(data: &[u8]) -> [u8; 64] {
    fixed(&digest::SHA512, data)
}

/// `N` is the length of the algorithm's output.
fn fixed<const N: usize>(algorithm: &'static digest::Algorithm, data: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(digest::digest(algorithm, data).as_ref());
    out
}

/// A hash of `ring` with its HMAC.
pub struct RingHash {
    algorithm: HashAlgorithm,
    digest: &'static digest::Algorithm,
    hmac: hmac::Algorithm,
}

impl Hash for RingHash {
    fn algorithm(&self) -> HashAlgorithm {
        self.algorithm
    }

    fn output_length(&self) -> usize {
        self.digest.output_len()
    }

    fn start(&self) -> HashContext {
        HashContext::ring(RingHashContext(digest::Context::new(self.digest)))
    }

    fn digest(&self, data: &[u8]) -> Digest {
        Digest::new(digest::digest(self.digest, data).as_ref())
    }

    fn hmac_key(&self, key: &[u8]) -> HmacKey {
        HmacKey::ring(RingHmacKey(Overwritten::new(hmac::Key::new(self.hmac, key))))
    }
}

pub(in crate::crypto) struct RingHashContext(digest::Context);

impl RingHashContext {
    pub(in crate::crypto) fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    pub(in crate::crypto) fn fork(&self) -> Self {
        Self(self.0.clone())
    }

    pub(in crate::crypto) fn current(&self) -> Digest {
        Digest::new(self.0.clone().finish().as_ref())
    }
}

/// A key of HMAC, which is overwritten when it is dropped.
pub(in crate::crypto) struct RingHmacKey(Overwritten<hmac::Key, { words_of::<hmac::Key>() }>);

impl RingHmacKey {
    pub(in crate::crypto) fn sign(&self, data: &[&[u8]]) -> Result<Secret, CryptoError> {
        Secret::new(self.tag(data)?.as_ref()).ok_or(CryptoError)
    }

    pub(in crate::crypto) fn tag(&self, data: &[&[u8]]) -> Result<hmac::Tag, CryptoError> {
        let key = self.0.key()?;
        Ok(match data {
            // A context is a copy of the key, which is copied again when it signs.
            [whole] => hmac::sign(key, whole),
            parts => {
                let mut context = hmac::Context::with_key(key);
                for part in parts {
                    context.update(part);
                }
                context.sign()
            }
        })
    }
}
