//! ExpectEncryptedExtensions: the server's answers to extensions that are not about a certificate
//! (RFC 9846, section 4.4.1).

use super::finished::{ExpectFinished, ServerProof};
use super::pre_shared_key::reject_early_data;
use super::server_certificate::ExpectCertificate;
use super::server_hello::check_offered;
use super::{Context, Level, ServerFlight, State};
use crate::config::ClientConfig;
use crate::error::{Error, ErrorKind};
use crate::handshake::proof::PskMixedIn;
use crate::handshake::{EarlyData, expect};
use crate::registry::{CertificateType, HandshakeType};
use crate::session::EarlyDataTerms;
use crate::wire::codec::listed;
use crate::wire::{EncryptedExtensions, ExtensionType, HandshakeMessage};

const MESSAGE: HandshakeType = HandshakeType::ENCRYPTED_EXTENSIONS;

/// A ServerHello came; the handshake is encrypted from here on.
pub(in crate::handshake) struct ExpectEncryptedExtensions {
    pub(super) flight: ServerFlight,
    /// The server chose a pre-shared key, and sends no certificate (section 2.2). `None` also for a key
    /// that is used together with certificates (RFC 9973).
    pub(super) psk_alone: Option<PskMixedIn>,
    /// The server chose the first key that was offered: 0-RTT data are protected with that one.
    pub(super) first_key: bool,
}

impl ExpectEncryptedExtensions {
    /// EncryptedExtensions came (section 4.4.1). An extension that does not belong in it is an
    /// `illegal_parameter`: `wire/extension_list.rs`. An answer to what was not offered is an
    /// `unsupported_extension` (section 4.3). With a pre-shared key no CertificateRequest and no
    /// Certificate may follow (section 4.4.2).
    pub(super) fn on_message(
        mut self,
        message: HandshakeMessage<'_>,
        context: &mut Context,
    ) -> Result<State, Error> {
        expect(&message, MESSAGE)?;
        let answers = EncryptedExtensions::parse(message.body)?;
        for extension in answers.extensions.iter() {
            check_offered(&self.flight.shared, MESSAGE, extension.kind)?;
        }
        let config = &self.flight.shared.config;
        if let Some(chosen) = answers.application_protocol {
            check_application_protocol(chosen, &config.common.application_protocols)?;
            context.parameters.application_protocol = Some(chosen.to_vec());
        }
        if context.quic.is_some() {
            check_quic(&answers, config)?;
        }
        if let Some(sent) = answers.transport_parameters {
            context.parameters.change_rare(|rare| rare.transport_parameters = Some(sent.to_vec()));
        }
        self.flight.client_certificate_type = certificate_type(
            "client_certificate_type",
            answers.client_certificate_type,
            config.client_certificate_types(),
        )?;
        self.flight.server_certificate_type = certificate_type(
            "server_certificate_type",
            answers.server_certificate_type,
            config.verifier.certificate_types(),
        )?;
        check_record_sizes(&answers)?;
        if let (Some(peer), Some(own)) =
            (answers.record_size_limit, config.common.record_size_limit)
        {
            context.limit_records(peer, own);
        }
        if let Some(offered) = self.flight.shared.early_data.take() {
            if answers.early_data {
                self.accept_early_data(&offered.terms, context)?;
            } else {
                self.reject_early_data(context);
            }
        }
        self.flight.transcript.add(&message);
        let flight = self.flight;
        Ok(match self.psk_alone.map(ServerProof::PreSharedKey) {
            Some(proof) => State::ExpectFinished(ExpectFinished { flight, proof }),
            None => State::ExpectCertificate(ExpectCertificate { flight }),
        })
    }

    /// The server accepts the 0-RTT data. Then everything must be as it was when their key was made;
    /// else it is an `illegal_parameter` (section 4.3.10).
    fn accept_early_data(
        &self,
        terms: &EarlyDataTerms,
        context: &mut Context,
    ) -> Result<(), Error> {
        let parameters = &mut context.parameters;
        let difference = if !self.first_key {
            "another key than the first was chosen"
        } else if parameters.cipher_suite != Some(terms.cipher_suite) {
            "the suite is another"
        } else if parameters.application_protocol != terms.application_protocol {
            "the application protocol is another"
        } else {
            parameters.early_data = EarlyData::Accepted;
            return Ok(());
        };
        Err(Error::illegal(MESSAGE, "early_data", difference))
    }

    /// The server rejects the 0-RTT data: what the client sends next is protected with the keys of
    /// the handshake. There is no EndOfEarlyData then (sections 4.3.10 and 4.6).
    fn reject_early_data(&self, context: &mut Context) {
        let reason = if context.parameters.pre_shared_key.is_none() {
            "the session or key that protects them was not taken"
        } else {
            "the server does not say why, though it took the session: it may take none now, have \
             started after the ticket was made, or have seen them before"
        };
        reject_early_data(reason, context);
        if context.records {
            context.steps.write_keys(Level::Handshake, self.flight.secrets.client.clone());
        }
    }
}

/// In QUIC there is an application protocol, or a `no_application_protocol` (RFC 9001, section 8.1), and
/// there are transport parameters, or a `missing_extension` (section 8.2).
fn check_quic(answers: &EncryptedExtensions<'_>, config: &ClientConfig) -> Result<(), Error> {
    if answers.application_protocol.is_none() {
        let offered = &config.common.application_protocols;
        let theirs = listed(offered.iter().map(|name| name.escape_ascii()));
        let ours = vec!["none of them".to_owned()];
        return Err(ErrorKind::NoApplicationProtocol { ours, theirs }.into());
    }
    if answers.transport_parameters.is_none() {
        return Err(Error::missing(MESSAGE, ExtensionType::QUIC_TRANSPORT_PARAMETERS));
    }
    Ok(())
}

fn check_application_protocol(chosen: &[u8], offered: &[Vec<u8>]) -> Result<(), Error> {
    if offered.iter().any(|offered| offered == chosen) {
        return Ok(());
    }
    let reason = format!("{:?} was not offered", String::from_utf8_lossy(chosen));
    Err(Error::illegal(MESSAGE, "application_layer_protocol_negotiation", reason))
}

/// A server that answers max_fragment_length, which a layout may offer, and record_size_limit has chosen
/// two limits: an `illegal_parameter` (RFC 8449, section 5).
fn check_record_sizes(answers: &EncryptedExtensions<'_>) -> Result<(), Error> {
    let fragment_length = answers.extensions.get(ExtensionType::MAX_FRAGMENT_LENGTH);
    if fragment_length.is_some() && answers.record_size_limit.is_some() {
        let reason = "max_fragment_length must not be beside it";
        return Err(Error::illegal(MESSAGE, "record_size_limit", reason));
    }
    Ok(())
}

/// The type of certificate that the server chose for one of the sides, of those that were offered
/// (RFC 7250, section 4.2). Another type is an `illegal_parameter` (section 4.5.1).
fn certificate_type(
    field: &'static str,
    chosen: Option<CertificateType>,
    offered: &[CertificateType],
) -> Result<CertificateType, Error> {
    let Some(chosen) = chosen else { return Ok(CertificateType::X509) };
    if !offered.contains(&chosen) {
        return Err(Error::illegal(MESSAGE, field, format!("{chosen} was not offered")));
    }
    Ok(chosen)
}
