use aws_lc_rs::{digest, hmac};

use crate::crypto::{CryptoError, Digest, Hash, HashAlgorithm, HashContext, HmacKey, Secret};

/// SHA-256.
pub static SHA256: AwsLcHash = AwsLcHash {
    algorithm: HashAlgorithm::Sha256,
    digest: &digest::SHA256,
    hmac: hmac::HMAC_SHA256,
};

/// SHA-384.
pub static SHA384: AwsLcHash = AwsLcHash {
    algorithm: HashAlgorithm::Sha384,
    digest: &digest::SHA384,
    hmac: hmac::HMAC_SHA384,
};

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

/// A hash of AWS-LC with its HMAC.
pub struct AwsLcHash {
    algorithm: HashAlgorithm,
    digest: &'static digest::Algorithm,
    hmac: hmac::Algorithm,
}

impl Hash for AwsLcHash {
    fn algorithm(&self) -> HashAlgorithm {
        self.algorithm
    }

    fn output_length(&self) -> usize {
        self.digest.output_len()
    }

    fn start(&self) -> HashContext {
        HashContext::aws_lc_rs(AwsLcHashContext(digest::Context::new(self.digest)))
    }

    fn digest(&self, data: &[u8]) -> Digest {
        Digest::new(digest::digest(self.digest, data).as_ref())
    }

    fn hmac_key(&self, key: &[u8]) -> HmacKey {
        HmacKey::aws_lc_rs(AwsLcHmacKey(hmac::Key::new(self.hmac, key)))
    }
}

/// The state of the hash is in memory of AWS-LC.
pub(in crate::crypto) struct AwsLcHashContext(digest::Context);

impl AwsLcHashContext {
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

/// A key of HMAC, which AWS-LC wipes when it is dropped.
pub(in crate::crypto) struct AwsLcHmacKey(hmac::Key);

impl AwsLcHmacKey {
    pub(in crate::crypto) fn sign(&self, data: &[&[u8]]) -> Result<Secret, CryptoError> {
        match data {
            [whole] => self.read_mac(whole, Secret::new)?.ok_or(CryptoError),
            parts => {
                let mut context = hmac::Context::with_key(&self.0);
                for part in parts {
                    context.update(part);
                }
                Secret::new(context.sign().as_ref()).ok_or(CryptoError)
            }
        }
    }

    /// What `read` makes of the HMAC of `message`.
    pub(in crate::crypto) fn read_mac<T>(
        &self,
        message: &[u8],
        read: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, CryptoError> {
        let mut place = [0; digest::MAX_OUTPUT_LEN];
        // A tag would be one move more of the context, which has 1.2 KB.
        let mac = hmac::sign_to_buffer(&self.0, message, &mut place).map_err(|_| CryptoError)?;
        Ok(read(mac))
    }
}
