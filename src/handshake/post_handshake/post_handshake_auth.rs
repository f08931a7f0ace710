//! Post-handshake authentication of the client (RFC 9846, section 4.7.2): [`PostHandshakeAuthServer`]
//! asks, [`PostHandshakeAuthClient`] answers. The messages of the answer are those of the handshake:
//! `client/certificate_request.rs` makes them, `server/client_certificate.rs` checks them.

use std::sync::Arc;

use super::Context;
use crate::certificate::CertificateError;
use crate::config::ClientConfig;
use crate::crypto::{SecureRandom, provider_fault};
use crate::error::{Error, ErrorKind};
use crate::handshake::Handshake;
use crate::handshake::authentication::{check_finished, send_finished};
use crate::handshake::client::certificate_request::{CertificateResponse, ResponseProgress};
use crate::handshake::peer_identity::ClaimedIdentity;
use crate::handshake::question::{Answered, not_asked};
use crate::handshake::server::client_certificate::{
    Client, ClientCertificate, SentCertificateRequest,
};
use crate::handshake::traffic_secrets::ConnectionSecrets;
use crate::key_schedule::{TrafficSecret, Transcript};
use crate::observer::Event;
use crate::registry::{CertificateType, HandshakeType};
use crate::verify::ClientCertificatePolicy;
use crate::wire::{Certificate, CertificateRequest, ExtensionType, HandshakeMessage};

impl Handshake {
    /// Asks the client for a certificate after the handshake (sections 4.3.6 and 4.7.2). Once
    /// the client has authenticated, [`parameters`](Self::parameters) say who it is, and the observer gets an event.
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] on a client, before the handshake is complete, when the
    /// configuration has no
    /// [`client_authentication`](crate::config::ServerConfigBuilder::client_authentication), the
    /// client did not offer post-handshake authentication or has no certificate of an accepted type,
    /// an external pre-shared key was used, or
    /// [`Limits::certificate_requests`](crate::config::Limits::certificate_requests) are open:
    /// nothing has changed then.
    pub fn request_client_certificate(&mut self) -> Result<(), Error> {
        let (connected, context) = self.connected_mut()?;
        let server = connected.role.as_server_mut();
        let Some(auth) = server.and_then(|server| server.post_handshake_auth.as_mut()) else {
            let reason = "the client cannot be asked for a certificate after this handshake";
            return Err(ErrorKind::Misuse(reason).into());
        };
        if auth.open_requests() >= context.config.limits.certificate_requests {
            let reason = "too many requests for the client's certificate are open";
            return Err(ErrorKind::Misuse(reason).into());
        }
        auth.send_request(context).map_err(|error| self.fail(error))?;
        // The answer is no flood: it was asked for.
        self.context.messages_without_data = 0;
        Ok(())
    }

    /// How many requests for its certificate the client has not answered yet.
    pub fn open_certificate_requests(&self) -> usize {
        let server = self.connected().ok().and_then(|connected| connected.role.as_server());
        let auth = server.and_then(|server| server.post_handshake_auth.as_ref());
        auth.map_or(0, |auth| auth.open_requests())
    }
}

/// A client that sent post_handshake_auth. A CertificateRequest to another client is an
/// `unexpected_message` (section 4.7.2).
pub(in crate::handshake) struct PostHandshakeAuthClient {
    config: Arc<ClientConfig>,
    certificate_type: CertificateType,
    /// From the ClientHello to the client's Finished.
    transcript: Transcript,
    /// The answer that is being made: it waits for a question.
    response: Option<Box<CertificateResponse>>,
}

impl PostHandshakeAuthClient {
    pub(in crate::handshake) fn new(
        config: Arc<ClientConfig>,
        certificate_type: CertificateType,
        transcript: Transcript,
    ) -> Box<Self> {
        Box::new(Self { config, certificate_type, transcript, response: None })
    }

    /// A CertificateRequest came (section 4.7.2). Without signature_algorithms, it is a
    /// `missing_extension`. Its context may be anything.
    pub(super) fn on_request(
        &mut self,
        message: &HandshakeMessage<'_>,
        secrets: &ConnectionSecrets,
        context: &mut Context,
    ) -> Result<(), Error> {
        let request = CertificateRequest::parse(message.body)?;
        if request.signature_algorithms.is_none() {
            return Err(Error::missing(message.kind, ExtensionType::SIGNATURE_ALGORITHMS));
        }
        if context.closed {
            return Ok(());
        }
        let transcript = self.transcript.fork_with(message.bytes);
        let body = message.body.to_vec();
        let kind = self.certificate_type;
        let progress = CertificateResponse::begin(&self.config, body, kind, transcript, context)?;
        self.send_or_wait(progress, secrets, context)
    }

    pub(super) fn on_answer(
        &mut self,
        answered: Answered,
        secrets: &ConnectionSecrets,
        context: &mut Context,
    ) -> Result<(), Error> {
        let response = self.response.take().ok_or_else(not_asked)?;
        let progress = response.on_answer(answered, context)?;
        self.send_or_wait(progress, secrets, context)
    }

    /// Drops the answer that is being made; true if there was one.
    pub(super) fn give_up(&mut self) -> bool {
        self.response.take().is_some()
    }

    fn send_or_wait(
        &mut self,
        progress: ResponseProgress,
        secrets: &ConnectionSecrets,
        context: &mut Context,
    ) -> Result<(), Error> {
        match progress {
            ResponseProgress::Waiting(response) => self.response = Some(response),
            ResponseProgress::Sent(mut transcript) => {
                send_finished(&secrets.write()?, &mut transcript, context)?;
            }
        }
        Ok(())
    }
}

