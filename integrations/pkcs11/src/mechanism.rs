//! The kinds of keys, and how a token signs with them.

use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::types::Ulong;
use handclasp::certificate::{Digests, der};
use handclasp::pki_types::{AlgorithmIdentifier, alg_id};
use handclasp::registry::SignatureScheme;

use crate::error::TokenError;

/// The kind of a key, as its token describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Ec(Curve),
    Ed25519,
    Rsa,
}

/// The curves of ECDSA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    /// The curve with these parameters: the DER of its object identifier.
    pub(crate) fn of_parameters(parameters: &[u8]) -> Option<Self> {
        let is_identifier = parameters.first() == Some(&der::OBJECT_IDENTIFIER);
        let of_these = |curve: &Self| curve.algorithm().ends_with(parameters);
        if is_identifier { Self::ALL.into_iter().find(of_these) } else { None }
    }

    /// The algorithm of its public keys.
    pub(crate) fn algorithm(self) -> AlgorithmIdentifier {
        match self {
            Self::P256 => alg_id::ECDSA_P256,
            Self::P384 => alg_id::ECDSA_P384,
            Self::P521 => alg_id::ECDSA_P521,
        }
    }

    /// The length in bytes of a point that is not compressed (SEC 1, section 2.3.3).
    pub(crate) fn point_length(self) -> usize {
        1 + 2 * self.length()
    }

    /// The length in bytes of each coordinate, and of each half of a signature.
    fn length(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// The hashes that signatures are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    fn digest(self, digests: &Digests, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => (digests.sha256)(message).to_vec(),
            Self::Sha384 => (digests.sha384)(message).to_vec(),
            Self::Sha512 => (digests.sha512)(message).to_vec(),
        }
    }

    /// MGF1 and the salt are those that TLS 1.3 has: of the same hash (RFC 9846, section 4.3.3).
    fn pss(self) -> PkcsPssParams {
        let (hash_alg, mgf, s_len) = match self {
            Self::Sha256 => (MechanismType::SHA256, PkcsMgfType::MGF1_SHA256, Ulong::from(32)),
            Self::Sha384 => (MechanismType::SHA384, PkcsMgfType::MGF1_SHA384, Ulong::from(48)),
            Self::Sha512 => (MechanismType::SHA512, PkcsMgfType::MGF1_SHA512, Ulong::from(64)),
        };
        PkcsPssParams { hash_alg, mgf, s_len }
    }
}

/// A mechanism of the token that makes signatures of a scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// The token gets the hash.
    EcdsaOfHash(Curve, Hash),
    /// The token gets the message.
    EcdsaOfMessage(Curve, Hash),
    PssOfHash(Hash),
    PssOfMessage(Hash),
    Ed25519,
}

impl Method {
    pub(crate) fn mechanism_type(self) -> MechanismType {
        self.mechanism().mechanism_type()
    }

    pub(crate) fn mechanism(self) -> Mechanism<'static> {
        match self {
            Self::EcdsaOfHash(..) => Mechanism::Ecdsa,
            Self::EcdsaOfMessage(_, Hash::Sha256) => Mechanism::EcdsaSha256,
            Self::EcdsaOfMessage(_, Hash::Sha384) => Mechanism::EcdsaSha384,
            Self::EcdsaOfMessage(_, Hash::Sha512) => Mechanism::EcdsaSha512,
            Self::PssOfHash(hash) => Mechanism::RsaPkcsPss(hash.pss()),
            Self::PssOfMessage(Hash::Sha256) => Mechanism::Sha256RsaPkcsPss(Hash::Sha256.pss()),
            Self::PssOfMessage(Hash::Sha384) => Mechanism::Sha384RsaPkcsPss(Hash::Sha384.pss()),
            Self::PssOfMessage(Hash::Sha512) => Mechanism::Sha512RsaPkcsPss(Hash::Sha512.pss()),
            Self::Ed25519 => Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519)),
        }
    }

    /// Whether the token takes the message in pieces. It does so only with the mechanisms that hash.
    pub(crate) fn takes_pieces(self) -> bool {
        matches!(self, Self::EcdsaOfMessage(..) | Self::PssOfMessage(_))
    }

    /// What the token gets: the message, or its hash.
    pub(crate) fn input(self, digests: &Digests, message: &[u8]) -> Vec<u8> {
        match self {
            Self::EcdsaOfHash(_, hash) | Self::PssOfHash(hash) => hash.digest(digests, message),
            Self::EcdsaOfMessage(..) | Self::PssOfMessage(_) | Self::Ed25519 => message.to_vec(),
        }
    }

    /// The signature as TLS has it, from that of the token.
    pub(crate) fn output(self, signature: Vec<u8>) -> Result<Vec<u8>, TokenError> {
        match self {
            Self::EcdsaOfHash(curve, _) | Self::EcdsaOfMessage(curve, _) => {
                ecdsa_der(&signature, curve.length())
            }
            Self::PssOfHash(_) | Self::PssOfMessage(_) | Self::Ed25519 => Ok(signature),
        }
    }
}

