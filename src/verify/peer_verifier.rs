use core::fmt;
use std::sync::Arc;

use pki_types::{CertificateDer, ServerName, UnixTime};

use crate::certificate::CertificateError;
use crate::registry::CertificateType;
use crate::reply::{AnswerLater, Reply};

/// Who the peer says it is, by certificates of X.509: what a [`PeerVerifier`] judges.
#[derive(Clone, Debug)]
pub struct PeerIdentity {
    /// The chain as it was sent, the peer's own certificate first. Never empty.
    pub chain: Arc<[CertificateDer<'static>]>,
    /// The name that was asked for; `None` where the peer is a client, which has no name to prove.
    pub server_name: Option<ServerName<'static>>,
    /// The time of the connection.
    pub now: UnixTime,
    /// Whether the peer was asked to staple an OCSP response, which some certificates demand then
    /// (RFC 7633).
    pub ocsp_requested: bool,
    /// The OCSP response that is stapled to the peer's own certificate: its DER, as it was sent.
    /// Nothing has verified it.
    pub ocsp_response: Option<Arc<[u8]>>,
    /// The signed certificate timestamps (RFC 6962) that came with the peer's own certificate.
    /// Nothing has verified them.
    pub signed_certificate_timestamps: Vec<Vec<u8>>,
}

/// Who the peer says it is, by a public key alone (RFC 7250): what
/// [`PeerVerifier::verify_raw_public_key`] judges.
#[derive(Clone, Debug)]
pub struct RawPublicKey {
    /// The DER of the SubjectPublicKeyInfo.
    pub subject_public_key_info: Arc<[u8]>,
    /// The name that was asked for; `None` where the peer is a client.
    pub server_name: Option<ServerName<'static>>,
    /// The time of the connection.
    pub now: UnixTime,
}

/// Judges whether a server's certificates are good for its name, or whether a client's are good.
///
/// Whoever implements this replaces all of certificate validation. The signature over the
/// handshake is checked by the handshake itself and cannot be switched off; everything else is
/// the implementation's to decide.
///
/// Raw public keys have a method of their own and are not agreed on unless
/// [`certificate_types`](Self::certificate_types) says so: an implementation that knows X.509 only
/// is never asked about one, and would refuse it.
///
/// The same is asked again before a session is resumed: with the chain, the OCSP response and the
/// timestamps of the handshake that the session goes back to, at the time of the new connection.
/// After a refusal there is a full handshake.
pub trait PeerVerifier: Send + Sync + fmt::Debug {
    /// The verdict on certificates of X.509.
    fn verify(&self, peer: &PeerIdentity) -> Reply<Result<(), CertificateError>>;

    /// The types of certificate that it can judge, the preferred one first: X.509 alone, unless an
    /// implementation says otherwise.
    fn certificate_types(&self) -> &[CertificateType] {
        &[CertificateType::X509]
    }

    /// The verdict on a raw public key: a refusal, unless an implementation says otherwise.
    fn verify_raw_public_key(&self, _: &RawPublicKey) -> Reply<Result<(), CertificateError>> {
        Reply::Now(Err(CertificateError::rejected("this verifier takes no raw public keys")))
    }
}

impl PeerVerifier for AnswerLater {
    fn verify(&self, _: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        Reply::Later
    }
}
