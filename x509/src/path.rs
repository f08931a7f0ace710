//! Finds a path to a trust anchor, and validates it (RFC 5280, section 6; RFC 4158).
//!
//! The search is depth-first and starts at the end entity. A certificate or an anchor that has the
//! issuer's name and whose key made the signature is the issuer. A path is validated further only
//! once it has reached an anchor. So an error about a certificate is about one that a trusted
//! authority issued.

use smallvec::SmallVec;

use super::anchors::Anchor;
use super::candidate::{Candidate, Ranked};
use super::certificate::{Certificate, IssuingConstraints};
use super::checks;
use super::constraints::NameConstraints;
use super::end_entity::{EndEntity, PLACE};
use super::error::{CertificateError, CertificateErrorKind, Limit};
use super::explain::{Place, Recorder};
use super::intermediate::Intermediate;
use super::limits::Budget;
use super::profile::Profile;
use super::request::ChainRequest;
use super::requested_checks::RequestedChecks;
use super::signature::PublicKey;
use super::time::{Timestamp, Validity};
use super::unsupported::{self, WrongSignature};
use super::verified_path::VerifiedPath;
use super::{distinguished_name, name, path_checks};

/// Whether the result has the names above the end entity. Each is an allocation, and a handshake does not
/// need them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum NamesAbove {
    Copied,
    LeftOut,
}

/// Validates what the request is about: see [`verify_chain`](super::verify_chain).
pub(super) fn verify(
    request: &ChainRequest<'_>,
    checks: &dyn RequestedChecks,
    recorder: &mut dyn Recorder,
    names: NamesAbove,
) -> Result<VerifiedPath, CertificateError> {
    let decoded = Certificate::decode(request.end_entity)
        .map_err(|reason| CertificateError::malformed(PLACE, reason));
    let label = || decoded.as_ref().map_or(PLACE.to_owned(), Certificate::label);
    let entry = recorder.begin(0, Place::EndEntity, &label);
    let result = decoded.and_then(|end_entity| {
        let FoundPath { validity, above } =
            verify_decoded(request, checks, &end_entity, recorder, names)?;
        let end_entity = EndEntity::from_decoded(&end_entity);
        Ok(VerifiedPath { end_entity, validity, above })
    });
    recorder.end(entry, result.as_ref().err());
    result
}

/// What the result says of a path beside its end entity.
struct FoundPath {
    validity: Validity,
    /// The contents of the Names above the end entity.
    above: Vec<Box<[u8]>>,
}

fn verify_decoded(
    request: &ChainRequest<'_>,
    checks: &dyn RequestedChecks,
    end_entity: &Certificate<'_>,
    recorder: &mut dyn Recorder,
    names: NamesAbove,
) -> Result<FoundPath, CertificateError> {
    if request.intermediates.len() > request.limits.intermediates {
        return Err(end_entity.error(request.limits.exceeded(Limit::Intermediates)));
    }
    if request.anchors.contains(end_entity) {
        path_checks::path(&[end_entity], None, request)?;
        checks.profile(&[end_entity], None, request)?;
        checks.revocation_of_trusted(end_entity, request)?;
        check_end_entity(end_entity, true, request)?;
        let validity = path_checks::validity(&[end_entity], None, request);
        return Ok(FoundPath { validity, above: Vec::new() });
    }
    Search::run(request, checks, end_entity, recorder, names)
}

/// The checks whose result is the same on every path.
fn check_end_entity(
    end_entity: &Certificate<'_>,
    is_anchor: bool,
    request: &ChainRequest<'_>,
) -> Result<(), CertificateError> {
    // In the strict profile, it was checked before the rules of that profile.
    if request.profile != Profile::Strict {
        path_checks::end_entity(end_entity, is_anchor, request)
            .map_err(|kind| end_entity.error(kind))?;
    }
    name::check(&end_entity.names, request.names).map_err(|kind| end_entity.error(kind))
}

/// How close a path came to being valid, from what is wrong with it. The error of the path that
/// came closest is the one to report.
fn rank(kind: &CertificateErrorKind) -> u8 {
    match kind {
        // No certificate had the issuer's name.
        CertificateErrorKind::UnknownIssuer(_)
        | CertificateErrorKind::IssuerEncodedDifferently(_)
        | CertificateErrorKind::Circular(_)
        | CertificateErrorKind::SelfIssued => 0,
        // An intermediate did not parse. It may have been the issuer.
        CertificateErrorKind::Malformed(_) => 1,
        // The path was too long.
        CertificateErrorKind::LimitExceeded { limit: Limit::Depth, .. } => 2,
        // A certificate had the issuer's name, but its key did not make the signature.
        CertificateErrorKind::BadSignature(_)
        | CertificateErrorKind::KeyKindMismatch { .. }
        | CertificateErrorKind::UnsupportedSignatureAlgorithm { .. } => 3,
        // The search ended early.
        CertificateErrorKind::LimitExceeded { .. } => 4,
        // The path reached an anchor.
        _ => 5,
    }
}

