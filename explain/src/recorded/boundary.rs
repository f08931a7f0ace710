//! Where records and messages begin again after bytes that are missing.

use handclasp::crypto::TAG_LENGTH;
use handclasp::record::{HEADER_LENGTH, next_record};
use handclasp::registry::{ContentType, HandshakeType};
use handclasp::wire::HandshakeMessage;

/// A message that is longer than this is not searched for: bytes that are none would often look like one.
const MAX_SEARCHED_LENGTH: usize = 1 << 17;

/// The bytes in which a record was searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Search {
    /// How many bytes at their beginning are in no record.
    pub(super) skipped: usize,
    /// Whether a record begins behind them. If not, more bytes are needed to know.
    pub(super) is_found: bool,
}

/// Searches the beginning of a record: a header, the whole record, and the beginning of another header behind
/// it. `is_end` says that no more bytes follow, so that nothing has to be behind the record.
pub(super) fn find_record(bytes: &[u8], is_end: bool) -> Search {
    for skipped in 0..bytes.len() {
        let rest = bytes.get(skipped..).unwrap_or_default();
        if !may_be_header(rest) {
            continue;
        }
        let length = match next_record(rest) {
            Ok(Some(length)) => length,
            // It is not whole yet.
            Ok(None) if !is_end => return Search { skipped, is_found: false },
            Ok(None) | Err(_) => continue,
        };
        let behind = rest.get(length..).unwrap_or_default();
        if behind.is_empty() && !is_end {
            return Search { skipped, is_found: false };
        }
        if may_be_header(behind) {
            return Search { skipped, is_found: true };
        }
    }
    Search { skipped: bytes.len(), is_found: false }
}

/// Whether these bytes, or as many of them as are there, may be the header of a record of TLS 1.3.
fn may_be_header(bytes: &[u8]) -> bool {
    let Some((kind, rest)) = bytes.split_first() else { return true };
    let lengths = match ContentType(*kind) {
        ContentType::APPLICATION_DATA => 1 + TAG_LENGTH..=usize::MAX,
        ContentType::HANDSHAKE => 4..=usize::MAX,
        ContentType::ALERT => 2..=2,
        ContentType::CHANGE_CIPHER_SPEC => 1..=1,
        _ => return false,
    };
    let has_version = rest.iter().zip([3, 3]).all(|(found, expected)| *found == expected);
    let Some([_, _, _, high, low]) = bytes.first_chunk::<HEADER_LENGTH>() else {
        return has_version;
    };
    has_version && lengths.contains(&usize::from(u16::from_be_bytes([*high, *low])))
}

/// Whether the content of a record begins with a handshake message: with whole messages, or one that goes on in
/// the next record.
pub(super) fn begins_with_message(content: &[u8]) -> bool {
    let mut rest = content;
    while let Some((message, after)) = HandshakeMessage::split(rest) {
        if !is_known(message.kind) {
            return false;
        }
        rest = after;
    }
    match HandshakeMessage::header(rest) {
        Some((kind, length)) => is_known(kind) && length <= MAX_SEARCHED_LENGTH,
        None => rest.len() < content.len(),
    }
}

fn is_known(kind: HandshakeType) -> bool {
    [
        HandshakeType::CLIENT_HELLO,
        HandshakeType::SERVER_HELLO,
        HandshakeType::NEW_SESSION_TICKET,
        HandshakeType::END_OF_EARLY_DATA,
        HandshakeType::ENCRYPTED_EXTENSIONS,
        HandshakeType::CERTIFICATE,
        HandshakeType::COMPRESSED_CERTIFICATE,
        HandshakeType::CERTIFICATE_REQUEST,
        HandshakeType::CERTIFICATE_VERIFY,
        HandshakeType::FINISHED,
        HandshakeType::KEY_UPDATE,
    ]
    .contains(&kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_messages::{message, records};

    #[test]
    fn a_record_is_found_behind_bytes_that_look_like_one() {
        let record = records(ContentType::APPLICATION_DATA, &[23; 40]);
        // A header whose record does not end before another one.
        let before = [&[0, 23, 3, 3, 0, 30][..], &[0; 9]].concat();
        let bytes = [&before[..], &record, &record].concat();
        let found = find_record(&bytes, false);
        assert_eq!(found, Search { skipped: before.len(), is_found: true });
        // The last one needs nothing behind it if there is no more.
        let last = [&before[..], &record].concat();
        assert_eq!(find_record(&last, true), Search { skipped: before.len(), is_found: true });
        assert!(!find_record(&last[1..], false).is_found);
        let cut = &last[..last.len() - 1];
        assert_eq!(find_record(cut, true), Search { skipped: cut.len(), is_found: false });
    }

    #[test]
    fn the_middle_of_a_message_is_no_beginning() {
        let finished = message(HandshakeType::FINISHED, &[5; 32]);
        let certificate = message(HandshakeType::CERTIFICATE, &[9; 3000]);
        assert!(begins_with_message(&finished));
        assert!(begins_with_message(&[&finished[..], &certificate[..100]].concat()));
        assert!(begins_with_message(&certificate[..100]));
        for middle in [&certificate[100..], &[11, 255, 0, 0, 0], &[], &[20]] {
            assert!(!begins_with_message(middle));
        }
    }
}
