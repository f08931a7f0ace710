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
use super::error::{CertificateError, Limit, NoAuthority, Problem, Timestamp};
use super::explain::{Explanation, Place, Recorder};
use super::issuer::Issuer;
use super::request::{ChainRequest, PathLimits};
use super::revocation;
use super::signature::PublicKey;
use super::{distinguished_name, name, unsupported};

/// A path that was found and is valid.
#[derive(Clone, Debug)]
pub struct VerifiedPath {
    /// The peer's certificate.
    pub end_entity: EndEntity,
    /// The contents of the Names above the end entity.
    above: Vec<Box<[u8]>>,
}

impl VerifiedPath {
    /// The subjects from the end entity's to the anchor's, safe to print. There is only one if the
    /// end entity is itself an anchor.
    pub fn subjects(&self) -> Vec<String> {
        let above = self.above.iter().map(|name| distinguished_name::describe(name));
        [self.end_entity.subject()].into_iter().chain(above).collect()
    }
}

impl fmt::Display for VerifiedPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.subjects().join(" <- "))
    }
}

/// Validates a peer's certificate: finds a path from it to a trust anchor, on which everyone may
/// issue what they issued, and everything is valid now; then matches its names.
///
/// A certificate that is itself among the anchors, byte for byte, is its own path: it was trusted
/// on purpose, so that its serial number, its signature and its issuer do not count. Its dates,
/// usages and names must hold all the same, and it must not be revoked.
///
/// # Errors
///
/// If several paths fail, the error is of the one that came closest: to have reached an anchor
/// beats a signature that does not verify, and that beats an issuer that is not known. When a limit
/// is used up the search ends with [`Problem::LimitExceeded`], in which is the error of the path that
/// had reached an anchor, if one had. [`explain_chain`] tells the rest.
pub fn verify_chain(request: &ChainRequest<'_>) -> Result<VerifiedPath, CertificateError> {
    verify(request, &mut Recorder::default())
}

/// As [`verify_chain`], with all that was tried on the way: for tools and for logs of what failed.
/// It is the same search, and tries no more.
pub fn explain_chain(request: &ChainRequest<'_>) -> Explanation {
    let mut recorder = Recorder::on();
    let verdict = verify(request, &mut recorder);
    recorder.explanation(verdict)
}

fn verify(
    request: &ChainRequest<'_>,
    recorder: &mut Recorder,
) -> Result<VerifiedPath, CertificateError> {
    let end_entity = Certificate::decode(request.end_entity)
        .map_err(|reason| CertificateError::malformed(PLACE, reason));
    let label = || end_entity.as_ref().map_or(PLACE.to_owned(), Certificate::label);
    let entry = recorder.begin(0, Place::EndEntity, label);
    let verdict = end_entity.and_then(|end_entity| path_of(request, &end_entity, recorder));
    recorder.end(entry, verdict.as_ref().err());
    verdict
}

fn path_of(
    request: &ChainRequest<'_>,
    end_entity: &Certificate<'_>,
    recorder: &mut Recorder,
) -> Result<VerifiedPath, CertificateError> {
    if request.intermediates.len() > request.limits.intermediates {
        return Err(end_entity.error(request.limits.exceeded(Limit::Intermediates)));
    }
    let is_anchor = request.anchors.contains(end_entity);
    let above = if is_anchor {
        checks::path(&[end_entity], None, request)?;
        revocation::check_trusted(end_entity, request)?;
        Vec::new()
    } else {
        Search::run(request, end_entity, recorder)?
    };
    // What no other path could change. The strict profile has asked it first, too.
    checks::end_entity(end_entity, is_anchor, request)
        .and_then(|()| name::check(&end_entity.names, request.names))
        .map_err(|problem| end_entity.error(problem))?;
    Ok(VerifiedPath { end_entity: EndEntity::from_decoded(end_entity), above })
}

