//! EncryptedExtensions: the server's answers to the extensions of the ClientHello that are not about
//! keys (RFC 9846, section 4.4.1).

use super::Context;
use super::negotiate::Negotiated;
use crate::handshake::EarlyData;
use crate::key_schedule::PskKind;
use crate::wire::{ExtensionType, ServerExtensions, write_encrypted_extensions};

/// Sends EncryptedExtensions. A layout may give the order, and extensions of its own.
pub(super) fn send(negotiated: &mut Negotiated, context: &mut Context) {
    let mut message = Vec::with_capacity(64);
    write_encrypted_extensions(&mut message, |extensions| {
        answers(negotiated, context).write(extensions);
        if let Some(layout) = &negotiated.config.common.layout {
            layout.apply(extensions, |kind| may_send(negotiated, kind));
        }
    });
    let transcript = Some(&mut negotiated.transcript);
    context.send(transcript, |out| out.extend_from_slice(&message));
}

/// May a layout send this extension? Only if the client offered it. A server with record_size_limit
/// ignores max_fragment_length beside it (RFC 8449, section 5).
fn may_send(negotiated: &Negotiated, kind: ExtensionType) -> bool {
    let is_replaced =
        kind == ExtensionType::MAX_FRAGMENT_LENGTH && negotiated.record_size_limits.is_some();
    negotiated.offered.contains(&kind) && !is_replaced
}

/// What the server answers: only what the client offered (sections 4.3 and 4.4.1).
fn answers<'a>(negotiated: &Negotiated, context: &'a Context) -> ServerExtensions<'a> {
    let offered = |kind| negotiated.offered.contains(&kind);
    let parameters = &context.parameters;
    let resumed = parameters.pre_shared_key == Some(PskKind::Resumption);
    let mut answers = ServerExtensions {
        // The name was used to choose the certificate; in a resumption there is none (RFC 6066,
        // section 3).
        server_name: parameters.server_name.is_some() && !resumed,
        application_protocol: parameters.application_protocol.as_deref(),
        early_data: parameters.early_data == EarlyData::Accepted,
        transport_parameters: context.quic.as_ref().map(|quic| &*quic.transport_parameters),
        record_size_limit: negotiated.record_size_limits.as_ref().map(|limits| limits.server),
        ..ServerExtensions::default()
    };
    if offered(ExtensionType::CLIENT_CERTIFICATE_TYPE) {
        answers.client_certificate_type = negotiated.client_certificate_type;
    }
    if offered(ExtensionType::SERVER_CERTIFICATE_TYPE) {
        answers.server_certificate_type = negotiated.server_certificate_type;
    }
    if offered(ExtensionType::TICKET_REQUEST) {
        answers.ticket_request = context.tickets.as_ref().map(|tickets| tickets.count);
    }
    answers
}
