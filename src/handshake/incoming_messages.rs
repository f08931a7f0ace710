//! The bytes of handshake messages that come in (RFC 9846, section 5.1): joined to whole messages, or
//! held back while a question is open. A message that is too long is a `general_error` (a limit of the
//! configuration) or a `decode_error` (its syntax cannot be so long).

use crate::config::Limits;
use crate::error::{Error, ErrorKind};
use crate::handshake::Question;
use crate::registry::HandshakeType;
use crate::wire::{DecodeError, HandshakeMessage, MESSAGE_HEADER_LENGTH};

/// The bytes that came and were not read yet, and the question for whose answer the machine waits. `None`
/// where there is neither: an idle connection has no memory for them.
#[derive(Default)]
pub(super) struct IncomingMessages(Option<Box<Waiting>>);

#[derive(Default)]
struct Waiting {
    /// The beginning of a message that is not whole yet. While a question is open: what came after the
    /// message that led to the question.
    kept: Vec<u8>,
    question: Option<Box<Question>>,
}

impl IncomingMessages {
    pub(super) fn is_waiting(&self) -> bool {
        self.question().is_some()
    }

    pub(super) fn question(&self) -> Option<&Question> {
        self.0.as_ref()?.question.as_deref()
    }

    /// The bytes that came and were not read yet.
    pub(super) fn kept(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |waiting| &waiting.kept)
    }

    /// Keeps these bytes, too.
    pub(super) fn keep(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            append(&mut self.0.get_or_insert_default().kept, bytes);
        }
    }

    /// Takes the kept bytes out, to read them.
    pub(super) fn take_kept(&mut self) -> Vec<u8> {
        let Some(waiting) = &mut self.0 else { return Vec::new() };
        let kept = core::mem::take(&mut waiting.kept);
        self.drop_if_empty();
        kept
    }

    /// A state has asked: nothing is read before the answer.
    pub(super) fn wait_for(&mut self, question: Box<Question>) {
        self.0.get_or_insert_default().question = Some(question);
    }

    /// Ends the waiting: what was held back can be read now. Returns the question that was open.
    pub(super) fn stop_waiting(&mut self) -> Option<Box<Question>> {
        let question = self.0.as_mut()?.question.take();
        self.drop_if_empty();
        question
    }

    fn drop_if_empty(&mut self) {
        if self.kept().is_empty() && !self.is_waiting() {
            self.0 = None;
        }
    }
}

/// Appends to a buffer of messages, which grows as far as the first message's header says.
fn append(buffer: &mut Vec<u8>, bytes: &[u8]) {
    let length = buffer.len() + bytes.len();
    if length > buffer.capacity() {
        let header = HandshakeMessage::header(buffer);
        let whole = header.map_or(length, |(_, body)| MESSAGE_HEADER_LENGTH + body);
        let capacity = whole.min(2 * buffer.capacity()).max(length);
        buffer.reserve_exact(capacity - buffer.len());
    }
    buffer.extend_from_slice(bytes);
}

/// The first message of `bytes` and what follows it; `None` while it is not whole. A message whose
/// header says that it is longer than the limit, or than its type can be, is refused before the rest
/// of it comes: no more than one limit is ever kept. The states check whole messages.
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
    let is_allowed = MESSAGE_HEADER_LENGTH + length <= limit;
    if is_allowed {
        if let Some(whole) = HandshakeMessage::split(bytes) {
            return Ok(Some(whole));
        }
    }
    if length > HandshakeMessage::longest(kind) {
        return Err(DecodeError::length(kind, "length", length).into());
    }
    if !is_allowed {
        return Err(ErrorKind::LimitExceeded { name, limit }.into());
    }
    Ok(None)
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
        let mut limits = Limits::DEFAULT;
        limits.handshake_message = 14;
        limits.certificate_message = 24;
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
