//! What a peer can send to cause work, or worse.

use super::*;

#[test]
fn a_bag_of_namesakes_is_refused_fast() {
    // Fifty keys of one name. The leaf's issuer hides among them, and all of them are signed by
    // keys that are not there.
    let root = root("a");
    let absent = super::root("a");
    let bag: Vec<_> = (0..50).map(|_| intermediate("a", &absent)).collect();
    let leaf = issue(&leaf_params(), &bag[49]);
    let ders: Vec<_> = bag.iter().map(|it| it.der()).collect();
    let check = Check::new(&leaf, &ders, &[root.der()]);
    let limit = Limit::SignatureChecks;
    let error = check.run().unwrap_err();
    assert_eq!(
        error,
        super::error(
            "CN=leaf",
            CertificateErrorKind::LimitExceeded { limit, maximum: 100, closest: None }
        )
    );
    assert_eq!(
        error.to_string(),
        "certificate \"CN=leaf\" has no path to a trust anchor within the limit of 100 signatures to verify"
    );
}

#[test]
fn a_mesh_that_signs_itself_is_refused_fast() {
    // Everyone of one name signed everyone else, so that every order of them is a path.
    let keys: Vec<_> = (0..7).map(|_| key()).collect();
    let mut bag = Vec::new();
    let params = authority_params("a");
    for signer in &keys {
        let issuer = rcgen::Issuer::from_params(&params, signer);
        for key in &keys {
            bag.push(params.signed_by(key, &issuer).unwrap().der().clone());
        }
    }
    let issuer = rcgen::Issuer::from_params(&params, &keys[0]);
    let leaf = leaf_params().signed_by(&key(), &issuer).unwrap();
    let bag: Vec<_> = bag.iter().collect();
    let check = Check::new(leaf.der(), &bag, &[root("root").der()]);
    let limit = Limit::SignatureChecks;
    assert_eq!(
        check.run().unwrap_err(),
        super::error(
            "CN=leaf",
            CertificateErrorKind::LimitExceeded { limit, maximum: 100, closest: None }
        )
    );
}

#[test]
fn a_ring_ends() {
    let (key_a, key_b) = (key(), key());
    let (a, b) = (authority_params("a"), authority_params("b"));
    let issuer_a = rcgen::Issuer::from_params(&a, &key_a);
    let issuer_b = rcgen::Issuer::from_params(&b, &key_b);
    let a_by_b = a.signed_by(&key_a, &issuer_b).unwrap();
    let b_by_a = b.signed_by(&key_b, &issuer_a).unwrap();
    let leaf = leaf_params().signed_by(&key(), &issuer_a).unwrap();
    let check = Check::new(leaf.der(), &[a_by_b.der(), b_by_a.der()], &[root("root").der()]);
    assert_eq!(
        check.run().unwrap_err(),
        error("CN=b", CertificateErrorKind::Circular("CN=a".to_owned()))
    );
}

#[test]
fn a_path_is_only_so_long() {
    let root = root("root");
    let mut chain = vec![intermediate("1", &root)];
    for number in 2..=7 {
        chain.push(intermediate(&number.to_string(), &chain[chain.len() - 1]));
    }
    let ders: Vec<_> = chain.iter().map(|it| it.der()).collect();
    let check = |length: usize| {
        let leaf = issue(&leaf_params(), &chain[length - 1]);
        Check::new(&leaf, &ders, &[root.der()])
    };
    assert_eq!(check(6).subjects().len(), 8);
    let mut long = check(7);
    let limit = Limit::Depth;
    assert_eq!(
        long.run().unwrap_err(),
        error("CN=leaf", CertificateErrorKind::LimitExceeded { limit, maximum: 6, closest: None })
    );
    long.limits.depth = 7;
    assert!(long.run().is_ok());
}

