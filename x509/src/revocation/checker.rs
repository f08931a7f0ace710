//! Looks up the status of each certificate of a path.

use super::super::anchors::Anchor;
use super::super::certificate::Certificate;
use super::super::checks;
use super::super::der;
use super::super::error::{CertificateErrorKind, Limit};
use super::super::intermediate::Intermediate;
use super::super::issuer::Issuer;
use super::super::limits::Budget;
use super::super::oid;
use super::super::profile::Purpose;
use super::super::request::ChainRequest;
use super::super::revocation_error::{
    RevocationEvidence, RevocationEvidenceError, UnknownRevocationStatus,
};
use super::crl::CertificateRevocationList;
use super::crl_status::revoked_by_crl;
use super::extension::STATUS_REQUEST;
use super::ocsp;
use super::policy::{RevocationMode, StatusRequest};
use super::status::{CombinedStatus, RevocationStatus};

/// Checks certificates against the evidence of a request.
pub(super) struct RevocationChecker<'s> {
    /// The certificates that the peer sent along.
    pub(super) intermediates: &'s [Intermediate<'s>],
    pub(super) budget: &'s mut Budget,
    pub(super) request: &'s ChainRequest<'s>,
}

impl<'s> RevocationChecker<'s> {
    /// The issuer of a certificate that is trusted itself, if it is known.
    pub(super) fn issuer_of<'c>(
        &mut self,
        certificate: &'c Certificate<'c>,
    ) -> Result<Option<Issuer<'c>>, CertificateErrorKind>
    where
        's: 'c,
    {
        let name = &certificate.issuer;
        let (intermediates, request) = (self.intermediates, self.request);
        let anchors = request.anchors.issuers(name).map(Anchor::issuer);
        let sent = intermediates.iter().map(|it| Issuer::new(&it.certificate));
        for issuer in anchors.chain(sent.filter(|it| it.subject.is_same(name))) {
            self.spend(1)?;
            if request.is_issued_by(certificate, &issuer) {
                return Ok(Some(issuer));
            }
        }
        if certificate.is_self_issued {
            return Ok(Some(Issuer::new(certificate)));
        }
        Ok(None)
    }

    /// Checks a certificate. The first of `issuers` is its issuer, and the others are above that.
    /// There are none if the issuer of a trusted certificate is not known.
    pub(super) fn check(
        &mut self,
        certificate: &Certificate<'_>,
        issuers: &[Issuer<'_>],
        staple: Option<StatusRequest<'_>>,
    ) -> Result<(), CertificateErrorKind> {
        let request = self.request;
        let must_staple =
            staple.is_some() && request.purpose == Purpose::Server && demands_staple(certificate);
        let stapled = match staple {
            None => RevocationStatus::NotCovered,
            Some(StatusRequest { response: Some(response), digests }) => match issuers.first() {
                Some(issuer) => {
                    ocsp::status(response, digests, certificate, issuer, request, self.budget)?
                }
                None => unknown_issuer(RevocationEvidence::OcspResponse, certificate),
            },
            Some(StatusRequest { response: None, .. }) if must_staple => {
                UnknownRevocationStatus::NoStapledResponse.into()
            }
            Some(StatusRequest { response: None, .. }) => RevocationStatus::NotCovered,
        };
        let lacks_staple = must_staple && !stapled.is_good();
        let mut combined = CombinedStatus::default();
        combined.add_response(stapled).map_err(|entry| entry.error_kind(certificate))?;
        for crl in request.revocation.crls {
            let status = self.status_in_crl(crl, certificate, issuers)?;
            combined
                .add_crl(status, crl.this_update())
                .map_err(|entry| entry.error_kind(certificate))?;
        }
        if let Some(hold) = combined.hold() {
            return Err(hold.error_kind(certificate));
        }
        if combined.is_good() && !lacks_staple {
            return Ok(());
        }
        if let Some(kind) = combined.unusable() {
            return Err(kind);
        }
        if request.revocation.policy.mode == RevocationMode::Require {
            return Err(UnknownRevocationStatus::NoEvidence(certificate.issuer_label()).into());
        }
        Ok(())
    }

    /// What a CRL says of a certificate.
    fn status_in_crl(
        &mut self,
        crl: &CertificateRevocationList,
        certificate: &Certificate<'_>,
        issuers: &[Issuer<'_>],
    ) -> Result<RevocationStatus, CertificateErrorKind> {
        if !crl.is_by(&certificate.issuer) {
            return Ok(RevocationStatus::NotCovered);
        }
        let Some(issuer) = issuers.first() else {
            return Ok(unknown_issuer(RevocationEvidence::Crl, certificate));
        };
        let status = crl.status(certificate, issuer, self.request);
        if !status.is_signed_by_another_key() {
            return Ok(status);
        }
        for signer in self.other_crl_signers(certificate, issuers)? {
            self.spend(1)?;
            let status = crl.status(certificate, &signer, self.request);
            if !status.is_signed_by_another_key() {
                return Ok(status);
            }
        }
        Ok(status)
    }

    /// The other keys that may have signed the CRLs of a certificate's issuer. An authority may sign
    /// CRLs with another key, or may have a new key: the certificate of that key is on the path as
    /// well, or the peer sent it along.
    fn other_crl_signers<'c>(
        &mut self,
        certificate: &Certificate<'_>,
        issuers: &[Issuer<'c>],
    ) -> Result<Vec<Issuer<'c>>, CertificateErrorKind>
    where
        's: 'c,
    {
        let name = &certificate.issuer;
        let on_path = issuers.iter().skip(1).filter(|issuer| issuer.subject.is_same(name));
        let mut signers: Vec<_> = on_path.copied().collect();
        for Intermediate { certificate: sent, .. } in self.intermediates {
            let is_new = issuers.iter().all(|issuer| issuer.key != sent.key);
            if sent.subject.is_same(name) && is_new && self.is_crl_signer(sent, issuers)? {
                signers.push(Issuer::new(sent));
            }
        }
        Ok(signers)
    }

    /// Whether an authority has issued this certificate of its name to sign CRLs: the authority
    /// itself, or one above it. The certificate then leads to the same anchor, as RFC 5280, section
    /// 6.3.3 (f), demands. An authority below could otherwise speak for those above it.
    fn is_crl_signer(
        &mut self,
        certificate: &Certificate<'_>,
        issuers: &[Issuer<'_>],
    ) -> Result<bool, CertificateErrorKind> {
        let request = self.request;
        let may_sign = certificate.key_usage.map_or(certificate.is_ca, |usage| usage.crl_sign());
        if !may_sign || checks::issued(certificate, request.now.into()).is_err() {
            return Ok(false);
        }
        for issuer in issuers.iter().filter(|it| it.subject.is_same(&certificate.issuer)) {
            let crls = request.revocation.crls.iter();
            let crls = crls.filter(|crl| crl.is_by(issuer.subject)).count();
            self.spend(crls.saturating_add(1))?;
            if request.is_issued_by(certificate, issuer) {
                return Ok(revoked_by_crl(certificate, issuer, request).is_none());
            }
        }
        Ok(false)
    }

    fn spend(&mut self, signatures: usize) -> Result<(), CertificateErrorKind> {
        self.budget.spend(Limit::SignatureChecks, signatures)
    }
}

/// The evidence cannot be verified, as the certificate's issuer is not known.
fn unknown_issuer(evidence: RevocationEvidence, certificate: &Certificate<'_>) -> RevocationStatus {
    RevocationEvidenceError::UnknownIssuer { evidence, issuer: certificate.issuer_label() }.into()
}

/// Whether the certificate has the TLS feature `status_request` (RFC 7633). If the extension does
/// not parse, it may have it.
fn demands_staple(certificate: &Certificate<'_>) -> bool {
    let Some(extension) = certificate.extension(oid::TLS_FEATURE) else { return false };
    match der::list(extension.value) {
        Some(features) => features.iter().any(|feature| feature.contents == STATUS_REQUEST),
        None => true,
    }
}
