//! Certificates with ML-DSA keys (RFC 9881). None of the tools of these tests makes them, so the key of
//! another certificate is replaced, and the certificate is trusted itself: its signature does not count.

use pki_types::alg_id;

use super::*;

/// Accepts every signature with ML-DSA-65.
#[derive(Debug)]
struct MlDsa65;

impl SignatureVerificationAlgorithm for MlDsa65 {
    fn verify_signature(&self, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), InvalidSignature> {
        Ok(())
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ML_DSA_65
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ML_DSA_65
    }
}

/// The same certificate with an ML-DSA-65 key of this length, whose algorithm ends with `parameters`.
fn with_key(
    certificate: &CertificateDer<'_>,
    length: usize,
    parameters: &[u8],
) -> CertificateDer<'static> {
    let algorithm = [&alg_id::ML_DSA_65[..], parameters].concat();
    let spki = der::subject_public_key_info(&algorithm, &vec![7; length]);
    let decoded = certificate::Certificate::decode(certificate).unwrap();
    let signed = decoded.signed.message;
    let tbs = der::only(signed, der::SEQUENCE).unwrap();
    let old = decoded.spki;
    let at = tbs.windows(old.len()).position(|window| window == old).unwrap();
    let tbs = [&tbs[..at], &spki, &tbs[at + old.len()..]].concat();
    let rest = &der::only(certificate, der::SEQUENCE).unwrap()[signed.len()..];
    der::wrap(der::SEQUENCE, &[&der::wrap(der::SEQUENCE, &tbs), rest].concat()).into()
}

fn leaf(usages: Vec<KeyUsagePurpose>) -> CertificateDer<'static> {
    let mut params = leaf_params();
    params.key_usages = usages;
    params.self_signed(&key()).unwrap().der().clone()
}

/// What a validation says of a certificate that is trusted itself.
fn said(
    certificate: &CertificateDer<'static>,
    algorithms: &[&dyn SignatureVerificationAlgorithm],
) -> Result<(), CertificateError> {
    Check::new(certificate, &[], &[certificate]).ask(algorithms, verify_chain).map(drop)
}

#[test]
fn an_ml_dsa_key_is_accepted_where_the_provider_verifies_with_it_and_named_where_not() {
    let signing = vec![KeyUsagePurpose::DigitalSignature];
    let certificate = with_key(&leaf(signing), 1952, &[]);
    assert_eq!(said(&certificate, &[&MlDsa65]), Ok(()));
    let error = said(&certificate, &algorithms::all()).unwrap_err();
    assert_eq!(error.kind.code(), "unsupported-key");
    let name = "ML-DSA-65 (2.16.840.1.101.3.4.3.18)";
    assert!(error.to_string().contains(name), "{error}");
}

#[test]
fn an_ml_dsa_key_has_no_parameters_and_one_length() {
    let signing = vec![KeyUsagePurpose::DigitalSignature];
    let certificate = with_key(&leaf(signing.clone()), 1951, &[]);
    let error = said(&certificate, &[&MlDsa65]).unwrap_err();
    assert_eq!(error.kind.code(), "invalid-key");
    assert!(error.to_string().contains("1951 bytes, not 1952"), "{error}");
    let certificate = with_key(&leaf(signing), 1952, der::NULL);
    let error = said(&certificate, &[&MlDsa65]).unwrap_err();
    assert!(error.to_string().contains("parameters, which must be absent"), "{error}");
}

#[test]
fn the_key_usage_beside_an_ml_dsa_key_is_for_signatures_only() {
    use KeyUsagePurpose::{DigitalSignature, KeyAgreement, KeyEncipherment};
    for usages in [vec![DigitalSignature, KeyEncipherment], vec![DigitalSignature, KeyAgreement]] {
        let certificate = with_key(&leaf(usages.clone()), 1952, &[]);
        let error = said(&certificate, &[&MlDsa65]).unwrap_err();
        assert_eq!(error.kind.code(), "ml-dsa-key-usage");
        // Beside another key they are allowed.
        assert_eq!(said(&leaf(usages), &algorithms::all()), Ok(()));
    }
    // Without the extension, every use is allowed.
    assert_eq!(said(&with_key(&leaf(Vec::new()), 1952, &[]), &[&MlDsa65]), Ok(()));
}

/// The same certificate with this signature algorithm, in both of its places.
fn signed_with(certificate: &CertificateDer<'_>, algorithm: &[u8]) -> CertificateDer<'static> {
    let decoded = certificate::Certificate::decode(certificate).unwrap();
    let tbs = der::only(decoded.signed.message, der::SEQUENCE).unwrap();
    let old = der::wrap(der::SEQUENCE, &alg_id::ECDSA_SHA256);
    let new = der::wrap(der::SEQUENCE, algorithm);
    let at = tbs.windows(old.len()).position(|window| window == old).unwrap();
    let tbs = [&tbs[..at], &new, &tbs[at + old.len()..]].concat();
    let signature = der::wrap(der::BIT_STRING, &[0, 7]);
    der::wrap(der::SEQUENCE, &[der::wrap(der::SEQUENCE, &tbs), new, signature].concat()).into()
}

/// RFC 9881, sections 2, 3 and 8.3: a signature has no parameters, and none is of HashML-DSA.
#[test]
fn a_signature_is_of_ml_dsa_alone_and_without_parameters() {
    let issuer = root("root");
    let leaf = leaf_params().signed_by(&key(), &issuer).unwrap();
    let anchor = with_key(issuer.der(), 1952, &[]);
    let said = |algorithm: &[u8]| {
        let leaf = signed_with(leaf.der(), algorithm);
        let algorithms: Vec<_> = algorithms::all().into_iter().chain([&MlDsa65 as _]).collect();
        Check::new(&leaf, &[], &[&anchor]).ask(&algorithms, verify_chain).map(drop)
    };
    assert_eq!(said(&alg_id::ML_DSA_65), Ok(()));
    let with_null = [&alg_id::ML_DSA_65[..], der::NULL].concat();
    // 2.16.840.1.101.3.4.3.33: ML-DSA-65 over a hash with SHA-512.
    let mut over_a_hash = alg_id::ML_DSA_65.to_vec();
    *over_a_hash.last_mut().unwrap() = 33;
    for algorithm in [&with_null[..], &over_a_hash, &alg_id::ML_DSA_44] {
        let error = said(algorithm).unwrap_err();
        assert_eq!(error.kind.code(), "unsupported-algorithm", "{error}");
    }
}
