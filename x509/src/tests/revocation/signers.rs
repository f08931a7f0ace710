//! Who may sign a CRL beside the key that signed the certificate (RFC 5280, section 6.3.3 (f)).

use super::*;

/// A certificate for CRLs alone, of this name.
fn crl_signer(name: &str, issuer: &Authority) -> Authority {
    let mut params = params(name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::CrlSign];
    Authority::signed_by(params, key(), issuer).unwrap()
}

fn run(chain: &Chain, beside: &[&Authority], crls: &[CertificateRevocationList]) -> Check {
    let mut check = chain.check(crls.to_vec());
    check.intermediates.extend(beside.iter().map(|it| it.der().clone()));
    check.policy.scope = RevocationScope::EndEntity;
    check.policy.mode = RevocationMode::Require;
    check
}

fn code(check: &Check) -> &'static str {
    check.run().map_or_else(|error| error.kind.code(), |_| "accepted")
}

#[test]
fn an_authority_may_have_a_key_and_a_certificate_for_its_crls() {
    let chain = Chain::new();
    // Issued by the authority above, by the authority itself, and for a new key of it.
    for signer in [
        crl_signer("ca", &chain.root),
        crl_signer("ca", &chain.intermediate),
        intermediate("ca", &chain.root),
    ] {
        let (clean, listed) = (crl(&[], &signer), crl(&[LEAF_SERIAL], &signer));
        assert_eq!(code(&run(&chain, &[&signer], std::slice::from_ref(&clean))), "accepted");
        assert_eq!(code(&run(&chain, &[&signer], &[listed])), "revoked");
        // Its certificate must be there.
        assert_eq!(code(&run(&chain, &[], &[clean])), "crl-bad-signature");
    }
}

#[test]
fn an_authority_whose_key_may_not_sign_crls_may_have_another_one_for_them() {
    let root = root("root");
    let mut params = authority_params("ca");
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let issuer = Authority::signed_by(params, key(), &root).unwrap();
    let leaf = issue(&leaf_params(), &issuer);
    let signer = crl_signer("ca", &root);
    let mut check = Check::new(&leaf, &[issuer.der()], &[root.der()]);
    check.crls = vec![crl(&[], &signer)];
    assert_eq!(code(&check), "crl-issuer-without-crl-sign");
    check.intermediates.push(signer.der().clone());
    assert_eq!(code(&check), "accepted");
}

#[test]
fn no_other_key_signs_the_crls_of_an_authority() {
    let chain = Chain::new();
    let rules = |change: fn(&mut CertificateParams)| {
        let mut params = params("ca");
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::CrlSign];
        change(&mut params);
        Authority::signed_by(params, key(), &chain.root).unwrap()
    };
    for (why, signer) in [
        ("another root", crl_signer("ca", &super::root("root"))),
        ("another name", crl_signer("other", &chain.root)),
        ("no cRLSign", rules(|it| it.key_usages = vec![KeyUsagePurpose::DigitalSignature])),
        ("no CA, and nothing about CRLs", rules(|it| it.key_usages.clear())),
        ("expired", rules(|it| it.not_after = date_time_ymd(2026, 7, 1))),
    ] {
        // The CRL is made by one that may.
        let by = authority_params(if why == "another name" { "other" } else { "ca" });
        let by = rcgen::Issuer::from_params(&by, signer.key());
        let der = crl_params(&[LEAF_SERIAL]).signed_by(&by).unwrap();
        let crl = CertificateRevocationList::from_der(der.der()).unwrap();
        let check = run(&chain, &[&signer], &[crl]);
        let expected =
            if why == "another name" { "revocation-unknown" } else { "crl-bad-signature" };
        assert_eq!(code(&check), expected, "{why}");
    }
    // Not an authority below the one whose name it is.
    let signer = crl_signer("root", &chain.intermediate);
    let mut check = run(&chain, &[&signer], &[crl(&[CA_SERIAL], &signer)]);
    check.policy = RevocationPolicy::default();
    assert_eq!(code(&check), "crl-bad-signature");
}

#[test]
fn a_signer_that_was_itself_revoked_does_not_count() {
    let chain = Chain::new();
    let mut params = params("ca");
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::CrlSign];
    params.serial_number = Some(SerialNumber::from(vec![7]));
    let signer = Authority::signed_by(params, key(), &chain.root).unwrap();
    let crls = [crl(&[], &signer), crl(&[7], &chain.root)];
    assert_eq!(code(&run(&chain, &[&signer], &crls)), "crl-bad-signature");
}

#[test]
fn the_search_for_a_signer_takes_of_the_signatures() {
    let chain = Chain::new();
    let signer = crl_signer("ca", &chain.root);
    let mut check = run(&chain, &[&signer], &[crl(&[], &signer)]);
    // Two of the path, two for its evidence, one of the signer's certificate and one of its CRL.
    check.limits.signature_checks = 6;
    assert_eq!(code(&check), "accepted");
    check.limits.signature_checks = 5;
    assert_eq!(code(&check), "limit-exceeded");
}

#[test]
fn a_crl_by_itself_is_verified_with_the_issuers_that_are_known() {
    let chain = Chain::new();
    let good = crl(&[LEAF_SERIAL], &chain.intermediate);
    let issuers = |certificates: &[&CertificateDer<'_>]| {
        let mut issuers = TrustAnchors::new();
        for certificate in certificates {
            issuers.add((*certificate).clone()).unwrap();
        }
        issuers
    };
    let verify = |crl: &CertificateRevocationList, issuers: &TrustAnchors| {
        crl.verify_signature(issuers, webpki::ALL_VERIFICATION_ALGS)
    };
    let known = issuers(&[chain.root.der(), chain.intermediate.der()]);
    assert_eq!(verify(&good, &known), Ok(()));
    let (evidence, issuer) = (RevocationEvidence::Crl, "CN=ca".to_owned());
    let unknown = RevocationEvidenceError::UnknownIssuer { evidence, issuer };
    assert_eq!(verify(&good, &issuers(&[chain.root.der()])), Err(unknown));

    // Another authority of the same name. With the key of either, the CRL is good.
    let other = Chain::new();
    let forged = crl(&[], &other.intermediate);
    let bad = RevocationEvidenceError::BadSignature { evidence, signer: "CN=ca".to_owned() };
    assert_eq!(verify(&forged, &known), Err(bad));
    let both = issuers(&[chain.intermediate.der(), other.intermediate.der()]);
    assert_eq!((verify(&good, &both), verify(&forged, &both)), (Ok(()), Ok(())));

    let mut params = authority_params("ca");
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    let without = params.signed_by(chain.intermediate.key(), &chain.root).unwrap();
    let may_not = RevocationEvidenceError::MayNotSignCrls("CN=ca".to_owned());
    let fresh = crl(&[], &chain.intermediate);
    assert_eq!(verify(&fresh, &issuers(&[without.der()])), Err(may_not));
}
