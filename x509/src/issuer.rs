//! The issuer of a certificate.

use pki_types::SignatureVerificationAlgorithm;

use super::anchors::Anchor;
use super::checks;
use super::decode::Certificate;
use super::distinguished_name;
use super::signature::PublicKey;

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
            signs_crls: checks::may_sign_crls(certificate.key_usage),
        }
    }

    pub(super) fn anchor(anchor: &'a Anchor) -> Self {
        Self {
            subject: &anchor.subject,
            normalized_subject: &anchor.normalized_subject,
            key: anchor.key.borrow(),
            key_id: anchor.key_id.as_deref(),
            signs_crls: anchor.signs_crls,
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

    /// In words, safe to print.
    pub(super) fn label(&self) -> String {
        distinguished_name::describe(self.subject)
    }
}
