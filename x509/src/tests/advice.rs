//! What an error says to do: it is true of the chain at hand, and it helps.

use super::*;
use general_name::GeneralName;
use unsupported::explain;

fn dns(name: &str) -> GeneralName<'_> {
    GeneralName::Dns(name)
}

fn reference(name: &str) -> ReferenceIdentifier<'_> {
    match name.contains('@') {
        true => ReferenceIdentifier::Email(name),
        false => ServerName::try_from(name).unwrap().into(),
    }
}

/// Names that are found in certificates. Some of them match nothing.
fn presented_identifiers() -> Vec<GeneralName<'static>> {
    let names = [
        "a.example",
        "A.example",
        "*.a.example",
        "f*.a.example",
        "*.localhost",
        "*",
        "*.",
        "*.*.example",
        "a.example.",
        ".a.example",
        "127.0.0.1",
        "::1",
        " a.example",
        "a.example\0.evil.test",
        "",
        "localhost",
        "xn--bcher-kva.example",
        "under_score.example",
    ];
    let mut presented: Vec<_> = names.into_iter().map(dns).collect();
    presented.push(dns(Box::leak(format!("{}.example", "long.".repeat(60)).into())));
    presented.push(GeneralName::Ip(&[192, 0, 2, 1]));
    presented.push(GeneralName::Ip(&[192, 0, 2]));
    for address in ["u@a.example", "U@a.example", "u\n@a.example", "u@", "@a.example"] {
        presented.push(GeneralName::Email(address.into()));
    }
    presented.push(GeneralName::Uri("https://a.example/"));
    presented.push(GeneralName::Undecodable);
    presented
}

#[test]
fn a_name_that_advice_offers_is_one_that_the_certificate_is_accepted_for() {
    let all = presented_identifiers();
    let asked = ["b.example", "a.example", "a.example.", "127.0.0.1", "::1", "x@a.example"];
    let mut offered = 0;
    for asked in asked {
        for first in &all {
            for second in &all {
                let names = [first.clone(), second.clone()];
                let Err(kind) = name::check(&names, &[reference(asked)]) else { continue };
                let remedy = kind.remedy().unwrap();
                let Some(other) = kind.accepted_name() else {
                    assert!(!remedy.contains("such as"), "{remedy}");
                    continue;
                };
                offered += 1;
                assert!(remedy.contains(&format!("such as {},", other.name)), "{remedy}");
                assert!(!other.name.eq_ignore_ascii_case(asked), "{remedy}");
                assert_eq!(name::check(&names, &[reference(&other.name)]), Ok(()), "{remedy}");
            }
        }
    }
    assert!(offered > 100, "{offered}");
}

#[test]
fn a_certificate_is_only_called_valid_for_what_it_is_valid_for() {
    for presented in presented_identifiers() {
        let kind =
            name::check(std::slice::from_ref(&presented), &[reference("b.example")]).unwrap_err();
        let said = kind.to_string();
        let is_wildcard = matches!(presented, GeneralName::Dns("*.a.example"));
        let claims = said.contains("it is valid for ");
        assert_eq!(
            claims,
            kind.accepted_name().is_some() || is_wildcard || is_email(&presented),
            "{said}"
        );
    }
}

/// An email address that is one: the error lists it, and it is no name of a server.
fn is_email(name: &GeneralName<'_>) -> bool {
    matches!(name, GeneralName::Email(_))
        && name.is_well_formed()
        && !name.printable().contains('\\')
}

#[test]
fn the_error_has_the_reason_for_a_name_that_only_looks_right() {
    for (presented, asked, reason, remedy) in [
        (dns("127.0.0.1"), "127.0.0.1", "must be an iPAddress", "IP:127.0.0.1 among"),
        (dns("::1"), "::1", "must be an iPAddress", "IP:::1 among"),
        (dns("a.example."), "a.example", "ends with a dot", "DNS:a.example among"),
        (dns("w*.a.example"), "www.a.example", "must be the whole first label", "DNS:www.a"),
        (dns("*.localhost"), "x.localhost", "labels must follow it", "DNS:x.localhost"),
        (dns("*.a.example"), "a.example", "exactly one label before", "DNS:a.example among"),
        (dns("*.a.example"), "x.y.a.example", "exactly one label before", "DNS:x.y.a.example"),
        (
            GeneralName::Email("u@a.example".into()),
            "U@a.example",
            "case-sensitive",
            "email:U@a.example among",
        ),
        (GeneralName::Undecodable, "a.example", "cannot be decoded", "DNS:a.example among"),
    ] {
        let kind = name::check(&[presented], &[reference(asked)]).unwrap_err();
        let said = kind.to_string();
        assert!(said.contains(reason), "{said}");
        let advice = kind.remedy().unwrap();
        assert!(advice.contains(remedy), "{advice}");
    }
}

