//! Revocation: has the issuer taken a certificate back?
//!
//! The evidence is what the caller has, CRLs (RFC 5280, sections 5 and 6.3) and the OCSP response
//! (RFC 6960) that the peer stapled; nothing is fetched. [`Revocation`] says what counts.

mod crl;
mod distribution_point;
mod error;
mod ocsp;

pub use crl::CertificateRevocationList;
pub use error::{CrlError, Evidence, EvidenceError, MissingEvidence, RevocationReason};

use super::anchors::Anchor;
use super::checks;
use super::decode::{Certificate, Extension, Understanding, oid};
use super::der;
use super::error::{CertificateError, Limit, Problem, SignatureError, Timestamp, printable};
use super::issuer::Issuer;
use super::request::{ChainRequest, Purpose};
use super::signature::{self, Signed};
use distribution_point::{ALL_REASONS, HOLD, Reasons};

/// The TLS feature that a certificate with a stapled response has: status_request, as the contents
/// of an INTEGER.
const STATUS_REQUEST: &[u8] = &[5];

/// The evidence of a validation, and how much of it there must be.
///
/// Evidence that is given always counts, unless the policy is [`RevocationMode::Off`]:
///
/// - A revocation is believed whenever it is signed by the right key, even if it is outdated. A
///   hold (certificateHold) in a CRL is over when a newer CRL clears the certificate.
/// - That a certificate is good is believed only if it is fresh, and said for all reasons.
/// - Evidence that is for a certificate and cannot be used is an error, because someone wanted it
///   to count, unless other evidence clears the certificate.
#[derive(Clone, Copy, Debug, Default)]
pub struct Revocation<'a> {
    /// The CRLs, of any issuers in any order: each is used for the certificates that it is for.
    pub crls: &'a [CertificateRevocationList],
    /// The OCSP response that the peer was asked to staple; `None` if it was not asked.
    pub status_request: Option<StatusRequest<'a>>,
    /// How much must be known.
    pub policy: RevocationPolicy,
}

impl Revocation<'_> {
    /// Whether there is no evidence to look at.
    pub(super) fn is_empty(&self) -> bool {
        self.crls.is_empty() && self.status_request.is_none()
    }
}

/// What came of asking the peer for an OCSP response (`status_request`, RFC 6066, section 8).
///
/// Because it was asked for, a server's certificate that demands a response (must-staple, RFC 7633)
/// needs a good one, unless the policy is off.
#[derive(Clone, Copy, Debug)]
pub struct StatusRequest<'a> {
    /// The DER of the OCSPResponse about the end entity, if the peer has sent one.
    pub response: Option<&'a [u8]>,
    /// The hashes that responses name certificates with.
    pub digests: Digests,
}

/// The hashes of OCSP (RFC 6960, section 4.3). They find a certificate and prove nothing, so that
/// SHA-1 does no harm.
#[derive(Clone, Copy, Debug)]
pub struct Digests {
    /// SHA-1.
    pub sha1: fn(&[u8]) -> [u8; 20],
    /// SHA-256.
    pub sha256: fn(&[u8]) -> [u8; 32],
}

/// How much must be known about revocation, and of which certificates. By default, whatever
/// evidence is given counts, for the whole chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RevocationPolicy {
    /// How much must be known.
    pub mode: RevocationMode,
    /// Of which certificates.
    pub scope: RevocationScope,
}

/// How much must be known about revocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RevocationMode {
    /// Nothing: evidence is not looked at, not even if it says that a certificate is revoked.
    Off,
    /// Evidence that is given counts; where there is none, the certificate is taken as good.
    #[default]
    IfPresent,
    /// There must be evidence that the certificate is good.
    Require,
}

/// Of which certificates something must be known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RevocationScope {
    /// The peer's own.
    EndEntity,
    /// All but the trust anchor, which is trusted because it is. The peer's own certificate is
    /// checked even if it is an anchor itself.
    #[default]
    Chain,
}

