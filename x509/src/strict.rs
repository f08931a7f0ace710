//! The rules of the strict profile beside those of `checks`: what an authority may issue.

use pki_types::alg_id;

use super::certificate::Certificate;
use super::constraints::NameConstraints;
use super::distinguished_name;
use super::error::CertificateErrorKind;
use super::general_name::{self, GeneralName};
use super::issuer::Issuer;
use super::oid;
use super::profile::Purpose;
use super::rules::Rule;
use super::text::printable;
use super::{checks, der, signature};

/// Labels under which the registry of a country registers names, as in co.uk.
const SECOND_LEVELS: [&str; 8] = ["ac", "co", "com", "edu", "gov", "mil", "net", "org"];

/// Checks a certificate that is not trusted itself.
pub(super) fn below_anchor(
    certificate: &Certificate<'_>,
    issuer: &Issuer<'_>,
    is_end_entity: bool,
    purpose: Purpose,
) -> Result<(), CertificateErrorKind> {
    if !checks::valid_serial(certificate.serial) {
        return Err(CertificateErrorKind::InvalidSerialNumber);
    }
    issued(certificate, Some(issuer))?;
    let is_self_signed = is_self_signed(certificate, issuer);
    contents(certificate, is_self_signed)?;
    if is_end_entity {
        end_entity(certificate, purpose)
    } else {
        authority(certificate, is_self_signed)
    }
}

/// Checks the certificate of an anchor, at any time.
pub(super) fn anchor(certificate: &Certificate<'_>) -> Result<(), CertificateErrorKind> {
    checks::form(certificate)?;
    checks::authority(certificate)?;
    let is_self_signed = certificate.is_self_issued;
    if is_self_signed {
        issued(certificate, Some(&Issuer::new(certificate)))?;
    } else {
        issued(certificate, None)?;
    }
    contents(certificate, is_self_signed)?;
    authority(certificate, is_self_signed)
}

/// Whether the certificate's own key signed it. Other self-issued certificates give the name to a new
/// key.
fn is_self_signed(certificate: &Certificate<'_>, issuer: &Issuer<'_>) -> bool {
    certificate.is_self_issued && issuer.key == certificate.key
}

/// Checks how a certificate was issued. The issuer of an anchor need not be known.
fn issued(
    certificate: &Certificate<'_>,
    issuer: Option<&Issuer<'_>>,
) -> Result<(), CertificateErrorKind> {
    let is_self_signed = issuer.is_some_and(|issuer| is_self_signed(certificate, issuer));
    let octets = certificate.serial.len();
    Rule::SerialOctets.check(octets <= checks::SERIAL_OCTETS, || format!("{octets} octets"))?;
    let signature = certificate.signed.algorithm;
    // The signature of a root by itself proves nothing, so its algorithm does not matter.
    let fits = is_self_signed
        || issuer.is_none_or(|issuer| match issuer.key.algorithm {
            it if *it == *alg_id::ECDSA_P256 => *signature == *alg_id::ECDSA_SHA256,
            it if *it == *alg_id::ECDSA_P384 => *signature == *alg_id::ECDSA_SHA384,
            it if *it == *alg_id::ECDSA_P521 => *signature == *alg_id::ECDSA_SHA512,
            _ => true,
        });
    Rule::SignatureHash.check(fits, || signature::describe(signature))?;
    authority_key_identifier(certificate, issuer, is_self_signed)
}

/// Whether a time is a GeneralizedTime before 2050, for which the RFC demands a UTCTime.
fn is_long(time: &der::Element<'_>) -> bool {
    time.tag == der::GENERALIZED_TIME && time.contents < b"2050".as_slice()
}

/// Checks what does not depend on the issuer, for every certificate.
pub(super) fn contents(
    certificate: &Certificate<'_>,
    is_self_signed: bool,
) -> Result<(), CertificateErrorKind> {
    // For a trusted root the form of its times does not matter.
    if !is_self_signed {
        Rule::TimeKind.unless(checks::find_time(certificate.validity, is_long))?;
    }
    Rule::UniqueIdentifiers.check(!certificate.has_unique_ids, || "one")?;
    key(certificate)?;
    if certificate.is_ca {
        let has_key_id = certificate.subject_key_id.is_some_and(|it| !it.is_empty());
        Rule::SubjectKey.check(has_key_id, || "none")?;
    }
    if let Some(access) = certificate.extension(oid::AUTHORITY_INFORMATION_ACCESS) {
        Rule::AuthorityAccess.check(is_access(access.value), || "another one")?;
    }
    if let Some(purposes) = certificate.extension(oid::EXTENDED_KEY_USAGE) {
        let is_empty = der::only(purposes.value, der::SEQUENCE).is_none_or(<[u8]>::is_empty);
        Rule::EmptyExtendedKeyUsage.check(!is_empty, || "one without")?;
    }
    for name in &certificate.names {
        let found = || format!("\"{}\"", name.printable());
        Rule::NameForm.check(is_well_formed(name), found)?;
        Rule::PublicSuffix.check(!is_wildcard_of_suffix(name), found)?;
    }
    policies(certificate)
}

