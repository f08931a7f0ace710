use core::fmt;
use std::sync::Arc;

use pki_types::PrivateKeyDer;
use ring::rand::SystemRandom;
use ring::rsa;
use ring::signature::{
    self, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair, RsaEncoding,
};
use zeroize::Zeroizing;

use crate::crypto::{CryptoError, SigningKey};
use crate::registry::SignatureScheme;

/// Loads a private key: PKCS#8, SEC1 (as PKCS#8 inside) or PKCS#1; ECDSA on P-256 and P-384,
/// Ed25519, and RSA of 2048 bits or more.
pub fn signing_key(key: &PrivateKeyDer<'_>) -> Result<Arc<dyn SigningKey>, CryptoError> {
    let key = match key {
        PrivateKeyDer::Pkcs1(der) => {
            rsa::KeyPair::from_der(der.secret_pkcs1_der()).ok().map(Key::Rsa)
        }
        PrivateKeyDer::Pkcs8(der) => from_pkcs8(der.secret_pkcs8_der()),
        PrivateKeyDer::Sec1(der) => from_sec1(der.secret_sec1_der()),
        _ => None,
    };
    Ok(Arc::new(key.ok_or(CryptoError)?))
}

fn from_pkcs8(der: &[u8]) -> Option<Key> {
    let random = SystemRandom::new();
    if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der, &random) {
        return Some(Key::EcdsaP256(pair));
    }
    if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, der, &random) {
        return Some(Key::EcdsaP384(pair));
    }
    if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
        return Some(Key::Ed25519(pair));
    }
    rsa::KeyPair::from_pkcs8(der).ok().map(Key::Rsa)
}

/// `ring` reads EC keys as PKCS#8 only, so the SEC1 key is put into that envelope (RFC 5958).
fn from_sec1(sec1: &[u8]) -> Option<Key> {
    const P256: &[u8] = &[
        0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
    ];
    const P384: &[u8] = &[
        0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
        0x04, 0x00, 0x22,
    ];
    [P256, P384].into_iter().find_map(|algorithm| {
        let version = [0x02, 0x01, 0x00];
        let octets = der(0x04, &[sec1]);
        let pkcs8 = der(0x30, &[&version, algorithm, &octets]);
        from_pkcs8(&pkcs8)
    })
}

/// One DER element; keys are shorter than 2^16 bytes.
fn der(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let body = Zeroizing::new(parts.concat());
    // Made in one piece, so that no copy of a key is left behind.
    let mut element = Zeroizing::new(Vec::with_capacity(body.len() + 4));
    element.push(tag);
    match u8::try_from(body.len()) {
        Ok(short @ 0..=127) => element.push(short),
        Ok(long) => element.extend_from_slice(&[0x81, long]),
        _ => {
            element.push(0x82);
            element.extend_from_slice(&u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    element.extend_from_slice(&body);
    element
}

enum Key {
    EcdsaP256(EcdsaKeyPair),
    EcdsaP384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(rsa::KeyPair),
}

impl SigningKey for Key {
    fn schemes(&self) -> &[SignatureScheme] {
        match self {
            Self::EcdsaP256(_) => &[SignatureScheme::ECDSA_SECP256R1_SHA256],
            Self::EcdsaP384(_) => &[SignatureScheme::ECDSA_SECP384R1_SHA384],
            Self::Ed25519(_) => &[SignatureScheme::ED25519],
            Self::Rsa(_) => &[
                SignatureScheme::RSA_PSS_RSAE_SHA256,
                SignatureScheme::RSA_PSS_RSAE_SHA384,
                SignatureScheme::RSA_PSS_RSAE_SHA512,
            ],
        }
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        if !self.schemes().contains(&scheme) {
            return Err(CryptoError);
        }
        let random = SystemRandom::new();
        match self {
            Self::EcdsaP256(pair) | Self::EcdsaP384(pair) => {
                let signature = pair.sign(&random, message).map_err(|_| CryptoError)?;
                Ok(signature.as_ref().to_vec())
            }
            Self::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Self::Rsa(pair) => {
                let encoding: &dyn RsaEncoding = match scheme {
                    SignatureScheme::RSA_PSS_RSAE_SHA256 => &signature::RSA_PSS_SHA256,
                    SignatureScheme::RSA_PSS_RSAE_SHA384 => &signature::RSA_PSS_SHA384,
                    _ => &signature::RSA_PSS_SHA512,
                };
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(encoding, &random, message, &mut signature).map_err(|_| CryptoError)?;
                Ok(signature)
            }
        }
    }

    fn public_key(&self) -> Option<Vec<u8>> {
        let (algorithm, key): (pki_types::AlgorithmIdentifier, &[u8]) = match self {
            Self::EcdsaP256(pair) => (pki_types::alg_id::ECDSA_P256, pair.public_key().as_ref()),
            Self::EcdsaP384(pair) => (pki_types::alg_id::ECDSA_P384, pair.public_key().as_ref()),
            Self::Ed25519(pair) => (pki_types::alg_id::ED25519, pair.public_key().as_ref()),
            Self::Rsa(pair) => (pki_types::alg_id::RSA_ENCRYPTION, pair.public_key().as_ref()),
        };
        let algorithm = der(0x30, &[algorithm.as_ref()]);
        Some(der(0x30, &[&algorithm, &der(0x03, &[&[0], key])]).to_vec())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?})", self.schemes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_verify_under_the_public_key_and_scheme() {
        for algorithm in
            [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519]
        {
            let pair = rcgen::KeyPair::generate_for(algorithm).unwrap();
            let key = signing_key(&PrivateKeyDer::try_from(pair.serialize_der()).unwrap()).unwrap();
            assert_eq!(
                key.public_key().unwrap(),
                rcgen::PublicKeyData::subject_public_key_info(&pair)
            );
            let scheme = key.schemes()[0];
            let signature = key.sign(scheme, b"message").unwrap();
            let algorithms = super::super::signature_algorithms();
            let verifier = algorithms.for_scheme(scheme)[0];
            let public = rcgen::PublicKeyData::der_bytes(&pair);
            verifier.verify_signature(public, b"message", &signature).unwrap();
            assert!(verifier.verify_signature(public, b"massage", &signature).is_err());
            assert!(key.sign(SignatureScheme::RSA_PKCS1_SHA256, b"message").is_err());
        }
    }
}
