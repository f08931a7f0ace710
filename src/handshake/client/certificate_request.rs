//! CertificateRequest on a client (RFC 9846, section 4.4.2): what it must be, and the client's Certificate
//! and CertificateVerify in answer to it (section 4.5), in the handshake and after it (section 4.7.2).
//! `wire/certificate_request.rs` has its form, `server/client_certificate.rs` the server's half.

use std::sync::Arc;

use super::{Context, Question};
use crate::config::ClientConfig;
use crate::credential::CertifiedKey;
use crate::crypto::CryptoError;
use crate::error::Error;
use crate::handshake::Side;
use crate::handshake::authentication::{send_certificate_verify, sign, write_certificate};
use crate::handshake::question::{Answered, ChooseClientCertificate, not_asked};
use crate::key_schedule::Transcript;
use crate::registry::{CertificateType, SignatureScheme};
use crate::reply::Reply;
use crate::wire::{
    Certificate, CertificateEntry, CertificateRequest, ExtensionType, HandshakeMessage,
};

/// Checks the CertificateRequest of a handshake (section 4.4.2). If its certificate_request_context is not
/// empty, that is an `illegal_parameter`; without signature_algorithms, a `missing_extension`. The rest
/// of the request is read when it is answered. A request after the handshake may have a context:
/// `post_handshake/post_handshake_auth.rs` has its checks.
pub(super) fn check_request(message: &HandshakeMessage<'_>) -> Result<(), Error> {
    let request = CertificateRequest::parse(message.body)?;
    if !request.request_context.is_empty() {
        let reason = "it must be empty in a handshake";
        return Err(Error::illegal(message.kind, "certificate_request_context", reason));
    }
    if request.signature_algorithms.is_none() {
        return Err(Error::missing(message.kind, ExtensionType::SIGNATURE_ALGORITHMS));
    }
    Ok(())
}

/// The answer to a CertificateRequest, while the certificate is chosen and the signature is made.
/// Nothing of it is sent before both are there: no other message may come between (section 4.7.2).
pub(in crate::handshake) struct CertificateResponse {
    /// The handshake context, and the Certificate behind it, once it was chosen.
    transcript: Transcript,
    /// The Certificate, once it was chosen.
    certificate: Vec<u8>,
}

/// How far the answer has come.
#[allow(clippy::large_enum_variant, reason = "it is matched at once, and not stored")]
pub(in crate::handshake) enum ResponseProgress {
    /// It waits for the answer to a question.
    Waiting(Box<CertificateResponse>),
    /// All but the Finished was sent.
    Sent(Transcript),
}

/// A certificate that can be shown, and the scheme that its key signs with.
pub(super) struct UsableCertificate {
    pub(super) key: Arc<CertifiedKey>,
    scheme: SignatureScheme,
}

/// Which certificate does the configuration choose for this request?
pub(super) fn choose_certificate(
    config: &ClientConfig,
    question: &ChooseClientCertificate,
) -> Result<Reply<Option<Arc<CertifiedKey>>>, Error> {
    let Some(resolver) = &config.client_certificates else { return Ok(Reply::Now(None)) };
    Ok(resolver.choose(&question.request()?, question.certificate_type))
}

/// The certificate that was chosen. `None` where there is none, where it is of another type than was
/// agreed on, and where its key signs with none of the request's schemes.
pub(super) fn usable_certificate(
    question: &ChooseClientCertificate,
    choice: Option<Arc<CertifiedKey>>,
) -> Result<Option<UsableCertificate>, Error> {
    let schemes = question.request()?.signature_algorithms;
    let (Some(key), Some(schemes)) = (choice, schemes) else { return Ok(None) };
    if key.certificate_type() != question.certificate_type {
        return Ok(None);
    }
    Ok(key.scheme_for_request(schemes).map(|scheme| UsableCertificate { key, scheme }))
}

impl CertificateResponse {
    /// Answers the CertificateRequest with this body; `transcript` is the handshake context
    /// (sections 4.5.1 and 4.7.2).
    pub(in crate::handshake) fn begin(
        config: &ClientConfig,
        body: Vec<u8>,
        certificate_type: CertificateType,
        transcript: Transcript,
        context: &mut Context,
    ) -> Result<ResponseProgress, Error> {
        let question = ChooseClientCertificate { body, certificate_type };
        let response = Box::new(Self { transcript, certificate: Vec::new() });
        match choose_certificate(config, &question)? {
            Reply::Now(choice) => response.on_choice(&question, choice, context),
            Reply::Later => {
                context.ask(Question::ChooseClientCertificate(question));
                Ok(ResponseProgress::Waiting(response))
            }
        }
    }

    pub(in crate::handshake) fn on_answer(
        self: Box<Self>,
        answered: Answered,
        context: &mut Context,
    ) -> Result<ResponseProgress, Error> {
        match answered {
            Answered::ClientCertificate(question, choice) => {
                self.on_choice(&question, choice, context)
            }
            Answered::Signature(question, signature) => {
                self.on_signature(question.scheme, signature, context)
            }
            _ => Err(not_asked()),
        }
    }

    /// The certificate is chosen. Without a fitting certificate, the Certificate is empty and no
    /// CertificateVerify follows (sections 4.5.1 and 4.5.2).
    fn on_choice(
        mut self: Box<Self>,
        question: &ChooseClientCertificate,
        choice: Option<Arc<CertifiedKey>>,
        context: &mut Context,
    ) -> Result<ResponseProgress, Error> {
        let request = question.request()?;
        let request_context = request.request_context;
        let Some(UsableCertificate { key, scheme }) = usable_certificate(question, choice)? else {
            let sha256 = &*context.config.provider.sha256;
            context.session_basis.set_answer(question, None, sha256);
            let mut transcript = self.transcript;
            let none: [CertificateEntry<'_>; 0] = [];
            context.send(Some(&mut transcript), |out| {
                Certificate::encode(out, request_context, none);
            });
            return Ok(ResponseProgress::Sent(transcript));
        };
        let sha256 = &*context.config.provider.sha256;
        context.session_basis.set_answer(question, Some(&key), sha256);
        context.shown = Some(key.without_private_key());
        let shown = key.staples_for(|kind| request.extensions.get(kind).is_some());
        write_certificate(&mut self.certificate, request_context, &key, shown);
        self.transcript.add_bytes(&self.certificate);
        match sign(key, scheme, Side::Client, &self.transcript, context) {
            Reply::Now(signature) => self.on_signature(scheme, signature, context),
            Reply::Later => Ok(ResponseProgress::Waiting(self)),
        }
    }

    fn on_signature(
        self,
        scheme: SignatureScheme,
        signature: Result<Vec<u8>, CryptoError>,
        context: &mut Context,
    ) -> Result<ResponseProgress, Error> {
        let Self { mut transcript, certificate } = self;
        // It is in the transcript already.
        context.send(None, |out| out.extend_from_slice(&certificate));
        context.parameters.client_signature_scheme = Some(scheme);
        send_certificate_verify(scheme, signature, &mut transcript, context)?;
        Ok(ResponseProgress::Sent(transcript))
    }
}
