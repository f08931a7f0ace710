//! Finds a path to a trust anchor, and validates it (RFC 5280, section 6; RFC 4158).
//!
//! A depth-first search from the end entity: whoever has the issuer's name and made the signature
//! is the issuer. Only a path that has reached an anchor is judged further, so that what an error
//! says of a certificate is true of one that somebody trustworthy issued.

use core::fmt;

use super::anchors::Anchor;
use super::checks;
use super::constraints::NameConstraints;
use super::decode::Certificate;
use super::end_entity::{self, EndEntity};
use super::error::{CertificateError, Limit, SignatureError, Timestamp};
use super::name;
use super::request::ChainRequest;
use super::signature::{self, PublicKey};

/// A path that was found and is valid.
#[derive(Clone, Debug)]
pub struct VerifiedPath {
    /// The peer's certificate.
    pub end_entity: EndEntity,
    /// The subjects from the end entity's to the anchor's, safe to print. There is only one if the
    /// end entity is itself an anchor.
    pub subjects: Vec<String>,
}

impl fmt::Display for VerifiedPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.subjects.join(" <- "))
    }
}

/// Validates a peer's certificate: finds a path from it to a trust anchor, on which everyone may
/// issue what they issued, and everything is valid now; then matches its names.
///
/// A certificate that is itself among the anchors, byte for byte, is its own path: it was trusted
/// on purpose. Its dates, usages and names must hold all the same.
///
/// # Errors
///
/// If several paths fail, the error is of the one that came closest: to have reached an anchor
/// beats a signature that does not verify, and that beats an issuer that is not known. When a limit
/// is used up the search ends, with [`CertificateError::LimitExceeded`].
pub fn verify_chain(request: &ChainRequest<'_>) -> Result<VerifiedPath, CertificateError> {
    let limits = request.limits;
    if request.intermediates.len() > limits.intermediates {
        return Err(exceeded(Limit::Intermediates, limits.intermediates));
    }
    let end_entity = Certificate::decode(request.end_entity).map_err(end_entity::malformed)?;
    if request.anchors.contains(request.end_entity) {
        check_end_entity(&end_entity, request, true)?;
        return Ok(VerifiedPath {
            end_entity: EndEntity::from_decoded(&end_entity),
            subjects: vec![end_entity.label],
        });
    }

    let mut search = Search {
        request,
        now: request.now.into(),
        signature_checks: limits.signature_checks,
        name_comparisons: limits.name_comparisons,
        best: None,
    };
    let bag = search.decode_intermediates();
    let mut path = vec![&end_entity];
    let Some(anchor) = search.extend(&mut path, &bag)? else {
        return Err(search.into_error(&end_entity));
    };
    check_end_entity(&end_entity, request, false)?;
    let subjects = path.iter().map(|certificate| certificate.label.clone());
    Ok(VerifiedPath {
        end_entity: EndEntity::from_decoded(&end_entity),
        subjects: subjects.chain([anchor.label.clone()]).collect(),
    })
}

/// What no other path could change.
fn check_end_entity(
    certificate: &Certificate<'_>,
    request: &ChainRequest<'_>,
    is_anchor: bool,
) -> Result<(), CertificateError> {
    checks::end_entity(certificate, request.purpose, request.now.into(), is_anchor)?;
    match request.name {
        Some(expected) if !name::valid_for(&certificate.names, expected) => {
            Err(name::mismatch(&certificate.label, &certificate.names, expected))
        }
        _ => Ok(()),
    }
}

/// How close a failed path came.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Progress {
    /// There was nobody of the issuer's name.
    UnknownIssuer,
    /// There was an intermediate that did not parse, and that may have been the one.
    Malformed,
    /// It went on for too long.
    TooLong,
    /// There was somebody of the issuer's name, but it was not the issuer.
    NotSigned,
    /// It reached an anchor.
    Anchored,
}

struct Search<'s> {
    request: &'s ChainRequest<'s>,
    now: Timestamp,
    /// How many more signatures may be verified.
    signature_checks: usize,
    /// How many more times a name may be compared with a constraint.
    name_comparisons: usize,
    /// The failure that came closest, the first of several.
    best: Option<(Progress, CertificateError)>,
}

