//! What can be trusted, and what it can issue then.

use pki_types::{Der, TrustAnchor};

use super::*;

#[test]
fn a_bundle_of_roots() {
    let (a, b) = (root("a"), root("b"));
    let bundle = format!("a comment\n{}\n{}{}", a.pem(), b.pem(), a.pem());
    let anchors = TrustAnchors::from_pem(bundle.as_bytes()).unwrap();
    assert_eq!(anchors.len(), 2);
    assert!(!anchors.is_empty());
    assert_eq!(format!("{anchors:?}"), "TrustAnchors(2)");
    let mut check = Check::new(&issue(&leaf_params(), &b), &[], &[]);
    check.anchors = anchors;
    assert!(check.run().is_ok());
}

#[test]
fn a_bundle_that_is_none() {
    for (text, found) in [
        ("", "no line that begins a section of PEM"),
        ("hello", "no line that begins a section of PEM"),
        (&*key().serialize_pem(), "the sections in it are: PRIVATE KEY"),
    ] {
        let error = TrustAnchors::from_pem(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("there is no certificate in it"), "{error}");
        assert!(error.ends_with(found), "{error}");
    }
    let good = root("a").pem();
    let cut = &good[..good.len() / 2];
    let error = TrustAnchors::from_pem(cut.as_bytes()).unwrap_err();
    assert!(matches!(error, TrustAnchorError::Pem { .. }), "{error}");
    let wrong = format!("{good}-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n");
    let error = TrustAnchors::from_pem(wrong.as_bytes()).unwrap_err();
    assert!(matches!(error, TrustAnchorError::Certificate { number: 2, .. }), "{error}");
    assert!(error.to_string().starts_with("trust anchor 2: "), "{error}");
}

fn bare<'a>(subject: &'a [u8], spki: &'a [u8], constraints: Option<&'a [u8]>) -> TrustAnchor<'a> {
    TrustAnchor {
        subject: Der::from_slice(subject),
        subject_public_key_info: Der::from_slice(spki),
        name_constraints: constraints.map(Der::from_slice),
    }
}

#[test]
fn an_anchor_without_a_certificate() {
    let root = root("root");
    let decoded = certificate::Certificate::decode(root.der()).unwrap();
    let subject = der::wrap(der::SEQUENCE, &decoded.subject);
    let spki = der::only(decoded.spki, der::SEQUENCE).unwrap();
    let leaf = issue(&leaf_params(), &root);
    // With the headers of the SEQUENCEs and without.
    for (subject, spki) in [(subject.as_slice(), decoded.spki), (&decoded.subject, spki)] {
        let mut check = Check::new(&leaf, &[], &[]);
        check.anchors.add_anchor(bare(subject, spki, None)).unwrap();
        check.anchors.add_anchor(bare(subject, spki, None)).unwrap();
        assert_eq!(check.anchors.len(), 1);
        assert_eq!(check.subjects(), ["CN=leaf", "CN=root"]);
        // Constraints hold, and what they cannot be read as fails.
        let tree = |name: &[u8]| {
            let name = der::wrap(der::primitive(2), name);
            der::wrap(der::constructed(0), &der::wrap(der::SEQUENCE, &name))
        };
        for (constraints, ok) in [
            (tree(b"example.com"), true),
            (der::wrap(der::SEQUENCE, &tree(b"example.com")), true),
            (tree(b"example.org"), false),
            (der::wrap(der::SEQUENCE, &tree(b"example.org")), false),
            (Vec::new(), false),
        ] {
            check.anchors = TrustAnchors::new();
            let anchor = bare(subject, spki, Some(&constraints));
            check.anchors.add_anchor(anchor).unwrap();
            assert_eq!(check.run().is_ok(), ok);
        }
    }
    let mut anchors = TrustAnchors::new();
    for (subject, spki) in [(&[1, 2, 3][..], spki), (&decoded.subject, &[1, 2, 3])] {
        assert!(anchors.add_anchor(bare(subject, spki, None)).is_err());
    }
    assert!(anchors.is_empty());
}

#[test]
fn an_anchor_s_dates_are_not_looked_at_and_its_usages_are() {
    let mut params = authority_params("root");
    params.not_after = date_time_ymd(2026, 2, 1);
    let expired = Authority::self_signed(params, key()).unwrap();
    let leaf = issue(&leaf_params(), &expired);
    assert!(Check::new(&leaf, &[], &[expired.der()]).run().is_ok());

    let mut params = authority_params("root");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let for_clients = Authority::self_signed(params, key()).unwrap();
    let mut leaf = leaf_params();
    leaf.extended_key_usages.clear();
    let leaf = issue(&leaf, &for_clients);
    let mut check = Check::new(&leaf, &[], &[for_clients.der()]);
    assert!(matches!(
        check.run(),
        Err(CertificateError { kind: CertificateErrorKind::WrongExtendedKeyUsage { .. }, .. })
    ));
    check.purpose = Purpose::Client;
    assert!(check.run().is_ok());
}

