//! Every check of a certificate, with one that passes and one that does not.

use rcgen::{CidrSubnet, CustomExtension, GeneralSubtree, NameConstraints, SanType};

use super::*;

#[test]
fn validity_counts_both_its_ends() {
    let mut check = chain(&leaf_params(), authority_params("a"));
    for (now, ok) in [
        (1_767_225_599, false), // a second before 2026
        (1_767_225_600, true),
        (1_798_761_600, true), // the start of 2027
        (1_798_761_601, false),
    ] {
        check.now = now;
        assert_eq!(check.run().is_ok(), ok, "{now}");
    }
    check.now = 0;
    let error = check.run().unwrap_err().to_string();
    assert!(
        error.contains("is valid from 2026-01-01 00:00:00 UTC only; the time is 1970-01-01"),
        "{error}"
    );
}

#[test]
fn an_intermediate_has_dates_too() {
    let mut authority = authority_params("a");
    authority.not_before = date_time_ymd(2026, 12, 1);
    let error = chain(&leaf_params(), authority).run().unwrap_err();
    assert!(
        matches!(error.kind, CertificateErrorKind::NotYetValid { .. })
            && error.certificate == "CN=a"
    );
}

#[test]
fn the_name_that_was_asked_for() {
    let mut check = chain(&leaf_params(), authority_params("a"));
    for (name, ok) in [
        (Some("Example.COM."), true),
        (Some("192.0.2.1"), true),
        (None, true),
        (Some("www.example.com"), false),
        (Some("192.0.2.2"), false),
        // The common name counts for nothing.
        (Some("leaf"), false),
    ] {
        check.name = name;
        assert_eq!(check.run().is_ok(), ok, "{name:?}");
    }
    assert_eq!(
        check.run().unwrap_err().to_string(),
        "certificate \"CN=leaf\" is not valid for \"leaf\": it is valid for example.com, 192.0.2.1"
    );
    let mut nameless = leaf_params();
    nameless.subject_alt_names.clear();
    let mut check = chain(&nameless, authority_params("a"));
    assert!(matches!(
        check.run(),
        Err(CertificateError { kind: CertificateErrorKind::NameMismatch { .. }, .. })
    ));
    check.name = None;
    assert!(check.run().is_ok());
}

#[test]
fn the_leaf_s_usages() {
    let wrong_purpose = |check: Check| {
        matches!(
            check.run(),
            Err(CertificateError { kind: CertificateErrorKind::WrongExtendedKeyUsage { .. }, .. })
        )
    };
    use ExtendedKeyUsagePurpose::{Any, ClientAuth, ServerAuth};
    for (usages, server, client) in [
        (vec![], true, true),
        (vec![ServerAuth], true, false),
        (vec![ClientAuth], false, true),
        (vec![ClientAuth, ServerAuth], true, true),
        (vec![Any], false, false),
        (vec![Any, ServerAuth], true, false),
    ] {
        let mut leaf = leaf_params();
        leaf.extended_key_usages = usages.clone();
        for (purpose, ok) in [(Purpose::Server, server), (Purpose::Client, client)] {
            let mut check = chain(&leaf, authority_params("a"));
            check.purpose = purpose;
            assert_eq!(check.run().is_ok(), ok, "{usages:?}");
            assert_eq!(wrong_purpose(check), !ok);
        }
    }
    let mut leaf = leaf_params();
    leaf.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
    let error = chain(&leaf, authority_params("a")).run().unwrap_err();
    let words = "has a keyUsage without digitalSignature: it has keyEncipherment";
    assert_eq!(error.kind.to_string(), words, "what it has, too");
    leaf.key_usages.clear();
    assert!(chain(&leaf, authority_params("a")).run().is_ok());
}

