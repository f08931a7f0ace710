//! Keys and signatures: which algorithm fits which.

use pki_types::SignatureVerificationAlgorithm;
use rcgen::SigningKey;

use super::*;

fn only(key: &rcgen::SignatureAlgorithm) -> Vec<&'static dyn SignatureVerificationAlgorithm> {
    let id = if *key == rcgen::PKCS_ED25519 {
        pki_types::alg_id::ED25519
    } else {
        pki_types::alg_id::ECDSA_P256
    };
    let mut all = algorithms::all();
    all.retain(|it| it.public_key_alg_id() == id);
    all
}

#[test]
fn every_kind_of_key_signs_certificates() {
    let algorithms =
        [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519];
    for algorithm in algorithms {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let root = Authority::self_signed(authority_params("root"), key).unwrap();
        let leaf = issue(&leaf_params(), &root);
        assert!(Check::new(&leaf, &[], &[root.der()]).run().is_ok());
    }
}

#[test]
fn a_handshake_s_signature() {
    let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let der = leaf_params().self_signed(&key).unwrap().der().clone();
    let leaf = EndEntity::parse(&der).unwrap();
    let signature = key.sign(b"message").unwrap();
    let fitting = || only(&rcgen::PKCS_ED25519);
    assert_eq!(leaf.verify_signature(fitting(), b"message", &signature), Ok(()));
    assert_eq!(leaf.verify_signature(algorithms::all(), b"message", &signature), Ok(()));
    let invalid = Err(SignatureError::Invalid);
    assert_eq!(leaf.verify_signature(fitting(), b"massage", &signature), invalid);
    assert_eq!(leaf.verify_signature(fitting(), b"message", &[]), invalid);
    let other = only(&rcgen::PKCS_ECDSA_P256_SHA256);
    let unsupported = Err(SignatureError::UnsupportedKey);
    assert_eq!(leaf.verify_signature(other, b"message", &signature), unsupported);
    assert_eq!(leaf.verify_signature([], b"message", &signature), unsupported);
}

#[test]
fn an_end_entity_s_key_and_names() {
    use rcgen::PublicKeyData;
    let key = key();
    let der = leaf_params().self_signed(&key).unwrap().der().clone();
    let leaf = EndEntity::parse(&der).unwrap();
    assert_eq!(leaf.subject_public_key_info(), key.subject_public_key_info());
    assert!(leaf.valid_for(&ServerName::try_from("example.com").unwrap().into()));
    assert!(!leaf.valid_for(&ServerName::try_from("example.org").unwrap().into()));
    assert_eq!(format!("{leaf:?}"), "EndEntity { subject: \"CN=leaf\", .. }");
}

#[test]
fn an_algorithm_that_was_not_given_is_named() {
    let check = chain(&leaf_params(), authority_params("a"));
    let name = ServerName::try_from("example.com").unwrap();
    let (names, algorithms) = ([name.into()], only(&rcgen::PKCS_ED25519));
    let request = ChainRequest::new(
        &check.end_entity,
        &check.intermediates,
        &check.anchors,
        Purpose::Server,
        &names,
        UnixTime::since_unix_epoch(Duration::from_secs(NOW)),
        &algorithms,
    );
    let error = verify_chain(&request).unwrap_err();
    assert!(
        matches!(
            error,
            CertificateError {
                kind: CertificateErrorKind::UnsupportedSignatureAlgorithm { .. },
                ..
            }
        ),
        "{error}"
    );
    let text = error.to_string();
    assert!(text.contains("1.2.840.10045.4.3.2"), "{text}");
    assert!(text.contains("1.2.840.10045.3.1.7"), "{text}");
}

#[test]
fn rsa_has_its_null_parameters_in_a_key_and_need_not_have_them_in_a_signature() {
    let (public, algorithm) =
        (pki_types::alg_id::RSA_ENCRYPTION, pki_types::alg_id::RSA_PKCS1_SHA256);
    let key = signature::PublicKey { algorithm: &public, bytes: &[] };
    let without = &algorithm[..algorithm.len() - 2];
    let signed = |algorithm| signature::Signed { message: b"", algorithm, signature: b"" };
    assert_eq!(signed(&algorithm).verify(key, &algorithms::all()), Err(SignatureError::Invalid));
    assert_eq!(signed(without).verify(key, &algorithms::all()), Err(SignatureError::Invalid));
    let bare = signature::PublicKey { algorithm: &public[..public.len() - 2], bytes: &[] };
    assert_eq!(
        signed(&algorithm).verify(bare, &algorithms::all()),
        Err(SignatureError::UnsupportedKey)
    );
}

#[test]
fn a_small_key_has_another_error_than_a_wrong_signature() {
    let numbers = [
        der::wrap(der::INTEGER, &[vec![0], vec![0xff; 128]].concat()),
        der::wrap(der::INTEGER, &[1, 0, 1]),
    ];
    let bytes = der::wrap(der::SEQUENCE, &numbers.concat());
    let key = signature::PublicKey { algorithm: &pki_types::alg_id::RSA_ENCRYPTION, bytes: &bytes };
    let algorithm = pki_types::alg_id::RSA_PKCS1_SHA256;
    let signed = signature::Signed { message: b"", algorithm: &algorithm, signature: &[0; 128] };
    let result = signed.verify(key, &algorithms::all());
    assert_eq!(result, Err(SignatureError::UnsupportedKey));
    assert!(key.describe().ends_with(" of 1024 bits"), "{}", key.describe());
}