#[test]
fn a_trusted_certificate_that_is_no_ca_s_is_not_called_absent() {
    let plain = params("root");
    let mut said_no = params("root");
    said_no.is_ca = IsCa::ExplicitNoCa;
    let mut signs_nothing = authority_params("root");
    signs_nothing.key_usages = vec![KeyUsagePurpose::CrlSign];
    for (params, why, wanted, code) in [
        (plain, "it has no basicConstraints", "CA:TRUE", "not-a-ca"),
        (said_no, "its basicConstraints say CA:FALSE", "CA:TRUE", "not-a-ca"),
        (signs_nothing, "its keyUsage has no keyCertSign", "keyCertSign", "wrong-key-usage"),
    ] {
        let root = Authority::self_signed(params, key()).unwrap();
        let leaf = issue(&leaf_params(), &root);
        let below = issue(&leaf_params(), &intermediate("a", &root));
        let middle = intermediate("a", &root);
        let by_middle = issue(&leaf_params(), &middle);
        for (leaf, bag, certificate) in
            [(&leaf, vec![], "CN=leaf"), (&by_middle, vec![middle.der()], "CN=a")]
        {
            let check = Check::new(leaf, &bag, &[root.der()]);
            let error = check.run().unwrap_err();
            assert_eq!(error.certificate, certificate);
            assert_eq!(error.kind.code(), code);
            let said = error.to_string();
            assert!(
                said.contains("which is trusted, but is no CA") && said.contains(why),
                "{said}"
            );
            let remedy = error.kind.remedy().unwrap();
            assert!(remedy.contains("\"CN=root\"") && remedy.contains(wanted), "{remedy}");
            let explained = check.explain().to_string();
            assert!(explained.contains("\"CN=root\" (trust anchor): certificate"), "{explained}");
        }
        // One that did not sign it, and only has the name.
        let namesake = Authority::self_signed(super::params("a"), key()).unwrap();
        let error = Check::new(&below, &[], &[namesake.der()]).run().unwrap_err();
        assert_eq!(error.kind, CertificateErrorKind::BadSignature("CN=a".to_owned()));
        // A self-signed one says that it is its own issuer, even if others have its name.
        let again = leaf_params().self_signed(&key()).unwrap().der().clone();
        let mut other = leaf_params();
        other.not_after = date_time_ymd(2026, 12, 1);
        let other = other.self_signed(&key()).unwrap();
        let error = Check::new(&again, &[], &[other.der()]).run().unwrap_err();
        assert_eq!(error.kind, CertificateErrorKind::SelfIssued);
    }
}

#[test]
fn the_error_has_what_an_extended_key_usage_allows() {
    use ExtendedKeyUsagePurpose::{Any, ClientAuth, CodeSigning, OcspSigning, Other};
    let other = |last| Other(vec![1, 3, 6, 1, 4, 1, 311, 20, 2, last]);
    for (usages, words) in [
        (vec![ClientAuth], "it allows client authentication"),
        (vec![ClientAuth, CodeSigning, OcspSigning], "client authentication, code signing, OCSP"),
        (vec![other(2)], "it allows one purpose that is not known here"),
        (vec![CodeSigning, other(2), other(3)], "code signing, 2 purposes that are not known"),
        (vec![Any], "any purpose, which counts for CAs only"),
    ] {
        let mut leaf = leaf_params();
        leaf.extended_key_usages = usages;
        let said = chain(&leaf, authority_params("a")).run().unwrap_err().to_string();
        assert!(said.contains("without server authentication") && said.contains(words), "{said}");
    }
}

#[test]
fn the_error_says_that_an_issuer_is_written_with_another_kind_of_string() {
    let root = root("M\u{fc}ller");
    let mut der = issue(&leaf_params(), &super::root("Muller")).to_vec();
    let at = position(&der, b"Muller");
    (der[at - 2], der[at + 1]) = (der::TELETEX_STRING, 0xfc);
    let leaf = CertificateDer::from(der);
    let error = Check::new(&leaf, &[], &[root.der()]).run().unwrap_err();
    assert_eq!(
        error.kind,
        CertificateErrorKind::IssuerEncodedDifferently("CN=M\\u{fc}ller".to_owned())
    );
    let error = Check::new(&leaf, &[], &[super::root("other").der()]).run().unwrap_err();
    assert_eq!(error.kind.code(), "unknown-issuer");
    assert!(error.to_string().contains("no trust anchor or intermediate has"), "{error}");
}

