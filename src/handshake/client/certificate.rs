//! ExpectCertificate, VerifyingPeer and ExpectCertificateVerify: the server says who it is, is
//! judged, and proves it (RFC 9846, sections 4.4.2, 4.5.1 and 4.5.2).

use std::sync::Arc;

use pki_types::CertificateDer;

use super::finished::{ExpectFinished, ServerProof};
use super::server_hello::check_offered;
use super::{Context, Question, ServerFlight, State};
use crate::certificate::{CertificateError, EndEntity, Problem};
use crate::config::{PeerIdentity, Reply};
use crate::error::{Error, ErrorKind};
use crate::handshake::Side;
use crate::handshake::certificate_verify::signed_content;
use crate::handshake::proof::{ChainVerified, PeerAuthenticated};
use crate::observer::Event;
use crate::registry::{ExtensionType, HandshakeType};
use crate::wire::{
    Certificate, CertificateRequest, CertificateVerify, CompressedCertificate, DecodeError,
    DecodeReason, HandshakeMessage, MESSAGE_HEADER_LENGTH,
};

/// The server's certificate is due; a request for the client's may come before it.
pub(in crate::handshake) struct ExpectCertificate {
    pub(super) flight: ServerFlight,
}

impl ExpectCertificate {
    pub(super) fn on_message(
        mut self: Box<Self>,
        message: HandshakeMessage<'_>,
        context: &mut Context<'_>,
    ) -> Result<State, Error> {
        match message.kind {
            HandshakeType::CERTIFICATE_REQUEST if !self.flight.certificate_requested => {
                check_request(&CertificateRequest::parse(message.body)?)?;
                self.flight.transcript.add(&message);
                self.flight.certificate_requested = true;
                Ok(State::ExpectCertificate(self))
            }
            HandshakeType::CERTIFICATE => self.on_certificate(message, message.body, context),
            HandshakeType::COMPRESSED_CERTIFICATE if self.takes_compressed() => {
                let body = self.decompress(message.body, context)?;
                self.on_certificate(message, &body, context)
            }
            _ if self.flight.certificate_requested => {
                Err(Error::unexpected("Certificate", &message))
            }
            _ => Err(Error::unexpected("Certificate or CertificateRequest", &message)),
        }
    }

    fn takes_compressed(&self) -> bool {
        self.flight.shared.offered.contains(&ExtensionType::COMPRESS_CERTIFICATE)
    }

    /// The body of the Certificate that a CompressedCertificate stands for (RFC 8879, section 4).
    fn decompress(&self, body: &[u8], context: &Context<'_>) -> Result<Vec<u8>, Error> {
        const MESSAGE: HandshakeType = HandshakeType::COMPRESSED_CERTIFICATE;
        let message = CompressedCertificate::parse(body)?;
        let compressors = &self.flight.shared.config.compressors;
        if !compressors.codes().any(|offered| offered == message.algorithm) {
            let reason = format!("{} was not offered", message.algorithm);
            return Err(Error::illegal(MESSAGE, "algorithm", reason));
        }
        let limit = context.limits.handshake_message;
        if message.uncompressed_length > limit.saturating_sub(MESSAGE_HEADER_LENGTH) {
            return Err(ErrorKind::LimitExceeded { name: "handshake_message", limit }.into());
        }
        compressors.decompress(&message).ok_or_else(|| {
            let length = message.uncompressed_length;
            let problem = format!("it does not decompress to the {length} bytes that it says");
            let problem = Problem::Malformed(problem);
            CertificateError { certificate: "(compressed)".into(), problem }.into()
        })
    }

    /// `body` is that of a Certificate; `message` is what stands for it in the transcript.
    fn on_certificate(
        mut self: Box<Self>,
        message: HandshakeMessage<'_>,
        body: &[u8],
        context: &mut Context<'_>,
    ) -> Result<State, Error> {
        let certificate = Certificate::parse(body)?;
        let chain = self.check_chain(&certificate, context)?;
        let first = chain.first().ok_or_else(empty_list)?;
        let end_entity = EndEntity::parse(first)?;
        self.flight.transcript.add(&message);
        context.parameters.certificates = Some(Arc::clone(&chain));
        let identity = PeerIdentity {
            chain,
            server_name: self.flight.shared.server_name.clone(),
            now: context.now,
        };
        let reply = self.flight.shared.config.verifier.verify(&identity);
        let state = VerifyingPeer {
            flight: self.flight,
            end_entity,
            question: Question::VerifyPeer(identity),
        };
        match reply {
            Reply::Now(verdict) => Box::new(state).on_verdict(verdict, context),
            Reply::Later => Ok(State::VerifyingPeer(Box::new(state))),
        }
    }

