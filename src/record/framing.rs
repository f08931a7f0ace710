//! Where a record ends, and how long it may be (RFC 9846, sections 5.1 and 5.2).

use super::other_protocol::{self, is_dtls};
use super::{HEADER_LENGTH, MAX_CIPHERTEXT_LENGTH, MAX_PLAINTEXT_LENGTH, RecordError};
use crate::alert::AlertDescription;
use crate::registry::ContentType;

/// The length in bytes, with header, of the record that `input` begins with; `None` while it is
/// not whole. The version in the header is ignored (section 5.1). The content type and the length
/// are checked as soon as they are there: of a protected record, too (section 5.2).
///
/// # Errors
/// When the content type is unknown or the bytes are another protocol's (`unexpected_message`), or the
/// record is too long (`record_overflow`).
pub fn next_record(input: &[u8]) -> Result<Option<usize>, RecordError> {
    let Some(first) = input.first() else {
        return Ok(None);
    };
    let limit = match ContentType(*first) {
        ContentType::APPLICATION_DATA => MAX_CIPHERTEXT_LENGTH,
        ContentType::CHANGE_CIPHER_SPEC | ContentType::ALERT | ContentType::HANDSHAKE => {
            MAX_PLAINTEXT_LENGTH
        }
        _ => return Err(other_protocol::error(input)),
    };
    let Some(header @ [_, _, _, high, low]) = input.first_chunk::<HEADER_LENGTH>() else {
        return Ok(None);
    };
    if is_dtls(header) {
        return Err(other_protocol::error(input));
    }
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    if length > limit {
        return Err(RecordError::TooLong { length, limit });
    }
    let total = HEADER_LENGTH + length;
    Ok((input.len() >= total).then_some(total))
}

/// The description in an alert record's payload, which is always two bytes (section 6). The
/// level is ignored, as TLS 1.3 wants.
///
/// # Errors
/// [`RecordError::BadAlert`] when the payload has another length.
pub fn parse_alert(payload: &[u8]) -> Result<AlertDescription, RecordError> {
    match payload {
        [_, description] => Ok(AlertDescription(*description)),
        _ => Err(RecordError::BadAlert(payload.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, length: usize) -> Vec<u8> {
        let [high, low] = u16::try_from(length).unwrap().to_be_bytes();
        let mut record = vec![kind, 3, 3, high, low];
        record.resize(HEADER_LENGTH + length, 0);
        record
    }

    #[test]
    fn a_record_is_whole_with_its_last_byte() {
        let bytes = record(22, 10);
        for end in 0..bytes.len() {
            assert_eq!(next_record(&bytes[..end]), Ok(None), "{end}");
        }
        assert_eq!(next_record(&bytes), Ok(Some(15)));
        assert_eq!(next_record(&[bytes, vec![99; 7]].concat()), Ok(Some(15)));
    }

    #[test]
    fn limits_hold_at_the_exact_byte() {
        for (kind, limit) in [(22, 16384), (20, 16384), (21, 16384), (23, 16640)] {
            assert!(next_record(&record(kind, limit)).is_ok());
            let error = next_record(&record(kind, limit + 1)[..HEADER_LENGTH]).unwrap_err();
            assert_eq!(error, RecordError::TooLong { length: limit + 1, limit });
        }
    }

    #[test]
    fn alerts_are_two_bytes() {
        assert_eq!(parse_alert(&[1, 0]), Ok(AlertDescription::CLOSE_NOTIFY));
        assert_eq!(parse_alert(&[1]), Err(RecordError::BadAlert(1)));
        assert_eq!(parse_alert(&[1, 0, 1, 0]), Err(RecordError::BadAlert(4)));
    }
}