#[test]
fn names_of_every_kind_of_string_are_read() {
    let name = |tag, text: &[u8]| {
        let kind = der::wrap(der::OBJECT_IDENTIFIER, &[0x55, 0x04, 0x03]);
        let attribute = [kind, der::wrap(tag, text)].concat();
        der::wrap(der::SET, &der::wrap(der::SEQUENCE, &attribute))
    };
    for (tag, text, words) in [
        (der::UTF8_STRING, &b"a"[..], "CN=a"),
        (der::UTF8_STRING, b"a\xff", "CN=a\\u{fffd}"),
        (der::TELETEX_STRING, b"M\xfcller", "CN=M\\u{fc}ller"),
        (der::BMP_STRING, b"\0a\0b", "CN=ab"),
        (der::UNIVERSAL_STRING, b"\0\0\0a\0\0\0b", "CN=ab"),
        (der::OCTET_STRING, b"a", "CN=#040161"),
    ] {
        assert_eq!(distinguished_name::describe(&name(tag, text)), words);
    }
    let both = [name(der::UTF8_STRING, b"a"), name(der::UTF8_STRING, b"b")].concat();
    assert_eq!(distinguished_name::describe(&both), "CN=a, CN=b");
    assert_eq!(distinguished_name::describe(&[]), "");
}

/// An RSA key of 2,048 bits with this exponent.
fn rsa(exponent: &[u8]) -> Vec<u8> {
    let modulus = der::wrap(der::INTEGER, &[&[0], &[0xff; 256][..]].concat());
    let exponent = der::wrap(der::INTEGER, exponent);
    der::wrap(der::SEQUENCE, &[modulus, exponent].concat())
}

fn said(
    signature: &[u8],
    algorithm: &[u8],
    bytes: &[u8],
    error: SignatureError,
) -> CertificateErrorKind {
    let key = signature::PublicKey { algorithm, bytes };
    explain(signature, key, "CN=a".to_owned(), &algorithms::all(), error).into()
}

#[test]
fn a_key_that_nothing_verifies_with_is_not_called_a_bad_signature() {
    use pki_types::alg_id::{ECDSA_P256, ECDSA_SHA256, ED25519, RSA_ENCRYPTION, RSA_PKCS1_SHA256};
    let (rsa_key, rsa_signature) = (&*RSA_ENCRYPTION, &*RSA_PKCS1_SHA256);
    let small = rsa(&[3]);
    assert_eq!(
        said(rsa_signature, rsa_key, &small, SignatureError::Invalid),
        CertificateErrorKind::BadSignature("CN=a".to_owned())
    );
    for (signature, algorithm, bytes, words) in [
        (rsa_signature, rsa_key, rsa(&[1]), "exponent is less than 3"),
        (rsa_signature, rsa_key, rsa(&[0xff]), "exponent is less than 3"),
        (rsa_signature, rsa_key, rsa(&[4]), "exponent is even"),
        (rsa_signature, rsa_key, rsa(&[1; 9]), "exponent has 9 bytes"),
        (rsa_signature, rsa_key, vec![1, 2, 3], "not a modulus and an exponent"),
        (&*ECDSA_SHA256, &*ECDSA_P256, vec![2; 33], "its point is compressed"),
        (&*ECDSA_SHA256, &*ECDSA_P256, vec![4; 64], "its point has 64 bytes, not 65"),
        (&*ED25519, &*ED25519, vec![0; 31], "the key has 31 bytes, not 32"),
    ] {
        for error in [SignatureError::Invalid, SignatureError::UnsupportedKey] {
            let kind = said(signature, algorithm, &bytes, error);
            assert_eq!(kind.code(), "unsupported-algorithm");
            assert!(kind.to_string().contains(words), "{kind}");
        }
    }
}

#[test]
fn the_error_says_that_an_authority_has_a_new_key_of_another_kind() {
    for (old, new) in [
        (&rcgen::PKCS_ED25519, &rcgen::PKCS_ECDSA_P256_SHA256),
        (&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ED25519),
    ] {
        let made = |kind| {
            let key = KeyPair::generate_for(kind).unwrap();
            Authority::self_signed(authority_params("root"), key).unwrap()
        };
        let (old, new) = (made(old), made(new));
        let leaf = issue(&leaf_params(), &old);
        let kind = Check::new(&leaf, &[], &[new.der()]).run().unwrap_err().kind;
        assert_eq!(kind.code(), "bad-signature");
        assert!(kind.to_string().contains("which makes no such signature"), "{kind}");
        let remedy = kind.remedy().unwrap();
        assert!(
            remedy.contains("a new key") && remedy.contains("issued again with the new key"),
            "{remedy}"
        );
    }
}

