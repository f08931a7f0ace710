//! Every rule of the strict profile, with chains that break it and nothing else.

use std::collections::BTreeSet;

use rcgen::{CustomExtension, GeneralSubtree, NameConstraints, SanType, SerialNumber};

use super::leaf_keys::Key;
use super::*;

/// A chain that the strict profile accepts, until it is edited.
pub(super) struct Chain {
    pub(super) leaf: CertificateParams,
    authority: CertificateParams,
    pub(super) root: CertificateParams,
    purpose: Purpose,
}

impl Chain {
    pub(super) fn new() -> Self {
        let mut leaf = leaf_params();
        leaf.distinguished_name = params("example.com").distinguished_name;
        leaf.use_authority_key_identifier_extension = true;
        let mut authority = authority_params("a");
        authority.use_authority_key_identifier_extension = true;
        Self { leaf, authority, root: authority_params("root"), purpose: Purpose::Server }
    }

    fn check(&self) -> Check {
        let root = Authority::self_signed(self.root.clone(), key()).unwrap();
        let authority = Authority::signed_by(self.authority.clone(), key(), &root).unwrap();
        let leaf = issue(&self.leaf, &authority);
        let mut check = Check::new(&leaf, &[authority.der()], &[root.der()]);
        (check.name, check.purpose) = (None, self.purpose);
        check
    }
}

/// The rule that is broken in each profile.
pub(super) fn broken(mut check: Check) -> [Option<Rule>; 2] {
    [Profile::Default, Profile::Strict].map(|profile| {
        check.profile = profile;
        let rule = |error: CertificateError| {
            error.kind.rule().unwrap_or_else(|| panic!("no rule: {error}"))
        };
        check.run().err().map(rule)
    })
}

fn extension(oid: &[u64], critical: bool, content: &[u8]) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(oid, content.to_vec());
    extension.set_criticality(critical);
    extension
}

const SUBJECT_ALT_NAME: &[u64] = &[2, 5, 29, 17];
const BASIC_CONSTRAINTS: &[u64] = &[2, 5, 29, 19];
const NAME_CONSTRAINTS: &[u64] = &[2, 5, 29, 30];
const POLICIES: &[u64] = &[2, 5, 29, 32];
const AUTHORITY_KEY: &[u64] = &[2, 5, 29, 35];
const POLICY_CONSTRAINTS: &[u64] = &[2, 5, 29, 36];
const EXTENDED_KEY_USAGE: &[u64] = &[2, 5, 29, 37];
const AUTHORITY_ACCESS: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 1];

/// `basicConstraints` of a CA, critical or not, in parameters that `rcgen` takes for no CA's: so
/// there is no subjectKeyIdentifier either.
fn plain_ca(params: &mut CertificateParams, critical: bool) {
    params.is_ca = IsCa::NoCa;
    params.custom_extensions.push(extension(
        BASIC_CONSTRAINTS,
        critical,
        &[0x30, 0x03, 0x01, 0x01, 0xff],
    ));
}

type Edit = fn(&mut Chain);

