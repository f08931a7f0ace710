//! The built-in provider with the feature `ring`: every primitive is `ring`'s, except for ML-KEM and the
//! randomness of the handshake.

mod aead_key;
mod hash;
mod header_protection_key;
mod key_exchange;
mod sign;
mod verify;

use std::sync::Arc;

use ::ring::aead::quic;
use ::ring::aead::{self, LessSafeKey, UnboundKey};

use super::aead_limits::{AES_GCM_LIMITS, AeadLimits, CHACHA20_POLY1305_LIMITS};
#[cfg(feature = "libcrux")]
use super::libcrux::{MLKEM768, MLKEM1024};
#[cfg(all(feature = "ml-kem", not(feature = "libcrux")))]
use super::ml_kem::{MLKEM768, MLKEM1024};
use super::{
    Aead, AeadKey, CipherSuite, CryptoError, CryptoProvider, HeaderProtectionKey, KeyExchangeGroup,
    KeyLimits, KeyProvider, NONCE_LENGTH, StaticOrArc, SystemRandom, TAG_LENGTH,
};
use crate::registry::CipherSuiteId;

pub(super) use aead_key::RingAeadKey;
pub(super) use hash::{RingHashContext, RingHmacKey};
pub use hash::{SHA256, SHA384, sha1, sha256, sha384, sha512};
pub(super) use header_protection_key::RingHeaderProtectionKey;
pub use key_exchange::{SECP256R1, SECP384R1, X25519};
pub use sign::RingKeyProvider;
pub use verify::{
    ECDSA_P256_SHA256, ECDSA_P256_SHA384, ECDSA_P384_SHA256, ECDSA_P384_SHA384, ED25519,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, signature_algorithms,
};

/// See [`CryptoProvider::ring`]. It has all that section 9.1 demands.
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
        random: Arc::new(SystemRandom),
    }
}

/// With the feature `libcrux` or `ml-kem`, hybrids are before the groups of `ring`.
fn groups() -> Vec<Arc<dyn KeyExchangeGroup>> {
    let groups: Vec<Arc<dyn KeyExchangeGroup>> =
        vec![Arc::new(X25519), Arc::new(SECP256R1), Arc::new(SECP384R1)];
    #[cfg(any(feature = "libcrux", feature = "ml-kem"))]
    let groups = super::hybrid::groups(groups, &[Arc::new(MLKEM768), Arc::new(MLKEM1024)]);
    groups
}

/// TLS_AES_128_GCM_SHA256.
pub static TLS_AES_128_GCM_SHA256: CipherSuite = CipherSuite {
    id: CipherSuiteId::TLS_AES_128_GCM_SHA256,
    hash: StaticOrArc::Static(&SHA256),
    aead: StaticOrArc::Static(&AES_128_GCM),
};

/// TLS_AES_256_GCM_SHA384.
pub static TLS_AES_256_GCM_SHA384: CipherSuite = CipherSuite {
    id: CipherSuiteId::TLS_AES_256_GCM_SHA384,
    hash: StaticOrArc::Static(&SHA384),
    aead: StaticOrArc::Static(&AES_256_GCM),
};

/// TLS_CHACHA20_POLY1305_SHA256.
pub static TLS_CHACHA20_POLY1305_SHA256: CipherSuite = CipherSuite {
    id: CipherSuiteId::TLS_CHACHA20_POLY1305_SHA256,
    hash: StaticOrArc::Static(&SHA256),
    aead: StaticOrArc::Static(&CHACHA20_POLY1305),
};

struct RingAead {
    algorithm: &'static aead::Algorithm,
    header_protection: &'static quic::Algorithm,
    limits: AeadLimits,
}

static AES_128_GCM: RingAead = RingAead {
    algorithm: &aead::AES_128_GCM,
    header_protection: &quic::AES_128,
    limits: AES_GCM_LIMITS,
};

static AES_256_GCM: RingAead = RingAead {
    algorithm: &aead::AES_256_GCM,
    header_protection: &quic::AES_256,
    limits: AES_GCM_LIMITS,
};

static CHACHA20_POLY1305: RingAead = RingAead {
    algorithm: &aead::CHACHA20_POLY1305,
    header_protection: &quic::CHACHA20,
    limits: CHACHA20_POLY1305_LIMITS,
};

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
        Some(HeaderProtectionKey::ring(RingHeaderProtectionKey::new(key)))
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

pub(super) fn open_to_front<'a>(
    key: &RingAeadKey,
    nonce: [u8; NONCE_LENGTH],
    additional_data: &[u8],
    buffer: &'a mut [u8],
    start: usize,
) -> Result<&'a mut [u8], CryptoError> {
    let nonce = aead::Nonce::assume_unique_for_key(nonce);
    key.key()?
        .open_within(nonce, aead::Aad::from(additional_data), buffer, start..)
        .map_err(|_| CryptoError)
}
