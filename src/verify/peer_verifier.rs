use core::fmt;
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use pki_types::{CertificateDer, ServerName, UnixTime};

use super::OcspRequest;
use crate::certificate::{CertificateError, CertificateErrorKind, EndEntity};
use crate::registry::CertificateType;
use crate::reply::{AnswerLater, Reply};

/// The certificates of a peer, and what a [`PeerVerifier`] needs to verify them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PeerIdentity {
    /// The chain as the peer sent it, the peer's own certificate first. It is never empty.
    pub chain: Arc<[CertificateDer<'static>]>,
    /// The name of the server that the client connects to. `None` if the peer is a client.
    pub server_name: Option<ServerName<'static>>,
    /// The time of the connection.
    pub now: UnixTime,
    /// The OCSP response that is stapled to the peer's own certificate: its DER, as the peer sent it.
    /// Nothing has verified it.
    pub ocsp_response: Option<Arc<[u8]>>,
    /// The signed certificate timestamps (RFC 6962) that came with the peer's own certificate. Nothing
    /// has verified them.
    pub signed_certificate_timestamps: Vec<Vec<u8>>,
    pub(crate) ocsp_request: Option<OcspRequest>,
    decoded: OnceLock<DecodedEndEntity>,
}

/// The peer's own certificate, and the chain that it was decoded from: the field `chain` of an identity
/// can be replaced. The chain may be a verifier's copy, which has the same certificates.
#[derive(Clone, Debug)]
struct DecodedEndEntity {
    chain: Arc<[CertificateDer<'static>]>,
    end_entity: EndEntity,
}

impl PeerIdentity {
    /// The identity of a peer that was not asked for an OCSP response, and sent nothing but this chain.
    pub fn new(
        chain: Arc<[CertificateDer<'static>]>,
        server_name: Option<ServerName<'static>>,
        now: UnixTime,
    ) -> Self {
        Self {
            chain,
            server_name,
            now,
            ocsp_response: None,
            signed_certificate_timestamps: Vec::new(),
            ocsp_request: None,
            decoded: OnceLock::new(),
        }
    }

    /// Whether this side requested an OCSP response. Some certificates then demand one (RFC 7633).
    pub fn ocsp_requested(&self) -> bool {
        self.ocsp_request.is_some()
    }

    /// As if this side had requested an OCSP response, or had not.
    pub fn set_ocsp_requested(&mut self, requested: bool) {
        self.ocsp_request = requested.then(OcspRequest::new);
    }

    /// The peer's own certificate. It is decoded once, for the verifier and for the handshake, unless
    /// `chain` was replaced.
    ///
    /// # Errors
    /// [`CertificateErrorKind::Malformed`](crate::certificate::CertificateErrorKind::Malformed).
    pub fn end_entity(&self) -> Result<Cow<'_, EndEntity>, CertificateError> {
        if let Some(kept) = self.kept_end_entity() {
            return Ok(Cow::Borrowed(kept));
        }
        let Some(own) = self.chain.first() else {
            let kind = CertificateErrorKind::Malformed("the chain is empty".into());
            return Err(CertificateError { certificate: "(none)".into(), kind });
        };
        let end_entity = EndEntity::parse(own)?;
        if self.decoded.get().is_some() {
            return Ok(Cow::Owned(end_entity));
        }
        Ok(Cow::Borrowed(self.keep_end_entity(end_entity)))
    }

    /// The peer's own certificate, if it was decoded from this chain.
    fn kept_end_entity(&self) -> Option<&EndEntity> {
        Some(&self.kept()?.end_entity)
    }

    /// What was decoded from the certificates of this chain.
    fn kept(&self) -> Option<&DecodedEndEntity> {
        self.decoded.get().filter(|decoded| decoded.chain == self.chain)
    }

    /// Keeps the peer's own certificate, which a verifier has decoded. What was kept first stays.
    pub(super) fn keep_end_entity(&self, end_entity: EndEntity) -> &EndEntity {
        self.keep_accepted(Arc::clone(&self.chain), end_entity)
    }

