//! Object identifiers, integers and algorithms that are written in other forms than the usual one.

use rcgen::{SerialNumber, SigningKey};

use super::revocation::der_ocsp::{GOOD, Response, Single, by_name};
use super::*;
use crate::algorithm::tests::pss;

/// The DER with one object identifier or integer in another form: the `target`th of those that are
/// there, and its `form`th form. The contents of octet strings are looked into. `None` beyond the
/// last.
fn in_another_form(der: &[u8], target: usize, form: usize) -> Option<Vec<u8>> {
    let mut left = Some(target);
    let changed = rewritten(der, &mut left, form);
    left.is_none().then_some(changed)
}

/// `left` is how many come before the one that is changed; nothing when it is.
fn rewritten(der: &[u8], left: &mut Option<usize>, form: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for element in der::elements(der).unwrap() {
        let is_outer = element.tag & 0x20 != 0
            || (element.tag == der::OCTET_STRING && der::elements(element.contents).is_some());
        let is_number =
            matches!(element.tag, der::INTEGER | der::ENUMERATED | der::OBJECT_IDENTIFIER);
        if is_outer {
            out.extend(der::wrap(element.tag, &rewritten(element.contents, left, form)));
        } else if is_number && *left == Some(0) {
            *left = None;
            out.extend(der::wrap(element.tag, &FORMS[form](element.tag, element.contents)));
        } else {
            *left = left.map(|left| left - usize::from(is_number));
            out.extend(element.whole);
        }
    }
    out
}

/// From a tag and the contents that DER has for a value.
type Form = fn(u8, &[u8]) -> Vec<u8>;

/// Contents that say the same, or nothing, and are not DER.
const FORMS: [Form; 3] = [
    |_, _| Vec::new(),
    |tag, contents| {
        let padding = match (tag, contents[0]) {
            (der::OBJECT_IDENTIFIER, _) => 0x80,
            (_, ..0x80) => 0x00,
            _ => 0xff,
        };
        [&[padding], contents].concat()
    },
    |tag, contents| match tag {
        // It does not end.
        der::OBJECT_IDENTIFIER => {
            let (last, before) = contents.split_last().unwrap();
            [before, &[last | 0x80]].concat()
        }
        _ => [&[0; 5], contents].concat(),
    },
];

/// Asks about every object identifier and integer of the DER in every other form.
fn for_each_form(der: &[u8], mut ask: impl FnMut(&[u8])) {
    let mut count = 0;
    while in_another_form(der, count, 0).is_some() {
        for form in 0..FORMS.len() {
            ask(&in_another_form(der, count, form).unwrap());
        }
        count += 1;
    }
    assert!(count > 3, "{count}");
}

#[test]
fn a_certificate_has_no_identifier_and_no_integer_in_another_form() {
    let root = root("root");
    let mut leaf = leaf_params();
    leaf.is_ca = IsCa::ExplicitNoCa;
    let policy = [0x30, 0x06, 0x30, 0x04, 0x06, 0x02, 0x2a, 0x03];
    let policies = rcgen::CustomExtension::from_oid_content(&[2, 5, 29, 32], policy.to_vec());
    leaf.custom_extensions = vec![policies];
    let der = edited_before(&leaf, &root, |_| ());
    assert!(Check::new(&der, &[], &[root.der()]).run().is_ok());
    let tbs = der::list(&der).unwrap()[0].whole;
    for_each_form(tbs, |tbs| {
        let changed = edited_before(&leaf, &root, |fields| {
            let contents = der::only(tbs, der::SEQUENCE).unwrap();
            *fields = vec![contents.to_vec()];
        });
        let error = Check::new(&changed, &[], &[root.der()]).run().unwrap_err();
        // The curve is a parameter of an algorithm, and parameters are compared byte for byte.
        let is_named = matches!(error.kind.code(), "malformed" | "unsupported-key");
        assert!(is_named, "{error}: {tbs:02x?}");
    });
}

#[test]
fn a_padded_identifier_is_no_way_to_a_second_extension_of_one_kind() {
    let root = root("root");
    for oid in [&[0x80, 0x55, 0x1d, 17][..], &[0x55, 0x1d, 0x80, 17], &[0x55, 0x80, 0x1d, 17]] {
        let der = edited_before(&leaf_params(), &root, |fields| {
            let names = der::wrap(der::SEQUENCE, &der::wrap(der::primitive(2), b"evil.example"));
            let value = der::wrap(der::OCTET_STRING, &names);
            let second = [der::wrap(der::OBJECT_IDENTIFIER, oid), value].concat();
            let list = der::only(&fields[7], der::constructed(3)).unwrap();
            let list = der::only(list, der::SEQUENCE).unwrap();
            let list = [list, &der::wrap(der::SEQUENCE, &second)].concat();
            fields[7] = der::wrap(der::constructed(3), &der::wrap(der::SEQUENCE, &list));
        });
        let error = Check::new(&der, &[], &[root.der()]).run().unwrap_err();
        assert_eq!(error.kind.rule(), Some(Rule::Malformed), "{error}");
    }
}

