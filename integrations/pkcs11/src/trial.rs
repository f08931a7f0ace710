//! Whether a key of a token belongs to a certificate: the token signs, and the signature is verified.

use handclasp::CryptoProvider;
use handclasp::certificate::{EndEntity, KeyComparison};

use crate::error::TokenError;
use crate::mechanism::{KeyKind, PssKey, SchemeMethod, methods};
use crate::session::KeySession;

/// No CertificateVerify begins so (RFC 9846, section 4.5.2).
const MESSAGE: &[u8] = b"Does this key belong to the certificate?";

/// The certificate that a key must belong to, and what verifies the signatures of the key.
pub(crate) struct Trial {
    pub(crate) certificate: EndEntity,
    pub(crate) provider: CryptoProvider,
}

/// What is known of the key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Finding {
    BelongsToCertificate,
    /// The token does not show the public half, or the provider cannot verify the signature.
    Unknown,
}

impl Trial {
    /// The methods that the token signs with, one for each scheme: each has made a signature.
    pub(crate) fn usable_methods(
        &self,
        session: &KeySession,
        pss_key: PssKey,
    ) -> Result<Vec<SchemeMethod>, TokenError> {
        let mut finding = self.compare_public_half(session)?;
        let all = methods(session.kind, pss_key);
        let mut usable: Vec<SchemeMethod> = Vec::new();
        let mut failure = None;
        for method in &all {
            let has_one = usable.iter().any(|it| it.scheme == method.scheme);
            if has_one || !session.can(method.method)? {
                continue;
            }
            match self.sign(session, *method) {
                Ok(Finding::BelongsToCertificate) => finding = Finding::BelongsToCertificate,
                Ok(Finding::Unknown) => {}
                Err(error) if error.is_of_mechanism() => {
                    failure = Some(error);
                    continue;
                }
                Err(error) => return Err(error),
            }
            usable.push(*method);
        }
        if usable.is_empty() {
            let names: Vec<String> =
                all.iter().map(|method| method.method.mechanism_type().to_string()).collect();
            return Err(failure.unwrap_or_else(|| TokenError::NoMechanism(names.join(", "))));
        }
        match finding {
            Finding::BelongsToCertificate => Ok(usable),
            Finding::Unknown => Err(TokenError::PublicKeyUnknown),
        }
    }

    /// Checks the key in a later session, with the first of the methods that were usable.
    pub(crate) fn repeat(
        &self,
        session: &KeySession,
        usable: &[SchemeMethod],
    ) -> Result<(), TokenError> {
        let shown = self.compare_public_half(session)?;
        let Some(method) = usable.first() else { return Err(TokenError::PublicKeyUnknown) };
        let signed = self.sign(session, *method)?;
        if shown == Finding::Unknown && signed == Finding::Unknown {
            return Err(TokenError::PublicKeyUnknown);
        }
        Ok(())
    }

    fn compare_public_half(&self, session: &KeySession) -> Result<Finding, TokenError> {
        let spki = self.certificate.subject_public_key_info();
        let Some(public) = session.public_half(spki)? else { return Ok(Finding::Unknown) };
        match self.certificate.compare_key(&public) {
            KeyComparison::Same => Ok(Finding::BelongsToCertificate),
            KeyComparison::OtherAlgorithm { .. } | KeyComparison::Different => {
                Err(TokenError::KeyMismatch)
            }
        }
    }

    /// Makes a signature, and verifies it if the provider can.
    fn sign(&self, session: &KeySession, method: SchemeMethod) -> Result<Finding, TokenError> {
        let signatures = &self.provider.signatures;
        let algorithms: Vec<_> = signatures.for_scheme(method.scheme).collect();
        let is_verifiable = !algorithms.is_empty();
        if is_verifiable
            && session.kind != KeyKind::Rsa
            && !self.certificate.has_key_for(algorithms.iter().copied())
        {
            return Err(TokenError::KeyMismatch);
        }
        let signature = session.sign(method.method, &signatures.digests, MESSAGE)?;
        if !is_verifiable {
            return Ok(Finding::Unknown);
        }
        match self.certificate.verify_signature(algorithms, MESSAGE, &signature) {
            Ok(()) => Ok(Finding::BelongsToCertificate),
            Err(_) => Err(TokenError::KeyMismatch),
        }
    }
}
