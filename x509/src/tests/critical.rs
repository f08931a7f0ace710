//! Critical extensions: those that are processed are accepted, with all that they say.

use rcgen::CustomExtension;

use super::*;

const POLICIES: &[u64] = &[2, 5, 29, 32];
const DISTRIBUTION_POINTS: &[u64] = &[2, 5, 29, 31];
const TLS_FEATURE: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 24];
const NO_CHECK: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 48, 1, 5];

/// The code of what is said of a leaf, and of an intermediate, with this extension.
fn said(oid: &[u64], critical: bool, value: &[u8]) -> [&'static str; 2] {
    let mut extension = CustomExtension::from_oid_content(oid, value.to_vec());
    extension.set_criticality(critical);
    let (mut leaf, mut authority) = (leaf_params(), authority_params("a"));
    leaf.custom_extensions = vec![extension.clone()];
    authority.custom_extensions = vec![extension];
    let checks = [chain(&leaf, authority_params("a")), chain(&leaf_params(), authority)];
    checks.map(|check| check.run().map_or_else(|error| error.kind.code(), |_| "accepted"))
}

/// A policy with a qualifier of this number in the arc of qualifiers, and this value.
fn policy(number: u8, value: &[u8]) -> Vec<u8> {
    let identifier = [6, 8, 0x2b, 6, 1, 5, 5, 7, 2, number];
    let qualifier = der::wrap(der::SEQUENCE, &[&identifier[..], value].concat());
    let qualifiers = der::wrap(der::SEQUENCE, &qualifier);
    let policy = der::wrap(der::SEQUENCE, &[&[6, 2, 0x2a, 3][..], &qualifiers].concat());
    der::wrap(der::SEQUENCE, &policy)
}

#[test]
fn what_revocation_reads_may_be_critical() {
    let uri = [&[0x86, 0x0e][..], b"http://example"].concat();
    let name = der::wrap(der::constructed(0), &der::wrap(der::constructed(0), &uri));
    let points = der::wrap(der::SEQUENCE, &der::wrap(der::SEQUENCE, &name));
    for (oid, value) in [
        (DISTRIBUTION_POINTS, &points[..]),
        (TLS_FEATURE, &[0x30, 3, 2, 1, 5]),
        (NO_CHECK, &[5, 0]),
    ] {
        for critical in [true, false] {
            assert_eq!(said(oid, critical, value), ["accepted"; 2], "{oid:?}");
        }
    }
}

#[test]
fn what_cannot_be_read_or_is_not_known_may_not_be_critical() {
    let unknown = "unknown-critical-extension";
    for (oid, value, code) in [
        (DISTRIBUTION_POINTS, &[0x30, 0][..], "malformed"),
        (DISTRIBUTION_POINTS, &[5, 0], "malformed"),
        (TLS_FEATURE, &[5, 0], "malformed"),
        (TLS_FEATURE, &[0x30, 3, 2, 1, 17], unknown),
        (TLS_FEATURE, &[0x30, 6, 2, 1, 5, 2, 1, 23], unknown),
        (NO_CHECK, &[0x30, 0], "malformed"),
    ] {
        let [leaf, authority] = said(oid, true, value);
        assert_eq!(leaf, code, "{oid:?}");
        // An intermediate that is malformed is none.
        let expected = if code == "malformed" { code } else { unknown };
        assert_eq!(authority, expected, "{oid:?}");
        assert_eq!(said(oid, false, value), ["accepted"; 2], "{oid:?}");
    }
}

#[test]
fn critical_policies_have_qualifiers_that_are_known() {
    let pointer = [&[der::IA5_STRING, 14][..], b"http://example"].concat();
    let notice = [0x30, 3, der::UTF8_STRING, 1, b'a'];
    let without_qualifiers = [0x30, 8, 0x30, 6, 6, 2, 0x2a, 3, 0x30, 0];
    for (value, is_known) in [
        (policy(1, &pointer), true),
        (policy(2, &notice), true),
        (policy(3, &pointer), false),
        (policy(1, &notice), false),
        (policy(2, &pointer), false),
        (policy(1, &[]), false),
        (without_qualifiers.to_vec(), false),
    ] {
        let code = if is_known { "accepted" } else { "unknown-critical-extension" };
        assert_eq!(said(POLICIES, true, &value), [code; 2], "{value:02x?}");
        assert_eq!(said(POLICIES, false, &value), ["accepted"; 2], "{value:02x?}");
    }
    let mut leaf = leaf_params();
    let mut extension = CustomExtension::from_oid_content(POLICIES, policy(3, &pointer));
    extension.set_criticality(true);
    leaf.custom_extensions = vec![extension];
    let words = chain(&leaf, authority_params("a")).run().unwrap_err().to_string();
    assert!(words.contains("with the qualifier 1.3.6.1.5.5.7.2.3"), "{words}");
}
