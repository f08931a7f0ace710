use core::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING,
    ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, ML_DSA_44_SIGNING,
    ML_DSA_65_SIGNING, ML_DSA_87_SIGNING, PqdsaKeyPair, RsaEncoding,
};
use pki_types::{PrivateKeyDer, alg_id};

use super::verify::RSASSA_PSS;
use crate::certificate::der::subject_public_key_info;
use crate::crypto::private_key::{
    self, Curve, EcKey, MlDsa, MlDsaKey, PrivateKey, RsaKey, unsupported,
};
use crate::crypto::{CryptoError, KeyError, KeyProvider, SigningKey};
use crate::registry::SignatureScheme;

/// Loads private keys: PKCS#8, SEC1 or PKCS#1, whichever of them the bytes are, as labels are
/// sometimes wrong; ECDSA on P-256, P-384 and P-521, Ed25519, ML-DSA, and RSA of 2048 to 8192 bits,
/// also for RSA-PSS alone.
#[derive(Clone, Copy, Debug)]
pub struct AwsLcKeyProvider;

impl KeyProvider for AwsLcKeyProvider {
    fn load_private_key(
        &self,
        key: &PrivateKeyDer<'_>,
        public_keys: &[&[u8]],
    ) -> Result<Arc<dyn SigningKey>, KeyError> {
        let der = key.secret_der();
        let signing_key = match private_key::read(der)? {
            PrivateKey::Rsa(key) => rsa(&key)?,
            PrivateKey::Ed25519 { seed, public } => ed25519(seed, public)?,
            PrivateKey::Ec(key) => ec(&key, public_keys)?,
            PrivateKey::MlDsa(key) => ml_dsa(&key, der)?,
        };
        Ok(Arc::new(signing_key))
    }
}

fn rsa(key: &RsaKey<'_>) -> Result<Key, KeyError> {
    if !(2048..=8192).contains(&key.modulus_bits) {
        return Err(key.unsupported_size());
    }
    key.check_exponent()?;
    let schemes = rsa_schemes(key)?;
    let pair = rsa::KeyPair::from_der(key.der).map_err(|_| KeyError::Inconsistent)?;
    let public_key = subject_public_key_info(&key.algorithm, pair.public_key().as_ref());
    Ok(Key { pair: Pair::Rsa(pair), schemes, public_key })
}

