//! Which paths are found, and which error there is if none is found.

use super::*;

fn unknown(certificate: &str, issuer: &str) -> CertificateError {
    if certificate == issuer {
        return error(certificate, CertificateErrorKind::SelfIssued);
    }
    error(certificate, CertificateErrorKind::UnknownIssuer(issuer.to_owned()))
}

#[test]
fn a_leaf_under_a_root() {
    let root = root("root");
    let check = Check::new(&issue(&leaf_params(), &root), &[], &[root.der()]);
    let path = check.run().unwrap();
    assert_eq!(path.subjects(), ["CN=leaf", "CN=root"]);
    assert_eq!(path.to_string(), "CN=leaf <- CN=root");
    assert_eq!(path.end_entity.subject(), "CN=leaf");
}

#[test]
fn any_order_with_strangers_and_the_root_among_them() {
    let root = root("root");
    let a = intermediate("a", &root);
    let b = intermediate("b", &a);
    let stranger = super::root("stranger");
    let leaf = issue(&leaf_params(), &b);
    let expected = ["CN=leaf", "CN=b", "CN=a", "CN=root"];
    for intermediates in [
        vec![b.der(), a.der()],
        vec![a.der(), b.der()],
        vec![root.der(), stranger.der(), a.der(), &leaf, b.der(), b.der()],
    ] {
        let check = Check::new(&leaf, &intermediates, &[stranger.der(), root.der()]);
        assert_eq!(check.subjects(), expected);
    }
}

