//! ExpectClientHello and ChoosingCertificate: the client speaks, and the server decides
//! (RFC 9846, section 4.2).

use std::sync::Arc;

use super::flight::{self, Offer};
use super::hello_retry_request::{self, FirstHello};
use super::{Context, Question, State, negotiation, pre_shared_key, tickets};
use crate::config::ServerConfig;
use crate::credential::{CertifiedKey, NoCertificate};
use crate::crypto::{CipherSuite, SharedSecret, provider_fault};
use crate::error::{Error, ErrorKind};
use crate::handshake::authentication::no_common_type;
use crate::handshake::question::{ChooseCertificate, KeptHello};
use crate::handshake::{EarlyData, expect};
use crate::key_schedule::Transcript;
use crate::observer::Event;
use crate::registry::{CertificateType, HandshakeType, NamedGroup};
use crate::reply::Reply;
use crate::wire::codec::join;
use crate::wire::{ClientHello, ExtensionType, HandshakeMessage};

/// Nothing has happened yet.
pub(in crate::handshake) struct ExpectClientHello {
    pub(super) config: Arc<ServerConfig>,
}

impl ExpectClientHello {
    pub(super) fn on_message(
        self,
        message: HandshakeMessage<'_>,
        context: &mut Context,
    ) -> Result<State, Error> {
        expect(&message, HandshakeType::CLIENT_HELLO)?;
        let hello = ClientHello::parse(message.body)?;
        let config = self.config;
        negotiation::check_form(&config, &hello)?;
        check_carrier(&hello, context)?;
        context.observers.set_client_random(&hello.random);
        if hello.early_data {
            context.parameters.early_data = EarlyData::Offered;
        }
        if let Some(cookie) = hello.cookie {
            // A second ClientHello whose first went to another connection, or to another server.
            let first = FirstHello::from_cookie(&config, cookie, context)?;
            return first.on_second(config, message, &hello, context);
        }
        let cipher_suite = negotiation::cipher_suite(&config, &hello)?;
        provider_fault::check_hash(&cipher_suite)?;
        let transcript = Transcript::new(&cipher_suite);
        if hello.supported_groups.is_none() {
            return negotiated(config, cipher_suite, None, transcript, message, &hello, context);
        }
        let (group, share) = negotiation::group(&config, &hello)?;
        let retry = config.always_retry && config.cookies.is_some();
        match share {
            Some(share) if !retry => {
                let exchange = Some(exchange_keys(&*group, share.key_exchange, context)?);
                negotiated(config, cipher_suite, exchange, transcript, message, &hello, context)
            }
            _ => {
                let wanted = share.is_none().then(|| group.name());
                hello_retry_request::send(config, cipher_suite, wanted, message, &hello, context)
            }
        }
    }
}

/// Transport parameters of QUIC have no place in records (RFC 9001, section 8.2).
fn check_carrier(hello: &ClientHello<'_>, context: &Context) -> Result<(), Error> {
    let extension = ExtensionType::QUIC_TRANSPORT_PARAMETERS;
    if context.records && hello.extensions.get(extension).is_some() {
        return Err(ErrorKind::OutsideQuic(extension).into());
    }
    Ok(())
}

/// What the key exchange gave: the group, the server's share and the secret.
pub(super) struct KeyExchange {
    pub(super) group: NamedGroup,
    pub(super) share: Vec<u8>,
    pub(super) secret: SharedSecret,
}

pub(super) fn exchange_keys(
    group: &dyn crate::crypto::KeyExchangeGroup,
    peer_share: &[u8],
    context: &mut Context,
) -> Result<KeyExchange, Error> {
    let name = group.name();
    let (share, secret) = group.respond(peer_share).map_err(|_| {
        let reason = format!("it is no valid public key of {name}");
        Error::illegal(HandshakeType::CLIENT_HELLO, "key_share", reason)
    })?;
    provider_fault::check_share(name, &share)?;
    provider_fault::check_secret(name, &secret)?;
    context.observers.emit(|| Event::KeysExchanged(name));
    Ok(KeyExchange { group: name, share, secret })
}