#[test]
fn the_error_has_parameters_that_are_not_supported_and_those_that_are() {
    use pki_types::alg_id::{ECDSA_P256, ECDSA_SHA256, RSA_ENCRYPTION, RSA_PSS_SHA256};
    let mut salt_of_222 = RSA_PSS_SHA256.to_vec();
    let at = salt_of_222.len() - 1;
    salt_of_222[at] = 22;
    let unsupported = SignatureError::UnsupportedKey;
    let kind = said(&salt_of_222, &RSA_ENCRYPTION, &rsa(&[3]), unsupported).to_string();
    assert!(kind.contains("a salt of 22 bytes by a key for"), "{kind}");
    assert!(kind.contains("SHA-256, MGF1 with SHA-256 and a salt of 32 bytes"), "{kind}");
    assert!(kind.contains("SHA-512, MGF1 with SHA-512 and a salt of 64 bytes"), "{kind}");
    // A curve that no algorithm is for.
    let mut secp256k1 = ECDSA_P256[..9].to_vec();
    secp256k1.extend([0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a]);
    let kind = said(&ECDSA_SHA256, &secp256k1, &[4; 65], unsupported).to_string();
    assert!(kind.contains("secp256k1 (1.3.132.0.10)"), "{kind}");
    assert!(kind.contains("secp384r1 (1.3.132.0.34)"), "{kind}");
    // An algorithm that nothing is known of.
    let unknown = [der::OBJECT_IDENTIFIER, 2, 0x2a, 3];
    let kind = said(&unknown, &RSA_ENCRYPTION, &rsa(&[3]), unsupported).to_string();
    assert!(kind.ends_with("which is not supported"), "{kind}");
}

#[test]
fn the_error_has_the_name_constraint_that_is_broken() {
    let tree = |tag, bytes: &[u8]| der::wrap(der::SEQUENCE, &der::wrap(tag, bytes));
    let side = |number, trees: &[Vec<u8>]| der::wrap(der::constructed(number), &trees.concat());
    let contents = [
        side(
            0,
            &[
                tree(general_name::tag::DNS, b"a.example"),
                tree(general_name::tag::DNS, b"b.example"),
            ],
        ),
        side(
            1,
            &[
                tree(general_name::tag::DNS, b"no.a.example"),
                tree(general_name::tag::IP, &[0; 8]),
                tree(general_name::tag::URI, b"no.a.example"),
            ],
        ),
    ]
    .concat();
    let constraints = crate::constraints::NameConstraints::decode(&contents).unwrap();
    for (name, reason) in [
        (dns("c.example"), "names of its kind are only permitted in DNS:a.example, DNS:b.example"),
        (dns("x.no.a.example"), "DNS:no.a.example is excluded"),
        (GeneralName::Ip(&[192, 0, 2, 1]), "IP:0.0.0.0/0 is excluded"),
        (dns("a..example"), "a name of this form cannot be compared"),
        (GeneralName::Undecodable, "a name of this form cannot be compared"),
        (GeneralName::Uri("https://192.0.2.1/"), "a name of this form cannot be compared"),
    ] {
        assert!(!constraints.allow(&name));
        let said = constraints.reason(&name);
        assert!(said.starts_with(reason), "{said}");
    }
    for (contents, reason) in [
        (
            side(1, &[tree(general_name::tag::DNS, b"a"), tree(general_name::tag::IP, &[1])]),
            "excluded name 2",
        ),
        (side(0, &[]), "the list of permitted names is empty"),
        (Vec::new(), "nothing is permitted or excluded"),
        (
            [
                side(1, &[tree(general_name::tag::DNS, b"a")]),
                side(0, &[tree(general_name::tag::DNS, b"a")]),
            ]
            .concat(),
            "there is more than what is permitted",
        ),
    ] {
        let said = crate::constraints::NameConstraints::decode(&contents).err().unwrap();
        assert!(said.starts_with(reason), "{said}");
    }
}

#[test]
fn the_facts_of_a_certificate_are_those_that_stand_in_it() {
    let root = root("root");
    let leaf = issue(&leaf_params(), &root);
    let summary = CertificateSummary::parse(&leaf).unwrap();
    assert_eq!((summary.subject.as_str(), summary.issuer.as_str()), ("CN=leaf", "CN=root"));
    assert_eq!(summary.key_usage, Some(vec!["digitalSignature"]));
    assert_eq!(summary.extended_key_usage.as_deref(), Some("server authentication"));
    let names: Vec<_> = summary.names.iter().map(PresentedIdentifier::to_string).collect();
    assert_eq!(names, ["DNS:example.com", "IP:192.0.2.1"]);
    let curve = "secp256r1 (1.2.840.10045.3.1.7)";
    assert!(!summary.is_ca && summary.key.ends_with(&curve), "{summary:?}");
    assert_eq!(
        summary.to_string(),
        "CN=leaf, issued by CN=root, valid from 2026-01-01 00:00:00 UTC until 2027-01-01 00:00:00 \
         UTC, for digitalSignature, for server authentication"
    );
    let summary = CertificateSummary::parse(root.der()).unwrap();
    assert_eq!(summary.key_usage, Some(vec!["keyCertSign", "cRLSign"]));
    assert!(summary.is_ca && summary.extended_key_usage.is_none());
}