/// The intermediates that the peer sent, each with its number.
type Bag<'a> = [(usize, Certificate<'a>)];

/// What a piece of evidence says: for which reasons the certificate is not revoked; or else that it
/// is, or why it does not count.
type Finding = Result<Reasons, Problem>;

/// Holds a path to the policy: the end entity first, and the anchor that issued its last
/// certificate. All its signatures are known to be valid. `left` of the limit of signatures is what
/// may be verified to find out who signed a CRL, if it was not the issuer.
pub(super) fn check(
    path: &[&Certificate<'_>],
    anchor: &Anchor,
    bag: &Bag<'_>,
    left: &mut usize,
    request: &ChainRequest<'_>,
) -> Result<(), CertificateError> {
    let RevocationPolicy { mode, scope } = request.revocation.policy;
    let knows_nothing = request.revocation.is_empty() && mode == RevocationMode::IfPresent;
    if mode == RevocationMode::Off || knows_nothing {
        return Ok(());
    }
    let checked = match scope {
        RevocationScope::EndEntity => 1,
        RevocationScope::Chain => path.len(),
    };
    let issuers = path.iter().skip(1).map(|issuer| Issuer::new(issuer));
    let issuers: Vec<_> = issuers.chain([Issuer::anchor(anchor)]).collect();
    let mut inquiry = Inquiry { bag, left, request };
    // The peer speaks for its own certificate alone.
    let mut staple = request.revocation.status_request;
    for (index, certificate) in path.iter().enumerate().take(checked) {
        let issuers = issuers.get(index..).unwrap_or_default();
        inquiry
            .check(certificate, issuers, staple.take())
            .map_err(|problem| certificate.error(problem))?;
    }
    Ok(())
}

/// Checks a peer's certificate that is trusted itself, and needs no path: its issuer may have
/// revoked it all the same. The issuer is an anchor or one of the other certificates that were sent,
/// whose key signed it, or else itself, if it has its own name for its issuer's.
pub(super) fn check_trusted(
    certificate: &Certificate<'_>,
    request: &ChainRequest<'_>,
) -> Result<(), CertificateError> {
    let mode = request.revocation.policy.mode;
    let knows_nothing = request.revocation.is_empty() && mode == RevocationMode::IfPresent;
    if mode == RevocationMode::Off || knows_nothing {
        return Ok(());
    }
    let sent = (1..).zip(request.intermediates);
    let sent = sent.filter_map(|(number, der)| Some((number, Certificate::decode(der).ok()?)));
    let bag: Vec<_> = sent.collect();
    let mut limits = request.limits;
    let mut inquiry = Inquiry { bag: &bag, left: limits.of(Limit::SignatureChecks), request };
    let issuer = inquiry.issuer_of(certificate).map_err(|problem| certificate.error(problem))?;
    inquiry
        .check(certificate, issuer.as_slice(), request.revocation.status_request)
        .map_err(|problem| certificate.error(problem))
}

/// What a path is checked with, and what may be spent on it.
struct Inquiry<'s> {
    bag: &'s Bag<'s>,
    left: &'s mut usize,
    request: &'s ChainRequest<'s>,
}

