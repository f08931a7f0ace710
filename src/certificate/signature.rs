//! Signatures: which algorithm fits, and whether it agrees.

use pki_types::SignatureVerificationAlgorithm;
use x509_parser::asn1_rs::Oid;
use x509_parser::objects::{oid_registry, oid2sn};

use super::der::{self, Reader};
use super::error::{SignatureError, printable};

/// rsaEncryption: 1.2.840.113549.1.1.1.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// The sizes of RSA keys that implementations verify with.
const RSA_BITS: core::ops::RangeInclusive<usize> = 2048..=8192;

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

    /// For an RSA key, how many bits its modulus has, and its exponent. No bits if it is malformed.
    pub(super) fn rsa(self) -> Option<(usize, &'a [u8])> {
        if Reader(self.algorithm).next()?.contents != RSA {
            return None;
        }
        let numbers = der::only(self.bytes, der::SEQUENCE)
            .and_then(|it| der::fields(it, [der::INTEGER, der::INTEGER]));
        let Some([modulus, exponent]) = numbers else { return Some((0, &[])) };
        let mut bytes = modulus.contents.iter().skip_while(|&&byte| byte == 0);
        let first = bytes.next().map_or(0, |byte| 8 - byte.leading_zeros() as usize);
        Some((bytes.count() * 8 + first, exponent.contents))
    }

    /// Its algorithm in words, for an error, and its size if it is an RSA key's.
    pub(super) fn describe(self) -> String {
        let algorithm = describe(self.algorithm);
        self.rsa().map_or(algorithm.clone(), |(bits, _)| format!("{algorithm} of {bits} bits"))
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
                // For an RSA key of an unusual size every signature is invalid.
                Err(_)
                    if self
                        .rsa()
                        .is_some_and(|(bits, _)| bits > 0 && !RSA_BITS.contains(&bits)) => {}
                Err(_) => error = SignatureError::Invalid,
            }
        }
        Err(error)
    }
}

/// A public key that is kept.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct OwnedKey {
    algorithm: Box<[u8]>,
    bytes: Box<[u8]>,
}

impl OwnedKey {
    pub(super) fn borrow(&self) -> PublicKey<'_> {
        PublicKey { algorithm: &self.algorithm, bytes: &self.bytes }
    }
}

impl From<PublicKey<'_>> for OwnedKey {
    fn from(key: PublicKey<'_>) -> Self {
        Self { algorithm: key.algorithm.into(), bytes: key.bytes.into() }
    }
}

/// What is signed and its signature: what a certificate, a CRL and an OCSP response begin with.
#[derive(Clone, Copy)]
pub(super) struct Signed<'a> {
    /// What is signed, header and all.
    pub(super) message: &'a [u8],
    /// Contents of the AlgorithmIdentifier.
    pub(super) algorithm: &'a [u8],
    pub(super) signature: &'a [u8],
}

impl<'a> Signed<'a> {
    /// Takes all three, and has the fields of what is signed beside them.
    pub(super) fn take(reader: &mut Reader<'a>) -> Option<(Self, Reader<'a>)> {
        let message = reader.take(der::SEQUENCE)?;
        let algorithm = reader.take(der::SEQUENCE)?.contents;
        let signature = der::whole_bytes(reader.take(der::BIT_STRING)?.contents)?;
        Some((Self { message: message.whole, algorithm, signature }, Reader(message.contents)))
    }

    /// As [`Self::take`], where there must be nothing after them.
    pub(super) fn read(contents: &'a [u8]) -> Option<(Self, Reader<'a>)> {
        let mut reader = Reader(contents);
        Self::take(&mut reader).filter(|_| reader.is_empty())
    }

    /// Whether the key made the signature. The algorithm's parameters count, to the byte: PKCS#1
    /// without its NULL is another algorithm, and none that anyone implements.
    pub(super) fn verify(
        self,
        key: PublicKey<'_>,
        algorithms: &[&'static dyn SignatureVerificationAlgorithm],
    ) -> Result<(), SignatureError> {
        let fits =
            |it: &&dyn SignatureVerificationAlgorithm| *it.signature_alg_id() == *self.algorithm;
        let fitting: Vec<_> = algorithms.iter().copied().filter(fits).collect();
        key.verify(&fitting, self.message, self.signature)
    }
}

/// An AlgorithmIdentifier's contents in words, for an error: its name where it has one, its
/// number, and the number of a parameter such as a curve.
pub(super) fn describe(algorithm: &[u8]) -> String {
    let elements = der::elements(algorithm).unwrap_or_default();
    let identifiers = elements.iter().take_while(|it| it.tag == der::OBJECT_IDENTIFIER).take(2);
    let words: Vec<_> = identifiers.map(|element| oid_name(element.contents)).collect();
    if words.is_empty() {
        return "an algorithm that cannot be decoded".to_owned();
    }
    words.join(" with ")
}

/// An object identifier from its contents: its name where it has one, and its number.
pub(super) fn oid_name(contents: &[u8]) -> String {
    let oid = Oid::new(contents.into());
    let number = printable(&oid.to_id_string());
    oid2sn(&oid, oid_registry()).map_or(number.clone(), |name| format!("{name} ({number})"))
}
