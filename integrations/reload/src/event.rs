//! What a reloader reports.

use std::fmt;

use handclasp::certificate::{
    CertificateError, CrlError, RevocationEvidenceError, Timestamp, TrustAnchorError,
};
use handclasp::credential::LoadError;

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
    },
    /// The new contents of these files cannot be used. What was loaded before stays in use. The files are
    /// looked at again after each change, and whenever the poll interval has passed.
    Kept {
        /// The files, safe to print.
        files: String,
        /// What is wrong with the new contents.
        error: ReloadError,
    },
    /// What is in use needs attention.
    Warning {
        /// The files, safe to print.
        files: String,
        /// What is wrong.
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
    /// The new certificate has expired, or is not valid yet. Only a certificate that is loaded at the start
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
    /// The OCSP response cannot be stapled to the certificate.
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
    /// A CRL is older than the one of its issuer that is in use: someone may try to hide revocations.
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
    /// A CRL says that it was issued later than now. Certificates would be refused until then.
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
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// Each user of the machine can read the private key.
    #[error("each user of this machine can read the private key {file}: chmod o-rwx")]
    WorldReadableKey {
        /// The file, safe to print.
        file: String,
    },
    /// The certificate in use has expired, or is not valid yet. Peers refuse it.
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
    /// The OCSP response that is stapled is not good any more: most often, it is outdated.
    #[error("the OCSP response that is stapled to \"{subject}\" is outdated, or not good any more")]
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
    /// A file has no CRL of this issuer any more. Nothing is known about the revocation of its certificates.
    #[error("there is no CRL of \"{issuer}\" any more")]
    MissingCrl {
        /// The issuer of the CRL that was in the file.
        issuer: String,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loaded { files, contents } => write!(f, "{files}: loaded {contents}"),
            Self::Kept { files, error } => {
                write!(f, "{files}: not loaded, and the old contents stay in use: {error}")
            }
            Self::Warning { files, warning } => write!(f, "{files}: warning: {warning}"),
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
            Self::Loaded { .. } => tracing::info!("{self}"),
            Self::Kept { .. } => tracing::error!("{self}"),
            Self::Warning { .. } | Self::NotWatched { .. } => tracing::warn!("{self}"),
        }
    }
}
