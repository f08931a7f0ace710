//! What a search for a path tried: it explains why the search failed.

use core::fmt;

use super::error::CertificateError;
use super::verified_path::VerifiedPath;

/// The number of attempts that are recorded. A hostile set of certificates causes thousands.
const RECORDED_ATTEMPTS: usize = 256;

/// The result of a validation and the attempts that led to it. It prints as a tree with a line for
/// each attempt.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Explanation {
    /// What [`verify_chain`](super::verify_chain) returns.
    pub result: Result<VerifiedPath, CertificateError>,
    /// The certificates and anchors that were tried, in that order. The first is the end entity. The
    /// candidates for the issuer of a certificate follow it, one level deeper. So the list is a tree,
    /// written from the root of the search. It has at most 256 entries.
    pub attempts: Vec<Attempt>,
    /// The number of further attempts.
    pub omitted: usize,
}

/// A certificate or a trust anchor that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// The number of steps from the end entity.
    pub depth: usize,
    /// Where it comes from.
    pub place: Place,
    /// Its subject, or its place if it cannot be decoded. Safe to print.
    pub subject: String,
    /// The result of the attempt.
    pub outcome: Outcome,
}

/// Where a certificate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// It is the end-entity certificate, which is verified.
    EndEntity,
    /// It is the intermediate with this number, counted from 1.
    Intermediate(usize),
    /// It is a trust anchor.
    Anchor,
}

/// The result of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It is on the path that was found.
    Accepted,
    /// It made the signature, but no candidate above it led to an anchor.
    NoPath,
    /// It failed with this error, which is about it or about a certificate below it.
    Failed(CertificateError),
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for attempt in &self.attempts {
            writeln!(f, "{:indent$}{attempt}", "", indent = 2 * attempt.depth)?;
        }
        if self.omitted > 0 {
            writeln!(f, "... and {} more candidates", self.omitted)?;
        }
        match &self.result {
            Ok(path) => write!(f, "accepted: {path}"),
            Err(error) => write!(f, "rejected: {error}"),
        }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, place, outcome, .. } = self;
        write!(f, "\"{subject}\" ({place}): {outcome}")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndEntity => f.write_str("end-entity certificate"),
            Self::Intermediate(number) => write!(f, "intermediate {number}"),
            Self::Anchor => f.write_str("trust anchor"),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("accepted"),
            Self::NoPath => f.write_str("no path over it"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

/// Records what a search tries. The search knows it by this trait only. So a program that explains nothing does
/// not contain the code that records.
pub(super) trait Recorder {
    /// Begins an attempt, and returns its entry for [`Self::end`]. `None` if it is not recorded.
    fn begin(&mut self, depth: usize, place: Place, subject: &dyn Fn() -> String) -> Option<usize>;

    /// Ends an attempt: with this error, or on the path that was found.
    fn end(&mut self, entry: Option<usize>, error: Option<&CertificateError>);
}

/// Records and copies nothing.
pub(super) struct NoRecorder;

impl Recorder for NoRecorder {
    fn begin(&mut self, _: usize, _: Place, _: &dyn Fn() -> String) -> Option<usize> {
        None
    }

    fn end(&mut self, _: Option<usize>, _: Option<&CertificateError>) {}
}

/// Records the first attempts, and counts the others.
#[derive(Default)]
pub(super) struct AttemptRecorder {
    attempts: Vec<Attempt>,
    omitted: usize,
}

impl Recorder for AttemptRecorder {
    fn begin(&mut self, depth: usize, place: Place, subject: &dyn Fn() -> String) -> Option<usize> {
        let entry = self.attempts.len();
        if entry >= RECORDED_ATTEMPTS {
            self.omitted += 1;
            return None;
        }
        let (subject, outcome) = (subject(), Outcome::NoPath);
        self.attempts.push(Attempt { depth, place, subject, outcome });
        Some(entry)
    }

    fn end(&mut self, entry: Option<usize>, error: Option<&CertificateError>) {
        if let Some(attempt) = entry.and_then(|entry| self.attempts.get_mut(entry)) {
            attempt.outcome = match error {
                Some(error) => Outcome::Failed(error.clone()),
                None => Outcome::Accepted,
            };
        }
    }
}

impl AttemptRecorder {
    pub(super) fn explanation(self, result: Result<VerifiedPath, CertificateError>) -> Explanation {
        Explanation { result, attempts: self.attempts, omitted: self.omitted }
    }
}
