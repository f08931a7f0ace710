//! Signatures: which algorithm fits, and whether it agrees.

use pki_types::SignatureVerificationAlgorithm;
use x509_parser::asn1_rs::Oid;
use x509_parser::objects::{oid_registry, oid2sn};

use super::der;
use super::error::{SignatureError, printable};

/// A public key, from a SubjectPublicKeyInfo.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct PublicKey<'a> {
    /// Contents of the AlgorithmIdentifier.
    pub(super) algorithm: &'a [u8],
    /// The bytes of the subjectPublicKey.
    pub(super) bytes: &'a [u8],
}

impl<'a> PublicKey<'a> {
    /// From a SubjectPublicKeyInfo, header and all.
    pub(super) fn from_spki(spki: &'a [u8]) -> Option<Self> {
        Self::read(der::only(spki, der::SEQUENCE)?)
    }

    /// From the contents of a SubjectPublicKeyInfo.
    pub(super) fn read(contents: &'a [u8]) -> Option<Self> {
        let [algorithm, key] = der::fields(contents, [der::SEQUENCE, der::BIT_STRING])?;
        Some(Self { algorithm: algorithm.contents, bytes: der::whole_bytes(key.contents)? })
    }

    /// Verifies a handshake's signature: the caller's `algorithms` are those of the scheme that it
    /// was made with, so the key alone picks among them.
    pub(super) fn verify(
        self,
        algorithms: &[&'static dyn SignatureVerificationAlgorithm],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        let mut error = SignatureError::UnsupportedKey;
        for algorithm in algorithms {
            if algorithm.public_key_alg_id().as_ref() != self.algorithm {
                continue;
            }
            match algorithm.verify_signature(self.bytes, message, signature) {
                Ok(()) => return Ok(()),
                Err(_) => error = SignatureError::Invalid,
            }
        }
        Err(error)
    }

    /// Verifies a certificate's signature, whose algorithm is the contents of an
    /// AlgorithmIdentifier. Parameters count, to the byte: PKCS#1 without its NULL is another
    /// algorithm, and none that anyone implements.
    pub(super) fn verify_certificate(
        self,
        algorithms: &[&'static dyn SignatureVerificationAlgorithm],
        algorithm: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        let fits = |it: &&dyn SignatureVerificationAlgorithm| *it.signature_alg_id() == *algorithm;
        let fitting: Vec<_> = algorithms.iter().copied().filter(fits).collect();
        self.verify(&fitting, message, signature)
    }
}

/// An AlgorithmIdentifier's contents in words, for an error: its name where it has one, its
/// number, and the number of a parameter such as a curve.
pub(super) fn describe(algorithm: &[u8]) -> String {
    let elements = der::elements(algorithm).unwrap_or_default();
    let identifiers = elements.iter().take_while(|it| it.tag == der::OBJECT_IDENTIFIER);
    let words: Vec<_> = identifiers
        .map(|element| {
            let oid = Oid::new(element.contents.into());
            let number = printable(&oid.to_id_string());
            oid2sn(&oid, oid_registry()).map_or(number.clone(), |name| format!("{name} ({number})"))
        })
        .collect();
    if words.is_empty() {
        return "an algorithm that cannot be decoded".to_owned();
    }
    words.join(" with ")
}
