//! What each certificate of a path must be, for itself (RFC 5280, sections 4.1, 4.2 and 6.1).

use super::certificate::{Certificate, IssuingConstraints, V3};
use super::error::CertificateErrorKind;
use super::extended_key_usage::ExtendedKeyUsage;
use super::key_usage::KeyUsage;
use super::profile::Purpose;
use super::rules::Rule;
use super::signature::PublicKey;
use super::time::Timestamp;
use super::{der, text, time};

/// The most octets that a serial number may have (RFC 5280, section 4.1.2.2).
const SERIAL_OCTETS: usize = 20;

/// What holds for every intermediate, with no regard to what it issued.
pub(super) fn intermediate(
    certificate: &Certificate<'_>,
    now: Timestamp,
) -> Result<(), CertificateErrorKind> {
    issued(certificate, now)?;
    issues(certificate)
}

/// What holds for every certificate that is believed because of who issued it.
pub(super) fn issued(
    certificate: &Certificate<'_>,
    now: Timestamp,
) -> Result<(), CertificateErrorKind> {
    every(certificate, now)?;
    time_form(certificate)
}

/// What holds for a certificate that is trusted itself: nothing about its signature and its issuer.
pub(super) fn trusted(
    certificate: &Certificate<'_>,
    now: Timestamp,
) -> Result<(), CertificateErrorKind> {
    own_form(certificate)?;
    dates(certificate.not_before, certificate.not_after, now)?;
    time_form(certificate)
}

/// There are roots that everyone trusts with times in the wrong form, which says nothing of what
/// they issue: it is not asked of an anchor's certificate.
fn time_form(certificate: &Certificate<'_>) -> Result<(), CertificateErrorKind> {
    let found = find_time(certificate.validity, |time| !time::has_required_form(time));
    Rule::TimeForm.unless(found)
}

/// What holds for a CA at any time.
pub(super) fn issues(certificate: &Certificate<'_>) -> Result<(), CertificateErrorKind> {
    if !certificate.is_ca {
        return Err(CertificateErrorKind::NotACa);
    }
    if !may_sign_certificates(certificate) {
        return Err(CertificateErrorKind::WrongKeyUsage("keyCertSign"));
    }
    Ok(())
}

/// A keyUsage that is there must allow to sign certificates (RFC 5280, section 6.1.4 (n)).
pub(super) fn may_sign_certificates(certificate: &Certificate<'_>) -> bool {
    certificate.key_usage.is_none_or(|usage| usage.key_cert_sign())
}

/// A keyUsage that is there must allow to sign CRLs (RFC 5280, section 6.3.3 (f)).
pub(super) fn may_sign_crls(usage: Option<KeyUsage>) -> bool {
    usage.is_none_or(|usage| usage.crl_sign())
}

/// RFC 5280, section 6.1.4 (l) and (m): `found` is how many intermediates are below that are not
/// self-issued.
pub(super) fn path_length(allowed: Option<u32>, found: usize) -> Result<(), CertificateErrorKind> {
    match allowed {
        Some(allowed) if usize::try_from(allowed).is_ok_and(|allowed| found > allowed) => {
            Err(CertificateErrorKind::PathLengthExceeded { allowed, found })
        }
        _ => Ok(()),
    }
}

/// An extended key usage that is there must allow the purpose. The RFC asks it of the end entity;
/// for CAs it is what everyone does, and what their owners mean by it.
pub(super) fn extended_key_usage(
    usages: Option<ExtendedKeyUsage>,
    purpose: Purpose,
    any_counts: bool,
) -> Result<(), CertificateErrorKind> {
    match usages {
        Some(usages) if !usages.allow(purpose, any_counts) => {
            let allowed = usages.describe();
            Err(CertificateErrorKind::WrongExtendedKeyUsage { purpose, allowed })
        }
        _ => Ok(()),
    }
}

