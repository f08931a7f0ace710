//! What ends a handshake and what may follow it: Finished (RFC 9846, section 4.5.3),
//! EndOfEarlyData (section 4.6), NewSessionTicket (section 4.7.1) and KeyUpdate (section 4.7.3).

use super::codec::{DecodeError, DecodeReason, Prefix, Reader, write_bytes};
use super::extension_list::Extensions;
use super::extensions::{ExtensionMessage, ExtensionType};
use super::message::write_message;
use crate::registry::HandshakeType;

/// The MAC over the whole handshake: as long as the suite's hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished<'a> {
    /// The MAC. Its length is for the handshake to check, which knows the hash.
    pub verify_data: &'a [u8],
}

impl<'a> Finished<'a> {
    /// Parses the body of a Finished, which has no structure.
    pub fn parse(body: &'a [u8]) -> Self {
        Self { verify_data: body }
    }

    /// Writes the whole message.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_message(out, HandshakeType::FINISHED, |out| out.extend_from_slice(self.verify_data));
    }
}

/// The end of 0-RTT data: an empty message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndOfEarlyData;

impl EndOfEarlyData {
    /// Parses the body, which must be empty.
    pub fn parse(body: &[u8]) -> Result<Self, DecodeError> {
        Reader::new(HandshakeType::END_OF_EARLY_DATA, body).finish("body")?;
        Ok(Self)
    }

    /// Writes the whole message.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_message(out, HandshakeType::END_OF_EARLY_DATA, |_| {});
    }
}

/// A ticket for a later resumption.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NewSessionTicket<'a> {
    /// How long the ticket may be used, in seconds: at most 604800, which is seven days.
    pub lifetime: u32,
    /// Added to the ticket's age when it is sent, so that the age tells an observer nothing.
    pub age_add: u32,
    /// What makes the PSK of this ticket differ from that of every other: 0 to 255 bytes.
    pub nonce: &'a [u8],
    /// The ticket: 1 byte to 2^16-1, of the server's own making.
    pub ticket: &'a [u8],
    /// All extensions.
    pub extensions: Extensions<'a>,
    /// The bytes of 0-RTT data that the server takes with this ticket, where it takes any.
    pub max_early_data_size: Option<u32>,
}

impl<'a> NewSessionTicket<'a> {
    /// Parses the body of a NewSessionTicket.
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

/// The sender's traffic key changes after this message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUpdate {
    /// The receiver must update its own sending key too.
    pub update_requested: bool,
}

impl KeyUpdate {
    /// Parses the body of a KeyUpdate.
    pub fn parse(body: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(HandshakeType::KEY_UPDATE, body);
        let update_requested = match reader.u8("request_update")? {
            0 => false,
            1 => true,
            _ => {
                let reason = DecodeReason::Value("it must be 0 or 1");
                return Err(reader.error("request_update", reason));
            }
        };
        reader.finish("request_update")?;
        Ok(Self { update_requested })
    }

    /// Writes the whole message.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_message(out, HandshakeType::KEY_UPDATE, |out| out.push(self.update_requested.into()));
    }
}