/// Edits after which the strict profile finds this rule broken, and the default profile does not.
const STRICT: &[(Rule, Edit)] = &[
    (Rule::CaAsEndEntity, |it| it.leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
    (Rule::SerialOctets, |it| {
        it.leaf.serial_number = Some(SerialNumber::from_slice(&[0x80; 20]));
    }),
    (Rule::AuthorityKey, |it| it.leaf.use_authority_key_identifier_extension = false),
    (Rule::AuthorityKey, |it| it.authority.use_authority_key_identifier_extension = false),
    (Rule::AuthorityKey, |it| {
        it.leaf.use_authority_key_identifier_extension = false;
        it.leaf.custom_extensions = vec![extension(AUTHORITY_KEY, false, &[0x30, 0x00])];
    }),
    (Rule::AuthorityKeyNames, |it| {
        let content = [0x30, 0x06, 0x80, 0x01, 0x01, 0x82, 0x01, 0x01];
        it.leaf.use_authority_key_identifier_extension = false;
        it.leaf.custom_extensions = vec![extension(AUTHORITY_KEY, false, &content)];
    }),
    (Rule::AuthorityKeyMatches, |it| {
        it.leaf.use_authority_key_identifier_extension = false;
        let content = [0x30, 0x03, 0x80, 0x01, 0x01];
        it.leaf.custom_extensions = vec![extension(AUTHORITY_KEY, false, &content)];
    }),
    (Rule::AuthorityKeyMatches, |it| {
        let content = [0x30, 0x03, 0x80, 0x01, 0x01];
        it.root.custom_extensions = vec![extension(AUTHORITY_KEY, false, &content)];
    }),
    (Rule::SubjectKey, |it| plain_ca(&mut it.authority, true)),
    (Rule::SubjectKey, |it| plain_ca(&mut it.root, true)),
    (Rule::CaBasicConstraints, |it| {
        plain_ca(&mut it.root, false);
        let ski = extension(&[2, 5, 29, 14], false, &[0x04, 0x01, 0x01]);
        it.root.custom_extensions.push(ski);
        it.authority.use_authority_key_identifier_extension = false;
        let content = [0x30, 0x03, 0x80, 0x01, 0x01];
        it.authority.custom_extensions = vec![extension(AUTHORITY_KEY, false, &content)];
    }),
    (Rule::CaKeyUsage, |it| it.authority.key_usages.clear()),
    (Rule::CaKeyUsage, |it| it.root.key_usages.clear()),
    (Rule::EndEntityKeyUsage, |it| it.leaf.key_usages.push(KeyUsagePurpose::KeyCertSign)),
    (Rule::PathLengthOfCas, |it| {
        it.leaf.custom_extensions =
            vec![extension(BASIC_CONSTRAINTS, true, &[0x30, 0x03, 0x02, 0x01, 0x00])];
    }),
    (Rule::CriticalConstraints, |it| {
        let content = [&[0x30, 0x09, 0xa0, 0x07, 0x30, 0x05, 0x82, 0x03][..], b"com"].concat();
        it.leaf.subject_alt_names.truncate(1);
        it.authority.custom_extensions = vec![extension(NAME_CONSTRAINTS, false, &content)];
    }),
    (Rule::ConstraintForm, |it| {
        it.root.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName(".com".to_owned())],
            excluded_subtrees: Vec::new(),
        });
    }),
    (Rule::EmptyExtendedKeyUsage, |it| {
        it.purpose = Purpose::Any;
        it.leaf.extended_key_usages.clear();
        it.leaf.custom_extensions = vec![extension(EXTENDED_KEY_USAGE, false, &[0x30, 0x00])];
    }),
    (Rule::EndEntityPurposes, |it| it.leaf.extended_key_usages.clear()),
    (Rule::EndEntityPurposes, |it| it.leaf.extended_key_usages.push(ExtendedKeyUsagePurpose::Any)),
    (Rule::EndEntityPurposes, |it| {
        it.leaf.extended_key_usages.clear();
        let server = [0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];
        it.leaf.custom_extensions = vec![extension(EXTENDED_KEY_USAGE, true, &server)];
    }),
    (Rule::RootPurposes, |it| {
        it.root.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    }),
    (Rule::AlternativeNames, |it| it.leaf.subject_alt_names.clear()),
    (Rule::CriticalAlternativeNames, |it| {
        let content = [&[0x30, 0x0d, 0x82, 0x0b][..], b"example.com"].concat();
        it.leaf.subject_alt_names.clear();
        it.leaf.custom_extensions = vec![extension(SUBJECT_ALT_NAME, true, &content)];
    }),
    (Rule::CriticalAlternativeNames, |it| {
        let content = [&[0x30, 0x0d, 0x82, 0x0b][..], b"example.com"].concat();
        it.leaf.distinguished_name = rcgen::DistinguishedName::new();
        it.leaf.subject_alt_names.clear();
        it.leaf.custom_extensions = vec![extension(SUBJECT_ALT_NAME, false, &content)];
    }),
    (Rule::NameForm, |it| add_name(it, "under_score.example.com")),
    (Rule::PublicSuffix, |it| add_name(it, "*.com")),
    (Rule::CommonName, |it| {
        it.leaf.distinguished_name = params("Example.com").distinguished_name;
    }),
    (Rule::PolicyForm, |it| {
        let policy = [0x30, 0x05, 0x06, 0x03, 0x2a, 0x03, 0x04];
        let content = [&[0x30, 0x0e][..], &policy, &policy].concat();
        it.leaf.custom_extensions = vec![extension(POLICIES, false, &content)];
    }),
    (Rule::CriticalPolicies, |it| {
        let content = [0x30, 0x03, 0x80, 0x01, 0x05];
        it.authority.custom_extensions = vec![extension(POLICY_CONSTRAINTS, false, &content)];
    }),
    (Rule::CriticalPolicies, |it| {
        it.authority.custom_extensions = vec![extension(POLICY_CONSTRAINTS, true, &[0x30, 0x00])];
    }),
    // What the anchor's certificate says of itself.
    (Rule::NotAfter, |it| it.root.not_after = date_time_ymd(2026, 2, 1)),
    (Rule::NotBefore, |it| it.root.not_before = date_time_ymd(2026, 12, 1)),
];

