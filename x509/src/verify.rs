//! The validations that a caller can choose from. All of them search for a path: see [`path`](super::path).

use super::error::CertificateError;
use super::explain::{AttemptRecorder, Explanation, NoRecorder};
use super::path::{self, NamesAbove};
use super::profile::Profile;
use super::request::ChainRequest;
use super::requested_checks::{AllRequestedChecks, NoRequestedChecks};
use super::verified_path::{VerifiedEndEntity, VerifiedPath};

/// Validates a peer's certificate. It must have a path to a trust anchor on which each certificate
/// is valid now, and each authority may issue what it issued. It must be valid for the expected
/// names. (RFC 9846, sections 4.5.1 and 4.5.1.2.)
///
/// A certificate that is itself among the anchors, byte for byte, is its own path. It was trusted on
/// purpose, so its serial number, its signature and its issuer do not count. Its dates, its usages
/// and its names are checked, and it must not be revoked.
///
/// # Errors
///
/// If several paths fail, the error is that of the path that came closest to being valid: one that
/// reached an anchor, or else one whose last issuer did not make the signature, or else one whose
/// last issuer is not known. When a limit is used up, the search ends with
/// [`LimitExceeded`](crate::CertificateErrorKind::LimitExceeded), which contains the error of the first
/// path that had reached an anchor, if there was one. [`explain_chain`] returns all errors.
pub fn verify_chain(request: &ChainRequest<'_>) -> Result<VerifiedPath, CertificateError> {
    path::verify(request, &AllRequestedChecks, &mut NoRecorder, NamesAbove::Copied)
}

/// As [`verify_chain`], for callers that do not need the names of the path.
///
/// # Errors
///
/// As [`verify_chain`].
pub fn verify_end_entity(
    request: &ChainRequest<'_>,
) -> Result<VerifiedEndEntity, CertificateError> {
    let path = path::verify(request, &AllRequestedChecks, &mut NoRecorder, NamesAbove::LeftOut)?;
    Ok(path.into())
}

/// As [`verify_end_entity`], for a request of the default profile without evidence of revocation. A
/// program that calls nothing else does not contain the code of the strict profile, of OCSP and of CRLs.
///
/// # Errors
///
/// As [`verify_chain`]. A request that asks for more is refused with
/// [`CertificateErrorKind::Rejected`](super::CertificateErrorKind::Rejected).
pub fn verify_end_entity_by_default(
    request: &ChainRequest<'_>,
) -> Result<VerifiedEndEntity, CertificateError> {
    if request.profile != Profile::Default || request.revocation.is_checked() {
        let reason = "this validation checks neither the strict profile nor the revocation";
        return Err(CertificateError::rejected(reason));
    }
    let path = path::verify(request, &NoRequestedChecks, &mut NoRecorder, NamesAbove::LeftOut)?;
    Ok(path.into())
}

/// As [`verify_chain`], and returns each attempt of the search, for tools and for logs. The search is
/// the same, and tries nothing more.
pub fn explain_chain(request: &ChainRequest<'_>) -> Explanation {
    let mut recorder = AttemptRecorder::default();
    let result = path::verify(request, &AllRequestedChecks, &mut recorder, NamesAbove::Copied);
    recorder.explanation(result)
}