/// Why the search found no path over a candidate.
enum Failure {
    /// A limit of the whole search is used up, so the search ends.
    LimitExceeded(CertificateError),
    /// The candidate only has the issuer's name: its key did not make the signature.
    NotTheIssuer(CertificateError),
    /// The candidate is the issuer, but this is wrong with the path over it.
    Invalid(CertificateError),
    /// The candidate is the issuer, but every candidate above it failed. The search has noted why.
    NothingAbove,
}

impl From<CertificateError> for Failure {
    fn from(error: CertificateError) -> Self {
        match error.kind {
            // The depth is a limit for each path. The others are limits for all paths together.
            CertificateErrorKind::LimitExceeded { limit, .. } if limit != Limit::Depth => {
                Self::LimitExceeded(error)
            }
            CertificateErrorKind::BadSignature(_)
            | CertificateErrorKind::KeyKindMismatch { .. }
            | CertificateErrorKind::UnsupportedSignatureAlgorithm { .. } => {
                Self::NotTheIssuer(error)
            }
            _ => Self::Invalid(error),
        }
    }
}

/// A signature that was verified, and the result.
struct CheckedSignature<'s> {
    certificate: &'s Certificate<'s>,
    key: PublicKey<'s>,
    result: Result<(), WrongSignature>,
    /// Whether it was remembered from an earlier validation.
    is_remembered: bool,
}

/// The certificates of a path, the end entity first. Most are so short that they need no allocation.
type Path<'s> = SmallVec<[&'s Certificate<'s>; 4]>;

/// The possible issuers of a certificate, in the order to try them.
type Candidates<'s> = SmallVec<[Ranked<'s>; 1]>;

struct Search<'s> {
    request: &'s ChainRequest<'s>,
    checks: &'s dyn RequestedChecks,
    end_entity: &'s Certificate<'s>,
    /// The intermediates that parse, each of them once.
    intermediates: &'s [Intermediate<'s>],
    budget: Budget,
    /// The signatures that were verified. A certificate that an anchor has issued needs one.
    checked_signatures: SmallVec<[CheckedSignature<'s>; 1]>,
    /// The error of the path that came closest, the first of several.
    closest: Option<CertificateError>,
    recorder: &'s mut dyn Recorder,
}

impl<'s> Search<'s> {
    /// Finds a valid path, and checks the end entity.
    fn run(
        request: &ChainRequest<'_>,
        checks: &dyn RequestedChecks,
        end_entity: &Certificate<'_>,
        recorder: &mut dyn Recorder,
        names: NamesAbove,
    ) -> Result<FoundPath, CertificateError> {
        let mut closest = None;
        let mut intermediates: Vec<Intermediate<'_>> = Vec::new();
        for (number, der) in (1..).zip(request.intermediates) {
            match Certificate::decode(der) {
                Ok(certificate) => {
                    if intermediates.iter().all(|it| it.certificate.der != certificate.der) {
                        intermediates.push(Intermediate { number, certificate });
                    }
                }
                // There may be a path without it.
                Err(reason) => {
                    let place = format!("intermediate {number}");
                    let entry = recorder.begin(1, Place::Intermediate(number), &|| place.clone());
                    let error = CertificateError::malformed(place, reason);
                    recorder.end(entry, Some(&error));
                    closest.get_or_insert(error);
                }
            }
        }
        let mut search = Search {
            request,
            checks,
            end_entity,
            intermediates: &intermediates,
            budget: Budget::new(request.limits),
            checked_signatures: SmallVec::new(),
            closest,
            recorder,
        };
        let mut path = Path::from_slice(&[end_entity]);
        let anchor = match search.extend(&mut path) {
            Ok(anchor) => anchor,
            Err(failure) => return Err(search.into_error(failure)),
        };
        check_end_entity(end_entity, false, request)?;
        search.remember_signatures(&path);
        let validity = path_checks::validity(&path, Some(anchor), request);
        if names == NamesAbove::LeftOut {
            return Ok(FoundPath { validity, above: Vec::new() });
        }
        let subjects = path.iter().skip(1).map(|certificate| &*certificate.subject);
        let above = subjects.chain([&*anchor.subject]).map(Box::from).collect();
        Ok(FoundPath { validity, above })
    }

