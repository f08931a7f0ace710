//! NewSessionTicket (RFC 9846, section 4.7.1).

use super::codec::{DecodeError, Prefix, Reader, write_bytes};
use super::extension_list::Extensions;
use super::extensions::{ExtensionMessage, ExtensionType};
use super::handshake_message::write_message;
use crate::registry::HandshakeType;

/// A ticket for a later resumption.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NewSessionTicket<'a> {
    /// How long the ticket may be used, in seconds: at most 604800, which is seven days.
    pub lifetime: u32,
    /// Added to the ticket's age when it is sent, so that an observer learns nothing from the age.
    pub age_add: u32,
    /// Makes the PSK of this ticket differ from the PSKs of all others: 0 to 255 bytes.
    pub nonce: &'a [u8],
    /// The ticket: 1 byte to 2^16-1. Only the server knows what the bytes mean.
    pub ticket: &'a [u8],
    /// All extensions.
    pub extensions: Extensions<'a>,
    /// How many bytes of 0-RTT data the server accepts with this ticket, if it accepts any.
    pub max_early_data_size: Option<u32>,
}

impl<'a> NewSessionTicket<'a> {
    /// Parses the body of a NewSessionTicket.
    ///
    /// # Errors
    /// When a field is malformed, or an extension stands in it that the RFC forbids there.
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(HandshakeType::NEW_SESSION_TICKET, body);
        let lifetime = reader.u32("ticket_lifetime")?;
        let age_add = reader.u32("ticket_age_add")?;
        let nonce = reader.vector("ticket_nonce", Prefix::U8, 0..=255)?;
        let ticket = reader.vector("ticket", Prefix::U16, 1..=0xffff)?;
        let extensions = Extensions::read(&mut reader, ExtensionMessage::NewSessionTicket)?;
        reader.finish("extensions")?;
        let max_early_data_size = match extensions.get(ExtensionType::EARLY_DATA) {
            Some(body) => {
                let mut body = reader.part(body);
                let size = body.u32("early_data")?;
                body.finish("early_data")?;
                Some(size)
            }
            None => None,
        };
        Ok(Self { lifetime, age_add, nonce, ticket, extensions, max_early_data_size })
    }

    /// Writes the whole message from the first five fields.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_message(out, HandshakeType::NEW_SESSION_TICKET, |out| {
            out.extend_from_slice(&self.lifetime.to_be_bytes());
            out.extend_from_slice(&self.age_add.to_be_bytes());
            write_bytes(out, Prefix::U8, self.nonce);
            write_bytes(out, Prefix::U16, self.ticket);
            self.extensions.encode(out);
        });
    }
}