impl<'s> Inquiry<'s> {
    /// Who issued a certificate that is trusted itself, if that is known.
    fn issuer_of<'c>(
        &mut self,
        certificate: &'c Certificate<'c>,
    ) -> Result<Option<Issuer<'c>>, Problem>
    where
        's: 'c,
    {
        let (bag, request) = (self.bag, self.request);
        let anchors = request.anchors.issuers(&certificate.folded_issuer);
        let anchors = anchors.map(|(anchor, _)| Issuer::anchor(anchor));
        let named = bag.iter().filter(|(_, it)| it.folded_subject == certificate.folded_issuer);
        for issuer in anchors.chain(named.map(|(_, it)| Issuer::new(it))) {
            self.spend(1)?;
            if issuer.issued(certificate, request) {
                return Ok(Some(issuer));
            }
        }
        Ok(certificate.is_self_issued().then(|| Issuer::new(certificate)))
    }

    /// Checks a certificate by what its issuer says, the first of `issuers`; the others are those
    /// above. There are none where the issuer of a trusted certificate is not known.
    fn check(
        &mut self,
        certificate: &Certificate<'_>,
        issuers: &[Issuer<'_>],
        staple: Option<StatusRequest<'_>>,
    ) -> Result<(), Problem> {
        let request = self.request;
        let must_staple =
            staple.is_some() && request.purpose == Purpose::Server && demands_staple(certificate);
        let stapled = match (staple, issuers.first()) {
            (Some(StatusRequest { response: Some(response), digests }), Some(issuer)) => {
                Some(ocsp::look_up(response, digests, certificate, issuer, self))
            }
            (Some(StatusRequest { response: Some(_), .. }), None) => {
                Some(Err(unknown_issuer(Evidence::OcspResponse, certificate)))
            }
            _ if must_staple => Some(Err(MissingEvidence::Staple.into())),
            _ => None,
        };
        let staple_failed = stapled.as_ref().is_some_and(Result::is_err);
        let mut said = Said::default();
        if let Some(finding) = stapled {
            said.add(finding, None)?;
        }
        for crl in request.revocation.crls {
            if let Some(finding) = self.look_up(crl, certificate, issuers) {
                said.add(finding, Some(crl.this_update()))?;
            }
        }
        let is_cleared = said.verdict()? == ALL_REASONS;
        match said.unusable {
            _ if is_cleared && !(must_staple && staple_failed) => Ok(()),
            Some(problem) => Err(problem),
            None if request.revocation.policy.mode == RevocationMode::Require => {
                Err(MissingEvidence::Nothing(certificate.issuer_label()).into())
            }
            None => Ok(()),
        }
    }

    /// What a CRL says of a certificate; `None` if it is not for it.
    fn look_up(
        &mut self,
        crl: &CertificateRevocationList,
        certificate: &Certificate<'_>,
        issuers: &[Issuer<'_>],
    ) -> Option<Finding> {
        let Some(issuer) = issuers.first() else {
            let is_by_issuer = crl.is_by(&certificate.folded_issuer);
            return is_by_issuer.then(|| Err(unknown_issuer(Evidence::Crl, certificate)));
        };
        let first = crl.look_up(certificate, issuer, self.request)?;
        if !is_of_other_key(&first) {
            return Some(first);
        }
        Some(self.by_other_keys(crl, certificate, issuers).transpose().unwrap_or(first))
    }

    /// What a CRL says that the issuer did not sign with the key of its certificate. It may sign
    /// CRLs with another key, or have been given a new key since: that one is then on the path as
    /// well, or in a certificate of the authority's name that came with it. `None` if it is not.
    fn by_other_keys(
        &mut self,
        crl: &CertificateRevocationList,
        certificate: &Certificate<'_>,
        issuers: &[Issuer<'_>],
    ) -> Result<Option<Reasons>, Problem> {
        let name = &certificate.folded_issuer;
        let on_path = issuers.iter().skip(1).filter(|it| it.folded_subject == name);
        let mut signers: Vec<_> = on_path.copied().collect();
        for (_, beside) in self.bag {
            let is_new = issuers.iter().all(|known| known.key != beside.key);
            if beside.folded_subject == *name && is_new {
                signers.extend(self.vouched_for(beside, issuers)?);
            }
        }
        for signer in signers {
            self.spend(1)?;
            let finding = crl.look_up(certificate, &signer, self.request);
            if let Some(finding) = finding.filter(|it| !is_of_other_key(it)) {
                return finding.map(Some);
            }
        }
        Ok(None)
    }

    /// The signer of CRLs that this certificate of an authority's name makes, if the authority
    /// itself or one above it issued it for that: it then leads to the same anchor, as RFC 5280,
    /// section 6.3.3 (f) demands. One below could otherwise speak for those above it.
    fn vouched_for<'a>(
        &mut self,
        signer: &'a Certificate<'a>,
        issuers: &[Issuer<'_>],
    ) -> Result<Option<Issuer<'a>>, Problem> {
        let request = self.request;
        let signs_crls = signer.key_usage.map_or(signer.is_ca, |usage| usage.crl_sign());
        if !signs_crls || checks::issued(signer, request.now.into()).is_err() {
            return Ok(None);
        }
        for issuer in issuers.iter().filter(|it| it.folded_subject == signer.folded_issuer) {
            let crls =
                request.revocation.crls.iter().filter(|crl| crl.is_by(issuer.folded_subject));
            self.spend(crls.count().saturating_add(1))?;
            if issuer.issued(signer, request) {
                let is_revoked = issuer.revocation_of(signer, request).is_some();
                return Ok((!is_revoked).then(|| Issuer::new(signer)));
            }
        }
        Ok(None)
    }

    /// Takes signatures off what is left of their limit.
    fn spend(&mut self, signatures: usize) -> Result<(), Problem> {
        let exceeded = || self.request.limits.exceeded(Limit::SignatureChecks);
        *self.left = self.left.checked_sub(signatures).ok_or_else(exceeded)?;
        Ok(())
    }
}

/// What the evidence says of a certificate, one piece after the other.
#[derive(Default)]
struct Said {
    /// For which reasons the certificate is not revoked.
    cleared: Reasons,
    /// The newest CRL by which it is held, and from when that is.
    hold: Option<(Timestamp, Problem)>,
    /// Of when the newest CRL is by which it is not held.
    released: Option<Timestamp>,
    /// Why the first that does not count does not.
    unusable: Option<Problem>,
}

impl Said {
    /// Adds a finding, and of when it is if it is a CRL's. What no other can change is an error.
    fn add(&mut self, finding: Finding, crl: Option<Timestamp>) -> Result<(), Problem> {
        match (finding, crl) {
            (Ok(reasons), crl) => {
                self.cleared |= reasons;
                if reasons & HOLD != 0 {
                    self.released = self.released.max(crl);
                }
            }
            (Err(problem), Some(since)) if is_hold(&problem) => {
                if self.hold.as_ref().is_none_or(|(newest, _)| *newest < since) {
                    self.hold = Some((since, problem));
                }
            }
            (Err(decisive @ (Problem::Revoked { .. } | Problem::LimitExceeded { .. })), _) => {
                return Err(decisive);
            }
            (Err(problem), _) => self.unusable = self.unusable.take().or(Some(problem)),
        }
        Ok(())
    }

    /// For which reasons the certificate is not revoked, if it is not held.
    fn verdict(&mut self) -> Finding {
        match self.hold.take() {
            Some((since, problem)) if self.released.is_none_or(|released| released <= since) => {
                Err(problem)
            }
            _ => Ok(self.cleared),
        }
    }
}

fn is_hold(problem: &Problem) -> bool {
    matches!(problem, Problem::Revoked { reason: RevocationReason::CERTIFICATE_HOLD, .. })
}

/// The issuer of this evidence is not known.
fn unknown_issuer(evidence: Evidence, certificate: &Certificate<'_>) -> Problem {
    EvidenceError::UnknownIssuer { evidence, issuer: certificate.issuer_label() }.into()
}

impl Issuer<'_> {
    /// Whether it issued the certificate: the name and the signature.
    fn issued(&self, certificate: &Certificate<'_>, request: &ChainRequest<'_>) -> bool {
        certificate.folded_issuer == self.folded_subject
            && certificate.signed.verify(self.key, request.algorithms).is_ok()
    }

    /// That it has taken the certificate back, if one of its CRLs says so.
    fn revocation_of(
        &self,
        certificate: &Certificate<'_>,
        request: &ChainRequest<'_>,
    ) -> Option<Problem> {
        let crls = request.revocation.crls.iter();
        let findings = crls.filter_map(|crl| crl.look_up(certificate, self, request));
        findings.filter_map(Result::err).find(|it| matches!(it, Problem::Revoked { .. }))
    }

    /// Verifies the signature of a CRL or a response.
    fn verify(
        &self,
        evidence: Evidence,
        signed: Signed<'_>,
        request: &ChainRequest<'_>,
    ) -> Result<(), EvidenceError> {
        signed.verify(self.key, request.algorithms).map_err(|error| match error {
            SignatureError::Invalid => {
                EvidenceError::BadSignature { evidence, signer: self.label() }
            }
            SignatureError::UnsupportedKey => {
                let algorithm = signature::describe(signed.algorithm);
                EvidenceError::UnsupportedAlgorithm { evidence, algorithm }
            }
        })
    }
}