#[test]
fn a_missing_intermediate_is_named() {
    let root = root("root");
    let a = intermediate("a", &root);
    let b = intermediate("b", &a);
    let leaf = issue(&leaf_params(), &b);
    let error = |intermediates: &[&CertificateDer<'static>],
                 anchors: &[&CertificateDer<'static>]| {
        Check::new(&leaf, intermediates, anchors).run().unwrap_err()
    };
    assert_eq!(error(&[], &[root.der()]), unknown("CN=leaf", "CN=b"));
    assert_eq!(error(&[b.der()], &[root.der()]), unknown("CN=b", "CN=a"));
    assert_eq!(error(&[a.der()], &[root.der()]), unknown("CN=leaf", "CN=b"));
    assert_eq!(error(&[a.der(), b.der()], &[]), unknown("CN=a", "CN=root"));
    // A root that is sent, and not trusted, is self-signed and no more.
    let all = [a.der(), b.der(), root.der()];
    assert_eq!(error(&all, &[]), unknown("CN=root", "CN=root"));
}

#[test]
fn an_intermediate_can_be_an_anchor() {
    let root = root("root");
    let a = intermediate("a", &root);
    let check = Check::new(&issue(&leaf_params(), &a), &[], &[a.der()]);
    assert_eq!(check.subjects(), ["CN=leaf", "CN=a"]);
}

#[test]
fn cross_signed_either_way() {
    let (old, new) = (root("old"), root("new"));
    // One name and one key, certified by both roots.
    let shared = key();
    let params = authority_params("a");
    let by_old = params.signed_by(&shared, &old).unwrap();
    let by_new = params.signed_by(&shared, &new).unwrap();
    let issuer = Authority::signed_by(params, shared, &old).unwrap();
    let leaf = issue(&leaf_params(), &issuer);
    let bag = [by_old.der(), by_new.der()];
    for (anchor, name) in [(&old, "CN=old"), (&new, "CN=new")] {
        let check = Check::new(&leaf, &bag, &[anchor.der()]);
        assert_eq!(check.subjects(), ["CN=leaf", "CN=a", name]);
    }
    // A new root that the old one vouches for: known by the old one alone.
    let shared = key();
    let params = authority_params("newest");
    let cross = params.signed_by(&shared, &old).unwrap();
    let newest = Authority::self_signed(params, shared).unwrap();
    let leaf = issue(&leaf_params(), &newest);
    let check = Check::new(&leaf, &[newest.der(), cross.der()], &[old.der()]);
    assert_eq!(check.subjects(), ["CN=leaf", "CN=newest", "CN=old"]);
}

#[test]
fn an_expired_alternative_does_no_harm() {
    let root = root("root");
    let shared = key();
    let mut params = authority_params("a");
    let valid = params.signed_by(&shared, &root).unwrap();
    params.not_after = date_time_ymd(2026, 2, 1);
    let expired = Authority::signed_by(params, shared, &root).unwrap();
    let leaf = issue(&leaf_params(), &expired);
    for bag in [[expired.der(), valid.der()], [valid.der(), expired.der()]] {
        assert!(Check::new(&leaf, &bag, &[root.der()]).run().is_ok());
    }
    // Alone it is the reason, and one that beats a second path that leads nowhere.
    let stranger = super::root("stranger");
    let lost = authority_params("a").signed_by(&expired.key(), &stranger).unwrap();
    for bag in [[expired.der(), lost.der()], [lost.der(), expired.der()]] {
        let error = Check::new(&leaf, &bag, &[root.der()]).run().unwrap_err();
        assert_eq!(
            error.to_string(),
            "certificate \"CN=a\" expired on 2026-02-01 00:00:00 UTC; \
             the time is 2026-07-30 12:00:00 UTC"
        );
    }
}

#[test]
fn a_namesake_did_not_sign() {
    let real = root("root");
    let namesake = root("root");
    let leaf = issue(&leaf_params(), &real);
    let error = Check::new(&leaf, &[], &[namesake.der()]).run().unwrap_err();
    assert_eq!(
        error,
        super::error("CN=leaf", CertificateErrorKind::BadSignature("CN=root".to_owned()))
    );
    let both = Check::new(&leaf, &[], &[namesake.der(), real.der()]);
    assert!(both.run().is_ok());
}

#[test]
fn a_leaf_that_is_an_anchor_stands_for_itself() {
    let key = key();
    let leaf = leaf_params().self_signed(&key).unwrap().der().clone();
    let check = Check::new(&leaf, &[], &[&leaf]);
    assert_eq!(check.subjects(), ["CN=leaf"]);
    // If it is not trusted, it has no path.
    let error = Check::new(&leaf, &[], &[]).run().unwrap_err();
    assert_eq!(error, unknown("CN=leaf", "CN=leaf"));
    let namesake = leaf_params().self_signed(&key).unwrap().der().clone();
    assert_ne!(namesake, leaf);
    assert!(Check::new(&namesake, &[], &[&leaf]).run().is_err());
    // Dates, names and usages hold all the same.
    let mut late = Check::new(&leaf, &[], &[&leaf]);
    late.now += 366 * 24 * 3600;
    assert!(matches!(
        late.run(),
        Err(CertificateError { kind: CertificateErrorKind::Expired { .. }, .. })
    ));
    let mut other = Check::new(&leaf, &[], &[&leaf]);
    other.name = Some("example.org");
    assert!(matches!(
        other.run(),
        Err(CertificateError { kind: CertificateErrorKind::NameMismatch { .. }, .. })
    ));
    let mut client = Check::new(&leaf, &[], &[&leaf]);
    client.purpose = Purpose::Client;
    assert!(matches!(
        client.run(),
        Err(CertificateError { kind: CertificateErrorKind::WrongExtendedKeyUsage { .. }, .. })
    ));
}

#[test]
fn a_trusted_leaf_does_not_become_a_ca() {
    let key = key();
    let trusted = Authority::self_signed(leaf_params(), key).unwrap();
    let leaf = issue(&leaf_params(), &trusted);
    let error = Check::new(&leaf, &[], &[trusted.der()]).run().unwrap_err();
    assert_eq!(error, unknown("CN=leaf", "CN=leaf"));
    // Nor does one that a CA issued.
    let root = root("root");
    let fake = Authority::signed_by(leaf_params(), super::key(), &root).unwrap();
    let mut other = leaf_params();
    other.distinguished_name = params("victim").distinguished_name;
    let leaf = issue(&other, &fake);
    let error = Check::new(&leaf, &[fake.der()], &[root.der()]).run().unwrap_err();
    assert_eq!(error, super::error("CN=leaf", CertificateErrorKind::NotACa));
}

#[test]
fn a_broken_intermediate_only_matters_if_it_is_needed() {
    let root = root("root");
    let a = intermediate("a", &root);
    let leaf = issue(&leaf_params(), &a);
    let broken = CertificateDer::from(vec![0x30, 0x00]);
    let check = Check::new(&leaf, &[&broken, a.der()], &[root.der()]);
    assert!(check.run().is_ok());
    let error = Check::new(&leaf, &[&broken], &[root.der()]).run().unwrap_err();
    assert!(
        matches!(error.kind, CertificateErrorKind::Malformed(_))
            && error.certificate == "intermediate 1",
        "{error}"
    );
}

#[test]
fn an_empty_subject_is_called_by_its_first_name() {
    let mut leaf = leaf_params();
    leaf.distinguished_name = rcgen::DistinguishedName::new();
    let check = chain(&leaf, authority_params("a"));
    assert_eq!(check.subjects(), ["subjectAltName=example.com", "CN=a", "CN=root"]);
}