/// A scheme that a key signs with, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SchemeMethod {
    pub(crate) scheme: SignatureScheme,
    pub(crate) method: Method,
}

/// The methods of a kind of key, the preferred ones first. For an RSA key, `pss_key` says what its certificate allows.
pub(crate) fn methods(kind: KeyKind, pss_key: PssKey) -> Vec<SchemeMethod> {
    let scheme_method = |scheme, method| SchemeMethod { scheme, method };
    match kind {
        KeyKind::Ec(curve) => {
            let (scheme, hash) = match curve {
                Curve::P256 => (SignatureScheme::ECDSA_SECP256R1_SHA256, Hash::Sha256),
                Curve::P384 => (SignatureScheme::ECDSA_SECP384R1_SHA384, Hash::Sha384),
                Curve::P521 => (SignatureScheme::ECDSA_SECP521R1_SHA512, Hash::Sha512),
            };
            vec![
                scheme_method(scheme, Method::EcdsaOfHash(curve, hash)),
                scheme_method(scheme, Method::EcdsaOfMessage(curve, hash)),
            ]
        }
        KeyKind::Ed25519 => vec![scheme_method(SignatureScheme::ED25519, Method::Ed25519)],
        KeyKind::Rsa => {
            let mut methods = Vec::new();
            for (hash, of_rsa_key, of_pss_key) in [
                (
                    Hash::Sha256,
                    SignatureScheme::RSA_PSS_RSAE_SHA256,
                    SignatureScheme::RSA_PSS_PSS_SHA256,
                ),
                (
                    Hash::Sha384,
                    SignatureScheme::RSA_PSS_RSAE_SHA384,
                    SignatureScheme::RSA_PSS_PSS_SHA384,
                ),
                (
                    Hash::Sha512,
                    SignatureScheme::RSA_PSS_RSAE_SHA512,
                    SignatureScheme::RSA_PSS_PSS_SHA512,
                ),
            ] {
                let scheme = match pss_key {
                    PssKey::No => of_rsa_key,
                    PssKey::Any => of_pss_key,
                    PssKey::Only(only) if only == hash => of_pss_key,
                    PssKey::Only(_) => continue,
                };
                methods.push(scheme_method(scheme, Method::PssOfHash(hash)));
                methods.push(scheme_method(scheme, Method::PssOfMessage(hash)));
            }
            methods
        }
    }
}

/// Whether a certificate limits its RSA key to RSA-PSS (RFC 4055, section 1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PssKey {
    No,
    /// To RSA-PSS with any parameters.
    Any,
    /// To RSA-PSS with this hash.
    Only(Hash),
}

impl PssKey {
    /// From a SubjectPublicKeyInfo. `None` where its key is limited to parameters that TLS 1.3 does not have.
    pub(crate) fn of(spki: &[u8]) -> Option<Self> {
        /// The DER of id-RSASSA-PSS.
        const RSASSA_PSS: [u8; 11] = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 0x0a];
        let algorithm = algorithm_of(spki)?;
        if !algorithm.starts_with(&RSASSA_PSS) {
            return Some(Self::No);
        }
        if algorithm == RSASSA_PSS {
            return Some(Self::Any);
        }
        let with_parameters = [
            (alg_id::RSA_PSS_SHA256, Hash::Sha256),
            (alg_id::RSA_PSS_SHA384, Hash::Sha384),
            (alg_id::RSA_PSS_SHA512, Hash::Sha512),
        ];
        let found = with_parameters.iter().find(|(identifier, _)| **identifier == *algorithm);
        found.map(|(_, hash)| Self::Only(*hash))
    }
}

