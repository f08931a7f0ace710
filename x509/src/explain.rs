//! What a search for a path tried, for those who want to know why it failed.

use core::fmt;

use super::error::CertificateError;
use super::path::VerifiedPath;

/// How many attempts are told; a hostile bag of certificates causes thousands.
const RECORDED_ATTEMPTS: usize = 256;

/// A result, and how it came about. It prints as a tree, a line for each attempt.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// What [`verify_chain`](super::verify_chain) says.
    pub result: Result<VerifiedPath, CertificateError>,
    /// Everyone who was looked at, in that order. The first is the end entity. Those that were
    /// candidates for the issuer of another stand behind it, one deeper: a tree, told from the
    /// root of the search on. There are at most 256.
    pub attempts: Vec<Attempt>,
    /// How many attempts more there were.
    pub omitted: usize,
}

/// A certificate or a trust anchor that was looked at on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// How many steps from the end entity.
    pub depth: usize,
    /// Where it is from.
    pub place: Place,
    /// Its subject, safe to print, or its place if it cannot be decoded.
    pub subject: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// Where a candidate is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// The end-entity certificate, which is to be verified.
    EndEntity,
    /// One of the intermediates, counted from 1 in their order.
    Intermediate(usize),
    /// One of the trust anchors.
    Anchor,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It is on the path that was found.
    Accepted,
    /// It made the signature, and none of the candidates behind it led further.
    NoPath,
    /// This is wrong, with it or with what it would have issued.
    Failed(CertificateError),
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for attempt in &self.attempts {
            writeln!(f, "{:indent$}{attempt}", "", indent = 2 * attempt.depth)?;
        }
        if self.omitted > 0 {
            writeln!(f, "... and {} candidates more", self.omitted)?;
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
            Self::NoPath => f.write_str("led nowhere"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

/// Notes what a search tries, if it is on; otherwise nothing is noted, or copied.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    is_on: bool,
    attempts: Vec<Attempt>,
    omitted: usize,
}

impl Recorder {
    pub(super) fn on() -> Self {
        Self { is_on: true, ..Self::default() }
    }

    /// An attempt begins. Its entry is for [`Self::end`]; `None` if it is not noted.
    pub(super) fn begin(
        &mut self,
        depth: usize,
        place: Place,
        subject: impl FnOnce() -> String,
    ) -> Option<usize> {
        if !self.is_on {
            return None;
        }
        let entry = self.attempts.len();
        if entry >= RECORDED_ATTEMPTS {
            self.omitted += 1;
            return None;
        }
        let (subject, outcome) = (subject(), Outcome::NoPath);
        self.attempts.push(Attempt { depth, place, subject, outcome });
        Some(entry)
    }

    /// It ended with this error, or is on the path.
    pub(super) fn end(&mut self, entry: Option<usize>, error: Option<&CertificateError>) {
        if let Some(attempt) = entry.and_then(|entry| self.attempts.get_mut(entry)) {
            attempt.outcome = match error {
                Some(error) => Outcome::Failed(error.clone()),
                None => Outcome::Accepted,
            };
        }
    }

    pub(super) fn explanation(self, result: Result<VerifiedPath, CertificateError>) -> Explanation {
        Explanation { result, attempts: self.attempts, omitted: self.omitted }
    }
}
