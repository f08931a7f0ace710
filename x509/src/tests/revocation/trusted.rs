//! A peer's certificate that is trusted itself may be revoked all the same.

use rcgen::CustomExtension;

use super::der_ocsp::*;
use super::*;

/// The leaf of a chain, which is trusted itself, and its root, too.
fn check(chain: &Chain) -> Check {
    Check::new(&chain.leaf, &[chain.intermediate.der()], &[chain.root.der(), &chain.leaf])
}

fn code(check: &Check) -> &'static str {
    check.run().map_or_else(|error| error.kind.code(), |_| "accepted")
}

#[test]
fn a_crl_of_its_issuer_counts_wherever_the_issuer_comes_from() {
    let chain = Chain::new();
    // The issuer is sent along, or trusted, too.
    let sent = check(&chain);
    let both = Check::new(&chain.leaf, &[], &[chain.intermediate.der(), &chain.leaf]);
    for mut check in [sent, both] {
        assert_eq!(check.subjects(), ["CN=leaf"]);
        check.crls = vec![crl(&[LEAF_SERIAL], &chain.intermediate)];
        assert_eq!(check.run().unwrap_err(), revoked("CN=leaf", "4c"));
        check.crls = vec![crl(&[], &chain.intermediate)];
        check.policy.mode = RevocationMode::Require;
        assert_eq!(code(&check), "accepted");
        // Only another key of the issuer's name signed it.
        check.crls = vec![crl(&[], &intermediate("ca", &root("another")))];
        assert_eq!(code(&check), "crl-bad-signature");
        check.policy.mode = RevocationMode::Off;
        assert_eq!(code(&check), "accepted");
    }
}

#[test]
fn what_an_unknown_issuer_says_cannot_be_verified_and_is_not_passed_over() {
    let chain = Chain::new();
    let mut check = Check::new(&chain.leaf, &[], &[&chain.leaf]);
    assert_eq!(code(&check), "accepted");
    check.crls = vec![crl(&[], &chain.intermediate)];
    assert_eq!(code(&check), "crl-unknown-issuer");
    // Of another authority.
    check.crls = vec![crl(&[], &chain.root)];
    assert_eq!(code(&check), "accepted");
    check.crls.clear();
    check.staple = Some(Some(chain.response(GOOD).sign(chain.intermediate.key())));
    assert_eq!(code(&check), "ocsp-unknown-issuer");
    let words = check.run().unwrap_err();
    assert!(words.to_string().contains("its issuer \"CN=ca\" is not known"), "{words}");
}

#[test]
fn evidence_that_is_required_is_required_of_it_too() {
    let chain = Chain::new();
    for scope in [RevocationScope::Chain, RevocationScope::EndEntity] {
        let mut check = check(&chain);
        check.policy = RevocationPolicy { mode: RevocationMode::Require, scope };
        assert_eq!(check.run().map(drop), nothing_about("CN=leaf", "CN=ca"));
    }
    // One that signed itself, too.
    let own = leaf_params().self_signed(&key()).unwrap().der().clone();
    let mut check = Check::new(&own, &[], &[&own]);
    check.policy.mode = RevocationMode::Require;
    assert_eq!(check.run().map(drop), nothing_about("CN=leaf", "CN=leaf"));
}

#[test]
fn its_staple_counts() {
    let chain = Chain::new();
    let mut check = check(&chain);
    check.policy.mode = RevocationMode::Require;
    for (status, expected) in [(GOOD, "accepted"), (&revoked_at(None), "revoked")] {
        check.staple = Some(Some(chain.response(status).sign(chain.intermediate.key())));
        assert_eq!(code(&check), expected);
    }
    check.staple = Some(Some(chain.response(GOOD).sign(&key())));
    assert_eq!(code(&check), "ocsp-bad-signature");
}

#[test]
fn a_staple_that_it_demands_must_be_there() {
    let chain = Chain::with(|leaf| {
        let oid = [1, 3, 6, 1, 5, 5, 7, 1, 24];
        let feature = CustomExtension::from_oid_content(&oid, vec![0x30, 3, 2, 1, 5]);
        leaf.custom_extensions = vec![feature];
    });
    for mut check in [check(&chain), Check::new(&chain.leaf, &[], &[&chain.leaf])] {
        assert_eq!(code(&check), "accepted");
        check.staple = Some(None);
        assert_eq!(code(&check), "staple-missing");
    }
    let mut check = check(&chain);
    check.staple = Some(Some(chain.response(GOOD).sign(chain.intermediate.key())));
    assert_eq!(code(&check), "accepted");
}

#[test]
fn one_that_signed_itself_answers_for_itself() {
    let mut params = leaf_params();
    params.serial_number = Some(SerialNumber::from(vec![LEAF_SERIAL]));
    params.key_usages.clear();
    let own = Authority::self_signed(params, key()).unwrap();
    let mut check = Check::new(own.der(), &[], &[own.der()]);
    check.crls = vec![crl(&[LEAF_SERIAL], &own)];
    assert_eq!(code(&check), "revoked");
    check.crls = vec![crl(&[], &own)];
    check.policy.mode = RevocationMode::Require;
    assert_eq!(code(&check), "accepted");
}

#[test]
fn the_search_for_its_issuer_takes_of_the_signatures() {
    let chain = Chain::new();
    let namesakes: Vec<_> = (0..10).map(|_| intermediate("ca", &chain.root)).collect();
    let mut check = Check::new(&chain.leaf, &[], &[&chain.leaf]);
    check.intermediates = namesakes.iter().map(|it| it.der().clone()).collect();
    check.crls = vec![crl(&[], &chain.intermediate)];
    check.limits.signature_checks = 9;
    assert_eq!(code(&check), "limit-exceeded");
}
