//! Checks of what a provider returns. A broken generator, group or AEAD would weaken a connection in
//! silence: the peer sees nothing wrong. So the output of a provider is checked here and in
//! `key_exchange_checks.rs`, and nowhere else.

use super::key_exchange_checks::is_zero;
pub(crate) use super::key_exchange_checks::{check_secret, check_share, start};
use super::provider_error::{ProviderError, ProviderFault};
use super::{CryptoError, Hash, HashAlgorithm, HmacKey, Secret, SecureRandom, TAG_LENGTH};
use crate::registry::SignatureScheme;

/// Fills `bytes` with randomness. A generator that fills in nothing, or less than it should, leaves
/// zeros. Working ones leave sixteen in a row once in 2^128 calls. Fewer bytes are not checked.
pub(crate) fn fill(random: &dyn SecureRandom, bytes: &mut [u8]) -> Result<(), ProviderError> {
    bytes.fill(0);
    random.fill(bytes)?;
    if bytes.chunks_exact(16).any(is_zero) {
        return Err(ProviderFault::Random.into());
    }
    Ok(())
}

/// Checks that the hash of a suite is as long as it says, in each of the ways to compute it. Each
/// configuration does it once for each suite, when it is built.
pub(crate) fn check_hash(hash: &dyn Hash) -> Result<(), ProviderFault> {
    let expected = hash.algorithm().output_length();
    let lengths = [hash.output_length(), hash.digest(b"").len(), hash.start().current().len()];
    match lengths.into_iter().find(|length| *length != expected) {
        Some(length) => Err(ProviderFault::Length { what: "hash", length }),
        None => Ok(()),
    }
}

/// Checks that this is SHA-256, by the digest of "abc" (FIPS 180-4). Each configuration does it once,
/// when it is built.
pub(crate) fn check_sha256(hash: &dyn Hash) -> Result<(), ProviderFault> {
    const OF_ABC: [u8; 32] = [
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22,
        0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00,
        0x15, 0xad,
    ];
    let is_right = hash.algorithm() == HashAlgorithm::Sha256 && *hash.digest(b"abc") == OF_ABC;
    if is_right { Ok(()) } else { Err(ProviderFault::Sha256) }
}

/// The digest of a hash that [`check_sha256`] has checked.
pub(crate) fn sha256(hash: &dyn Hash, data: &[u8]) -> [u8; 32] {
    hash.digest(data).first_chunk().copied().unwrap_or_default()
}

/// HMAC under a prepared key: as long as the hash, and not of zeros.
pub(crate) fn sign(
    hash: HashAlgorithm,
    key: &HmacKey,
    data: &[&[u8]],
) -> Result<Secret, ProviderError> {
    let mac = key.sign(data)?;
    check_mac(hash, mac.as_bytes())?;
    Ok(mac)
}

/// The same: the first bytes of the HMAC fill `output`.
pub(crate) fn sign_into(
    hash: HashAlgorithm,
    key: &HmacKey,
    message: &[u8],
    output: &mut [u8],
) -> Result<(), ProviderError> {
    key.read_mac(message, |mac| {
        check_mac(hash, mac)?;
        output.copy_from_slice(mac.get(..output.len()).ok_or(CryptoError)?);
        Ok(())
    })?
}

fn check_mac(hash: HashAlgorithm, mac: &[u8]) -> Result<(), ProviderFault> {
    let length = mac.len();
    if length != hash.output_length() {
        return Err(ProviderFault::Length { what: "HMAC", length });
    }
    if is_zero(mac) {
        return Err(ProviderFault::HmacOfZeros);
    }
    Ok(())
}

/// HMAC under a key that is used once.
pub(crate) fn hmac(hash: &dyn Hash, key: &[u8], data: &[&[u8]]) -> Result<Secret, ProviderError> {
    sign(hash.algorithm(), &hash.hmac_key(key), data)
}

/// The beginning of a plaintext, for [`check_sealed`]; `None` where it is too short for the check.
pub(crate) fn beginning(plaintext: &[u8]) -> Option<[u8; 16]> {
    plaintext.first_chunk().copied()
}

/// Checks that sealing has changed the beginning of a plaintext.
pub(crate) fn check_sealed(
    beginning: Option<[u8; 16]>,
    sealed: &[u8],
) -> Result<(), ProviderFault> {
    let Some(beginning) = beginning else { return Ok(()) };
    if sealed.starts_with(&beginning) {
        return Err(ProviderFault::Unencrypted);
    }
    Ok(())
}

/// Checks the length of what an AEAD has opened: that of what was sealed, without the tag.
pub(crate) fn check_opened(sealed: usize, opened: usize) -> Result<(), ProviderFault> {
    if sealed.checked_sub(TAG_LENGTH) != Some(opened) {
        return Err(ProviderFault::Length { what: "opened record", length: opened });
    }
    Ok(())
}

/// Checks the length of a signature: exact for EdDSA and ML-DSA (FIPS 204, table 2), that of a DER SEQUENCE of two INTEGERs for
/// ECDSA, and that of a modulus of 1024 to 16,384 bits for RSA.
pub(crate) fn check_signature(
    scheme: SignatureScheme,
    signature: &[u8],
) -> Result<(), ProviderFault> {
    use SignatureScheme as S;
    let length = signature.len();
    let right = match scheme {
        S::ED25519 => length == 64,
        S::ED448 => length == 114,
        S::ECDSA_SECP256R1_SHA256 => (8..=72).contains(&length),
        S::ECDSA_SECP384R1_SHA384 => (8..=104).contains(&length),
        S::ECDSA_SECP521R1_SHA512 => (8..=139).contains(&length),
        S::RSA_PSS_RSAE_SHA256
        | S::RSA_PSS_RSAE_SHA384
        | S::RSA_PSS_RSAE_SHA512
        | S::RSA_PSS_PSS_SHA256
        | S::RSA_PSS_PSS_SHA384
        | S::RSA_PSS_PSS_SHA512
        | S::RSA_PKCS1_SHA256_LEGACY
        | S::RSA_PKCS1_SHA384_LEGACY
        | S::RSA_PKCS1_SHA512_LEGACY => (128..=2048).contains(&length),
        S::MLDSA44 => length == 2420,
        S::MLDSA65 => length == 3309,
        S::MLDSA87 => length == 4627,
        _ => (1..=0xffff).contains(&length),
    };
    if right { Ok(()) } else { Err(ProviderFault::Signature { scheme, length }) }
}
