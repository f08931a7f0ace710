//! The client's authentication, where the server asks for it: its certificate, the verdict, and the
//! proof of its key (RFC 9846, sections 4.5.1, 4.5.2 and 4.7.2). In the handshake and after it the
//! same.

use std::sync::Arc;

use super::{Context, Question};
use crate::certificate::{CertificateError, EndEntity};
use crate::error::{Error, ErrorKind};
use crate::handshake::authentication::{Accepted, Authenticated, Expected, Presented};
use crate::handshake::proof::{AnonymousAllowed, Peer};
use crate::handshake::{Side, credential, expect};
use crate::key_schedule::Transcript;
use crate::registry::{CertificateType, HandshakeType};
use crate::reply::Reply;
use crate::verify::ClientAuthentication;
use crate::wire::{CertificateRequest, Extensions, HandshakeMessage};

/// What the client was asked for.
pub(in crate::handshake) struct Asked {
    pub(in crate::handshake) policy: Arc<ClientAuthentication>,
    pub(in crate::handshake) certificate_type: CertificateType,
    pub(in crate::handshake) request_context: Vec<u8>,
}

impl Asked {
    /// Asks.
    pub(in crate::handshake) fn send(&self, transcript: &mut Transcript, context: &mut Context) {
        let request = CertificateRequest {
            request_context: &self.request_context,
            extensions: Extensions::written(&self.policy.extensions),
            ..CertificateRequest::default()
        };
        context.send(Some(transcript), |out| request.encode(out));
    }
}

/// Where the client's answer stands, up to its Finished.
pub(in crate::handshake) enum ClientCertificate {
    /// Its Certificate is due.
    Expected(Asked),
    /// The verifier was asked, and has not answered yet.
    Verifying(Asked, EndEntity),
    /// The certificate is good; the proof of its key is due.
    Accepted(Asked, Accepted),
    /// It is known who the client is.
    Known(Client),
}

/// Who the client is.
pub(in crate::handshake) enum Client {
    Anonymous(AnonymousAllowed),
    Authenticated(Authenticated),
}

impl Client {
    /// Says who it is, if it has shown that.
    pub(in crate::handshake) fn show(&self, context: &mut Context) {
        if let Self::Authenticated(authenticated) = self {
            context.resumption.credential = credential::shown(&authenticated.question);
            context.show_peer();
            context.parameters.client_signature_scheme = Some(authenticated.scheme);
        }
    }

    pub(in crate::handshake) fn into_peer(self) -> Peer {
        match self {
            Self::Anonymous(allowed) => Peer::AnonymousClient(allowed),
            Self::Authenticated(authenticated) => Peer::Client(authenticated.proof),
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
            Self::Expected(asked) => Self::on_certificate(asked, message, transcript, context),
            Self::Accepted(asked, accepted) => {
                let authenticated = accepted.check(
                    message,
                    Side::Client,
                    &asked.policy.signatures,
                    |scheme| asked.policy.schemes.contains(&scheme),
                    transcript,
                    context,
                )?;
                Ok(Self::Known(Client::Authenticated(authenticated)))
            }
            Self::Verifying(..) | Self::Known(_) => {
                Err(ErrorKind::Internal("a message was not held back").into())
            }
        }
    }

    fn on_certificate(
        asked: Asked,
        message: &HandshakeMessage<'_>,
        transcript: &mut Transcript,
        context: &mut Context,
    ) -> Result<Self, Error> {
        expect(message, HandshakeType::CERTIFICATE)?;
        let policy = &asked.policy;
        let expected = Expected {
            request_context: &asked.request_context,
            certificate_type: asked.certificate_type,
            asked: &policy.asked,
            server_name: None,
        };
        let presented = Presented::read(message.body, &expected, context)?;
        transcript.add(message);
        let Some(presented) = presented else {
            let allowed = AnonymousAllowed::by(Some(policy), true)?;
            return Ok(Self::Known(Client::Anonymous(allowed)));
        };
        let Presented { end_entity, question } = presented;
        let reply = credential::ask(&*policy.verifier, &question);
        let state = Self::Verifying(asked, end_entity);
        match reply {
            Reply::Now(verdict) => state.on_verdict(question, verdict, context),
            Reply::Later => {
                context.ask(question);
                Ok(state)
            }
        }
    }

    pub(in crate::handshake) fn on_verdict(
        self,
        question: Question,
        verdict: Result<(), CertificateError>,
        context: &mut Context,
    ) -> Result<Self, Error> {
        let Self::Verifying(asked, end_entity) = self else {
            return Err(ErrorKind::Internal("an answer came without its question").into());
        };
        Ok(Self::Accepted(asked, Accepted::new(end_entity, question, verdict, context)?))
    }
}
