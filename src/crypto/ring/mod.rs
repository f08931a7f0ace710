//! The built-in provider with the feature `ring`: every primitive is `ring`'s.

mod aead_key;
mod hash;
mod key_exchange;
mod sign;
mod verify;

use std::sync::Arc;

use ::ring::aead::quic;
use ::ring::aead::{self, LessSafeKey, UnboundKey};

use super::aead_limits::{AES_GCM_LIMITS, AeadLimits, CHACHA20_POLY1305_LIMITS};
#[cfg(feature = "ml-kem")]
use super::ml_kem::{MLKEM768, MLKEM1024};
use super::{
    Aead, AeadKey, CipherSuite, CryptoError, CryptoProvider, HeaderProtectionKey, KeyExchangeGroup,
    KeyLimits, NONCE_LENGTH, StaticOrArc, SystemRandom, TAG_LENGTH, hybrid,
};
use crate::registry::CipherSuiteId;

pub(super) use aead_key::RingAeadKey;
pub(super) use hash::{RingHashContext, RingHmacKey};
pub use hash::{SHA256, SHA384, sha1, sha256};
pub use key_exchange::{SECP256R1, SECP384R1, X25519};
pub use sign::RingKeyProvider;
pub use verify::{
    ECDSA_P256_SHA256, ECDSA_P256_SHA384, ECDSA_P384_SHA256, ECDSA_P384_SHA384, ED25519,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, signature_algorithms,
};

/// See [`CryptoProvider::ring`]. It has all that section 9.1 demands.
pub(super) fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![
            TLS_AES_128_GCM_SHA256,
            TLS_AES_256_GCM_SHA384,
            TLS_CHACHA20_POLY1305_SHA256,
        ],
        groups: groups(),
        signatures: signature_algorithms(),
        key_provider: Arc::new(RingKeyProvider),
        sha256: StaticOrArc::Static(&SHA256),
        ticket_aead: TLS_AES_256_GCM_SHA384.aead,
        random: Arc::new(SystemRandom),
    }
}

/// With the feature `ml-kem`, hybrids are before the groups of `ring`.
fn groups() -> Vec<Arc<dyn KeyExchangeGroup>> {
    #[cfg(feature = "ml-kem")]
    let kems: &[Arc<dyn KeyExchangeGroup>] = &[Arc::new(MLKEM768), Arc::new(MLKEM1024)];
    #[cfg(not(feature = "ml-kem"))]
    let kems = &[];
    hybrid::groups(vec![Arc::new(X25519), Arc::new(SECP256R1), Arc::new(SECP384R1)], kems)
}

/// TLS_AES_128_GCM_SHA256.
pub const TLS_AES_128_GCM_SHA256: CipherSuite = CipherSuite {
    id: CipherSuiteId::TLS_AES_128_GCM_SHA256,
    hash: StaticOrArc::Static(&SHA256),
    aead: StaticOrArc::Static(&RingAead {
        algorithm: &aead::AES_128_GCM,
        header_protection: &quic::AES_128,
        limits: AES_GCM_LIMITS,
    }),
};

/// TLS_AES_256_GCM_SHA384.
pub const TLS_AES_256_GCM_SHA384: CipherSuite = CipherSuite {
    id: CipherSuiteId::TLS_AES_256_GCM_SHA384,
    hash: StaticOrArc::Static(&SHA384),
    aead: StaticOrArc::Static(&RingAead {
        algorithm: &aead::AES_256_GCM,
        header_protection: &quic::AES_256,
        limits: AES_GCM_LIMITS,
    }),
};

/// TLS_CHACHA20_POLY1305_SHA256.
pub const TLS_CHACHA20_POLY1305_SHA256: CipherSuite = CipherSuite {
    id: CipherSuiteId::TLS_CHACHA20_POLY1305_SHA256,
    hash: StaticOrArc::Static(&SHA256),
    aead: StaticOrArc::Static(&RingAead {
        algorithm: &aead::CHACHA20_POLY1305,
        header_protection: &quic::CHACHA20,
        limits: CHACHA20_POLY1305_LIMITS,
    }),
};

struct RingAead {
    algorithm: &'static aead::Algorithm,
    header_protection: &'static quic::Algorithm,
    limits: AeadLimits,
}