#[test]
fn an_intermediate_s_usages() {
    use ExtendedKeyUsagePurpose::{Any, ClientAuth, ServerAuth};
    for (usages, ok) in [(ServerAuth, true), (Any, true), (ClientAuth, false)] {
        let mut authority = authority_params("a");
        authority.extended_key_usages = vec![usages];
        let result = chain(&leaf_params(), authority).run();
        assert_eq!(result.is_ok(), ok);
        if let Err(error) = result {
            assert_eq!(
                error,
                super::error("CN=a", wrong_usage(Purpose::Server, "client authentication"))
            );
        }
    }
    let mut authority = authority_params("a");
    authority.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let error = chain(&leaf_params(), authority).run().unwrap_err();
    assert!(matches!(
        error,
        CertificateError {
            kind: CertificateErrorKind::WrongKeyUsage { missing: "keyCertSign", .. },
            ..
        }
    ));
    let mut authority = authority_params("a");
    authority.key_usages.clear();
    assert!(chain(&leaf_params(), authority).run().is_ok());
}

#[test]
fn only_a_ca_issues_and_a_ca_may_be_a_leaf() {
    for not_a_ca in [IsCa::NoCa, IsCa::ExplicitNoCa] {
        let mut authority = authority_params("a");
        authority.is_ca = not_a_ca;
        let error = chain(&leaf_params(), authority).run().unwrap_err();
        assert_eq!(error, super::error("CN=a", CertificateErrorKind::NotACa));
        let mut leaf = leaf_params();
        leaf.is_ca = not_a_ca;
        assert!(chain(&leaf, authority_params("a")).run().is_ok());
    }
    // Only the strict profile asks what a CA does there: its key could issue itself another one.
    let mut leaf = leaf_params();
    leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let mut check = chain(&leaf, authority_params("a"));
    assert!(check.run().is_ok());
    check.name = Some("www.example.com");
    assert!(matches!(check.run().unwrap_err().kind, CertificateErrorKind::NameMismatch { .. }));
    // A key that signs nothing but certificates and CRLs has a path, and signs no handshake.
    leaf.key_usages = authority_params("a").key_usages;
    let path = chain(&leaf, authority_params("a")).run().unwrap();
    let error = path.end_entity.check_may_sign().unwrap_err();
    let (missing, has) = ("digitalSignature", vec!["keyCertSign", "cRLSign"]);
    let kind = CertificateErrorKind::WrongKeyUsage { missing, has };
    assert_eq!(error, super::error("CN=leaf", kind));
    leaf.key_usages = leaf_params().key_usages;
    let trusted = leaf.self_signed(&key()).unwrap();
    assert!(Check::new(trusted.der(), &[], &[trusted.der()]).run().is_ok());
}

#[test]
fn path_lengths_do_not_count_the_self_issued() {
    let limited = |subject: &str, length| {
        let mut params = authority_params(subject);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(length));
        params
    };
    // root <- a (0) <- a, self-issued <- leaf.
    let root = root("root");
    let a = Authority::signed_by(limited("a", 0), key(), &root).unwrap();
    let again = intermediate("a", &a);
    let leaf = issue(&leaf_params(), &again);
    assert!(Check::new(&leaf, &[a.der(), again.der()], &[root.der()]).run().is_ok());
    // root <- a (0) <- b <- leaf.
    let b = intermediate("b", &a);
    let leaf = issue(&leaf_params(), &b);
    let error = |anchor: &Authority| {
        let check = Check::new(&leaf, &[a.der(), b.der()], &[anchor.der()]);
        check.run().unwrap_err()
    };
    let exceeded = |certificate: &str, allowed, found| {
        super::error(certificate, CertificateErrorKind::PathLengthExceeded { allowed, found })
    };
    assert_eq!(error(&root), exceeded("CN=a", 0, 1));
    // An anchor's own limit holds too.
    assert_eq!(error(&a), exceeded("CN=a", 0, 1));
    let root = Authority::self_signed(limited("limited", 1), key()).unwrap();
    let a = intermediate("a", &root);
    let b = intermediate("b", &a);
    let leaf = issue(&leaf_params(), &a);
    assert!(Check::new(&leaf, &[a.der()], &[root.der()]).run().is_ok());
    let leaf = issue(&leaf_params(), &b);
    let error = Check::new(&leaf, &[a.der(), b.der()], &[root.der()]).run();
    assert_eq!(error.unwrap_err(), exceeded("CN=limited", 1, 2));
}

