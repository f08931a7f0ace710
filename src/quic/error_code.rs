//! The error codes of QUIC's CONNECTION_CLOSE (RFC 9000, section 20.1; RFC 9001, section 4.8).

use crate::alert::AlertDescription;
use crate::error::{Error, ErrorKind};

const PROTOCOL_VIOLATION: u64 = 0x0a;
const CRYPTO_BUFFER_EXCEEDED: u64 = 0x0d;
const CRYPTO_ERROR: u64 = 0x0100;

/// The error code of the CONNECTION_CLOSE frame for this error: CRYPTO_ERROR, which is 0x0100 plus the
/// alert (RFC 9001, section 4.8), or another one for the errors that QUIC has a code for. Bytes after the last
/// message of a level are one of these (RFC 9001, section 4.1.3). `None` where nothing is sent: the peer has
/// closed, or the call was a misuse.
pub fn error_code(error: &Error) -> Option<u64> {
    match error.kind() {
        ErrorKind::QuicProtocolViolation(_) | ErrorKind::MisplacedBytes(_) => {
            Some(PROTOCOL_VIOLATION)
        }
        ErrorKind::CryptoBufferExceeded { .. } => Some(CRYPTO_BUFFER_EXCEEDED),
        _ => Some(CRYPTO_ERROR + u64::from(error.alert_sent()?.0)),
    }
}

/// The alert of a CRYPTO_ERROR.
pub(super) fn alert(error_code: u64) -> Option<AlertDescription> {
    let alert = error_code.checked_sub(CRYPTO_ERROR)?;
    u8::try_from(alert).ok().map(AlertDescription)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_the_code_of_its_alert_or_one_of_its_own() {
        let code = |kind: ErrorKind| error_code(&kind.into());
        assert_eq!(
            code(ErrorKind::UnsupportedVersion { reason: String::new(), theirs: Vec::new() }),
            Some(0x0100 + 70)
        );
        assert_eq!(code(ErrorKind::QuicProtocolViolation("")), Some(0x0a));
        assert_eq!(code(ErrorKind::MisplacedBytes("")), Some(0x0a));
        assert_eq!(code(ErrorKind::CryptoBufferExceeded { limit: 1 }), Some(0x0d));
        assert_eq!(code(ErrorKind::AlertReceived(AlertDescription::DECODE_ERROR)), None);
        assert_eq!(code(ErrorKind::Misuse("")), None);
    }

    #[test]
    fn an_alert_is_in_the_last_byte_of_a_crypto_error() {
        assert_eq!(alert(0x0128), Some(AlertDescription::HANDSHAKE_FAILURE));
        for other in [0, 0xff, 0x0200, u64::MAX] {
            assert_eq!(alert(other), None);
        }
    }
}