/// How close a path came that failed with this problem.
fn closeness(problem: &Problem) -> u8 {
    match problem {
        // There was nobody of the issuer's name.
        Problem::UnknownIssuer(_)
        | Problem::IssuerWrittenOtherwise(_)
        | Problem::Circular(_)
        | Problem::SelfIssued => 0,
        // There was an intermediate that did not parse, and that may have been the one.
        Problem::Malformed(_) => 1,
        // It went on for too long.
        Problem::LimitExceeded { limit: Limit::Depth, .. } => 2,
        // There was somebody of the issuer's name, but it was not the issuer.
        Problem::BadSignature(_)
        | Problem::OtherKindOfKey { .. }
        | Problem::UnsupportedAlgorithm { .. } => 3,
        // The search did not look any further.
        Problem::LimitExceeded { .. } => 4,
        // It reached an anchor.
        _ => 5,
    }
}

/// Somebody with the name of an issuer.
#[derive(Clone, Copy)]
enum Candidate<'s> {
    Anchor(&'s Anchor, &'s Scope),
    Intermediate(&'s Certificate<'s>, usize),
    /// One that is trusted for itself alone: it issued nothing that counts.
    NoIssuer(&'s Anchor, NoAuthority),
}

impl<'s> Candidate<'s> {
    fn issuer(self) -> Issuer<'s> {
        match self {
            Self::Anchor(anchor, _) | Self::NoIssuer(anchor, _) => Issuer::anchor(anchor),
            Self::Intermediate(certificate, _) => Issuer::new(certificate),
        }
    }

    fn label(self) -> String {
        match self {
            Self::Anchor(anchor, _) | Self::NoIssuer(anchor, _) => anchor.label.clone(),
            Self::Intermediate(certificate, _) => certificate.label(),
        }
    }

    fn place(self) -> Place {
        match self {
            Self::Anchor(..) | Self::NoIssuer(..) => Place::Anchor,
            Self::Intermediate(_, number) => Place::Intermediate(number),
        }
    }

    /// Where in the order to try it: what is most likely to lead to an anchor at the cost of one
    /// signature comes first. Nothing is left out: key identifiers are hints (RFC 4158, section
    /// 3.5.12), and what cannot be valid may still be what the error must speak of.
    fn rank(self, issued: &Certificate<'_>, request: &ChainRequest<'_>) -> [bool; 5] {
        let ids = issued.authority_key_id.zip(self.issuer().key_id);
        let (same_key, other_key) =
            (ids.is_some_and(|(a, b)| a == b), ids.is_some_and(|(a, b)| a != b));
        match self {
            Self::Anchor(..) => [false, other_key, false, !same_key, false],
            // Only for what the error says: the last of all.
            Self::NoIssuer(..) => [true; 5],
            Self::Intermediate(it, _) => {
                let now = Timestamp::from(request.now);
                let unusable = now < it.not_before || now > it.not_after || !it.is_ca;
                let far = request.anchors.issuers(&it.folded_issuer).next().is_none();
                [unusable, other_key, true, !same_key, far]
            }
        }
    }
}

struct Search<'s> {
    request: &'s ChainRequest<'s>,
    end_entity: &'s Certificate<'s>,
    /// The intermediates, with their numbers; no two are the same.
    bag: &'s [(usize, Certificate<'s>)],
    /// What of the limits is left.
    left: PathLimits,
    /// Whose signatures were verified with which key, and what came of it.
    verdicts: Vec<(&'s Certificate<'s>, PublicKey<'s>, Result<(), Problem>)>,
    /// The failure that came closest, the first of several.
    best: Option<CertificateError>,
    recorder: &'s mut Recorder,
}

