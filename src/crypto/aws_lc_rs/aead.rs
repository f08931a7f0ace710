use aws_lc_rs::aead::{self, LessSafeKey, UnboundKey, quic};

use super::header_protection_key::AwsLcHeaderProtectionKey;
use crate::crypto::aead_limits::{AES_GCM_LIMITS, AeadLimits, CHACHA20_POLY1305_LIMITS};
use crate::crypto::{
    Aead, AeadKey, CryptoError, HeaderProtectionKey, KeyLimits, NONCE_LENGTH, TAG_LENGTH,
};

pub(super) static AES_128_GCM: AwsLcAead = AwsLcAead {
    algorithm: &aead::AES_128_GCM,
    header_protection: &quic::AES_128,
    limits: AES_GCM_LIMITS,
};

pub(super) static AES_256_GCM: AwsLcAead = AwsLcAead {
    algorithm: &aead::AES_256_GCM,
    header_protection: &quic::AES_256,
    limits: AES_GCM_LIMITS,
};

pub(super) static CHACHA20_POLY1305: AwsLcAead = AwsLcAead {
    algorithm: &aead::CHACHA20_POLY1305,
    header_protection: &quic::CHACHA20,
    limits: CHACHA20_POLY1305_LIMITS,
};

pub(super) struct AwsLcAead {
    algorithm: &'static aead::Algorithm,
    header_protection: &'static quic::Algorithm,
    limits: AeadLimits,
}

impl Aead for AwsLcAead {
    fn key_length(&self) -> usize {
        self.algorithm.key_len()
    }

    fn key(&self, bytes: &[u8]) -> Result<AeadKey, CryptoError> {
        let key = UnboundKey::new(self.algorithm, bytes).map_err(|_| CryptoError)?;
        Ok(AeadKey::aws_lc_rs(LessSafeKey::new(key)))
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
        Some(HeaderProtectionKey::aws_lc_rs(AwsLcHeaderProtectionKey::new(key)))
    }
}

pub(in crate::crypto) fn seal(
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

pub(in crate::crypto) fn open<'a>(
    key: &LessSafeKey,
    nonce: [u8; NONCE_LENGTH],
    additional_data: &[u8],
    data: &'a mut [u8],
) -> Result<&'a mut [u8], CryptoError> {
    let nonce = aead::Nonce::assume_unique_for_key(nonce);
    key.open_in_place(nonce, aead::Aad::from(additional_data), data).map_err(|_| CryptoError)
}