fn add_name(chain: &mut Chain, name: &str) {
    chain.leaf.subject_alt_names.push(SanType::DnsName(name.try_into().unwrap()));
}

#[test]
fn the_strict_profile_accepts_a_good_chain() {
    assert_eq!(broken(Chain::new().check()), [None, None]);
    // A root as there are old ones, that names its own key; and addresses beside a common name that is none.
    let mut chain = Chain::new();
    chain.root.use_authority_key_identifier_extension = true;
    chain.root.serial_number = Some(SerialNumber::from_slice(&[0]));
    chain.leaf.subject_alt_names.remove(0);
    assert_eq!(broken(chain.check()), [None, None]);
    // No subject at all: then the names are critical.
    let mut chain = Chain::new();
    chain.leaf.distinguished_name = rcgen::DistinguishedName::new();
    let content = [&[0x30, 0x0d, 0x82, 0x0b][..], b"example.com"].concat();
    chain.leaf.subject_alt_names.clear();
    chain.leaf.custom_extensions = vec![extension(SUBJECT_ALT_NAME, true, &content)];
    assert_eq!(broken(chain.check()), [None, None]);
}

#[test]
fn every_rule_of_the_strict_profile() {
    for (number, (rule, edit)) in STRICT.iter().enumerate() {
        let mut chain = Chain::new();
        edit(&mut chain);
        assert_eq!(broken(chain.check()), [None, Some(*rule)], "number {number}, {rule}");
    }
    let strict = Rule::ALL.iter().filter(|rule| rule.profile() == Profile::Strict);
    let codes: BTreeSet<_> = strict.map(|rule| rule.code()).collect();
    // Those that take an edited certificate are below, and the one of CRLs is with these.
    let edited = [
        Rule::SerialNumber,
        Rule::AuthorityAccess,
        Rule::TimeKind,
        Rule::UniqueIdentifiers,
        Rule::KeyKind,
        Rule::RsaExponent,
        Rule::SignatureHash,
        Rule::CrlNumber,
    ];
    let here =
        STRICT.iter().map(|(rule, _)| *rule).filter(|rule| rule.profile() == Profile::Strict);
    assert_eq!(here.chain(edited).map(Rule::code).collect::<BTreeSet<_>>(), codes);
}

#[test]
fn names_and_wildcards() {
    for (name, rule) in [
        ("www.example.com", None),
        ("*.example.com", None),
        ("xn--bcher-kva.example", None),
        ("localhost", None),
        ("*.co.example", None),
        (".example.com", Some(Rule::NameForm)),
        ("example.com.", Some(Rule::NameForm)),
        ("-a.example.com", Some(Rule::NameForm)),
        ("a-.example.com", Some(Rule::NameForm)),
        ("ab--c.example.com", Some(Rule::NameForm)),
        ("192.0.2.1", Some(Rule::NameForm)),
        ("a*.example.com", Some(Rule::NameForm)),
        ("a.*.example.com", Some(Rule::NameForm)),
        ("xn--*-1b3c148a.example.com", Some(Rule::NameForm)),
        ("*", Some(Rule::NameForm)),
        ("*.test", Some(Rule::PublicSuffix)),
        ("*.co.uk", Some(Rule::PublicSuffix)),
        ("*.CO.UK", Some(Rule::PublicSuffix)),
    ] {
        let mut chain = Chain::new();
        add_name(&mut chain, name);
        assert_eq!(broken(chain.check()), [None, rule], "{name}");
    }
    for (kind, content) in [(1, &b"a@b@example.com"[..]), (6, b"//example.com"), (7, &[192, 0, 2])]
    {
        let mut chain = Chain::new();
        let names = der::wrap(der::SEQUENCE, &der::wrap(der::primitive(kind), content));
        chain.leaf.subject_alt_names.clear();
        chain.leaf.custom_extensions = vec![extension(SUBJECT_ALT_NAME, false, &names)];
        assert_eq!(broken(chain.check()), [None, Some(Rule::NameForm)]);
    }
}

