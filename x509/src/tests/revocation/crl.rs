//! CRLs as authorities make them.

use rcgen::{CrlIssuingDistributionPoint, CrlScope};

use super::*;

const JULY: Timestamp = Timestamp(1_784_073_600);
const AUGUST: Timestamp = Timestamp(1_786_752_000);

#[test]
fn a_revoked_leaf_is_refused() {
    let chain = Chain::new();
    let result = chain.result(vec![crl(&[1, LEAF_SERIAL, 0x7f], &chain.intermediate)]);
    assert_eq!(result, Err(revoked("CN=leaf", "4c")));
    assert_eq!(
        result.unwrap_err().to_string(),
        "certificate \"CN=leaf\" was revoked on 2026-07-01 00:00:00 UTC (keyCompromise), says the \
         CRL of its issuer; its serial number is 4c"
    );
    assert_eq!(chain.result(vec![crl(&[1, 0x7f], &chain.intermediate)]), Ok(()));
    assert_eq!(chain.result(vec![crl(&[], &chain.intermediate)]), Ok(()));
}

#[test]
fn a_revoked_intermediate_is_refused() {
    let chain = Chain::new();
    let crls = vec![crl(&[], &chain.intermediate), crl(&[CA_SERIAL], &chain.root)];
    assert_eq!(chain.result(crls.clone()), Err(revoked("CN=ca", "43")));
    // Unless only the leaf is looked at.
    let mut check = chain.check(crls);
    check.policy.scope = RevocationScope::EndEntity;
    assert!(check.run().is_ok());
    check.crls = vec![crl(&[LEAF_SERIAL], &chain.intermediate)];
    assert_eq!(check.run().unwrap_err(), revoked("CN=leaf", "4c"));
}

#[test]
fn another_path_may_be_found_when_one_is_revoked() {
    let chain = Chain::new();
    let other = root("other");
    let mut params = authority_params("ca");
    params.serial_number = Some(SerialNumber::from(vec![7]));
    let cross = params.signed_by(chain.intermediate.key(), &other).unwrap();
    let mut check = chain.check(vec![crl(&[CA_SERIAL], &chain.root)]);
    check.anchors.add(other.der().clone()).unwrap();
    assert_eq!(check.run().unwrap_err(), revoked("CN=ca", "43"));
    check.intermediates.push(cross.der().clone());
    assert_eq!(check.subjects(), ["CN=leaf", "CN=ca", "CN=other"]);
}

#[test]
fn policies_say_how_much_must_be_known() {
    let chain = super::Chain::new();
    let leaf_crl = || crl(&[], &chain.intermediate);
    let ca_crl = || crl(&[], &chain.root);
    let mut check = chain.check(Vec::new());
    let mut run = |mode, scope, crls| {
        (check.policy, check.crls) = (RevocationPolicy { mode, scope }, crls);
        check.run().map(drop)
    };
    use RevocationMode::{IfPresent, Off, Require};
    use RevocationScope::{Chain, EndEntity};
    assert_eq!(RevocationPolicy::default(), RevocationPolicy { mode: IfPresent, scope: Chain });
    assert_eq!(run(IfPresent, Chain, vec![]), Ok(()));
    assert_eq!(run(Require, EndEntity, vec![]), nothing_about("CN=leaf", "CN=ca"));
    assert_eq!(run(Require, EndEntity, vec![leaf_crl()]), Ok(()));
    assert_eq!(run(Require, Chain, vec![leaf_crl()]), nothing_about("CN=ca", "CN=root"));
    assert_eq!(run(Require, Chain, vec![leaf_crl(), ca_crl()]), Ok(()));
    // Another authority's says nothing.
    let stranger = crl(&[LEAF_SERIAL, CA_SERIAL], &root("stranger"));
    assert_eq!(run(IfPresent, Chain, vec![stranger.clone()]), Ok(()));
    assert_eq!(run(Require, EndEntity, vec![stranger]), nothing_about("CN=leaf", "CN=ca"));
    let bad = || crl(&[LEAF_SERIAL], &chain.intermediate);
    assert_eq!(run(Off, Chain, vec![bad()]), Ok(()));
    assert_eq!(run(Require, Chain, vec![leaf_crl(), bad()]), Err(revoked("CN=leaf", "4c")));
}

