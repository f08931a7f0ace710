//! What each certificate of a path must be, for itself (RFC 5280, sections 4.1, 4.2 and 6.1).

use super::constraints::NameConstraints;
use super::decode::{Certificate, Usages, V3};
use super::error::{CertificateError, Timestamp};
use super::request::Purpose;

/// The most octets that a serial number may have (RFC 5280, section 4.1.2.2).
const SERIAL_OCTETS: usize = 20;

/// What holds for the peer's certificate. `is_anchor` says that it is itself trusted.
pub(super) fn end_entity(
    certificate: &Certificate<'_>,
    purpose: Purpose,
    now: Timestamp,
    is_anchor: bool,
) -> Result<(), CertificateError> {
    every(certificate, now)?;
    if certificate.is_ca() && !is_anchor {
        return Err(CertificateError::CaUsedAsEndEntity { certificate: certificate.label.clone() });
    }
    // The key signs handshakes, and nothing else (RFC 5280, section 4.2.1.3).
    if let Some(usage) = &certificate.key_usage
        && !usage.digital_signature()
    {
        return Err(CertificateError::WrongKeyUsage {
            certificate: certificate.label.clone(),
            needed: "digitalSignature",
        });
    }
    // "Any" is no purpose that a CA can have verified someone for.
    extended_key_usage(&certificate.label, certificate.extended_key_usage, purpose, false)
}

/// What holds for an intermediate that has `below` intermediates under it that are not self-issued.
pub(super) fn authority(
    certificate: &Certificate<'_>,
    purpose: Purpose,
    now: Timestamp,
    below: usize,
) -> Result<(), CertificateError> {
    every(certificate, now)?;
    let Some(constraints) = certificate.basic_constraints.as_ref().filter(|it| it.ca) else {
        return Err(CertificateError::NotACa { certificate: certificate.label.clone() });
    };
    if !may_sign_certificates(certificate) {
        return Err(CertificateError::WrongKeyUsage {
            certificate: certificate.label.clone(),
            needed: "keyCertSign",
        });
    }
    path_length(&certificate.label, constraints.path_len_constraint, below)?;
    extended_key_usage(&certificate.label, certificate.extended_key_usage, purpose, true)
}

/// A keyUsage that is there must allow to sign certificates (RFC 5280, section 6.1.4 (n)).
pub(super) fn may_sign_certificates(certificate: &Certificate<'_>) -> bool {
    certificate.key_usage.is_none_or(|usage| usage.key_cert_sign())
}

/// RFC 5280, section 6.1.4 (l) and (m).
pub(super) fn path_length(
    label: &str,
    allowed: Option<u32>,
    below: usize,
) -> Result<(), CertificateError> {
    match allowed {
        Some(allowed) if usize::try_from(allowed).is_ok_and(|allowed| below > allowed) => {
            Err(CertificateError::PathLengthExceeded {
                certificate: label.to_owned(),
                allowed,
                found: below,
            })
        }
        _ => Ok(()),
    }
}

/// An extended key usage that is there must allow the purpose. The RFC asks it of the end entity;
/// for CAs it is what everyone does, and what their owners mean by it.
pub(super) fn extended_key_usage(
    label: &str,
    usages: Option<Usages>,
    purpose: Purpose,
    any_counts: bool,
) -> Result<(), CertificateError> {
    match usages {
        Some(usages) if !usages.allow(purpose, any_counts) => {
            Err(CertificateError::WrongExtendedKeyUsage {
                certificate: label.to_owned(),
                needed: purpose,
            })
        }
        _ => Ok(()),
    }
}

/// The names of `certificate` must be within the constraints of `authority`. `comparisons` is how
/// many more are affordable; `None` is returned if that is not enough.
pub(super) fn names_within(
    certificate: &Certificate<'_>,
    constraints: &NameConstraints<'_>,
    authority: &str,
    comparisons: &mut usize,
) -> Option<Result<(), CertificateError>> {
    let cost = certificate.names.len().saturating_mul(constraints.len());
    *comparisons = comparisons.checked_sub(cost)?;
    let refused = certificate.names.iter().find(|name| !constraints.allow(name));
    Some(match refused {
        Some(name) => Err(CertificateError::NameNotPermitted {
            certificate: certificate.label.clone(),
            name: name.printable(),
            authority: authority.to_owned(),
        }),
        None => Ok(()),
    })
}

/// What holds for every certificate but an anchor's.
fn every(certificate: &Certificate<'_>, now: Timestamp) -> Result<(), CertificateError> {
    let label = || certificate.label.clone();
    if certificate.version != V3 {
        return Err(CertificateError::UnsupportedVersion {
            certificate: label(),
            version: certificate.version.saturating_add(1),
        });
    }
    // The one beside the signature is not signed; only this makes it as good as signed.
    if certificate.inner_algorithm != certificate.algorithm {
        return Err(CertificateError::AlgorithmMismatch { certificate: label() });
    }
    if !valid_serial(certificate.serial) {
        return Err(CertificateError::InvalidSerialNumber { certificate: label() });
    }
    if let Some(oid) = &certificate.unknown_critical {
        return Err(CertificateError::UnknownCriticalExtension {
            certificate: label(),
            oid: oid.clone(),
        });
    }
    if now < certificate.not_before {
        return Err(CertificateError::NotYetValid {
            certificate: label(),
            not_before: certificate.not_before,
            now,
        });
    }
    // The last second still counts (RFC 5280, section 4.1.2.5).
    if now > certificate.not_after {
        return Err(CertificateError::Expired {
            certificate: label(),
            not_after: certificate.not_after,
            now,
        });
    }
    Ok(())
}

/// Positive, and of at most 20 octets. A zero octet in front that only says "positive" is not
/// counted: there are CAs that draw 20 random octets.
fn valid_serial(serial: &[u8]) -> bool {
    let magnitude = match serial {
        [0, rest @ ..] => rest,
        [first, ..] if *first >= 0x80 => return false,
        _ => serial,
    };
    !magnitude.is_empty() && magnitude.len() <= SERIAL_OCTETS
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
        assert!(path_length("CN=x", None, 100).is_ok());
        assert!(path_length("CN=x", Some(1), 1).is_ok());
        assert!(path_length("CN=x", Some(u32::MAX), 100).is_ok());
        assert_eq!(
            path_length("CN=x", Some(1), 2),
            Err(CertificateError::PathLengthExceeded {
                certificate: "CN=x".to_owned(),
                allowed: 1,
                found: 2
            })
        );
    }
}
