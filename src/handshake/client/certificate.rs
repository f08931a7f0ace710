//! ExpectCertificate, VerifyingPeer and ExpectCertificateVerify: the server says who it is, is
//! judged, and proves it (RFC 9846, sections 4.4.2, 4.5.1 and 4.5.2).

use super::finished::{ExpectFinished, ServerProof};
use super::{Context, Question, ServerFlight, State};
use crate::certificate::{CertificateError, CertificateErrorKind, EndEntity};
use crate::error::{Error, ErrorKind};
use crate::handshake::authentication::{Accepted, Expected, Presented, empty_list, no_common_type};
use crate::handshake::{Side, credential};
use crate::registry::HandshakeType;
use crate::reply::Reply;
use crate::wire::{
    CertificateRequest, CompressedCertificate, ExtensionType, HandshakeMessage,
    MESSAGE_HEADER_LENGTH,
};

/// The server's certificate is due; a request for the client's may come before it.
pub(in crate::handshake) struct ExpectCertificate {
    pub(super) flight: ServerFlight,
}

impl ExpectCertificate {
    pub(super) fn on_message(
        mut self: Box<Self>,
        message: HandshakeMessage<'_>,
        context: &mut Context,
    ) -> Result<State, Error> {
        let requested = self.flight.certificate_request.is_some();
        match message.kind {
            HandshakeType::CERTIFICATE_REQUEST if !requested => {
                check_request(&CertificateRequest::parse(message.body)?)?;
                self.flight.transcript.add(&message);
                self.flight.certificate_request = Some(message.body.to_vec());
                Ok(State::ExpectCertificate(self))
            }
            HandshakeType::CERTIFICATE => self.on_certificate(message, message.body, context),
            HandshakeType::COMPRESSED_CERTIFICATE if self.takes_compressed() => {
                let body = self.decompress(message.body, context)?;
                self.on_certificate(message, &body, context)
            }
            _ if requested => Err(Error::unexpected("Certificate", message.kind)),
            _ => Err(Error::unexpected("Certificate or CertificateRequest", message.kind)),
        }
    }

    fn takes_compressed(&self) -> bool {
        self.flight.shared.offered.contains(&ExtensionType::COMPRESS_CERTIFICATE)
    }

    /// The body of the Certificate that a CompressedCertificate stands for (RFC 8879, section 4).
    fn decompress(&self, body: &[u8], context: &Context) -> Result<Vec<u8>, Error> {
        const MESSAGE: HandshakeType = HandshakeType::COMPRESSED_CERTIFICATE;
        let message = CompressedCertificate::parse(body)?;
        let compressors = &self.flight.shared.config.compressors;
        if !compressors.codes().any(|offered| offered == message.algorithm) {
            let reason = format!("{} was not offered", message.algorithm);
            return Err(Error::illegal(MESSAGE, "algorithm", reason));
        }
        let limit = context.limits.certificate_message;
        if message.uncompressed_length > limit.saturating_sub(MESSAGE_HEADER_LENGTH) {
            return Err(ErrorKind::LimitExceeded { name: "certificate_message", limit }.into());
        }
        compressors.decompress(&message).ok_or_else(|| {
            let length = message.uncompressed_length;
            let reason = format!("it does not decompress to the {length} bytes that it says");
            let kind = CertificateErrorKind::Malformed(reason);
            CertificateError { certificate: "(compressed)".into(), kind }.into()
        })
    }

    /// `body` is that of a Certificate; `message` is what stands for it in the transcript.
    fn on_certificate(
        mut self: Box<Self>,
        message: HandshakeMessage<'_>,
        body: &[u8],
        context: &mut Context,
    ) -> Result<State, Error> {
        let shared = &self.flight.shared;
        let verifier = &shared.config.verifier;
        let certificate_type = self.flight.server_certificate_type;
        let ours = verifier.certificate_types();
        if !ours.contains(&certificate_type) {
            return Err(no_common_type(ours.iter().copied(), [certificate_type]));
        }
        let expected = Expected {
            request_context: &[],
            certificate_type,
            asked: &shared.offered,
            server_name: Some(&shared.server_name),
        };
        let presented = Presented::read(body, &expected, context)?.ok_or_else(empty_list)?;
        let Presented { end_entity, question } = presented;
        let reply = credential::ask(&**verifier, &question);
        self.flight.transcript.add(&message);
        let state = Box::new(VerifyingPeer { flight: self.flight, end_entity });
        match reply {
            Reply::Now(verdict) => state.on_verdict(question, verdict, context),
            Reply::Later => {
                context.ask(question);
                Ok(State::VerifyingPeer(state))
            }
        }
    }
}

/// Section 4.4.2. What the request wants is looked at when it is answered.
fn check_request(request: &CertificateRequest<'_>) -> Result<(), Error> {
    const MESSAGE: HandshakeType = HandshakeType::CERTIFICATE_REQUEST;
    if !request.request_context.is_empty() {
        let reason = "it must be empty in a handshake";
        return Err(Error::illegal(MESSAGE, "certificate_request_context", reason));
    }
    if request.signature_algorithms.is_none() {
        return Err(Error::missing(MESSAGE, ExtensionType::SIGNATURE_ALGORITHMS));
    }
    Ok(())
}

/// The verifier was asked, and has not answered yet.
pub(in crate::handshake) struct VerifyingPeer {
    flight: ServerFlight,
    end_entity: EndEntity,
}

impl VerifyingPeer {
    pub(super) fn on_verdict(
        self: Box<Self>,
        question: Question,
        verdict: Result<(), CertificateError>,
        context: &mut Context,
    ) -> Result<State, Error> {
        let accepted = Accepted::new(self.end_entity, question, verdict, context)?;
        let state = ExpectCertificateVerify { flight: self.flight, accepted };
        Ok(State::ExpectCertificateVerify(Box::new(state)))
    }
}

/// The certificate is good; the proof of its key is due.
pub(in crate::handshake) struct ExpectCertificateVerify {
    flight: ServerFlight,
    accepted: Accepted,
}

impl ExpectCertificateVerify {
    pub(super) fn on_message(
        self: Box<Self>,
        message: HandshakeMessage<'_>,
        context: &mut Context,
    ) -> Result<State, Error> {
        let Self { mut flight, accepted } = *self;
        let config = &flight.shared.config;
        let authenticated = accepted.check(
            &message,
            Side::Server,
            &config.provider.signatures,
            |scheme| config.layout_offers(ExtensionType::SIGNATURE_ALGORITHMS, scheme),
            &mut flight.transcript,
            context,
        )?;
        context.parameters.signature_scheme = Some(authenticated.scheme);
        context.resumption.credential = credential::shown(&authenticated.question);
        context.show_peer();
        let proof = ServerProof::Certificate(authenticated.proof);
        Ok(State::ExpectFinished(Box::new(ExpectFinished { flight, proof })))
    }
}