    fn check_chain(
        &self,
        certificate: &Certificate<'_>,
        context: &Context<'_>,
    ) -> Result<Arc<[CertificateDer<'static>]>, Error> {
        const MESSAGE: HandshakeType = HandshakeType::CERTIFICATE;
        if !certificate.request_context.is_empty() {
            let reason = "a server's must be empty";
            return Err(Error::illegal(MESSAGE, "certificate_request_context", reason));
        }
        let limit = context.limits.certificates;
        let mut chain = Vec::with_capacity(4);
        for entry in certificate.entries() {
            for extension in entry.extensions.iter() {
                check_offered(&self.flight.shared, MESSAGE, extension.kind)?;
            }
            if chain.len() >= limit {
                return Err(ErrorKind::LimitExceeded { name: "certificates", limit }.into());
            }
            chain.push(CertificateDer::from(entry.certificate.to_vec()));
        }
        Ok(chain.into())
    }
}

/// A server must have a certificate: section 4.5.1.
fn empty_list() -> Error {
    DecodeError {
        message: HandshakeType::CERTIFICATE,
        field: "certificate_list",
        reason: DecodeReason::Length(0),
    }
    .into()
}

/// Section 4.4.2. A client of ours has no certificate to give, so that the rest of the request
/// does not matter to it.
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
    question: Question,
}

impl VerifyingPeer {
    pub(super) fn question(&self) -> &Question {
        &self.question
    }

    pub(super) fn on_verdict(
        self: Box<Self>,
        verdict: Result<(), CertificateError>,
        context: &mut Context<'_>,
    ) -> Result<State, Error> {
        let chain_verified = ChainVerified::by(verdict)?;
        context.observers.tell(|| Event::PeerVerified);
        Ok(State::ExpectCertificateVerify(Box::new(ExpectCertificateVerify {
            flight: self.flight,
            end_entity: self.end_entity,
            chain_verified,
        })))
    }
}

/// The chain is good; the proof of its key is due.
pub(in crate::handshake) struct ExpectCertificateVerify {
    flight: ServerFlight,
    end_entity: EndEntity,
    chain_verified: ChainVerified,
}

impl ExpectCertificateVerify {
    pub(super) fn on_message(
        mut self: Box<Self>,
        message: HandshakeMessage<'_>,
        context: &mut Context<'_>,
    ) -> Result<State, Error> {
        const MESSAGE: HandshakeType = HandshakeType::CERTIFICATE_VERIFY;
        if message.kind != MESSAGE {
            return Err(Error::unexpected("CertificateVerify", &message));
        }
        let verify = CertificateVerify::parse(message.body)?;
        let scheme = verify.algorithm;
        let signatures = &self.flight.shared.config.provider.signatures;
        let config = &self.flight.shared.config;
        let offered = config.layout_offers(ExtensionType::SIGNATURE_ALGORITHMS, scheme);
        if !offered || !scheme.signs_handshakes() || signatures.for_scheme(scheme).is_empty() {
            let reason = format!("{scheme} was not offered for handshakes");
            return Err(Error::illegal(MESSAGE, "algorithm", reason));
        }
        let content = signed_content(Side::Server, &self.flight.transcript.current());
        let authenticated = PeerAuthenticated::check(
            self.chain_verified,
            &self.end_entity,
            signatures,
            &verify,
            &content,
        )?;
        context.parameters.signature_scheme = Some(scheme);
        context.observers.tell(|| Event::SignatureVerified(scheme));
        self.flight.transcript.add(&message);
        let proof = ServerProof::Certificate(authenticated);
        Ok(State::ExpectFinished(Box::new(ExpectFinished { flight: self.flight, proof })))
    }
}
