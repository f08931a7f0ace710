//! Takes a private key apart, with no regard to its label: PKCS#8 (RFC 5958), SEC1 (RFC 5915) or
//! PKCS#1 (RFC 8017).

use crate::certificate::der::{
    self, BIT_STRING, Element, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE,
};
use crate::crypto::KeyError;

/// A private key's parts, borrowed from its DER.
pub(super) enum PrivateKey<'a> {
    Ec(EcKey<'a>),
    Ed25519 {
        seed: &'a [u8],
        public: Option<&'a [u8]>,
    },
    /// The RSAPrivateKey, with its header.
    Rsa(&'a [u8]),
}

/// An ECPrivateKey.
pub(super) struct EcKey<'a> {
    /// `None` where the key does not name it.
    pub(super) curve: Option<Curve>,
    pub(super) secret: &'a [u8],
    /// The point, in the form that the key has.
    pub(super) public: Option<&'a [u8]>,
}

/// The curves that the provider signs on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
}

impl Curve {
    /// The curve whose secrets have this length in bytes.
    pub(super) fn of_length(length: usize) -> Option<Self> {
        [Self::P256, Self::P384].into_iter().find(|curve| curve.length() == length)
    }

    /// The length of a secret, and of each coordinate of a point.
    pub(super) fn length(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }
}

const MALFORMED: KeyError = KeyError::Malformed(
    "it is none of PKCS#8, SEC1 and PKCS#1, or some of its bytes are lost or changed",
);

/// Takes the key apart.
pub(super) fn read(der: &[u8]) -> Result<PrivateKey<'_>, KeyError> {
    let mut parts = only_sequence(der)?;
    let first = next(&mut parts)?;
    let second = next(&mut parts)?;
    match (first.tag, second.tag) {
        (INTEGER, SEQUENCE) => pkcs8(first, second, parts),
        (INTEGER, OCTET_STRING) => ec_key(second, parts, None).map(PrivateKey::Ec),
        (INTEGER, INTEGER) => rsa(der).map(PrivateKey::Rsa),
        (SEQUENCE, OCTET_STRING) => Err(KeyError::Encrypted),
        (SEQUENCE, BIT_STRING) => Err(KeyError::Malformed("it is a public key")),
        _ => Err(MALFORMED),
    }
}

/// The next element. No error says what it is: it could be a part of the key.
fn next<'a>(parts: &mut Reader<'a>) -> Result<Element<'a>, KeyError> {
    parts.next_element().ok_or(MALFORMED)
}

/// The contents of the next element, which must have this tag.
fn take<'a>(parts: &mut Reader<'a>, tag: u8) -> Result<&'a [u8], KeyError> {
    let element = parts.take(tag).ok_or(MALFORMED)?;
    Ok(element.contents)
}

/// The contents of the next element, if it is there and has the tag `[number]`.
fn take_tagged<'a>(parts: &mut Reader<'a>, number: u8) -> Option<&'a [u8]> {
    let element =
        parts.take(der::primitive(number)).or_else(|| parts.take(der::constructed(number)))?;
    Some(element.contents)
}

/// The elements of the one SEQUENCE that there is.
fn only_sequence(der: &[u8]) -> Result<Reader<'_>, KeyError> {
    /// Every key that is supported is much shorter.
    const MAX_LENGTH: usize = 0xffff;
    let mut outer = Reader(der);
    let contents = take(&mut outer, SEQUENCE)?;
    if contents.len() > MAX_LENGTH {
        return Err(MALFORMED);
    }
    if !outer.is_empty() {
        return Err(KeyError::Malformed("there are bytes after its end"));
    }
    Ok(Reader(contents))
}

