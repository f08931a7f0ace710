//! Authentication of the client after the handshake (RFC 9846, section 4.7.2): [`Asking`] on a
//! server, [`Answering`] on a client.

use std::sync::Arc;

use super::authentication::{check_finished, send_finished};
use super::client::authentication::{Authenticating, Progress};
use super::post_handshake::Connected;
use super::proof::Peer;
use super::server::client_certificate::{Asked, Client, ClientCertificate};
use super::{Answer, Context, Handshake, Question};
use crate::config::{ClientConfig, ServerConfig};
use crate::crypto::provider_fault;
use crate::error::{Error, ErrorKind};
use crate::key_schedule::{TrafficSecret, Transcript};
use crate::observer::Event;
use crate::registry::{CertificateType, HandshakeType};
use crate::wire::{Certificate, CertificateRequest, ExtensionType, HandshakeMessage};

impl Handshake {
    /// Asks the client for a certificate after the handshake (section 4.7.2). When the answer was
    /// proved, [`parameters`](Self::parameters) say who the client is, and the observer is told.
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] on a client, before the handshake is complete, when the
    /// configuration has no
    /// [`client_authentication`](crate::config::ServerConfigBuilder::client_authentication), the
    /// client did not offer to be asked or cannot show what is taken, an external pre-shared key
    /// was used, or [`Limits::certificate_requests`](crate::config::Limits::certificate_requests) are open: nothing has changed then.
    pub fn request_client_certificate(&mut self) -> Result<(), Error> {
        let asking = self.connected()?.asking();
        let reason = "the client cannot be asked for a certificate after this handshake";
        let open = asking.ok_or(ErrorKind::Misuse(reason))?.outstanding();
        if open >= self.limits().certificate_requests {
            let reason = "too many requests for the client's certificate are open";
            return Err(ErrorKind::Misuse(reason).into());
        }
        // The answer is no flood: it was asked for.
        self.messages_without_data = 0;
        self.with_connected(Connected::request_certificate)
    }

    /// How many requests for its certificate the client has not answered yet.
    pub fn open_certificate_requests(&self) -> usize {
        let asking = self.connected().ok().and_then(Connected::asking);
        asking.map_or(0, Asking::outstanding)
    }
}

/// A client that said post_handshake_auth.
pub(super) struct Answering {
    config: Arc<ClientConfig>,
    certificate_type: CertificateType,
    /// From the ClientHello to the client's Finished.
    transcript: Transcript,
    under_way: Option<Box<Authenticating>>,
}

impl Answering {
    pub(super) fn new(
        config: Arc<ClientConfig>,
        certificate_type: CertificateType,
        transcript: Transcript,
    ) -> Box<Self> {
        Box::new(Self { config, certificate_type, transcript, under_way: None })
    }

    /// A CertificateRequest came. The answer's Finished is made with the key of `write`.
    pub(super) fn on_request(
        &mut self,
        message: &HandshakeMessage<'_>,
        write: &TrafficSecret,
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
        let (config, kind, body) = (&self.config, self.certificate_type, message.body.to_vec());
        let progress = Authenticating::begin(config, body, kind, transcript, context)?;
        self.go_on(progress, write, context)
    }

    pub(super) fn on_answer(
        &mut self,
        question: Question,
        answer: Answer,
        write: &TrafficSecret,
        context: &mut Context,
    ) -> Result<(), Error> {
        let authenticating = self.under_way.take();
        let authenticating =
            authenticating.ok_or(ErrorKind::Internal("an answer came without its question"))?;
        let progress = authenticating.on_answer(question, answer, context)?;
        self.go_on(progress, write, context)
    }

    /// Drops the answer that is under way; true if there was one.
    pub(super) fn give_up(&mut self) -> bool {
        self.under_way.take().is_some()
    }

    fn go_on(
        &mut self,
        progress: Progress,
        write: &TrafficSecret,
        context: &mut Context,
    ) -> Result<(), Error> {
        match progress {
            Progress::Resting(authenticating) => self.under_way = Some(authenticating),
            Progress::Sent(mut transcript) => send_finished(write, &mut transcript, context)?,
        }
        Ok(())
    }
}

/// A server whose client said post_handshake_auth.
pub(super) struct Asking {
    config: Arc<ServerConfig>,
    certificate_type: CertificateType,
    /// From the ClientHello to the client's Finished.
    transcript: Transcript,
    /// Requests without an answer yet, each with its handshake context.
    requests: Vec<(Asked, Transcript)>,
    requests_sent: u32,
    under_way: Option<UnderWay>,
}

/// An answer of which something has come.
struct UnderWay {
    client: ClientCertificate,
    transcript: Transcript,
}

