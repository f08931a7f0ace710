//! The checks of a path as a whole, and of its end entity for the request.

use super::anchors::Anchor;
use super::certificate::Certificate;
use super::error::{CertificateError, CertificateErrorKind};
use super::profile::{AnchorDates, Profile};
use super::request::ChainRequest;
use super::rules::Rule;
use super::signature::PublicKey;
use super::time::{Timestamp, Validity};
use super::{checks, policies};

/// Checks the end entity. If it is trusted itself, its issuer and its signature do not matter.
pub(super) fn end_entity(
    certificate: &Certificate<'_>,
    is_trusted: bool,
    request: &ChainRequest<'_>,
) -> Result<(), CertificateErrorKind> {
    let now = request.now.into();
    if is_trusted {
        checks::trusted(certificate, now)?;
    } else {
        checks::issued(certificate, now)?;
    }
    // The key signs handshakes (RFC 9846, section 4.5.1.2). The keyUsage of a CA is about what it
    // issues, and RFC 5280 demands no more of it. The handshake checks it before it verifies a
    // signature (`EndEntity::check_may_sign`).
    if !certificate.is_ca && !certificate.may_sign() {
        return Err(certificate.wrong_key_usage("digitalSignature"));
    }
    usable_key(certificate.key, request)?;
    if !certificate.is_ca {
        let constraints = &certificate.constraints.name_constraints;
        Rule::ConstraintsOfCas.check(constraints.is_none(), || "name constraints")?;
    }
    // A CA cannot verify a subject for "any" purpose, so anyExtendedKeyUsage does not count here.
    checks::extended_key_usage(certificate.constraints.extended_key_usage, request.purpose, false)
}

/// Checks that signatures can be verified with the key.
fn usable_key(key: PublicKey<'_>, request: &ChainRequest<'_>) -> Result<(), CertificateErrorKind> {
    let is_known = request.algorithms.iter().any(|it| key.is_of_kind(*it));
    let is_usable = is_known && !key.is_of_unusual_size();
    Rule::UsableKey.check(is_usable, || format!("a key for {}", key.describe()))?;
    Rule::ValidKey.unless(key.unusable().map(|reason| format!("another key: {reason}")))
}

/// Checks a path as a whole: the end entity first, and the anchor that issued the last certificate.
/// Without an anchor, the end entity is trusted itself.
pub(super) fn path(
    path: &[&Certificate<'_>],
    anchor: Option<&Anchor>,
    request: &ChainRequest<'_>,
) -> Result<(), CertificateError> {
    if let Some(end_entity) = path.first() {
        let are_valid = policies::are_valid(path, request.policies);
        Rule::Policies
            .check(are_valid, || "no policy that is valid along its path")
            .map_err(|kind| end_entity.error(kind))?;
    }
    if checks_anchor_dates(request) {
        dates_of_anchor(anchor, request.now.into())?;
    }
    Ok(())
}

fn checks_anchor_dates(request: &ChainRequest<'_>) -> bool {
    request.profile == Profile::Strict || request.anchor_dates == AnchorDates::Checked
}

/// When all certificates of a path are valid, and the anchor, where its dates count.
pub(super) fn validity(
    path: &[&Certificate<'_>],
    anchor: Option<&Anchor>,
    request: &ChainRequest<'_>,
) -> Validity {
    let mut validity = Validity::ALWAYS;
    for certificate in path {
        validity = validity.and(certificate.dates);
    }
    match anchor.and_then(|anchor| anchor.dates) {
        Some(dates) if checks_anchor_dates(request) => validity.and(dates),
        _ => validity,
    }
}

/// Checks the anchor's own dates, if it has any.
fn dates_of_anchor(anchor: Option<&Anchor>, now: Timestamp) -> Result<(), CertificateError> {
    let Some(anchor) = anchor else { return Ok(()) };
    let Some(dates) = anchor.dates else { return Ok(()) };
    checks::dates(dates, now)
        .map_err(|kind| CertificateError { certificate: anchor.label.clone(), kind })
}