#[test]
fn common_names() {
    let v6 = SanType::IpAddress("2001:db8::1".parse().unwrap());
    let dns = SanType::DnsName("www.example.com".try_into().unwrap());
    for (name, san, ok) in [
        ("www.example.com", &dns, true),
        ("example.com", &dns, true),
        ("example.org", &dns, false),
        ("w.example.com", &dns, false),
        ("b\u{fc}cher.example", &dns, false),
        ("2001:db8::1", &v6, true),
        ("2001:DB8::1", &v6, false),
        ("2001:0db8:0000:0000:0000:0000:0000:0001", &v6, false),
        ("192.0.2.1", &v6, false),
        ("0xC0000201", &v6, false),
        ("A printer", &v6, true),
    ] {
        let mut chain = Chain::new();
        chain.leaf.distinguished_name = params(name).distinguished_name;
        chain.leaf.subject_alt_names = vec![san.clone()];
        let rule = (!ok).then_some(Rule::CommonName);
        assert_eq!(broken(chain.check()), [None, rule], "{name}");
    }
}

#[test]
fn access_to_an_authority_s_information() {
    let location = [&[0x86, 0x0e][..], b"http://example"].concat();
    let method = [0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01];
    let good =
        der::wrap(der::SEQUENCE, &der::wrap(der::SEQUENCE, &[&method[..], &location].concat()));
    let none = der::wrap(der::SEQUENCE, &[]);
    let half = der::wrap(der::SEQUENCE, &der::wrap(der::SEQUENCE, &method));
    let access = Some(Rule::AuthorityAccess);
    // It is not read here, so that a malformed one does no harm.
    for (content, critical, rules) in [
        (good.clone(), false, [None, None]),
        (good, true, [Some(Rule::KnownExtensions); 2]),
        (none, false, [None, access]),
        (half, false, [None, access]),
        (b"no DER".to_vec(), false, [None, access]),
    ] {
        let mut chain = Chain::new();
        chain.leaf.custom_extensions = vec![extension(AUTHORITY_ACCESS, critical, &content)];
        assert_eq!(broken(chain.check()), rules, "{content:02x?}");
    }
}

#[test]
fn an_unknown_critical_extension_of_an_anchor_may_be_a_limit() {
    let mut chain = Chain::new();
    chain.root.custom_extensions = vec![extension(&[1, 2, 3, 4], true, &[0x05, 0x00])];
    assert_eq!(broken(chain.check()), [Some(Rule::KnownExtensions); 2]);
    // Another root that has one does not matter.
    let mut check = Chain::new().check();
    let other = Authority::self_signed(chain.root, key()).unwrap();
    check.anchors.add(other.der().clone()).unwrap();
    assert_eq!(broken(check), [None, None]);
}

/// A leaf that is trusted itself, with the fields of its signed part edited.
pub(super) fn with_fields(edit: impl FnOnce(&mut Vec<Vec<u8>>)) -> Check {
    let der = der_with_fields(edit);
    Check::new(&der, &[], &[&der])
}

fn der_with_fields(edit: impl FnOnce(&mut Vec<Vec<u8>>)) -> CertificateDer<'static> {
    let mut leaf = Chain::new().leaf;
    leaf.use_authority_key_identifier_extension = false;
    let der = leaf.self_signed(&key()).unwrap().der().to_vec();
    let parts = der::elements(der::only(&der, der::SEQUENCE).unwrap()).unwrap();
    let fields = der::elements(parts[0].contents).unwrap();
    let mut fields = fields.iter().map(|field| field.whole.to_vec()).collect();
    edit(&mut fields);
    let tbs = der::wrap(der::SEQUENCE, &fields.concat());
    der::wrap(der::SEQUENCE, &[&tbs, parts[1].whole, parts[2].whole].concat()).into()
}

