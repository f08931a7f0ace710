//! ExpectClientHello: the client speaks first (RFC 9846, section 4.2.2). A server may choose its
//! configuration by the ClientHello: ChoosingConfig.

use std::sync::Arc;

use super::hello_retry_request::FirstClientHello;
use super::negotiate::negotiate;
use super::{Context, Question, State, selection};
use crate::config::{ConfigChoice, ServerConfig};
use crate::error::{Error, ErrorKind};
use crate::handshake::question::{ChooseConfig, KeptHello};
use crate::handshake::{EarlyData, expect};
use crate::registry::{ContentType, HandshakeType};
use crate::reply::Reply;
use crate::wire::{ClientHello, ExtensionType, HandshakeMessage};

/// Nothing has happened yet.
pub(in crate::handshake) struct ExpectClientHello {
    pub(super) config: Arc<ServerConfig>,
}

impl ExpectClientHello {
    pub(super) fn on_message(
        self,
        message: &HandshakeMessage<'_>,
        context: &mut Context,
    ) -> Result<State, Error> {
        expect(message, HandshakeType::CLIENT_HELLO)?;
        let hello = ClientHello::parse(message.body)?;
        // First: what else is wrong in the ClientHello of an older version does not matter (section 4.2.2).
        selection::check_version(&hello)?;
        // A name that is none is refused before a resolver sees it. Neither a session (section 4.7.1) nor a second
        // ClientHello changes it.
        context.parameters.server_name = selection::server_name(&hello)?;
        let Some(resolver) = &self.config.config_resolver else {
            return negotiate(self.config, None, message.bytes, &hello, context);
        };
        match resolver.resolve(&hello) {
            Reply::Now(choice) => {
                let config = use_config(self.config, choice, &hello, context)?;
                negotiate(config, None, message.bytes, &hello, context)
            }
            Reply::Later => {
                let hello = KeptHello::new(&hello);
                context.ask(Question::ChooseConfig(ChooseConfig { hello: hello.clone() }));
                Ok(State::ChoosingConfig(ChoosingConfig { config: self.config, hello }))
            }
        }
    }
}

/// The application chooses the configuration, and the handshake waits for it.
pub(in crate::handshake) struct ChoosingConfig {
    /// The one that the connection was made with.
    config: Arc<ServerConfig>,
    hello: KeptHello,
}

impl ChoosingConfig {
    pub(super) fn on_choice(
        self,
        choice: ConfigChoice,
        context: &mut Context,
    ) -> Result<State, Error> {
        let hello = self.hello.parse()?;
        let config = use_config(self.config, choice, &hello, context)?;
        negotiate(config, None, &hello.message_bytes(), &hello, context)
    }
}

/// Goes on with the configuration that was chosen.
fn use_config(
    own: Arc<ServerConfig>,
    choice: ConfigChoice,
    hello: &ClientHello<'_>,
    context: &mut Context,
) -> Result<Arc<ServerConfig>, Error> {
    let chosen = match choice {
        ConfigChoice::Keep => return Ok(own),
        ConfigChoice::Use(config) => config,
        ConfigChoice::Refuse => return Err(selection::unrecognized_name(hello)),
    };
    if context.quic.is_some() {
        chosen.common.check_for_quic().map_err(ErrorKind::Internal)?;
    }
    context.config = Arc::clone(&chosen.common);
    context.observers.set_key_log(chosen.common.key_log.clone());
    Ok(chosen)
}

/// Begins the handshake with this ClientHello. If it has a cookie, it is a second ClientHello: returns
/// what the cookie says about the first one, which went to another connection or another server. If it has
/// none, it is the first one, and a change_cipher_spec before it is an `unexpected_message` (section 5).
pub(super) fn begin(
    config: &ServerConfig,
    hello: &ClientHello<'_>,
    context: &mut Context,
) -> Result<Option<Box<FirstClientHello>>, Error> {
    check_transport(hello, context)?;
    context.observers.set_client_random(&hello.random);
    let transport_parameters = hello.transport_parameters.map(<[u8]>::to_vec);
    context.parameters.change_rare(|rare| rare.transport_parameters = transport_parameters);
    if hello.early_data {
        context.parameters.early_data = EarlyData::Offered;
    }
    match hello.cookie {
        Some(cookie) => {
            let first = FirstClientHello::from_cookie(config, cookie, context)?;
            Ok(Some(Box::new(first)))
        }
        None if context.change_cipher_spec_received => {
            let received = ContentType::CHANGE_CIPHER_SPEC;
            let when = "before the first ClientHello";
            Err(ErrorKind::UnexpectedRecord { received, when }.into())
        }
        None => Ok(None),
    }
}

/// Transport parameters of QUIC are for QUIC only: over records, and over another transport without records,
/// they are an `unsupported_extension`. In QUIC there must be some, or it is a
/// `missing_extension` (RFC 9001, section 8.2), and no legacy_session_id (section 8.4).
fn check_transport(hello: &ClientHello<'_>, context: &Context) -> Result<(), Error> {
    let extension = ExtensionType::QUIC_TRANSPORT_PARAMETERS;
    let has_parameters = hello.transport_parameters.is_some();
    if context.quic.is_none() && has_parameters {
        return Err(ErrorKind::OutsideQuic(extension).into());
    }
    if context.quic.is_some() && !has_parameters {
        return Err(Error::missing(HandshakeType::CLIENT_HELLO, extension));
    }
    if context.quic.is_some() && !hello.session_id.is_empty() {
        let reason = "the client's ClientHello has a legacy_session_id, which QUIC has no use for";
        return Err(ErrorKind::QuicProtocolViolation(reason).into());
    }
    Ok(())
}
