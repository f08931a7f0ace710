//! What is in use.

use handclasp::certificate::Timestamp;
use handclasp::pki_types::UnixTime;

use crate::{ReloadError, Warning};

/// The files that are loaded together, and what of them is in use. For metrics, and for the answer to a health
/// check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The files, safe to print.
    pub files: String,
    /// What is in use, in words.
    pub contents: String,
    /// Since when it is in use.
    pub loaded_at: UnixTime,
    /// When the files were last looked at. If this is older than a few
    /// [poll intervals](crate::ReloaderBuilder::poll_interval), a file system does not answer: that of these files, or
    /// that of others of the same reloader.
    pub checked_at: UnixTime,
    /// The last second in which it can be used: of the certificate of the chain that expires first, or of the CRL
    /// that is outdated first. `None` for trust anchors, and for a CRL without nextUpdate.
    pub expires: Option<Timestamp>,
    /// Why the contents that the files have now are not in use. `None` if they are.
    pub failure: Option<Failure>,
    /// What is wrong with the contents that are in use.
    pub warnings: Vec<Warning>,
}

/// Contents that could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// When they were first tried.
    pub since: UnixTime,
    /// What is wrong with them.
    pub error: ReloadError,
}
