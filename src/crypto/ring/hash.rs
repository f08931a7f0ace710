use ring::{digest, hkdf, hmac};

use crate::crypto::{CryptoError, Digest, Hash, HashAlgorithm, HashContext, Secret};

/// SHA-256.
pub static SHA256: RingHash = RingHash {
    algorithm: HashAlgorithm::Sha256,
    digest: &digest::SHA256,
    hmac: hmac::HMAC_SHA256,
    hkdf: hkdf::HKDF_SHA256,
};

/// SHA-384.
pub static SHA384: RingHash = RingHash {
    algorithm: HashAlgorithm::Sha384,
    digest: &digest::SHA384,
    hmac: hmac::HMAC_SHA384,
    hkdf: hkdf::HKDF_SHA384,
};

/// SHA-1, for names of certificates in OCSP only: it proves nothing any more.
pub fn sha1(data: &[u8]) -> [u8; 20] {
    fixed(&digest::SHA1_FOR_LEGACY_USE_ONLY, data)
}

/// SHA-256 as an array.
pub fn sha256(data: &[u8]) -> [u8; 32] {
    fixed(&digest::SHA256, data)
}

/// `N` is the length of the algorithm's output.
fn fixed<const N: usize>(algorithm: &'static digest::Algorithm, data: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(digest::digest(algorithm, data).as_ref());
    out
}

/// A hash of `ring` with its HMAC and HKDF.
pub struct RingHash {
    algorithm: HashAlgorithm,
    digest: &'static digest::Algorithm,
    hmac: hmac::Algorithm,
    hkdf: hkdf::Algorithm,
}

impl Hash for RingHash {
    fn algorithm(&self) -> HashAlgorithm {
        self.algorithm
    }

    fn output_length(&self) -> usize {
        self.digest.output_len()
    }

    fn start(&self) -> Box<dyn HashContext> {
        Box::new(Context(digest::Context::new(self.digest)))
    }

    fn digest(&self, data: &[u8]) -> Digest {
        Digest::new(digest::digest(self.digest, data).as_ref())
    }

    fn hmac(&self, key: &[u8], data: &[&[u8]]) -> Secret {
        let mut context = hmac::Context::with_key(&hmac::Key::new(self.hmac, key));
        for part in data {
            context.update(part);
        }
        let mut secret = Secret::zeros(self.output_length());
        secret.as_mut_bytes().copy_from_slice(context.sign().as_ref());
        secret
    }

    fn expand(&self, secret: &[u8], info: &[&[u8]], output: &mut [u8]) -> Result<(), CryptoError> {
        let secret = hkdf::Prk::new_less_safe(self.hkdf, secret);
        let expanded = secret.expand(info, Length(output.len())).map_err(|_| CryptoError)?;
        expanded.fill(output).map_err(|_| CryptoError)
    }
}

struct Context(digest::Context);

impl HashContext for Context {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn fork(&self) -> Box<dyn HashContext> {
        Box::new(Self(self.0.clone()))
    }

    fn current(&self) -> Digest {
        Digest::new(self.0.clone().finish().as_ref())
    }
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hkdf_matches_rfc_5869_test_case_1() {
        let salt = hex::decode("000102030405060708090a0b0c").unwrap();
        let secret = SHA256.hmac(&salt, &[&[0x0b; 22]]);
        assert_eq!(
            hex::encode(secret.as_bytes()),
            "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"
        );
        let info = hex::decode("f0f1f2f3f4f5f6f7f8f9").unwrap();
        let mut output = [0; 42];
        SHA256.expand(secret.as_bytes(), &[&info], &mut output).unwrap();
        assert_eq!(
            hex::encode(output),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        );
        assert!(SHA256.expand(secret.as_bytes(), &[&info], &mut [0; 255 * 32 + 1]).is_err());
    }

    #[test]
    fn a_context_can_be_read_and_continued() {
        let mut context = SHA384.start();
        assert_eq!(context.current(), SHA384.digest(b""));
        context.update(b"ab");
        context.update(b"c");
        assert_eq!(context.current(), SHA384.digest(b"abc"));
    }
}