#[test]
fn extensions_that_are_not_known() {
    let mut leaf = leaf_params();
    let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
    leaf.custom_extensions = vec![extension.clone()];
    assert!(chain(&leaf, authority_params("a")).run().is_ok());
    extension.set_criticality(true);
    leaf.custom_extensions = vec![extension.clone()];
    let unknown = |certificate: &str| {
        super::error(
            certificate,
            CertificateErrorKind::UnknownCriticalExtension("1.2.3.4".to_owned()),
        )
    };
    let error = chain(&leaf, authority_params("a")).run().unwrap_err();
    assert_eq!(error, unknown("CN=leaf"));
    let mut authority = authority_params("a");
    authority.custom_extensions = vec![extension];
    let error = chain(&leaf_params(), authority).run().unwrap_err();
    assert_eq!(error, unknown("CN=a"));
}

#[test]
fn the_same_extension_twice() {
    let mut leaf = leaf_params();
    let extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
    leaf.custom_extensions = vec![extension.clone(), extension];
    let error = chain(&leaf, authority_params("a")).run().unwrap_err();
    assert!(error.to_string().contains("same extension twice"), "{error}");
}

#[test]
fn extensions_that_do_not_parse() {
    for (oid, says) in [
        (&[2, 5, 29, 19][..], "basicConstraints"),
        (&[2, 5, 29, 15], "keyUsage"),
        (&[2, 5, 29, 37], "extended key usage"),
        (&[2, 5, 29, 17], "subject alternative names"),
        (&[2, 5, 29, 30], "name constraints"),
    ] {
        // An empty structure with a byte after it, and no structure.
        for content in [vec![0x30, 0x00, 0x00], vec![0x30, 0x05, 0x01]] {
            let mut leaf = params("leaf");
            leaf.custom_extensions = vec![CustomExtension::from_oid_content(oid, content)];
            let error = chain(&leaf, authority_params("a")).run().unwrap_err();
            assert!(
                matches!(error, CertificateError { kind: CertificateErrorKind::Malformed(_), .. }),
                "{error}"
            );
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}

/// A leaf under a root, with these contents of its serial number.
fn with_serial(serial: &[u8]) -> Check {
    let root = root("root");
    let leaf = edited_before(&leaf_params(), &root, |fields| {
        fields[1] = der::wrap(der::INTEGER, serial);
    });
    Check::new(&leaf, &[], &[root.der()])
}

#[test]
fn versions_serial_numbers_and_algorithms() {
    assert!(edited(|_| ()).run().is_ok());
    const VERSION: &[u8] = &[0xa0, 0x03, 0x02, 0x01, 0x02];
    for (version, shown) in [(0, 1), (1, 2), (3, 4)] {
        let check = edited(|der| {
            let at = position(der, VERSION);
            der[at + 4] = version;
        });
        let error = check.run().unwrap_err();
        assert!(
            matches!(error.kind, CertificateErrorKind::UnsupportedVersion(version) if version == shown)
        );
    }
    // RFC 5280, section 4.1.2.2: users should be prepared to handle such certificates.
    for mut check in [with_serial(&[0]), with_serial(&[0x80]), with_serial(&[0x7f; 21])] {
        assert!(check.run().is_ok());
        check.profile = Profile::Strict;
        let error = check.run().unwrap_err();
        assert!(matches!(error.kind, CertificateErrorKind::InvalidSerialNumber), "{error}");
    }
    // ecdsa-with-SHA256 becomes SHA384 in what is signed.
    let root = root("root");
    let mixed = edited_before(&leaf_params(), &root, |fields| {
        let at = position(&fields[2], &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]);
        fields[2][at + 7] = 3;
    });
    let error = Check::new(&mixed, &[], &[root.der()]).run().unwrap_err();
    assert!(
        matches!(
            error,
            CertificateError { kind: CertificateErrorKind::SignatureAlgorithmMismatch, .. }
        ),
        "{error}"
    );
}

#[test]
fn name_constraints_hold_for_intermediates_and_anchors() {
    let constrained = |subject, permitted: GeneralSubtree, excluded: Vec<GeneralSubtree>| {
        let mut params = authority_params(subject);
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![permitted],
            excluded_subtrees: excluded,
        });
        params
    };
    let dns = |name: &str| GeneralSubtree::DnsName(name.to_owned());
    let ip = |prefix| GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([192, 0, 2, 0], prefix));
    for (permitted, excluded, refused) in [
        (dns("example.com"), vec![], None),
        (dns("com"), vec![dns("www.example.com")], None),
        (ip(24), vec![dns("example.org")], None),
        (
            dns("example.org"),
            vec![],
            Some(("example.com", "names of its kind are only permitted in DNS:example.org")),
        ),
        (
            dns("com"),
            vec![dns("example.com")],
            Some(("example.com", "DNS:example.com is excluded")),
        ),
        (
            ip(32),
            vec![],
            Some(("192.0.2.1", "names of its kind are only permitted in IP:192.0.2.0/32")),
        ),
        (dns("example.com"), vec![ip(24)], Some(("192.0.2.1", "IP:192.0.2.0/24 is excluded"))),
    ] {
        let params = constrained("a", permitted, excluded);
        let by_intermediate = chain(&leaf_params(), params.clone());
        let anchor = Authority::self_signed(params, key()).unwrap();
        let by_anchor = Check::new(&issue(&leaf_params(), &anchor), &[], &[anchor.der()]);
        for check in [by_intermediate, by_anchor] {
            let expected = refused.map(|(name, reason)| {
                let (name, authority) = (name.to_owned(), "CN=a".into());
                let reason = reason.into();
                error("CN=leaf", CertificateErrorKind::NameNotPermitted { name, authority, reason })
            });
            assert_eq!(check.run().err(), expected);
        }
    }
}