/// Suite and keys are settled; who the two are is next. `transcript` is what
/// came before. Without a key exchange, only a pre-shared key will do.
pub(super) fn negotiated(
    config: Arc<ServerConfig>,
    cipher_suite: CipherSuite,
    exchange: Option<KeyExchange>,
    mut transcript: Transcript,
    message: HandshakeMessage<'_>,
    hello: &ClientHello<'_>,
    context: &mut Context,
) -> Result<State, Error> {
    context.parameters.cipher_suite = Some(cipher_suite.id);
    context.parameters.group = exchange.as_ref().map(|exchange| exchange.group);
    context.observers.emit(|| Event::CipherSuiteChosen(cipher_suite.id));
    context.parameters.server_name = negotiation::server_name(hello)?;
    context.parameters.application_protocol = negotiation::application_protocol(&config, hello)?;
    let binder_hash = pre_shared_key::binder_hash(&config, &transcript, &message, hello);
    transcript.add(&message);
    context.tickets = tickets::plan(&config, hello);
    let offer = Offer {
        compression: config.compressors.choose(hello.compress_certificate),
        record_size_limits: hello.record_size_limit.zip(config.record_size_limit),
        binder_hash,
        cipher_suite,
        exchange,
        transcript,
        session_id: hello.session_id.to_vec(),
        early_secret: None,
        offered: hello.extensions.iter().map(|extension| extension.kind).collect(),
        server_certificate_type: None,
        client_certificate_type: negotiation::client_certificate_type(&config, hello),
        config,
    };
    tickets::look_up(offer, 0, hello, context)
}

/// No pre-shared key: which certificate?
pub(super) fn choose_certificate(
    offer: Offer,
    hello: &ClientHello<'_>,
    context: &mut Context,
) -> Result<State, Error> {
    if offer.exchange.is_none() {
        return Err(Error::missing(HandshakeType::CLIENT_HELLO, ExtensionType::KEY_SHARE));
    }
    if hello.signature_algorithms.is_none() {
        return Err(missing_signature_algorithms());
    }
    negotiation::check_client_certificate_type(&offer.config, hello)?;
    let reply = offer.config.resolver.resolve(hello);
    let state = ChoosingCertificate { offer };
    match reply {
        Reply::Now(choice) => state.on_choice(choice, hello, context),
        Reply::Later => {
            let question = ChooseCertificate { hello: KeptHello::new(hello) };
            context.ask(Question::ChooseCertificate(question));
            Ok(State::ChoosingCertificate(Box::new(state)))
        }
    }
}

/// The resolver was asked, and has not answered yet.
pub(in crate::handshake) struct ChoosingCertificate {
    offer: Offer,
}

impl ChoosingCertificate {
    pub(super) fn on_choice(
        self,
        choice: Result<Arc<CertifiedKey>, NoCertificate>,
        hello: &ClientHello<'_>,
        context: &mut Context,
    ) -> Result<State, Error> {
        let mut offer = self.offer;
        let theirs = hello.signature_algorithms.ok_or_else(missing_signature_algorithms)?;
        let nothing =
            |ours: String| Error::nothing_in_common("signature scheme", ours, theirs.to_string());
        let key = match choice {
            Ok(key) => key,
            Err(NoCertificate::UnknownName) => {
                let name = context.parameters.server_name.clone().unwrap_or_default();
                return Err(ErrorKind::UnrecognizedName(name).into());
            }
            Err(NoCertificate::NoCommonType) => {
                let theirs = hello.server_certificate_types.unwrap_or(&[CertificateType::X509.0]);
                return Err(no_common_type([], theirs.iter().copied().map(CertificateType)));
            }
            Err(NoCertificate::NoCommonScheme) => {
                let ours = offer.config.resolver.schemes();
                return Err(nothing(match ours.is_empty() {
                    true => "those of the configured keys".into(),
                    false => join(ours.into_iter()),
                }));
            }
        };
        let scheme =
            key.scheme_for(hello).ok_or_else(|| nothing(join(key.schemes().iter().copied())))?;
        context.session_basis.own_type = key.certificate_type();
        offer.server_certificate_type = Some(key.certificate_type());
        if !hello.wants_ocsp {
            // The client asked for a status of another kind.
            offer.offered.retain(|kind| *kind != ExtensionType::STATUS_REQUEST);
        }
        flight::send(offer, key, scheme, context)
    }
}

/// Section 9.2.
fn missing_signature_algorithms() -> Error {
    Error::missing(HandshakeType::CLIENT_HELLO, ExtensionType::SIGNATURE_ALGORITHMS)
}