#[test]
fn an_anchor_that_may_not_sign_certificates_issues_nothing() {
    let mut params = authority_params("root");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let root = Authority::self_signed(params, key()).unwrap();
    let leaf = issue(&leaf_params(), &root);
    let check = Check::new(&leaf, &[], &[root.der()]);
    let reason = NotACaReason::NoKeyCertSign;
    let kind = CertificateErrorKind::IssuerNotACa { issuer: "CN=root".to_owned(), reason };
    assert_eq!(check.run().unwrap_err(), error("CN=leaf", kind));
}

#[test]
fn a_root_from_before_version_3() {
    // No extensions, and the version field left out.
    let key = key();
    let params = params("root");
    let root = Authority::self_signed(params, key).unwrap();
    let leaf = issue(&leaf_params(), &root);
    let der = root.der().to_vec();
    let contents = der::only(&der, der::SEQUENCE).unwrap();
    let tbs = der::elements(contents).unwrap()[0];
    let old_tbs = der::wrap(der::SEQUENCE, &tbs.contents[5..]);
    let rest = &contents[tbs.whole.len()..];
    let old = CertificateDer::from(der::wrap(der::SEQUENCE, &[&old_tbs, rest].concat()));
    assert!(Check::new(&leaf, &[], &[&old]).run().is_ok());
    // The same of version 3 would have had to say that it is a CA.
    assert!(Check::new(&leaf, &[], &[root.der()]).run().is_err());
}

#[test]
fn one_of_ten_thousand_is_found_by_its_name() {
    // The same key under ten thousand names; signing is what takes time, so nothing is signed.
    let root = root("root 5000");
    let decoded = certificate::Certificate::decode(root.der()).unwrap();
    let spki = der::only(decoded.spki, der::SEQUENCE).unwrap();
    let mut anchors = TrustAnchors::new();
    for number in 0..10_000 {
        let mut subject = decoded.subject.to_vec();
        let at = position(&subject, b"5000");
        subject[at..at + 4].copy_from_slice(format!("{number:04}").as_bytes());
        anchors.add_anchor(bare(&subject, spki, None)).unwrap();
    }
    assert_eq!(anchors.len(), 10_000);
    let mut check = Check::new(&issue(&leaf_params(), &root), &[], &[]);
    check.anchors = anchors;
    let (result, signatures) = check.run_counted();
    assert_eq!(result.unwrap().subjects(), ["CN=leaf", "CN=root 5000"]);
    assert_eq!(signatures, 1);
}

#[test]
fn anchors_whose_names_differ_in_spaces_only_have_different_names() {
    let roots = [root("good root"), root("goodroot"), root("go od root")];
    let anchors: Vec<_> = roots.iter().map(|it| it.der()).collect();
    for (issuer, name) in roots.iter().zip(["CN=good root", "CN=goodroot", "CN=go od root"]) {
        let (result, signatures) =
            Check::new(&issue(&leaf_params(), issuer), &[], &anchors).run_counted();
        assert_eq!(result.unwrap().subjects(), ["CN=leaf", name]);
        assert_eq!(signatures, 1);
    }
}

#[test]
fn anchors_are_in_the_order_in_which_their_names_were_added_and_once() {
    const EACH: usize = 3;
    // The first two differ in spaces only: their fingerprints are the same.
    let mut names = ["good root", "goodroot", "a", "zz", "m", "b"];
    let roots: Vec<_> = names.iter().map(|name| (*name, [(); EACH].map(|()| root(name)))).collect();
    for _ in 0..names.len() {
        names.rotate_left(1);
        let of_name = |name: &str| &roots.iter().find(|(of, _)| *of == name).unwrap().1;
        let mut anchors = TrustAnchors::new();
        // The second time, all are known.
        for number in (0..EACH).chain(0..EACH) {
            for name in names {
                anchors.add(of_name(name)[number].der().clone()).unwrap();
            }
        }
        let labels = names.iter().flat_map(|name| [(); EACH].map(|()| format!("CN={name}")));
        assert!(anchors.labels().eq(labels));
        assert_eq!(anchors.len(), names.len() * EACH);
        assert_eq!(anchors.subjects().len(), names.len());
        for name in names {
            let same = of_name(name);
            let subject = certificate::Certificate::decode(same[0].der()).unwrap().subject;
            let found = anchors.with_name(&subject).iter().filter_map(|it| it.certificate());
            assert!(found.eq(same.iter().map(|root| &**root.der())));
        }
    }
}

#[test]
fn devices_of_one_name_are_trusted_one_by_one() {
    let devices: Vec<_> =
        (0..20).map(|_| Authority::self_signed(leaf_params(), key()).unwrap()).collect();
    let anchors: Vec<_> = devices[1..].iter().map(|device| device.der()).collect();
    for device in &devices[1..] {
        assert_eq!(Check::new(device.der(), &[], &anchors).subjects(), ["CN=leaf"]);
    }
    let check = Check::new(devices[0].der(), &[], &anchors);
    assert_eq!(check.anchors.len(), 19);
    assert!(check.run().is_err());
}

