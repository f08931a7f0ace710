//! The issuer of a certificate.

use pki_types::SignatureVerificationAlgorithm;

use super::certificate::Certificate;
use super::distinguished_name;
use super::error::SignatureError;
use super::revocation_error::{RevocationEvidence, RevocationEvidenceError};
use super::signature::{self, PublicKey, Signed};

/// The subject of another certificate, or a trust anchor: what they have in common.
#[derive(Clone, Copy)]
pub(super) struct Issuer<'a> {
    /// Contents of the Name.
    pub(super) subject: &'a [u8],
    /// The subject in the form that is compared.
    pub(super) normalized_subject: &'a [u8],
    pub(super) key: PublicKey<'a>,
    pub(super) key_id: Option<&'a [u8]>,
    pub(super) signs_crls: bool,
}

impl<'a> Issuer<'a> {
    pub(super) fn new(certificate: &'a Certificate<'a>) -> Self {
        Self {
            subject: certificate.subject,
            normalized_subject: &certificate.normalized_subject,
            key: certificate.key,
            key_id: certificate.subject_key_id,
            signs_crls: certificate.may_sign_crls(),
        }
    }

    /// Whether it issued the certificate: the names are the same, and the signature is valid.
    pub(super) fn issued(
        &self,
        certificate: &Certificate<'_>,
        algorithms: &[&'static dyn SignatureVerificationAlgorithm],
    ) -> bool {
        certificate.normalized_issuer == self.normalized_subject
            && certificate.signed.verify(self.key, algorithms).is_ok()
    }

    /// Verifies the signature of a CRL or an OCSP response with its key.
    pub(super) fn verify(
        &self,
        evidence: RevocationEvidence,
        signed: Signed<'_>,
        algorithms: &[&'static dyn SignatureVerificationAlgorithm],
    ) -> Result<(), RevocationEvidenceError> {
        signed.verify(self.key, algorithms).map_err(|error| match error {
            SignatureError::Invalid => {
                RevocationEvidenceError::BadSignature { evidence, signer: self.label() }
            }
            SignatureError::UnsupportedKey => {
                let algorithm = signature::describe(signed.algorithm);
                RevocationEvidenceError::UnsupportedSignatureAlgorithm { evidence, algorithm }
            }
        })
    }

    /// In words, safe to print.
    pub(super) fn label(&self) -> String {
        distinguished_name::describe(self.subject)
    }
}
