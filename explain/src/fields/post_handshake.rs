//! NewSessionTicket and KeyUpdate (RFC 9846, section 4.7).

use handclasp::wire::{DecodeError, ExtensionType, KeyUpdate, NewSessionTicket};

use super::extensions::extensions;
use super::layout::Layout;
use crate::code::of_byte;

pub(super) fn new_session_ticket(body: &[u8], layout: &mut Layout<'_>) -> Result<(), DecodeError> {
    let message = NewSessionTicket::parse(body)?;
    layout.number("ticket_lifetime", "ticket_lifetime", 4, message.lifetime.into());
    layout.number("ticket_age_add", "ticket_age_add", 4, message.age_add.into());
    layout.vector_of_bytes("ticket_nonce", "ticket_nonce", 1, message.nonce);
    layout.vector_of_bytes("ticket", "ticket", 2, message.ticket);
    extensions(layout, message.extensions, |kind, _, layout| {
        if let (ExtensionType::EARLY_DATA, Some(size)) = (kind, message.max_early_data_size) {
            layout.number("max_early_data_size", "max_early_data_size", 4, size.into());
        }
    });
    Ok(())
}

pub(super) fn key_update(body: &[u8], layout: &mut Layout<'_>) -> Result<(), DecodeError> {
    let request = match KeyUpdate::parse(body)?.update_requested {
        false => of_byte(0, Some("update_not_requested")),
        true => of_byte(1, Some("update_requested")),
    };
    layout.code("request_update", "request_update", request);
    Ok(())
}