#[test]
fn a_peer_sends_only_so_many() {
    let root = root("root");
    let stranger = super::root("stranger");
    let leaf = issue(&leaf_params(), &root);
    let mut check = Check::new(&leaf, &[stranger.der(); 64], &[root.der()]);
    assert!(check.run().is_ok());
    check.intermediates.push(stranger.der().clone());
    let limit = Limit::Intermediates;
    assert_eq!(
        check.run().unwrap_err(),
        error("CN=leaf", CertificateErrorKind::LimitExceeded { limit, maximum: 64, closest: None })
    );
}

#[test]
fn no_truncation_and_no_flipped_bit_is_accepted() {
    let mut check = chain(&leaf_params(), authority_params("a"));
    assert!(check.run().is_ok());
    let leaf = check.end_entity.clone();
    for length in 0..leaf.len() {
        check.end_entity = CertificateDer::from(leaf[..length].to_vec());
        assert!(check.run().is_err(), "{length}");
        assert!(EndEntity::parse(&check.end_entity).is_err(), "{length}");
    }
    for bit in 0..leaf.len() * 8 {
        let mut flipped = leaf.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        check.end_entity = CertificateDer::from(flipped);
        assert!(check.run().is_err(), "bit {bit}");
        // A trusted certificate causes no panic either.
        let mut anchors = TrustAnchors::new();
        let _ = anchors.add(check.end_entity.clone());
        core::mem::swap(&mut anchors, &mut check.anchors);
        let _ = check.run();
        core::mem::swap(&mut anchors, &mut check.anchors);
    }
    check.end_entity = leaf;
    let intermediate = check.intermediates[0].clone();
    for bit in 0..intermediate.len() * 8 {
        let mut flipped = intermediate.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        check.intermediates = vec![CertificateDer::from(flipped)];
        assert!(check.run().is_err(), "bit {bit}");
    }
}

#[test]
fn bytes_after_the_end_and_within() {
    let leaf = leaf_params().self_signed(&key()).unwrap().der().to_vec();
    let contents = der::only(&leaf, der::SEQUENCE).unwrap();
    let tbs = der::elements(contents).unwrap()[0];
    let after_tbs = &contents[tbs.whole.len()..];
    let within = der::wrap(der::SEQUENCE, &[contents, &[0x05, 0x00]].concat());
    let longer_tbs = der::wrap(der::SEQUENCE, &[tbs.contents, &[0x05, 0x00]].concat());
    let in_tbs = der::wrap(der::SEQUENCE, &[&longer_tbs, after_tbs].concat());
    for bytes in [[&leaf[..], &[0]].concat(), within, in_tbs, Vec::new()] {
        let error = EndEntity::parse(&CertificateDer::from(bytes)).unwrap_err();
        assert!(
            matches!(error, CertificateError { kind: CertificateErrorKind::Malformed(_), .. }),
            "{error}"
        );
    }
    assert!(EndEntity::parse(&CertificateDer::from(leaf)).is_ok());
}

#[test]
fn errors_do_not_carry_what_a_peer_wrote_unescaped() {
    let mut leaf = leaf_params();
    leaf.distinguished_name = params(&"\u{1b}[2J\u{202e}".repeat(500)).distinguished_name;
    let error = chain(&leaf, authority_params("a"));
    let mut check = error;
    check.name = Some("example.org");
    let text = check.run().unwrap_err().to_string();
    assert!(text.is_ascii() && !text.contains('\u{1b}'), "{text}");
    assert!(text.len() < 4000);
}