/// `AuthorityInfoAccessSyntax ::= SEQUENCE SIZE (1..MAX) OF AccessDescription`
fn is_access(value: &[u8]) -> bool {
    let is_description = |it: &der::Element<'_>| match der::list(it.whole).as_deref() {
        Some([method, location]) => {
            method.tag == der::OBJECT_IDENTIFIER && GeneralName::read(location).is_some()
        }
        _ => false,
    };
    der::list(value).is_some_and(|them| !them.is_empty() && them.iter().all(is_description))
}

/// Checks the key. The size of an RSA key is checked in every profile.
fn key(certificate: &Certificate<'_>) -> Result<(), CertificateErrorKind> {
    let kind = certificate.key.algorithm;
    let kinds =
        [alg_id::RSA_ENCRYPTION, alg_id::ECDSA_P256, alg_id::ECDSA_P384, alg_id::ECDSA_P521];
    let is_known = kinds.iter().any(|it| **it == *kind);
    Rule::KeyKind.check(is_known, || format!("a key for {}", signature::describe(kind)))?;
    let Some(rsa) = certificate.key.rsa() else { return Ok(()) };
    let exponent = rsa.exponent;
    let is_sound = matches!(exponent, [.., last] if last % 2 == 1) && !matches!(exponent, [0..=2]);
    Rule::RsaExponent.check(is_sound, || format!("the exponent {}", first_digits(exponent)))
}

fn authority_key_identifier(
    certificate: &Certificate<'_>,
    issuer: Option<&Issuer<'_>>,
    is_self_signed: bool,
) -> Result<(), CertificateErrorKind> {
    let Some(extension) = certificate.extension(oid::AUTHORITY_KEY_IDENTIFIER) else {
        return Rule::AuthorityKey.check(is_self_signed, || "none");
    };
    let fields = der::list(extension.value).unwrap_or_default();
    let key = certificate.authority_key_id;
    Rule::AuthorityKey.check(key.is_some(), || "one without a keyIdentifier")?;
    Rule::AuthorityKeyNames.check(fields.len() == 1, || "more than a keyIdentifier")?;
    let expected = issuer.and_then(|issuer| issuer.key_id);
    Rule::AuthorityKeyMatches.check(expected.is_none() || key == expected, || {
        let (key, expected) = (key.unwrap_or_default(), expected.unwrap_or_default());
        format!("{}, and the issuer's is {}", first_digits(key), first_digits(expected))
    })
}

/// The first bytes in hexadecimal digits, for an error.
fn first_digits(bytes: &[u8]) -> String {
    hex::encode(bytes.get(..20).unwrap_or(bytes))
}

fn policies(certificate: &Certificate<'_>) -> Result<(), CertificateErrorKind> {
    Rule::PolicyForm.check(!certificate.policies.assert_one_twice(), || "one twice")?;
    for oid in [oid::POLICY_CONSTRAINTS, oid::INHIBIT_ANY_POLICY] {
        if let Some(extension) = certificate.extension(oid) {
            let is_empty = matches!(extension.value, [_, 0]);
            Rule::CriticalPolicies.check(extension.critical && !is_empty, || {
                let which = if is_empty { "an empty" } else { "an uncritical" };
                format!("{which} {}", oid::describe(oid))
            })?;
        }
    }
    Ok(())
}

fn authority(certificate: &Certificate<'_>, is_root: bool) -> Result<(), CertificateErrorKind> {
    let constraints = certificate.extension(oid::BASIC_CONSTRAINTS);
    Rule::CaBasicConstraints
        .check(constraints.is_some_and(|it| it.critical), || "uncritical ones")?;
    let signs = certificate.key_usage.is_some_and(|usage| usage.key_cert_sign());
    Rule::CaKeyUsage.check(signs, || "no keyUsage")?;
    if let Some(extension) = certificate.extension(oid::NAME_CONSTRAINTS) {
        Rule::CriticalConstraints.check(extension.critical, || "uncritical ones")?;
        let constraints = certificate.constraints.name_constraints.as_deref().unwrap_or_default();
        let decoded = NameConstraints::decode(constraints)
            .map_err(CertificateErrorKind::MalformedNameConstraints)?;
        Rule::ConstraintForm
            .unless(decoded.dns_name_with_leading_dot().map(|name| format!("\"{name}\"")))?;
    }
    let has_purposes = certificate.constraints.extended_key_usage.is_some();
    Rule::RootPurposes.check(!(is_root && has_purposes), || "one")
}

