//! The built-in provider with the feature `aws-lc-rs`: every primitive is AWS-LC's, by the crate
//! `aws-lc-rs`.
//!
//! With the feature `fips`, AWS-LC is its FIPS module, which needs CMake and Go to build:
//!
//! ```toml
//! handclasp = { version = "0.1", default-features = false, features = ["fips"] }
//! ```
//!
//! It has the same algorithms, also those that are not approved. [`is_fips_module`] says which it is.
//!
//! Each thread keeps the last eight public keys that it verified signatures with, as AWS-LC has parsed them.

mod aead;
mod hash;
mod header_protection_key;
mod key_exchange;
mod key_form;
mod ml_kem;
mod parsed_keys;
mod random;
mod sign;
mod verify;

use std::sync::Arc;

use super::{CipherSuite, CryptoProvider, KeyExchangeGroup, KeyProvider, StaticOrArc, hybrid};
use crate::registry::CipherSuiteId;

pub(super) use aead::{open, seal};
pub(super) use hash::{AwsLcHashContext, AwsLcHmacKey};
pub use hash::{SHA256, SHA384, sha1, sha256, sha384, sha512};
pub(super) use header_protection_key::AwsLcHeaderProtectionKey;
pub use key_exchange::{SECP256R1, SECP384R1, SECP521R1, X25519};
pub use ml_kem::{MLKEM768, MLKEM1024};
pub use random::AwsLcRandom;
pub use sign::AwsLcKeyProvider;
pub use verify::{
    ECDSA_P256_SHA256, ECDSA_P256_SHA384, ECDSA_P256_SHA512, ECDSA_P384_SHA256, ECDSA_P384_SHA384,
    ECDSA_P384_SHA512, ECDSA_P521_SHA256, ECDSA_P521_SHA384, ECDSA_P521_SHA512, ED25519, ML_DSA_44,
    ML_DSA_65, ML_DSA_87, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_PSS_SHA256,
    RSA_PSS_PSS_SHA256_LIMITED, RSA_PSS_PSS_SHA384, RSA_PSS_PSS_SHA384_LIMITED, RSA_PSS_PSS_SHA512,
    RSA_PSS_PSS_SHA512_LIMITED, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512,
    signature_algorithms,
};

/// Whether AWS-LC is its FIPS module, in FIPS mode. It says nothing about the rest of the program: which
/// suites, groups and schemes of the provider may be used, and how, is for the rules of its user.
pub fn is_fips_module() -> bool {
    aws_lc_rs::try_fips_mode().is_ok()
}

/// See [`CryptoProvider::aws_lc_rs`].
pub(super) fn provider(key_provider: Arc<dyn KeyProvider>) -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![
            StaticOrArc::Static(&TLS_AES_128_GCM_SHA256),
            StaticOrArc::Static(&TLS_AES_256_GCM_SHA384),
            StaticOrArc::Static(&TLS_CHACHA20_POLY1305_SHA256),
        ],
        groups: groups(),
        signatures: signature_algorithms(),
        key_provider,
        sha256: StaticOrArc::Static(&SHA256),
        ticket_aead: TLS_AES_256_GCM_SHA384.aead.clone(),
        random: Arc::new(AwsLcRandom),
    }
}

/// Hybrids are before the elliptic curves.
fn groups() -> Vec<Arc<dyn KeyExchangeGroup>> {
    let classical: Vec<Arc<dyn KeyExchangeGroup>> =
        vec![Arc::new(X25519), Arc::new(SECP256R1), Arc::new(SECP384R1), Arc::new(SECP521R1)];
    hybrid::groups(classical, &[Arc::new(MLKEM768), Arc::new(MLKEM1024)])
}

/// TLS_AES_128_GCM_SHA256.
pub static TLS_AES_128_GCM_SHA256: CipherSuite = CipherSuite {
    id: CipherSuiteId::TLS_AES_128_GCM_SHA256,
    hash: StaticOrArc::Static(&SHA256),
    aead: StaticOrArc::Static(&aead::AES_128_GCM),
};

/// TLS_AES_256_GCM_SHA384.
pub static TLS_AES_256_GCM_SHA384: CipherSuite = CipherSuite {
    id: CipherSuiteId::TLS_AES_256_GCM_SHA384,
    hash: StaticOrArc::Static(&SHA384),
    aead: StaticOrArc::Static(&aead::AES_256_GCM),
};

/// TLS_CHACHA20_POLY1305_SHA256.
pub static TLS_CHACHA20_POLY1305_SHA256: CipherSuite = CipherSuite {
    id: CipherSuiteId::TLS_CHACHA20_POLY1305_SHA256,
    hash: StaticOrArc::Static(&SHA256),
    aead: StaticOrArc::Static(&aead::CHACHA20_POLY1305),
};

#[cfg(test)]
mod tests {
    #[test]
    fn the_module_is_that_of_fips_with_the_feature_of_this_name() {
        assert_eq!(super::is_fips_module(), cfg!(feature = "fips"));
    }
}