/// Object identifiers, as the contents of their DER.
mod oid {
    pub const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
    pub const RSASSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0a];
    pub const PKCS3_DIFFIE_HELLMAN: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 3, 1];
    pub const X9_DIFFIE_HELLMAN: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3e, 2, 1];
    pub const DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1];
    pub const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    pub const SECP256R1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    pub const SECP256K1: &[u8] = &[0x2b, 0x81, 4, 0, 0x0a];
    pub const SECP224R1: &[u8] = &[0x2b, 0x81, 4, 0, 0x21];
    pub const SECP384R1: &[u8] = &[0x2b, 0x81, 4, 0, 0x22];
    pub const SECP521R1: &[u8] = &[0x2b, 0x81, 4, 0, 0x23];
    pub const BRAINPOOL_P256R1: &[u8] = &[0x2b, 0x24, 3, 3, 2, 8, 1, 1, 7];
    pub const BRAINPOOL_P384R1: &[u8] = &[0x2b, 0x24, 3, 3, 2, 8, 1, 1, 0x0b];
    pub const BRAINPOOL_P512R1: &[u8] = &[0x2b, 0x24, 3, 3, 2, 8, 1, 1, 0x0d];
    pub const X25519: &[u8] = &[0x2b, 0x65, 0x6e];
    pub const X448: &[u8] = &[0x2b, 0x65, 0x6f];
    pub const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
    pub const ED448: &[u8] = &[0x2b, 0x65, 0x71];
    pub const SM2: &[u8] = &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 1, 0x82, 0x2d];
    pub const ML_DSA_44: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 0x11];
    pub const ML_DSA_65: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 0x12];
    pub const ML_DSA_87: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 0x13];
}

fn pkcs8<'a>(
    version: Element<'a>,
    algorithm: Element<'a>,
    mut parts: Reader<'a>,
) -> Result<PrivateKey<'a>, KeyError> {
    if !matches!(version.contents, [0 | 1]) {
        return Err(KeyError::Malformed("its PKCS#8 is of a version that does not exist"));
    }
    let mut algorithm = Reader(algorithm.contents);
    let identifier = take(&mut algorithm, OBJECT_IDENTIFIER)?;
    let key = take(&mut parts, OCTET_STRING)?;
    let _attributes = take_tagged(&mut parts, 0);
    let public = take_tagged(&mut parts, 1).and_then(whole_bytes);
    match identifier {
        oid::RSA_ENCRYPTION => rsa(key).map(PrivateKey::Rsa),
        oid::EC_PUBLIC_KEY => {
            let curve = named_curve(algorithm)?;
            let mut inner = only_sequence(key)?;
            take(&mut inner, INTEGER)?;
            let secret = next(&mut inner)?;
            let mut key = ec_key(secret, inner, Some(curve))?;
            key.public = key.public.or(public);
            Ok(PrivateKey::Ec(key))
        }
        oid::ED25519 => {
            // RFC 8410, section 7: the seed is in an OCTET STRING of its own.
            let seed = take(&mut Reader(key), OCTET_STRING)?;
            Ok(PrivateKey::Ed25519 { seed, public })
        }
        other => Err(unsupported(kind(other))),
    }
}

/// The rest of an ECPrivateKey behind its version.
fn ec_key<'a>(
    secret: Element<'a>,
    mut parts: Reader<'a>,
    outer: Option<Curve>,
) -> Result<EcKey<'a>, KeyError> {
    if secret.tag != OCTET_STRING {
        return Err(MALFORMED);
    }
    let inner = match take_tagged(&mut parts, 0) {
        Some(parameters) => Some(named_curve(Reader(parameters))?),
        None => None,
    };
    if outer.is_some() && inner.is_some() && outer != inner {
        return Err(KeyError::Malformed("it names two curves"));
    }
    let public = take_tagged(&mut parts, 1).and_then(whole_bytes);
    Ok(EcKey { curve: outer.or(inner), secret: secret.contents, public })
}

