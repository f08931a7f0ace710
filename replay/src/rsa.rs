//! RSASSA-PSS with SHA-256 (RFC 8017, section 8.1) for the trace's key of 1024 bits.
//!
//! No provider for real use takes a key so short or a salt that is not random. Nothing here runs
//! in constant time: the private key is printed in an RFC.

use core::fmt;

use handclasp::crypto::{CryptoError, CryptoProvider, SigningKey};
use handclasp::pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};
use handclasp::registry::SignatureScheme;
use num_bigint::BigUint;

use crate::vectors::RsaKey;

const HASH_LENGTH: usize = 32;
const MODULUS_LENGTH: usize = 128;
/// The encoded message without its hash and its last byte.
const DB_LENGTH: usize = MODULUS_LENGTH - HASH_LENGTH - 1;
/// Zeros, a one, and the salt, which is as long as the hash (RFC 9846, section 4.3.3).
const SALT_START: usize = DB_LENGTH - HASH_LENGTH;
const TRAILER: u8 = 0xbc;

/// The key of section 2, with the salt that the trace's signature was made with.
pub(crate) struct RecordedSigningKey {
    modulus: BigUint,
    private_exponent: BigUint,
    salt: Vec<u8>,
}

impl RecordedSigningKey {
    pub(crate) fn new(key: &RsaKey, salt: &[u8]) -> Self {
        Self {
            modulus: BigUint::from_bytes_be(&key.modulus.0),
            private_exponent: BigUint::from_bytes_be(&key.private_exponent.0),
            salt: salt.to_vec(),
        }
    }
}

impl SigningKey for RecordedSigningKey {
    fn schemes(&self) -> &[SignatureScheme] {
        &[SignatureScheme::RSA_PSS_RSAE_SHA256]
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        if !self.schemes().contains(&scheme) || self.salt.len() != HASH_LENGTH {
            return Err(CryptoError);
        }
        let hash = salted_hash(message, &self.salt);
        let mut db = vec![0; SALT_START];
        db[SALT_START - 1] = 1;
        db.extend_from_slice(&self.salt);
        mask(&hash, &mut db);
        let encoded = [&db[..], &hash, &[TRAILER]].concat();
        let signature = power(&encoded, &self.private_exponent, &self.modulus);
        signature.ok_or(CryptoError)
    }
}

impl fmt::Debug for RecordedSigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordedSigningKey(..)")
    }
}

/// Verifies rsa_pss_rsae_sha256 with keys of 1024 bits.
#[derive(Debug)]
pub(crate) struct PssSha256With1024Bits;

impl SignatureVerificationAlgorithm for PssSha256With1024Bits {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        verify(public_key, message, signature).filter(|valid| *valid).ok_or(InvalidSignature)?;
        Ok(())
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_ENCRYPTION
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_PSS_SHA256
    }
}

/// EMSA-PSS-VERIFY (RFC 8017, section 9.1.2); `None` when not even the form is right.
fn verify(public_key: &[u8], message: &[u8], signature: &[u8]) -> Option<bool> {
    let (modulus, exponent) = parse_public_key(public_key)?;
    if signature.len() != MODULUS_LENGTH || modulus.bits() != 8 * MODULUS_LENGTH as u64 {
        return None;
    }
    let encoded = power(signature, &exponent, &modulus)?;
    let (db, rest) = encoded.split_at(DB_LENGTH);
    let (hash, trailer) = rest.split_at(HASH_LENGTH);
    if trailer != [TRAILER] || db[0] & 0x80 != 0 {
        return None;
    }
    let mut db = db.to_vec();
    mask(hash, &mut db);
    let (padding, salt) = db.split_at(SALT_START);
    let (one, zeros) = padding.split_last()?;
    let well_formed = *one == 1 && zeros.iter().all(|byte| *byte == 0);
    Some(well_formed && salted_hash(message, salt) == hash)
}

