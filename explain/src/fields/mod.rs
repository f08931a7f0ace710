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
use layout::Layout;

/// What is known of a message from its bytes alone.
pub(crate) struct Fields {
    pub(crate) name: String,
    pub(crate) fields: Vec<Field>,
    pub(crate) malformed: Option<Malformed>,
}

/// The fields of a message of TLS 1.3.
pub(crate) fn of(message: &HandshakeMessage<'_>) -> Fields {
    let name = name(message);
    match laid_out(message) {
        Ok(fields) => Fields { name, fields, malformed: None },
        Err(error) => {
            let malformed = Malformed { field: error.field, reason: error.reason.to_string() };
            Fields { name, fields: opaque(message), malformed: Some(malformed) }
        }
    }
}

/// The fields of a message of another version: its body is one of them.
pub(crate) fn of_other_version(message: &HandshakeMessage<'_>) -> Fields {
    Fields { name: name(message), fields: opaque(message), malformed: None }
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

fn laid_out(message: &HandshakeMessage<'_>) -> Result<Vec<Field>, DecodeError> {
    let mut layout = header(message);
    let body = message.body;
    match message.kind {
        HandshakeType::CLIENT_HELLO => client_hello::fields(body, &mut layout)?,
        HandshakeType::SERVER_HELLO => server_hello::fields(body, &mut layout)?,
        HandshakeType::ENCRYPTED_EXTENSIONS => {
            server_hello::encrypted_extensions(body, &mut layout)?;
        }
        HandshakeType::CERTIFICATE_REQUEST => {
            authentication::certificate_request(body, &mut layout)?;
        }
        HandshakeType::CERTIFICATE => authentication::certificate(body, &mut layout)?,
        HandshakeType::COMPRESSED_CERTIFICATE => {
            authentication::compressed_certificate(body, &mut layout)?;
        }
        HandshakeType::CERTIFICATE_VERIFY => {
            authentication::certificate_verify(body, &mut layout)?;
        }
        HandshakeType::FINISHED => authentication::finished(body, &mut layout),
        HandshakeType::NEW_SESSION_TICKET => {
            post_handshake::new_session_ticket(body, &mut layout)?;
        }
        HandshakeType::KEY_UPDATE => post_handshake::key_update(body, &mut layout)?,
        _ => {}
    }
    Ok(layout.finish())
}
