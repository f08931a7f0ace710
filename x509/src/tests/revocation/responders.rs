//! Responders that have a name in common with others.

use super::der_ocsp::*;
use super::*;

/// The result on a response that this key signed, in the name of a certificate, with these beside
/// it.
fn result(
    chain: &Chain,
    key: &KeyPair,
    named: &[u8],
    certificates: &[&Vec<u8>],
) -> Result<(), CertificateError> {
    let mut response = chain.response(GOOD);
    response.responder = by_name(&CertificateDer::from(named));
    response.certificates = certificates.iter().map(|it| (*it).clone()).collect();
    chain.stapled(response.sign(key)).run().map(drop)
}

#[test]
fn an_old_and_a_new_certificate_of_one_responder() {
    let chain = Chain::new();
    let (old_key, old) = chain.responder(|_| {});
    let (new_key, new) = chain.responder(|_| {});
    for key in [&old_key, &new_key] {
        assert_eq!(result(&chain, key, &old, &[&old, &new]), Ok(()));
        assert_eq!(result(&chain, key, &old, &[&new, &old]), Ok(()));
    }
    // The old one was renewed with its key.
    let expired = |params: &mut CertificateParams| params.not_after = date_time_ymd(2026, 7, 1);
    let mut params = params("responder");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
    expired(&mut params);
    let before = params.signed_by(&new_key, &chain.intermediate).unwrap().der().to_vec();
    assert_eq!(result(&chain, &new_key, &new, &[&before, &new]), Ok(()));
    let error = result(&chain, &new_key, &new, &[&before]).unwrap_err();
    assert_eq!(error.kind.code(), "ocsp-unauthorized-responder");
}

#[test]
fn a_responder_that_has_its_issuers_name() {
    let chain = Chain::new();
    let named = |params: &mut CertificateParams| {
        params.distinguished_name = super::super::params("ca").distinguished_name;
    };
    let (key, responder) = chain.responder(named);
    assert_eq!(result(&chain, &key, &responder, &[&responder]), Ok(()));
    // Its name alone does not make it one.
    let (key, other) = chain.responder(|params| {
        named(params);
        params.extended_key_usages.clear();
    });
    let error = result(&chain, &key, &other, &[&other]).unwrap_err();
    assert_eq!(error.kind.code(), "ocsp-bad-signature");
    let namesake = Chain::new();
    let (key, stranger) = namesake.responder(named);
    let error = result(&chain, &key, &stranger, &[&stranger]).unwrap_err();
    assert_eq!(error.kind.code(), "ocsp-bad-signature");
}

#[test]
fn many_certificates_of_the_responders_name_cost_a_bounded_number_of_signatures() {
    let chain = Chain::new();
    let (key, last) = chain.responder(|_| {});
    let others: Vec<_> = (0..10).map(|_| chain.responder(|_| {}).1).collect();
    let mut certificates: Vec<_> = others.iter().collect();
    certificates.push(&last);
    let mut response = chain.response(GOOD);
    response.responder = by_name(&CertificateDer::from(last.clone()));
    response.certificates = certificates.into_iter().cloned().collect();
    let mut check = chain.stapled(response.sign(&key));
    let (result, count) = check.run_counted();
    assert_eq!(result.unwrap_err().kind.code(), "ocsp-bad-signature");
    // Two of the chain, and four of those that are looked at.
    assert_eq!(count, 6);
    // Those after the first are taken off the limit: two for the chain, two for its evidence.
    check.limits.signature_checks = 5;
    let error = check.run().unwrap_err();
    assert!(matches!(error.kind, CertificateErrorKind::LimitExceeded { .. }), "{error}");
}
