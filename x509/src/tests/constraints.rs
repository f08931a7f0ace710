//! Name constraints on chains: every kind of name, and what was got wrong elsewhere.

use rcgen::{CidrSubnet, CustomExtension, GeneralSubtree, NameConstraints, SanType};

use super::*;

fn dns(name: &str) -> GeneralSubtree {
    GeneralSubtree::DnsName(name.to_owned())
}

fn constrained(permitted: Vec<GeneralSubtree>, excluded: Vec<GeneralSubtree>) -> CertificateParams {
    let mut params = authority_params("a");
    params.name_constraints =
        Some(NameConstraints { permitted_subtrees: permitted, excluded_subtrees: excluded });
    params
}

/// Constraints of a kind that `rcgen` does not write: `[0]` or `[1]`, and one GeneralName.
fn raw(side: u8, name: &[u8]) -> CertificateParams {
    let side = der::wrap(der::constructed(side), &der::wrap(der::SEQUENCE, name));
    let content = der::wrap(der::SEQUENCE, &side);
    let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, 30], content);
    extension.set_criticality(true);
    let mut params = authority_params("a");
    params.custom_extensions = vec![extension];
    params
}

fn leaf(name: SanType) -> CertificateParams {
    let mut leaf = leaf_params();
    leaf.subject_alt_names = vec![name];
    leaf
}

fn dns_leaf(name: &str) -> CertificateParams {
    leaf(SanType::DnsName(name.try_into().unwrap()))
}

/// Whether a leaf is refused for a name, and which.
fn refused(leaf: &CertificateParams, authority: CertificateParams) -> Option<String> {
    let mut check = chain(leaf, authority);
    check.name = None;
    match check.run() {
        Ok(_) => None,
        Err(CertificateError {
            kind: CertificateErrorKind::NameNotPermitted { name, .. }, ..
        }) => Some(name),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn rustsec_2026_0099_a_wildcard_is_not_within_a_tree_that_is_within_it() {
    // Also CVE-2025-61727: the wildcard stands for more than the one name that is permitted, and
    // for the one that is excluded.
    let leaf = dns_leaf("*.example.com");
    let permitted = |tree| constrained(vec![dns(tree)], vec![]);
    assert_eq!(refused(&leaf, permitted("www.example.com")).as_deref(), Some("*.example.com"));
    assert_eq!(refused(&leaf, permitted("example.com")), None);
    let excluded = |tree| constrained(vec![], vec![dns(tree)]);
    assert_eq!(refused(&leaf, excluded("www.example.com")).as_deref(), Some("*.example.com"));
    assert_eq!(refused(&leaf, excluded("a.www.example.com")), None);
}

#[test]
fn rustsec_2026_0098_uri_constraints_are_not_ignored() {
    let uri = |text: &str| leaf(SanType::URI(text.try_into().unwrap()));
    let tree = |side, text: &str| raw(side, &der::wrap(der::primitive(6), text.as_bytes()));
    for (side, constraint, name, ok) in [
        (0, "example.com", "https://example.com/path", true),
        (0, "example.com", "https://user@EXAMPLE.com:8443?query", true),
        (0, "example.com", "https://www.example.com/", false),
        (0, "example.com", "https://example.org/?example.com", false),
        (0, "example.com", "https://example.com@example.org/", false),
        (0, ".example.com", "https://www.example.com/", true),
        (0, ".example.com", "https://example.com/", false),
        (1, "example.com", "https://example.com/", false),
        (1, "example.com", "https://www.example.com/", true),
        (1, ".example.com", "https://a.b.example.com/", false),
        // Nothing to compare: refused, both as permitted and as excluded.
        (0, "example.com", "urn:example.com", false),
        (1, "example.com", "urn:example.com", false),
        (1, "example.com", "https://192.0.2.1/", false),
        (1, "example.com", "https://[2001:db8::1]/", false),
        (1, "example.com", "https:/example.com/", false),
    ] {
        let refused = refused(&uri(name), tree(side, constraint));
        assert_eq!(refused.is_none(), ok, "{side} {constraint} {name}");
    }
    assert_eq!(refused(&dns_leaf("example.org"), tree(0, "example.com")), None);
}

#[test]
fn email_addresses() {
    let email = |text: &str| leaf(SanType::Rfc822Name(text.try_into().unwrap()));
    let tree = |text: &str| GeneralSubtree::Rfc822Name(text.to_owned());
    for (constraint, name, within) in [
        ("a@example.com", "a@EXAMPLE.com", true),
        ("a@example.com", "A@example.com", false),
        ("a@example.com", "b@example.com", false),
        ("*@example.com", "a@example.com", false),
        ("*@example.com", "*@example.com", true),
        ("example.com", "a@example.com", true),
        ("example.com", "a@www.example.com", false),
        (".example.com", "a@www.example.com", true),
        (".example.com", "a@example.com", false),
        ("", "a@example.com", true),
    ] {
        let by_permission = refused(&email(name), constrained(vec![tree(constraint)], vec![]));
        assert_eq!(by_permission.is_none(), within, "{constraint} {name}");
        let by_exclusion = refused(&email(name), constrained(vec![], vec![tree(constraint)]));
        assert_eq!(by_exclusion.is_some(), within, "{constraint} {name}");
    }
    for malformed in ["a@b@example.com", "@example.com", "example.com", "a@"] {
        let authority = constrained(vec![], vec![tree("example.org")]);
        assert!(refused(&email(malformed), authority).is_some(), "{malformed}");
    }
    // In the subject it counts where there are no alternative names.
    let mut leaf = leaf_params();
    leaf.distinguished_name.push(
        DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]),
        rcgen::DnValue::Ia5String("a@example.com".try_into().unwrap()),
    );
    let authority = || constrained(vec![], vec![tree("example.com")]);
    assert_eq!(refused(&leaf, authority()), None);
    leaf.subject_alt_names.clear();
    assert_eq!(refused(&leaf, authority()).as_deref(), Some("a@example.com"));
}

