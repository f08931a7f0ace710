//! Revocation: has the issuer taken a certificate back?
//!
//! The evidence is what the caller has, CRLs (RFC 5280, sections 5 and 6.3) and the OCSP response
//! (RFC 6960) that the peer stapled; nothing is fetched. [`Revocation`] says what counts.

mod crl;
mod distribution_point;
mod error;
mod fields;
mod ocsp;

pub use crl::CertificateRevocationList;
pub use error::{CrlError, Evidence, EvidenceError, MissingEvidence, RevocationReason};

use super::anchors::Anchor;
use super::checks;
use super::decode::Certificate;
use super::der;
use super::error::{CertificateError, Problem, Timestamp, printable};
use super::request::{ChainRequest, Purpose};
use super::signature::PublicKey;
use distribution_point::{ALL_REASONS, Reasons};

const TLS_FEATURE: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 24];

/// The evidence of a validation, and how much of it there must be.
///
/// Evidence that is given always counts, unless the policy is [`RevocationMode::Off`]:
///
/// - A revocation is believed whenever it is signed by the right key, even if it is outdated.
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
    /// All but the trust anchor, which is trusted because it is.
    #[default]
    Chain,
}

/// Who issued a certificate, and so may take it back.
struct Issuer<'a> {
    label: &'a str,
    key: PublicKey<'a>,
    signs_crls: bool,
}

impl<'a> Issuer<'a> {
    fn new(certificate: &'a Certificate<'a>) -> Self {
        let signs_crls = checks::may_sign_crls(certificate.key_usage);
        Self { label: &certificate.label, key: certificate.key, signs_crls }
    }

    /// `None` never happens: the anchor's key was read when it was added.
    fn anchor(anchor: &'a Anchor) -> Option<Self> {
        let Anchor { ref label, signs_crls, .. } = *anchor;
        Some(Self { label, key: anchor.key()?, signs_crls })
    }
}

/// What a piece of evidence says: for which reasons the certificate is not revoked; or else that it
/// is, or why it does not count.
type Finding = Result<Reasons, Problem>;

/// Holds a path to the policy: the end entity first, and the anchor that issued its last
/// certificate. All its signatures are known to be valid.
pub(super) fn check(
    path: &[&Certificate<'_>],
    anchor: &Anchor,
    request: &ChainRequest<'_>,
) -> Result<(), CertificateError> {
    let RevocationPolicy { mode, scope } = request.revocation.policy;
    if mode == RevocationMode::Off {
        return Ok(());
    }
    let checked = match scope {
        RevocationScope::EndEntity => 1,
        RevocationScope::Chain => path.len(),
    };
    let issuers = path.iter().skip(1).map(|issuer| Issuer::new(issuer));
    let issuers: Vec<_> = issuers.chain(Issuer::anchor(anchor)).collect();
    // The peer speaks for its own certificate alone.
    let mut staple = request.revocation.status_request;
    for (index, (certificate, issuer)) in path.iter().zip(&issuers).enumerate().take(checked) {
        // An authority that handed its name over to another key may sign its CRLs with either; on
        // the path is the other one if the issuer's certificate is self-issued.
        let handed_over = path.get(index + 1).is_some_and(|issuer| issuer.is_self_issued());
        let other_key = issuers.get(index + 1).filter(|_| handed_over);
        check_one(certificate, issuer, other_key, staple.take(), request)
            .map_err(|problem| certificate.error(problem))?;
    }
    Ok(())
}

fn check_one(
    certificate: &Certificate<'_>,
    issuer: &Issuer<'_>,
    other_key: Option<&Issuer<'_>>,
    staple: Option<StatusRequest<'_>>,
    request: &ChainRequest<'_>,
) -> Result<(), Problem> {
    let Revocation { crls, policy, .. } = request.revocation;
    let must_staple =
        staple.is_some() && request.purpose == Purpose::Server && demands_staple(certificate);
    let stapled = match staple {
        Some(StatusRequest { response: Some(response), digests }) => {
            Some(ocsp::look_up(response, digests, certificate, issuer, request))
        }
        _ if must_staple => Some(Err(MissingEvidence::Staple.into())),
        _ => None,
    };
    let staple_failed = stapled.as_ref().is_some_and(Result::is_err);
    let mut cleared = 0;
    let mut unusable = None;
    let listed = crls.iter().filter_map(|crl| {
        let keys = [Some(issuer), other_key].into_iter().flatten();
        let mut findings = keys.filter_map(|key| crl.look_up(certificate, key, request));
        let first = findings.next()?;
        Some(if is_of_other_key(&first) { findings.next().unwrap_or(first) } else { first })
    });
    for finding in stapled.into_iter().chain(listed) {
        match finding {
            Ok(reasons) => cleared |= reasons,
            Err(revoked @ Problem::Revoked { .. }) => return Err(revoked),
            Err(problem) => unusable = unusable.or(Some(problem)),
        }
    }
    match unusable {
        _ if cleared == ALL_REASONS && !(must_staple && staple_failed) => Ok(()),
        Some(problem) => Err(problem),
        None if policy.mode == RevocationMode::Require => {
            Err(MissingEvidence::Nothing(issuer.label.to_owned()).into())
        }
        None => Ok(()),
    }
}

fn is_of_other_key(finding: &Finding) -> bool {
    matches!(finding, Err(Problem::RevocationEvidence(EvidenceError::BadSignature { .. })))
}

/// Whether the certificate has the TLS feature `status_request` (RFC 7633), which no one can deny
/// who cannot read the extension.
fn demands_staple(certificate: &Certificate<'_>) -> bool {
    const STATUS_REQUEST: &[u8] = &[5];
    certificate.extension(TLS_FEATURE).is_some_and(|it| {
        let features = der::only(it.value, der::SEQUENCE).and_then(der::elements);
        features.is_none_or(|all| all.iter().any(|feature| feature.contents == STATUS_REQUEST))
    })
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
    let serial = printable(&hex::encode(fields::magnitude(serial)));
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
