//! Handshake: the header of each handshake message (RFC 9846, section 4).

use super::codec::{Prefix, write_vector};
use crate::registry::HandshakeType;

/// The length in bytes of a handshake message's header: its type and the length of its body.
pub const MESSAGE_HEADER_LENGTH: usize = 4;

/// A whole handshake message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HandshakeMessage<'a> {
    /// The type.
    pub kind: HandshakeType,
    /// The body, without the header.
    pub body: &'a [u8],
    /// Header and body: what goes into the transcript.
    pub bytes: &'a [u8],
}

impl<'a> HandshakeMessage<'a> {
    /// Splits the first message from `input`. `None` when it is not whole yet.
    pub fn split(input: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (kind, length) = Self::header(input)?;
        let (bytes, rest) = input.split_at_checked(MESSAGE_HEADER_LENGTH + length)?;
        let body = bytes.get(MESSAGE_HEADER_LENGTH..)?;
        Some((Self { kind, body, bytes }, rest))
    }

    /// The type of the first message and the length of its body, as soon as its header is there.
    pub fn header(input: &[u8]) -> Option<(HandshakeType, usize)> {
        let [kind, high, middle, low] = *input.first_chunk::<MESSAGE_HEADER_LENGTH>()?;
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        Some((HandshakeType(kind), length))
    }

    /// The length in bytes of the longest body that the syntax of this message allows: its vectors
    /// are as long as their prefixes can say, and a hash has 64 bytes.
    pub(crate) fn longest(kind: HandshakeType) -> usize {
        const VECTOR: usize = 2 + 0xffff;
        match kind {
            HandshakeType::END_OF_EARLY_DATA => 0,
            HandshakeType::KEY_UPDATE => 1,
            HandshakeType::FINISHED => 64,
            HandshakeType::ENCRYPTED_EXTENSIONS => VECTOR,
            HandshakeType::CERTIFICATE_VERIFY => 2 + VECTOR,
            HandshakeType::SERVER_HELLO => 2 + 32 + 33 + 2 + 1 + VECTOR,
            HandshakeType::CERTIFICATE_REQUEST => 256 + VECTOR,
            HandshakeType::NEW_SESSION_TICKET => 8 + 256 + 2 * VECTOR,
            HandshakeType::CLIENT_HELLO => 2 + 32 + 33 + (VECTOR - 1) + 256 + VECTOR,
            _ => 0xff_ffff,
        }
    }
}

/// Writes a message: its type, its length, and what `body` writes.
pub(crate) fn write_message(
    out: &mut Vec<u8>,
    kind: HandshakeType,
    body: impl FnOnce(&mut Vec<u8>),
) {
    out.push(kind.0);
    write_vector(out, Prefix::U24, body);
}
