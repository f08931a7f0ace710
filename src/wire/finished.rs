//! Finished (RFC 9846, section 4.5.3).

use super::handshake_message::write_message;
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