    /// As [`keep_end_entity`](Self::keep_end_entity), with the verifier's own copy of the chain.
    pub(super) fn keep_accepted(
        &self,
        chain: Arc<[CertificateDer<'static>]>,
        end_entity: EndEntity,
    ) -> &EndEntity {
        &self.decoded.get_or_init(|| DecodedEndEntity { chain, end_entity }).end_entity
    }

    /// The chain, for the time of the connection. It is the copy of a verifier that has accepted the same
    /// certificates before: then all connections to a server have them once.
    pub(crate) fn chain_to_keep(&self) -> Arc<[CertificateDer<'static>]> {
        let chain = self.kept().map_or(&self.chain, |kept| &kept.chain);
        Arc::clone(chain)
    }
}

/// The raw public key of a peer (RFC 7250), and what a [`PeerVerifier`] needs to verify it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RawPublicKey {
    /// The DER of the SubjectPublicKeyInfo.
    pub subject_public_key_info: Arc<[u8]>,
    /// The name of the server that the client connects to. `None` if the peer is a client.
    pub server_name: Option<ServerName<'static>>,
    /// The time of the connection.
    pub now: UnixTime,
}

impl RawPublicKey {
    /// The key of a peer, as the DER of a SubjectPublicKeyInfo.
    pub fn new(
        subject_public_key_info: Arc<[u8]>,
        server_name: Option<ServerName<'static>>,
        now: UnixTime,
    ) -> Self {
        Self { subject_public_key_info, server_name, now }
    }
}

/// Verifies the certificates or the raw public key of a peer.
///
/// An implementation replaces all of certificate validation: path, name, dates and revocation. It
/// does not replace the check of the signature over the handshake (CertificateVerify), which the
/// handshake always does itself.
///
/// Both sides agree on raw public keys only if [`certificate_types`](Self::certificate_types) lists
/// them. An implementation that knows only X.509 is never asked about a raw public key, and refuses it.
///
/// The verifier is asked again before a session is resumed: with the chain, the OCSP response and the
/// timestamps of the handshake that created the session, and with the time of the new connection.
/// After a refusal there is a full handshake.
///
/// # Examples
///
/// A verifier that accepts what the default verifier accepts, and logs each refusal:
///
/// ```
/// use handclasp::Reply;
/// use handclasp::certificate::CertificateError;
/// use handclasp::verify::{PeerIdentity, PeerVerifier, TrustAnchorVerifier};
///
/// #[derive(Debug)]
/// struct Logged(TrustAnchorVerifier);
///
/// impl PeerVerifier for Logged {
///     fn verify(&self, peer: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
///         let reply = self.0.verify(peer);
///         if let Reply::Now(Err(error)) = &reply {
///             eprintln!("{:?} is refused: {error}", peer.server_name);
///         }
///         reply
///     }
/// }
/// ```
pub trait PeerVerifier: Send + Sync + fmt::Debug {
    /// Accepts or refuses certificates of X.509.
    ///
    /// # Errors
    /// The reason of a refusal. It selects the alert, and the application sees it in the error of the
    /// connection.
    fn verify(&self, peer: &PeerIdentity) -> Reply<Result<(), CertificateError>>;

    /// The types of certificate that this verifier can verify, the preferred one first. By default this
    /// is X.509 alone.
    fn certificate_types(&self) -> &[CertificateType] {
        &[CertificateType::X509]
    }

    /// The names of what it trusts, for the diagnosis of an error: at most 16 as text, and then how many
    /// more there are. By default it names none.
    fn trusted_names(&self) -> Vec<String> {
        Vec::new()
    }

    /// The DER of the names of the authorities whose certificates it accepts now, for a server that
    /// [names them to its clients](super::ClientAuthentication::authorities_of_verifier). By default there
    /// are none.
    fn authorities(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }

    /// Accepts or refuses a raw public key. By default it is refused.
    ///
    /// # Errors
    /// The reason of a refusal, as in [`verify`](Self::verify).
    fn verify_raw_public_key(&self, _: &RawPublicKey) -> Reply<Result<(), CertificateError>> {
        Reply::Now(Err(CertificateError::rejected("this verifier takes no raw public keys")))
    }
}

impl PeerVerifier for AnswerLater {
    fn verify(&self, _: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        Reply::Later
    }
}
