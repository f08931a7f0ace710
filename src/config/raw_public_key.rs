use pki_types::CertificateDer;

use super::{PeerIdentity, PeerVerifier, RawPublicKey, Reply};
use crate::certificate::{CertificateError, EndEntity};
use crate::registry::CertificateType;

/// Takes peers whose raw public key (RFC 7250) is one of a set, and nobody else.
///
/// Whoever holds one of the private keys passes for every name: give each server's connections a
/// set of their own.
#[derive(Clone, Debug, Default)]
pub struct PinnedPublicKeys {
    keys: Vec<Vec<u8>>,
}

impl PinnedPublicKeys {
    /// These keys: each the DER of a SubjectPublicKeyInfo.
    pub fn new(keys: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self { keys: keys.into_iter().collect() }
    }

    /// The keys of these certificates.
    ///
    /// # Errors
    /// When a certificate is malformed.
    pub fn of_certificates(certificates: &[CertificateDer<'_>]) -> Result<Self, CertificateError> {
        let key = |it| Ok(EndEntity::parse(it)?.subject_public_key_info().to_vec());
        Ok(Self { keys: certificates.iter().map(key).collect::<Result<_, CertificateError>>()? })
    }
}

impl PeerVerifier for PinnedPublicKeys {
    fn verify(&self, _: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        Reply::Now(Err(CertificateError::rejected("raw public keys are taken only")))
    }

    fn certificate_types(&self) -> &[CertificateType] {
        &[CertificateType::RAW_PUBLIC_KEY]
    }

    fn verify_raw_public_key(&self, peer: &RawPublicKey) -> Reply<Result<(), CertificateError>> {
        let known = self.keys.iter().any(|key| **key == *peer.subject_public_key_info);
        let stranger = || CertificateError::rejected("its public key is none of the pinned ones");
        Reply::Now(known.then_some(()).ok_or_else(stranger))
    }
}