#[test]
fn the_form_of_times() {
    let validity = |tag, time: &[u8]| {
        let later = der::wrap(der::GENERALIZED_TIME, b"20500101000000Z");
        der::wrap(der::SEQUENCE, &[der::wrap(tag, time), later].concat())
    };
    // The longer form before its time is wrong of those who issue it, but plain; and it is not asked
    // of what is trusted itself.
    let chain = Chain::new();
    let root = Authority::self_signed(chain.root, super::key()).unwrap();
    for (tag, time, rule) in [
        (der::UTC_TIME, &b"260101000000Z"[..], None),
        (der::GENERALIZED_TIME, b"20260101000000Z", Some(Rule::TimeKind)),
    ] {
        let trusted = with_fields(|fields| fields[4] = validity(tag, time));
        assert_eq!(broken(trusted), [None, None]);
        let issued = edited_before(&chain.leaf, &root, |fields| fields[4] = validity(tag, time));
        assert_eq!(broken(Check::new(&issued, &[], &[root.der()])), [None, rule]);
    }
    for (tag, time) in [
        (der::GENERALIZED_TIME, &b"20260101000000.5Z"[..]),
        (der::GENERALIZED_TIME, b"202601010000Z"),
        (der::UTC_TIME, b"2601010000Z"),
        (der::UTC_TIME, b"260101000000+0000"),
    ] {
        let der = der_with_fields(|fields| fields[4] = validity(tag, time));
        assert_eq!(broken(Check::new(&der, &[], &[&der])), [Some(Rule::TimeForm); 2]);
    }
    let zone = validity(der::GENERALIZED_TIME, b"20260101000000+0000");
    assert!(EndEntity::parse(&der_with_fields(|fields| fields[4] = zone)).is_err());
}

#[test]
fn unique_identifiers_and_empty_issuers() {
    let with_id = with_fields(|fields| fields.insert(7, vec![0x81, 0x02, 0x00, 0x01]));
    assert_eq!(broken(with_id), [None, Some(Rule::UniqueIdentifiers)]);
    let mut nameless = authority_params("");
    nameless.distinguished_name = rcgen::DistinguishedName::new();
    let nameless = Authority::self_signed(nameless, super::key()).unwrap();
    let issued = issue(&Chain::new().leaf, &nameless);
    let check = Check::new(&issued, &[], &[nameless.der()]);
    assert_eq!(broken(check), [Some(Rule::IssuerName); 2]);
}

#[test]
fn an_anchor_s_key_is_checked_too() {
    // It signed itself and is trusted, so no signature is verified with it.
    let modulus = [vec![0x0f], vec![0xff; 256]].concat();
    let numbers = [der::wrap(der::INTEGER, &modulus), der::wrap(der::INTEGER, &[1, 0, 1])];
    let key = Key(der::wrap(der::SEQUENCE, &numbers.concat()), &rcgen::PKCS_RSA_SHA256);
    let other = root("root");
    let anchor = authority_params("odd").signed_by(&key, &other).unwrap();
    let anchor = certificate::Certificate::decode(anchor.der()).unwrap();
    let kind = super::super::strict::anchor(&anchor).unwrap_err();
    assert_eq!(kind.rule(), Some(Rule::RsaSize));
}

#[test]
fn the_hash_that_fits_a_key() {
    use pki_types::pem::PemObject;
    // A chain of two by openssl: the root has a P-384 key, and signed the leaf with SHA-256.
    let pem = include_bytes!("p384_with_sha256.pem");
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem).map(Result::unwrap).collect();
    let mut check = Check::new(&chain[0], &[], &[&chain[1]]);
    check.now = 1_800_000_000;
    assert_eq!(broken(check), [None, Some(Rule::SignatureHash)]);
    // What a certificate signed itself with proves nothing.
    let itself = edited(|der| {
        let sha256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
        for _ in 0..2 {
            let at = position(der, &sha256);
            der[at + 7] = 3;
        }
    });
    assert_eq!(broken(itself), [None, Some(Rule::CommonName)]);
}

