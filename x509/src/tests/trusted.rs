//! Certificates that are trusted themselves, and the dates of anchors.

use super::*;

/// A leaf that is trusted itself, whose fields were edited and which no key signed.
fn trusted(edit: impl FnOnce(&mut Vec<Vec<u8>>)) -> Check {
    let der = leaf_params().self_signed(&key()).unwrap().der().to_vec();
    let algorithm = pki_types::alg_id::ECDSA_SHA384;
    let der = CertificateDer::from(signed_anew(&der, &algorithm, |_| vec![0; 8], edit));
    Check::new(&der, &[], &[&der])
}

#[test]
fn its_serial_number_its_signature_and_its_issuer_do_not_count() {
    let empty = der::wrap(der::SEQUENCE, &[]);
    let sha1 = der::wrap(der::SEQUENCE, &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1]);
    let serial = |contents: &[u8]| der::wrap(der::INTEGER, contents);
    let edits: [(usize, Vec<u8>); 6] = [
        (1, serial(&[0])),
        (1, serial(&[0x80])),
        (1, serial(&[0x7f; 30])),
        (2, sha1),
        (3, empty.clone()),
        (3, leaf_params_issuer()),
    ];
    for (field, replacement) in edits {
        let mut check = trusted(|fields| fields[field] = replacement.clone());
        assert_eq!(check.run().map(drop), Ok(()), "{replacement:02x?}");
        // The strict profile finds nothing of these either, but only what it says of a leaf.
        check.profile = Profile::Strict;
        let rule = check.run().unwrap_err().kind.rule();
        assert_eq!(rule, Some(Rule::CommonName), "{replacement:02x?}");
    }
    // Neither a subject nor an issuer: its names say whose it is.
    let nameless = trusted(|fields| {
        fields[3] = empty.clone();
        fields[5] = empty;
    });
    assert!(nameless.run().is_ok());
}

/// The Name of another one.
fn leaf_params_issuer() -> Vec<u8> {
    let other = root("another one");
    let decoded = certificate::Certificate::decode(other.der()).unwrap();
    der::wrap(der::SEQUENCE, &decoded.subject)
}

#[test]
fn its_dates_its_names_its_purposes_and_its_key_do() {
    let mut check = trusted(|_| ());
    assert!(check.run().is_ok());
    check.now = 1_798_761_601;
    assert!(matches!(check.run().unwrap_err().kind, CertificateErrorKind::Expired { .. }));
    check.now = NOW;
    check.name = Some("example.org");
    assert!(matches!(check.run().unwrap_err().kind, CertificateErrorKind::NameMismatch { .. }));
    check.name = None;
    check.purpose = Purpose::Client;
    assert!(matches!(
        check.run().unwrap_err().kind,
        CertificateErrorKind::WrongExtendedKeyUsage { .. }
    ));
    let off_curve = trusted(|fields| *fields[6].last_mut().unwrap() ^= 1);
    assert_eq!(off_curve.run().unwrap_err().kind.rule(), Some(Rule::ValidKey));
}

#[test]
fn an_anchor_outlives_its_certificate_unless_its_dates_are_checked() {
    let mut params = authority_params("root");
    params.not_after = date_time_ymd(2026, 7, 1);
    let old = Authority::self_signed(params, key()).unwrap();
    let leaf = issue(&leaf_params(), &old);
    let mut check = Check::new(&leaf, &[], &[old.der()]);
    assert!(check.run().is_ok());
    check.anchor_dates = AnchorDates::Checked;
    let error = check.run().unwrap_err();
    assert_eq!(error.certificate, "CN=root");
    assert!(matches!(error.kind, CertificateErrorKind::Expired { .. }), "{error}");
    check.now = 1_767_225_599;
    assert!(matches!(check.run().unwrap_err().kind, CertificateErrorKind::NotYetValid { .. }));
    // Another anchor of the name may lead on, and one without a certificate has no dates.
    check.now = NOW;
    let decoded = certificate::Certificate::decode(old.der()).unwrap();
    check.anchors = TrustAnchors::new();
    check
        .anchors
        .add_anchor(pki_types::TrustAnchor {
            subject: (*decoded.subject).into(),
            subject_public_key_info: decoded.spki.into(),
            name_constraints: None,
        })
        .unwrap();
    assert!(check.run().is_ok());
}
