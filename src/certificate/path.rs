//! Finds a path to a trust anchor, and validates it (RFC 5280, section 6; RFC 4158).
//!
//! A depth-first search from the end entity: whoever has the issuer's name and made the signature
//! is the issuer. Only a path that has reached an anchor is judged further, so that what an error
//! says of a certificate is true of one that somebody trustworthy issued.

use core::fmt;

use super::anchors::Anchor;
use super::checks;
use super::constraints::NameConstraints;
use super::decode::{Certificate, Scope};
use super::end_entity::{EndEntity, PLACE};
use super::error::{CertificateError, Limit, Problem, SignatureError, Timestamp};
use super::name;
use super::request::{ChainRequest, PathLimits};
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
/// is used up the search ends, with [`Problem::LimitExceeded`].
pub fn verify_chain(request: &ChainRequest<'_>) -> Result<VerifiedPath, CertificateError> {
    let end_entity = Certificate::decode(request.end_entity)
        .map_err(|reason| CertificateError::malformed(PLACE, reason))?;
    if request.intermediates.len() > request.limits.intermediates {
        let (limit, maximum) = (Limit::Intermediates, request.limits.intermediates);
        return Err(end_entity.error(Problem::LimitExceeded { limit, maximum }));
    }
    let is_anchor = request.anchors.contains(request.end_entity);
    let mut subjects = vec![end_entity.label.clone()];
    if !is_anchor {
        subjects.extend(Search::run(request, &end_entity)?);
    }
    // What no other path could change.
    checks::end_entity(&end_entity, request.purpose, request.now.into(), is_anchor)
        .and_then(|()| match name::missing(&end_entity.names, request.names) {
            Some(expected) => Err(name::mismatch(&end_entity.names, expected)),
            None => Ok(()),
        })
        .map_err(|problem| end_entity.error(problem))?;
    Ok(VerifiedPath { end_entity: EndEntity::from_decoded(&end_entity), subjects })
}

/// How close a path came that failed with this problem.
fn closeness(problem: &Problem) -> u8 {
    match problem {
        // There was nobody of the issuer's name.
        Problem::UnknownIssuer(_) | Problem::SelfIssued => 0,
        // There was an intermediate that did not parse, and that may have been the one.
        Problem::Malformed(_) => 1,
        // It went on for too long.
        Problem::LimitExceeded { .. } => 2,
        // There was somebody of the issuer's name, but it was not the issuer.
        Problem::BadSignature(_) | Problem::UnsupportedAlgorithm { .. } => 3,
        // It reached an anchor.
        _ => 4,
    }
}

struct Search<'s> {
    request: &'s ChainRequest<'s>,
    end_entity: &'s Certificate<'s>,
    /// What of the limits is left.
    left: PathLimits,
    /// The failure that came closest, the first of several.
    best: Option<CertificateError>,
}

