use aws_lc_rs::signature::{self, ParsedPublicKey, VerificationAlgorithm};
use pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};

use super::key_form::KeyForm;
use super::parsed_keys::{self, Algorithms};
use super::{sha1, sha256, sha384, sha512};
use crate::certificate::Digests;
use crate::crypto::{SchemeAlgorithms, SignatureAlgorithms, StaticOrArc};
use crate::registry::SignatureScheme;

macro_rules! algorithms {
    ($($(#[$doc:meta])* $name:ident: $key:expr, $signature:ident, $form:expr, $aws_lc:ident;)*) => {
        $(
            $(#[$doc])*
            pub static $name: &dyn SignatureVerificationAlgorithm = &AwsLcAlgorithm {
                algorithms: Algorithms { public_key: $key, signature: alg_id::$signature },
                form: $form,
                algorithm: &signature::$aws_lc,
            };
        )*
    };
}

/// id-RSASSA-PSS without parameters: the key may sign with each hash (RFC 4055, section 1.2). A key of the
/// schemes rsa_pss_pss has this object identifier, with parameters or without (RFC 9846, section 4.3.3).
pub(super) const RSASSA_PSS: AlgorithmIdentifier = AlgorithmIdentifier::from_slice(&[
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a,
]);

const P256: KeyForm = KeyForm::Point(65);
const P384: KeyForm = KeyForm::Point(97);
const P521: KeyForm = KeyForm::Point(133);

algorithms! {
    /// ECDSA on P-256 with SHA-256.
    ECDSA_P256_SHA256: alg_id::ECDSA_P256, ECDSA_SHA256, P256, ECDSA_P256_SHA256_ASN1;
    /// ECDSA on P-256 with SHA-384: in certificates only.
    ECDSA_P256_SHA384: alg_id::ECDSA_P256, ECDSA_SHA384, P256, ECDSA_P256_SHA384_ASN1;
    /// ECDSA on P-256 with SHA-512: in certificates only.
    ECDSA_P256_SHA512: alg_id::ECDSA_P256, ECDSA_SHA512, P256, ECDSA_P256_SHA512_ASN1;
    /// ECDSA on P-384 with SHA-256: in certificates only.
    ECDSA_P384_SHA256: alg_id::ECDSA_P384, ECDSA_SHA256, P384, ECDSA_P384_SHA256_ASN1;
    /// ECDSA on P-384 with SHA-384.
    ECDSA_P384_SHA384: alg_id::ECDSA_P384, ECDSA_SHA384, P384, ECDSA_P384_SHA384_ASN1;
    /// ECDSA on P-384 with SHA-512: in certificates only.
    ECDSA_P384_SHA512: alg_id::ECDSA_P384, ECDSA_SHA512, P384, ECDSA_P384_SHA512_ASN1;
    /// ECDSA on P-521 with SHA-256: in certificates only.
    ECDSA_P521_SHA256: alg_id::ECDSA_P521, ECDSA_SHA256, P521, ECDSA_P521_SHA256_ASN1;
    /// ECDSA on P-521 with SHA-384: in certificates only.
    ECDSA_P521_SHA384: alg_id::ECDSA_P521, ECDSA_SHA384, P521, ECDSA_P521_SHA384_ASN1;
    /// ECDSA on P-521 with SHA-512.
    ECDSA_P521_SHA512: alg_id::ECDSA_P521, ECDSA_SHA512, P521, ECDSA_P521_SHA512_ASN1;
    /// Ed25519.
    ED25519: alg_id::ED25519, ED25519, KeyForm::Raw(32), ED25519;
    /// ML-DSA-44 (FIPS 204; RFC 9881).
    ML_DSA_44: alg_id::ML_DSA_44, ML_DSA_44, KeyForm::Raw(1312), ML_DSA_44;
    /// ML-DSA-65.
    ML_DSA_65: alg_id::ML_DSA_65, ML_DSA_65, KeyForm::Raw(1952), ML_DSA_65;
    /// ML-DSA-87.
    ML_DSA_87: alg_id::ML_DSA_87, ML_DSA_87, KeyForm::Raw(2592), ML_DSA_87;
    /// RSA PKCS#1 with SHA-256, 2048 to 8192 bits: in certificates only.
    RSA_PKCS1_SHA256: alg_id::RSA_ENCRYPTION, RSA_PKCS1_SHA256, KeyForm::Rsa, RSA_PKCS1_2048_8192_SHA256;
    /// RSA PKCS#1 with SHA-384, 2048 to 8192 bits: in certificates only.
    RSA_PKCS1_SHA384: alg_id::RSA_ENCRYPTION, RSA_PKCS1_SHA384, KeyForm::Rsa, RSA_PKCS1_2048_8192_SHA384;
    /// RSA PKCS#1 with SHA-512, 2048 to 8192 bits: in certificates only.
    RSA_PKCS1_SHA512: alg_id::RSA_ENCRYPTION, RSA_PKCS1_SHA512, KeyForm::Rsa, RSA_PKCS1_2048_8192_SHA512;
    /// RSA-PSS with SHA-256, 2048 to 8192 bits.
    RSA_PSS_SHA256: alg_id::RSA_ENCRYPTION, RSA_PSS_SHA256, KeyForm::Rsa, RSA_PSS_2048_8192_SHA256;
    /// RSA-PSS with SHA-384, 2048 to 8192 bits.
    RSA_PSS_SHA384: alg_id::RSA_ENCRYPTION, RSA_PSS_SHA384, KeyForm::Rsa, RSA_PSS_2048_8192_SHA384;
    /// RSA-PSS with SHA-512, 2048 to 8192 bits.
    RSA_PSS_SHA512: alg_id::RSA_ENCRYPTION, RSA_PSS_SHA512, KeyForm::Rsa, RSA_PSS_2048_8192_SHA512;
    /// RSA-PSS with SHA-256 and a key for RSA-PSS alone.
    RSA_PSS_PSS_SHA256: RSASSA_PSS, RSA_PSS_SHA256, KeyForm::Rsa, RSA_PSS_2048_8192_SHA256;
    /// RSA-PSS with SHA-384 and a key for RSA-PSS alone.
    RSA_PSS_PSS_SHA384: RSASSA_PSS, RSA_PSS_SHA384, KeyForm::Rsa, RSA_PSS_2048_8192_SHA384;
    /// RSA-PSS with SHA-512 and a key for RSA-PSS alone.
    RSA_PSS_PSS_SHA512: RSASSA_PSS, RSA_PSS_SHA512, KeyForm::Rsa, RSA_PSS_2048_8192_SHA512;
    /// RSA-PSS with SHA-256 and a key for RSA-PSS that is limited to SHA-256.
    RSA_PSS_PSS_SHA256_LIMITED: alg_id::RSA_PSS_SHA256, RSA_PSS_SHA256, KeyForm::Rsa, RSA_PSS_2048_8192_SHA256;
    /// RSA-PSS with SHA-384 and a key for RSA-PSS that is limited to SHA-384.
    RSA_PSS_PSS_SHA384_LIMITED: alg_id::RSA_PSS_SHA384, RSA_PSS_SHA384, KeyForm::Rsa, RSA_PSS_2048_8192_SHA384;
    /// RSA-PSS with SHA-512 and a key for RSA-PSS that is limited to SHA-512.
    RSA_PSS_PSS_SHA512_LIMITED: alg_id::RSA_PSS_SHA512, RSA_PSS_SHA512, KeyForm::Rsa, RSA_PSS_2048_8192_SHA512;
}

/// Every signature algorithm of this provider, for certificates and for handshakes.
pub fn signature_algorithms() -> SignatureAlgorithms {
    use SignatureScheme as S;
    let by_scheme = vec![
        of_scheme(S::ECDSA_SECP256R1_SHA256, &[ECDSA_P256_SHA256]),
        of_scheme(S::ECDSA_SECP384R1_SHA384, &[ECDSA_P384_SHA384]),
        of_scheme(S::ECDSA_SECP521R1_SHA512, &[ECDSA_P521_SHA512]),
        of_scheme(S::ED25519, &[ED25519]),
        of_scheme(S::MLDSA44, &[ML_DSA_44]),
        of_scheme(S::MLDSA65, &[ML_DSA_65]),
        of_scheme(S::MLDSA87, &[ML_DSA_87]),
        of_scheme(S::RSA_PSS_RSAE_SHA256, &[RSA_PSS_SHA256]),
        of_scheme(S::RSA_PSS_RSAE_SHA384, &[RSA_PSS_SHA384]),
        of_scheme(S::RSA_PSS_RSAE_SHA512, &[RSA_PSS_SHA512]),
        of_scheme(S::RSA_PSS_PSS_SHA256, &[RSA_PSS_PSS_SHA256, RSA_PSS_PSS_SHA256_LIMITED]),
        of_scheme(S::RSA_PSS_PSS_SHA384, &[RSA_PSS_PSS_SHA384, RSA_PSS_PSS_SHA384_LIMITED]),
        of_scheme(S::RSA_PSS_PSS_SHA512, &[RSA_PSS_PSS_SHA512, RSA_PSS_PSS_SHA512_LIMITED]),
        of_scheme(S::RSA_PKCS1_SHA256, &[RSA_PKCS1_SHA256]),
        of_scheme(S::RSA_PKCS1_SHA384, &[RSA_PKCS1_SHA384]),
        of_scheme(S::RSA_PKCS1_SHA512, &[RSA_PKCS1_SHA512]),
    ];
    let in_certificates_only = [
        ECDSA_P256_SHA384,
        ECDSA_P256_SHA512,
        ECDSA_P384_SHA256,
        ECDSA_P384_SHA512,
        ECDSA_P521_SHA256,
        ECDSA_P521_SHA384,
    ]
    .map(StaticOrArc::Static);
    let of_schemes = by_scheme.iter().flat_map(|row| row.algorithms.iter().cloned());
    let all = of_schemes.chain(in_certificates_only).collect();
    SignatureAlgorithms { all, by_scheme, digests: Digests { sha1, sha256, sha384, sha512 } }
}

fn of_scheme(
    scheme: SignatureScheme,
    algorithms: &[&'static dyn SignatureVerificationAlgorithm],
) -> SchemeAlgorithms {
    let algorithms = algorithms.iter().copied().map(StaticOrArc::Static).collect();
    SchemeAlgorithms { scheme, algorithms }
}

#[derive(Debug)]
struct AwsLcAlgorithm {
    algorithms: Algorithms,
    form: KeyForm,
    algorithm: &'static dyn VerificationAlgorithm,
}

impl SignatureVerificationAlgorithm for AwsLcAlgorithm {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        if !self.form.fits(public_key) {
            return Err(InvalidSignature);
        }
        let key = match parsed_keys::take(self.algorithms, public_key) {
            Some(key) => key,
            None => {
                ParsedPublicKey::new(self.algorithm, public_key).map_err(|_| InvalidSignature)?
            }
        };
        // A wrong signature says nothing about the key.
        let verified = key.verify_sig(message, signature);
        parsed_keys::keep(self.algorithms, key);
        verified.map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithms.public_key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithms.signature
    }
}