#[test]
fn a_stale_crl_shows_no_good_status_and_still_revokes() {
    let chain = Chain::new();
    let evidence = RevocationEvidence::Crl;
    let mut check = chain.check(vec![crl(&[], &chain.intermediate)]);
    for (time, why) in [
        (JULY, None),
        (AUGUST, None),
        (Timestamp(AUGUST.0 + 1), Some(true)),
        (Timestamp(JULY.0 - 1), Some(false)),
    ] {
        check.now = time.0.try_into().unwrap();
        let expected = match why {
            None => Ok(()),
            Some(true) => unusable(
                "CN=leaf",
                RevocationEvidenceError::Stale { evidence, next_update: AUGUST, now: time },
            ),
            Some(false) => unusable(
                "CN=leaf",
                RevocationEvidenceError::NotYetValid { evidence, this_update: JULY, now: time },
            ),
        };
        assert_eq!(check.run().map(drop), expected, "{time}");
    }
    // A fresh one beside it is as good as it is alone.
    check.now = u64::try_from(AUGUST.0).unwrap() + 1;
    let mut fresh = crl_params(&[]);
    fresh.next_update = date_time_ymd(2026, 9, 1);
    check.crls.push(signed(&fresh, &chain.intermediate));
    assert!(check.run().is_ok());
    check.crls = vec![crl(&[LEAF_SERIAL], &chain.intermediate)];
    assert_eq!(check.run().unwrap_err(), revoked("CN=leaf", "4c"));
}

#[test]
fn a_crl_that_another_key_signed_does_not_count() {
    let chain = Chain::new();
    let impostor = root("ca");
    let expected = unusable(
        "CN=leaf",
        RevocationEvidenceError::BadSignature {
            evidence: RevocationEvidence::Crl,
            signer: "CN=ca".to_owned(),
        },
    );
    for serials in [&[][..], &[LEAF_SERIAL]] {
        assert_eq!(chain.result(vec![crl(serials, &impostor)]), expected);
    }
    // It does no harm beside the right one.
    let crls = vec![crl(&[LEAF_SERIAL], &impostor), crl(&[], &chain.intermediate)];
    assert_eq!(chain.result(crls), Ok(()));
}

#[test]
fn a_signature_that_was_valid_under_one_key_is_not_under_another() {
    let chain = Chain::new();
    let other = Chain::new();
    let crls = vec![crl(&[], &chain.intermediate)];
    let mut check = chain.check(crls.clone());
    assert!(check.run().is_ok());
    // The same CRL object, which now remembers that its signature was valid.
    let mut other = other.check(Vec::new());
    other.crls = core::mem::take(&mut check.crls);
    assert!(matches!(
        other.run().unwrap_err().kind,
        CertificateErrorKind::UnusableRevocationEvidence(
            RevocationEvidenceError::BadSignature { .. }
        )
    ));
}

#[test]
fn an_issuer_whose_key_may_not_sign_crls() {
    let mut params = authority_params("ca");
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let root = root("root");
    let ca = Authority::signed_by(params.clone(), key(), &root).unwrap();
    // The same key under a certificate that does not say so, to make the CRL with.
    params.key_usages.push(KeyUsagePurpose::CrlSign);
    let leaf = issue(&leaf_params(), &ca);
    let signer = rcgen::Issuer::from_params(&params, ca.key());
    let der = crl_params(&[]).signed_by(&signer).unwrap();
    let mut check = Check::new(&leaf, &[ca.der()], &[root.der()]);
    check.crls = vec![CertificateRevocationList::from_der(der.der()).unwrap()];
    let why = RevocationEvidenceError::MayNotSignCrls("CN=ca".to_owned());
    assert_eq!(check.run().map(drop), unusable("CN=leaf", why.clone()));
    // A trust anchor is held to it as well.
    check = Check::new(&leaf, &[], &[ca.der()]);
    check.crls = vec![CertificateRevocationList::from_der(der.der()).unwrap()];
    assert_eq!(check.run().map(drop), unusable("CN=leaf", why));
    // Without a keyUsage everything is allowed.
    params.key_usages.clear();
    let ca = params.self_signed(ca.key()).unwrap();
    check = Check::new(&leaf, &[], &[ca.der()]);
    check.crls = vec![CertificateRevocationList::from_der(der.der()).unwrap()];
    check.policy.mode = RevocationMode::Require;
    assert!(check.run().is_ok());
}

