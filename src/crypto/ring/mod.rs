//! The default provider: every primitive is `ring`'s.

mod hash;
mod key_exchange;
mod private_key;
mod sign;
mod verify;

use std::sync::Arc;

use ::ring::aead::{self, LessSafeKey, UnboundKey};
use rand::TryRng;

use super::TAG_LENGTH;
use super::{Aead, AeadKey, CipherSuite, CryptoError, CryptoProvider, NONCE_LENGTH, SecureRandom};
use crate::registry::CipherSuiteId;

pub use hash::{SHA256, SHA384, sha1, sha256};
pub use key_exchange::{SECP256R1, SECP384R1, X25519};
pub use sign::{signing_key, signing_key_of};
pub use verify::{
    ECDSA_P256_SHA256, ECDSA_P256_SHA384, ECDSA_P384_SHA256, ECDSA_P384_SHA384, ED25519,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, signature_algorithms,
};

/// See [`CryptoProvider::ring`].
pub(super) fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![
            TLS_AES_128_GCM_SHA256,
            TLS_AES_256_GCM_SHA384,
            TLS_CHACHA20_POLY1305_SHA256,
        ],
        groups: vec![Arc::new(X25519), Arc::new(SECP256R1), Arc::new(SECP384R1)],
        signatures: signature_algorithms(),
        random: Arc::new(SystemRandom),
    }
}

/// TLS_AES_128_GCM_SHA256.
pub const TLS_AES_128_GCM_SHA256: CipherSuite = CipherSuite {
    id: CipherSuiteId::TLS_AES_128_GCM_SHA256,
    hash: &SHA256,
    aead: &RingAead { algorithm: &aead::AES_128_GCM, limit: AES_GCM_RECORDS },
};

/// TLS_AES_256_GCM_SHA384.
pub const TLS_AES_256_GCM_SHA384: CipherSuite = CipherSuite {
    id: CipherSuiteId::TLS_AES_256_GCM_SHA384,
    hash: &SHA384,
    aead: &RingAead { algorithm: &aead::AES_256_GCM, limit: AES_GCM_RECORDS },
};

/// TLS_CHACHA20_POLY1305_SHA256.
pub const TLS_CHACHA20_POLY1305_SHA256: CipherSuite = CipherSuite {
    id: CipherSuiteId::TLS_CHACHA20_POLY1305_SHA256,
    hash: &SHA256,
    aead: &RingAead { algorithm: &aead::CHACHA20_POLY1305, limit: u64::MAX },
};

/// RFC 9846, section 5.5, allows 2^24.5 full-size records under one AES-GCM key; this is the
/// power of two below it.
const AES_GCM_RECORDS: u64 = 1 << 24;

struct RingAead {
    algorithm: &'static aead::Algorithm,
    limit: u64,
}

impl Aead for RingAead {
    fn key_length(&self) -> usize {
        self.algorithm.key_len()
    }

    fn key(&self, bytes: &[u8]) -> Result<AeadKey, CryptoError> {
        let key = UnboundKey::new(self.algorithm, bytes).map_err(|_| CryptoError)?;
        Ok(AeadKey::Ring(LessSafeKey::new(key)))
    }

    fn confidentiality_limit(&self) -> u64 {
        self.limit
    }
}

pub(super) fn seal(
    key: &LessSafeKey,
    nonce: [u8; NONCE_LENGTH],
    additional_data: &[u8],
    data: &mut [u8],
) -> Result<[u8; TAG_LENGTH], CryptoError> {
    let nonce = aead::Nonce::assume_unique_for_key(nonce);
    let tag = key
        .seal_in_place_separate_tag(nonce, aead::Aad::from(additional_data), data)
        .map_err(|_| CryptoError)?;
    tag.as_ref().try_into().map_err(|_| CryptoError)
}

pub(super) fn open<'a>(
    key: &LessSafeKey,
    nonce: [u8; NONCE_LENGTH],
    additional_data: &[u8],
    data: &'a mut [u8],
) -> Result<&'a mut [u8], CryptoError> {
    let nonce = aead::Nonce::assume_unique_for_key(nonce);
    key.open_in_place(nonce, aead::Aad::from(additional_data), data).map_err(|_| CryptoError)
}

/// The operating system's generator. Nothing is buffered in the process, so a fork or a snapshot
/// of a virtual machine repeats no randomness.
#[derive(Clone, Copy, Debug)]
pub struct SystemRandom;

impl SecureRandom for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        rand::rngs::SysRng.try_fill_bytes(bytes).map_err(|_| CryptoError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_data_opens_with_the_same_nonce_and_additional_data_only() {
        for suite in CryptoProvider::ring().cipher_suites {
            let key = suite.aead.key(&vec![7; suite.aead.key_length()]).unwrap();
            let mut data = b"plaintext".to_vec();
            let tag = key.seal([1; 12], b"header", &mut data).unwrap();
            data.extend_from_slice(&tag);
            assert_eq!(key.open([1; 12], b"header", &mut data.clone()).unwrap(), b"plaintext");
            assert_eq!(key.open([2; 12], b"header", &mut data.clone()), Err(CryptoError));
            assert_eq!(key.open([1; 12], b"Header", &mut data.clone()), Err(CryptoError));
            assert!(suite.aead.key(&[0; 5]).is_err());
        }
    }

    #[test]
    fn system_random_fills() {
        let mut bytes = [0; 64];
        SystemRandom.fill(&mut bytes).unwrap();
        assert_ne!(bytes, [0; 64]);
    }
}