impl Aead for RingAead {
    fn key_length(&self) -> usize {
        self.algorithm.key_len()
    }

    fn key(&self, bytes: &[u8]) -> Result<AeadKey, CryptoError> {
        let key = UnboundKey::new(self.algorithm, bytes).map_err(|_| CryptoError)?;
        Ok(AeadKey::ring(RingAeadKey::new(LessSafeKey::new(key))))
    }

    fn confidentiality_limit(&self) -> u64 {
        self.limits.tls
    }

    fn quic_limits(&self) -> Option<KeyLimits> {
        Some(self.limits.quic)
    }

    fn dtls_limits(&self) -> Option<KeyLimits> {
        Some(self.limits.dtls)
    }

    fn header_protection_key(&self, bytes: &[u8]) -> Option<HeaderProtectionKey> {
        let key = quic::HeaderProtectionKey::new(self.header_protection, bytes).ok()?;
        Some(HeaderProtectionKey::ring(key))
    }
}

pub(super) fn seal(
    key: &RingAeadKey,
    nonce: [u8; NONCE_LENGTH],
    additional_data: &[u8],
    data: &mut [u8],
) -> Result<[u8; TAG_LENGTH], CryptoError> {
    let nonce = aead::Nonce::assume_unique_for_key(nonce);
    let tag = key
        .key()?
        .seal_in_place_separate_tag(nonce, aead::Aad::from(additional_data), data)
        .map_err(|_| CryptoError)?;
    tag.as_ref().try_into().map_err(|_| CryptoError)
}

pub(super) fn open<'a>(
    key: &RingAeadKey,
    nonce: [u8; NONCE_LENGTH],
    additional_data: &[u8],
    data: &'a mut [u8],
) -> Result<&'a mut [u8], CryptoError> {
    let nonce = aead::Nonce::assume_unique_for_key(nonce);
    key.key()?.open_in_place(nonce, aead::Aad::from(additional_data), data).map_err(|_| CryptoError)
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
    fn header_protection_matches_rfc_9001_appendix_a() {
        // A.2, A.3 and A.5.
        for (suite, key, sample, mask) in [
            (
                TLS_AES_128_GCM_SHA256,
                "9f50449e04a0e810283a1e9933adedd2",
                "d1b1c98dd7689fb8ec11d242b123dc9b",
                "437b9aec36",
            ),
            (
                TLS_AES_128_GCM_SHA256,
                "c206b8d9b9f0f37644430b490eeaa314",
                "2cd0991cd25b0aac406a5816b6394100",
                "2ec0d8356a",
            ),
            (
                TLS_CHACHA20_POLY1305_SHA256,
                "25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4",
                "5e5cd55c41f69080575d7999c25a5bfb",
                "aefefe7d03",
            ),
        ] {
            let key = hex::decode(key).unwrap();
            let sample = hex::decode(sample).unwrap().try_into().unwrap();
            let protection = suite.aead.header_protection_key(&key).unwrap();
            assert_eq!(hex::encode(protection.mask(&sample).unwrap()), mask);
            assert!(suite.aead.header_protection_key(&key[1..]).is_none());
        }
        let aes_256 = TLS_AES_256_GCM_SHA384.aead;
        assert!(aes_256.header_protection_key(&[7; 32]).is_some());
        assert!(aes_256.header_protection_key(&[7; 16]).is_none());
    }

    /// RFC 9846, section 5.5; RFC 9001, section 6.6; RFC 9147, section 4.5.3.
    #[test]
    fn keys_have_the_limits_of_their_ciphers() {
        for (suite, records, packets, forged_packets) in [
            (TLS_AES_128_GCM_SHA256, 1 << 24, 1 << 23, 1 << 52),
            (TLS_AES_256_GCM_SHA384, 1 << 24, 1 << 23, 1 << 52),
            (TLS_CHACHA20_POLY1305_SHA256, u64::MAX, u64::MAX, 1 << 36),
        ] {
            let quic = KeyLimits { confidentiality: packets, integrity: forged_packets };
            let dtls = KeyLimits { confidentiality: records, integrity: 1 << 36 };
            assert_eq!(suite.aead.confidentiality_limit(), records);
            assert_eq!(suite.aead.quic_limits(), Some(quic));
            assert_eq!(suite.aead.dtls_limits(), Some(dtls));
        }
    }
}
