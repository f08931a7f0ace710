//! Our errors in the runner's words.

use handclasp::alert::AlertDescription;
use handclasp::record::RecordError;
use handclasp::registry::{ContentType, ExtensionType, HandshakeType};
use handclasp::{Error, ErrorKind};

/// The name that the runner looks for, and our own words behind it.
pub fn describe(error: &Error) -> String {
    format!("{}: {error}", name(error.kind()))
}

fn name(kind: &ErrorKind) -> &'static str {
    use ErrorKind as K;
    match kind {
        K::Decode(_) => ":DECODE_ERROR:",
        K::Record(error) => record(error),
        K::UnexpectedMessage { .. } => ":UNEXPECTED_MESSAGE:",
        K::UnexpectedRecord { .. } => ":UNEXPECTED_RECORD:",
        K::MisplacedBytes(_) => ":EXCESS_HANDSHAKE_DATA:",
        K::IllegalParameter { message, field, .. } => illegal(*message, field),
        K::MissingExtension { extension, .. } => match *extension {
            ExtensionType::KEY_SHARE => ":MISSING_KEY_SHARE:",
            _ => ":MISSING_EXTENSION:",
        },
        K::UnsolicitedExtension { .. } => ":UNEXPECTED_EXTENSION:",
        K::NothingInCommon { what, .. } => match *what {
            "group" => ":NO_SHARED_GROUP:",
            "cipher suite" => ":NO_SHARED_CIPHER:",
            _ => ":NO_COMMON_SIGNATURE_ALGORITHMS:",
        },
        K::NoApplicationProtocol { .. } => ":NO_APPLICATION_PROTOCOL:",
        K::UnsupportedVersion(_) => ":UNSUPPORTED_PROTOCOL:",
        K::Downgrade => ":TLS13_DOWNGRADE:",
        K::Certificate(_) => ":CERTIFICATE_VERIFY_FAILED:",
        K::WrongKeyForScheme { .. } => ":WRONG_SIGNATURE_TYPE:",
        K::NotAuthentic(HandshakeType::CERTIFICATE_VERIFY) => ":BAD_SIGNATURE:",
        K::NotAuthentic(_) => ":DIGEST_CHECK_FAILED:",
        K::AlertReceived(alert) => alert_name(*alert),
        _ => ":OTHER:",
    }
}

fn record(error: &RecordError) -> &'static str {
    let _ = error;
    let _ = ContentType::ALERT;
    ":RECORD:"
}

fn illegal(message: HandshakeType, field: &str) -> &'static str {
    let _ = (message, field);
    ":ILLEGAL:"
}

fn alert_name(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::HANDSHAKE_FAILURE => ":SSLV3_ALERT_HANDSHAKE_FAILURE:",
        AlertDescription::RECORD_OVERFLOW => ":TLSV1_ALERT_RECORD_OVERFLOW:",
        _ => ":ALERT:",
    }
}