/// A directoryName of parts that each have one attribute: the last byte of its type, and its value.
fn directory(parts: &[(u8, &str)]) -> Vec<u8> {
    let part = |(kind, value): &(u8, &str)| {
        let kind = der::wrap(der::OBJECT_IDENTIFIER, &[0x55, 0x04, *kind]);
        let attribute = [kind, der::wrap(der::PRINTABLE_STRING, value.as_bytes())].concat();
        der::wrap(der::SET, &der::wrap(der::SEQUENCE, &attribute))
    };
    let parts: Vec<u8> = parts.iter().flat_map(part).collect();
    der::wrap(der::constructed(4), &der::wrap(der::SEQUENCE, &parts))
}

#[test]
fn directory_names() {
    const COMMON_NAME: u8 = 3;
    const COUNTRY: u8 = 6;
    const ORGANIZATION: u8 = 10;
    let mut leaf = leaf_params();
    leaf.distinguished_name = rcgen::DistinguishedName::new();
    leaf.distinguished_name.push(DnType::CountryName, "DE");
    leaf.distinguished_name.push(DnType::OrganizationName, "Example");
    leaf.distinguished_name.push(DnType::CommonName, "leaf");
    for (tree, within) in [
        (&[(COUNTRY, "DE"), (ORGANIZATION, "Example")][..], true),
        (&[(COUNTRY, "de"), (ORGANIZATION, " EXAMPLE")], true),
        (&[(COUNTRY, "DE"), (ORGANIZATION, "Example"), (COMMON_NAME, "leaf")], true),
        (&[(ORGANIZATION, "Example")], false),
        (&[(COUNTRY, "DE"), (COMMON_NAME, "Example")], false),
        (&[(COUNTRY, "D")], false),
    ] {
        let [by_permission, by_exclusion] =
            [0, 1].map(|side| refused(&leaf, raw(side, &directory(tree))));
        assert_eq!(by_permission.is_none(), within, "{tree:?}");
        assert_eq!(by_exclusion.is_some(), within, "{tree:?}");
    }
    // Alternative names of this kind count as the subject does.
    let common_name = |name| directory(&[(COMMON_NAME, name)]);
    let mut leaf = params("foo");
    let names = der::wrap(der::SEQUENCE, &common_name("bar"));
    leaf.custom_extensions = vec![CustomExtension::from_oid_content(&[2, 5, 29, 17], names)];
    assert_eq!(refused(&leaf, raw(0, &common_name("foo"))).as_deref(), Some("CN=bar"));
    assert_eq!(refused(&leaf, raw(0, &common_name("bar"))).as_deref(), Some("CN=foo"));
    assert_eq!(refused(&leaf, raw(1, &common_name("foo"))).as_deref(), Some("CN=foo"));
    assert_eq!(refused(&leaf, raw(1, &common_name("bar"))).as_deref(), Some("CN=bar"));
    assert_eq!(refused(&leaf, raw(1, &common_name("baz"))), None);
    // A string that cannot be read could hide a name that is excluded.
    let mut unreadable = common_name("fox");
    let at = position(&unreadable, &[der::PRINTABLE_STRING, 3]);
    unreadable[at] = der::TELETEX_STRING;
    unreadable[at + 4] = 0xf6;
    let names = der::wrap(der::SEQUENCE, &unreadable);
    leaf.custom_extensions = vec![CustomExtension::from_oid_content(&[2, 5, 29, 17], names)];
    assert_eq!(refused(&leaf, authority_params("a")), None);
    assert!(refused(&leaf, raw(1, &common_name("bar"))).is_some());
}

