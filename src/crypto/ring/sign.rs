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

use super::private_key::{self, Curve, EcKey, PrivateKey};
use crate::certificate::der::{self, BIT_STRING, SEQUENCE};
use crate::crypto::{CryptoError, KeyError, KeyProvider, SigningKey};
use crate::registry::SignatureScheme;

/// Loads private keys: PKCS#8, SEC1 or PKCS#1, whichever of them the bytes are, as labels are
/// sometimes wrong; ECDSA on P-256 and P-384, Ed25519, and RSA of 2048, 3072 or 4096 bits.
#[derive(Clone, Copy, Debug)]
pub struct RingKeyProvider;

impl KeyProvider for RingKeyProvider {
    fn load_private_key(
        &self,
        key: &PrivateKeyDer<'_>,
        public_keys: &[&[u8]],
    ) -> Result<Arc<dyn SigningKey>, KeyError> {
        let key = match private_key::read(key.secret_der())? {
            PrivateKey::Rsa(der) => {
                Key::Rsa(rsa::KeyPair::from_der(der).map_err(|_| KeyError::Inconsistent)?)
            }
            PrivateKey::Ed25519 { seed, public } => Key::Ed25519(ed25519(seed, public)?),
            PrivateKey::Ec(key) => ec(&key, public_keys)?,
        };
        Ok(Arc::new(key))
    }
}

fn ed25519(seed: &[u8], public: Option<&[u8]>) -> Result<Ed25519KeyPair, KeyError> {
    if seed.len() != 32 {
        return Err(KeyError::Malformed("its Ed25519 seed is not 32 bytes long"));
    }
    let pair = match public {
        Some(public) => Ed25519KeyPair::from_seed_and_public_key(seed, public),
        None => Ed25519KeyPair::from_seed_unchecked(seed),
    };
    pair.map_err(|_| KeyError::Inconsistent)
}

/// An EC key on the curve that it names, or on the one that its length fits.
fn ec(key: &EcKey<'_>, public_keys: &[&[u8]]) -> Result<Key, KeyError> {
    let named = key.curve.or_else(|| Curve::of_length(key.secret.len()));
    let curve = named.ok_or(KeyError::Malformed("it is an EC key that names no curve"))?;
    let secret = padded(key.secret, curve.length())?;
    if let Some(point @ [UNCOMPRESSED, ..]) = key.public {
        return ec_pair(curve, &secret, point).ok_or(KeyError::Inconsistent);
    }
    // `ring` computes the point from the secret, and compares.
    for spki in public_keys {
        let Some(point) = point_in(spki, curve) else { continue };
        if let Some(pair) = ec_pair(curve, &secret, point) {
            return Ok(pair);
        }
    }
    Err(KeyError::NoPublicKey)
}

/// The first byte of a point that is not compressed (SEC 1, section 2.3.3).
const UNCOMPRESSED: u8 = 4;

fn ec_pair(curve: Curve, secret: &[u8], point: &[u8]) -> Option<Key> {
    let random = SystemRandom::new();
    let algorithm = match curve {
        Curve::P256 => &ECDSA_P256_SHA256_ASN1_SIGNING,
        Curve::P384 => &ECDSA_P384_SHA384_ASN1_SIGNING,
    };
    let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, secret, point, &random);
    let pair = pair.ok()?;
    Some(match curve {
        Curve::P256 => Key::EcdsaP256(pair),
        Curve::P384 => Key::EcdsaP384(pair),
    })
}

/// The secret at its full length (RFC 5915, section 3): some tools leave leading zeros out.
fn padded(secret: &[u8], length: usize) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let Some(zeros) = length.checked_sub(secret.len()) else {
        return Err(KeyError::Malformed("its secret is longer than its curve allows"));
    };
    let mut padded = Zeroizing::new(vec![0; zeros]);
    padded.reserve_exact(secret.len());
    padded.extend_from_slice(secret);
    Ok(padded)
}

/// The point of a public key that is on this curve and not compressed.
fn point_in(spki: &[u8], curve: Curve) -> Option<&[u8]> {
    let (_, point) = spki.split_at_checked(spki.len().checked_sub(1 + 2 * curve.length())?)?;
    let algorithm = match curve {
        Curve::P256 => pki_types::alg_id::ECDSA_P256,
        Curve::P384 => pki_types::alg_id::ECDSA_P384,
    };
    (spki == public_key_info(&algorithm, point)).then_some(point)
}

/// The DER of a SubjectPublicKeyInfo.
fn public_key_info(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    let algorithm = der::wrap(SEQUENCE, algorithm);
    let key = der::wrap(BIT_STRING, &[&[0], key].concat());
    der::wrap(SEQUENCE, &[algorithm, key].concat())
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
        // An RSA key names no legacy scheme of its own accord: a key around it may.
        let legacy = scheme.is_legacy() && matches!(self, Self::Rsa(_));
        if !legacy && !self.schemes().contains(&scheme) {
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
                    SignatureScheme::RSA_PKCS1_SHA256_LEGACY => &signature::RSA_PKCS1_SHA256,
                    SignatureScheme::RSA_PKCS1_SHA384_LEGACY => &signature::RSA_PKCS1_SHA384,
                    SignatureScheme::RSA_PKCS1_SHA512_LEGACY => &signature::RSA_PKCS1_SHA512,
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
        Some(public_key_info(&algorithm, key))
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
            let der = PrivateKeyDer::try_from(pair.serialize_der()).unwrap();
            let key = RingKeyProvider.load_private_key(&der, &[]).unwrap();
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
