use crate::error::{Error, ErrorKind};
use crate::registry::HandshakeType;
use crate::wire::{DecodeError, HandshakeMessage, MESSAGE_HEADER_LENGTH};

/// This message has to be of this type.
pub(super) fn expect(message: &HandshakeMessage<'_>, kind: HandshakeType) -> Result<(), Error> {
    if message.kind == kind {
        return Ok(());
    }
    Err(Error::unexpected(kind.name().unwrap_or_default(), message.kind))
}

/// The first message of `bytes` and what follows it; `None` while it is not whole. A piece whose
/// header says that it will be longer than the limit, or than its type can be, is refused, so that
/// no more than one limit is ever kept; what is wrong with a whole message is for the state to say.
pub(super) fn next_message(
    bytes: &[u8],
    limit: usize,
) -> Result<Option<(HandshakeMessage<'_>, &[u8])>, Error> {
    let Some((kind, length)) = HandshakeMessage::header(bytes) else {
        return Ok(None);
    };
    let allowed = MESSAGE_HEADER_LENGTH + length <= limit;
    match HandshakeMessage::split(bytes).filter(|_| allowed) {
        None if length > HandshakeMessage::longest(kind) => {
            Err(DecodeError::length(kind, "length", length).into())
        }
        None if !allowed => {
            Err(ErrorKind::LimitExceeded { name: "handshake_message", limit }.into())
        }
        message => Ok(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_whole_with_its_last_byte_and_leaves_what_follows() {
        let bytes = [8, 0, 0, 2, 1, 2, 20];
        for end in 0..bytes.len() {
            assert_eq!(next_message(&bytes[..end], 100).unwrap().is_some(), end >= 6, "{end}");
        }
        let (message, rest) = next_message(&bytes, 100).unwrap().unwrap();
        assert_eq!((message.body, rest), (&[1, 2][..], &[20][..]));
    }

    #[test]
    fn a_message_beyond_the_limit_is_refused_by_its_header() {
        let limit = MESSAGE_HEADER_LENGTH + 10;
        assert!(next_message(&[8, 0, 0, 10], limit).unwrap().is_none());
        let error = next_message(&[8, 0, 0, 11], limit).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::LimitExceeded { .. }), "{error}");
        assert!(next_message(&[8, 0xff, 0xff], limit).unwrap().is_none(), "no header yet");
    }
}
