//! ExpectClientCertificate: the client's authentication, where the server asks for it. Its
//! Certificate and CertificateVerify (RFC 9846, sections 4.5.1, 4.5.2 and 4.7.2) are the same in the
//! handshake and after it. `client/certificate_request.rs` is the client's half; the checks that both
//! sides make are in `authentication.rs`.

use std::sync::Arc;

use super::finished::{ClientFlight, ExpectFinished};
use super::{Context, Question, State};
use crate::certificate::CertificateError;
use crate::error::Error;
use crate::handshake::authentication::{AuthenticatedPeer, CertificateExpectation, VerifiedPeer};
use crate::handshake::peer_identity::ClaimedIdentity;
use crate::handshake::position::Position;
use crate::handshake::proof::{AnonymousAllowed, Peer};
use crate::handshake::question::{not_asked, not_held_back};
use crate::handshake::traffic_secrets::ConnectionSecrets;
use crate::handshake::{Side, Stage, expect};
use crate::key_schedule::Transcript;
use crate::registry::{CertificateType, HandshakeType};
use crate::reply::Reply;
use crate::verify::ClientCertificatePolicy;
use crate::wire::{CertificateRequest, Extensions, HandshakeMessage};

/// The server's flight was sent, with a request for a certificate in it.
pub(in crate::handshake) struct ExpectClientCertificate {
    pub(super) flight: Box<ClientFlight>,
    pub(super) secrets: ConnectionSecrets,
    pub(super) client: ClientCertificate,
}

impl ExpectClientCertificate {
    pub(super) fn on_message(
        mut self: Box<Self>,
        message: &HandshakeMessage<'_>,
        context: &mut Context,
    ) -> Result<State, Error> {
        let transcript = &mut self.flight.transcript;
        let client = match self.client.on_message(message, transcript, context)? {
            ClientCertificate::Known(client) => client,
            unknown => {
                self.client = unknown;
                return Ok(State::ExpectClientCertificate(self));
            }
        };
        client.show(context);
        let peer = client.into_peer();
        Ok(State::ExpectFinished(ExpectFinished {
            flight: self.flight,
            secrets: self.secrets,
            peer,
        }))
    }

    pub(super) fn position(&self) -> Position {
        match &self.client {
            ClientCertificate::Awaited(request) => Position::of_request(&request.policy),
            ClientCertificate::Verifying(request) => {
                Position { stage: Stage::Answer, ..Position::of_request(&request.policy) }
            }
            ClientCertificate::Verified(..) | ClientCertificate::Known(_) => {
                Position::at(Stage::ClientCertificateVerify)
            }
        }
    }

    pub(super) fn on_verified(
        mut self: Box<Self>,
        identity: ClaimedIdentity,
        result: Result<(), CertificateError>,
        context: &mut Context,
    ) -> Result<State, Error> {
        self.client = self.client.on_verified(identity, result, context)?;
        Ok(State::ExpectClientCertificate(self))
    }
}

/// A request for the client's certificate.
pub(in crate::handshake) struct SentCertificateRequest {
    pub(in crate::handshake) policy: Arc<ClientCertificatePolicy>,
    pub(in crate::handshake) certificate_type: CertificateType,
    pub(in crate::handshake) request_context: Vec<u8>,
}

impl SentCertificateRequest {
    pub(in crate::handshake) fn send(&self, transcript: &mut Transcript, context: &mut Context) {
        let request = CertificateRequest {
            request_context: &self.request_context,
            extensions: Extensions::written(&self.policy.extensions),
            ..CertificateRequest::default()
        };
        context.send(Some(transcript), |out| request.encode(out));
    }
}

/// How much of the client's authentication has come, up to its Finished (sections 4.5.1 and 4.5.2).
#[allow(clippy::large_enum_variant, reason = "it is in the box of the server's states")]
pub(in crate::handshake) enum ClientCertificate {
    /// Its Certificate is awaited.
    Awaited(SentCertificateRequest),
    /// The verifier was asked, and has not answered yet.
    Verifying(SentCertificateRequest),
    /// The verifier has accepted the certificate. The CertificateVerify is awaited.
    Verified(SentCertificateRequest, VerifiedPeer),
    /// It is known who the client is.
    Known(Client),
}

/// Who the client is.
pub(in crate::handshake) enum Client {
    Anonymous(AnonymousAllowed),
    Authenticated(AuthenticatedPeer),
}

impl Client {
    /// Puts who the client is into the parameters, if it has authenticated.
    ///
    /// A session keeps one credential of the client. If the client has shown another one before, or had
    /// one in the session that was resumed, a session could not be checked against both (see
    /// [`crate::session`]): the server sends no more tickets.
    pub(in crate::handshake) fn show(&self, context: &mut Context) {
        if let Self::Authenticated(peer) = self {
            if !context.session_basis.credential.is_none_or_same(&peer.credential) {
                context.tickets = None;
            }
            context.session_basis.credential = peer.credential.clone();
            context.show_peer();
            context.parameters.client_signature_scheme = Some(peer.scheme);
        }
    }

    pub(in crate::handshake) fn into_peer(self) -> Peer {
        match self {
            Self::Anonymous(allowed) => Peer::AnonymousClient(allowed),
            Self::Authenticated(peer) => Peer::Client(peer.proof),
        }
    }
}

impl ClientCertificate {
    pub(in crate::handshake) fn on_message(
        self,
        message: &HandshakeMessage<'_>,
        transcript: &mut Transcript,
        context: &mut Context,
    ) -> Result<Self, Error> {
        match self {
            Self::Awaited(request) => Self::on_certificate(request, message, transcript, context),
            Self::Verified(request, peer) => {
                let peer = peer.check_certificate_verify(
                    message,
                    Side::Client,
                    &request.policy.signatures,
                    |scheme| request.policy.schemes.contains(&scheme),
                    transcript,
                    context,
                )?;
                Ok(Self::Known(Client::Authenticated(peer)))
            }
            Self::Verifying(..) | Self::Known(_) => Err(not_held_back()),
        }
    }

    /// The client's Certificate came (section 4.5.1). An empty one is a `certificate_required` if
    /// the policy demands a certificate.
    fn on_certificate(
        request: SentCertificateRequest,
        message: &HandshakeMessage<'_>,
        transcript: &mut Transcript,
        context: &mut Context,
    ) -> Result<Self, Error> {
        expect(message, HandshakeType::CERTIFICATE)?;
        let policy = &request.policy;
        let expected = CertificateExpectation {
            request_context: &request.request_context,
            certificate_type: request.certificate_type,
            requested: &policy.requested,
            ocsp_request: policy.ocsp_request(),
            server_name: None,
        };
        let received = ClaimedIdentity::read(message.body, &expected, context)?;
        transcript.add(message);
        let Some(identity) = received else {
            let allowed = AnonymousAllowed::by(Some(policy), true)?;
            return Ok(Self::Known(Client::Anonymous(allowed)));
        };
        match identity.verify(&*policy.verifier) {
            Reply::Now(result) => {
                Ok(Self::Verified(request, VerifiedPeer::new(identity, result, context)?))
            }
            Reply::Later => {
                context.ask(Question::verify(identity));
                Ok(Self::Verifying(request))
            }
        }
    }

    /// The verifier has answered the question about this identity.
    pub(in crate::handshake) fn on_verified(
        self,
        identity: ClaimedIdentity,
        result: Result<(), CertificateError>,
        context: &mut Context,
    ) -> Result<Self, Error> {
        let Self::Verifying(request) = self else { return Err(not_asked()) };
        Ok(Self::Verified(request, VerifiedPeer::new(identity, result, context)?))
    }
}
