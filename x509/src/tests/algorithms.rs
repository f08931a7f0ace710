//! The signature algorithms and the digests that the tests use: any provider has them.

use pki_types::SignatureVerificationAlgorithm;
use ring::digest;
use webpki::ring as provider;

use crate::Digests;

/// Each kind of key with the hashes that usually go with it.
pub(crate) fn all() -> Vec<&'static dyn SignatureVerificationAlgorithm> {
    vec![
        provider::ECDSA_P256_SHA256,
        provider::ECDSA_P384_SHA384,
        provider::ED25519,
        provider::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
        provider::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
        provider::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
        provider::RSA_PKCS1_2048_8192_SHA256,
        provider::RSA_PKCS1_2048_8192_SHA384,
        provider::RSA_PKCS1_2048_8192_SHA512,
        provider::ECDSA_P256_SHA384,
        provider::ECDSA_P384_SHA256,
    ]
}

/// The hash functions over ring.
pub(crate) const DIGESTS: Digests = Digests {
    sha1,
    sha256,
    sha384: |data| digest::digest(&digest::SHA384, data).as_ref().try_into().unwrap(),
    sha512: |data| digest::digest(&digest::SHA512, data).as_ref().try_into().unwrap(),
};

pub(crate) fn sha1(data: &[u8]) -> [u8; 20] {
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, data);
    hash.as_ref().try_into().unwrap()
}

pub(crate) fn sha256(data: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, data).as_ref().try_into().unwrap()
}