impl<'s> Search<'s> {
    /// The subjects of the path that was found, without the end entity's.
    fn run(
        request: &'s ChainRequest<'s>,
        end_entity: &'s Certificate<'s>,
    ) -> Result<Vec<String>, CertificateError> {
        let mut search = Self { request, end_entity, left: request.limits, best: None };
        let mut bag = Vec::new();
        for (number, der) in (1..).zip(request.intermediates) {
            match Certificate::decode(der) {
                Ok(certificate) => bag.push(certificate),
                // One that does not parse issued nothing; the path may do without it.
                Err(reason) => {
                    let place = format!("intermediate {number}");
                    search.failed(CertificateError::malformed(place, reason));
                }
            }
        }
        let mut path = vec![end_entity];
        let Some(anchor) = search.extend(&mut path, &bag)? else {
            // Every path that ends notes why, except for one that comes back to itself.
            return Err(search.best.unwrap_or_else(|| unknown_issuer(end_entity)));
        };
        let labels = path.iter().skip(1).map(|certificate| &certificate.label);
        Ok(labels.chain([&anchor.label]).cloned().collect())
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
        for (anchor, scope) in self.request.anchors.issuers(last.issuer) {
            known = true;
            let Some(key) = anchor.key() else { continue };
            if !self.is_signed_by(last, key, &anchor.label)? {
                continue;
            }
            match self.validate(path, &anchor.label, scope) {
                Ok(()) => return Ok(Some(anchor)),
                Err(error) if matches!(error.problem, Problem::LimitExceeded { .. }) => {
                    return Err(error);
                }
                Err(error) => self.failed(error),
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
                self.failed(self.exceeded(Limit::Depth, self.request.limits.depth));
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
            self.failed(unknown_issuer(last));
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
        let Some(left) = self.left.signature_checks.checked_sub(1) else {
            return Err(self.exceeded(Limit::SignatureChecks, self.request.limits.signature_checks));
        };
        self.left.signature_checks = left;
        let Certificate { algorithm, tbs, signature, .. } = *certificate;
        let algorithms = self.request.algorithms;
        let problem = match key.verify_certificate(algorithms, algorithm, tbs, signature) {
            Ok(()) => return Ok(true),
            Err(SignatureError::Invalid) => Problem::BadSignature(issuer.to_owned()),
            Err(SignatureError::UnsupportedKey) => Problem::UnsupportedAlgorithm {
                signature: signature::describe(algorithm),
                key: signature::describe(key.algorithm),
            },
        };
        self.failed(certificate.error(problem));
        Ok(false)
    }

    /// Judges a path whose signatures all verify, except for what is the end entity's alone.
    fn validate(
        &mut self,
        path: &[&Certificate<'_>],
        anchor: &str,
        scope: &Scope,
    ) -> Result<(), CertificateError> {
        let now = Timestamp::from(self.request.now);
        for (index, certificate) in path.iter().enumerate().skip(1) {
            checks::authority(certificate, now).map_err(|problem| certificate.error(problem))?;
            let (below, _) = path.split_at(index);
            self.check_scope(below, &certificate.label, &certificate.scope)?;
        }
        self.check_scope(path, anchor, scope)
    }

    /// Holds what is `below` an authority, the end entity first, to what the authority may issue.
    fn check_scope(
        &mut self,
        below: &[&Certificate<'_>],
        authority: &str,
        scope: &Scope,
    ) -> Result<(), CertificateError> {
        let error = |problem| CertificateError { certificate: authority.to_owned(), problem };
        // Self-issued intermediates only hand a name over to another key: they do not count for the
        // length (RFC 5280, section 4.2.1.9), and no constraint holds for their names (section
        // 6.1.3 (b) and (c)).
        let (end_entity, intermediates) = below.split_at(below.len().min(1));
        let intermediates = intermediates.iter().filter(|it| !it.is_self_issued());
        checks::path_length(scope.path_length, intermediates.clone().count()).map_err(error)?;
        checks::extended_key_usage(scope.extended_key_usage, self.request.purpose, true)
            .map_err(error)?;
        let Some(constraints) = &scope.name_constraints else {
            return Ok(());
        };
        let constraints = NameConstraints::decode(constraints)
            .ok_or_else(|| error(Problem::UnsupportedConstraint))?;
        for certificate in end_entity.iter().chain(intermediates) {
            let cost = certificate.names.len().saturating_mul(constraints.len());
            let Some(left) = self.left.name_comparisons.checked_sub(cost) else {
                let maximum = self.request.limits.name_comparisons;
                return Err(self.exceeded(Limit::NameComparisons, maximum));
            };
            self.left.name_comparisons = left;
            if let Some(name) = certificate.names.iter().find(|name| !constraints.allow(name)) {
                return Err(certificate.error(Problem::NameNotPermitted {
                    name: name.printable(),
                    authority: authority.to_owned(),
                }));
            }
        }
        Ok(())
    }

    fn failed(&mut self, error: CertificateError) {
        let new = closeness(&error.problem);
        if self.best.as_ref().is_none_or(|best| new > closeness(&best.problem)) {
            self.best = Some(error);
        }
    }

    fn exceeded(&self, limit: Limit, maximum: usize) -> CertificateError {
        self.end_entity.error(Problem::LimitExceeded { limit, maximum })
    }
}

fn unknown_issuer(certificate: &Certificate<'_>) -> CertificateError {
    certificate.error(if certificate.is_self_issued() {
        Problem::SelfIssued
    } else {
        Problem::UnknownIssuer(certificate.issuer_label.clone())
    })
}
