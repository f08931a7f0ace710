//! Who the peer says it is: as a question to the verifier, as what a session keeps of it, and as
//! the same question again when the session is to be resumed. Both sides use it.

use std::borrow::Cow;
use std::sync::Arc;

use pki_types::{ServerName, UnixTime};

use crate::certificate::{CertificateError, EndEntity};
use crate::crypto::SignatureAlgorithms;
use crate::registry::{CertificateType, SignatureScheme};
use crate::reply::Reply;
use crate::session::{PeerCertificates, PeerCredential};
use crate::verify::{OcspRequest, PeerIdentity, PeerVerifier, RawPublicKey};

/// What the peer has sent in its Certificate message.
pub(super) enum ClaimedIdentity {
    Certificates(PeerIdentity),
    RawPublicKey(RawPublicKey),
}

impl ClaimedIdentity {
    /// Asks the verifier whether to accept it.
    pub(super) fn verify(
        &self,
        verifier: &dyn PeerVerifier,
    ) -> Reply<Result<(), CertificateError>> {
        match self {
            Self::Certificates(identity) => verifier.verify(identity),
            Self::RawPublicKey(key) => verifier.verify_raw_public_key(key),
        }
    }

    /// What a session keeps of it.
    pub(super) fn into_credential(self) -> PeerCredential {
        match self {
            Self::Certificates(identity) => PeerCredential::Certificates(PeerCertificates::new(
                identity.chain_to_keep(),
                identity.ocsp_response,
                identity.signed_certificate_timestamps,
            )),
            Self::RawPublicKey(key) => PeerCredential::RawPublicKey(key.subject_public_key_info),
        }
    }

    /// Can the peer's key sign with a scheme that this side offers now?
    pub(super) fn has_key_for_offered_scheme(
        &self,
        signatures: &SignatureAlgorithms,
        offered: impl Fn(SignatureScheme) -> bool,
    ) -> bool {
        let Ok(end_entity) = self.end_entity() else { return false };
        signatures.schemes().any(|scheme| {
            scheme.signs_handshakes()
                && offered(scheme)
                && end_entity.has_key_for(signatures.for_scheme(scheme))
        })
    }

    /// The peer's own certificate, or its raw public key in the same form.
    pub(super) fn end_entity(&self) -> Result<Cow<'_, EndEntity>, CertificateError> {
        match self {
            Self::Certificates(identity) => identity.end_entity(),
            Self::RawPublicKey(key) => {
                EndEntity::from_public_key(&key.subject_public_key_info).map(Cow::Owned)
            }
        }
    }
}

/// How the peer of a session is verified again, before the session is resumed.
pub(super) struct Reverification<'a> {
    pub(super) verifier: &'a dyn PeerVerifier,
    /// The server's name, where the peer is a server.
    pub(super) server_name: Option<ServerName<'static>>,
    /// Would the peer be asked for an OCSP response now?
    pub(super) ocsp_request: Option<OcspRequest>,
    pub(super) now: UnixTime,
}

impl Reverification<'_> {
    /// The identity to verify again. `None` where the peer sent no certificate and no key, and where
    /// the verifier does not accept their type any more.
    pub(super) fn identity(self, credential: &PeerCredential) -> Option<ClaimedIdentity> {
        let Self { server_name, now, .. } = self;
        let accepted = self.verifier.certificate_types();
        match credential {
            PeerCredential::Certificates(certificates)
                if accepted.contains(&CertificateType::X509) =>
            {
                let mut identity =
                    PeerIdentity::new(Arc::clone(&certificates.chain), server_name, now);
                identity.ocsp_request = self.ocsp_request;
                identity.ocsp_response = certificates.ocsp_response().cloned();
                identity.signed_certificate_timestamps = certificates.timestamps().to_vec();
                Some(ClaimedIdentity::Certificates(identity))
            }
            PeerCredential::RawPublicKey(key)
                if accepted.contains(&CertificateType::RAW_PUBLIC_KEY) =>
            {
                let subject_public_key_info = Arc::clone(key);
                let key = RawPublicKey { subject_public_key_info, server_name, now };
                Some(ClaimedIdentity::RawPublicKey(key))
            }
            _ => None,
        }
    }
}
