//! Which candidate is tried first, and that no candidate is left out.

use rcgen::{DnValue, Issuer, KeyIdMethod};

use super::*;

/// An authority whose key identifier is `id`.
fn with_key_id(subject: &str, id: u8) -> CertificateParams {
    let mut params = authority_params(subject);
    params.key_identifier_method = KeyIdMethod::PreSpecified(vec![id; 20]);
    params
}

/// A leaf with an authorityKeyIdentifier: that of the issuer with these parameters.
fn leaf_with_authority_id(issuer: &CertificateParams, key: &KeyPair) -> CertificateDer<'static> {
    let mut leaf = leaf_params();
    leaf.use_authority_key_identifier_extension = true;
    leaf.signed_by(&super::key(), &Issuer::from_params(issuer, key)).unwrap().der().clone()
}

#[test]
fn key_identifiers_find_the_issuer_among_its_namesakes_at_once() {
    let root = root("root");
    let issuer = Authority::signed_by(with_key_id("a", 50), key(), &root).unwrap();
    let leaf = leaf_with_authority_id(&with_key_id("a", 50), issuer.key());
    let namesakes: Vec<_> = (0..50)
        .map(|id| Authority::signed_by(with_key_id("a", id), key(), &root).unwrap())
        .collect();
    let mut bag: Vec<_> = namesakes.iter().map(|it| it.der()).collect();
    bag.push(issuer.der());
    let check = Check::new(&leaf, &bag, &[root.der()]);
    let (result, signatures) = check.run_counted();
    assert_eq!(result.unwrap().subjects(), ["CN=leaf", "CN=a", "CN=root"]);
    assert_eq!(signatures, 2);
}

#[test]
fn key_identifiers_find_the_anchor_among_its_namesakes_at_once() {
    let roots: Vec<_> =
        (0..20).map(|id| Authority::self_signed(with_key_id("root", id), key()).unwrap()).collect();
    let leaf = leaf_with_authority_id(&with_key_id("root", 19), roots[19].key());
    let anchors: Vec<_> = roots.iter().map(|it| it.der()).collect();
    let (result, signatures) = Check::new(&leaf, &[], &anchors).run_counted();
    assert!(result.is_ok());
    assert_eq!(signatures, 1);
}

#[test]
fn wrong_key_identifiers_exclude_no_candidate() {
    let root = root("root");
    let issuer = Authority::signed_by(with_key_id("a", 1), key(), &root).unwrap();
    let namesake = Authority::signed_by(with_key_id("a", 2), key(), &root).unwrap();
    // It names the other one's key.
    let leaf = leaf_with_authority_id(&with_key_id("a", 2), issuer.key());
    for bag in [vec![issuer.der()], vec![namesake.der(), issuer.der()]] {
        assert!(Check::new(&leaf, &bag, &[root.der()]).run().is_ok());
    }
}

#[test]
fn what_has_expired_or_is_no_ca_is_tried_last() {
    let root = root("root");
    let shared = key();
    let params = authority_params("a");
    let mut expired = params.clone();
    expired.not_after = date_time_ymd(2026, 2, 1);
    let mut future = params.clone();
    future.not_before = date_time_ymd(2026, 12, 1);
    let mut no_ca = params.clone();
    no_ca.is_ca = IsCa::ExplicitNoCa;
    let issue = |params: &CertificateParams| params.signed_by(&shared, &root).unwrap();
    let bag = [issue(&expired), issue(&future), issue(&no_ca), issue(&params)];
    let leaf = leaf_params()
        .signed_by(&key(), &Issuer::from_params(&params, &shared))
        .unwrap()
        .der()
        .clone();
    let bag: Vec<_> = bag.iter().map(|it| it.der()).collect();
    let (result, signatures) = Check::new(&leaf, &bag, &[root.der()]).run_counted();
    assert!(result.is_ok());
    assert_eq!(signatures, 2);
}

