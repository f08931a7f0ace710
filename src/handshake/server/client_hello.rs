//! ExpectClientHello: the client speaks first (RFC 9846, section 4.2.2).

use std::sync::Arc;

use super::hello_retry_request::FirstClientHello;
use super::negotiate::negotiate;
use super::{Context, State};
use crate::config::ServerConfig;
use crate::error::{Error, ErrorKind};
use crate::handshake::{EarlyData, expect};
use crate::registry::HandshakeType;
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
        negotiate(self.config, None, message, &hello, context)
    }
}

/// Begins the handshake with this ClientHello. If it has a cookie, it is a second ClientHello: returns
/// what the cookie says about the first one, which went to another connection or another server.
pub(super) fn begin(
    config: &ServerConfig,
    hello: &ClientHello<'_>,
    context: &mut Context,
) -> Result<Option<FirstClientHello>, Error> {
    check_transport(hello, context)?;
    context.observers.set_client_random(&hello.random);
    context.parameters.transport_parameters = hello.transport_parameters.map(<[u8]>::to_vec);
    if hello.early_data {
        context.parameters.early_data = EarlyData::Offered;
    }
    match hello.cookie {
        Some(cookie) => FirstClientHello::from_cookie(config, cookie, context).map(Some),
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