fn issued_at(
    uris: &[&str],
    scope: Option<CrlScope>,
    serials: &[u8],
) -> CertificateRevocationListParams {
    let mut params = crl_params(serials);
    params.issuing_distribution_point =
        Some(CrlIssuingDistributionPoint { distribution_point: at(uris), scope });
    params
}

#[test]
fn a_crl_replaces_one_of_the_same_issuer_and_scope() {
    let chain = Chain::new();
    let users = Some(CrlScope::UserCertsOnly);
    let one = signed(&issued_at(&["http://a/1"], users, &[1]), &chain.intermediate);
    let next = signed(&issued_at(&["http://a/1"], users, &[]), &chain.intermediate);
    assert!(next.has_same_scope(&one));
    assert_eq!(next.scope_key(), one.scope_key());
    let others = [
        signed(&issued_at(&["http://a/1"], users, &[]), &chain.root),
        signed(&issued_at(&["http://a/2"], users, &[]), &chain.intermediate),
        signed(&issued_at(&["http://a/1"], None, &[]), &chain.intermediate),
        signed(&crl_params(&[]), &chain.intermediate),
    ];
    for other in others {
        assert!(!other.has_same_scope(&one));
        assert_ne!(
            other.scope_key(),
            one.scope_key(),
            "an accident that is as likely as 1 in 2^64"
        );
    }
}

#[test]
fn a_crl_counts_for_any_of_the_certificates_distribution_points() {
    // rustls-webpki looked at the first point only, and so overlooked revocations.
    let chain = Chain::with(|leaf| {
        leaf.crl_distribution_points = vec![at(&["http://a/1"]), at(&["http://b/1", "http://b/2"])];
    });
    for (uris, matches) in [
        (&["http://a/1"][..], true),
        (&["http://b/1"], true),
        (&["http://b/2"], true),
        (&["http://c/1", "http://b/2"], true),
        (&["http://c/1"], false),
        (&["http://a/"], false),
    ] {
        let params = issued_at(uris, None, &[LEAF_SERIAL]);
        let expected = if matches { Err(revoked("CN=leaf", "4c")) } else { Ok(()) };
        assert_eq!(chain.result(vec![signed(&params, &chain.intermediate)]), expected, "{uris:?}");
        let mut check = chain.check(vec![signed(&issued_at(uris, None, &[]), &chain.intermediate)]);
        check.policy =
            RevocationPolicy { mode: RevocationMode::Require, scope: RevocationScope::EndEntity };
        let expected = if matches { Ok(()) } else { nothing_about("CN=leaf", "CN=ca") };
        assert_eq!(check.run().map(drop), expected, "{uris:?}");
    }
}

#[test]
fn a_crl_of_one_point_is_not_for_a_certificate_without_points() {
    let chain = Chain::new();
    let params = issued_at(&["http://a/1"], None, &[LEAF_SERIAL]);
    assert_eq!(chain.result(vec![signed(&params, &chain.intermediate)]), Ok(()));
    // One without a point is for certificates with points, too.
    let chain = Chain::with(|leaf| leaf.crl_distribution_points = vec![at(&["http://a/1"])]);
    let result = chain.result(vec![crl(&[LEAF_SERIAL], &chain.intermediate)]);
    assert_eq!(result, Err(revoked("CN=leaf", "4c")));
}