fn is_of_other_key(finding: &Finding) -> bool {
    use EvidenceError::{BadSignature, MayNotSignCrls, UnsupportedAlgorithm};
    let Err(Problem::RevocationEvidence(error)) = finding else { return false };
    matches!(error, BadSignature { .. } | UnsupportedAlgorithm { .. } | MayNotSignCrls(_))
}

/// Whether the certificate has the TLS feature `status_request` (RFC 7633), which no one can deny
/// who cannot read the extension.
fn demands_staple(certificate: &Certificate<'_>) -> bool {
    certificate.extension(oid::TLS_FEATURE).is_some_and(|it| {
        let features = der::list(it.value);
        features.is_none_or(|all| all.iter().any(|feature| feature.contents == STATUS_REQUEST))
    })
}

/// How much of a critical extension is understood here.
pub(super) fn understanding(extension: Extension<'_>) -> Understanding {
    let value = extension.value;
    match extension.oid {
        oid::CRL_DISTRIBUTION_POINTS if distribution_point::are_well_formed(value) => {
            Understanding::Whole
        }
        oid::OCSP_NO_CHECK if value == der::NULL => Understanding::Whole,
        oid::CRL_DISTRIBUTION_POINTS | oid::OCSP_NO_CHECK => Understanding::Malformed,
        oid::TLS_FEATURE => tls_features(value),
        _ => Understanding::Nothing,
    }
}

