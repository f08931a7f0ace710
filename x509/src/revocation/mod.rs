//! Revocation: has the issuer taken a certificate back?
//!
//! The evidence is what the caller has, CRLs (RFC 5280, sections 5 and 6.3) and the OCSP response
//! (RFC 6960) that the peer stapled; nothing is fetched. [`Revocation`] says what counts.

mod checker;
mod crl;
mod distribution_point;
mod error;
mod ocsp;
mod status;

pub use crl::CertificateRevocationList;
pub use error::{
    CrlError, RevocationEvidence, RevocationEvidenceError, RevocationReason,
    UnknownRevocationStatus,
};

use super::anchors::Anchor;
use super::decode::{Certificate, Extension, ExtensionSupport};
use super::der;
use super::error::{CertificateError, CertificateErrorKind, Limit, SignatureError};
use super::intermediate::Intermediate;
use super::issuer::Issuer;
use super::oid;
use super::request::ChainRequest;
use super::signature::{self, Signed};
use super::time::Timestamp;
use checker::RevocationChecker;

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

    /// Whether revocation has to be checked.
    fn is_checked(&self) -> bool {
        match self.policy.mode {
            RevocationMode::Off => false,
            RevocationMode::IfPresent => !self.is_empty(),
            RevocationMode::Require => true,
        }
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

/// Checks the certificates of a path, the end entity first, up to the anchor that issued the last
/// one. All signatures of the path are known to be valid. `signatures_left` is how many signatures
/// may still be verified to find out who signed the evidence, if it was not the issuer.
pub(super) fn check(
    path: &[&Certificate<'_>],
    anchor: &Anchor,
    intermediates: &[Intermediate<'_>],
    signatures_left: &mut usize,
    request: &ChainRequest<'_>,
) -> Result<(), CertificateError> {
    let revocation = request.revocation;
    if !revocation.is_checked() {
        return Ok(());
    }
    let checked = match revocation.policy.scope {
        RevocationScope::EndEntity => 1,
        RevocationScope::Chain => path.len(),
    };
    let above = path.iter().skip(1).map(|issuer| Issuer::new(issuer));
    let issuers: Vec<_> = above.chain([Issuer::anchor(anchor)]).collect();
    let mut checker = RevocationChecker { intermediates, signatures_left, request };
    // The peer staples a response for its own certificate only.
    let mut staple = revocation.status_request;
    for (index, certificate) in path.iter().enumerate().take(checked) {
        let issuers = issuers.get(index..).unwrap_or_default();
        checker
            .check(certificate, issuers, staple.take())
            .map_err(|kind| certificate.error(kind))?;
    }
    Ok(())
}

/// Checks a peer's certificate that is an anchor itself and needs no path. Its issuer may have
/// revoked it all the same. The issuer is another anchor or an intermediate whose key signed it. If
/// there is none and the certificate is self-issued, it is its own issuer.
pub(super) fn check_trusted(
    certificate: &Certificate<'_>,
    request: &ChainRequest<'_>,
) -> Result<(), CertificateError> {
    if !request.revocation.is_checked() {
        return Ok(());
    }
    let mut intermediates = Vec::new();
    for (number, der) in (1..).zip(request.intermediates) {
        if let Ok(certificate) = Certificate::decode(der) {
            intermediates.push(Intermediate { number, certificate });
        }
    }
    let mut limits = request.limits;
    let signatures_left = limits.of(Limit::SignatureChecks);
    let mut checker = RevocationChecker { intermediates: &intermediates, signatures_left, request };
    let issuer = checker.issuer_of(certificate).map_err(|kind| certificate.error(kind))?;
    checker
        .check(certificate, issuer.as_slice(), request.revocation.status_request)
        .map_err(|kind| certificate.error(kind))
}

/// Verifies the signature of a CRL or an OCSP response with the key of its signer.
fn verify_signature(
    evidence: RevocationEvidence,
    signed: Signed<'_>,
    signer: &Issuer<'_>,
    request: &ChainRequest<'_>,
) -> Result<(), RevocationEvidenceError> {
    signed.verify(signer.key, request.algorithms).map_err(|error| match error {
        SignatureError::Invalid => {
            RevocationEvidenceError::BadSignature { evidence, signer: signer.label() }
        }
        SignatureError::UnsupportedKey => {
            let algorithm = signature::describe(signed.algorithm);
            RevocationEvidenceError::UnsupportedSignatureAlgorithm { evidence, algorithm }
        }
    })
}

/// How much of a critical extension is understood here.
pub(super) fn support(extension: Extension<'_>) -> ExtensionSupport {
    let value = extension.value;
    match extension.oid {
        oid::CRL_DISTRIBUTION_POINTS if distribution_point::are_well_formed(value) => {
            ExtensionSupport::Full
        }
        oid::OCSP_NO_CHECK if value == der::NULL => ExtensionSupport::Full,
        oid::CRL_DISTRIBUTION_POINTS | oid::OCSP_NO_CHECK => ExtensionSupport::Malformed,
        oid::TLS_FEATURE => tls_features(value),
        _ => ExtensionSupport::None,
    }
}

fn tls_features(value: &[u8]) -> ExtensionSupport {
    let Some(features) = der::list(value) else { return ExtensionSupport::Malformed };
    match features.iter().find(|it| it.contents != STATUS_REQUEST) {
        Some(it) => ExtensionSupport::AllBut(format!("the feature 0x{}", hex::encode(it.contents))),
        None => ExtensionSupport::Full,
    }
}

/// Checks that evidence by which a certificate is good is current. The clocks of its signer and
/// of this machine may differ by `skew` seconds.
fn check_freshness(
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

impl From<RevocationEvidenceError> for CertificateErrorKind {
    fn from(error: RevocationEvidenceError) -> Self {
        Self::UnusableRevocationEvidence(error)
    }
}

impl From<UnknownRevocationStatus> for CertificateErrorKind {
    fn from(missing: UnknownRevocationStatus) -> Self {
        Self::UnknownRevocationStatus(missing)
    }
}