#[test]
fn kinds_that_are_not_compared_fail_where_there_is_such_a_name() {
    // registeredID 1.2.3.4, and an otherName of that type.
    let registered = der::wrap(der::primitive(8), &[0x2a, 0x03, 0x04]);
    let other = |value: &str| SanType::OtherName((vec![1, 2, 3, 4], value.into()));
    let id = der::wrap(der::OBJECT_IDENTIFIER, &[0x2a, 0x03, 0x04]);
    let value = der::wrap(der::constructed(0), &der::wrap(der::UTF8_STRING, b"a"));
    let constraint = der::wrap(der::constructed(0), &[id, value].concat());
    for side in [0, 1] {
        assert_eq!(refused(&leaf_params(), raw(side, &constraint)), None);
        assert!(refused(&leaf(other("b")), raw(side, &constraint)).is_some());
        assert_eq!(refused(&leaf(other("b")), raw(side, &registered)), None);
    }
}

#[test]
fn names_that_are_malformed_are_within_nothing() {
    let within =
        |leaf: &CertificateParams| refused(leaf, constrained(vec![dns("example.com")], vec![]));
    let beside =
        |leaf: &CertificateParams| refused(leaf, constrained(vec![], vec![dns("example.org")]));
    for name in
        [".example.com", "a..example.com", "example.com.", "a.*.example.com", "a*.example.com"]
    {
        assert_eq!(within(&dns_leaf(name)).as_deref(), Some(name));
        assert_eq!(beside(&dns_leaf(name)).as_deref(), Some(name));
        assert_eq!(refused(&dns_leaf(name), authority_params("a")), None);
    }
    // An address with a mask.
    let names =
        der::wrap(der::SEQUENCE, &der::wrap(der::primitive(7), &[192, 0, 2, 0, 255, 255, 255, 0]));
    let mut leaf = params("leaf");
    leaf.custom_extensions = vec![CustomExtension::from_oid_content(&[2, 5, 29, 17], names)];
    let tree = GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([192, 0, 2, 0], 24));
    assert!(refused(&leaf, constrained(vec![tree], vec![])).is_some());
}

#[test]
fn a_ca_below_can_narrow_and_not_widen() {
    let root = root("root");
    for (upper, lower, ok) in [
        (vec![dns("example.com"), dns("example.org")], vec![dns("example.com")], true),
        (vec![dns("example.com"), dns("example.org")], vec![dns("example.org")], false),
        (vec![dns("example.org")], vec![dns("example.com"), dns("example.org")], false),
    ] {
        let mut leaf = leaf_params();
        leaf.subject_alt_names.truncate(1);
        let upper = Authority::signed_by(constrained(upper, vec![]), key(), &root).unwrap();
        let mut params = constrained(lower, vec![]);
        params.distinguished_name = authority_params("b").distinguished_name;
        let lower = Authority::signed_by(params, key(), &upper).unwrap();
        let leaf = issue(&leaf, &lower);
        let check = Check::new(&leaf, &[upper.der(), lower.der()], &[root.der()]);
        assert_eq!(check.run().is_ok(), ok);
    }
}

#[test]
fn constraints_that_are_malformed_or_not_a_ca_s() {
    for content in [
        vec![0x30, 0x00],
        vec![0x30, 0x04, 0xa0, 0x00, 0xa1, 0x00],
        vec![0x30, 0x04, 0x05, 0x00, 0x05, 0x00],
        // A mask that is none, and DNS names with a wildcard and with an empty label.
        [&[0x30, 0x0e, 0xa0, 0x0c, 0x30, 0x0a, 0x87, 0x08][..], &[127, 0, 0, 1, 255, 255, 255, 1]]
            .concat(),
        [&[0x30, 0x09, 0xa0, 0x07, 0x30, 0x05, 0x82, 0x03][..], b"*.a"].concat(),
        [&[0x30, 0x0a, 0xa0, 0x08, 0x30, 0x06, 0x82, 0x04][..], b"a..b"].concat(),
    ] {
        let mut authority = authority_params("a");
        let extension = CustomExtension::from_oid_content(&[2, 5, 29, 30], content);
        authority.custom_extensions = vec![extension];
        let kind = chain(&leaf_params(), authority).run().unwrap_err().kind;
        assert!(matches!(kind, CertificateErrorKind::MalformedNameConstraints(_)), "{kind}");
    }
    let mut leaf = leaf_params();
    leaf.custom_extensions =
        raw(0, &der::wrap(der::primitive(2), b"example.com")).custom_extensions;
    let kind = chain(&leaf, authority_params("a")).run().unwrap_err().kind;
    assert_eq!(kind.rule(), Some(Rule::ConstraintsOfCas));
}
