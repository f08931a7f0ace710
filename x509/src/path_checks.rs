//! What a path must be as a whole, and what its end entity must be for the request.

use super::anchors::Anchor;
use super::certificate::Certificate;
use super::error::{CertificateError, CertificateErrorKind};
use super::issuer::Issuer;
use super::profile::{AnchorDates, Profile};
use super::request::ChainRequest;
use super::rules::Rule;
use super::signature::PublicKey;
use super::time::Timestamp;
use super::{checks, policies, strict};

/// What holds for the peer's certificate. Of one that is trusted itself it does not matter who
/// issued it, and how.
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
    // The key signs handshakes (RFC 9846, section 4.5.1.2). A CA's keyUsage speaks of what it
    // issues, and RFC 5280 asks nothing more of it; a handshake does, when it comes to a signature
    // (`EndEntity::check_may_sign`).
    if !certificate.is_ca && certificate.key_usage.is_some_and(|usage| !usage.digital_signature()) {
        return Err(CertificateErrorKind::WrongKeyUsage("digitalSignature"));
    }
    usable_key(certificate.key, request)?;
    if !certificate.is_ca {
        let constraints = &certificate.constraints.name_constraints;
        Rule::ConstraintsOfCas.check(constraints.is_none(), || "name constraints")?;
    }
    // "Any" is no purpose that a CA can have verified someone for.
    checks::extended_key_usage(certificate.constraints.extended_key_usage, request.purpose, false)
}

/// The peer's key must be one that a handshake can be verified with.
fn usable_key(key: PublicKey<'_>, request: &ChainRequest<'_>) -> Result<(), CertificateErrorKind> {
    let is_known = request.algorithms.iter().any(|it| key.is_of_kind(*it));
    let is_usable = is_known && !key.is_of_unusual_size();
    Rule::UsableKey.check(is_usable, || format!("a key for {}", key.describe()))?;
    Rule::ValidKey.unless(key.unusable().map(|reason| format!("another key: {reason}")))
}

/// What holds for a path as a whole: the end entity first, and the anchor that issued the last, if
/// that is not trusted itself.
pub(super) fn path(
    path: &[&Certificate<'_>],
    anchor: Option<&Anchor>,
    request: &ChainRequest<'_>,
) -> Result<(), CertificateError> {
    if let Some(end_entity) = path.first() {
        let hold = policies::hold(path, request.policies);
        Rule::Policies
            .check(hold, || "no policy that holds along its path")
            .map_err(|kind| end_entity.error(kind))?;
    }
    let is_strict = request.profile == Profile::Strict;
    if is_strict || request.anchor_dates == AnchorDates::Checked {
        dates_of_anchor(anchor, request.now.into())?;
    }
    match request.profile {
        Profile::Default => Ok(()),
        Profile::Strict => strict_path(path, anchor, request),
    }
}

/// The anchor's own dates, where it has some.
fn dates_of_anchor(anchor: Option<&Anchor>, now: Timestamp) -> Result<(), CertificateError> {
    let Some(anchor) = anchor else { return Ok(()) };
    let Some((from, until)) = anchor.dates else { return Ok(()) };
    checks::dates(from, until, now)
        .map_err(|kind| CertificateError { certificate: anchor.label.clone(), kind })
}

/// Checks a path by the strict profile: the end entity first, and the anchor that issued the last, if that is not trusted
/// itself.
fn strict_path(
    path: &[&Certificate<'_>],
    anchor: Option<&Anchor>,
    request: &ChainRequest<'_>,
) -> Result<(), CertificateError> {
    if let Some(certificate) = path.first() {
        // What is plainly wrong is said first.
        end_entity(certificate, anchor.is_none(), request)
            .map_err(|kind| certificate.error(kind))?;
    }
    let Some(anchor) = anchor else {
        // It is trusted itself: neither its serial number, nor its signature, nor its issuer counts.
        return path.iter().try_for_each(|certificate| {
            strict::every(certificate, true)
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
    let found = anchor.strict.clone();
    found.map_err(|kind| CertificateError { certificate: anchor.label.clone(), kind })
}