impl<'s> Search<'s> {
    /// The subjects of the path that was found, without the end entity's.
    fn run(
        request: &ChainRequest<'_>,
        end_entity: &Certificate<'_>,
        recorder: &mut Recorder,
    ) -> Result<Vec<Box<[u8]>>, CertificateError> {
        let mut best = None;
        let mut bag: Vec<(usize, Certificate<'_>)> = Vec::new();
        for (number, der) in (1..).zip(request.intermediates) {
            match Certificate::decode(der) {
                Ok(it) if bag.iter().any(|(_, known)| known.der == it.der) => {}
                Ok(it) => bag.push((number, it)),
                // One that does not parse issued nothing; the path may do without it.
                Err(reason) => {
                    let place = format!("intermediate {number}");
                    let entry = recorder.begin(1, Place::Intermediate(number), || place.clone());
                    let error = CertificateError::malformed(place, reason);
                    recorder.end(entry, Some(&error));
                    best = best.or(Some(error));
                }
            }
        }
        let (left, verdicts) = (request.limits, Vec::new());
        let mut search = Search { request, end_entity, bag: &bag, left, verdicts, best, recorder };
        let mut path = vec![end_entity];
        let error = match search.extend(&mut path) {
            Ok(Some(anchor)) => {
                let names = path.iter().skip(1).map(|certificate| certificate.subject);
                return Ok(names.chain([&*anchor.subject]).map(Box::from).collect());
            }
            // Every candidate noted why it fell.
            Ok(None) => unknown_issuer(&path, end_entity),
            Err(error) => error,
        };
        let error = search.reads_like(error, end_entity);
        let least = closeness(&error.problem);
        let closest = search.best.filter(|best| closeness(&best.problem) >= least);
        match error.problem {
            Problem::LimitExceeded { limit, maximum, .. } if limit != Limit::Depth => {
                let closest = closest.map(Box::new);
                let problem = Problem::LimitExceeded { limit, maximum, closest };
                Err(CertificateError { problem, ..error })
            }
            _ => Err(closest.unwrap_or(error)),
        }
    }

    /// Extends `path`, which starts at the end entity, until an anchor issued its last certificate.
    /// Where that leads nowhere, `path` is as it was: `None` if candidates were tried, which noted
    /// why they fell, and an error if there were none, or if a limit is used up.
    ///
    /// The recursion is as deep as the path. Each step of it verified another signature, so that
    /// their limit is one for its depth too.
    fn extend(
        &mut self,
        path: &mut Vec<&'s Certificate<'s>>,
    ) -> Result<Option<&'s Anchor>, CertificateError> {
        let Some(&last) = path.last() else {
            return Ok(None);
        };
        let candidates = self.candidates(path, last);
        if candidates.is_empty() {
            return Err(unknown_issuer(path, last));
        }
        // Somebody who only has the issuer's name is told of if nobody was the issuer.
        let (mut issuer_is_there, mut namesake) = (false, None);
        for candidate in candidates {
            self.spend(Limit::Candidates, 1)?;
            let entry = self.recorder.begin(path.len(), candidate.place(), || candidate.label());
            match self.attempt(path, last, candidate) {
                Ok(Some(anchor)) => {
                    self.recorder.end(entry, None);
                    return Ok(Some(anchor));
                }
                Ok(None) => issuer_is_there = true,
                Err(error) => {
                    self.recorder.end(entry, Some(&error));
                    match error.problem {
                        // What is used up stays used up. Only the depth is each path's own.
                        Problem::LimitExceeded { limit, .. } if limit != Limit::Depth => {
                            return Err(error);
                        }
                        Problem::BadSignature(_)
                        | Problem::OtherKindOfKey { .. }
                        | Problem::UnsupportedAlgorithm { .. } => {
                            namesake = namesake.or(Some(error));
                        }
                        _ => {
                            issuer_is_there = true;
                            self.failed(error);
                        }
                    }
                }
            }
        }
        if let Some(error) = namesake.filter(|_| !issuer_is_there) {
            self.failed(error);
        }
        Ok(None)
    }

