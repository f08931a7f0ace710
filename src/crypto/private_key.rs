//! Takes a private key apart, with no regard to its label: PKCS#8 (RFC 5958), SEC1 (RFC 5915) or
//! PKCS#1 (RFC 8017). The built-in providers share it: each decides which of the keys it signs with.

use pki_types::{AlgorithmIdentifier, alg_id};
use zeroize::Zeroizing;

use super::KeyError;
use crate::certificate::der::{
    self, BIT_STRING, Element, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE,
    subject_public_key_info,
};

/// A private key's parts, borrowed from its DER.
pub(super) enum PrivateKey<'a> {
    Ec(EcKey<'a>),
    Ed25519 { seed: &'a [u8], public: Option<&'a [u8]> },
    Rsa(RsaKey<'a>),
    MlDsa(MlDsaKey<'a>),
}

/// An ECPrivateKey.
pub(super) struct EcKey<'a> {
    /// `None` where the key does not name it.
    curve: Option<Curve>,
    secret: &'a [u8],
    /// The point, in the form that the key has.
    public: Option<&'a [u8]>,
}

/// The curves of ECDSA.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    /// The curve whose secrets have this length in bytes.
    fn of_length(length: usize) -> Option<Self> {
        [Self::P256, Self::P384, Self::P521].into_iter().find(|curve| curve.length() == length)
    }

    /// The length of a secret, and of each coordinate of a point.
    fn length(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// The algorithm of its public keys.
    pub(super) fn algorithm(self) -> AlgorithmIdentifier {
        match self {
            Self::P256 => alg_id::ECDSA_P256,
            Self::P384 => alg_id::ECDSA_P384,
            Self::P521 => alg_id::ECDSA_P521,
        }
    }
}

impl EcKey<'_> {
    /// The curve that the key names, or else the one that its length fits.
    pub(super) fn curve(&self) -> Result<Curve, KeyError> {
        let named = self.curve.or_else(|| Curve::of_length(self.secret.len()));
        named.ok_or(KeyError::Malformed("it is an EC key that names no curve"))
    }

    /// Makes a pair of the key and its public half. If the key does not have it, or has it compressed,
    /// it is the one of `public_keys` that belongs to the key. `pair` gets the secret at its full length
    /// and a point that is not compressed. It returns `None` if the point is another one than that of
    /// the secret.
    pub(super) fn pair<K>(
        &self,
        public_keys: &[&[u8]],
        pair: impl Fn(&[u8], &[u8]) -> Option<K>,
    ) -> Result<K, KeyError> {
        let curve = self.curve()?;
        let secret = padded(self.secret, curve.length())?;
        if let Some(point @ [UNCOMPRESSED, ..]) = self.public {
            return pair(&secret, point).ok_or(KeyError::Inconsistent);
        }
        for spki in public_keys {
            let Some(point) = point_in(spki, curve) else { continue };
            if let Some(pair) = pair(&secret, point) {
                return Ok(pair);
            }
        }
        Err(KeyError::NoPublicKey)
    }
}

/// The first byte of a point that is not compressed (SEC 1, section 2.3.3).
pub(super) const UNCOMPRESSED: u8 = 4;

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
    (spki == subject_public_key_info(&curve.algorithm(), point)).then_some(point)
}

/// An RSAPrivateKey.
pub(super) struct RsaKey<'a> {
    /// Its DER, with its header.
    pub(super) der: &'a [u8],
    /// The contents of the AlgorithmIdentifier of its public key.
    pub(super) algorithm: Vec<u8>,
    pub(super) modulus_bits: usize,
    exponent_bits: usize,
}

impl RsaKey<'_> {
    /// Whether the key may sign with RSA-PSS only: its algorithm is id-RSASSA-PSS (RFC 4055, section 1.2).
    pub(super) fn is_for_pss(&self) -> bool {
        *self.algorithm != *alg_id::RSA_ENCRYPTION
    }

    /// Checks that the exponent is of a size that every provider takes.
    pub(super) fn check_exponent(&self) -> Result<(), KeyError> {
        let Self { modulus_bits, exponent_bits, .. } = self;
        if (17..=33).contains(exponent_bits) {
            return Ok(());
        }
        Err(unsupported(&format!(
            "an RSA key of {modulus_bits} bits with a public exponent of {exponent_bits} bits"
        )))
    }

    /// The error for a key of this size, from a provider that does not sign with it.
    pub(super) fn unsupported_size(&self) -> KeyError {
        unsupported(&format!("an RSA key of {} bits", self.modulus_bits))
    }
}