#[test]
fn a_name_and_a_key_are_an_anchor_beside_the_certificate_that_has_them() {
    let root = root("root");
    let decoded = certificate::Certificate::decode(root.der()).unwrap();
    let without_certificate = bare(&decoded.subject, decoded.spki, None);
    let mut anchors = TrustAnchors::new();
    for _ in 0..2 {
        anchors.add_anchor(without_certificate.clone()).unwrap();
        anchors.add(root.der().clone()).unwrap();
    }
    assert_eq!(anchors.len(), 2);
    let constrained = bare(&decoded.subject, decoded.spki, Some(&[]));
    anchors.add_anchor(constrained.clone()).unwrap();
    anchors.add_anchor(constrained).unwrap();
    assert_eq!(anchors.len(), 3);
}

#[test]
fn anchors_that_share_their_name_are_all_tried() {
    let roots: Vec<_> = (0..30).map(|_| root("root")).collect();
    let anchors: Vec<_> = roots.iter().map(|it| it.der()).collect();
    let mut check = Check::new(&issue(&leaf_params(), &roots[29]), &[], &anchors);
    assert_eq!(check.anchors.len(), 30);
    assert!(check.run().is_ok());
    check.limits.signature_checks = 29;
    let error = check.run().unwrap_err();
    assert_eq!(error.kind.code(), "limit-exceeded");
}

/// A certificate with the fields of its signed part edited. Its signature does not fit any more.
fn with_fields(der: &[u8], edit: impl FnOnce(&mut Vec<Vec<u8>>)) -> CertificateDer<'static> {
    let [tbs, algorithm, signature] = der::elements(der::only(der, der::SEQUENCE).unwrap())
        .unwrap()
        .try_into()
        .unwrap_or_else(|_| panic!("three parts"));
    let fields = der::elements(tbs.contents).unwrap();
    let mut fields: Vec<_> = fields.iter().map(|field| field.whole.to_vec()).collect();
    edit(&mut fields);
    let tbs = der::wrap(der::SEQUENCE, &fields.concat());
    let parts = [tbs.as_slice(), algorithm.whole, signature.whole].concat();
    der::wrap(der::SEQUENCE, &parts).into()
}

#[test]
fn of_old_certificates_only_roots_issue() {
    // Version 1: without the version, and without extensions.
    let old = |der: &[u8]| {
        with_fields(der, |fields| {
            fields.remove(0);
            fields.pop();
        })
    };
    let old_root = root("root");
    let issued = intermediate("issued", &old_root);
    let trusts = |issuer: &Authority, anchor: CertificateDer<'static>| {
        Check::new(&issue(&leaf_params(), issuer), &[], &[&anchor]).run().is_ok()
    };
    assert!(trusts(&old_root, old(old_root.der())));
    assert!(trusts(&issued, issued.der().clone()));
    assert!(!trusts(&issued, old(issued.der())));
    // Nor one that says that it is no CA's, which it could not before version 3.
    let server = Authority::self_signed(leaf_params(), key()).unwrap();
    let without_version = with_fields(server.der(), |fields| drop(fields.remove(0)));
    assert!(!trusts(&server, without_version));
}

#[test]
fn bytes_behind_the_parts_of_names_and_times_are_refused() {
    let root = root("root");
    let parses = |edit: &dyn Fn(&mut Vec<Vec<u8>>)| {
        EndEntity::parse(&with_fields(root.der(), |fields| edit(fields))).is_ok()
    };
    assert!(parses(&|_| ()));
    let time = der::wrap(der::UTC_TIME, b"991231235959Z");
    for extra in [&time[..], &[0x05, 0x00], &[0x01]] {
        assert!(!parses(&|fields| {
            let times = der::only(&fields[4], der::SEQUENCE).unwrap();
            fields[4] = der::wrap(der::SEQUENCE, &[times, extra].concat());
        }));
    }
    let kind = der::wrap(der::OBJECT_IDENTIFIER, &[0x55, 0x04, 3]);
    let parts = [kind, der::wrap(der::UTF8_STRING, b"a")].concat();
    let name = |parts: &[u8], behind: &[u8]| {
        let attribute = [&der::wrap(der::SEQUENCE, parts), behind].concat();
        der::wrap(der::SEQUENCE, &der::wrap(der::SET, &attribute))
    };
    for field in [3, 5] {
        assert!(parses(&|fields| fields[field] = name(&parts, &[])));
        assert!(!parses(&|fields| fields[field] = name(&parts, &[0x05, 0x00])));
        assert!(!parses(&|fields| {
            fields[field] = name(&[&parts[..], &[0x05, 0x00]].concat(), &[]);
        }));
    }
}