    /// Remembers the signatures of a path that was accepted.
    fn remember_signatures(&self, path: &[&Certificate<'_>]) {
        for checked in self.checked_signatures.iter() {
            let CheckedSignature { certificate, key, result, is_remembered } = checked;
            let is_of_path = path.iter().any(|it| core::ptr::eq(*it, *certificate));
            if is_of_path && result.is_ok() && !is_remembered {
                self.request.remember(*key, certificate.der);
            }
        }
    }

    /// Extends `path`, which starts at the end entity, until an anchor issued its last certificate
    /// and the path is valid. On a failure, `path` is as it was.
    ///
    /// The recursion is as deep as the path. Each step verifies another signature, so the limit of
    /// signatures bounds the depth too.
    fn extend(&mut self, path: &mut Path<'s>) -> Result<&'s Anchor, Failure> {
        let Some(&last) = path.last() else {
            return Err(Failure::NothingAbove);
        };
        let candidates = self.candidates(path, last);
        if candidates.is_empty() {
            return Err(no_candidate(path, last).into());
        }
        let mut is_issuer_known = false;
        let mut same_name_error = None;
        for Ranked { candidate, .. } in candidates {
            self.spend(Limit::Candidates, 1)?;
            match self.try_candidate(path, last, candidate) {
                Ok(anchor) => return Ok(anchor),
                Err(Failure::LimitExceeded(error)) => return Err(Failure::LimitExceeded(error)),
                Err(Failure::NotTheIssuer(error)) => {
                    same_name_error.get_or_insert(error);
                }
                Err(Failure::Invalid(error)) => {
                    is_issuer_known = true;
                    self.note(error);
                }
                Err(Failure::NothingAbove) => is_issuer_known = true,
            }
        }
        // The signature of another certificate with the issuer's name says nothing once the issuer
        // itself is known.
        if let Some(error) = same_name_error {
            if !is_issuer_known {
                self.note(error);
            }
        }
        Err(Failure::NothingAbove)
    }

    /// Goes on from `last` over this candidate, and records the attempt.
    fn try_candidate(
        &mut self,
        path: &mut Path<'s>,
        last: &'s Certificate<'s>,
        candidate: Candidate<'s>,
    ) -> Result<&'s Anchor, Failure> {
        let entry = self.recorder.begin(path.len(), candidate.place(), &|| candidate.label());
        let result = self.extend_over(candidate, path, last);
        match &result {
            Ok(_) => self.recorder.end(entry, None),
            Err(
                Failure::LimitExceeded(error)
                | Failure::NotTheIssuer(error)
                | Failure::Invalid(error),
            ) => self.recorder.end(entry, Some(error)),
            // The entry already says that there is no path over the candidate.
            Err(Failure::NothingAbove) => {}
        }
        result
    }

    fn extend_over(
        &mut self,
        candidate: Candidate<'s>,
        path: &mut Path<'s>,
        last: &'s Certificate<'s>,
    ) -> Result<&'s Anchor, Failure> {
        match candidate {
            Candidate::Anchor(anchor, constraints) => {
                self.check_signature(last, candidate)?;
                self.validate(path, anchor, constraints)?;
                Ok(anchor)
            }
            Candidate::NoIssuer(anchor, reason) => {
                self.check_signature(last, candidate)?;
                let issuer = anchor.label.clone();
                Err(last.error(CertificateErrorKind::IssuerNotACa { issuer, reason }).into())
            }
            Candidate::Intermediate(Intermediate { certificate, .. }) => {
                // The first certificate of the path is the end entity.
                let depth = path.iter().skip(1).filter(|it| !it.is_self_issued).count();
                if !certificate.is_self_issued && depth >= self.request.limits.depth {
                    let kind = self.request.limits.exceeded(Limit::Depth);
                    return Err(self.end_entity.error(kind).into());
                }
                self.check_signature(last, candidate)?;
                path.push(certificate);
                let result = self.extend(path);
                if result.is_err() {
                    path.pop();
                }
                result
            }
        }
    }