/// The parameter sets of ML-DSA (FIPS 204).
#[derive(Clone, Copy)]
pub(super) enum MlDsa {
    MlDsa44,
    MlDsa65,
    MlDsa87,
}

/// A private key of ML-DSA, whose form was checked.
pub(super) struct MlDsaKey<'a> {
    pub(super) parameters: MlDsa,
    #[cfg_attr(not(feature = "aws-lc-rs"), allow(dead_code, reason = "`ring` has no ML-DSA"))]
    pub(super) public: Option<&'a [u8]>,
}

impl MlDsa {
    /// The length in bytes of a key that is expanded from its seed (FIPS 204, table 2).
    fn expanded_length(self) -> usize {
        match self {
            Self::MlDsa44 => 2560,
            Self::MlDsa65 => 4032,
            Self::MlDsa87 => 4896,
        }
    }

    /// What a provider without ML-DSA says of the key.
    #[cfg(feature = "ring")]
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::MlDsa44 => "an ML-DSA-44 key",
            Self::MlDsa65 => "an ML-DSA-65 key",
            Self::MlDsa87 => "an ML-DSA-87 key",
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
        (INTEGER, OCTET_STRING) => ec_key(first, second, parts, None).map(PrivateKey::Ec),
        (INTEGER, INTEGER) => rsa(der, &alg_id::RSA_ENCRYPTION).map(PrivateKey::Rsa),
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

/// The public key `[1]` beside a private key, if it is there.
fn take_public_key<'a>(parts: &mut Reader<'a>) -> Result<Option<&'a [u8]>, KeyError> {
    let Some(contents) = take_tagged(parts, 1) else { return Ok(None) };
    let public = whole_bytes(contents);
    public.map(Some).ok_or(KeyError::Malformed("its public half is not whole bytes"))
}

/// Nothing may follow what a key has.
fn check_end(parts: &Reader<'_>) -> Result<(), KeyError> {
    if parts.is_empty() { Ok(()) } else { Err(MALFORMED) }
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
    let whole_algorithm = algorithm.contents;
    let mut algorithm = Reader(whole_algorithm);
    let identifier = take(&mut algorithm, OBJECT_IDENTIFIER)?;
    let key = take(&mut parts, OCTET_STRING)?;
    let _attributes = take_tagged(&mut parts, 0);
    let public = take_public_key(&mut parts)?;
    check_end(&parts)?;
    match identifier {
        oid::RSA_ENCRYPTION => rsa(key, &alg_id::RSA_ENCRYPTION).map(PrivateKey::Rsa),
        oid::RSASSA_PSS => rsa(key, whole_algorithm).map(PrivateKey::Rsa),
        oid::ML_DSA_44 => ml_dsa(MlDsa::MlDsa44, key, public),
        oid::ML_DSA_65 => ml_dsa(MlDsa::MlDsa65, key, public),
        oid::ML_DSA_87 => ml_dsa(MlDsa::MlDsa87, key, public),
        oid::EC_PUBLIC_KEY => {
            let curve = named_curve(algorithm)?;
            let mut inner = only_sequence(key)?;
            let version = next(&mut inner)?;
            let secret = next(&mut inner)?;
            let mut key = ec_key(version, secret, inner, Some(curve))?;
            key.public = key.public.or(public);
            Ok(PrivateKey::Ec(key))
        }
        oid::ED25519 => {
            // RFC 8410, section 7: the seed is in an OCTET STRING of its own.
            let seed = der::only(key, OCTET_STRING).ok_or(MALFORMED)?;
            if seed.len() != 32 {
                return Err(KeyError::Malformed("its Ed25519 seed is not 32 bytes long"));
            }
            Ok(PrivateKey::Ed25519 { seed, public })
        }
        other => Err(unsupported(kind(other))),
    }
}

