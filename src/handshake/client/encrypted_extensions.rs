//! ExpectEncryptedExtensions: the server's answers that need no certificate (RFC 9846,
//! section 4.4.1).

use super::certificate::ExpectCertificate;
use super::finished::{ExpectFinished, ServerProof};
use super::server_hello::check_offered;
use super::{Context, ServerFlight, State};
use crate::error::Error;
use crate::handshake::proof::PskMixedIn;
use crate::registry::HandshakeType;
use crate::wire::{EncryptedExtensions, HandshakeMessage};

/// A ServerHello came; the handshake is encrypted from here on.
pub(in crate::handshake) struct ExpectEncryptedExtensions {
    pub(super) flight: ServerFlight,
    /// The server chose a pre-shared key: it has no certificate to show (section 2.2).
    pub(super) psk: Option<PskMixedIn>,
}

impl ExpectEncryptedExtensions {
    pub(super) fn on_message(
        mut self: Box<Self>,
        message: HandshakeMessage<'_>,
        context: &mut Context<'_>,
    ) -> Result<State, Error> {
        const MESSAGE: HandshakeType = HandshakeType::ENCRYPTED_EXTENSIONS;
        if message.kind != MESSAGE {
            return Err(Error::unexpected("EncryptedExtensions", &message));
        }
        let answers = EncryptedExtensions::parse(message.body)?;
        for extension in answers.extensions.iter() {
            check_offered(&self.flight.shared, MESSAGE, extension.kind)?;
        }
        if let Some(chosen) = answers.application_protocol {
            if !self
                .flight
                .shared
                .config
                .application_protocols
                .iter()
                .any(|offered| offered == chosen)
            {
                let reason = format!("{:?} was not offered", String::from_utf8_lossy(chosen));
                let field = "application_layer_protocol_negotiation";
                return Err(Error::illegal(MESSAGE, field, reason));
            }
            context.parameters.application_protocol = Some(chosen.to_vec());
        }
        let own_limit = self.flight.shared.config.record_size_limit;
        if let (Some(limit), Some(own)) = (answers.record_size_limit, own_limit) {
            context.limit_records(limit, own);
        }
        self.flight.transcript.add(&message);
        if let Some(psk) = self.psk {
            return Ok(State::ExpectFinished(Box::new(ExpectFinished {
                flight: self.flight,
                proof: ServerProof::PreSharedKey(psk),
            })));
        }
        Ok(State::ExpectCertificate(Box::new(ExpectCertificate { flight: self.flight })))
    }
}
