//! Revocation: whether the issuer has revoked a certificate.
//!
//! The evidence comes from the caller: CRLs (RFC 5280, sections 5 and 6.3) and the OCSP response
//! that the peer stapled (RFC 6960). Nothing is fetched. [`Revocation`] says which evidence counts.

mod checker;
mod crl;
mod crl_scope;
mod crl_status;
mod distribution_point;
pub(super) mod extension;
mod ocsp;
pub(super) mod policy;
mod status;

pub use crl::CertificateRevocationList;
pub use policy::{
    Digests, Revocation, RevocationMode, RevocationPolicy, RevocationScope, StatusRequest,
};

use super::anchors::Anchor;
use super::certificate::Certificate;
use super::error::CertificateError;
use super::intermediate::Intermediate;
use super::issuer::Issuer;
use super::limits::Budget;
use super::request::ChainRequest;
use checker::RevocationChecker;

/// Checks the certificates of a path, the end entity first, up to the anchor that issued the last
/// one. All signatures of the path are known to be valid. To find out who signed the evidence, if it
/// was not the issuer, takes signatures off the `budget`.
pub(super) fn check(
    path: &[&Certificate<'_>],
    anchor: &Anchor,
    intermediates: &[Intermediate<'_>],
    budget: &mut Budget,
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
    let issuers: Vec<_> = above.chain([anchor.issuer()]).collect();
    let mut checker = RevocationChecker { intermediates, budget, request };
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
    let budget = &mut Budget::new(request.limits);
    let mut checker = RevocationChecker { intermediates: &intermediates, budget, request };
    let issuer = checker.issuer_of(certificate).map_err(|kind| certificate.error(kind))?;
    checker
        .check(certificate, issuer.as_slice(), request.revocation.status_request)
        .map_err(|kind| certificate.error(kind))
}