/// What holds for every certificate but an anchor's.
pub(super) fn every(
    certificate: &Certificate<'_>,
    now: Timestamp,
) -> Result<(), CertificateErrorKind> {
    form(certificate)?;
    dates(certificate.not_before, certificate.not_after, now)
}

/// What holds for every certificate at any time; for that of an anchor in the strict profile only.
pub(super) fn form(certificate: &Certificate<'_>) -> Result<(), CertificateErrorKind> {
    // The one beside the signature is not signed; only this makes it as good as signed.
    if certificate.inner_algorithm != certificate.signed.algorithm {
        return Err(CertificateErrorKind::SignatureAlgorithmMismatch);
    }
    Rule::IssuerName.check(!certificate.issuer.is_empty(), || "an empty one")?;
    own_form(certificate)
}

/// What is asked of a certificate that does not depend on its issuer.
fn own_form(certificate: &Certificate<'_>) -> Result<(), CertificateErrorKind> {
    if certificate.version != V3 {
        return Err(CertificateErrorKind::UnsupportedVersion(
            certificate.version.saturating_add(1),
        ));
    }
    no_unknown_critical(&certificate.constraints)?;
    rsa_size(certificate.key)
}

pub(super) fn dates(
    not_before: Timestamp,
    not_after: Timestamp,
    now: Timestamp,
) -> Result<(), CertificateErrorKind> {
    if now < not_before {
        return Err(CertificateErrorKind::NotYetValid { not_before, now });
    }
    // The last second still counts (RFC 5280, section 4.1.2.5).
    if now > not_after {
        return Err(CertificateErrorKind::Expired { not_after, now });
    }
    Ok(())
}

/// An unknown extension of a CA may limit what it issues, so this holds for anchors too.
pub(super) fn no_unknown_critical(
    constraints: &IssuingConstraints,
) -> Result<(), CertificateErrorKind> {
    match &constraints.unknown_critical {
        Some(oid) => Err(CertificateErrorKind::UnknownCriticalExtension(oid.clone())),
        None => Ok(()),
    }
}

/// Positive, and of at most 20 octets. A zero octet in front that only says "positive" is not
/// counted: there are CAs that draw 20 random octets.
pub(super) fn valid_serial(serial: &[u8]) -> bool {
    let magnitude = match serial {
        [0, rest @ ..] => rest,
        [first, ..] if *first >= 0x80 => return false,
        _ => serial,
    };
    !magnitude.is_empty() && magnitude.len() <= SERIAL_OCTETS
}

/// The first of the times of a Validity, from its contents, that the test fails.
pub(super) fn find_time<'a>(
    validity: &'a [u8],
    fails: impl Fn(&der::Element<'a>) -> bool,
) -> Option<String> {
    let time = der::each(validity).flatten().find(fails)?;
    Some(text::quoted(time.contents))
}

fn rsa_size(key: PublicKey<'_>) -> Result<(), CertificateErrorKind> {
    let Some((bits, _)) = key.rsa() else { return Ok(()) };
    Rule::RsaSize.check(bits >= 2048 && bits % 8 == 0, || format!("a modulus of {bits} bits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers() {
        assert!(valid_serial(&[1]));
        assert!(valid_serial(&[0x7f; 20]));
        assert!(valid_serial(&[&[0][..], &[0xff; 20]].concat()));
        assert!(!valid_serial(&[]));
        assert!(!valid_serial(&[0]));
        assert!(!valid_serial(&[0x80]));
        assert!(!valid_serial(&[0x7f; 21]));
    }

    #[test]
    fn path_lengths() {
        assert!(path_length(None, 100).is_ok());
        assert!(path_length(Some(1), 1).is_ok());
        assert!(path_length(Some(u32::MAX), 100).is_ok());
        assert_eq!(
            path_length(Some(1), 2),
            Err(CertificateErrorKind::PathLengthExceeded { allowed: 1, found: 2 })
        );
    }
}
