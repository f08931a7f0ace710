//! What each certificate of a path must be, for itself (RFC 5280, sections 4.1, 4.2 and 6.1).

use super::decode::{Certificate, Usages, V3};
use super::error::{Problem, Timestamp};
use super::request::Purpose;

/// The most octets that a serial number may have (RFC 5280, section 4.1.2.2).
const SERIAL_OCTETS: usize = 20;

/// What holds for the peer's certificate. `is_anchor` says that it is itself trusted.
pub(super) fn end_entity(
    certificate: &Certificate<'_>,
    purpose: Purpose,
    now: Timestamp,
    is_anchor: bool,
) -> Result<(), Problem> {
    every(certificate, now)?;
    if certificate.is_ca && !is_anchor {
        return Err(Problem::CaUsedAsEndEntity);
    }
    // The key signs handshakes, and nothing else (RFC 5280, section 4.2.1.3).
    if certificate.key_usage.is_some_and(|usage| !usage.digital_signature()) {
        return Err(Problem::WrongKeyUsage("digitalSignature"));
    }
    // "Any" is no purpose that a CA can have verified someone for.
    extended_key_usage(certificate.scope.extended_key_usage, purpose, false)
}

/// What holds for an intermediate, whatever it issued.
pub(super) fn authority(certificate: &Certificate<'_>, now: Timestamp) -> Result<(), Problem> {
    every(certificate, now)?;
    if !certificate.is_ca {
        return Err(Problem::NotACa);
    }
    if !may_sign_certificates(certificate) {
        return Err(Problem::WrongKeyUsage("keyCertSign"));
    }
    Ok(())
}

/// A keyUsage that is there must allow to sign certificates (RFC 5280, section 6.1.4 (n)).
pub(super) fn may_sign_certificates(certificate: &Certificate<'_>) -> bool {
    certificate.key_usage.is_none_or(|usage| usage.key_cert_sign())
}

/// RFC 5280, section 6.1.4 (l) and (m): `found` is how many intermediates are below that are not
/// self-issued.
pub(super) fn path_length(allowed: Option<u32>, found: usize) -> Result<(), Problem> {
    match allowed {
        Some(allowed) if usize::try_from(allowed).is_ok_and(|allowed| found > allowed) => {
            Err(Problem::PathLengthExceeded { allowed, found })
        }
        _ => Ok(()),
    }
}

/// An extended key usage that is there must allow the purpose. The RFC asks it of the end entity;
/// for CAs it is what everyone does, and what their owners mean by it.
pub(super) fn extended_key_usage(
    usages: Option<Usages>,
    purpose: Purpose,
    any_counts: bool,
) -> Result<(), Problem> {
    match usages {
        Some(usages) if !usages.allow(purpose, any_counts) => {
            Err(Problem::WrongExtendedKeyUsage(purpose))
        }
        _ => Ok(()),
    }
}

/// What holds for every certificate but an anchor's.
fn every(certificate: &Certificate<'_>, now: Timestamp) -> Result<(), Problem> {
    let Certificate { version, not_before, not_after, .. } = *certificate;
    if version != V3 {
        return Err(Problem::UnsupportedVersion(version.saturating_add(1)));
    }
    // The one beside the signature is not signed; only this makes it as good as signed.
    if certificate.inner_algorithm != certificate.algorithm {
        return Err(Problem::AlgorithmMismatch);
    }
    if !valid_serial(certificate.serial) {
        return Err(Problem::InvalidSerialNumber);
    }
    if let Some(oid) = &certificate.unknown_critical {
        return Err(Problem::UnknownCriticalExtension(oid.clone()));
    }
    if now < not_before {
        return Err(Problem::NotYetValid { not_before, now });
    }
    // The last second still counts (RFC 5280, section 4.1.2.5).
    if now > not_after {
        return Err(Problem::Expired { not_after, now });
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
        assert!(path_length(None, 100).is_ok());
        assert!(path_length(Some(1), 1).is_ok());
        assert!(path_length(Some(u32::MAX), 100).is_ok());
        assert_eq!(
            path_length(Some(1), 2),
            Err(Problem::PathLengthExceeded { allowed: 1, found: 2 })
        );
    }
}