/// RUSTSEC-2023-0052 and RUSTSEC-2023-0053: a peer's certificates that all seem to have issued each
/// other took a verifier's time without end.
#[test]
fn a_mesh_of_good_signatures_costs_each_of_them_once() {
    let (shared, bag, leaf) = mesh();
    let bag: Vec<_> = bag.iter().collect();
    assert_eq!(bag.len(), 56);
    let root = root("root");
    let mut check = Check::new(&leaf, &bag, &[root.der()]);
    let (result, signatures) = check.run_counted();
    assert!(signatures <= 57, "{signatures}");
    let (limit, maximum) = (Limit::Candidates, 10_000);
    assert_eq!(
        result.unwrap_err(),
        error("CN=leaf", CertificateErrorKind::LimitExceeded { limit, maximum, closest: None })
    );

    // One of them is certified by a root: the way out is found in any place.
    for name in MESH {
        let way_out = authority_params(name).signed_by(&shared, &root).unwrap();
        let mut bag = bag.clone();
        bag.push(way_out.der());
        check = Check::new(&leaf, &bag, &[root.der()]);
        let (result, signatures) = check.run_counted();
        assert!(result.is_ok(), "{name}");
        assert!(signatures <= 58, "{name}: {signatures}");
    }
}

/// As above, with the names that are compared for it.
#[test]
fn one_hundred_namesakes_are_refused_within_the_limits() {
    let absent = super::root("a");
    let bag: Vec<_> = (0..100).map(|_| intermediate("a", &absent)).collect();
    let leaf = issue(&leaf_params(), &bag[99]);
    let ders: Vec<_> = bag.iter().map(|it| it.der()).collect();
    let mut check = Check::new(&leaf, &ders, &[root("a").der()]);
    let (result, signatures) = check.run_counted();
    let (limit, maximum) = (Limit::Intermediates, 64);
    assert_eq!(
        result.unwrap_err(),
        error("CN=leaf", CertificateErrorKind::LimitExceeded { limit, maximum, closest: None })
    );
    assert_eq!(signatures, 0);
    check.limits.intermediates = 100;
    let (result, signatures) = check.run_counted();
    let (limit, maximum) = (Limit::SignatureChecks, 100);
    assert_eq!(
        result.unwrap_err(),
        error("CN=leaf", CertificateErrorKind::LimitExceeded { limit, maximum, closest: None })
    );
    assert_eq!(signatures, 100);
}

/// CRLs are verified along every path that reaches an anchor, so that many such paths must not cost
/// more than other signatures may.
#[test]
fn what_revocation_costs_is_taken_off_the_signatures() {
    let mut check = chain(&leaf_params(), authority_params("a"));
    check.crls = vec![revocation::crl(&[], &root("stranger"))];
    check.limits.signature_checks = 4;
    assert!(check.run().is_ok());
    check.limits.signature_checks = 3;
    let (limit, maximum) = (Limit::SignatureChecks, 3);
    let exceeded = CertificateErrorKind::LimitExceeded { limit, maximum, closest: None };
    assert_eq!(check.run().unwrap_err(), error("CN=leaf", exceeded));
    check.crls.clear();
    assert!(check.run().is_ok());
}

/// CVE-2026-45271 in another library: an ASN.1 reader that recurses without an end. Here nothing
/// recurses but the search, and each of its steps costs a signature.
#[test]
fn depth_is_bounded_in_structures_and_in_paths() {
    let mut nested = vec![0x05, 0x00];
    for _ in 0..20_000 {
        nested = der::wrap(der::SEQUENCE, &nested);
        if nested.len() > 60_000 {
            break;
        }
    }
    let check = Check::new(&CertificateDer::from(nested.clone()), &[], &[]);
    assert_eq!(check.run().unwrap_err().kind.code(), "malformed");
    assert_eq!(distinguished_name::normalize_or_raw(&nested), nested);

    // Self-issued ones are not counted for the depth: only the signatures bound these.
    let keys: Vec<_> = (0..150).map(|_| key()).collect();
    let params = authority_params("a");
    let sign = |(issuer, subject): (&KeyPair, &KeyPair)| {
        params.signed_by(subject, &rcgen::Issuer::from_params(&params, issuer)).unwrap()
    };
    let bag: Vec<_> = keys.iter().zip(keys.iter().skip(1)).map(sign).collect();
    let issuer = rcgen::Issuer::from_params(&params, &keys[149]);
    let leaf = leaf_params().signed_by(&key(), &issuer).unwrap();
    let bag: Vec<_> = bag.iter().rev().map(|it| it.der()).collect();
    let mut check = Check::new(leaf.der(), &bag, &[root("root").der()]);
    check.limits.intermediates = 200;
    let (result, signatures) = check.run_counted();
    assert_eq!(result.unwrap_err().kind.code(), "limit-exceeded");
    assert_eq!(signatures, 100);
}

