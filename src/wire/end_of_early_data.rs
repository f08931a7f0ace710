//! EndOfEarlyData (RFC 9846, section 4.6).

use super::codec::{DecodeError, Reader};
use super::handshake_message::write_message;
use crate::registry::HandshakeType;

/// The end of 0-RTT data: an empty message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndOfEarlyData;

impl EndOfEarlyData {
    /// Parses the body, which must be empty.
    ///
    /// # Errors
    /// When the body is not empty.
    pub fn parse(body: &[u8]) -> Result<Self, DecodeError> {
        Reader::new(HandshakeType::END_OF_EARLY_DATA, body).finish("body")?;
        Ok(Self)
    }

    /// Writes the whole message.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_message(out, HandshakeType::END_OF_EARLY_DATA, |_| {});
    }
}
