//! CRLs that are made by hand, because no tool makes them so.

use rcgen::SigningKey;

use super::*;

pub(in super::super) const ECDSA_SHA256: &[u8] =
    &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const JULY: &[u8] = b"\x17\x0d260715000000Z";
const AUGUST: &[u8] = b"\x17\x0d260815000000Z";

/// The fields of a TBSCertList, each whole.
#[derive(Clone)]
pub(in super::super) struct Fields {
    pub(in super::super) version: Vec<u8>,
    pub(in super::super) algorithm: Vec<u8>,
    pub(in super::super) this_update: Vec<u8>,
    pub(in super::super) next_update: Vec<u8>,
    pub(in super::super) entries: Vec<Vec<u8>>,
    pub(in super::super) extensions: Vec<Vec<u8>>,
    /// Anything after the other fields.
    pub(in super::super) end: Vec<u8>,
}

impl Fields {
    pub(in super::super) fn new(entries: Vec<Vec<u8>>, extensions: Vec<Vec<u8>>) -> Self {
        Self {
            version: vec![2, 1, 1],
            algorithm: der::wrap(der::SEQUENCE, ECDSA_SHA256),
            this_update: JULY.to_vec(),
            next_update: AUGUST.to_vec(),
            entries,
            extensions,
            end: Vec::new(),
        }
    }

    pub(in super::super) fn sign(&self, by: &Authority) -> Vec<u8> {
        let certificate = certificate::Certificate::decode(by.der()).unwrap();
        let mut tbs = [&self.version[..], &self.algorithm].concat();
        tbs.extend(der::wrap(der::SEQUENCE, &certificate.subject));
        tbs.extend([&self.this_update[..], &self.next_update].concat());
        if !self.entries.is_empty() {
            tbs.extend(der::wrap(der::SEQUENCE, &self.entries.concat()));
        }
        if !self.extensions.is_empty() {
            let list = der::wrap(der::SEQUENCE, &self.extensions.concat());
            tbs.extend(der::wrap(der::constructed(0), &list));
        }
        tbs.extend(&self.end);
        let tbs = der::wrap(der::SEQUENCE, &tbs);
        let signature = [&[0][..], &by.key().sign(&tbs).unwrap()].concat();
        let algorithm = der::wrap(der::SEQUENCE, ECDSA_SHA256);
        let signature = der::wrap(der::BIT_STRING, &signature);
        der::wrap(der::SEQUENCE, &[tbs, algorithm, signature].concat())
    }
}

pub(in super::super) fn extension(number: u8, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &[1, 1, 0xff] } else { &[] };
    let value = der::wrap(der::OCTET_STRING, value);
    der::wrap(der::SEQUENCE, &[&[6, 3, 0x55, 0x1d, number], critical, &value].concat())
}

pub(in super::super) fn entry(serial: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
    let mut contents = der::wrap(der::INTEGER, serial);
    contents.extend(b"\x17\x0d260701000000Z");
    if !extensions.is_empty() {
        contents.extend(der::wrap(der::SEQUENCE, &extensions.concat()));
    }
    der::wrap(der::SEQUENCE, &contents)
}

fn reason(code: u8) -> Vec<u8> {
    extension(21, false, &[der::ENUMERATED, 1, code])
}

/// An issuingDistributionPoint with these fields.
fn issuing_point(fields: &[&[u8]]) -> Vec<u8> {
    extension(28, true, &der::wrap(der::SEQUENCE, &fields.concat()))
}

fn parse(fields: &Fields) -> Result<CertificateRevocationList, CrlError> {
    CertificateRevocationList::from_der(&fields.sign(&root("ca")))
}

/// The result on the leaf with this CRL by its issuer.
fn result(fields: &Fields) -> Result<(), CertificateError> {
    let chain = Chain::new();
    let crl = CertificateRevocationList::from_der(&fields.sign(&chain.intermediate)).unwrap();
    let mut check = chain.check(vec![crl]);
    check.policy =
        RevocationPolicy { mode: RevocationMode::Require, scope: RevocationScope::EndEntity };
    check.run().map(drop)
}