    /// The certificates and anchors that may have issued `last`, in the order to try them. None is
    /// on the path already, because that would be a loop (RFC 4158, section 2.4.1). An anchor that
    /// the peer also sent counts as the anchor only.
    fn candidates(&self, path: &[&Certificate<'_>], last: &Certificate<'_>) -> Candidates<'s> {
        let anchors = self.request.anchors;
        let mut candidates = Candidates::new();
        let named = anchors.with_name(&last.issuer);
        for anchor in named {
            if let Ok(constraints) = &anchor.constraints {
                self.add(&mut candidates, Candidate::Anchor(anchor, constraints), last);
            }
        }
        for intermediate in self.intermediates {
            let certificate = &intermediate.certificate;
            let has_name = certificate.subject.is_same(&last.issuer);
            if has_name && !is_on_path(certificate, path) && !anchors.contains(certificate) {
                self.add(&mut candidates, Candidate::Intermediate(intermediate), last);
            }
        }
        // A self-issued certificate is another one of the same owner, and its error says so.
        if !last.is_self_issued {
            for anchor in named {
                if let Err(reason) = &anchor.constraints {
                    self.add(&mut candidates, Candidate::NoIssuer(anchor, *reason), last);
                }
            }
        }
        candidates
    }

    /// Adds a candidate behind those that are preferred to it. Not inlined: it is called in three places.
    #[inline(never)]
    fn add(
        &self,
        candidates: &mut Candidates<'s>,
        candidate: Candidate<'s>,
        last: &Certificate<'_>,
    ) {
        let preference = candidate.preference(last, self.request);
        let place = candidates.partition_point(|it| it.preference <= preference);
        candidates.insert(place, Ranked { preference, candidate });
    }