#[test]
fn a_way_to_an_anchor_is_tried_before_a_way_to_strangers() {
    let (root, stranger) = (root("root"), root("stranger"));
    let shared = key();
    let params = authority_params("a");
    let lost = params.signed_by(&shared, &stranger).unwrap();
    let found = params.signed_by(&shared, &root).unwrap();
    let leaf = leaf_params().signed_by(&key(), &Issuer::from_params(&params, &shared)).unwrap();
    let bag = [stranger.der(), lost.der(), found.der()];
    let (result, signatures) = Check::new(leaf.der(), &bag, &[root.der()]).run_counted();
    assert!(result.is_ok());
    assert_eq!(signatures, 2);
}

#[test]
fn an_anchor_that_is_also_sent_costs_nothing_more() {
    let root = root("root");
    let a = intermediate("a", &root);
    let leaf = issue(&leaf_params(), &a);
    for bag in [vec![a.der(), root.der()], vec![root.der(), root.der(), a.der(), a.der()]] {
        let (result, signatures) = Check::new(&leaf, &bag, &[root.der()]).run_counted();
        assert_eq!(result.unwrap().subjects(), ["CN=leaf", "CN=a", "CN=root"]);
        assert_eq!(signatures, 2);
    }
    // An intermediate that is trusted is where the path ends, sent or not.
    let (result, signatures) = Check::new(&leaf, &[a.der()], &[a.der(), root.der()]).run_counted();
    assert_eq!(result.unwrap().subjects(), ["CN=leaf", "CN=a"]);
    assert_eq!(signatures, 1);
}

#[test]
fn one_key_under_several_certificates_verifies_a_signature_once() {
    // None of them leads to an anchor.
    let strangers: Vec<_> = (0..10).map(|it| root(&format!("stranger {it}"))).collect();
    let shared = key();
    let params = authority_params("a");
    let bag: Vec<_> = strangers.iter().map(|it| params.signed_by(&shared, it).unwrap()).collect();
    let leaf = leaf_params().signed_by(&key(), &Issuer::from_params(&params, &shared)).unwrap();
    let bag: Vec<_> = bag.iter().map(|it| it.der()).collect();
    let (result, signatures) = Check::new(leaf.der(), &bag, &[root("root").der()]).run_counted();
    assert_eq!(result.unwrap_err().kind.code(), "unknown-issuer");
    assert_eq!(signatures, 1);
}

#[test]
fn a_path_that_fails_a_check_does_not_end_the_search() {
    let root = root("root");
    let shared = key();
    let params = authority_params("a");
    let mut constrained = params.clone();
    constrained.name_constraints = Some(rcgen::NameConstraints {
        permitted_subtrees: vec![rcgen::GeneralSubtree::DnsName("example.org".into())],
        excluded_subtrees: Vec::new(),
    });
    let mut for_clients = params.clone();
    for_clients.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let mut signs_nothing = params.clone();
    signs_nothing.key_usages = vec![KeyUsagePurpose::CrlSign];
    let leaf = leaf_params().signed_by(&key(), &Issuer::from_params(&params, &shared)).unwrap();
    let good = params.signed_by(&shared, &root).unwrap();
    for (bad, code) in [
        (constrained, "name-not-permitted"),
        (for_clients, "wrong-extended-key-usage"),
        (signs_nothing, "wrong-key-usage"),
    ] {
        let bad = bad.signed_by(&shared, &root).unwrap();
        for bag in [[bad.der(), good.der()], [good.der(), bad.der()]] {
            assert!(Check::new(leaf.der(), &bag, &[root.der()]).run().is_ok(), "{code}");
        }
        let error = Check::new(leaf.der(), &[bad.der()], &[root.der()]).run().unwrap_err();
        assert_eq!(error.kind.code(), code);
    }
}

