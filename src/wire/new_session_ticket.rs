//! NewSessionTicket (RFC 9846, section 4.7.1).

use super::codec::{DecodeError, Prefix, Reader, write_bytes, write_vector};
use super::extension_list::{Extensions, write_extension};
use super::extensions::{ExtensionMessage, ExtensionType};
use super::handshake_message::write_message;
use crate::registry::HandshakeType;

/// A ticket for a later resumption (section 4.7.1).
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
    /// When a field or an extension is malformed, or the RFC forbids an extension in this message.
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(HandshakeType::NEW_SESSION_TICKET, body);
        let lifetime = reader.u32("ticket_lifetime")?;
        let age_add = reader.u32("ticket_age_add")?;
        let nonce = reader.vector("ticket_nonce", Prefix::U8, 0..=255)?;
        let ticket = reader.vector("ticket", Prefix::U16, 1..=0xffff)?;
        let extensions = Extensions::read(&mut reader, ExtensionMessage::NewSessionTicket)?;
        reader.finish("extensions")?;
        let mut max_early_data_size = None;
        extensions.read_bodies(&reader, |kind, body| {
            match kind {
                ExtensionType::EARLY_DATA => max_early_data_size = Some(body.u32(kind.field())?),
                // A test lists the extensions of the table that are not read.
                _ => body.skip(),
            }
            Ok(())
        })?;
        Ok(Self { lifetime, age_add, nonce, ticket, extensions, max_early_data_size })
    }

    /// Writes the whole message from the first four fields and `max_early_data_size`; `extensions` is
    /// not looked at.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        write_message(out, HandshakeType::NEW_SESSION_TICKET, |out| {
            self.write_fields(out);
            write_vector(out, Prefix::U16, |out| {
                if let Some(size) = self.max_early_data_size {
                    write_extension(out, ExtensionType::EARLY_DATA, |out| {
                        out.extend_from_slice(&size.to_be_bytes());
                    });
                }
            });
        });
    }

    /// Writes the fields before the extensions.
    fn write_fields(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.lifetime.to_be_bytes());
        out.extend_from_slice(&self.age_add.to_be_bytes());
        write_bytes(out, Prefix::U8, self.nonce);
        write_bytes(out, Prefix::U16, self.ticket);
    }

    /// Writes the whole message from the first five fields.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_message(out, HandshakeType::NEW_SESSION_TICKET, |out| {
            self.write_fields(out);
            self.extensions.encode(out);
        });
    }
}