#[test]
fn comparisons_with_name_constraints_are_bounded() {
    let mut leaf = leaf_params();
    let name = SanType::DnsName("example.com".try_into().unwrap());
    // The subject is one more.
    leaf.subject_alt_names = vec![name; 99];
    let mut authority = authority_params("a");
    authority.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName("com".to_owned()); 10],
        excluded_subtrees: Vec::new(),
    });
    let mut check = chain(&leaf, authority);
    for (maximum, ok) in [(1000, true), (999, false)] {
        check.limits.name_comparisons = maximum;
        let error = check.run().err();
        let limit = Limit::NameComparisons;
        let expected = super::error(
            "CN=leaf",
            CertificateErrorKind::LimitExceeded { limit, maximum, closest: None },
        );
        assert_eq!(error, (!ok).then_some(expected));
    }
}

#[test]
fn a_path_length_is_an_integer() {
    // In basicConstraints of a CA: an INTEGER, and what another parser takes for one.
    for (length, ok) in [
        (&[0x02, 1, 5][..], true),
        (&[0x02, 5, 1, 0, 0, 0, 0], true),
        (&[0x02, 1, 0xff], false),
        (&[0x02, 0], false),
        (&[0x0a, 1, 5], false),
        (&[0x03, 2, 0, 0x80], false),
        (&[0x02, 1, 5, 0x05, 0], false),
    ] {
        let value = der::wrap(der::SEQUENCE, &[&[0x01, 1, 0xff], length].concat());
        let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, 19], value);
        extension.set_criticality(true);
        let mut authority = authority_params("a");
        authority.is_ca = IsCa::NoCa;
        authority.custom_extensions = vec![extension];
        assert_eq!(chain(&leaf_params(), authority).run().is_ok(), ok, "{length:02x?}");
    }
}
