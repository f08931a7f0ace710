use crate::error::{Error, ErrorKind};
use crate::registry::HandshakeType;
use crate::wire::{DecodeError, HandshakeMessage, MESSAGE_HEADER_LENGTH};

/// This message has to be of this type.
pub(super) fn expect(message: &HandshakeMessage<'_>, kind: HandshakeType) -> Result<(), Error> {
    if message.kind == kind {
        return Ok(());
    }
    Err(Error::unexpected(kind.name().unwrap_or_default(), message))
}

/// Joins the pieces of handshake messages. What stands here is at most one limit long: a message
/// that says it will be longer, or longer than its type can be, is refused by its header.
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

    /// The type of the first message, as soon as its header is here.
    pub(super) fn kind(&self) -> Option<HandshakeType> {
        HandshakeMessage::header(&self.bytes).map(|(kind, _)| kind)
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
        let Some((kind, length)) = HandshakeMessage::header(bytes) else {
            return Ok(None);
        };
        if length > HandshakeMessage::longest(kind) {
            return Err(DecodeError::length(kind, "length", length).into());
        }
        if MESSAGE_HEADER_LENGTH + length > limit {
            return Err(ErrorKind::LimitExceeded { name: "handshake_message", limit }.into());
        }
        Ok(HandshakeMessage::split(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_whole_with_its_last_byte_and_leaves_what_follows() {
        let bytes = [8, 0, 0, 2, 1, 2, 20];
        let mut incoming = Incoming::default();
        for (count, byte) in bytes.iter().enumerate() {
            assert_eq!(incoming.has_whole_message(100).unwrap(), count >= 6, "{count}");
            incoming.push(&[*byte]);
        }
        let bytes = incoming.take();
        assert!(incoming.is_empty());
        let (message, rest) = Incoming::split(&bytes, 100).unwrap().unwrap();
        assert_eq!((message.body, rest), (&[1, 2][..], &[20][..]));
    }

    #[test]
    fn a_message_beyond_the_limit_is_refused_by_its_header() {
        let limit = MESSAGE_HEADER_LENGTH + 10;
        assert!(Incoming::split(&[8, 0, 0, 10], limit).unwrap().is_none());
        let error = Incoming::split(&[8, 0, 0, 11], limit).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::LimitExceeded { .. }), "{error}");
        assert!(Incoming::split(&[8, 0xff, 0xff], limit).unwrap().is_none(), "no header yet");
    }
}
