//! The fields of handshake messages, with their places.
//!
//! The library's parsers read the message. Here, what they found is laid out over the bytes again: each
//! field is compared with the bytes at its place ([`layout`]), so that no place can be wrong.

mod authentication;
mod client_hello;
mod extensions;
mod layout;
mod post_handshake;
mod server_hello;

use handclasp::registry::HandshakeType;
use handclasp::wire::{DecodeError, HandshakeMessage, ServerHello};

use crate::account::{Field, Malformed};
use crate::code::code;
pub(crate) use layout::FieldLimit;
use layout::Layout;

/// What is known of a message from its bytes alone.
pub(crate) struct Fields {
    pub(crate) name: String,
    pub(crate) fields: Vec<Field>,
    /// How many fields those are, at any depth.
    pub(crate) count: usize,
    /// The limit behind which the rest of the message is one field.
    pub(crate) limit_reached: Option<&'static str>,
    pub(crate) malformed: Option<Malformed>,
}

/// The fields of a message of TLS 1.3. Those of its header do not count.
pub(crate) fn of(message: &HandshakeMessage<'_>, limit: FieldLimit) -> Fields {
    let name = name(message);
    let mut layout = header(message);
    layout.allow(limit);
    match lay_out(message, &mut layout) {
        Ok(()) => {
            let (count, limit_reached) = (layout.count(), layout.limit_reached());
            Fields { name, fields: layout.finish(), count, limit_reached, malformed: None }
        }
        Err(error) => {
            let reason = error.reason.to_string();
            let malformed = Some(Malformed { field: error.field, reason });
            Fields { name, fields: opaque(message), count: 0, limit_reached: None, malformed }
        }
    }
}

/// The fields of a message of another version: its body is one of them.
pub(crate) fn of_other_version(message: &HandshakeMessage<'_>) -> Fields {
    let fields = opaque(message);
    Fields { name: name(message), fields, count: 0, limit_reached: None, malformed: None }
}

/// The name of a message. HelloRetryRequest has the type of ServerHello.
pub(crate) fn name(message: &HandshakeMessage<'_>) -> String {
    let is_retry = message.kind == HandshakeType::SERVER_HELLO
        && ServerHello::parse(message.body).is_ok_and(|hello| hello.is_hello_retry_request());
    if is_retry { "HelloRetryRequest".to_owned() } else { message.kind.to_string() }
}

fn header<'a>(message: &HandshakeMessage<'a>) -> Layout<'a> {
    let mut layout = Layout::new(message.bytes);
    layout.code("msg_type", "msg_type", code(message.kind));
    layout.number("length", "message_length", 3, message.body.len() as u64);
    layout
}

fn opaque(message: &HandshakeMessage<'_>) -> Vec<Field> {
    header(message).finish()
}

fn lay_out(message: &HandshakeMessage<'_>, layout: &mut Layout<'_>) -> Result<(), DecodeError> {
    let body = message.body;
    match message.kind {
        HandshakeType::CLIENT_HELLO => client_hello::fields(body, layout)?,
        HandshakeType::SERVER_HELLO => server_hello::fields(body, layout)?,
        HandshakeType::ENCRYPTED_EXTENSIONS => {
            server_hello::encrypted_extensions(body, layout)?;
        }
        HandshakeType::CERTIFICATE_REQUEST => {
            authentication::certificate_request(body, layout)?;
        }
        HandshakeType::CERTIFICATE => authentication::certificate(body, layout)?,
        HandshakeType::COMPRESSED_CERTIFICATE => {
            authentication::compressed_certificate(body, layout)?;
        }
        HandshakeType::CERTIFICATE_VERIFY => {
            authentication::certificate_verify(body, layout)?;
        }
        HandshakeType::FINISHED => authentication::finished(body, layout),
        HandshakeType::NEW_SESSION_TICKET => {
            post_handshake::new_session_ticket(body, layout)?;
        }
        HandshakeType::KEY_UPDATE => post_handshake::key_update(body, layout)?,
        _ => {}
    }
    Ok(())
}