fn is_revoked(fields: &Fields) -> bool {
    match result(fields) {
        Ok(()) => false,
        Err(CertificateError { kind: CertificateErrorKind::Revoked { .. }, .. }) => true,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn delta_and_indirect_crls_are_refused_with_words() {
    let delta = Fields::new(vec![], vec![extension(27, true, &[2, 1, 1])]);
    assert_eq!(parse(&delta).unwrap_err(), CrlError::Delta);
    // Even if the extension is not critical, as it must be.
    let delta = Fields::new(vec![], vec![extension(27, false, &[2, 1, 1])]);
    assert_eq!(parse(&delta).unwrap_err(), CrlError::Delta);
    let indirect = Fields::new(vec![], vec![issuing_point(&[&[0x84, 1, 0xff]])]);
    assert_eq!(parse(&indirect).unwrap_err(), CrlError::Indirect);
    let issuer = extension(29, true, &[0x30, 0]);
    let indirect = Fields::new(vec![entry(&[LEAF_SERIAL], &[issuer])], vec![]);
    let error = parse(&indirect).unwrap_err();
    assert_eq!(error, CrlError::Indirect);
    assert!(error.to_string().contains("give the CRLs of the authorities themselves"), "{error}");
}

#[test]
fn unknown_critical_extensions_of_a_crl_and_of_an_entry_are_refused() {
    // wolfSSL ignored them (CVE-2026-6450).
    for (number, critical, known) in [
        (99, true, false),
        (99, false, true),
        // The number and the key identifier are there for others, and so never critical.
        (20, true, false),
        (20, false, true),
        (35, false, true),
    ] {
        let unknown = extension(number, critical, &[5, 0]);
        let expected = if known {
            Ok(0)
        } else {
            Err(CrlError::UnknownCriticalExtension(oid::describe(&[0x55, 0x1d, number])))
        };
        let fields = Fields::new(vec![], vec![unknown.clone()]);
        assert_eq!(parse(&fields).map(|crl| crl.len()), expected);
        let fields = Fields::new(vec![entry(&[1], &[unknown])], vec![]);
        assert_eq!(parse(&fields).map(|crl| crl.len().saturating_sub(1)), expected);
    }
}

#[test]
fn the_same_extension_twice() {
    let point = issuing_point(&[&[0x81, 1, 0xff]]);
    assert!(parse(&Fields::new(vec![], vec![point.clone()])).is_ok());
    assert!(parse(&Fields::new(vec![], vec![point.clone(), point])).is_err());
    assert!(parse(&Fields::new(vec![entry(&[1], &[reason(1), reason(8)])], vec![])).is_err());
}

#[test]
fn an_empty_bit_string_in_a_crl_does_not_panic() {
    // rustls-webpki did.
    for (bits, parses) in [
        (&[][..], false),
        (&[0], true),
        (&[1], false),
        (&[8, 0], false),
        (&[1, 0x40], true),
        (&[7, 0xff, 0x80], true),
        (&[0, 0xff, 0x80, 0xff], true),
    ] {
        let reasons = der::wrap(der::primitive(3), bits);
        let fields = Fields::new(vec![], vec![issuing_point(&[&reasons])]);
        assert_eq!(parse(&fields).is_ok(), parses, "{bits:?}");
    }
    // And for a signature there is none.
    let der = Fields::new(vec![], vec![]).sign(&root("ca"));
    let contents = der::only(&der, der::SEQUENCE).unwrap();
    let [tbs, algorithm, _] =
        der::fields(contents, [der::SEQUENCE, der::SEQUENCE, der::BIT_STRING]).unwrap();
    let unsigned = [tbs.whole, algorithm.whole, &[3, 0]].concat();
    let error = CertificateRevocationList::from_der(&der::wrap(der::SEQUENCE, &unsigned));
    assert_eq!(error.unwrap_err(), CrlError::Malformed("it is not the DER of a CertificateList"));
}

#[test]
fn crls_for_some_reasons_revoke_and_clear_together_only() {
    let some = |bits: &[u8]| vec![issuing_point(&[&der::wrap(der::primitive(3), bits)])];
    // keyCompromise, and all the others.
    let (compromise, others) = (some(&[6, 0x40]), some(&[7, 0x3f, 0x80]));
    assert!(is_revoked(&Fields::new(vec![entry(&[LEAF_SERIAL], &[])], compromise.clone())));
    let good = Fields::new(vec![], compromise);
    assert_eq!(result(&good), nothing_about("CN=leaf", "CN=ca"));
    let chain = Chain::new();
    let both = [good, Fields::new(vec![], others)].map(|fields| {
        CertificateRevocationList::from_der(&fields.sign(&chain.intermediate)).unwrap()
    });
    let mut check = chain.check(both.to_vec());
    check.policy =
        RevocationPolicy { mode: RevocationMode::Require, scope: RevocationScope::EndEntity };
    assert!(check.run().is_ok());
}

#[test]
fn whose_certificates_a_crl_is_for() {
    let entries = || vec![entry(&[LEAF_SERIAL], &[])];
    for (flags, applies) in [
        (&[0x81, 1, 0xff][..], true),
        (&[0x82, 1, 0xff], false),
        (&[0x85, 1, 0xff], false),
        (&[0x82, 1, 0x00], true),
        (&[], true),
    ] {
        let fields = Fields::new(entries(), vec![issuing_point(&[flags])]);
        let result = result(&fields);
        if applies {
            assert_eq!(result, Err(super::revoked_without_reason("CN=leaf", "4c")), "{flags:?}");
        } else {
            assert_eq!(result, nothing_about("CN=leaf", "CN=ca"), "{flags:?}");
        }
    }
    for malformed in [
        &[0x81, 1, 0xff, 0x82, 1, 0xff][..],
        &[0x82, 1, 0xff, 0x81, 1, 0xff],
        &[0x81, 1, 0x01],
        &[0x81, 0],
        &[0x86, 1, 0xff],
        &[0xa0, 0],
        &[0xa0, 2, 0xa0, 1],
        &[0xa0, 2, 0xa2, 0],
        &[0xa0, 4, 0xa0, 0, 0xa0, 0],
    ] {
        let fields = Fields::new(entries(), vec![issuing_point(&[malformed])]);
        assert!(parse(&fields).is_err(), "{malformed:02x?}");
    }
}

#[test]
fn the_name_of_the_issuer_is_the_point_of_a_certificate_without_points() {
    let issuer = root("ca");
    let decoded = certificate::Certificate::decode(issuer.der()).unwrap();
    let name = der::wrap(der::SEQUENCE, &decoded.subject);
    let directory_name = der::wrap(der::constructed(4), &name);
    let full = der::wrap(der::constructed(0), &directory_name);
    let point = der::wrap(der::constructed(0), &full);
    assert!(is_revoked(&Fields::new(
        vec![entry(&[LEAF_SERIAL], &[])],
        vec![issuing_point(&[&point])]
    )));
}

/// The DER of a certificate's cRLDistributionPoints with these points.
fn with_points(points: &[&[u8]]) -> Chain {
    Chain::with(|leaf| {
        let value = der::wrap(der::SEQUENCE, &points.concat());
        leaf.custom_extensions =
            vec![rcgen::CustomExtension::from_oid_content(&[2, 5, 29, 31], value)];
    })
}

#[test]
fn points_that_are_anothers_or_malformed() {
    let uri = der::wrap(der::primitive(6), b"http://a/1");
    let full = der::wrap(der::constructed(0), &uri);
    let name = der::wrap(der::constructed(0), &full);
    let crl_issuer = der::wrap(der::constructed(2), &der::wrap(der::constructed(4), &[0x30, 0]));
    let relative = der::wrap(der::constructed(0), &der::wrap(der::constructed(1), &[0x30, 0]));
    let reasons = [0x81, 2, 6, 0x40];
    let point = |fields: &[&[u8]]| der::wrap(der::SEQUENCE, &fields.concat());
    let plain = point(&[&name]);
    let outcome = |points: &[&[u8]], at: &[u8]| {
        let chain = with_points(points);
        let fields = Fields::new(vec![entry(&[LEAF_SERIAL], &[])], vec![issuing_point(&[at])]);
        let crl = CertificateRevocationList::from_der(&fields.sign(&chain.intermediate)).unwrap();
        chain.result(vec![crl])
    };
    let revoked = Err(super::revoked_without_reason("CN=leaf", "4c"));
    assert_eq!(outcome(&[&plain], &name), revoked);
    assert_eq!(outcome(&[&point(&[&name, &reasons])], &name), revoked);
    assert_eq!(outcome(&[&point(&[&relative])], &relative), revoked);
    assert_eq!(outcome(&[&point(&[&relative])], &name), Ok(()));
    assert_eq!(outcome(&[&point(&[])], &name), Ok(()));
    // A relative name is the end of a full one.
    let common_name = [&[0x30, 8, 6, 3, 0x55, 4, 3, 12, 1, b'p'][..]].concat();
    let issuer = intermediate("ca", &root("root"));
    let issuer = certificate::Certificate::decode(issuer.der()).unwrap();
    let whole = [&*issuer.subject, &der::wrap(der::SET, &common_name)].concat();
    let whole = der::wrap(der::constructed(4), &der::wrap(der::SEQUENCE, &whole));
    let whole = der::wrap(der::constructed(0), &der::wrap(der::constructed(0), &whole));
    let part = der::wrap(der::constructed(0), &der::wrap(der::constructed(1), &common_name));
    assert_eq!(outcome(&[&point(&[&whole])], &part), revoked);
    assert_eq!(outcome(&[&point(&[&part])], &whole), revoked);
    assert_eq!(outcome(&[&point(&[&relative])], &part), Ok(()));
    // Another authority's list is at the same place.
    assert_eq!(outcome(&[&point(&[&name, &crl_issuer])], &name), Ok(()));
    let malformed = unusable("CN=leaf", RevocationEvidenceError::MalformedDistributionPoints);
    assert_eq!(outcome(&[&plain, &[5, 0]], &name), malformed);
    assert_eq!(outcome(&[&point(&[&crl_issuer, &name])], &name), malformed);
    assert_eq!(outcome(&[&point(&[&[0xa0, 0]])], &name), malformed);
}

#[test]
fn reasons_of_entries() {
    for (code, revoked) in [(1, true), (6, true), (8, false), (10, true), (99, true)] {
        let fields = Fields::new(vec![entry(&[LEAF_SERIAL], &[reason(code)])], vec![]);
        assert_eq!(is_revoked(&fields), revoked, "{code}");
    }
    // removeFromCRL takes back its own entry, and no other.
    let entries = [8, 1].map(|code| entry(&[LEAF_SERIAL], &[reason(code)]));
    assert!(is_revoked(&Fields::new(entries.to_vec(), vec![])));
    let text = RevocationReason(99).to_string();
    assert_eq!(
        (text.as_str(), RevocationReason(1).to_string().as_str()),
        ("reason 99", "keyCompromise")
    );
}

#[test]
fn a_crl_of_version_1_and_one_without_next_update() {
    let mut fields = Fields::new(vec![entry(&[LEAF_SERIAL], &[])], vec![]);
    fields.version.clear();
    assert!(is_revoked(&fields));
    fields.version = vec![2, 1, 2];
    assert!(parse(&fields).is_err());
    let mut fields = Fields::new(vec![], vec![]);
    fields.next_update.clear();
    let why = RevocationEvidenceError::NoNextUpdate(RevocationEvidence::Crl);
    assert_eq!(result(&fields), unusable("CN=leaf", why));
}

#[test]
fn the_algorithm_beside_the_signature_must_agree_with_the_signed_one() {
    let mut fields = Fields::new(vec![], vec![]);
    // ECDSA with SHA-384.
    fields.algorithm =
        der::wrap(der::SEQUENCE, &[ECDSA_SHA256.split_last().unwrap().1, &[3]].concat());
    assert_eq!(parse(&fields).unwrap_err(), CrlError::SignatureAlgorithmMismatch);
}

#[test]
fn malformed_fields() {
    let change = |change: fn(&mut Fields)| {
        let mut fields =
            Fields::new(vec![entry(&[1], &[])], vec![extension(20, false, &[2, 1, 1])]);
        assert!(parse(&fields).is_ok());
        change(&mut fields);
        assert!(parse(&fields).is_err());
    };
    change(|it| it.end = vec![5, 0]);
    change(|it| it.this_update = b"\x17\x0b2607150000Z".to_vec());
    change(|it| it.this_update = b"\x17\x0d261315000000Z".to_vec());
    change(|it| it.this_update = b"\x17\x11260715000000+0100".to_vec());
    change(|it| it.next_update = b"\x18\x1120260815000000.5Z".to_vec());
    change(|it| it.entries.push(vec![5, 0]));
    change(|it| it.entries.push(der::wrap(der::SEQUENCE, &[2, 1, 1])));
    change(|it| it.entries.push(entry(&[], &[])));
    change(|it| it.entries.push(entry(&[1], &[vec![5, 0]])));
    change(|it| it.entries.push(entry(&[1], &[extension(21, false, &[10, 0])])));
    change(|it| it.extensions.push(vec![5, 0]));
    change(|it| it.extensions.push(extension(28, true, &[5, 0])));
}

#[test]
fn serial_numbers_are_found_in_any_order_and_length() {
    let serials: Vec<Vec<u8>> = (0..2000_u32)
        .map(|number| {
            let scattered = number.wrapping_mul(2_654_435_761).to_be_bytes();
            let length = 1 + usize::try_from(number).unwrap() % 4;
            let bytes = &scattered[..length];
            // Positive, and as short as DER wants it.
            let bytes = &bytes[bytes.iter().take_while(|&&byte| byte == 0).count()..];
            let sign: &[u8] =
                if bytes.first().is_none_or(|&byte| byte >= 0x80) { &[0] } else { &[] };
            [sign, bytes].concat()
        })
        .collect();
    let odd = serials.iter().skip(1).step_by(2);
    let crl = parse(&Fields::new(odd.map(|serial| entry(serial, &[])).collect(), vec![])).unwrap();
    for (index, serial) in serials.iter().enumerate() {
        let listed = serials.iter().skip(1).step_by(2).any(|other| other == serial);
        assert_eq!(crl.lists(serial), listed, "{index}");
    }
    // A number has one form, and no other is taken for it.
    assert!(parse(&Fields::new(vec![entry(&[0, LEAF_SERIAL], &[])], vec![])).is_err());
    // A negative one is not the positive one with the same last bytes.
    let crl = parse(&Fields::new(vec![entry(&[0xff], &[])], vec![])).unwrap();
    assert!(crl.lists(&[0xff]) && !crl.lists(&[0, 0xff]));
}

#[test]
fn a_large_crl_costs_four_bytes_an_entry() {
    let minimal = |number: u32| {
        let bytes = number.to_be_bytes();
        let start = (0..3).take_while(|&at| bytes[at] == 0 && bytes[at + 1] < 0x80).count();
        bytes[start..].to_vec()
    };
    let entries = (1..=100_000_u32).rev().map(|number| entry(&minimal(number), &[]));
    let crl = parse(&Fields::new(entries.collect(), vec![])).unwrap();
    assert_eq!(crl.len(), 100_000);
    assert!(crl.lists(&[1]) && crl.lists(&[0x01, 0x86, 0xa0]) && !crl.lists(&[0x01, 0x86, 0xa1]));
}

#[test]
fn a_crl_without_a_number_shows_no_good_status_in_the_strict_profile() {
    let chain = Chain::new();
    assert_eq!(result(&Fields::new(vec![], vec![])), Ok(()));
    let strict = |fields| {
        let der = Fields::sign(&fields, &chain.intermediate);
        let crl = CertificateRevocationList::from_der(&der).unwrap();
        let mut leaf = leaf_params();
        leaf.use_authority_key_identifier_extension = true;
        leaf.distinguished_name = params("example.com").distinguished_name;
        let mut ca = authority_params("ca");
        ca.use_authority_key_identifier_extension = true;
        let ca = ca.signed_by(chain.intermediate.key(), &chain.root).unwrap();
        let leaf = issue(&leaf, &chain.intermediate);
        let mut check = Check::new(&leaf, &[ca.der()], &[chain.root.der()]);
        (check.profile, check.crls) = (Profile::Strict, vec![crl]);
        check.run().map_or_else(|error| error.kind.code(), |_| "accepted")
    };
    assert_eq!(strict(Fields::new(vec![], vec![extension(20, false, &[2, 1, 1])])), "accepted");
    assert_eq!(strict(Fields::new(vec![], vec![])), "crl-number");
}
