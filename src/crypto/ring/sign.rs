use core::fmt;
use std::sync::Arc;

use pki_types::PrivateKeyDer;
use ring::rand::SystemRandom;
use ring::rsa;
use ring::signature::{
    self, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair, RsaEncoding,
};

use crate::certificate::der::subject_public_key_info;
use crate::crypto::private_key::{self, Curve, EcKey, PrivateKey, RsaKey, unsupported};
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
            PrivateKey::Rsa(key) => rsa(&key)?,
            PrivateKey::Ed25519 { seed, public } => Key::Ed25519(ed25519(seed, public)?),
            PrivateKey::Ec(key) => ec(&key, public_keys)?,
            PrivateKey::MlDsa(key) => return Err(unsupported(key.parameters.kind())),
        };
        Ok(Arc::new(key))
    }
}

fn rsa(key: &RsaKey<'_>) -> Result<Key, KeyError> {
    if key.is_for_pss() {
        return Err(unsupported("an RSA key for RSA-PSS alone (id-RSASSA-PSS)"));
    }
    if !matches!(key.modulus_bits, 2048 | 3072 | 4096) {
        return Err(key.unsupported_size());
    }
    key.check_exponent()?;
    rsa::KeyPair::from_der(key.der).map(Key::Rsa).map_err(|_| KeyError::Inconsistent)
}

fn ed25519(seed: &[u8], public: Option<&[u8]>) -> Result<Ed25519KeyPair, KeyError> {
    let pair = match public {
        Some(public) => Ed25519KeyPair::from_seed_and_public_key(seed, public),
        None => Ed25519KeyPair::from_seed_unchecked(seed),
    };
    pair.map_err(|_| KeyError::Inconsistent)
}

fn ec(key: &EcKey<'_>, public_keys: &[&[u8]]) -> Result<Key, KeyError> {
    let (algorithm, of_pair): (_, fn(EcdsaKeyPair) -> Key) = match key.curve()? {
        Curve::P256 => (&ECDSA_P256_SHA256_ASN1_SIGNING, Key::EcdsaP256),
        Curve::P384 => (&ECDSA_P384_SHA384_ASN1_SIGNING, Key::EcdsaP384),
        Curve::P521 => return Err(unsupported("an EC key on P-521 (secp521r1)")),
    };
    let random = SystemRandom::new();
    let pair = key.pair(public_keys, |secret, point| {
        EcdsaKeyPair::from_private_key_and_public_key(algorithm, secret, point, &random).ok()
    });
    pair.map(of_pair)
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
        Some(subject_public_key_info(&algorithm, key))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?})", self.schemes())
    }
}
