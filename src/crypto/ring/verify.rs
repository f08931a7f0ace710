use pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};

use super::{sha1, sha256, sha384, sha512};
use crate::certificate::Digests;
use crate::crypto::{SchemeAlgorithms, SignatureAlgorithms, StaticOrArc};
use crate::registry::SignatureScheme;

macro_rules! algorithms {
    ($($(#[$doc:meta])* $name:ident: $key:ident, $signature:ident, $ring:ident;)*) => {
        $(
            $(#[$doc])*
            pub static $name: &dyn SignatureVerificationAlgorithm = &RingAlgorithm {
                public_key: alg_id::$key,
                signature: alg_id::$signature,
                algorithm: &signature::$ring,
            };
        )*
    };
}

algorithms! {
    /// ECDSA on P-256 with SHA-256.
    ECDSA_P256_SHA256: ECDSA_P256, ECDSA_SHA256, ECDSA_P256_SHA256_ASN1;
    /// ECDSA on P-256 with SHA-384: in certificates only.
    ECDSA_P256_SHA384: ECDSA_P256, ECDSA_SHA384, ECDSA_P256_SHA384_ASN1;
    /// ECDSA on P-384 with SHA-256: in certificates only.
    ECDSA_P384_SHA256: ECDSA_P384, ECDSA_SHA256, ECDSA_P384_SHA256_ASN1;
    /// ECDSA on P-384 with SHA-384.
    ECDSA_P384_SHA384: ECDSA_P384, ECDSA_SHA384, ECDSA_P384_SHA384_ASN1;
    /// Ed25519.
    ED25519: ED25519, ED25519, ED25519;
    /// RSA PKCS#1 with SHA-256, 2048 to 8192 bits: in certificates only.
    RSA_PKCS1_SHA256: RSA_ENCRYPTION, RSA_PKCS1_SHA256, RSA_PKCS1_2048_8192_SHA256;
    /// RSA PKCS#1 with SHA-384, 2048 to 8192 bits: in certificates only.
    RSA_PKCS1_SHA384: RSA_ENCRYPTION, RSA_PKCS1_SHA384, RSA_PKCS1_2048_8192_SHA384;
    /// RSA PKCS#1 with SHA-512, 2048 to 8192 bits: in certificates only.
    RSA_PKCS1_SHA512: RSA_ENCRYPTION, RSA_PKCS1_SHA512, RSA_PKCS1_2048_8192_SHA512;
    /// RSA-PSS with SHA-256, 2048 to 8192 bits.
    RSA_PSS_SHA256: RSA_ENCRYPTION, RSA_PSS_SHA256, RSA_PSS_2048_8192_SHA256;
    /// RSA-PSS with SHA-384, 2048 to 8192 bits.
    RSA_PSS_SHA384: RSA_ENCRYPTION, RSA_PSS_SHA384, RSA_PSS_2048_8192_SHA384;
    /// RSA-PSS with SHA-512, 2048 to 8192 bits.
    RSA_PSS_SHA512: RSA_ENCRYPTION, RSA_PSS_SHA512, RSA_PSS_2048_8192_SHA512;
}

/// Every signature algorithm that `ring` verifies, for certificates and for handshakes (sections
/// 4.3.3 and 9.1).
pub fn signature_algorithms() -> SignatureAlgorithms {
    let by_scheme = vec![
        of_scheme(SignatureScheme::ECDSA_SECP256R1_SHA256, ECDSA_P256_SHA256),
        of_scheme(SignatureScheme::ECDSA_SECP384R1_SHA384, ECDSA_P384_SHA384),
        of_scheme(SignatureScheme::ED25519, ED25519),
        of_scheme(SignatureScheme::RSA_PSS_RSAE_SHA256, RSA_PSS_SHA256),
        of_scheme(SignatureScheme::RSA_PSS_RSAE_SHA384, RSA_PSS_SHA384),
        of_scheme(SignatureScheme::RSA_PSS_RSAE_SHA512, RSA_PSS_SHA512),
        of_scheme(SignatureScheme::RSA_PKCS1_SHA256, RSA_PKCS1_SHA256),
        of_scheme(SignatureScheme::RSA_PKCS1_SHA384, RSA_PKCS1_SHA384),
        of_scheme(SignatureScheme::RSA_PKCS1_SHA512, RSA_PKCS1_SHA512),
    ];
    let in_certificates_only = [ECDSA_P256_SHA384, ECDSA_P384_SHA256].map(StaticOrArc::Static);
    let of_schemes = by_scheme.iter().flat_map(|row| row.algorithms.iter().cloned());
    let all = of_schemes.chain(in_certificates_only).collect();
    SignatureAlgorithms { all, by_scheme, digests: Digests { sha1, sha256, sha384, sha512 } }
}

fn of_scheme(
    scheme: SignatureScheme,
    algorithm: &'static dyn SignatureVerificationAlgorithm,
) -> SchemeAlgorithms {
    SchemeAlgorithms { scheme, algorithms: vec![StaticOrArc::Static(algorithm)] }
}

/// An algorithm of `ring`, for signatures of a scheme (section 4.3.3).
#[derive(Debug)]
struct RingAlgorithm {
    public_key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
    algorithm: &'static (dyn VerificationAlgorithm + Send + Sync),
}

impl SignatureVerificationAlgorithm for RingAlgorithm {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        UnparsedPublicKey::new(self.algorithm, public_key)
            .verify(message, signature)
            .map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.public_key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}
