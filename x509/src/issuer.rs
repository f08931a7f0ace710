//! The issuer of a certificate.

use pki_types::SignatureVerificationAlgorithm;

use super::certificate::Certificate;
use super::certificate_name::CertificateName;
use super::distinguished_name;
use super::error::SignatureError;
use super::revocation_error::{RevocationEvidence, RevocationEvidenceError};
use super::signature::{self, PublicKey, Signed};

/// The subject of another certificate, or a trust anchor: what they have in common.
#[derive(Clone, Copy)]
pub(super) struct Issuer<'a> {
    pub(super) subject: &'a CertificateName<'a>,
    pub(super) key: PublicKey<'a>,
    pub(super) key_id: Option<&'a [u8]>,
    pub(super) signs_crls: bool,
}

impl<'a> Issuer<'a> {
    pub(super) fn new(certificate: &'a Certificate<'a>) -> Self {
        Self {
            subject: &certificate.subject,
            key: certificate.key,
            key_id: certificate.subject_key_id,
            signs_crls: certificate.may_sign_crls(),
        }
    }

    /// Verifies the signature of a CRL or an OCSP response with its key.
    pub(super) fn verify(
        &self,
        evidence: RevocationEvidence,
        signed: Signed<'_>,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
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
