//! Revocation: has the issuer taken a certificate back?
//!
//! The evidence is what the caller has: CRLs (RFC 5280, sections 5 and 6.3). Nothing is fetched.
//! [`RevocationPolicy`] says how much must be known; evidence that is given always counts, unless
//! the policy is off:
//!
//! - A revocation is believed whenever it is signed by the right key, even if it is outdated.
//! - That a certificate is good is believed only if it is fresh, and said for all reasons.
//! - Evidence that is for the certificate and cannot be used is an error, because someone wanted
//!   it to count, unless other evidence clears the certificate.

mod crl;
mod distribution_point;
mod error;
mod fields;

pub use crl::CertificateRevocationList;
pub use error::{CrlError, Evidence, EvidenceError, MissingEvidence, RevocationReason};

use super::anchors::Anchor;
use super::decode::Certificate;
use super::der::{self, Reader};
use super::error::{CertificateError, Problem, Timestamp, printable};
use super::request::ChainRequest;
use super::signature::PublicKey;
use distribution_point::{ALL_REASONS, Reasons};
use fields::certificate_extension;

const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];

/// The evidence of a validation, and how much of it there must be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Revocation<'a> {
    /// The CRLs, of any issuers in any order: each is used for the certificates that it is for.
    pub crls: &'a [CertificateRevocationList],
    /// How much must be known.
    pub policy: RevocationPolicy,
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
        let Certificate { ref label, key, tbs, .. } = *certificate;
        Self { label, key, signs_crls: signs_crls(tbs) }
    }

    /// `None` never happens: the anchor's key was read when it was added.
    fn anchor(anchor: &'a Anchor) -> Option<Self> {
        let certificate = anchor.certificate.as_deref();
        let tbs = certificate.and_then(|it| Reader(der::only(it, der::SEQUENCE)?).next());
        let signs_crls = tbs.is_none_or(|tbs| signs_crls(tbs.whole));
        Some(Self { label: &anchor.label, key: anchor.key()?, signs_crls })
    }
}

/// A keyUsage that is there must allow to sign CRLs (RFC 5280, section 6.3.3 (f)).
fn signs_crls(tbs: &[u8]) -> bool {
    const CRL_SIGN: u16 = 1 << 6;
    certificate_extension(tbs, KEY_USAGE).is_none_or(|usage| {
        let bits = der::only(usage, der::BIT_STRING).and_then(fields::named_bits);
        bits.is_some_and(|bits| bits & CRL_SIGN != 0)
    })
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
    let issuers = path.iter().skip(1).map(|issuer| Some(Issuer::new(issuer)));
    let issuers = issuers.chain([Issuer::anchor(anchor)]);
    for (certificate, issuer) in path.iter().zip(issuers).take(checked) {
        let Some(issuer) = issuer else { continue };
        check_one(certificate, &issuer, request).map_err(|problem| certificate.error(problem))?;
    }
    Ok(())
}

fn check_one(
    certificate: &Certificate<'_>,
    issuer: &Issuer<'_>,
    request: &ChainRequest<'_>,
) -> Result<(), Problem> {
    let Revocation { crls, policy } = request.revocation;
    let mut cleared = 0;
    let mut unusable = None;
    for finding in crls.iter().filter_map(|crl| crl.look_up(certificate, issuer, request)) {
        match finding {
            Ok(reasons) => cleared |= reasons,
            Err(revoked @ Problem::Revoked { .. }) => return Err(revoked),
            Err(problem) => unusable = unusable.or(Some(problem)),
        }
    }
    match unusable {
        _ if cleared == ALL_REASONS => Ok(()),
        Some(problem) => Err(problem),
        None if policy.mode == RevocationMode::Require => {
            Err(MissingEvidence::Nothing(issuer.label.to_owned()).into())
        }
        None => Ok(()),
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
