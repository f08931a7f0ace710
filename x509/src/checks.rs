//! The checks of each certificate of a path by itself (RFC 5280, sections 4.1, 4.2 and 6.1).

use super::certificate::{Certificate, IssuingConstraints, V3};
use super::error::CertificateErrorKind;
use super::extended_key_usage::ExtendedKeyUsage;
use super::profile::Purpose;
use super::rules::Rule;
use super::signature::PublicKey;
use super::time::{Timestamp, Validity};
use super::{der, ml_dsa, text, time};

/// The largest number of octets of a serial number (RFC 5280, section 4.1.2.2).
pub(super) const SERIAL_OCTETS: usize = 20;

/// Checks an intermediate, without regard to what it issued.
pub(super) fn intermediate(
    certificate: &Certificate<'_>,
    now: Timestamp,
) -> Result<(), CertificateErrorKind> {
    issued(certificate, now)?;
    authority(certificate)
}

/// Checks a certificate that is trusted because of its issuer.
pub(super) fn issued(
    certificate: &Certificate<'_>,
    now: Timestamp,
) -> Result<(), CertificateErrorKind> {
    form_and_dates(certificate, now)?;
    time_form(certificate)
}

/// Checks a certificate that is trusted itself, so its signature and its issuer do not matter.
pub(super) fn trusted(
    certificate: &Certificate<'_>,
    now: Timestamp,
) -> Result<(), CertificateErrorKind> {
    own_form(certificate)?;
    dates(certificate.dates, now)?;
    time_form(certificate)
}

/// Checks the form of the times. Some widely trusted roots have times in the wrong form, which does
/// not affect what they issue. So the certificate of an anchor is not checked.
fn time_form(certificate: &Certificate<'_>) -> Result<(), CertificateErrorKind> {
    let found = find_time(certificate.validity, |time| !time::has_required_form(time));
    Rule::TimeForm.unless(found)
}

/// Checks that a certificate may issue others, at any time.
pub(super) fn authority(certificate: &Certificate<'_>) -> Result<(), CertificateErrorKind> {
    if !certificate.is_ca {
        return Err(CertificateErrorKind::NotACa);
    }
    if !certificate.may_sign_certificates() {
        return Err(certificate.wrong_key_usage("keyCertSign"));
    }
    Ok(())
}

/// Checks a pathLenConstraint (RFC 5280, section 6.1.4 (l) and (m)). `found` is the number of
/// intermediates below that are not self-issued.
pub(super) fn path_length(allowed: Option<u32>, found: usize) -> Result<(), CertificateErrorKind> {
    match allowed {
        Some(allowed) if usize::try_from(allowed).is_ok_and(|allowed| found > allowed) => {
            Err(CertificateErrorKind::PathLengthExceeded { allowed, found })
        }
        _ => Ok(()),
    }
}

/// Checks that the extended key usage, if it is there, allows the purpose. The RFC demands this of
/// the end entity. Implementations also demand it of CAs, as the owners of CAs intend.
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

/// Checks a certificate other than an anchor's.
pub(super) fn form_and_dates(
    certificate: &Certificate<'_>,
    now: Timestamp,
) -> Result<(), CertificateErrorKind> {
    form(certificate)?;
    dates(certificate.dates, now)
}

/// Checks a certificate at any time. The certificate of an anchor is only checked in the strict
/// profile.
pub(super) fn form(certificate: &Certificate<'_>) -> Result<(), CertificateErrorKind> {
    // The algorithm beside the signature is not signed. It counts because the signed one is the same.
    if certificate.inner_algorithm != certificate.signed.algorithm {
        return Err(CertificateErrorKind::SignatureAlgorithmMismatch);
    }
    Rule::IssuerName.check(!certificate.issuer.is_empty(), || "an empty one")?;
    own_form(certificate)
}

/// Checks what does not depend on the issuer.
fn own_form(certificate: &Certificate<'_>) -> Result<(), CertificateErrorKind> {
    if certificate.version != V3 {
        return Err(CertificateErrorKind::UnsupportedVersion(
            certificate.version.saturating_add(1),
        ));
    }
    no_unknown_critical(&certificate.constraints)?;
    ml_dsa_key_usage(certificate)?;
    rsa_size(certificate.key)
}

pub(super) fn dates(validity: Validity, now: Timestamp) -> Result<(), CertificateErrorKind> {
    let Validity { not_before, not_after } = validity;
    if now < not_before {
        return Err(CertificateErrorKind::NotYetValid { not_before, now });
    }
    // The last second is still valid (RFC 5280, section 4.1.2.5).
    if now > not_after {
        return Err(CertificateErrorKind::Expired { not_after, now });
    }
    Ok(())
}

/// Checks that there is no unknown critical extension. This includes anchors, because an unknown
/// extension of a CA may constrain what it issues.
pub(super) fn no_unknown_critical(
    constraints: &IssuingConstraints,
) -> Result<(), CertificateErrorKind> {
    match &constraints.unknown_critical {
        Some(oid) => Err(CertificateErrorKind::UnknownCriticalExtension(oid.clone())),
        None => Ok(()),
    }
}

/// Whether a serial number is positive and has at most 20 octets. A leading octet of zero that only
/// makes it positive is not counted, because some CAs choose 20 random octets.
pub(super) fn valid_serial(serial: &[u8]) -> bool {
    let magnitude = match serial {
        [0, rest @ ..] => rest,
        [first, ..] if *first >= 0x80 => return false,
        _ => serial,
    };
    !magnitude.is_empty() && magnitude.len() <= SERIAL_OCTETS
}

/// The first time of a Validity, from its contents, for which `fails` is true.
pub(super) fn find_time<'a>(
    validity: &'a [u8],
    fails: impl Fn(&der::Element<'a>) -> bool,
) -> Option<String> {
    let time = der::each(validity).flatten().find(fails)?;
    Some(text::quoted(time.contents))
}

/// RFC 9881, section 5.
fn ml_dsa_key_usage(certificate: &Certificate<'_>) -> Result<(), CertificateErrorKind> {
    let Some(usage) = certificate.key_usage else { return Ok(()) };
    if !ml_dsa::is_algorithm(certificate.key.algorithm) {
        return Ok(());
    }
    Rule::MlDsaKeyUsage.check(usage.is_only_for_signatures(), || usage.names().join(" and "))
}

fn rsa_size(key: PublicKey<'_>) -> Result<(), CertificateErrorKind> {
    let Some(rsa) = key.rsa() else { return Ok(()) };
    let bits = rsa.bits;
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
