//! The search for a path from a certificate to a trust anchor.

use serde::Serialize;

/// How trust anchors of the reader decide on the certificates of a Certificate message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PathSearch {
    /// Whether there is a path that meets all rules. Revocation is not checked.
    pub accepted: bool,
    /// Why not.
    pub error: Option<PathError>,
    /// The certificates and anchors that were tried, the sender's own certificate first. The candidates for
    /// the issuer of a certificate follow it, one level deeper.
    pub attempts: Vec<PathAttempt>,
    /// How many more there were.
    pub omitted: usize,
}

/// A certificate or an anchor that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PathAttempt {
    /// How many steps it is from the sender's own certificate.
    pub depth: usize,
    /// Its index in the list of the message; `None` for a trust anchor.
    pub certificate: Option<usize>,
    /// Its subject, as text.
    pub subject: String,
    /// What came of it.
    pub result: PathResult,
    /// Why it failed, if it did.
    pub error: Option<PathError>,
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PathResult {
    /// It is on the path that was found.
    Accepted,
    /// No candidate above it led to an anchor.
    NoPath,
    /// It broke a rule.
    Failed,
}

/// Why a certificate was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PathError {
    /// The name of the rule, as the library has it, such as `expired`.
    pub code: &'static str,
    /// The certificate that it is about.
    pub certificate: String,
    /// The reason, as the library has it.
    pub reason: String,
}
