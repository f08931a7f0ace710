//! The revocation status of a certificate: what one CRL or OCSP response says of it, and what all
//! of them say together.

use super::super::certificate::Certificate;
use super::super::error::CertificateErrorKind;
use super::super::revocation_error::{
    RevocationEvidence, RevocationEvidenceError, RevocationReason, UnknownRevocationStatus,
};
use super::super::text::printable;
use super::super::time::Timestamp;
use super::distribution_point::{ALL_REASONS, HOLD, Reasons};

/// What one CRL or OCSP response says of a certificate.
pub(super) enum RevocationStatus {
    /// It does not cover the certificate.
    NotCovered,
    /// The certificate is not revoked for any of these reasons.
    Good(Reasons),
    /// The issuer has revoked the certificate.
    Revoked(RevokedEntry),
    /// It covers the certificate, but it cannot be used, for this reason.
    Unusable(CertificateErrorKind),
}

impl RevocationStatus {
    pub(super) fn is_good(&self) -> bool {
        matches!(self, Self::Good(_))
    }

    /// Whether the issuer's key did not sign it, so that another key of the issuer may have.
    pub(super) fn is_signed_by_another_key(&self) -> bool {
        use RevocationEvidenceError::{
            BadSignature, MayNotSignCrls, UnsupportedSignatureAlgorithm,
        };
        match self {
            Self::Unusable(CertificateErrorKind::UnusableRevocationEvidence(error)) => {
                matches!(
                    error,
                    BadSignature { .. } | UnsupportedSignatureAlgorithm { .. } | MayNotSignCrls(_)
                )
            }
            _ => false,
        }
    }
}

impl From<RevocationEvidenceError> for RevocationStatus {
    fn from(error: RevocationEvidenceError) -> Self {
        Self::Unusable(error.into())
    }
}

impl From<UnknownRevocationStatus> for RevocationStatus {
    fn from(missing: UnknownRevocationStatus) -> Self {
        Self::Unusable(missing.into())
    }
}

/// The revocation of a certificate, as a CRL or an OCSP response says it.
#[derive(Clone, Copy)]
pub(super) struct RevokedEntry {
    pub(super) date: Timestamp,
    pub(super) reason: RevocationReason,
    pub(super) evidence: RevocationEvidence,
}

impl RevokedEntry {
    /// The problem of the certificate that it revokes.
    pub(super) fn error_kind(self, certificate: &Certificate<'_>) -> CertificateErrorKind {
        let Self { date, reason, evidence } = self;
        let serial = certificate.serial;
        let digits = hex::encode(serial.strip_prefix(&[0]).unwrap_or(serial));
        CertificateErrorKind::Revoked { serial: printable(&digits), date, reason, evidence }
    }
}

/// A CRL's entry that puts a certificate on hold.
struct Hold {
    /// The thisUpdate of the CRL.
    since: Timestamp,
    entry: RevokedEntry,
}

/// What all the evidence says of a certificate. It is added piece by piece.
#[derive(Default)]
pub(super) struct CombinedStatus {
    /// The reasons for which the certificate is not revoked.
    good_for: Reasons,
    /// The hold of the newest CRL that has one.
    hold: Option<Hold>,
    /// The thisUpdate of the newest CRL that has no hold.
    released: Option<Timestamp>,
    /// Why evidence cannot be used: the first such problem.
    unusable: Option<CertificateErrorKind>,
}

impl CombinedStatus {
    /// Adds what an OCSP response says.
    ///
    /// # Errors
    /// A revocation, which no other evidence can change.
    pub(super) fn add_response(&mut self, status: RevocationStatus) -> Result<(), RevokedEntry> {
        match status {
            RevocationStatus::NotCovered => {}
            RevocationStatus::Good(reasons) => self.good_for |= reasons,
            RevocationStatus::Revoked(entry) => return Err(entry),
            RevocationStatus::Unusable(kind) => self.add_unusable(kind),
        }
        Ok(())
    }

    /// Adds what a CRL with this thisUpdate says.
    ///
    /// # Errors
    /// A revocation that no other evidence can change. A newer CRL can end a hold.
    pub(super) fn add_crl(
        &mut self,
        status: RevocationStatus,
        this_update: Timestamp,
    ) -> Result<(), RevokedEntry> {
        match status {
            RevocationStatus::NotCovered => {}
            RevocationStatus::Good(reasons) => {
                self.good_for |= reasons;
                if reasons & HOLD != 0 {
                    self.released = self.released.max(Some(this_update));
                }
            }
            RevocationStatus::Revoked(entry) => {
                if entry.reason != RevocationReason::CERTIFICATE_HOLD {
                    return Err(entry);
                }
                if self.hold.as_ref().is_none_or(|newest| newest.since < this_update) {
                    self.hold = Some(Hold { since: this_update, entry });
                }
            }
            RevocationStatus::Unusable(kind) => self.add_unusable(kind),
        }
        Ok(())
    }

    fn add_unusable(&mut self, kind: CertificateErrorKind) {
        self.unusable.get_or_insert(kind);
    }

    /// The hold that is in force, if there is one: no newer CRL has ended it.
    pub(super) fn hold(&self) -> Option<RevokedEntry> {
        let hold = self.hold.as_ref()?;
        match self.released {
            Some(released) if released > hold.since => None,
            _ => Some(hold.entry),
        }
    }

    /// Whether the certificate is not revoked for any reason.
    pub(super) fn is_good(&self) -> bool {
        self.good_for == ALL_REASONS
    }

    /// Why evidence cannot be used: the first such problem.
    pub(super) fn unusable(self) -> Option<CertificateErrorKind> {
        self.unusable
    }
}

/// Checks that evidence by which a certificate is good is current. The clocks of its signer and
/// of this machine may differ by `skew` seconds.
pub(super) fn check_freshness(
    evidence: RevocationEvidence,
    this_update: Timestamp,
    next_update: Option<Timestamp>,
    now: Timestamp,
    skew: i64,
) -> Result<(), RevocationEvidenceError> {
    if this_update.0 > now.0.saturating_add(skew) {
        return Err(RevocationEvidenceError::NotYetValid { evidence, this_update, now });
    }
    let Some(next_update) = next_update else {
        return Err(RevocationEvidenceError::NoNextUpdate(evidence));
    };
    if next_update.0 < now.0.saturating_sub(skew) {
        return Err(RevocationEvidenceError::Stale { evidence, next_update, now });
    }
    Ok(())
}
