//! Public keys, signatures, and which algorithm fits them.

use pki_types::{SignatureVerificationAlgorithm, alg_id};

use super::algorithm::{self, MGF1, NIST_HASHES, PKCS1, PssParameters};
use super::der::{self, Reader};
use super::error::SignatureError;
use super::{ml_dsa, oid};

/// rsaEncryption: 1.2.840.113549.1.1.1.
pub(super) const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// id-RSASSA-PSS: 1.2.840.113549.1.1.10.
pub(super) const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
/// id-ecPublicKey: 1.2.840.10045.2.1.
pub(super) const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

/// id-sha1: 1.3.14.3.2.26.
pub(super) const SHA1: &[u8] = &[0x2b, 14, 3, 2, 26];

/// The sizes of RSA keys that implementations verify with.
pub(super) const RSA_BITS: core::ops::RangeInclusive<usize> = 2048..=8192;

/// A public key, from a SubjectPublicKeyInfo.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct PublicKey<'a> {
    /// Contents of the AlgorithmIdentifier.
    pub(super) algorithm: &'a [u8],
    /// The bytes of the subjectPublicKey.
    pub(super) bytes: &'a [u8],
}

/// The numbers of an RSA key (RFC 8017, section A.1.1).
pub(super) struct RsaNumbers<'a> {
    /// How many bits the modulus has.
    pub(super) bits: usize,
    /// The contents of the INTEGER.
    pub(super) exponent: &'a [u8],
}

impl<'a> PublicKey<'a> {
    /// From a SubjectPublicKeyInfo with its header.
    pub(super) fn from_spki(spki: &'a [u8]) -> Option<Self> {
        Self::read(der::only(spki, der::SEQUENCE)?)
    }

    /// From the contents of a SubjectPublicKeyInfo.
    pub(super) fn read(contents: &'a [u8]) -> Option<Self> {
        let [algorithm, key] = der::fields(contents, [der::SEQUENCE, der::BIT_STRING])?;
        Some(Self { algorithm: algorithm.contents, bytes: der::whole_bytes(key.contents)? })
    }

    /// Whether both are one key for one algorithm, in any of the forms of the algorithm.
    pub(super) fn is_same(self, other: PublicKey<'_>) -> bool {
        self.bytes == other.bytes
            && algorithm::canonical(self.algorithm) == algorithm::canonical(other.algorithm)
    }

    /// Whether it is an RSA key of a size that implementations do not verify with.
    pub(super) fn is_of_unusual_size(self) -> bool {
        self.rsa().is_some_and(|key| key.bits > 0 && !RSA_BITS.contains(&key.bits))
    }

