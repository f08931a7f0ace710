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
use super::error::{CertificateError, Limit, Problem, Timestamp, printable};
use super::request::{ChainRequest, Purpose};
use super::signature::PublicKey;
use super::{der, distinguished_name};
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
#[derive(Clone, Copy)]
struct Issuer<'a> {
    /// Contents of the Name.
    subject: &'a [u8],
    /// In the form that is compared.
    name: &'a [u8],
    key: PublicKey<'a>,
    signs_crls: bool,
}

impl<'a> Issuer<'a> {
    fn new(certificate: &'a Certificate<'a>) -> Self {
        let signs_crls = checks::may_sign_crls(certificate.key_usage);
        let name = &certificate.folded_subject;
        Self { subject: certificate.subject, name, key: certificate.key, signs_crls }
    }

    fn label(&self) -> String {
        distinguished_name::describe(self.subject)
    }

    /// The anchor that issued the last certificate of a path. `None` never happens: its key was read
    /// when it was added.
    fn anchor(anchor: &'a Anchor, last: &'a Certificate<'_>) -> Option<Self> {
        let Anchor { ref subject, signs_crls, .. } = *anchor;
        Some(Self { subject, name: &last.folded_issuer, key: anchor.key()?, signs_crls })
    }
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
    let issuers = issuers.chain(path.last().and_then(|last| Issuer::anchor(anchor, last)));
    let issuers: Vec<_> = issuers.collect();
    // The peer speaks for its own certificate alone.
    let mut staple = request.revocation.status_request;
    for (index, certificate) in path.iter().enumerate().take(checked) {
        let issuers = issuers.get(index..).unwrap_or_default();
        check_one(certificate, issuers, staple.take(), bag, left, request)
            .map_err(|problem| certificate.error(problem))?;
    }
    Ok(())
}

/// Judges a certificate by what its issuer says, the first of `issuers`; the others are those above.
fn check_one(
    certificate: &Certificate<'_>,
    issuers: &[Issuer<'_>],
    staple: Option<StatusRequest<'_>>,
    bag: &Bag<'_>,
    left: &mut usize,
    request: &ChainRequest<'_>,
) -> Result<(), Problem> {
    let Some(issuer) = issuers.first() else { return Ok(()) };
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
    let listed =
        crls.iter().filter_map(|crl| look_up(crl, certificate, issuers, bag, left, request));
    for finding in stapled.into_iter().chain(listed) {
        match finding {
            Ok(reasons) => cleared |= reasons,
            Err(decisive @ (Problem::Revoked { .. } | Problem::LimitExceeded { .. })) => {
                return Err(decisive);
            }
            Err(problem) => unusable = unusable.or(Some(problem)),
        }
    }
    match unusable {
        _ if cleared == ALL_REASONS && !(must_staple && staple_failed) => Ok(()),
        Some(problem) => Err(problem),
        None if policy.mode == RevocationMode::Require => {
            Err(MissingEvidence::Nothing(issuer.label()).into())
        }
        None => Ok(()),
    }
}

/// What a CRL says of a certificate; `None` if it is not for it. An authority may sign its CRLs with
/// another key than its certificates, or have been given a new key since: that one is then on the
/// path as well, or in a certificate of the authority's name that came with it.
fn look_up(
    crl: &CertificateRevocationList,
    certificate: &Certificate<'_>,
    issuers: &[Issuer<'_>],
    bag: &Bag<'_>,
    left: &mut usize,
    request: &ChainRequest<'_>,
) -> Option<Finding> {
    let (issuer, above) = issuers.split_first()?;
    let first = crl.look_up(certificate, issuer, request)?;
    if !is_of_other_key(&first) {
        return Some(first);
    }
    let on_path = above.iter().filter(|it| it.name == issuer.name).copied().map(Ok);
    let beside = bag.iter().map(|(_, it)| it).filter(|it| {
        it.folded_subject == issuer.name && issuers.iter().all(|known| known.key != it.key)
    });
    let beside = beside.filter_map(|it| vouched_for(it, issuers, left, request).transpose());
    let signers: Result<Vec<_>, _> = on_path.chain(beside).collect();
    let signers = match signers {
        Ok(signers) => signers,
        Err(limit) => return Some(Err(limit)),
    };
    for signer in signers {
        if let Err(limit) = spend(left, 1, request) {
            return Some(Err(limit));
        }
        let finding = crl.look_up(certificate, &signer, request)?;
        if !is_of_other_key(&finding) {
            return Some(finding);
        }
    }
    Some(first)
}

/// The signer of CRLs that this certificate of an authority's name makes, if the authority itself or
/// one above it issued it for that: it then leads to the same anchor, as RFC 5280, section 6.3.3 (f)
/// demands. One below could otherwise speak for those above it.
fn vouched_for<'a>(
    signer: &'a Certificate<'a>,
    issuers: &[Issuer<'_>],
    left: &mut usize,
    request: &ChainRequest<'_>,
) -> Result<Option<Issuer<'a>>, Problem> {
    let signs_crls = signer.key_usage.map_or(signer.is_ca, |usage| usage.crl_sign());
    if !signs_crls || checks::issued(signer, request.now.into()).is_err() {
        return Ok(None);
    }
    for issuer in issuers.iter().filter(|it| it.name == signer.folded_issuer) {
        let crls = request.revocation.crls.iter().filter(|crl| crl.is_by(issuer.name));
        spend(left, crls.clone().count().saturating_add(1), request)?;
        let Certificate { algorithm, tbs, signature, .. } = *signer;
        let algorithms = request.algorithms;
        if issuer.key.verify_certificate(algorithms, algorithm, tbs, signature).is_ok() {
            let mut findings = crls.map(|crl| crl.look_up(signer, issuer, request));
            let is_revoked = findings.any(|it| matches!(it, Some(Err(Problem::Revoked { .. }))));
            return Ok((!is_revoked).then(|| Issuer::new(signer)));
        }
    }
    Ok(None)
}

/// Takes signatures off what is left of their limit.
fn spend(left: &mut usize, signatures: usize, request: &ChainRequest<'_>) -> Result<(), Problem> {
    let exceeded = || request.limits.exceeded(Limit::SignatureChecks);
    *left = left.checked_sub(signatures).ok_or_else(exceeded)?;
    Ok(())
}

fn is_of_other_key(finding: &Finding) -> bool {
    use EvidenceError::{BadSignature, MayNotSignCrls, UnsupportedAlgorithm};
    let Err(Problem::RevocationEvidence(error)) = finding else { return false };
    matches!(error, BadSignature { .. } | UnsupportedAlgorithm { .. } | MayNotSignCrls(_))
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
