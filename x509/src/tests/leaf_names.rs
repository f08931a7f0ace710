//! What an [`EndEntity`] says of its certificate: validity, names, and SPIFFE ids.

use std::net::{IpAddr, Ipv6Addr};

use rcgen::{CustomExtension, PublicKeyData, SanType};

use super::*;

fn with_names(names: Vec<SanType>) -> EndEntity {
    let mut leaf = params("leaf");
    leaf.subject_alt_names = names;
    parsed(leaf)
}

fn parsed(params: CertificateParams) -> EndEntity {
    let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    EndEntity::parse(certificate.der()).unwrap()
}

fn uri(uri: &str) -> SanType {
    SanType::URI(uri.try_into().unwrap())
}

#[test]
fn a_certificate_says_when_it_is_valid() {
    let validity = with_names(Vec::new()).validity().unwrap();
    assert_eq!(validity.not_before.to_string(), "2026-01-01 00:00:00 UTC");
    assert_eq!(validity.not_after.to_string(), "2027-01-01 00:00:00 UTC");
    let now = UnixTime::since_unix_epoch(Duration::from_secs(NOW));
    assert!(validity.contains(now));
    assert_eq!(validity.not_after.seconds_after(now), 1_798_761_600 - 1_785_412_800);
    assert_eq!(validity.not_before.seconds_after(validity.not_after), -365 * 86_400);
    let key = KeyPair::generate().unwrap();
    let raw = EndEntity::from_public_key(&key.subject_public_key_info()).unwrap();
    assert_eq!(raw.validity(), None);
    assert_eq!(raw.spiffe_id(), Err(SpiffeIdError::NoUri));
}

#[test]
fn names_are_as_they_are_in_their_order() {
    let v6 = IpAddr::V6(Ipv6Addr::LOCALHOST);
    let leaf = with_names(vec![
        SanType::DnsName("*.A.example".try_into().unwrap()),
        uri("spiffe://prod.example/web"),
        SanType::IpAddress(v6),
        SanType::Rfc822Name("someone@b.example".try_into().unwrap()),
        SanType::OtherName((vec![1, 2, 3], rcgen::OtherNameValue::Utf8String("other".into()))),
    ]);
    assert_eq!(
        leaf.names(),
        [
            SubjectAltName::Dns("*.A.example"),
            SubjectAltName::Uri("spiffe://prod.example/web"),
            SubjectAltName::Ip(v6),
            SubjectAltName::Email("someone@b.example".into()),
        ]
    );
    assert_eq!(leaf.subject(), "CN=leaf");
    assert_eq!(leaf.spiffe_id().unwrap().as_str(), "spiffe://prod.example/web");
}

#[test]
fn a_workload_has_exactly_one_uri_which_is_an_id_with_a_path() {
    let dns = || SanType::DnsName("a.example".try_into().unwrap());
    for (names, expected) in [
        (vec![dns()], SpiffeIdError::NoUri),
        (vec![uri("spiffe://a/b"), uri("spiffe://a/b")], SpiffeIdError::SeveralUris(2)),
        (vec![uri("spiffe://a/b"), dns(), uri("urn:x")], SpiffeIdError::SeveralUris(2)),
        (vec![uri("https://a/b")], SpiffeIdError::Scheme),
        (vec![uri("spiffe://a")], SpiffeIdError::NoPath),
        (vec![uri("spiffe://a/")], SpiffeIdError::PathSegment(String::new())),
    ] {
        assert_eq!(with_names(names).spiffe_id(), Err(expected));
    }
}

#[test]
fn a_name_that_cannot_be_decoded_may_be_another_uri() {
    let mut leaf = params("leaf");
    // GeneralNames: the URI spiffe://a/b, and a URI that is not ASCII.
    let names = [&[0x30, 17, 0x86, 12][..], b"spiffe://a/b", &[0x86, 1, 0xe4]].concat();
    let extension = CustomExtension::from_oid_content(&[2, 5, 29, 17], names);
    leaf.custom_extensions = vec![extension];
    let leaf = parsed(leaf);
    assert_eq!(leaf.names(), [SubjectAltName::Uri("spiffe://a/b")]);
    assert_eq!(leaf.spiffe_id(), Err(SpiffeIdError::UndecodableName));
}

#[test]
fn the_certificate_of_an_authority_is_not_of_a_workload() {
    let mut authority = authority_params("authority");
    authority.subject_alt_names = vec![uri("spiffe://a/b")];
    assert_eq!(parsed(authority).spiffe_id(), Err(SpiffeIdError::SigningCertificate));
    for usage in [KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign] {
        let mut leaf = params("leaf");
        leaf.subject_alt_names = vec![uri("spiffe://a/b")];
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature, usage];
        assert_eq!(parsed(leaf).spiffe_id(), Err(SpiffeIdError::SigningCertificate));
    }
}
