//! The strict profile for a whole path.

use super::anchors::Anchor;
use super::certificate::Certificate;
use super::error::{CertificateError, CertificateErrorKind};
use super::issuer::Issuer;
use super::request::ChainRequest;
use super::{path_checks, strict};

/// Checks a path: the end entity first, and the anchor that issued the last certificate. Without an
/// anchor, the end entity is trusted itself.
pub(super) fn check(
    path: &[&Certificate<'_>],
    anchor: Option<&Anchor>,
    request: &ChainRequest<'_>,
) -> Result<(), CertificateError> {
    if let Some(certificate) = path.first() {
        // The rules of the default profile come first: what they find is worse.
        path_checks::end_entity(certificate, anchor.is_none(), request)
            .map_err(|kind| certificate.error(kind))?;
    }
    let Some(anchor) = anchor else {
        // It is trusted itself, so its serial number, its signature and its issuer do not count.
        return path.iter().try_for_each(|certificate| {
            strict::contents(certificate, true)
                .and_then(|()| strict::end_entity(certificate, request.purpose))
                .map_err(|kind| certificate.error(kind))
        });
    };
    let above = path.iter().skip(1).map(|issuer| Issuer::new(issuer));
    let issuers = above.chain([anchor.issuer()]);
    for (index, (certificate, issuer)) in path.iter().zip(issuers).enumerate() {
        strict::below_anchor(certificate, &issuer, index == 0, request.purpose)
            .map_err(|kind| certificate.error(kind))?;
    }
    check_anchor(anchor)
        .map_err(|kind| CertificateError { certificate: anchor.label.clone(), kind })
}

/// Checks the certificate of an anchor, if it has one, except for its dates.
fn check_anchor(anchor: &Anchor) -> Result<(), CertificateErrorKind> {
    let Some(der) = anchor.certificate() else { return Ok(()) };
    let certificate = Certificate::decode(der).map_err(CertificateErrorKind::Malformed)?;
    strict::anchor(&certificate)
}
