//! What the peer has proved itself with: from the question about it to the session, and back to the
//! same question when the session is to be resumed. The same on both sides.

use std::sync::Arc;

use pki_types::{ServerName, UnixTime};

use super::Question;
use crate::certificate::{CertificateError, EndEntity};
use crate::crypto::SignatureAlgorithms;
use crate::registry::{CertificateType, SignatureScheme};
use crate::reply::Reply;
use crate::session::{PeerCertificates, PeerCredential};
use crate::verify::{PeerIdentity, PeerVerifier, RawPublicKey};

/// What the peer has shown, of which the question is whether it is good.
pub(super) fn shown(question: &Question) -> PeerCredential {
    match question {
        Question::VerifyPeer(identity) => PeerCredential::Certificates(PeerCertificates {
            chain: Arc::clone(&identity.chain),
            ocsp_response: identity.ocsp_response.clone(),
            timestamps: identity.signed_certificate_timestamps.clone(),
        }),
        Question::VerifyRawPublicKey(key) => {
            PeerCredential::RawPublicKey(Arc::clone(&key.subject_public_key_info))
        }
        _ => PeerCredential::None,
    }
}

/// Asks a verifier whether what the peer has shown is good.
pub(super) fn ask(
    verifier: &dyn PeerVerifier,
    question: &Question,
) -> Reply<Result<(), CertificateError>> {
    match question {
        Question::VerifyPeer(identity) => verifier.verify(identity),
        Question::VerifyRawPublicKey(key) => verifier.verify_raw_public_key(key),
        _ => Reply::Later,
    }
}

/// Who is asked again, and what about.
pub(super) struct Again<'a> {
    pub(super) verifier: &'a dyn PeerVerifier,
    /// The server's name, where the peer is a server.
    pub(super) server_name: Option<ServerName<'static>>,
    /// Would the peer be asked for an OCSP response now?
    pub(super) ocsp_requested: bool,
    pub(super) now: UnixTime,
}

impl Again<'_> {
    /// The question about what the peer of a session has shown. `None` where it has shown neither
    /// certificates nor a key, and where the verifier does not take their type any more.
    pub(super) fn question(&self, credential: &PeerCredential) -> Option<Question> {
        let (server_name, now) = (self.server_name.clone(), self.now);
        let (kind, question) = match credential {
            PeerCredential::Certificates(certificates) => {
                let identity = PeerIdentity {
                    chain: Arc::clone(&certificates.chain),
                    server_name,
                    now,
                    ocsp_requested: self.ocsp_requested,
                    ocsp_response: certificates.ocsp_response.clone(),
                    signed_certificate_timestamps: certificates.timestamps.clone(),
                };
                (CertificateType::X509, Question::VerifyPeer(identity))
            }
            PeerCredential::RawPublicKey(key) => {
                let subject_public_key_info = Arc::clone(key);
                let key = RawPublicKey { subject_public_key_info, server_name, now };
                (CertificateType::RAW_PUBLIC_KEY, Question::VerifyRawPublicKey(key))
            }
            PeerCredential::PreSharedKey(_) | PeerCredential::None => return None,
        };
        self.verifier.certificate_types().contains(&kind).then_some(question)
    }
}

/// Does the key that the peer of a session has shown fit a scheme that this side offers now?
pub(super) fn is_for_offered_scheme(
    question: &Question,
    signatures: &SignatureAlgorithms,
    offered: impl Fn(SignatureScheme) -> bool,
) -> bool {
    let end_entity = match question {
        Question::VerifyPeer(identity) => identity.chain.first().map(EndEntity::parse),
        Question::VerifyRawPublicKey(key) => {
            Some(EndEntity::from_public_key(&key.subject_public_key_info))
        }
        _ => None,
    };
    let Some(Ok(end_entity)) = end_entity else { return false };
    let mut schemes = signatures.schemes().filter(|scheme| scheme.signs_handshakes());
    schemes.any(|scheme| offered(scheme) && end_entity.has_key_for(signatures.for_scheme(scheme)))
}
