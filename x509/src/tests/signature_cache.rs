//! Signatures that were verified before are not verified again. Everything else is checked again.

use super::*;

/// A leaf, its intermediate and the root, and a cache that has seen no chain.
fn check() -> Check {
    let root = root("root");
    let ca = intermediate("ca", &root);
    let leaf = issue(&leaf_params(), &ca);
    let mut check = Check::new(&leaf, &[ca.der()], &[root.der()]);
    check.name = Some("example.com");
    check.signature_cache = Some(SignatureCache::new(64, algorithms::sha256));
    check
}

/// The code of the error, or `accepted`, and how many signatures were verified.
fn verify(check: &Check) -> (&'static str, usize) {
    let (result, signatures) = check.run_counted();
    (result.map_or_else(|error| error.kind.code(), |_| "accepted"), signatures)
}

/// A chain whose signatures the cache has.
fn known() -> Check {
    let check = check();
    assert_eq!(verify(&check), ("accepted", 2));
    assert_eq!(verify(&check), ("accepted", 0));
    check
}

/// What is different in the next validation.
type Change<'a> = &'a dyn Fn(&mut Check);

#[test]
fn everything_but_the_signatures_is_checked_again() {
    let stranger = root("root");
    let mut anchors = TrustAnchors::new();
    anchors.add(stranger.der().clone()).unwrap();
    let changes: [(&str, Change<'_>); 9] = [
        ("expired", &|check| check.now += 366 * 86_400),
        ("not-yet-valid", &|check| check.now -= 366 * 86_400),
        ("name-mismatch", &|check| check.name = Some("example.org")),
        ("wrong-extended-key-usage", &|check| check.purpose = Purpose::Client),
        ("unknown-issuer", &|check| check.anchors = TrustAnchors::new()),
        // Another key under the name of the root.
        ("bad-signature", &|check| check.anchors = anchors.clone()),
        ("authority-key-identifier", &|check| check.profile = Profile::Strict),
        ("limit-exceeded", &|check| check.limits.depth = 0),
        ("limit-exceeded", &|check| check.limits.signature_checks = 1),
    ];
    for (code, change) in changes {
        let mut check = known();
        change(&mut check);
        let (found, signatures) = verify(&check);
        assert_eq!(found, code);
        // A signature that is not remembered is verified: that of the other root.
        assert_eq!(signatures, usize::from(code == "bad-signature"), "{code}");
    }
}

#[test]
fn a_revoked_certificate_is_refused_although_its_signature_is_remembered() {
    let root = root("root");
    let mut params = leaf_params();
    params.serial_number = Some(7.into());
    let leaf = issue(&params, &root);
    let mut check = Check::new(&leaf, &[], &[root.der()]);
    check.signature_cache = Some(SignatureCache::new(64, algorithms::sha256));
    assert_eq!(verify(&check), ("accepted", 1));
    check.crls = vec![revocation::crl(&[7], &root)];
    assert_eq!(verify(&check), ("revoked", 1), "the signature of the CRL");
}

#[test]
fn an_algorithm_that_is_not_accepted_any_more_is_refused() {
    let check = known();
    let ed25519: [&'static dyn SignatureVerificationAlgorithm; 1] = [webpki::ring::ED25519];
    let result = check.ask(&ed25519, verify_chain);
    assert_eq!(result.unwrap_err().kind.code(), "unsupported-algorithm");
}

#[test]
fn another_signature_on_the_same_certificate_is_verified() {
    let mut check = known();
    let mut der = check.end_entity.to_vec();
    let last = der.len() - 1;
    der[last] ^= 1;
    check.end_entity = der.into();
    let (code, signatures) = verify(&check);
    assert_ne!(code, "accepted");
    assert_eq!(signatures, 1);
}

#[test]
fn only_the_path_of_an_accepted_chain_is_remembered() {
    // Refused for its name, and for want of an anchor.
    for change in [(|check| check.name = Some("example.org")) as fn(&mut Check), |check| {
        check.anchors = TrustAnchors::new()
    }] {
        let mut check = check();
        change(&mut check);
        assert_ne!(verify(&check).0, "accepted");
        assert!(check.signature_cache.unwrap().is_empty());
    }
    // A certificate that is sent along, and belongs to another authority of the same name.
    let mut check = check();
    let other_root = root("root");
    check.intermediates.push(intermediate("ca", &other_root).der().clone());
    assert_eq!(verify(&check).0, "accepted");
    assert_eq!(check.signature_cache.unwrap().len(), 2);
}

#[test]
fn each_cache_verifies_for_itself() {
    let mut check = known();
    check.signature_cache = Some(SignatureCache::new(64, algorithms::sha256));
    assert_eq!(verify(&check), ("accepted", 2));
    check.signature_cache = None;
    assert_eq!(verify(&check), ("accepted", 2));
    assert_eq!(verify(&check), ("accepted", 2));
}