/// The schemes that the algorithm of the key allows. A key for RSA-PSS may be limited to one hash; the
/// parameters of a signature are those of the key then (RFC 9846, section 4.3.3).
fn rsa_schemes(key: &RsaKey<'_>) -> Result<&'static [SignatureScheme], KeyError> {
    use SignatureScheme as S;
    let algorithm = &*key.algorithm;
    if !key.is_for_pss() {
        return Ok(&[S::RSA_PSS_RSAE_SHA256, S::RSA_PSS_RSAE_SHA384, S::RSA_PSS_RSAE_SHA512]);
    }
    if algorithm == &*RSASSA_PSS {
        return Ok(&[S::RSA_PSS_PSS_SHA256, S::RSA_PSS_PSS_SHA384, S::RSA_PSS_PSS_SHA512]);
    }
    if algorithm == &*alg_id::RSA_PSS_SHA256 {
        return Ok(&[S::RSA_PSS_PSS_SHA256]);
    }
    if algorithm == &*alg_id::RSA_PSS_SHA384 {
        return Ok(&[S::RSA_PSS_PSS_SHA384]);
    }
    if algorithm == &*alg_id::RSA_PSS_SHA512 {
        return Ok(&[S::RSA_PSS_PSS_SHA512]);
    }
    Err(unsupported("an RSA key for RSA-PSS with parameters that TLS does not use"))
}

fn ed25519(seed: &[u8], public: Option<&[u8]>) -> Result<Key, KeyError> {
    let loaded = match public {
        Some(public) => Ed25519KeyPair::from_seed_and_public_key(seed, public),
        None => Ed25519KeyPair::from_seed_unchecked(seed),
    };
    let pair = loaded.map_err(|_| KeyError::Inconsistent)?;
    let public_key = subject_public_key_info(&alg_id::ED25519, pair.public_key().as_ref());
    Ok(Key { pair: Pair::Ed25519(pair), schemes: &[SignatureScheme::ED25519], public_key })
}

fn ec(key: &EcKey<'_>, public_keys: &[&[u8]]) -> Result<Key, KeyError> {
    use SignatureScheme as S;
    let curve = key.curve()?;
    let algorithm = match curve {
        Curve::P256 => &ECDSA_P256_SHA256_ASN1_SIGNING,
        Curve::P384 => &ECDSA_P384_SHA384_ASN1_SIGNING,
        Curve::P521 => &ECDSA_P521_SHA512_ASN1_SIGNING,
    };
    let pair = key.pair(public_keys, |secret, point| {
        EcdsaKeyPair::from_private_key_and_public_key(algorithm, secret, point).ok()
    })?;
    let schemes: &[SignatureScheme] = match curve {
        Curve::P256 => &[S::ECDSA_SECP256R1_SHA256],
        Curve::P384 => &[S::ECDSA_SECP384R1_SHA384],
        Curve::P521 => &[S::ECDSA_SECP521R1_SHA512],
    };
    let public_key = subject_public_key_info(&curve.algorithm(), pair.public_key().as_ref());
    Ok(Key { pair: Pair::Ecdsa(pair), schemes, public_key })
}

/// A key of ML-DSA is always in PKCS#8, as its seed, its expanded form, or both (RFC 9881, section 6).
/// If both are there, or the public key is, they must belong together.
fn ml_dsa(key: &MlDsaKey<'_>, pkcs8: &[u8]) -> Result<Key, KeyError> {
    use SignatureScheme as S;
    let parameters = key.parameters;
    let algorithm = match parameters {
        MlDsa::MlDsa44 => &ML_DSA_44_SIGNING,
        MlDsa::MlDsa65 => &ML_DSA_65_SIGNING,
        MlDsa::MlDsa87 => &ML_DSA_87_SIGNING,
    };
    let pair = PqdsaKeyPair::from_pkcs8(algorithm, pkcs8).map_err(|_| KeyError::Inconsistent)?;
    if key.public.is_some_and(|public| public != pair.public_key().as_ref()) {
        return Err(KeyError::Inconsistent);
    }
    let schemes: &[SignatureScheme] = match parameters {
        MlDsa::MlDsa44 => &[S::MLDSA44],
        MlDsa::MlDsa65 => &[S::MLDSA65],
        MlDsa::MlDsa87 => &[S::MLDSA87],
    };
    let identifier = match parameters {
        MlDsa::MlDsa44 => alg_id::ML_DSA_44,
        MlDsa::MlDsa65 => alg_id::ML_DSA_65,
        MlDsa::MlDsa87 => alg_id::ML_DSA_87,
    };
    let public_key = subject_public_key_info(&identifier, pair.public_key().as_ref());
    Ok(Key { pair: Pair::MlDsa(pair), schemes, public_key })
}

/// A private key in memory, which AWS-LC wipes when it is dropped.
struct Key {
    pair: Pair,
    schemes: &'static [SignatureScheme],
    /// The DER of its SubjectPublicKeyInfo.
    public_key: Vec<u8>,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    MlDsa(PqdsaKeyPair),
    Rsa(rsa::KeyPair),
}

impl SigningKey for Key {
    fn schemes(&self) -> &[SignatureScheme] {
        self.schemes
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        // An RSA key names no legacy scheme of its own accord: a key around it may.
        let may_be_legacy = self.schemes.contains(&SignatureScheme::RSA_PSS_RSAE_SHA256);
        let legacy = scheme.is_legacy() && may_be_legacy;
        if !legacy && !self.schemes.contains(&scheme) {
            return Err(CryptoError);
        }
        match &self.pair {
            Pair::Ecdsa(pair) => {
                let signature =
                    pair.sign(&SystemRandom::new(), message).map_err(|_| CryptoError)?;
                Ok(signature.as_ref().to_vec())
            }
            Pair::Ed25519(pair) => {
                let signature = pair.try_sign(message).map_err(|_| CryptoError)?;
                Ok(signature.as_ref().to_vec())
            }
            Pair::MlDsa(pair) => {
                let mut signature = vec![0; pair.algorithm().signature_len()];
                let length = pair.sign(message, &mut signature).map_err(|_| CryptoError)?;
                signature.truncate(length);
                Ok(signature)
            }
            Pair::Rsa(pair) => {
                let encoding = rsa_encoding(scheme)?;
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &SystemRandom::new(), message, &mut signature)
                    .map_err(|_| CryptoError)?;
                Ok(signature)
            }
        }
    }

    fn public_key(&self) -> Option<Vec<u8>> {
        Some(self.public_key.clone())
    }
}