    /// Those who may have issued `last`, the best first. Nobody twice in a path: that leads in
    /// circles (RFC 4158, section 2.4.1). An anchor that is also sent is an anchor only.
    fn candidates(&self, path: &[&Certificate<'_>], last: &Certificate<'_>) -> Vec<Candidate<'s>> {
        let on_path = |it: &Certificate<'_>| {
            path.iter().any(|on| on.spki == it.spki && on.folded_subject == it.folded_subject)
        };
        let anchors = self.request.anchors;
        let named = self.bag.iter().filter(|(_, it)| it.folded_subject == last.folded_issuer);
        let others = named
            .filter(|(_, it)| !on_path(it) && !anchors.contains(it))
            .map(|(number, it)| Candidate::Intermediate(it, *number));
        let trusted = anchors.issuers(&last.folded_issuer);
        let mut candidates: Vec<_> =
            trusted.map(|(anchor, scope)| Candidate::Anchor(anchor, scope)).chain(others).collect();
        // A self-issued certificate is another one of the same owner, and says so itself.
        if !last.is_self_issued() {
            let no_issuers = anchors.no_issuers(&last.folded_issuer);
            candidates.extend(no_issuers.map(|(anchor, why)| Candidate::NoIssuer(anchor, why)));
        }
        candidates.sort_by_cached_key(|candidate| candidate.rank(last, self.request));
        candidates
    }

    /// Goes on from `last` over this candidate.
    fn attempt(
        &mut self,
        path: &mut Vec<&'s Certificate<'s>>,
        last: &'s Certificate<'s>,
        candidate: Candidate<'s>,
    ) -> Result<Option<&'s Anchor>, CertificateError> {
        match candidate {
            Candidate::Anchor(anchor, scope) => {
                self.check_signature(last, candidate)?;
                self.validate(path, anchor, scope)?;
                Ok(Some(anchor))
            }
            Candidate::NoIssuer(anchor, reason) => {
                self.check_signature(last, candidate)?;
                let issuer = anchor.label.clone();
                Err(last.error(Problem::IssuerIsNoAuthority { issuer, reason }))
            }
            Candidate::Intermediate(certificate, _) => {
                // The path has the end entity, which is no intermediate.
                let counted = path.iter().skip(1).filter(|it| !it.is_self_issued()).count();
                if !certificate.is_self_issued() && counted >= self.request.limits.depth {
                    return Err(self.exceeded(Limit::Depth));
                }
                self.check_signature(last, candidate)?;
                path.push(certificate);
                let found = self.extend(path);
                if !matches!(found, Ok(Some(_))) {
                    path.pop();
                }
                found
            }
        }
    }

    /// Whether the candidate's key signed the certificate: verified once, however many certificates have the
    /// key and however many paths lead here.
    fn check_signature(
        &mut self,
        certificate: &'s Certificate<'s>,
        candidate: Candidate<'s>,
    ) -> Result<(), CertificateError> {
        let key = candidate.issuer().key;
        let known = self
            .verdicts
            .iter()
            .find(|(of, with, _)| core::ptr::eq(*of, certificate) && *with == key);
        if let Some((_, _, verdict)) = known {
            return verdict.clone().map_err(|problem| certificate.error(problem));
        }
        self.spend(Limit::SignatureChecks, 1)?;
        let verified = certificate.signed.verify(key, self.request.algorithms);
        let verdict = verified.map_err(|error| {
            let (signature, issuer) = (certificate.signed.algorithm, candidate.label());
            unsupported::problem(signature, key, issuer, self.request.algorithms, error)
        });
        self.verdicts.push((certificate, key, verdict.clone()));
        verdict.map_err(|problem| certificate.error(problem))
    }

    /// Judges a path whose signatures all verify, except for what is the end entity's alone.
    fn validate(
        &mut self,
        path: &[&Certificate<'_>],
        anchor: &Anchor,
        scope: &Scope,
    ) -> Result<(), CertificateError> {
        // All of it is read again for each path, and many paths may lead here.
        let bytes: usize = path.iter().map(|certificate| certificate.der.len()).sum();
        self.spend(Limit::Candidates, bytes / 1024)?;
        let now = Timestamp::from(self.request.now);
        for (index, certificate) in path.iter().enumerate().skip(1) {
            checks::intermediate(certificate, now).map_err(|problem| certificate.error(problem))?;
            let (below, _) = path.split_at(index);
            self.check_scope(below, || certificate.label(), &certificate.scope)?;
        }
        self.check_scope(path, || anchor.label.clone(), scope)?;
        checks::path(path, Some(anchor), self.request)?;
        if !self.request.revocation.is_empty() {
            // About one more signature for each certificate; and many paths may lead here.
            self.spend(Limit::SignatureChecks, path.len())?;
        }
        let left = self.left.of(Limit::SignatureChecks);
        revocation::check(path, anchor, self.bag, left, self.request)
    }

    /// Holds what is `below` an authority, the end entity first, to what the authority may issue.
    fn check_scope(
        &mut self,
        below: &[&Certificate<'_>],
        authority: impl Fn() -> String,
        scope: &Scope,
    ) -> Result<(), CertificateError> {
        let error = |problem| CertificateError { certificate: authority(), problem };
        checks::no_unknown_critical(scope).map_err(error)?;
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
            .map_err(|reason| error(Problem::UnsupportedConstraint(reason)))?;
        for certificate in end_entity.iter().chain(intermediates) {
            let subject = certificate.names_of_subject();
            let mut names = subject.iter().chain(&certificate.names);
            // Without a name too: to read the constraints costs as much, and many paths lead here.
            let cost = names.clone().count().max(1).saturating_mul(constraints.len());
            self.spend(Limit::NameComparisons, cost)?;
            if let Some(name) = names.find(|name| !constraints.allow(name)) {
                return Err(certificate.error(Problem::NameNotPermitted {
                    name: name.printable(),
                    authority: authority().into(),
                    reason: constraints.reason(name).into(),
                }));
            }
        }
        Ok(())
    }

    /// If an issuer was not found: whether it is there, and only written in another kind of string.
    fn reads_like(
        &self,
        error: CertificateError,
        end_entity: &Certificate<'_>,
    ) -> CertificateError {
        let Problem::UnknownIssuer(issuer) = &error.problem else { return error };
        let looked_for = self.bag.iter().map(|(_, it)| it).chain([end_entity]);
        let Some(issued) = looked_for.into_iter().find(|it| it.issuer_label() == *issuer) else {
            return error;
        };
        let subjects = self.bag.iter().map(|(_, it)| it.subject);
        let mut subjects = subjects.chain(self.request.anchors.names());
        match subjects.any(|subject| distinguished_name::reads_like(subject, issued.issuer)) {
            true => {
                let problem = Problem::IssuerWrittenOtherwise(issuer.clone());
                CertificateError { problem, ..error }
            }
            false => error,
        }
    }

    fn failed(&mut self, error: CertificateError) {
        let new = closeness(&error.problem);
        if self.best.as_ref().is_none_or(|best| new > closeness(&best.problem)) {
            self.best = Some(error);
        }
    }

    /// Takes `cost` off what is left of a limit.
    fn spend(&mut self, limit: Limit, cost: usize) -> Result<(), CertificateError> {
        let left = self.left.of(limit);
        match left.checked_sub(cost) {
            Some(less) => *left = less,
            None => return Err(self.exceeded(limit)),
        }
        Ok(())
    }

    fn exceeded(&self, limit: Limit) -> CertificateError {
        self.end_entity.error(self.request.limits.exceeded(limit))
    }
}

/// Why a path ends with its `last` certificate.
fn unknown_issuer(path: &[&Certificate<'_>], last: &Certificate<'_>) -> CertificateError {
    let issuer = || last.issuer_label();
    last.error(if last.is_self_issued() {
        Problem::SelfIssued
    } else if path.iter().any(|it| it.folded_subject == last.folded_issuer) {
        Problem::Circular(issuer())
    } else {
        Problem::UnknownIssuer(issuer())
    })
}
