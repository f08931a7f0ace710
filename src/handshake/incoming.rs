use crate::error::{Error, ErrorKind};
use crate::wire::{HandshakeMessage, MESSAGE_HEADER_LENGTH};

/// Joins the pieces of handshake messages. What stands here is at most one limit long: a message
/// that says it will be longer is refused by its header.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    bytes: Vec<u8>,
}

impl Incoming {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Is the first message whole? Asked after each piece, so that pieces of one byte cost no
    /// copies of what came before.
    pub(super) fn has_whole_message(&self, limit: usize) -> Result<bool, Error> {
        Ok(Self::split(&self.bytes, limit)?.is_some())
    }

    /// Everything that is here; nothing stays.
    pub(super) fn take(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.bytes)
    }

    /// The first message of `bytes` and what follows it; `None` while it is not whole.
    pub(super) fn split(
        bytes: &[u8],
        limit: usize,
    ) -> Result<Option<(HandshakeMessage<'_>, &[u8])>, Error> {
        let Some((_, length)) = HandshakeMessage::header(bytes) else {
            return Ok(None);
        };
        if MESSAGE_HEADER_LENGTH + length > limit {
            return Err(ErrorKind::LimitExceeded { name: "handshake_message", limit }.into());
        }
        Ok(HandshakeMessage::split(bytes))
    }
}