/// What a server asks its client for, where the client sent post_handshake_auth.
pub(in crate::handshake) struct PostHandshakeAuthTerms {
    pub(in crate::handshake) policy: Arc<ClientCertificatePolicy>,
    pub(in crate::handshake) certificate_type: CertificateType,
    pub(in crate::handshake) random: Arc<dyn SecureRandom>,
}

/// A server whose client sent post_handshake_auth (sections 4.3.6 and 4.7.2).
pub(in crate::handshake) struct PostHandshakeAuthServer {
    terms: PostHandshakeAuthTerms,
    /// From the ClientHello to the client's Finished.
    transcript: Transcript,
    /// Requests of whose answer nothing has come yet.
    requests: Vec<OpenRequest>,
    requests_sent: u32,
    /// The answer of which a part has come.
    receiving: Option<PartialAnswer>,
}

/// A CertificateRequest, and the handshake context of its answer (section 4.5).
struct OpenRequest {
    request: SentCertificateRequest,
    transcript: Transcript,
}

struct PartialAnswer {
    client: ClientCertificate,
    transcript: Transcript,
}

impl PostHandshakeAuthServer {
    pub(in crate::handshake) fn new(
        terms: PostHandshakeAuthTerms,
        transcript: Transcript,
    ) -> Box<Self> {
        Box::new(Self {
            terms,
            transcript,
            requests: Vec::new(),
            requests_sent: 0,
            receiving: None,
        })
    }

    /// Requests that the client has not answered, or not yet to the end.
    pub(super) fn open_requests(&self) -> usize {
        self.requests.len() + usize::from(self.is_receiving())
    }

    /// Has a part of an answer come? Nothing else may come before its end.
    pub(super) fn is_receiving(&self) -> bool {
        self.receiving.is_some()
    }

    /// May a message of this type come, as a part of an answer?
    pub(super) fn awaits(&self, received: HandshakeType) -> bool {
        match received {
            HandshakeType::CERTIFICATE => !self.is_receiving() && !self.requests.is_empty(),
            HandshakeType::CERTIFICATE_VERIFY | HandshakeType::FINISHED => self.is_receiving(),
            _ => false,
        }
    }

    fn send_request(&mut self, context: &mut Context) -> Result<(), Error> {
        let request = SentCertificateRequest {
            policy: self.terms.policy.for_request(),
            certificate_type: self.terms.certificate_type,
            request_context: self.request_context()?,
        };
        self.requests_sent = self.requests_sent.wrapping_add(1);
        let mut transcript = self.transcript.fork_with(&[]);
        request.send(&mut transcript, context);
        self.requests.push(OpenRequest { request, transcript });
        Ok(())
    }

    /// A number, so that it is unique, and random bytes, so that it cannot be predicted (section
    /// 4.4.2).
    fn request_context(&self) -> Result<Vec<u8>, Error> {
        let mut random = [0; 28];
        provider_fault::fill(&*self.terms.random, &mut random)?;
        Ok([&self.requests_sent.to_be_bytes()[..], &random].concat())
    }

    /// A message of an answer came.
    pub(super) fn on_message(
        &mut self,
        message: &HandshakeMessage<'_>,
        secrets: &ConnectionSecrets,
        context: &mut Context,
    ) -> Result<(), Error> {
        let PartialAnswer { client, mut transcript } = match self.receiving.take() {
            Some(answer) => answer,
            None => self.answered_request(message)?,
        };
        let client = match client {
            ClientCertificate::Known(client) => {
                return finish(&client, &mut transcript, message, &secrets.read()?, context);
            }
            client => client.on_message(message, &mut transcript, context)?,
        };
        self.receiving = Some(PartialAnswer { client, transcript });
        Ok(())
    }

    /// The request that this Certificate answers: they may be answered in any order. A
    /// certificate_request_context of no open request is an `illegal_parameter` (section 4.7.2).
    fn answered_request(&mut self, message: &HandshakeMessage<'_>) -> Result<PartialAnswer, Error> {
        if self.requests.is_empty() || message.kind != HandshakeType::CERTIFICATE {
            return Err(Error::unexpected("KeyUpdate or data", message.kind));
        }
        let context = Certificate::parse(message.body)?.request_context;
        let mut open = self.requests.iter();
        let Some(index) = open.position(|open| open.request.request_context == context) else {
            let reason = "no request is open that has it";
            return Err(Error::illegal(message.kind, "certificate_request_context", reason));
        };
        let OpenRequest { request, transcript } = self.requests.swap_remove(index);
        Ok(PartialAnswer { client: ClientCertificate::Awaited(request), transcript })
    }

    /// The verifier has answered.
    pub(super) fn on_verified(
        &mut self,
        identity: ClaimedIdentity,
        result: Result<(), CertificateError>,
        context: &mut Context,
    ) -> Result<(), Error> {
        let PartialAnswer { client, transcript } = self.receiving.take().ok_or_else(not_asked)?;
        let client = client.on_verified(identity, result, context)?;
        self.receiving = Some(PartialAnswer { client, transcript });
        Ok(())
    }
}

/// The Finished of an answer. Only now is the client authenticated.
fn finish(
    client: &Client,
    transcript: &mut Transcript,
    message: &HandshakeMessage<'_>,
    read: &TrafficSecret,
    context: &mut Context,
) -> Result<(), Error> {
    check_finished(message, read, transcript, context)?;
    client.show(context);
    let is_authenticated = matches!(client, Client::Authenticated(_));
    context.observers.emit(|| Event::PostHandshakeAuthentication(is_authenticated));
    Ok(())
}
