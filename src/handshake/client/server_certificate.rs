//! ExpectCertificate, VerifyingPeer and ExpectCertificateVerify: the server says who it is, the
//! verifier decides, and the server proves it (RFC 9846, sections 4.5.1 and 4.5.2). The server's
//! CertificateRequest is checked in `certificate_request.rs`; the checks of a Certificate that both
//! sides make are in `authentication.rs`.

use super::certificate_request::check_request;
use super::finished::{ExpectFinished, ServerProof};
use super::{Context, Question, ServerFlight, State};
use crate::certificate::{CertificateError, CertificateErrorKind};
use crate::error::{Error, ErrorKind};
use crate::handshake::authentication::{
    CertificateExpectation, VerifiedPeer, empty_list, no_common_type,
};
use crate::handshake::peer_identity::ClaimedIdentity;
use crate::handshake::position::Position;
use crate::handshake::{Side, Stage};
use crate::registry::HandshakeType;
use crate::reply::Reply;
use crate::wire::{CompressedCertificate, ExtensionType, HandshakeMessage, MESSAGE_HEADER_LENGTH};

/// The server's Certificate is awaited. A CertificateRequest may come before it.
pub(in crate::handshake) struct ExpectCertificate {
    pub(super) flight: ServerFlight,
}

impl ExpectCertificate {
    /// A CertificateRequest (section 4.4.2) or a Certificate (section 4.5.1) came. Any other message is
    /// an `unexpected_message`.
    pub(super) fn on_message(
        mut self,
        message: HandshakeMessage<'_>,
        context: &mut Context,
    ) -> Result<State, Error> {
        let requested = self.flight.certificate_request.is_some();
        match message.kind {
            HandshakeType::CERTIFICATE_REQUEST if !requested => {
                check_request(&message)?;
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

    /// The body of the Certificate, decompressed from a CompressedCertificate (RFC 8879, section 4).
    fn decompress(&self, body: &[u8], context: &Context) -> Result<Vec<u8>, Error> {
        const MESSAGE: HandshakeType = HandshakeType::COMPRESSED_CERTIFICATE;
        let message = CompressedCertificate::parse(body)?;
        let compressors = &self.flight.shared.config.common.compressors;
        if !compressors.codes().any(|offered| offered == message.algorithm) {
            let reason = format!("{} was not offered", message.algorithm);
            return Err(Error::illegal(MESSAGE, "algorithm", reason));
        }
        let limit = context.config.limits.certificate_message;
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

    /// `body` is that of a Certificate. `message` goes into the transcript: the Certificate itself, or
    /// a CompressedCertificate.
    fn on_certificate(
        mut self,
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
        let expected = CertificateExpectation {
            request_context: &[],
            certificate_type,
            requested: &shared.offered,
            ocsp_request: shared.config.ocsp_request(),
            server_name: Some(&shared.server_name),
        };
        let received = ClaimedIdentity::read(body, &expected, context)?;
        let identity = received.ok_or_else(empty_list)?;
        let reply = identity.verify(&**verifier);
        self.flight.transcript.add(&message);
        let state = VerifyingPeer { flight: self.flight };
        match reply {
            Reply::Now(result) => state.on_verified(identity, result, context),
            Reply::Later => {
                context.ask(Question::verify(identity));
                Ok(State::VerifyingPeer(state))
            }
        }
    }
}

/// The verifier was asked, and has not answered yet.
pub(in crate::handshake) struct VerifyingPeer {
    flight: ServerFlight,
}

impl VerifyingPeer {
    pub(super) fn position(&self) -> Position {
        self.flight.shared.position(Stage::Answer)
    }

    pub(super) fn on_verified(
        self,
        identity: ClaimedIdentity,
        result: Result<(), CertificateError>,
        context: &mut Context,
    ) -> Result<State, Error> {
        let peer = VerifiedPeer::new(identity, result, context)?;
        let state = ExpectCertificateVerify { flight: self.flight, peer };
        Ok(State::ExpectCertificateVerify(state))
    }
}

/// The verifier has accepted the certificate. The proof that the server has its key is awaited.
pub(in crate::handshake) struct ExpectCertificateVerify {
    pub(super) flight: ServerFlight,
    peer: VerifiedPeer,
}

impl ExpectCertificateVerify {
    /// The server's CertificateVerify came (section 4.5.2). The server uses no pre-shared key, so
    /// it has rejected 0-RTT data, and no EndOfEarlyData is sent (section 4.6).
    pub(super) fn on_message(
        self,
        message: HandshakeMessage<'_>,
        context: &mut Context,
    ) -> Result<State, Error> {
        let Self { mut flight, peer } = self;
        let config = &flight.shared.config;
        let peer = peer.check_certificate_verify(
            &message,
            Side::Server,
            &config.common.provider.signatures,
            |scheme| config.layout_offers(ExtensionType::SIGNATURE_ALGORITHMS, scheme),
            &mut flight.transcript,
            context,
        )?;
        context.parameters.signature_scheme = Some(peer.scheme);
        context.session_basis.credential = peer.credential;
        context.show_peer();
        let proof = ServerProof::Certificate(peer.proof);
        Ok(State::ExpectFinished(ExpectFinished { flight, proof }))
    }
}