impl<'s> Search<'s> {
    /// One that does not parse issued nothing; the path may do without it.
    fn decode_intermediates(&mut self) -> Vec<Certificate<'s>> {
        let mut bag = Vec::new();
        for (number, der) in (1..).zip(self.request.intermediates) {
            match Certificate::decode(der) {
                Ok(certificate) => bag.push(certificate),
                Err(reason) => self.failed(
                    Progress::Malformed,
                    CertificateError::Malformed {
                        certificate: format!("intermediate {number}"),
                        reason: reason.to_owned(),
                    },
                ),
            }
        }
        bag
    }

    /// Extends `path`, which starts at the end entity, until an anchor issued its last certificate.
    /// An error is final; a path that leads nowhere is `None`, and leaves `path` as it was.
    ///
    /// The recursion is as deep as the path, which has no more certificates than `bag`.
    fn extend<'p>(
        &mut self,
        path: &mut Vec<&'p Certificate<'p>>,
        bag: &'p [Certificate<'p>],
    ) -> Result<Option<&'s Anchor>, CertificateError> {
        let Some(&last) = path.last() else {
            return Ok(None);
        };
        let mut known = false;
        for anchor in self.request.anchors.with_subject(last.issuer) {
            known = true;
            let Some(key) = anchor.key() else { continue };
            if !self.is_signed_by(last, key, &anchor.label)? {
                continue;
            }
            match self.validate(path, anchor) {
                Ok(()) => return Ok(Some(anchor)),
                Err(error @ CertificateError::LimitExceeded { .. }) => return Err(error),
                Err(error) => self.failed(Progress::Anchored, error),
            }
        }
        for candidate in bag.iter().filter(|it| it.subject == last.issuer) {
            // Nobody twice: that leads in circles (RFC 4158, section 2.4.1).
            if path.iter().any(|it| it.subject == candidate.subject && it.spki == candidate.spki) {
                continue;
            }
            known = true;
            // The path has the end entity and its intermediates.
            if path.len() > self.request.limits.depth {
                let error = exceeded(Limit::Depth, self.request.limits.depth);
                self.failed(Progress::TooLong, error);
                break;
            }
            if !self.is_signed_by(last, candidate.key, &candidate.label)? {
                continue;
            }
            path.push(candidate);
            if let Some(anchor) = self.extend(path, bag)? {
                return Ok(Some(anchor));
            }
            path.pop();
        }
        if !known {
            self.failed(Progress::UnknownIssuer, unknown_issuer(last));
        }
        Ok(None)
    }

    /// Whether this key signed the certificate. An error is final.
    fn is_signed_by(
        &mut self,
        certificate: &Certificate<'_>,
        key: PublicKey<'_>,
        issuer: &str,
    ) -> Result<bool, CertificateError> {
        let Some(left) = self.signature_checks.checked_sub(1) else {
            let maximum = self.request.limits.signature_checks;
            return Err(exceeded(Limit::SignatureChecks, maximum));
        };
        self.signature_checks = left;
        let verified = key.verify_certificate(
            self.request.algorithms,
            certificate.algorithm,
            certificate.tbs,
            certificate.signature,
        );
        let error = match verified {
            Ok(()) => return Ok(true),
            Err(SignatureError::Invalid) => CertificateError::BadSignature {
                certificate: certificate.label.clone(),
                issuer: issuer.to_owned(),
            },
            Err(SignatureError::UnsupportedKey) => CertificateError::UnsupportedAlgorithm {
                certificate: certificate.label.clone(),
                signature_algorithm: signature::describe(certificate.algorithm),
                key_algorithm: signature::describe(key.algorithm),
            },
        };
        self.failed(Progress::NotSigned, error);
        Ok(false)
    }

    /// Judges a path whose signatures all verify, except for what is the end entity's alone.
    fn validate(
        &mut self,
        path: &[&Certificate<'_>],
        anchor: &Anchor,
    ) -> Result<(), CertificateError> {
        let purpose = self.request.purpose;
        // How many intermediates are below, without the self-issued ones, which only hand a name
        // over to another key (RFC 5280, section 4.2.1.9).
        let mut below = 0;
        for (index, certificate) in path.iter().enumerate().skip(1) {
            checks::authority(certificate, purpose, self.now, below)?;
            if let Some(constraints) = certificate.name_constraints {
                self.check_names(path.iter().take(index), constraints, &certificate.label)?;
            }
            if !certificate.is_self_issued() {
                below += 1;
            }
        }
        checks::path_length(&anchor.label, anchor.path_length, below)?;
        checks::extended_key_usage(&anchor.label, anchor.extended_key_usage, purpose, true)?;
        match &anchor.name_constraints {
            Some(constraints) => self.check_names(path.iter(), constraints, &anchor.label),
            None => Ok(()),
        }
    }

    /// Holds every certificate below `authority`, the end entity first, to its constraints.
    fn check_names<'p>(
        &mut self,
        below: impl Iterator<Item = &'p &'p Certificate<'p>>,
        constraints: &[u8],
        authority: &str,
    ) -> Result<(), CertificateError> {
        let constraints = NameConstraints::decode(constraints).ok_or_else(|| {
            CertificateError::UnsupportedConstraint { certificate: authority.to_owned() }
        })?;
        for (index, certificate) in below.enumerate() {
            // RFC 5280, section 6.1.3 (b) and (c): self-issued ones are free, unless they end the path.
            if index > 0 && certificate.is_self_issued() {
                continue;
            }
            let left = &mut self.name_comparisons;
            checks::names_within(certificate, &constraints, authority, left).unwrap_or_else(
                || {
                    let maximum = self.request.limits.name_comparisons;
                    Err(exceeded(Limit::NameComparisons, maximum))
                },
            )?;
        }
        Ok(())
    }

    fn failed(&mut self, progress: Progress, error: CertificateError) {
        if self.best.as_ref().is_none_or(|(best, _)| progress > *best) {
            self.best = Some((progress, error));
        }
    }

    fn into_error(self, end_entity: &Certificate<'_>) -> CertificateError {
        // Every path that ends notes why, except for one that comes back to itself.
        self.best.map_or_else(|| unknown_issuer(end_entity), |(_, error)| error)
    }
}

fn unknown_issuer(certificate: &Certificate<'_>) -> CertificateError {
    CertificateError::UnknownIssuer {
        certificate: certificate.label.clone(),
        issuer: certificate.issuer_label.clone(),
    }
}

fn exceeded(limit: Limit, maximum: usize) -> CertificateError {
    CertificateError::LimitExceeded { limit, maximum }
}
