//! What a reloader reports.

use std::fmt;

use handclasp::certificate::{
    CertificateError, CrlError, RevocationEvidenceError, Timestamp, TrustAnchorError,
};
use handclasp::credential::LoadError;
use handclasp::pki_types::UnixTime;

/// What happened to files. Its text is a line for a log, and contains no byte of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The new contents of these files are in use.
    Loaded {
        /// The files, safe to print.
        files: String,
        /// What is in use now, in words.
        contents: String,
        /// Until when it can be used, as [`Status::expires`](crate::Status::expires): for a gauge.
        expires: Option<Timestamp>,
    },
    /// The new contents of these files cannot be used. What was loaded before stays in use. The files are
    /// looked at again after each change, and whenever the poll interval has passed. It ends with
    /// [`Loaded`](Self::Loaded) or [`Recovered`](Self::Recovered).
    Kept {
        /// The files, safe to print.
        files: String,
        /// What is wrong with the new contents.
        error: ReloadError,
    },
    /// The files have the contents again that are in use: what [`Kept`](Self::Kept) has reported is over.
    Recovered {
        /// The files, safe to print.
        files: String,
    },
    /// What is in use needs attention. It ends with [`WarningEnded`](Self::WarningEnded).
    Warning {
        /// The files, safe to print.
        files: String,
        /// What is wrong.
        warning: Warning,
    },
    /// What was reported before is over.
    WarningEnded {
        /// The files, safe to print.
        files: String,
        /// What was wrong.
        warning: Warning,
    },
    /// The operating system does not report changes in this folder. They are found after the poll interval.
    NotWatched {
        /// The folder, safe to print.
        folder: String,
        /// The error of the operating system.
        reason: String,
    },
}

/// Why the contents of files cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// A file cannot be read.
    #[error("{file} cannot be read: {reason}")]
    Unreadable {
        /// The file, safe to print.
        file: String,
        /// The error of the operating system.
        reason: String,
    },
    /// The certificates and the key are malformed, or do not belong together.
    #[error(transparent)]
    CertifiedKey(#[from] LoadError),
    /// The certificate of a chain cannot be decoded.
    #[error("{file}: {error}")]
    Certificate {
        /// The file, safe to print.
        file: String,
        /// What is wrong with it.
        error: CertificateError,
    },
    /// A certificate of the new chain has expired, or is not valid yet. Only a chain that is loaded at the start
    /// may be so, with a [`Warning::NotValidNow`].
    #[error("{file}: \"{subject}\" is valid only from {not_before} to {not_after}")]
    NotValidNow {
        /// The file of the chain, safe to print.
        file: String,
        /// The subject of the certificate.
        subject: String,
        /// The first second of its validity.
        not_before: Timestamp,
        /// The last second of its validity.
        not_after: Timestamp,
    },
    /// The OCSP response cannot be stapled to the certificate. If it is only outdated, and the chain in use is not
    /// valid any more either, the new chain is loaded without it, with a [`Warning::Staple`].
    #[error("{file}: {reason}")]
    Staple {
        /// The file, safe to print.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The trust anchors cannot be used.
    #[error("{file}: {error}")]
    Anchors {
        /// The file, safe to print.
        file: String,
        /// What is wrong with them.
        error: TrustAnchorError,
    },
    /// A CRL cannot be decoded, or is of a kind that is not supported.
    #[error("{file}: {error}")]
    Crl {
        /// The file, safe to print.
        file: String,
        /// What is wrong with it.
        error: CrlError,
    },
    /// A CRL is older than the one of its issuer that is in use: an attacker may try to hide revocations.
    #[error(
        "{file}: the CRL of \"{issuer}\" is of {found}, and the one in use is newer: of {in_use}"
    )]
    OlderCrl {
        /// The file, safe to print.
        file: String,
        /// The issuer of the CRL.
        issuer: String,
        /// The thisUpdate of the new one.
        found: Timestamp,
        /// The thisUpdate of the one in use.
        in_use: Timestamp,
    },
    /// The file has no CRL whose issuer is known: a trust anchor, or one of
    /// [`crl_issuers`](crate::TrustFiles::crl_issuers). It may be the file of another authority, which says nothing
    /// about the certificates that are to be checked.
    #[error(
        "{file}: its CRL of \"{issuer}\" cannot be verified, for it is of no trust anchor; if that is an \
         intermediate, give its certificate as an issuer of CRLs"
    )]
    CrlOfUnknownIssuer {
        /// The file, safe to print.
        file: String,
        /// The issuer of its first CRL.
        issuer: String,
    },
    /// A CRL says that it was issued later than now. Certificates would be refused until then. If that is within
    /// 10 seconds, the reloader waits, and reports nothing.
    #[error("{file}: the CRL of \"{issuer}\" is of {this_update}, which is in the future")]
    CrlOfTheFuture {
        /// The file, safe to print.
        file: String,
        /// The issuer of the CRL.
        issuer: String,
        /// Its thisUpdate.
        this_update: Timestamp,
    },
    /// The signature of a CRL is not that of its issuer.
    #[error("{file}: {error}")]
    CrlSignature {
        /// The file, safe to print.
        file: String,
        /// What is wrong with it.
        error: RevocationEvidenceError,
    },
}

