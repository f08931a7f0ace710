//! Takes a private key apart, with no regard to its label: PKCS#8 (RFC 5958), SEC1 (RFC 5915) or
//! PKCS#1 (RFC 8017).

use x509_parser::asn1_rs::{Any, Class, FromDer, Oid, Tag};

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
    /// The point, in the form in which it stands there.
    pub(super) public: Option<&'a [u8]>,
}

/// The curves that the provider signs on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
}

impl Curve {
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
    let first = parts.next()?;
    let second = parts.next()?;
    match (first.tag(), second.tag()) {
        (Tag::Integer, Tag::Sequence) => pkcs8(first, second, parts),
        (Tag::Integer, Tag::OctetString) => ec_key(second, parts, None).map(PrivateKey::Ec),
        (Tag::Integer, Tag::Integer) => rsa(der).map(PrivateKey::Rsa),
        (Tag::Sequence, Tag::OctetString) => Err(KeyError::Encrypted),
        (Tag::Sequence, Tag::BitString) => Err(KeyError::Malformed("it is a public key")),
        _ => Err(MALFORMED),
    }
}

/// Elements one after the other.
#[derive(Clone, Copy)]
struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    fn next(&mut self) -> Result<Any<'a>, KeyError> {
        // What the parser says could quote the key.
        let (rest, any) = Any::from_der(self.0).map_err(|_| MALFORMED)?;
        self.0 = rest;
        Ok(any)
    }

    fn take(&mut self, tag: Tag) -> Result<&'a [u8], KeyError> {
        let any = self.next()?;
        match any.class() == Class::Universal && any.tag() == tag {
            true => Ok(any.data),
            false => Err(MALFORMED),
        }
    }

    /// The contents of the next element, if it is there and has the tag `[number]`.
    fn take_tagged(&mut self, number: u32) -> Option<&'a [u8]> {
        let (rest, any) = Any::from_der(self.0).ok()?;
        if any.class() != Class::ContextSpecific || any.tag() != Tag(number) {
            return None;
        }
        self.0 = rest;
        Some(any.data)
    }
}

/// The elements of the one SEQUENCE that there is.
fn only_sequence(der: &[u8]) -> Result<Parts<'_>, KeyError> {
    let mut outer = Parts(der);
    let contents = outer.take(Tag::Sequence)?;
    match outer.0.is_empty() {
        true => Ok(Parts(contents)),
        false => Err(KeyError::Malformed("there are bytes after its end")),
    }
}

fn pkcs8<'a>(
    version: Any<'a>,
    algorithm: Any<'a>,
    mut parts: Parts<'a>,
) -> Result<PrivateKey<'a>, KeyError> {
    if !matches!(version.data, [0 | 1]) {
        return Err(KeyError::Malformed("its PKCS#8 is of a version that does not exist"));
    }
    let mut algorithm = Parts(algorithm.data);
    let identifier = algorithm.take(Tag::Oid)?;
    let key = parts.take(Tag::OctetString)?;
    let _attributes = parts.take_tagged(0);
    let public = parts.take_tagged(1).and_then(whole_bytes);
    match Oid::new(identifier.into()).to_id_string().as_str() {
        "1.2.840.113549.1.1.1" => rsa(key).map(PrivateKey::Rsa),
        "1.2.840.10045.2.1" => {
            let curve = named_curve(algorithm)?;
            let mut inner = only_sequence(key)?;
            inner.take(Tag::Integer)?;
            let secret = inner.next()?;
            let mut key = ec_key(secret, inner, Some(curve))?;
            key.public = key.public.or(public);
            Ok(PrivateKey::Ec(key))
        }
        "1.3.101.112" => {
            // RFC 8410, section 7: the seed is in an OCTET STRING of its own.
            let seed = Parts(key).take(Tag::OctetString)?;
            Ok(PrivateKey::Ed25519 { seed, public })
        }
        other => Err(KeyError::Unsupported { kind: kind(other) }),
    }
}

/// The rest of an ECPrivateKey behind its version.
fn ec_key<'a>(
    secret: Any<'a>,
    mut parts: Parts<'a>,
    outer: Option<Curve>,
) -> Result<EcKey<'a>, KeyError> {
    if secret.tag() != Tag::OctetString {
        return Err(MALFORMED);
    }
    let inner =
        parts.take_tagged(0).map(|parameters| named_curve(Parts(parameters))).transpose()?;
    if outer.is_some() && inner.is_some() && outer != inner {
        return Err(KeyError::Malformed("it names two curves"));
    }
    let public = parts.take_tagged(1).and_then(whole_bytes);
    Ok(EcKey { curve: outer.or(inner), secret: secret.data, public })
}