impl Asking {
    pub(super) fn new(
        config: Arc<ServerConfig>,
        certificate_type: CertificateType,
        transcript: Transcript,
    ) -> Box<Self> {
        let (requests, requests_sent) = (Vec::new(), 0);
        let under_way = None;
        Box::new(Self { config, certificate_type, transcript, requests, requests_sent, under_way })
    }

    /// Requests that the client has not answered yet.
    pub(super) fn outstanding(&self) -> usize {
        self.requests.len() + usize::from(self.under_way.is_some())
    }

    /// Has a part of an answer come? Nothing else may come before its end.
    pub(super) fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// May a message of this type come, as a part of an answer?
    pub(super) fn awaits(&self, received: HandshakeType) -> bool {
        match received {
            HandshakeType::CERTIFICATE => !self.is_under_way() && !self.requests.is_empty(),
            HandshakeType::CERTIFICATE_VERIFY | HandshakeType::FINISHED => self.is_under_way(),
            _ => false,
        }
    }

    /// Asks the client.
    pub(super) fn send_request(&mut self, context: &mut Context) -> Result<(), Error> {
        const CONTEXT_LENGTH: usize = 32;
        let policy = self.config.client_authentication.clone();
        let policy = policy.ok_or(ErrorKind::Internal("there is no policy for clients"))?;
        // Unique by its number, and not to be known beforehand (section 4.4.2).
        let mut request_context = self.requests_sent.to_be_bytes().to_vec();
        let number_length = request_context.len();
        request_context.resize(CONTEXT_LENGTH, 0);
        if let Some(random) = request_context.get_mut(number_length..) {
            provider_fault::fill(&*self.config.provider.random, random)?;
        }
        self.requests_sent = self.requests_sent.wrapping_add(1);
        let asked = Asked { policy, certificate_type: self.certificate_type, request_context };
        let mut transcript = self.transcript.fork_with(&[]);
        asked.send(&mut transcript, context);
        self.requests.push((asked, transcript));
        Ok(())
    }

    /// A message of an answer came; `read` made the key of its Finished. Returns who the client is
    /// once that is proved.
    pub(super) fn on_message(
        &mut self,
        message: &HandshakeMessage<'_>,
        read: &TrafficSecret,
        context: &mut Context,
    ) -> Result<Option<Peer>, Error> {
        let UnderWay { client, mut transcript } = match self.under_way.take() {
            Some(under_way) => under_way,
            None => self.answered_request(message)?,
        };
        let client = match client {
            ClientCertificate::Known(client) => {
                return finish(client, &mut transcript, message, read, context);
            }
            client => client.on_message(message, &mut transcript, context)?,
        };
        self.under_way = Some(UnderWay { client, transcript });
        Ok(None)
    }

    /// The request that this Certificate answers: they may be answered in any order.
    fn answered_request(&mut self, message: &HandshakeMessage<'_>) -> Result<UnderWay, Error> {
        if self.requests.is_empty() || message.kind != HandshakeType::CERTIFICATE {
            return Err(Error::unexpected("KeyUpdate or data", message.kind));
        }
        let context = Certificate::parse(message.body)?.request_context;
        let same = |(asked, _): &(Asked, Transcript)| asked.request_context == context;
        let Some(place) = self.requests.iter().position(same) else {
            let reason = "no request is open that has it";
            return Err(Error::illegal(message.kind, "certificate_request_context", reason));
        };
        let (asked, transcript) = self.requests.swap_remove(place);
        Ok(UnderWay { client: ClientCertificate::Expected(asked), transcript })
    }

    pub(super) fn on_answer(
        &mut self,
        question: Question,
        answer: Answer,
        context: &mut Context,
    ) -> Result<(), Error> {
        let (Some(UnderWay { client, transcript }), Answer::Peer(verdict)) =
            (self.under_way.take(), answer)
        else {
            return Err(ErrorKind::Internal("an answer came without its question").into());
        };
        let client = client.on_verdict(question, verdict, context)?;
        self.under_way = Some(UnderWay { client, transcript });
        Ok(())
    }
}

/// The Finished of an answer: only now is the client who it says it is.
fn finish(
    client: Client,
    transcript: &mut Transcript,
    message: &HandshakeMessage<'_>,
    read: &TrafficSecret,
    context: &mut Context,
) -> Result<Option<Peer>, Error> {
    check_finished(message, read, transcript, context)?;
    client.show(context);
    let shown = matches!(client, Client::Authenticated(_));
    context.observers.emit(|| Event::PostHandshakeAuthentication(shown));
    Ok(shown.then(|| client.into_peer()))
}