/// The contents of the AlgorithmIdentifier of a SubjectPublicKeyInfo.
pub(crate) fn algorithm_of(spki: &[u8]) -> Option<&[u8]> {
    let mut fields = der::Reader(der::only(spki, der::SEQUENCE)?);
    fields.take(der::SEQUENCE).map(|algorithm| algorithm.contents)
}

/// The DER of a number that is not negative, from its bytes.
pub(crate) fn integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let digits = number.get(zeros..).unwrap_or_default();
    let needs_zero = digits.first().is_none_or(|first| *first >= 0x80);
    let sign: &[u8] = if needs_zero { &[0] } else { &[] };
    der::wrap(der::INTEGER, &[sign, digits].concat())
}

/// An ECDSA-Sig-Value (RFC 3279, section 2.2.3), from r and s of this length one behind the other.
fn ecdsa_der(signature: &[u8], length: usize) -> Result<Vec<u8>, TokenError> {
    if signature.len() != 2 * length {
        return Err(TokenError::Signature { length: signature.len() });
    }
    let (r, s) = signature.split_at(length);
    Ok(der::wrap(der::SEQUENCE, &[integer(r), integer(s)].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_and_s_become_integers_that_are_short_and_not_negative() {
        let mut signature = vec![0; 64];
        signature[31] = 1;
        signature[32] = 0x80;
        let mut expected = vec![0x30, 38, 2, 1, 1, 2, 33, 0, 0x80];
        expected.extend([0; 31]);
        assert_eq!(ecdsa_der(&signature, 32), Ok(expected));
        assert_eq!(ecdsa_der(&[0; 2], 1), Ok(vec![0x30, 6, 2, 1, 0, 2, 1, 0]));
        assert_eq!(ecdsa_der(&[1; 63], 32), Err(TokenError::Signature { length: 63 }));
    }

    #[test]
    fn a_curve_is_known_by_its_whole_identifier() {
        for curve in Curve::ALL {
            let algorithm = curve.algorithm();
            let mut fields = der::Reader(&algorithm);
            fields.take(der::OBJECT_IDENTIFIER).unwrap();
            let parameters = fields.0;
            assert_eq!(Curve::of_parameters(parameters), Some(curve));
            assert_eq!(Curve::of_parameters(&parameters[1..]), None);
        }
        assert_eq!(Curve::of_parameters(&[]), None);
        // The object identifier of secp256k1.
        assert_eq!(Curve::of_parameters(&[6, 5, 0x2b, 0x81, 4, 0, 0x0a]), None);
    }

    #[test]
    fn a_certificate_limits_an_rsa_key_to_the_schemes_of_its_parameters() {
        let spki = |algorithm: &[u8]| der::subject_public_key_info(algorithm, &[0x30, 0]);
        let schemes = |spki: &[u8]| -> Vec<SignatureScheme> {
            let methods = methods(KeyKind::Rsa, PssKey::of(spki).unwrap());
            methods.iter().map(|method| method.scheme).collect()
        };
        assert!(
            schemes(&spki(&alg_id::RSA_ENCRYPTION)).contains(&SignatureScheme::RSA_PSS_RSAE_SHA512)
        );
        let any = alg_id::RSA_PSS_SHA256[..11].to_vec();
        assert!(schemes(&spki(&any)).contains(&SignatureScheme::RSA_PSS_PSS_SHA512));
        let only = schemes(&spki(&alg_id::RSA_PSS_SHA384));
        assert!(only.iter().all(|scheme| *scheme == SignatureScheme::RSA_PSS_PSS_SHA384));
        let other = [&any[..], &[0x30, 0]].concat();
        assert_eq!(PssKey::of(&spki(&other)), None);
    }
}
