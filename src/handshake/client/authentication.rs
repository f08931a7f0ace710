//! The client's own authentication, where the server asks for it: which certificate, and its
//! signature (RFC 9846, sections 4.4.2, 4.5 and 4.7.2). In the handshake and after it the same.

use std::sync::Arc;

use super::{Context, Question};
use crate::config::ClientConfig;
use crate::credential::CertifiedKey;
use crate::crypto::CryptoError;
use crate::error::{Error, ErrorKind};
use crate::handshake::authentication::{ask_to_sign, send_certificate_verify, write_certificate};
use crate::handshake::question::ChooseClientCertificate;
use crate::handshake::{Answer, Side};
use crate::key_schedule::Transcript;
use crate::registry::{CertificateType, SignatureScheme};
use crate::reply::Reply;
use crate::wire::{Certificate, CertificateEntry};

/// The own certificate is being chosen, or its signature made. Nothing of it is sent before both
/// are there: no other message may come between (section 4.7.2).
pub(in crate::handshake) struct Authenticating {
    /// The handshake context: it ends before the own Certificate.
    transcript: Transcript,
    /// The Certificate, once it was chosen.
    certificate: Vec<u8>,
}

/// Which certificate does the configuration have for this request?
pub(super) fn choose(
    config: &ClientConfig,
    question: &ChooseClientCertificate,
) -> Result<Reply<Option<Arc<CertifiedKey>>>, Error> {
    let Some(resolver) = &config.client_certificates else { return Ok(Reply::Now(None)) };
    Ok(resolver.choose(&question.request()?, question.certificate_type))
}

/// The certificate that was chosen, and the scheme to sign with; `None` where it is of another type
/// than was agreed on, or signs with none of the request's schemes.
pub(super) fn usable(
    question: &ChooseClientCertificate,
    choice: Option<Arc<CertifiedKey>>,
) -> Result<Option<(Arc<CertifiedKey>, SignatureScheme)>, Error> {
    let schemes = question.request()?.signature_algorithms;
    let (Some(key), Some(schemes)) = (choice, schemes) else { return Ok(None) };
    if key.certificate_type() != question.certificate_type {
        return Ok(None);
    }
    Ok(key.scheme_for_request(schemes).map(|scheme| (key, scheme)))
}

/// How far it came.
pub(in crate::handshake) enum Progress {
    /// It rests on a question.
    Resting(Box<Authenticating>),
    /// All but the Finished was sent.
    Sent(Transcript),
}

impl Authenticating {
    /// Answers the CertificateRequest with this body; `transcript` is the handshake context.
    pub(in crate::handshake) fn begin(
        config: &ClientConfig,
        body: Vec<u8>,
        certificate_type: CertificateType,
        transcript: Transcript,
        context: &mut Context,
    ) -> Result<Progress, Error> {
        let question = ChooseClientCertificate { body, certificate_type };
        let reply = choose(config, &question)?;
        let state = Box::new(Self { transcript, certificate: Vec::new() });
        match reply {
            Reply::Now(choice) => state.on_choice(&question, choice, context),
            Reply::Later => {
                context.ask(Question::ChooseClientCertificate(question));
                Ok(Progress::Resting(state))
            }
        }
    }

    pub(in crate::handshake) fn on_answer(
        self: Box<Self>,
        question: Question,
        answer: Answer,
        context: &mut Context,
    ) -> Result<Progress, Error> {
        match (question, answer) {
            (Question::ChooseClientCertificate(question), Answer::ClientCertificate(choice)) => {
                self.on_choice(&question, choice, context)
            }
            (Question::Sign(question), Answer::Signature(signature)) => {
                self.on_signature(question.scheme, signature, context)
            }
            _ => Err(ErrorKind::Internal("an answer came without its question").into()),
        }
    }

    fn on_choice(
        mut self: Box<Self>,
        question: &ChooseClientCertificate,
        choice: Option<Arc<CertifiedKey>>,
        context: &mut Context,
    ) -> Result<Progress, Error> {
        let request = question.request()?;
        let chosen = usable(question, choice)?;
        context.resumption.answered(question, chosen.as_ref().map(|(key, _)| &**key));
        let request_context = request.request_context;
        let Some((key, scheme)) = chosen else {
            let Self { mut transcript, .. } = *self;
            let none: [CertificateEntry<'_>; 0] = [];
            context.send(Some(&mut transcript), |out| {
                Certificate::encode(out, request_context, none);
            });
            return Ok(Progress::Sent(transcript));
        };
        let shown = key.staples_for(|kind| request.extensions.get(kind).is_some());
        write_certificate(&mut self.certificate, request_context, &key, shown);
        let with_certificate = self.transcript.fork_with(&self.certificate);
        let (sign, signature) = ask_to_sign(key, scheme, Side::Client, &with_certificate);
        match signature {
            Reply::Now(signature) => self.on_signature(scheme, signature, context),
            Reply::Later => {
                context.ask(Question::Sign(sign));
                Ok(Progress::Resting(self))
            }
        }
    }

    fn on_signature(
        self,
        scheme: SignatureScheme,
        signature: Result<Vec<u8>, CryptoError>,
        context: &mut Context,
    ) -> Result<Progress, Error> {
        let Self { mut transcript, certificate } = self;
        context.send(Some(&mut transcript), |out| out.extend_from_slice(&certificate));
        context.parameters.client_signature_scheme = Some(scheme);
        send_certificate_verify(scheme, signature, &mut transcript, context)?;
        Ok(Progress::Sent(transcript))
    }
}