#[test]
fn a_broken_rule_reads_well() {
    let mut chain = Chain::new();
    chain.leaf.distinguished_name = params("other.example").distinguished_name;
    let mut check = chain.check();
    check.profile = Profile::Strict;
    let text = check.run().unwrap_err().to_string();
    assert!(text.contains("certificate \"CN=other.example\" breaks BR 7.1.4.3: "), "{text}");
    assert!(text.ends_with("Found: \"other.example\""), "{text}");
}

#[test]
fn no_byte_makes_it_panic() {
    // A leaf that is trusted itself, so its fields are checked and its signature is not.
    let mut chain = Chain::new();
    let location = der::wrap(der::primitive(6), b"http://example");
    let method = [0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01];
    let access = der::wrap(der::SEQUENCE, &[&method[..], &location].concat());
    chain.leaf.use_authority_key_identifier_extension = false;
    chain.leaf.custom_extensions = vec![
        extension(AUTHORITY_ACCESS, false, &der::wrap(der::SEQUENCE, &access)),
        extension(POLICIES, false, &[0x30, 0x06, 0x30, 0x04, 0x06, 0x02, 0x2a, 0x03]),
        extension(POLICY_CONSTRAINTS, true, &[0x30, 0x03, 0x80, 0x01, 0x00]),
    ];
    let der = chain.leaf.self_signed(&key()).unwrap().der().to_vec();
    let mut accepted = [0; 2];
    for position in 0..der.len() {
        for value in [0x00, 0x7f, 0xff, der[position] ^ 1] {
            let mut der = der.clone();
            der[position] = value;
            let der = CertificateDer::from(der);
            if TrustAnchors::new().add(der.clone()).is_ok() {
                let mut check = Check::new(&der, &[], &[&der]);
                for (profile, accepted) in
                    [Profile::Default, Profile::Strict].into_iter().zip(&mut accepted)
                {
                    check.profile = profile;
                    *accepted += usize::from(check.run().is_ok());
                }
            }
        }
    }
    // Keys, dates and identifiers may be others; of the rest hardly a byte.
    assert!(accepted[0] > 100 && accepted[0] > accepted[1] && accepted[1] > 100, "{accepted:?}");
}

#[test]
fn what_is_found_is_bounded() {
    let numbers = [
        der::wrap(der::INTEGER, &[vec![0], vec![0xff; 256]].concat()),
        der::wrap(der::INTEGER, &[3; 10_000]),
    ];
    let key = Key(der::wrap(der::SEQUENCE, &numbers.concat()), &rcgen::PKCS_RSA_SHA256);
    let chain = Chain::new();
    let root = Authority::self_signed(chain.root, super::key()).unwrap();
    let leaf = chain.leaf.signed_by(&key, &root).unwrap();
    let mut check = Check::new(leaf.der(), &[], &[root.der()]);
    check.profile = Profile::Strict;
    let error = check.run().unwrap_err();
    assert_eq!(error.kind.rule(), Some(Rule::ValidKey));
    assert!(error.to_string().len() < 500);
    let algorithms = der::wrap(der::OBJECT_IDENTIFIER, &[0x2a, 0x03]).repeat(10_000);
    assert!(signature::describe(&algorithms).len() < 500);
}

#[test]
fn an_authority_that_hands_its_name_over_under_an_anchor_without_a_certificate() {
    // root, as a name and a key <- root, with another key <- leaf.
    let chain = Chain::new();
    let old = Authority::self_signed(chain.root.clone(), key()).unwrap();
    let mut params = chain.root;
    params.use_authority_key_identifier_extension = true;
    let new = Authority::signed_by(params, key(), &old).unwrap();
    let leaf = issue(&chain.leaf, &new);
    let mut check = Check::new(&leaf, &[new.der()], &[]);
    let old = old.der().clone();
    let parsed = certificate::Certificate::decode(&old).unwrap();
    check
        .anchors
        .add_anchor(pki_types::TrustAnchor {
            subject: (*parsed.subject).into(),
            subject_public_key_info: parsed.spki.into(),
            name_constraints: None,
        })
        .unwrap();
    assert_eq!(broken(check), [None, None]);
}