#[test]
fn an_anchor_that_may_not_issue_it_does_not_hide_another_way() {
    // The same name and key, trusted with a path length that is too short, and certified by
    // another root without one.
    let (old, shared) = (root("old"), key());
    let params = authority_params("new");
    let mut short = params.clone();
    short.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let short = short.self_signed(&shared).unwrap();
    let cross = params.signed_by(&shared, &old).unwrap();
    let a = authority_params("a");
    let a_key = key();
    let by_new = a.signed_by(&a_key, &Issuer::from_params(&params, &shared)).unwrap();
    let leaf = leaf_params().signed_by(&key(), &Issuer::from_params(&a, &a_key)).unwrap();
    let bag = [by_new.der(), cross.der()];
    let error = Check::new(leaf.der(), &bag, &[short.der()]).run().unwrap_err();
    assert_eq!(
        error,
        super::error("CN=new", CertificateErrorKind::PathLengthExceeded { allowed: 0, found: 1 })
    );
    let check = Check::new(leaf.der(), &bag, &[short.der(), old.der()]);
    assert_eq!(check.subjects(), ["CN=leaf", "CN=a", "CN=new", "CN=old"]);
}

#[test]
fn an_authority_that_changed_its_key_is_found_over_its_self_issued_certificate() {
    // RFC 4210, section 4.4: the new key certified with the old one.
    let old = root("root");
    let (new_key, params) = (key(), authority_params("root"));
    let new_with_old = params.signed_by(&new_key, &old).unwrap();
    let leaf = leaf_params().signed_by(&key(), &Issuer::from_params(&params, &new_key)).unwrap();
    let mut check = Check::new(leaf.der(), &[new_with_old.der()], &[old.der()]);
    assert_eq!(check.subjects(), ["CN=leaf", "CN=root", "CN=root"]);
    // It is no step further, for the limit as for path lengths.
    check.limits.depth = 0;
    assert!(check.run().is_ok());
    let (result, _) =
        Check::new(leaf.der(), &[new_with_old.der()], &[root("other").der()]).run_counted();
    assert_eq!(result.unwrap_err(), error("CN=root", CertificateErrorKind::SelfIssued));
}

#[test]
fn an_authority_that_changed_its_key_may_sign_crls_with_either() {
    let old = root("root");
    let (new_key, params) = (key(), authority_params("root"));
    let new_with_old = params.signed_by(&new_key, &old).unwrap();
    let new = Issuer::from_params(&params, &new_key);
    let leaf = leaf_params().signed_by(&key(), &new).unwrap();
    let mut check = Check::new(leaf.der(), &[new_with_old.der()], &[old.der()]);
    check.policy.mode = RevocationMode::Require;
    check.policy.scope = RevocationScope::EndEntity;
    for crl in [revocation::crl(&[], &old), revocation::crl(&[], &new)] {
        check.crls = vec![crl];
        assert_eq!(check.run().map(drop), Ok(()));
    }
    // A namesake that is not on the path may not sign the CRL.
    check.crls = vec![revocation::crl(&[], &root("root"))];
    let error = check.run().unwrap_err();
    assert_eq!(error.kind.code(), "crl-bad-signature");
}

#[test]
fn a_name_is_the_same_in_any_kind_of_string_case_and_spacing() {
    let named = |value: DnValue| {
        let mut params = authority_params("a");
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, value);
        params
    };
    let utf8 = named(DnValue::Utf8String("An Authority".into()));
    let shared = key();
    let leaf = leaf_params().signed_by(&key(), &Issuer::from_params(&utf8, &shared)).unwrap();
    for (value, same) in [
        (DnValue::PrintableString("An Authority".try_into().unwrap()), true),
        (DnValue::PrintableString("AN  AUTHORITY ".try_into().unwrap()), true),
        (DnValue::Utf8String("an authority".into()), true),
        (DnValue::Utf8String("AnAuthority".into()), false),
    ] {
        // As an anchor, and as an intermediate.
        let params = named(value.clone());
        let anchor = params.self_signed(&shared).unwrap();
        let check = Check::new(leaf.der(), &[], &[anchor.der()]);
        assert_eq!(check.run().is_ok(), same, "{value:?}");
        let root = root("root");
        let intermediate = params.signed_by(&shared, &root).unwrap();
        let check = Check::new(leaf.der(), &[intermediate.der()], &[root.der()]);
        assert_eq!(check.run().is_ok(), same, "{value:?}");
    }
}
