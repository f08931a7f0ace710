use crate::config::Limits;
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
pub(super) fn next_message<'a>(
    bytes: &'a [u8],
    limits: &Limits,
) -> Result<Option<(HandshakeMessage<'a>, &'a [u8])>, Error> {
    let Some((kind, length)) = HandshakeMessage::header(bytes) else {
        return Ok(None);
    };
    let (name, limit) = match kind {
        HandshakeType::CERTIFICATE | HandshakeType::COMPRESSED_CERTIFICATE => {
            ("certificate_message", limits.certificate_message)
        }
        _ => ("handshake_message", limits.handshake_message),
    };
    let allowed = MESSAGE_HEADER_LENGTH + length <= limit;
    match HandshakeMessage::split(bytes).filter(|_| allowed) {
        None if length > HandshakeMessage::longest(kind) => {
            Err(DecodeError::length(kind, "length", length).into())
        }
        None if !allowed => Err(ErrorKind::LimitExceeded { name, limit }.into()),
        message => Ok(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_whole_with_its_last_byte_and_leaves_what_follows() {
        let limits = Limits::DEFAULT;
        let bytes = [8, 0, 0, 2, 1, 2, 20];
        for end in 0..bytes.len() {
            assert_eq!(next_message(&bytes[..end], &limits).unwrap().is_some(), end >= 6, "{end}");
        }
        let (message, rest) = next_message(&bytes, &limits).unwrap().unwrap();
        assert_eq!((message.body, rest), (&[1, 2][..], &[20][..]));
    }

    fn header(kind: HandshakeType, length: usize) -> [u8; MESSAGE_HEADER_LENGTH] {
        let [.., high, middle, low] = length.to_be_bytes();
        [kind.0, high, middle, low]
    }

    #[test]
    fn a_message_beyond_the_limit_of_its_type_is_refused_by_its_header() {
        let limits = Limits { handshake_message: 14, certificate_message: 24, ..Limits::DEFAULT };
        for (kind, name, limit) in [
            (HandshakeType::CLIENT_HELLO, "handshake_message", 14),
            (HandshakeType::ENCRYPTED_EXTENSIONS, "handshake_message", 14),
            (HandshakeType::CERTIFICATE, "certificate_message", 24),
            (HandshakeType::COMPRESSED_CERTIFICATE, "certificate_message", 24),
        ] {
            let longest = limit - MESSAGE_HEADER_LENGTH;
            assert!(next_message(&header(kind, longest), &limits).unwrap().is_none());
            let error = next_message(&header(kind, longest + 1), &limits).unwrap_err();
            assert_eq!(error.kind(), &ErrorKind::LimitExceeded { name, limit });
            assert!(next_message(&[kind.0, 0xff, 0xff], &limits).unwrap().is_none(), "no header");
        }
    }

    #[test]
    fn every_message_may_be_as_long_as_its_syntax_lets_it_be_but_for_certificates() {
        let limits = Limits::DEFAULT;
        for kind in [
            HandshakeType::CLIENT_HELLO,
            HandshakeType::SERVER_HELLO,
            HandshakeType::NEW_SESSION_TICKET,
            HandshakeType::END_OF_EARLY_DATA,
            HandshakeType::ENCRYPTED_EXTENSIONS,
            HandshakeType::CERTIFICATE_REQUEST,
            HandshakeType::CERTIFICATE_VERIFY,
            HandshakeType::FINISHED,
            HandshakeType::KEY_UPDATE,
        ] {
            let longest = HandshakeMessage::longest(kind);
            assert!(next_message(&header(kind, longest), &limits).is_ok(), "{kind}");
            let error = next_message(&header(kind, longest + 1), &limits).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Decode(_)), "{kind} {error}");
        }
        let client_hello = HandshakeMessage::longest(HandshakeType::CLIENT_HELLO);
        assert_eq!(limits.handshake_message, MESSAGE_HEADER_LENGTH + client_hello);
    }
}