#[test]
fn a_crl_may_be_for_users_or_for_authorities_only() {
    let chain = Chain::with(|leaf| leaf.crl_distribution_points = vec![at(&["http://a/1"])]);
    let leaf_crl = |scope| {
        signed(&issued_at(&["http://a/1"], Some(scope), &[LEAF_SERIAL]), &chain.intermediate)
    };
    assert_eq!(chain.result(vec![leaf_crl(CrlScope::CaCertsOnly)]), Ok(()));
    assert!(chain.result(vec![leaf_crl(CrlScope::UserCertsOnly)]).is_err());
}

#[test]
fn crls_from_pem() {
    let chain = Chain::new();
    let pem =
        |serials: &[u8], by: &Authority| crl_params(serials).signed_by(by).unwrap().pem().unwrap();
    let text = [pem(&[LEAF_SERIAL], &chain.intermediate), pem(&[], &chain.root)].concat();
    let crls = CertificateRevocationList::from_pem(text.as_bytes()).unwrap();
    let [first, second] = &crls[..] else { panic!("{crls:?}") };
    assert_eq!((first.issuer(), first.len(), first.is_empty()), ("CN=ca", 1, false));
    assert_eq!((first.this_update(), first.next_update()), (JULY, Some(AUGUST)));
    assert_eq!((second.issuer(), second.len(), second.is_empty()), ("CN=root", 0, true));
    assert_eq!(chain.result(crls), Err(revoked("CN=leaf", "4c")));
    let none = CertificateRevocationList::from_pem(b"hello").unwrap_err();
    assert_eq!(none, CrlError::NoCrl);
    let broken = b"-----BEGIN X509 CRL-----\nA*\n-----END X509 CRL-----\n";
    assert!(matches!(CertificateRevocationList::from_pem(broken), Err(CrlError::Pem(_))));
}

/// A file put together by a tool that forgets a line's end has a CRL that readers of PEM pass over;
/// what it revokes must not be good for that.
#[test]
fn a_crl_that_pem_readers_overlook_is_an_error() {
    let chain = Chain::new();
    let pem = |by: &Authority| crl_params(&[LEAF_SERIAL]).signed_by(by).unwrap().pem().unwrap();
    let (first, second) = (pem(&chain.root), pem(&chain.intermediate));
    let found = |text: &str| CertificateRevocationList::from_pem(text.as_bytes());
    assert_eq!(found(&format!("{first}{second}")).unwrap().len(), 2);
    let first = first.trim_end();
    for text in [format!("{first}{second}"), format!("{first}\n {second}"), format!(" {first}")] {
        let error = found(&text).unwrap_err();
        assert!(
            matches!(&error, CrlError::Pem(why) if why.to_string().contains("line of its own")),
            "{error}"
        );
    }
}

#[test]
fn no_truncated_and_no_flipped_crl_counts() {
    let chain = Chain::with(|leaf| leaf.crl_distribution_points = vec![at(&["http://a/1"])]);
    let mut params = crl_params(&[1]);
    params.issuing_distribution_point = Some(rcgen::CrlIssuingDistributionPoint {
        distribution_point: at(&["http://a/1"]),
        scope: Some(rcgen::CrlScope::UserCertsOnly),
    });
    let der = params.signed_by(&chain.intermediate).unwrap().der().to_vec();
    let accepted = |der: &[u8]| {
        let Ok(crl) = CertificateRevocationList::from_der(der) else { return false };
        let _ = format!("{crl:?}");
        let mut check = chain.check(vec![crl]);
        check.policy.mode = RevocationMode::Require;
        check.policy.scope = RevocationScope::EndEntity;
        check.run().is_ok()
    };
    assert!(accepted(&der));
    for length in 0..der.len() {
        assert!(!accepted(&der[..length]), "{length}");
    }
    assert!(!accepted(&[&der[..], &[0]].concat()));
    for bit in 0..der.len() * 8 {
        let mut flipped = der.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(!accepted(&flipped), "bit {bit}");
    }
}
