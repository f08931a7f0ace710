//! Private keys in the forms in which tools write them.

use handclasp::crypto::signing_key;
use handclasp::pki_types::PrivateKeyDer;
use handclasp::pki_types::pem::PemObject;
use handclasp::registry::SignatureScheme;

#[test]
fn keys_load_from_sec1_pkcs1_and_pkcs8_and_sign() {
    for (pem, scheme) in [
        (&include_bytes!("data/sec1-p256.pem")[..], SignatureScheme::ECDSA_SECP256R1_SHA256),
        (include_bytes!("data/sec1-p384.pem"), SignatureScheme::ECDSA_SECP384R1_SHA384),
        (include_bytes!("data/pkcs1-rsa2048.pem"), SignatureScheme::RSA_PSS_RSAE_SHA256),
        (include_bytes!("data/rsa2048.pem"), SignatureScheme::RSA_PSS_RSAE_SHA256),
    ] {
        let key = signing_key(&PrivateKeyDer::from_pem_slice(pem).unwrap()).unwrap();
        assert_eq!(key.schemes()[0], scheme);
        let signature = key.sign(scheme, b"message").unwrap();
        let public = key.public_key().unwrap();
        let (_, info) = x509_parser::prelude::FromDer::from_der(&public).unwrap();
        let info: x509_parser::x509::SubjectPublicKeyInfo<'_> = info;
        let algorithms = handclasp::crypto::ring::signature_algorithms();
        let [algorithm] = algorithms.for_scheme(scheme) else { panic!("{scheme}") };
        let public = &info.subject_public_key.data;
        algorithm.verify_signature(public, b"message", &signature).unwrap();
    }
}

#[test]
fn a_key_of_another_kind_is_refused() {
    let key = PrivateKeyDer::Sec1(vec![0x30, 0x03, 0x02, 0x01, 0x01].into());
    assert!(signing_key(&key).is_err());
}
