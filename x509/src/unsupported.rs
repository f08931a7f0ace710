//! Why a signature could not be verified with the key of a certificate that has the issuer's name.

use pki_types::SignatureVerificationAlgorithm;

use super::algorithm;
use super::der::{self, Reader};
use super::error::{CertificateErrorKind, SignatureError};
use super::ml_dsa;
use super::signature::{self, PublicKey};

type Algorithms<'a> = &'a [&'a dyn SignatureVerificationAlgorithm];

/// What is wrong with a signature. Each is a [`CertificateErrorKind`] of the same name.
#[derive(Clone)]
pub(super) enum WrongSignature {
    BadSignature { issuer: String },
    KeyKindMismatch { issuer: String, signature: Box<str>, key: Box<str> },
    UnsupportedSignatureAlgorithm { signature: String, key: Box<str>, reason: Box<str> },
}

impl From<WrongSignature> for CertificateErrorKind {
    fn from(wrong: WrongSignature) -> Self {
        match wrong {
            WrongSignature::BadSignature { issuer } => Self::BadSignature(issuer),
            WrongSignature::KeyKindMismatch { issuer, signature, key } => {
                Self::KeyKindMismatch { issuer, signature, key }
            }
            WrongSignature::UnsupportedSignatureAlgorithm { signature, key, reason } => {
                Self::UnsupportedSignatureAlgorithm { signature, key, reason }
            }
        }
    }
}

/// What is wrong with a certificate that names this `signature` algorithm (the contents of an
/// AlgorithmIdentifier), where the `key` of the `issuer` did not verify its signature.
pub(super) fn explain(
    signature: &[u8],
    key: PublicKey<'_>,
    issuer: String,
    algorithms: Algorithms<'_>,
    error: SignatureError,
) -> WrongSignature {
    let unusable = key.unusable();
    if error == SignatureError::Invalid && unusable.is_none() {
        return WrongSignature::BadSignature { issuer };
    }
    let described = signature::describe(signature);
    let stated = algorithm::canonical(signature);
    let of_kind: Vec<_> =
        algorithms.iter().filter(|it| same_number(&it.signature_alg_id(), signature)).collect();
    let keys: Vec<_> = of_kind.iter().map(|it| it.public_key_alg_id()).collect();
    let families: Vec<_> = keys.iter().filter_map(|key| family(key)).collect();
    if family(key.algorithm).is_some_and(|it| !families.is_empty() && !families.contains(&it)) {
        let (signature, key) = (described.into(), key.describe().into());
        return WrongSignature::KeyKindMismatch { issuer, signature, key };
    }
    let reason = match unusable {
        Some(reason) => format!(": {reason}"),
        None if of_kind.is_empty() => String::new(),
        None if !of_kind.iter().any(|it| *it.signature_alg_id() == *stated) => {
            let known = of_kind.iter().map(|it| signature::describe(&it.signature_alg_id()));
            format!(": supported of its kind are {}", list(known))
        }
        None if keys.iter().any(|it| **it == *key.algorithm) => String::new(),
        None => {
            let known = keys.iter().map(|it| signature::describe(it));
            format!(": supported with such signatures are keys for {}", list(known))
        }
    };
    let (key, reason) = (key.describe().into(), reason.into());
    WrongSignature::UnsupportedSignatureAlgorithm { signature: described, key, reason }
}

/// Lists each of the words once, in their order.
fn list(words: impl Iterator<Item = String>) -> String {
    let mut list: Vec<String> = Vec::new();
    for word in words {
        if let Err(place) = list.binary_search(&word) {
            list.insert(place, word);
        }
    }
    list.join(", ")
}

/// The object identifier that an AlgorithmIdentifier begins with, from its contents.
fn number(algorithm: &[u8]) -> Option<&[u8]> {
    Reader(algorithm).take(der::OBJECT_IDENTIFIER).map(|number| number.contents)
}

fn same_number(one: &[u8], other: &[u8]) -> bool {
    number(one).is_some() && number(one) == number(other)
}

/// The kinds of keys. Each kind makes signatures that no other kind can make.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Rsa,
    EllipticCurve,
    Edwards,
    MlDsa,
}

/// `None` for an unknown kind.
fn family(key: &[u8]) -> Option<Family> {
    match number(key)? {
        signature::RSA | signature::RSA_PSS => Some(Family::Rsa),
        signature::EC_PUBLIC_KEY => Some(Family::EllipticCurve),
        // Ed25519 and Ed448.
        [0x2b, 0x65, 0x70 | 0x71] => Some(Family::Edwards),
        other if ml_dsa::is_number(other) => Some(Family::MlDsa),
        _ => None,
    }
}
