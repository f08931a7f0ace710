//! What a CRL says of a certificate (RFC 5280, section 6.3.3).

use super::super::certificate::Certificate;
use super::super::error::CertificateErrorKind;
use super::super::issuer::Issuer;
use super::super::profile::Profile;
use super::super::request::ChainRequest;
use super::super::revocation_error::{
    RevocationEvidence, RevocationEvidenceError, RevocationReason,
};
use super::super::rules::Rule;
use super::crl::{CertificateRevocationList, Entry};
use super::status::{RevocationStatus, RevokedEntry, check_freshness};

/// The entry of a certificate in a CRL of its issuer, if there is one.
pub(super) fn revoked_by_crl(
    certificate: &Certificate<'_>,
    issuer: &Issuer<'_>,
    request: &ChainRequest<'_>,
) -> Option<RevokedEntry> {
    for crl in request.revocation.crls {
        if let RevocationStatus::Revoked(entry) = crl.status(certificate, issuer, request) {
            return Some(entry);
        }
    }
    None
}

impl CertificateRevocationList {
    /// What it says of a certificate by this issuer.
    pub(super) fn status(
        &self,
        certificate: &Certificate<'_>,
        issuer: &Issuer<'_>,
        request: &ChainRequest<'_>,
    ) -> RevocationStatus {
        if !self.is_by(&certificate.issuer) {
            return RevocationStatus::NotCovered;
        }
        match self.scope.includes(certificate) {
            Ok(true) => {}
            Ok(false) => return RevocationStatus::NotCovered,
            Err(error) => return error.into(),
        }
        match self.look_up(certificate.serial, issuer, request) {
            Ok(status) => status,
            Err(kind) => RevocationStatus::Unusable(kind),
        }
    }

    /// Looks up a serial number that it covers.
    fn look_up(
        &self,
        serial: &[u8],
        issuer: &Issuer<'_>,
        request: &ChainRequest<'_>,
    ) -> Result<RevocationStatus, CertificateErrorKind> {
        if !issuer.signs_crls {
            return Err(RevocationEvidenceError::MayNotSignCrls(issuer.label()).into());
        }
        self.verify(issuer, request.algorithms)?;
        // The age of the CRL does not matter for a revocation: few are ever taken back.
        if let Some(Entry { date, reason }) = self.find(serial) {
            let reason = reason.unwrap_or(RevocationReason::UNSPECIFIED);
            let entry = RevokedEntry { date, reason, evidence: RevocationEvidence::Crl };
            return Ok(RevocationStatus::Revoked(entry));
        }
        if request.profile == Profile::Strict {
            Rule::CrlNumber.check(self.is_numbered, || "a CRL without one")?;
        }
        let (this_update, next_update) = (self.this_update(), self.next_update());
        check_freshness(RevocationEvidence::Crl, this_update, next_update, request.now.into(), 0)?;
        Ok(RevocationStatus::Good(self.scope.reasons))
    }
}