fn tls_features(value: &[u8]) -> Understanding {
    let Some(features) = der::list(value) else { return Understanding::Malformed };
    match features.iter().find(|it| it.contents != STATUS_REQUEST) {
        Some(it) => Understanding::AllBut(format!("the feature 0x{}", hex::encode(it.contents))),
        None => Understanding::Whole,
    }
}

/// Evidence that clears a certificate must be of its time, give or take these seconds.
fn check_freshness(
    evidence: Evidence,
    this_update: Timestamp,
    next_update: Option<Timestamp>,
    now: Timestamp,
    skew: i64,
) -> Result<(), EvidenceError> {
    if this_update.0 > now.0.saturating_add(skew) {
        return Err(EvidenceError::NotYetValid { evidence, this_update, now });
    }
    match next_update {
        None => Err(EvidenceError::NoNextUpdate(evidence)),
        Some(next_update) if next_update.0 < now.0.saturating_sub(skew) => {
            Err(EvidenceError::Stale { evidence, next_update, now })
        }
        Some(_) => Ok(()),
    }
}

/// The certificate with this serial number is revoked.
fn revoked(
    serial: &[u8],
    date: Timestamp,
    reason: Option<RevocationReason>,
    evidence: Evidence,
) -> Problem {
    let serial = printable(&hex::encode(serial.strip_prefix(&[0]).unwrap_or(serial)));
    let reason = reason.unwrap_or(RevocationReason::UNSPECIFIED);
    Problem::Revoked { serial, date, reason, evidence }
}

impl From<EvidenceError> for Problem {
    fn from(error: EvidenceError) -> Self {
        Self::RevocationEvidence(error)
    }
}

impl From<MissingEvidence> for Problem {
    fn from(missing: MissingEvidence) -> Self {
        Self::RevocationUnknown(missing)
    }
}