#[test]
fn names_of_other_kinds_have_well_formed_identifiers() {
    let root = root("root");
    let other_name = |oid: &[u8]| {
        let value = der::wrap(der::constructed(0), &der::wrap(der::UTF8_STRING, b"a"));
        let contents = [der::wrap(der::OBJECT_IDENTIFIER, oid), value].concat();
        der::wrap(der::constructed(0), &contents)
    };
    let registered = |oid: &[u8]| der::wrap(der::primitive(8), oid);
    for (name, is_one) in [
        (other_name(&[0x2a, 0x03]), true),
        (other_name(&[0x2a, 0x80, 0x03]), false),
        (registered(&[0x2a, 0x03]), true),
        (registered(&[0x2a, 0x83]), false),
        (registered(&[]), false),
    ] {
        let mut leaf = leaf_params();
        leaf.subject_alt_names.clear();
        let names = [der::wrap(der::primitive(2), b"example.com"), name].concat();
        let names = der::wrap(der::SEQUENCE, &names);
        let names = rcgen::CustomExtension::from_oid_content(&[2, 5, 29, 17], names);
        leaf.custom_extensions = vec![names];
        let leaf = issue(&leaf, &root);
        assert_eq!(Check::new(&leaf, &[], &[root.der()]).run().is_ok(), is_one);
    }
}

#[test]
fn a_crl_has_no_identifier_and_no_integer_in_another_form() {
    use super::revocation::der_crl::{Fields, entry, extension};
    let reason = extension(21, false, &[der::ENUMERATED, 1, 1]);
    let der = Fields::new(vec![entry(&[7], &[reason])], Vec::new()).sign(&root("root"));
    assert!(CertificateRevocationList::from_der(&der).is_ok());
    for_each_form(&der, |der| {
        assert!(CertificateRevocationList::from_der(der).is_err(), "{der:02x?}");
    });
}

#[test]
fn an_ocsp_response_has_no_identifier_and_no_integer_in_another_form() {
    let chain = revocation::Chain::new();
    let der = chain.response(GOOD).sign(chain.intermediate.key());
    for_each_form(&der, |der| {
        let error = chain.stapled(der.to_vec()).run().unwrap_err();
        let is_named = matches!(error.kind.code(), "ocsp-malformed" | "ocsp-unsupported-algorithm");
        assert!(is_named, "{error}: {der:02x?}");
    });
}

fn rsa() -> KeyPair {
    KeyPair::from_pem(include_str!("../../tests/data/rsa2048.pem")).unwrap()
}

/// Signs with RSASSA-PSS and SHA-256.
fn sign_pss(message: &[u8]) -> Vec<u8> {
    let pem = include_bytes!("../../tests/data/rsa2048.pem");
    let der: pki_types::PrivatePkcs8KeyDer<'_> =
        pki_types::pem::PemObject::from_pem_slice(pem).unwrap();
    let pair = ring::rsa::KeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
    let mut signature = vec![0; pair.public().modulus_len()];
    let random = ring::rand::SystemRandom::new();
    pair.sign(&ring::signature::RSA_PSS_SHA256, &random, message, &mut signature).unwrap();
    signature
}

const NULL: &[u8] = &[5, 0];

/// Signs a message.
type Sign = fn(&[u8]) -> Vec<u8>;

/// The contents of AlgorithmIdentifiers of RSA with SHA-256, and how to sign with each.
fn rsa_algorithms() -> Vec<(Vec<u8>, Sign)> {
    let pkcs1: Sign = |message| rsa().sign(message).unwrap();
    let known = pki_types::alg_id::RSA_PKCS1_SHA256;
    vec![
        (known.to_vec(), pkcs1),
        (known[..known.len() - 2].to_vec(), pkcs1),
        (pss(NULL, NULL, 32, &[]), sign_pss),
        (pss(&[], NULL, 32, &[]), sign_pss),
        (pss(NULL, &[], 32, &[]), sign_pss),
        (pss(&[], &[], 32, &[]), sign_pss),
    ]
}

#[test]
fn rsa_signs_certificates_crls_and_responses_with_and_without_parameters_that_say_nothing() {
    let root = Authority::self_signed(authority_params("root"), rsa()).unwrap();
    let mut leaf = leaf_params();
    leaf.serial_number = Some(SerialNumber::from(vec![0x4c]));
    let issued = issue(&leaf, &root);
    let crl = rcgen::CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 7, 1),
        next_update: date_time_ymd(2026, 8, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    let crl = crl.signed_by(&root).unwrap();
    let response = Response::new(by_name(root.der()), vec![Single::new(&root, GOOD)]);
    for (algorithm, sign) in rsa_algorithms() {
        let sequence = der::wrap(der::SEQUENCE, &algorithm);
        let certificate =
            signed_anew(&issued, &algorithm, sign, |fields| fields[2] = sequence.clone());
        let certificate = CertificateDer::from(certificate);
        let mut check = Check::new(&certificate, &[], &[root.der()]);
        assert_eq!(check.run().map(drop), Ok(()), "{algorithm:02x?}");
        check.policy.mode = RevocationMode::Require;
        let crl = signed_anew(crl.der(), &algorithm, sign, |fields| fields[1] = sequence.clone());
        check.crls = vec![CertificateRevocationList::from_der(&crl).unwrap()];
        // The second time its signature is known.
        assert_eq!(check.run().map(drop), Ok(()), "{algorithm:02x?}");
        assert_eq!(check.run().map(drop), Ok(()), "{algorithm:02x?}");
        check.crls.clear();
        check.staple = Some(Some(response.sign_with(&algorithm, sign)));
        assert_eq!(check.run().map(drop), Ok(()), "{algorithm:02x?}");
        // The algorithms in the signed part and beside it must still be the same, byte for byte.
        if algorithm != *pki_types::alg_id::RSA_PKCS1_SHA256 {
            let mixed = CertificateDer::from(signed_anew(&issued, &algorithm, sign, |_| ()));
            let error = Check::new(&mixed, &[], &[root.der()]).run().unwrap_err();
            assert!(
                matches!(error.kind, CertificateErrorKind::SignatureAlgorithmMismatch),
                "{error}"
            );
        }
    }
}