/// Each path that reaches an anchor is checked as a whole, so the size of the certificates must not
/// multiply with the number of paths.
#[test]
fn many_paths_of_large_certificates_are_refused_within_the_limits() {
    let mut root = authority_params("root");
    root.name_constraints = Some(rcgen::NameConstraints {
        permitted_subtrees: vec![rcgen::GeneralSubtree::DnsName("example.org".into())],
        excluded_subtrees: Vec::new(),
    });
    let root = Authority::self_signed(root, key()).unwrap();
    // Two certificates for each of three keys, one above the other: eight paths.
    let keys: Vec<_> = (0..3).map(|_| key()).collect();
    let mut bag = Vec::new();
    for (layer, key) in keys.iter().enumerate() {
        for serial in [1, 2] {
            let mut params = authority_params(&layer.to_string());
            params.serial_number = Some(rcgen::SerialNumber::from(serial));
            let issuer = authority_params(&(layer + 1).to_string());
            let certificate = match keys.get(layer + 1) {
                Some(above) => params.signed_by(key, &rcgen::Issuer::from_params(&issuer, above)),
                None => params.signed_by(key, &root),
            };
            bag.push(certificate.unwrap().der().clone());
        }
    }
    let issuer = authority_params("0");
    let issuer = rcgen::Issuer::from_params(&issuer, &keys[0]);
    let attempts = |organization: &str| {
        let mut leaf = leaf_params();
        leaf.distinguished_name.push(DnType::OrganizationName, organization);
        let leaf = leaf.signed_by(&key(), &issuer).unwrap();
        let mut check = Check::new(leaf.der(), &bag.iter().collect::<Vec<_>>(), &[root.der()]);
        check.limits.candidates = 100;
        check.explain().attempts.len()
    };
    // The leaf, the layers below the root, and the root for each of the eight paths. The second
    // leaf has 32 kilobytes more, so fewer paths are checked.
    assert_eq!(attempts("a"), 1 + 2 + 4 + 8 + 8);
    assert!(attempts(&"a ".repeat(16 * 1024)) < 15);
}

/// An error of a path that had reached an anchor must not hide that others were not tried.
#[test]
fn a_search_that_was_cut_short_says_so_and_what_it_had_found() {
    let root = root("root");
    let mut params = authority_params("a");
    params.not_after = date_time_ymd(2026, 7, 1);
    let expired = Authority::signed_by(params, key(), &root).unwrap();
    let leaf = issue(&leaf_params(), &expired);
    let mut check = Check::new(&leaf, &[], &[root.der()]);
    // Two paths reach the anchor; there are signatures for one only.
    let mut named = authority_params("a");
    named.name_constraints = Some(rcgen::NameConstraints {
        permitted_subtrees: vec![rcgen::GeneralSubtree::DnsName("other.example".into())],
        excluded_subtrees: Vec::new(),
    });
    let constrained = named.signed_by(expired.key(), &root).unwrap();
    check.intermediates = vec![constrained.der().clone(), expired.der().clone()];
    check.limits.signature_checks = 2;
    let error = check.run().unwrap_err();
    let text = error.to_string();
    assert!(text.contains("limit of 2 signatures to verify; before it was used up"), "{text}");
    assert!(text.contains("name constraints"), "{text}");
    assert_eq!(error.kind.code(), "limit-exceeded");
}