/// The curve that the parameters of an EC key name.
fn named_curve(mut parameters: Reader<'_>) -> Result<Curve, KeyError> {
    let parameters = next(&mut parameters)?;
    if parameters.tag != OBJECT_IDENTIFIER {
        return Err(unsupported(
            "an EC key that spells its curve out (openssl ec -param_enc named_curve names it)",
        ));
    }
    match parameters.contents {
        oid::SECP256R1 => Ok(Curve::P256),
        oid::SECP384R1 => Ok(Curve::P384),
        oid::SECP224R1 => Err(unsupported("an EC key on P-224 (secp224r1)")),
        oid::SECP521R1 => Err(unsupported("an EC key on P-521 (secp521r1)")),
        oid::SECP256K1 => Err(unsupported("an EC key on secp256k1")),
        oid::BRAINPOOL_P256R1 => Err(unsupported("an EC key on brainpoolP256r1")),
        oid::BRAINPOOL_P384R1 => Err(unsupported("an EC key on brainpoolP384r1")),
        oid::BRAINPOOL_P512R1 => Err(unsupported("an EC key on brainpoolP512r1")),
        // Its number is not quoted: the file may be damaged, and the number a part of the key.
        _ => Err(unsupported("an EC key on a curve that is not known here")),
    }
}

fn unsupported(kind: &str) -> KeyError {
    KeyError::Unsupported { kind: kind.to_owned() }
}

/// The key of an algorithm that is not supported, in words.
fn kind(algorithm: &[u8]) -> &'static str {
    match algorithm {
        oid::RSASSA_PSS => "an RSA key for RSA-PSS alone (id-RSASSA-PSS)",
        oid::DSA => "a DSA key",
        oid::PKCS3_DIFFIE_HELLMAN | oid::X9_DIFFIE_HELLMAN => {
            "a Diffie-Hellman key (it cannot sign)"
        }
        oid::X25519 => "an X25519 key (it cannot sign)",
        oid::X448 => "an X448 key (it cannot sign)",
        oid::ED448 => "an Ed448 key",
        oid::SM2 => "an SM2 key",
        oid::ML_DSA_44 => "an ML-DSA-44 key",
        oid::ML_DSA_65 => "an ML-DSA-65 key",
        oid::ML_DSA_87 => "an ML-DSA-87 key",
        // Its number is not quoted: the file may be damaged, and the number a part of the key.
        _ => "a key of an algorithm that is not known here",
    }
}

/// An RSAPrivateKey of a kind and size that `ring` signs with, else what it is.
fn rsa(der: &[u8]) -> Result<&[u8], KeyError> {
    let mut parts = only_sequence(der)?;
    let version = take(&mut parts, INTEGER)?;
    let modulus = take(&mut parts, INTEGER)?;
    let exponent = take(&mut parts, INTEGER)?;
    let mut numbers = 3;
    while take(&mut parts, INTEGER).is_ok() {
        numbers += 1;
    }
    // A DSA key in OpenSSL's own form is a version and p, q, g, y, x.
    if numbers == 6 && parts.is_empty() {
        return Err(unsupported("a DSA key"));
    }
    if version != [0] {
        return Err(unsupported("an RSA key of more than two primes"));
    }
    if numbers != 9 {
        return Err(MALFORMED);
    }
    let (modulus_bits, exponent_bits) = (bits(modulus), bits(exponent));
    if !matches!(modulus_bits, 2048 | 3072 | 4096) {
        return Err(unsupported(&format!("an RSA key of {modulus_bits} bits")));
    }
    if !(17..=33).contains(&exponent_bits) {
        return Err(unsupported(&format!(
            "an RSA key of {modulus_bits} bits with a public exponent of {exponent_bits} bits"
        )));
    }
    Ok(der)
}

/// The length in bits of an INTEGER that is not negative.
fn bits(contents: &[u8]) -> usize {
    let zeros = contents.iter().take_while(|byte| **byte == 0).count();
    let digits = contents.get(zeros..).unwrap_or_default();
    let leading = digits.first().map_or(0, |byte| byte.leading_zeros() as usize);
    digits.len() * 8 - leading
}

/// The bytes of a BIT STRING: implicitly tagged, or with its own header inside.
fn whole_bytes(contents: &[u8]) -> Option<&[u8]> {
    der::whole_bytes(der::only(contents, BIT_STRING).unwrap_or(contents))
}