/// The curve that the parameters of an EC key name.
fn named_curve(mut parameters: Parts<'_>) -> Result<Curve, KeyError> {
    let unsupported = |kind: String| Err(KeyError::Unsupported { kind });
    let parameters = parameters.next()?;
    if parameters.tag() != Tag::Oid {
        let kind =
            "an EC key that spells its curve out (openssl ec -param_enc named_curve names it)";
        return unsupported(kind.into());
    }
    match Oid::new(parameters.data.into()).to_id_string().as_str() {
        "1.2.840.10045.3.1.7" => Ok(Curve::P256),
        "1.3.132.0.34" => Ok(Curve::P384),
        "1.3.132.0.33" => unsupported("an EC key on P-224 (secp224r1)".into()),
        "1.3.132.0.35" => unsupported("an EC key on P-521 (secp521r1)".into()),
        "1.3.132.0.10" => unsupported("an EC key on secp256k1".into()),
        "1.3.36.3.3.2.8.1.1.7" => unsupported("an EC key on brainpoolP256r1".into()),
        "1.3.36.3.3.2.8.1.1.11" => unsupported("an EC key on brainpoolP384r1".into()),
        "1.3.36.3.3.2.8.1.1.13" => unsupported("an EC key on brainpoolP512r1".into()),
        // Its number is not quoted: the file may be damaged, and the number a part of the key.
        _ => unsupported("an EC key on a curve that is not known here".into()),
    }
}

/// The key of an algorithm that is not supported, in words.
fn kind(algorithm: &str) -> String {
    let name = match algorithm {
        "1.2.840.113549.1.1.10" => "an RSA key for RSA-PSS alone (id-RSASSA-PSS)",
        "1.2.840.10040.4.1" => "a DSA key",
        "1.2.840.113549.1.3.1" | "1.2.840.10046.2.1" => "a Diffie-Hellman key (it cannot sign)",
        "1.3.101.110" => "an X25519 key (it cannot sign)",
        "1.3.101.111" => "an X448 key (it cannot sign)",
        "1.3.101.113" => "an Ed448 key",
        "1.2.156.10197.1.301" => "an SM2 key",
        "2.16.840.1.101.3.4.3.17" => "an ML-DSA-44 key",
        "2.16.840.1.101.3.4.3.18" => "an ML-DSA-65 key",
        "2.16.840.1.101.3.4.3.19" => "an ML-DSA-87 key",
        // Its number is not quoted: the file may be damaged, and the number a part of the key.
        _ => "a key of an algorithm that is not known here",
    };
    name.to_owned()
}

/// An RSAPrivateKey of a kind and size that `ring` signs with, else what it is.
fn rsa(der: &[u8]) -> Result<&[u8], KeyError> {
    let mut parts = only_sequence(der)?;
    let version = parts.take(Tag::Integer)?;
    let modulus = parts.take(Tag::Integer)?;
    let exponent = parts.take(Tag::Integer)?;
    let mut numbers = 3;
    while parts.take(Tag::Integer).is_ok() {
        numbers += 1;
    }
    let unsupported = |kind: String| Err(KeyError::Unsupported { kind });
    // A DSA key in OpenSSL's own form is a version and p, q, g, y, x.
    if numbers == 6 {
        return unsupported("a DSA key".into());
    }
    if version != [0] {
        return unsupported("an RSA key of more than two primes".into());
    }
    if numbers != 9 {
        return Err(MALFORMED);
    }
    let bits = bits(modulus);
    if !matches!(bits, 2048 | 3072 | 4096) {
        return unsupported(format!("an RSA key of {bits} bits"));
    }
    if !(17..=33).contains(&self::bits(exponent)) {
        return unsupported(format!(
            "an RSA key of {bits} bits with a public exponent of {} bits",
            self::bits(exponent)
        ));
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
    let contents = match Any::from_der(contents) {
        Ok((&[], any)) if any.tag() == Tag::BitString => any.data,
        _ => contents,
    };
    contents.strip_prefix(&[0])
}