pub(super) fn end_entity(
    certificate: &Certificate<'_>,
    purpose: Purpose,
) -> Result<(), CertificateErrorKind> {
    if certificate.is_ca {
        return Err(CertificateErrorKind::CaUsedAsEndEntity);
    }
    let usage = certificate.key_usage;
    let signs = usage.is_some_and(|usage| usage.key_cert_sign() || usage.crl_sign());
    Rule::EndEntityKeyUsage.check(!signs, || "one of them")?;
    let has_length = certificate.constraints.path_length.is_some();
    Rule::PathLengthOfCas.check(!has_length, || "one")?;
    if purpose != Purpose::Any {
        let extension = certificate.extension(oid::EXTENDED_KEY_USAGE);
        let has_any = certificate.constraints.extended_key_usage.is_some_and(|it| it.allow_any());
        let found = match extension {
            None => Some("none"),
            Some(extension) if extension.critical => Some("a critical one"),
            Some(_) => has_any.then_some("anyExtendedKeyUsage"),
        };
        Rule::EndEntityPurposes.unless(found)?;
    }
    let extension = certificate.extension(oid::SUBJECT_ALT_NAME);
    let has_names = !certificate.names.is_empty();
    Rule::AlternativeNames.check(has_names, || "none")?;
    let must_be_critical = certificate.subject.is_empty();
    let is_critical = extension.is_some_and(|it| it.critical);
    Rule::CriticalAlternativeNames.check(is_critical == must_be_critical, || {
        if is_critical { "critical ones" } else { "uncritical ones" }
    })?;
    common_names(certificate)
}

/// Checks the common name against the subject alternative names. Two old habits are accepted, because
/// neither names another server: a domain above one of the DNS names, and any name that is not an
/// address if all subject alternative names are addresses.
fn common_names(certificate: &Certificate<'_>) -> Result<(), CertificateErrorKind> {
    let names = &certificate.names;
    let has_dns_name = names.iter().any(|name| matches!(name, GeneralName::Dns(_)));
    let has_address = names.iter().any(|name| matches!(name, GeneralName::Ip(_)));
    let texts = distinguished_name::values(&certificate.subject, oid::COMMON_NAME);
    let count = texts.len();
    Rule::CommonName.check(count < 2, || format!("{count} of them"))?;
    for text in texts {
        let is_checked = has_dns_name || (has_address && is_number(&text));
        let is_allowed = names.iter().any(|name| allows_common_name(name, &text));
        Rule::CommonName
            .check(!is_checked || is_allowed, || format!("\"{}\"", printable(&text)))?;
    }
    Ok(())
}

/// Whether a certificate with this subject alternative name may have the common name `text`.
fn allows_common_name(name: &GeneralName<'_>, text: &str) -> bool {
    match name {
        GeneralName::Dns(name) => {
            let is_above = name.strip_suffix(text).is_some_and(|below| below.ends_with('.'));
            is_above || *name == text
        }
        // An address has one text form (RFC 5952, section 4).
        GeneralName::Ip(_) => name.printable() == text,
        _ => false,
    }
}

/// Whether some programs read it as an IP address, in any notation.
fn is_number(text: &str) -> bool {
    let last = text.rsplit('.').next().unwrap_or_default();
    let is_hex = last.get(..2).is_some_and(|it| it.eq_ignore_ascii_case("0x"));
    text.contains(':') || is_hex || last.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_well_formed(name: &GeneralName<'_>) -> bool {
    match name {
        GeneralName::Dns(name) => is_host_name(name.strip_prefix("*.").unwrap_or(name)),
        GeneralName::Email(address) => {
            general_name::split_email(address).is_some_and(|(_, domain)| is_host_name(domain))
        }
        // RFC 5280, section 4.2.1.6: absolute. There need not be a host.
        GeneralName::Uri(uri) => uri
            .split_once(':')
            .is_some_and(|(scheme, rest)| !scheme.contains(['/', '?', '#']) && !rest.is_empty()),
        other => other.is_well_formed(),
    }
}

/// The preferred syntax of RFC 1034, section 3.5, as RFC 1123, section 2.1, has it.
fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        let is_reserved = label.get(2..4) == Some("--");
        !label.contains('_')
            && !label.starts_with('-')
            && !label.ends_with('-')
            && (!is_reserved || label.get(..2).is_some_and(|it| it.eq_ignore_ascii_case("xn")))
    };
    general_name::is_dns_name(name) && name.split('.').all(label) && !is_number(name)
}

/// Whether it is a wildcard directly below a public suffix. Only some suffixes are known.
fn is_wildcard_of_suffix(name: &GeneralName<'_>) -> bool {
    let GeneralName::Dns(name) = name else { return false };
    let Some(parent) = name.strip_prefix("*.") else { return false };
    let is_second = |label: &str| SECOND_LEVELS.iter().any(|it| it.eq_ignore_ascii_case(label));
    match parent.split('.').collect::<Vec<_>>().as_slice() {
        [second, country] => country.len() == 2 && is_second(second),
        labels => labels.len() < 2,
    }
}