/// Checks that the key is a seed, an expanded key or both, of the lengths of its parameter set (RFC 9881,
/// section 6). Whether the two belong together, the provider checks.
fn ml_dsa<'a>(
    parameters: MlDsa,
    key: &[u8],
    public: Option<&'a [u8]>,
) -> Result<PrivateKey<'a>, KeyError> {
    const SEED: u8 = der::primitive(0);
    const FORM: KeyError =
        KeyError::Malformed("its ML-DSA key is neither a seed, nor an expanded key, nor both");
    let mut parts = Reader(key);
    let form = parts.next_element().ok_or(FORM)?;
    if !parts.is_empty() {
        return Err(FORM);
    }
    let (seed, expanded) = match form.tag {
        SEED => (Some(form.contents), None),
        OCTET_STRING => (None, Some(form.contents)),
        SEQUENCE => {
            let both = der::fields(form.contents, [OCTET_STRING, OCTET_STRING]);
            let [seed, expanded] = both.ok_or(FORM)?;
            (Some(seed.contents), Some(expanded.contents))
        }
        _ => return Err(FORM),
    };
    if seed.is_some_and(|seed| seed.len() != 32) {
        return Err(KeyError::Malformed("the seed of its ML-DSA key is not 32 bytes long"));
    }
    if expanded.is_some_and(|expanded| expanded.len() != parameters.expanded_length()) {
        return Err(KeyError::Malformed(
            "its expanded ML-DSA key has another length than its algorithm demands",
        ));
    }
    Ok(PrivateKey::MlDsa(MlDsaKey { parameters, public }))
}

/// An ECPrivateKey (RFC 5915, section 3): its version, its secret and the rest.
fn ec_key<'a>(
    version: Element<'a>,
    secret: Element<'a>,
    mut parts: Reader<'a>,
    outer: Option<Curve>,
) -> Result<EcKey<'a>, KeyError> {
    if version.tag != INTEGER || version.contents != [1] || secret.tag != OCTET_STRING {
        return Err(MALFORMED);
    }
    let inner = match take_tagged(&mut parts, 0) {
        Some(parameters) => Some(named_curve(Reader(parameters))?),
        None => None,
    };
    if outer.is_some() && inner.is_some() && outer != inner {
        return Err(KeyError::Malformed("it names two curves"));
    }
    let public = take_public_key(&mut parts)?;
    check_end(&parts)?;
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
        oid::SECP521R1 => Ok(Curve::P521),
        oid::SECP224R1 => Err(unsupported("an EC key on P-224 (secp224r1)")),
        oid::SECP256K1 => Err(unsupported("an EC key on secp256k1")),
        oid::BRAINPOOL_P256R1 => Err(unsupported("an EC key on brainpoolP256r1")),
        oid::BRAINPOOL_P384R1 => Err(unsupported("an EC key on brainpoolP384r1")),
        oid::BRAINPOOL_P512R1 => Err(unsupported("an EC key on brainpoolP512r1")),
        // Its number is not quoted: the file may be damaged, and the number a part of the key.
        _ => Err(unsupported("an EC key on a curve that is not known here")),
    }
}

pub(super) fn unsupported(kind: &str) -> KeyError {
    KeyError::Unsupported { kind: kind.to_owned() }
}

/// The key of an algorithm that is not supported, in words.
fn kind(algorithm: &[u8]) -> &'static str {
    match algorithm {
        oid::DSA => "a DSA key",
        oid::PKCS3_DIFFIE_HELLMAN | oid::X9_DIFFIE_HELLMAN => {
            "a Diffie-Hellman key (it cannot sign)"
        }
        oid::X25519 => "an X25519 key (it cannot sign)",
        oid::X448 => "an X448 key (it cannot sign)",
        oid::ED448 => "an Ed448 key",
        oid::SM2 => "an SM2 key",
        // Its number is not quoted: the file may be damaged, and the number a part of the key.
        _ => "a key of an algorithm that is not known here",
    }
}

/// Reads an RSAPrivateKey. `algorithm` has the contents of its AlgorithmIdentifier.
fn rsa<'a>(der: &'a [u8], algorithm: &[u8]) -> Result<RsaKey<'a>, KeyError> {
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
    Ok(RsaKey {
        der,
        algorithm: algorithm.to_vec(),
        modulus_bits: bits(modulus),
        exponent_bits: bits(exponent),
    })
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