/// H of RFC 8017: the hash of eight zeros, the message's hash and the salt.
fn salted_hash(message: &[u8], salt: &[u8]) -> Vec<u8> {
    let sha256 = CryptoProvider::default().sha256;
    let hash = sha256.digest(message);
    sha256.digest(&[&[0; 8], &hash[..], salt].concat()).to_vec()
}

/// Masks `db` with MGF1 of `seed`, or takes the mask off: it is the same.
fn mask(seed: &[u8], db: &mut [u8]) {
    let sha256 = CryptoProvider::default().sha256;
    for (counter, block) in (0_u32..).zip(db.chunks_mut(HASH_LENGTH)) {
        let mask = sha256.digest(&[seed, &counter.to_be_bytes()].concat());
        for (byte, mask) in block.iter_mut().zip(mask.iter()) {
            *byte ^= mask;
        }
    }
    // The encoded message has one bit less than the modulus.
    db[0] &= 0x7f;
}

/// The RSA operation. `None` when the number is no residue of the modulus.
fn power(number: &[u8], exponent: &BigUint, modulus: &BigUint) -> Option<Vec<u8>> {
    let number = BigUint::from_bytes_be(number);
    if number >= *modulus {
        return None;
    }
    let bytes = number.modpow(exponent, modulus).to_bytes_be();
    let mut padded = vec![0; MODULUS_LENGTH.checked_sub(bytes.len())?];
    padded.extend_from_slice(&bytes);
    Some(padded)
}

/// An RSAPublicKey (RFC 8017, appendix A.1.1): modulus and exponent.
fn parse_public_key(der: &[u8]) -> Option<(BigUint, BigUint)> {
    const SEQUENCE: u8 = 0x30;
    let (contents, rest) = element(der, SEQUENCE)?;
    let (modulus, after) = integer(contents)?;
    let (exponent, end) = integer(after)?;
    (rest.is_empty() && end.is_empty()).then_some((modulus, exponent))
}

fn integer(der: &[u8]) -> Option<(BigUint, &[u8])> {
    const INTEGER: u8 = 0x02;
    let (contents, rest) = element(der, INTEGER)?;
    Some((BigUint::from_bytes_be(contents), rest))
}

/// The contents of the first element, which is shorter than 256 bytes, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    match der {
        [first, 0x81, length, rest @ ..] if *first == tag => {
            rest.split_at_checked(usize::from(*length))
        }
        [first, length @ 0..=0x7f, rest @ ..] if *first == tag => {
            rest.split_at_checked(usize::from(*length))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Vectors;
    use handclasp::certificate::EndEntity;

    /// The public key in the certificate of section 3.
    fn end_entity(vectors: &Vectors) -> EndEntity {
        let trace = vectors.trace(3).unwrap();
        let step = trace.steps.steps.iter().find(|step| step.value("Certificate").is_some());
        let message = step.unwrap().value("Certificate").unwrap();
        let body = handclasp::wire::Certificate::parse(&message[4..]).unwrap();
        let certificate = body.entries().next().unwrap().certificate;
        EndEntity::parse(&certificate.to_vec().into()).unwrap()
    }

    #[test]
    fn recorded_salts_make_the_recorded_signatures_and_they_verify() {
        let vectors = Vectors::embedded().unwrap();
        let peer = end_entity(&vectors);
        for section in [3, 5, 7] {
            let trace = vectors.signature(section, crate::Role::Server).unwrap();
            let key = RecordedSigningKey::new(&vectors.rsa, &trace.pss_salt.0);
            let scheme = SignatureScheme::RSA_PSS_RSAE_SHA256;
            let signature = key.sign(scheme, &trace.signed_content.0).unwrap();
            assert_eq!(signature, trace.signature.0, "section {section}");
            let verify = |content: &[u8], signature: &[u8]| {
                peer.verify_signature([&PssSha256With1024Bits as _], content, signature)
            };
            assert!(verify(&trace.signed_content.0, &signature).is_ok());
            assert!(verify(b"something else", &signature).is_err());
            for index in 0..signature.len() {
                let mut changed = signature.clone();
                changed[index] ^= 1;
                assert!(verify(&trace.signed_content.0, &changed).is_err());
            }
        }
    }
}