/// How an RSA key signs with this scheme. The salt of RSA-PSS is as long as the hash (RFC 9846, section 4.3.3).
fn rsa_encoding(scheme: SignatureScheme) -> Result<&'static dyn RsaEncoding, CryptoError> {
    use SignatureScheme as S;
    Ok(match scheme {
        S::RSA_PSS_RSAE_SHA256 | S::RSA_PSS_PSS_SHA256 => &signature::RSA_PSS_SHA256,
        S::RSA_PSS_RSAE_SHA384 | S::RSA_PSS_PSS_SHA384 => &signature::RSA_PSS_SHA384,
        S::RSA_PSS_RSAE_SHA512 | S::RSA_PSS_PSS_SHA512 => &signature::RSA_PSS_SHA512,
        S::RSA_PKCS1_SHA256_LEGACY => &signature::RSA_PKCS1_SHA256,
        S::RSA_PKCS1_SHA384_LEGACY => &signature::RSA_PKCS1_SHA384,
        S::RSA_PKCS1_SHA512_LEGACY => &signature::RSA_PKCS1_SHA512,
        _ => return Err(CryptoError),
    })
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?})", self.schemes)
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsRawBytes;

    use super::*;
    use crate::certificate::der::{OCTET_STRING, SEQUENCE, wrap};

    const SEED: [u8; 32] = [7; 32];

    /// The expanded key of this seed.
    fn expanded(algorithm: &'static signature::PqdsaSigningAlgorithm, seed: &[u8; 32]) -> Vec<u8> {
        let pair = PqdsaKeyPair::from_seed(algorithm, seed).unwrap();
        pair.private_key().as_raw_bytes().unwrap().as_ref().to_vec()
    }

    /// Loads the key of this form, as one of ML-DSA-65.
    fn load(form: &[u8]) -> Result<Arc<dyn SigningKey>, KeyError> {
        let algorithm = wrap(SEQUENCE, &alg_id::ML_DSA_65);
        let parts = [&[2, 1, 0][..], &algorithm, &wrap(OCTET_STRING, form)].concat();
        let der = PrivateKeyDer::Pkcs8(wrap(SEQUENCE, &parts).into());
        AwsLcKeyProvider.load_private_key(&der, &[])
    }

    fn both(seed: &[u8], expanded: &[u8]) -> Vec<u8> {
        let parts = [wrap(OCTET_STRING, seed), wrap(OCTET_STRING, expanded)].concat();
        wrap(SEQUENCE, &parts)
    }

    #[test]
    fn a_key_for_ml_dsa_is_a_seed_or_expanded_or_both() {
        let expanded = expanded(&ML_DSA_65_SIGNING, &SEED);
        let forms = [wrap(0x80, &SEED), wrap(OCTET_STRING, &expanded), both(&SEED, &expanded)];
        let keys = forms.map(|form| load(&form).unwrap().public_key().unwrap());
        assert_eq!(keys[0], keys[1]);
        assert_eq!(keys[0], keys[2]);
    }

    #[test]
    fn the_error_of_a_wrong_key_for_ml_dsa_says_what_is_wrong() {
        let good = expanded(&ML_DSA_65_SIGNING, &SEED);
        let of_87 = expanded(&ML_DSA_87_SIGNING, &SEED);
        for (form, words) in [
            (Vec::new(), "neither a seed"),
            (wrap(0x81, &SEED), "neither a seed"),
            (wrap(SEQUENCE, &wrap(OCTET_STRING, &SEED)), "neither a seed"),
            ([wrap(0x80, &SEED), vec![0]].concat(), "neither a seed"),
            (wrap(0x80, &SEED[1..]), "seed of its ML-DSA key is not 32 bytes"),
            (both(&SEED[1..], &good), "seed of its ML-DSA key is not 32 bytes"),
            (wrap(OCTET_STRING, &of_87), "another length"),
            (both(&SEED, &good[1..]), "another length"),
        ] {
            let error = load(&form).unwrap_err();
            assert!(matches!(error, KeyError::Malformed(_)), "{error}");
            assert!(error.to_string().contains(words), "{error}");
        }
        let of_another_seed = expanded(&ML_DSA_65_SIGNING, &[8; 32]);
        let error = load(&both(&SEED, &of_another_seed)).unwrap_err();
        assert_eq!(error, KeyError::Inconsistent);
    }
}