    /// The numbers of an RSA key. No bits and no exponent if it is malformed.
    pub(super) fn rsa(self) -> Option<RsaNumbers<'a>> {
        let identifier = Reader(self.algorithm).next_element()?;
        if ![RSA, RSA_PSS].contains(&identifier.contents) {
            return None;
        }
        let numbers = der::only(self.bytes, der::SEQUENCE)
            .and_then(|it| der::fields(it, [der::INTEGER, der::INTEGER]));
        let Some([modulus, exponent]) = numbers else {
            return Some(RsaNumbers { bits: 0, exponent: &[] });
        };
        let mut bytes = modulus.contents.iter().skip_while(|&&byte| byte == 0);
        let first = bytes.next().map_or(0, |byte| 8 - byte.leading_zeros() as usize);
        Some(RsaNumbers { bits: bytes.count() * 8 + first, exponent: exponent.contents })
    }

    /// Its algorithm as text for an error, with the size of an RSA key.
    pub(super) fn describe(self) -> String {
        let algorithm = describe(self.algorithm);
        match self.rsa() {
            Some(key) => format!("{algorithm} of {} bits", key.bits),
            None => algorithm,
        }
    }

    /// Its size in bits: of an RSA modulus, or of the field of a curve.
    pub(super) fn bits(self) -> Option<usize> {
        match self.algorithm {
            it if *it == *alg_id::ECDSA_P256 => Some(256),
            it if *it == *alg_id::ECDSA_P384 => Some(384),
            it if *it == *alg_id::ECDSA_P521 => Some(521),
            it if *it == *alg_id::ED25519 => Some(255),
            it if *it == *alg_id::ED448 => Some(448),
            _ => self.rsa().map(|key| key.bits),
        }
    }

    /// Whether the key is of the kind that this algorithm verifies with. The parameters of a key for
    /// RSA-PSS have more than one form (RFC 4055, section 2.1).
    pub(super) fn is_of_kind(self, algorithm: &dyn SignatureVerificationAlgorithm) -> bool {
        let kind = algorithm.public_key_alg_id();
        *self.algorithm == *kind
            || (self.is_for_pss() && *algorithm::canonical(self.algorithm) == *kind)
    }

    /// Whether it is an RSA key that signs with RSA-PSS only: id-RSASSA-PSS (RFC 4055, section 1.2).
    pub(super) fn is_for_pss(self) -> bool {
        let identifier = Reader(self.algorithm).next_element();
        identifier.is_some_and(|identifier| identifier.contents == RSA_PSS)
    }

    /// Verifies a signature. The `algorithms` are those of the signature, so only the key selects among
    /// them.
    pub(super) fn verify<'b>(
        self,
        algorithms: impl IntoIterator<Item = &'b dyn SignatureVerificationAlgorithm>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        let mut error = SignatureError::UnsupportedKey;
        // A signature with such a key proves nothing.
        if self.is_of_small_order() {
            return Err(error);
        }
        for algorithm in algorithms {
            if !self.is_of_kind(algorithm) {
                continue;
            }
            match algorithm.verify_signature(self.bytes, message, signature) {
                Ok(()) => return Ok(()),
                // For an RSA key of an unusual size every signature is invalid.
                Err(_) if self.is_of_unusual_size() => {}
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

/// The signed part and its signature: the beginning of a certificate, a CRL and an OCSP response.
#[derive(Clone, Copy)]
pub(super) struct Signed<'a> {
    /// The signed part with its header.
    pub(super) message: &'a [u8],
    /// Contents of the AlgorithmIdentifier.
    pub(super) algorithm: &'a [u8],
    pub(super) signature: &'a [u8],
}

impl<'a> Signed<'a> {
    /// Takes all three, and returns them and the fields of the signed part. The decoder of
    /// certificates has a reader of its own, whose errors name the field and the byte.
    pub(super) fn take(reader: &mut Reader<'a>) -> Option<(Self, Reader<'a>)> {
        let message = reader.take(der::SEQUENCE)?;
        let algorithm = reader.take(der::SEQUENCE)?.contents;
        let signature = der::whole_bytes(reader.take(der::BIT_STRING)?.contents)?;
        Some((Self { message: message.whole, algorithm, signature }, Reader(message.contents)))
    }

    /// As [`Self::take`], from contents that have nothing else.
    pub(super) fn read(contents: &'a [u8]) -> Option<(Self, Reader<'a>)> {
        let mut reader = Reader(contents);
        let signed = Self::take(&mut reader)?;
        if reader.is_empty() { Some(signed) } else { None }
    }

    /// Verifies that the key made the signature. The parameters of the algorithm must be those of an
    /// accepted algorithm, byte for byte, except for those that may be absent (RFC 4055, sections 2.1
    /// and 5).
    pub(super) fn verify(
        self,
        key: PublicKey<'_>,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
    ) -> Result<(), SignatureError> {
        let stated = algorithm::canonical(self.algorithm);
        let fitting = algorithms.iter().filter(|it| *it.signature_alg_id() == *stated);
        key.verify(fitting.copied(), self.message, self.signature)
    }

    /// Whether one of the algorithms verifies such signatures with keys of this kind.
    pub(super) fn is_accepted(
        self,
        key: PublicKey<'_>,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
    ) -> bool {
        let stated = algorithm::canonical(self.algorithm);
        let mut fitting = algorithms.iter().filter(|it| *it.signature_alg_id() == *stated);
        fitting.any(|it| key.is_of_kind(*it))
    }
}

/// An AlgorithmIdentifier's contents in words, for an error: its name where it has one, its
/// number, and those of its parameters that matter.
pub(super) fn describe(algorithm: &[u8]) -> String {
    let mut elements = Reader(algorithm);
    let Some(number) = elements.take(der::OBJECT_IDENTIFIER) else {
        return "an algorithm that cannot be decoded".to_owned();
    };
    let name = oid::describe(number.contents);
    match elements.next_element() {
        Some(curve) if curve.tag == der::OBJECT_IDENTIFIER => {
            format!("{name} with {}", oid::describe(curve.contents))
        }
        Some(parameters) if number.contents == RSA_PSS => {
            let words = pss_parameters(parameters.contents);
            format!("{name} with {}", words.unwrap_or_else(|| "malformed parameters".to_owned()))
        }
        Some(parameters) if number.contents == EC_PUBLIC_KEY && parameters.tag == der::SEQUENCE => {
            format!("{name} with a curve that is written out")
        }
        None if number.contents == RSA => format!("{name} without its parameters (NULL)"),
        Some(_) if ml_dsa::is_number(number.contents) => {
            format!("{name} with parameters, which must be absent")
        }
        _ => name,
    }
}

/// The contents of RSASSA-PSS-params in words (RFC 4055, section 3.1).
fn pss_parameters(contents: &[u8]) -> Option<String> {
    let parameters = PssParameters::read(contents)?;
    let mut hash = "SHA-1".to_owned();
    let mut mask = "MGF1 with SHA-1".to_owned();
    let mut salt = 20;
    if let Some(field) = parameters.hash {
        hash = hash_name(der::only(field.contents, der::SEQUENCE)?)?;
    }
    if let Some(field) = parameters.mask {
        let mut generator = Reader(der::only(field.contents, der::SEQUENCE)?);
        let number = generator.take(der::OBJECT_IDENTIFIER)?.contents;
        let inner = generator.take(der::SEQUENCE).and_then(|inner| hash_name(inner.contents));
        let is_mgf1 = number.strip_prefix(PKCS1) == Some(&[MGF1]);
        mask = match inner {
            Some(hash) if is_mgf1 => format!("MGF1 with {hash}"),
            _ => oid::describe(number),
        };
    }
    if let Some(field) = parameters.salt_length {
        salt = der::count(der::only(field.contents, der::INTEGER)?)?;
    }
    Some(format!("{hash}, {mask} and a salt of {salt} bytes"))
}

/// The hash of an AlgorithmIdentifier, from its contents.
fn hash_name(algorithm: &[u8]) -> Option<String> {
    let number = Reader(algorithm).take(der::OBJECT_IDENTIFIER)?.contents;
    if number == SHA1 {
        return Some("SHA-1".to_owned());
    }
    let name = match number.strip_prefix(NIST_HASHES) {
        Some([1]) => "SHA-256",
        Some([2]) => "SHA-384",
        Some([3]) => "SHA-512",
        Some([4]) => "SHA-224",
        Some([8]) => "SHA3-256",
        Some([9]) => "SHA3-384",
        Some([10]) => "SHA3-512",
        _ => return Some(oid::describe(number)),
    };
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(fields: &[(u8, Vec<u8>)]) -> Vec<u8> {
        let fields: Vec<u8> = fields
            .iter()
            .flat_map(|(number, value)| der::wrap(der::constructed(*number), value))
            .collect();
        let number = der::wrap(der::OBJECT_IDENTIFIER, RSA_PSS);
        [number, der::wrap(der::SEQUENCE, &fields)].concat()
    }

    fn hash(last: u8) -> Vec<u8> {
        let number = [NIST_HASHES, &[last]].concat();
        der::wrap(der::SEQUENCE, &der::wrap(der::OBJECT_IDENTIFIER, &number))
    }

    #[test]
    fn the_words_have_the_parameters_of_pss_which_default_to_those_of_the_rfc() {
        let mgf1 = der::wrap(der::OBJECT_IDENTIFIER, &[PKCS1, &[MGF1]].concat());
        let mask = der::wrap(der::SEQUENCE, &[mgf1, hash(2)].concat());
        let salt = der::wrap(der::INTEGER, &[0, 222]);
        for (fields, words) in [
            (vec![], "SHA-1, MGF1 with SHA-1 and a salt of 20 bytes"),
            (vec![(0, hash(1))], "SHA-256, MGF1 with SHA-1 and a salt of 20 bytes"),
            (
                vec![(0, hash(1)), (1, mask), (2, salt)],
                "SHA-256, MGF1 with SHA-384 and a salt of 222 bytes",
            ),
            (vec![(0, vec![5, 0])], "malformed parameters"),
        ] {
            let said = describe(&parameters(&fields));
            assert_eq!(said, format!("RSASSA-PSS (1.2.840.113549.1.1.10) with {words}"));
        }
    }
}