    /// Checks that the candidate's key signed the certificate. No signature is verified twice with
    /// the same key, however many certificates have that key and however many paths lead here.
    fn check_signature(
        &mut self,
        certificate: &'s Certificate<'s>,
        candidate: Candidate<'s>,
    ) -> Result<(), CertificateError> {
        let key = candidate.issuer().key;
        let is_same = |checked: &&CheckedSignature<'_>| {
            core::ptr::eq(checked.certificate, certificate) && checked.key == key
        };
        if let Some(checked) = self.checked_signatures.iter().find(is_same) {
            return checked.result.clone().map_err(|wrong| certificate.error(wrong.into()));
        }
        self.spend(Limit::SignatureChecks, 1)?;
        let algorithms = self.request.algorithms;
        let signed = certificate.signed;
        let is_remembered = self.request.remembers(key, signed, certificate.der);
        let result = if is_remembered {
            Ok(())
        } else {
            signed.verify(key, algorithms).map_err(|error| {
                let (signature, issuer) = (signed.algorithm, candidate.label());
                unsupported::explain(signature, key, issuer, algorithms, error)
            })
        };
        let checked = CheckedSignature { certificate, key, result: result.clone(), is_remembered };
        self.checked_signatures.push(checked);
        result.map_err(|wrong| certificate.error(wrong.into()))
    }

    /// Validates a path whose signatures are all valid, except for what concerns the end entity
    /// alone.
    fn validate(
        &mut self,
        path: &[&Certificate<'_>],
        anchor: &Anchor,
        constraints: &IssuingConstraints,
    ) -> Result<(), CertificateError> {
        // Each path reads all of its certificates again, and many paths may lead here.
        let bytes: usize = path.iter().map(|certificate| certificate.der.len()).sum();
        self.spend(Limit::Candidates, bytes / 1024)?;
        let now = Timestamp::from(self.request.now);
        for (index, certificate) in path.iter().enumerate().skip(1) {
            checks::intermediate(certificate, now).map_err(|kind| certificate.error(kind))?;
            let (below, _) = path.split_at(index);
            self.check_constraints(below, || certificate.label(), &certificate.constraints)?;
        }
        self.check_constraints(path, || anchor.label.clone(), constraints)?;
        path_checks::path(path, Some(anchor), self.request)?;
        self.checks.profile(path, Some(anchor), self.request)?;
        if !self.request.revocation.is_empty() {
            // About one more signature for each certificate; and many paths may lead here.
            self.spend(Limit::SignatureChecks, path.len())?;
        }
        let budget = &mut self.budget;
        self.checks.revocation(path, anchor, self.intermediates, budget, self.request)
    }

    /// Checks the certificates `below` an authority, the end entity first, against what the
    /// authority may issue.
    fn check_constraints(
        &mut self,
        below: &[&Certificate<'_>],
        authority: impl Fn() -> String,
        constraints: &IssuingConstraints,
    ) -> Result<(), CertificateError> {
        let error = |kind| CertificateError { certificate: authority(), kind };
        checks::no_unknown_critical(constraints).map_err(error)?;
        // Self-issued intermediates only hand a name over to another key. They do not count for the
        // length of the path (RFC 5280, section 4.2.1.9), and no constraint applies to their names
        // (section 6.1.3 (b) and (c)).
        let (end_entity, intermediates) = below.split_at(below.len().min(1));
        let intermediates = intermediates.iter().filter(|it| !it.is_self_issued);
        checks::path_length(constraints.path_length, intermediates.clone().count())
            .map_err(error)?;
        checks::extended_key_usage(constraints.extended_key_usage, self.request.purpose, true)
            .map_err(error)?;
        let Some(encoded) = &constraints.name_constraints else {
            return Ok(());
        };
        let name_constraints = NameConstraints::decode(encoded)
            .map_err(|reason| error(CertificateErrorKind::MalformedNameConstraints(reason)))?;
        for certificate in end_entity.iter().chain(intermediates) {
            self.check_names(certificate, &name_constraints, &authority)?;
        }
        Ok(())
    }

    /// Checks that the name constraints of the authority permit every name of the certificate.
    fn check_names(
        &mut self,
        certificate: &Certificate<'_>,
        constraints: &NameConstraints<'_>,
        authority: impl Fn() -> String,
    ) -> Result<(), CertificateError> {
        let subject = certificate.names_of_subject();
        let mut names = subject.iter().chain(&certificate.names);
        // A certificate without a name costs as much as one name: the constraints were decoded for
        // it, and many paths may lead here.
        let count = names.clone().count().max(1);
        self.spend(Limit::NameComparisons, count.saturating_mul(constraints.len()))?;
        match names.find(|name| !constraints.allow(name)) {
            None => Ok(()),
            Some(name) => Err(certificate.error(CertificateErrorKind::NameNotPermitted {
                name: name.printable(),
                authority: authority().into(),
                reason: constraints.reason(name).into(),
            })),
        }
    }

    /// The error to report if there is no path: that of the path that came closest. Where a limit
    /// ended the search, the error says so and has the other one in it.
    fn into_error(self, failure: Failure) -> CertificateError {
        let mut error = match failure {
            Failure::LimitExceeded(error)
            | Failure::NotTheIssuer(error)
            | Failure::Invalid(error) => error,
            Failure::NothingAbove => no_candidate(&[self.end_entity], self.end_entity),
        };
        if let CertificateErrorKind::UnknownIssuer(issuer) = &error.kind {
            if self.has_subject_that_reads_like(&self.end_entity.issuer) {
                error.kind = CertificateErrorKind::IssuerEncodedDifferently(issuer.clone());
            }
        }
        let Some(closest) = self.closest else {
            return error;
        };
        if rank(&closest.kind) < rank(&error.kind) {
            return error;
        }
        match &mut error.kind {
            CertificateErrorKind::LimitExceeded { limit, closest: slot, .. }
                if *limit != Limit::Depth =>
            {
                *slot = Some(Box::new(closest));
                error
            }
            _ => closest,
        }
    }

    /// Whether an intermediate or an anchor has a subject that reads like this Name, which none of
    /// them has.
    fn has_subject_that_reads_like(&self, name: &[u8]) -> bool {
        let sent = self.intermediates.iter().map(|it| &*it.certificate.subject);
        let mut subjects = sent.chain(self.request.anchors.names());
        subjects.any(|subject| distinguished_name::reads_like(subject, name))
    }

    /// Notes why a path failed.
    fn note(&mut self, error: CertificateError) {
        let is_closer = match &self.closest {
            Some(closest) => rank(&error.kind) > rank(&closest.kind),
            None => true,
        };
        if is_closer {
            self.closest = Some(error);
        }
    }

    fn spend(&mut self, limit: Limit, cost: usize) -> Result<(), CertificateError> {
        self.budget.spend(limit, cost).map_err(|kind| self.end_entity.error(kind))
    }
}

/// Whether the path has a certificate with this one's name and key.
fn is_on_path(certificate: &Certificate<'_>, path: &[&Certificate<'_>]) -> bool {
    path.iter().any(|it| it.spki == certificate.spki && it.subject.is_same(&certificate.subject))
}

/// Why a path ends with its `last` certificate.
fn no_candidate(path: &[&Certificate<'_>], last: &Certificate<'_>) -> CertificateError {
    if last.is_self_issued {
        return last.error(CertificateErrorKind::SelfIssued);
    }
    let issuer = last.issuer_label();
    if path.iter().any(|it| it.subject.is_same(&last.issuer)) {
        return last.error(CertificateErrorKind::Circular(issuer));
    }
    last.error(CertificateErrorKind::UnknownIssuer(issuer))
}
