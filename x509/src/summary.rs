//! The content of a certificate as text, for logs and users. It must not be used for decisions.

use core::fmt;

use pki_types::CertificateDer;

use super::certificate::Certificate;
use super::end_entity::PLACE;
use super::error::CertificateError;
use super::presented::PresentedIdentifier;
use super::signature;
use super::time::Timestamp;

/// The content of a certificate as text, escaped. It was not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateSummary {
    /// The subject in the form of OpenSSL's tools, or the first of the other names if the subject is
    /// empty.
    pub subject: String,
    /// The issuer that it names.
    pub issuer: String,
    /// The serial number in hexadecimal digits.
    pub serial: String,
    /// The beginning of its validity.
    pub not_before: Timestamp,
    /// The end of its validity.
    pub not_after: Timestamp,
    /// The algorithm of its key, with the size of an RSA key.
    pub key: String,
    /// The size of its key in bits: of an RSA modulus, or of the field of a curve. `None` for a key
    /// whose size its algorithm does not say.
    pub key_bits: Option<usize>,
    /// The algorithm of its signature.
    pub signature: String,
    /// The names of the bits of its keyUsage; `None` without that extension.
    pub key_usage: Option<Vec<&'static str>>,
    /// The purposes that its extended key usage allows; `None` without that extension.
    pub extended_key_usage: Option<String>,
    /// Its DNS names, IP addresses and email addresses.
    pub names: Vec<PresentedIdentifier>,
    /// Whether its basicConstraints say CA:TRUE.
    pub is_ca: bool,
}

impl CertificateSummary {
    /// Reads a certificate, without verifying it.
    ///
    /// # Errors
    ///
    /// [`CertificateErrorKind::Malformed`](super::CertificateErrorKind::Malformed).
    pub fn parse(certificate: &CertificateDer<'_>) -> Result<Self, CertificateError> {
        let decoded = Certificate::decode(certificate)
            .map_err(|reason| CertificateError::malformed(PLACE, reason))?;
        Ok(Self {
            subject: decoded.label(),
            issuer: decoded.issuer_label(),
            serial: hex::encode(decoded.serial),
            not_before: decoded.dates.not_before,
            not_after: decoded.dates.not_after,
            key: decoded.key.describe(),
            key_bits: decoded.key.bits(),
            signature: signature::describe(decoded.signed.algorithm),
            key_usage: decoded.key_usage.map(|usage| usage.names()),
            extended_key_usage: decoded
                .constraints
                .extended_key_usage
                .map(|usages| usages.describe()),
            names: decoded.names.iter().filter_map(PresentedIdentifier::of).collect(),
            is_ca: decoded.is_ca,
        })
    }
}

/// The subject, the issuer, the dates and the purposes, in a line.
impl fmt::Display for CertificateSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, issuer, not_before, not_after, .. } = self;
        write!(f, "{subject}, issued by {issuer}, valid from {not_before} until {not_after}")?;
        if let Some(usages) = &self.key_usage {
            write!(f, ", for {}", usages.join(" and "))?;
        }
        if let Some(purposes) = &self.extended_key_usage {
            write!(f, ", for {purposes}")?;
        }
        Ok(())
    }
}
