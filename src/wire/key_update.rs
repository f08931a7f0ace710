//! The form of KeyUpdate (RFC 9846, section 4.7.3). `handshake/post_handshake/key_update.rs` sends and
//! receives it.

use super::codec::{DecodeError, DecodeReason, Reader};
use super::handshake_message::write_message;
use crate::registry::HandshakeType;

/// The sender's traffic key changes after this message (section 4.7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUpdate {
    /// The receiver must update its own sending key too.
    pub update_requested: bool,
}

impl KeyUpdate {
    /// Parses the body of a KeyUpdate.
    ///
    /// # Errors
    /// When the body is not one byte, or `request_update` is neither 0 nor 1.
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