/// What is wrong with files or contents that are in use nevertheless.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// Each user of the machine can read the private key.
    #[error("each user of this machine can read the private key {file}: chmod o-rwx")]
    WorldReadableKey {
        /// The file, safe to print.
        file: String,
    },
    /// A certificate of the chain in use has expired, or is not valid yet. Peers refuse it.
    #[error(
        "the certificate \"{subject}\" is in use, and is valid only from {not_before} to {not_after}"
    )]
    NotValidNow {
        /// The subject of the certificate.
        subject: String,
        /// The first second of its validity.
        not_before: Timestamp,
        /// The last second of its validity.
        not_after: Timestamp,
    },
    /// The OCSP response is not good any more: most often, it is outdated. It is not stapled. Only a certificate that
    /// demands a staple (must-staple, RFC 7633) keeps it: without one, clients would refuse it as well.
    #[error("the OCSP response for \"{subject}\" is outdated, or not good any more: get a new one")]
    Staple {
        /// The subject of the certificate.
        subject: String,
    },
    /// A CRL is outdated, so certificates of its issuer are refused.
    #[error(
        "the CRL of \"{issuer}\" is outdated since {next_update}: its certificates are refused"
    )]
    StaleCrl {
        /// The issuer of the CRL.
        issuer: String,
        /// Its nextUpdate.
        next_update: Timestamp,
    },
    /// A CRL does not say when there will be a newer one, so it counts as outdated.
    #[error("the CRL of \"{issuer}\" has no nextUpdate: its certificates are refused")]
    CrlWithoutEnd {
        /// The issuer of the CRL.
        issuer: String,
    },
    /// The signature of a CRL could not be verified when it was loaded: its issuer is neither a trust anchor
    /// nor among [`crl_issuers`](crate::TrustFiles::crl_issuers). It is verified with the certificates that it
    /// is about.
    #[error(
        "the signature of the CRL of \"{issuer}\" is not verified yet: its issuer is not known"
    )]
    UnknownCrlIssuer {
        /// The issuer of the CRL.
        issuer: String,
    },
    /// A file does not have a CRL of this issuer any more that it had before, of the same scope. The one that it had
    /// stays in use until the file has a newer one, or the program starts again.
    #[error("the file has no CRL of \"{issuer}\" any more: the one that it had stays in use")]
    MissingCrl {
        /// The issuer of the CRL that was in the file.
        issuer: String,
    },
}

impl ReloadError {
    /// How many seconds a CRL may be from the future. A machine that fetches it at once has often a clock that is a
    /// little behind that of the authority.
    pub(crate) const CRL_CLOCK_SKEW: i64 = 10;

    /// Whether the same contents can be loaded in a moment.
    pub(crate) fn is_over_soon(&self, now: UnixTime) -> bool {
        match self {
            Self::CrlOfTheFuture { this_update, .. } => {
                this_update.seconds_after(now) <= Self::CRL_CLOCK_SKEW
            }
            _ => false,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loaded { files, contents, .. } => write!(f, "{files}: loaded {contents}"),
            Self::Kept { files, error } => {
                write!(f, "{files}: not loaded, and the old contents stay in use: {error}")
            }
            Self::Recovered { files } => {
                write!(f, "{files}: have the contents again that are in use")
            }
            Self::Warning { files, warning } => write!(f, "{files}: warning: {warning}"),
            Self::WarningEnded { files, warning } => write!(f, "{files}: no more: {warning}"),
            Self::NotWatched { folder, reason } => {
                write!(f, "{folder}: changes are only found by polling: {reason}")
            }
        }
    }
}

impl Event {
    /// Logs it with the crate tracing, if the feature is on.
    pub(crate) fn log(&self) {
        #[cfg(feature = "tracing")]
        match self {
            Self::Loaded { .. } | Self::Recovered { .. } | Self::WarningEnded { .. } => {
                tracing::info!("{self}");
            }
            Self::Kept { .. } => tracing::error!("{self}"),
            Self::Warning { .. } | Self::NotWatched { .. } => tracing::warn!("{self}"),
        }
    }
}
