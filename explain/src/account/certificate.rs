//! Certificates.

use serde::Serialize;

use super::{ByteRange, Hex, PathSearch, Side};

/// The certificates of one Certificate message.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CertificateList {
    /// The index of the message.
    pub message: usize,
    /// The side that sent it.
    pub sender: Side,
    /// The certificates, the sender's own first.
    pub certificates: Vec<Certificate>,
    /// What may be a reason to refuse them, as far as the certificates show it.
    pub findings: Vec<CertificateFinding>,
    /// The search for a path to the trust anchors of [`Options::anchors`](crate::Options::anchors), if there
    /// are any.
    pub path_search: Option<PathSearch>,
}

/// What a certificate shows that may be a reason to refuse it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
#[non_exhaustive]
pub enum CertificateFinding {
    /// The server's own certificate is not for the name that the client asked for.
    NameMismatch {
        /// That name.
        asked_for: String,
    },
    /// A certificate had expired at the time of the message.
    Expired {
        /// Its index in the list.
        certificate: usize,
        /// The end of its validity, in seconds since 1970.
        not_after: i64,
        /// The time of the message, in seconds since 1970.
        at: i64,
    },
    /// A certificate was not valid yet at the time of the message.
    NotYetValid {
        /// Its index in the list.
        certificate: usize,
        /// The beginning of its validity, in seconds since 1970.
        not_before: i64,
        /// The time of the message, in seconds since 1970.
        at: i64,
    },
    /// The sender's own certificate is issued by its own subject: it is accepted only where it is trusted
    /// itself.
    SelfIssued,
}

/// A certificate, or a raw public key.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Certificate {
    /// Where it is in the message.
    pub range: ByteRange,
    /// It is a public key alone (RFC 7250): it has no names and no dates.
    pub is_raw_public_key: bool,
    /// Why it could not be read, if it could not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub malformed: Option<String>,
    /// The subject, as text.
    pub subject: Option<String>,
    /// The issuer, as text.
    pub issuer: Option<String>,
    /// The serial number.
    pub serial: Option<String>,
    /// Its DNS names, addresses and email addresses.
    pub names: Vec<CertificateName>,
    /// The beginning of its validity, in seconds since 1970.
    pub not_before: Option<i64>,
    /// The end of its validity, in seconds since 1970.
    pub not_after: Option<i64>,
    /// How many whole days it is still valid at the time of the account; negative after its end.
    pub days_left: Option<i64>,
    /// Its key.
    pub key: PublicKey,
    /// The algorithm of the issuer's signature.
    pub signature_algorithm: Option<String>,
    /// The names of the bits of its keyUsage; `None` without that extension.
    pub key_usage: Option<Vec<&'static str>>,
    /// The purposes of its extended key usage, as text; `None` without that extension.
    pub extended_key_usage: Option<String>,
    /// Whether it may issue certificates.
    pub is_ca: bool,
    /// The SHA-256 of all its bytes: its fingerprint.
    pub sha256: Hex,
    /// The SHA-256 of its key: `sha256/` and base64 (RFC 7469).
    pub spki_pin: Option<String>,
    /// The length of the OCSP response that came with it, in bytes.
    pub ocsp_response_length: Option<usize>,
    /// How many certificate timestamps came with it.
    pub timestamps: usize,
}

/// A public key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PublicKey {
    /// Its algorithm, as text.
    pub algorithm: Option<String>,
    /// Its size in bits, if it has one.
    pub bits: Option<usize>,
}

/// A subject alternative name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CertificateName {
    /// `dns`, `ip`, `email` or `undecodable`.
    pub kind: &'static str,
    /// The name, in printable ASCII.
    pub name: String,
}
