//! ExpectEncryptedExtensions: the server's answers that need no certificate (RFC 9846,
//! section 4.4.1).

use super::finished::{ExpectFinished, ServerProof};
use super::server_certificate::ExpectCertificate;
use super::server_hello::check_offered;
use super::{Context, Level, ServerFlight, State};
use crate::error::Error;
use crate::handshake::proof::PskMixedIn;
use crate::handshake::{EarlyData, expect};
use crate::registry::{CertificateType, HandshakeType};
use crate::wire::{EncryptedExtensions, HandshakeMessage};

const MESSAGE: HandshakeType = HandshakeType::ENCRYPTED_EXTENSIONS;

/// A ServerHello came; the handshake is encrypted from here on.
pub(in crate::handshake) struct ExpectEncryptedExtensions {
    pub(super) flight: ServerFlight,
    /// The server chose a pre-shared key: it has no certificate to show (section 2.2).
    pub(super) psk: Option<PskMixedIn>,
    /// It is the first one that was offered: 0-RTT data are under that one only.
    pub(super) first_key: bool,
}

impl ExpectEncryptedExtensions {
    pub(super) fn on_message(
        mut self: Box<Self>,
        message: HandshakeMessage<'_>,
        context: &mut Context,
    ) -> Result<State, Error> {
        expect(&message, MESSAGE)?;
        let answers = EncryptedExtensions::parse(message.body)?;
        for extension in answers.extensions.iter() {
            check_offered(&self.flight.shared, MESSAGE, extension.kind)?;
        }
        if let Some(chosen) = answers.application_protocol {
            let mut offered = self.flight.shared.config.application_protocols.iter();
            if !offered.any(|offered| offered == chosen) {
                let reason = format!("{:?} was not offered", String::from_utf8_lossy(chosen));
                let field = "application_layer_protocol_negotiation";
                return Err(Error::illegal(MESSAGE, field, reason));
            }
            context.parameters.application_protocol = Some(chosen.to_vec());
        }
        self.check_certificate_types(&answers)?;
        let own_limit = self.flight.shared.config.record_size_limit;
        if let (Some(limit), Some(own)) = (answers.record_size_limit, own_limit) {
            context.limit_records(limit, own);
        }
        self.settle_early_data(answers.early_data, context)?;
        self.flight.transcript.add(&message);
        let flight = self.flight;
        Ok(match self.psk.map(ServerProof::PreSharedKey) {
            Some(proof) => State::ExpectFinished(Box::new(ExpectFinished { flight, proof })),
            None => State::ExpectCertificate(Box::new(ExpectCertificate { flight })),
        })
    }

    /// Does the server take the 0-RTT data? Then everything must be as it was when their key was
    /// made (section 4.3.10).
    fn settle_early_data(&mut self, accepted: bool, context: &mut Context) -> Result<(), Error> {
        let Some(terms) = self.flight.shared.early_data.take() else { return Ok(()) };
        if !accepted {
            context.parameters.early_data = EarlyData::Rejected;
            context.zero_rtt.end();
            if context.records {
                context.steps.write_keys(Level::Handshake, self.flight.secrets.client.clone());
            }
            return Ok(());
        }
        for (what, same) in [
            ("another key than the first was chosen", self.first_key),
            ("the suite is another", context.parameters.cipher_suite == Some(terms.cipher_suite)),
            (
                "the application protocol is another",
                context.parameters.application_protocol == terms.application_protocol,
            ),
        ] {
            if !same {
                return Err(Error::illegal(MESSAGE, "early_data", what));
            }
        }
        context.parameters.early_data = EarlyData::Accepted;
        Ok(())
    }

    /// The server chooses a type of certificate for each side, of those that were offered
    /// (RFC 7250, section 4.2).
    fn check_certificate_types(&mut self, answers: &EncryptedExtensions<'_>) -> Result<(), Error> {
        let check =
            |field, chosen: Option<CertificateType>, offered: &[CertificateType]| match chosen {
                Some(chosen) if !offered.contains(&chosen) => {
                    let reason = format!("{chosen} was not offered");
                    Err(Error::illegal(MESSAGE, field, reason))
                }
                chosen => Ok(chosen.unwrap_or(CertificateType::X509)),
            };
        let flight = &mut self.flight;
        let config = &flight.shared.config;
        let (client, server) = (answers.client_certificate_type, answers.server_certificate_type);
        let (own, peers) = (config.client_certificate_types(), config.verifier.certificate_types());
        flight.client_certificate_type = check("client_certificate_type", client, own)?;
        flight.server_certificate_type = check("server_certificate_type", server, peers)?;
        Ok(())
    }
}
