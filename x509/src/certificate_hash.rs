//! The hash of a certificate, by the hash function of its signature.

use pki_types::CertificateDer;

use super::algorithm::{NIST_HASHES, PKCS1, PssParameters, RSASSA_PSS};
use super::certificate::Certificate;
use super::der::{self, Reader};
use super::error::CertificateError;
use super::revocation::Digests;

/// The algorithms of signatures with ECDSA, 1.2.840.10045.4.
const ECDSA_WITH: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04];

/// The hash functions of signatures that are used here.
enum SignatureHash {
    Sha256,
    Sha384,
    Sha512,
}

/// Hashes a certificate with the hash function of the signature on it, and with SHA-256 where that is MD5 or
/// SHA-1: the channel binding `tls-server-end-point` (RFC 5929, section 4.1). PostgreSQL's SCRAM uses it.
///
/// `None` where the signature has no hash function of its own, as with Ed25519 and ML-DSA, and where it is not
/// known here. The RFC does not define the binding then.
///
/// # Errors
/// [`CertificateErrorKind::Malformed`](super::CertificateErrorKind::Malformed).
pub fn certificate_hash(
    certificate: &CertificateDer<'_>,
    digests: Digests,
) -> Result<Option<Vec<u8>>, CertificateError> {
    let decoded = Certificate::decode(certificate)
        .map_err(|reason| CertificateError::malformed("end-entity certificate", reason))?;
    Ok(hash_of(decoded.signed.algorithm).map(|hash| match hash {
        SignatureHash::Sha256 => (digests.sha256)(certificate).to_vec(),
        SignatureHash::Sha384 => (digests.sha384)(certificate).to_vec(),
        SignatureHash::Sha512 => (digests.sha512)(certificate).to_vec(),
    }))
}

/// The hash for the contents of an AlgorithmIdentifier. The numbers are the last ones of its identifier.
fn hash_of(algorithm: &[u8]) -> Option<SignatureHash> {
    let mut fields = Reader(algorithm);
    let identifier = fields.take(der::OBJECT_IDENTIFIER)?.contents;
    if let Some(number) = identifier.strip_prefix(PKCS1) {
        return match *number {
            // With MD5 and with SHA-1.
            [4 | 5 | 11] => Some(SignatureHash::Sha256),
            [12] => Some(SignatureHash::Sha384),
            [13] => Some(SignatureHash::Sha512),
            [RSASSA_PSS] => hash_of_pss(fields.0),
            _ => None,
        };
    }
    match *identifier.strip_prefix(ECDSA_WITH)? {
        // With SHA-1.
        [1] | [3, 2] => Some(SignatureHash::Sha256),
        [3, 3] => Some(SignatureHash::Sha384),
        [3, 4] => Some(SignatureHash::Sha512),
        _ => None,
    }
}

/// The hash of RSASSA-PSS is in its parameters. SHA-1 is the default (RFC 4055, section 3.1).
fn hash_of_pss(parameters: &[u8]) -> Option<SignatureHash> {
    let parameters = PssParameters::read(der::only(parameters, der::SEQUENCE)?)?;
    let Some(hash) = parameters.hash else { return Some(SignatureHash::Sha256) };
    let mut fields = Reader(der::only(hash.contents, der::SEQUENCE)?);
    let identifier = fields.take(der::OBJECT_IDENTIFIER)?.contents;
    match *identifier.strip_prefix(NIST_HASHES)? {
        [1] => Some(SignatureHash::Sha256),
        [2] => Some(SignatureHash::Sha384),
        [3] => Some(SignatureHash::Sha512),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use pki_types::alg_id;

    use super::*;
    use crate::algorithm::tests::pss;
    use crate::der::NULL;

    /// The length in bytes of the hash for this algorithm, and 0 for none.
    fn length(algorithm: &[u8]) -> usize {
        match hash_of(algorithm) {
            Some(SignatureHash::Sha256) => 32,
            Some(SignatureHash::Sha384) => 48,
            Some(SignatureHash::Sha512) => 64,
            None => 0,
        }
    }

    #[test]
    fn each_signature_has_its_hash() {
        for (algorithm, expected) in [
            (alg_id::RSA_PKCS1_SHA256, 32),
            (alg_id::RSA_PKCS1_SHA384, 48),
            (alg_id::RSA_PKCS1_SHA512, 64),
            (alg_id::RSA_PSS_SHA256, 32),
            (alg_id::RSA_PSS_SHA384, 48),
            (alg_id::RSA_PSS_SHA512, 64),
            (alg_id::ECDSA_SHA256, 32),
            (alg_id::ECDSA_SHA384, 48),
            (alg_id::ECDSA_SHA512, 64),
            (alg_id::ED25519, 0),
        ] {
            assert_eq!(length(&algorithm), expected, "{algorithm:02x?}");
        }
        assert_eq!(length(&pss(NULL, NULL, 32, &[])), 32);
        assert_eq!(length(&pss(&[], &[], 32, &[])), 32);
    }

    #[test]
    fn md5_and_sha_1_are_replaced_with_sha_256() {
        let rsa = |number| [&[6, 9], PKCS1, &[number], NULL].concat();
        let ecdsa_with_sha1 = [&[6, 7], ECDSA_WITH, &[1]].concat();
        for algorithm in [rsa(4), rsa(5), ecdsa_with_sha1] {
            assert_eq!(length(&algorithm), 32, "{algorithm:02x?}");
        }
        // The defaults of RSASSA-PSS are SHA-1.
        let default_pss = [&[6, 9], PKCS1, &[RSASSA_PSS], &[der::SEQUENCE, 0][..]].concat();
        assert_eq!(length(&default_pss), 32);
        // With SHA-224, and what is no signature.
        for algorithm in [rsa(14), rsa(1), vec![6, 1, 0], Vec::new()] {
            assert_eq!(length(&algorithm), 0, "{algorithm:02x?}");
        }
    }
}
