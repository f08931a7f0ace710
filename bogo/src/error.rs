//! Our errors in the runner's words: the one place that knows both.

use handclasp::alert::AlertDescription;
use handclasp::certificate::{CertificateError, CertificateErrorKind};
use handclasp::diagnosis::Parameter;
use handclasp::record::{OtherProtocol, RecordError};
use handclasp::registry::{ContentType, HandshakeType};
use handclasp::wire::{DecodeError, DecodeReason, ExtensionType};
use handclasp::{Error, ErrorKind};

/// ec_point_formats (RFC 8422), which means nothing in TLS 1.3.
const EC_POINT_FORMATS: ExtensionType = ExtensionType(11);

/// The name that the runner looks for, and our own words behind it.
pub fn describe(error: &Error) -> String {
    format!("{}: {error}", name(error.kind()))
}

fn name(kind: &ErrorKind) -> &'static str {
    use ErrorKind as K;
    match kind {
        K::Decode(error) => malformed(error),
        K::Record(error) => record(error),
        K::UnexpectedMessage { .. } => ":UNEXPECTED_MESSAGE:",
        K::UnexpectedRecord { when, .. } => match *when {
            "beyond the 0-RTT data that the ticket allows" => ":TOO_MUCH_READ_EARLY_DATA:",
            _ => ":UNEXPECTED_RECORD:",
        },
        K::MisplacedBytes(_) => ":EXCESS_HANDSHAKE_DATA:",
        K::IllegalParameter { message, field, reason } => illegal(*message, field, reason),
        K::MissingExtension { extension, message } => match (*extension, *message) {
            (ExtensionType::KEY_SHARE, _) => ":MISSING_KEY_SHARE:",
            (ExtensionType::SUPPORTED_GROUPS, _) => ":NO_SHARED_GROUP:",
            (_, HandshakeType::CERTIFICATE_REQUEST) => ":DECODE_ERROR:",
            (ExtensionType::SIGNATURE_ALGORITHMS, HandshakeType::CLIENT_HELLO) => {
                ":NO_COMMON_SIGNATURE_ALGORITHMS:"
            }
            _ => ":MISSING_EXTENSION:",
        },
        K::UnsolicitedExtension { extension: EC_POINT_FORMATS, .. } => ":ERROR_PARSING_EXTENSION:",
        K::UnsolicitedExtension { .. } => ":UNEXPECTED_EXTENSION:",
        K::NothingInCommon { what, .. } => match *what {
            Parameter::Groups => ":NO_SHARED_GROUP:",
            Parameter::CipherSuites => ":NO_SHARED_CIPHER:",
            _ => ":NO_COMMON_SIGNATURE_ALGORITHMS:",
        },
        K::NoApplicationProtocol { .. } => ":NO_APPLICATION_PROTOCOL:",
        K::UnsupportedVersion { .. } => ":UNSUPPORTED_PROTOCOL:",
        K::Downgrade => ":TLS13_DOWNGRADE:",
        K::Certificate(error) => certificate(error),
        K::QuicProtocolViolation(reason) => quic_violation(reason),
        K::CertificateRequired => ":PEER_DID_NOT_RETURN_A_CERTIFICATE:",
        K::CertificateType { .. } => ":UNSUPPORTED_CERTIFICATE:",
        K::WrongKeyForScheme { .. } => ":WRONG_SIGNATURE_TYPE:",
        K::NotAuthentic(HandshakeType::CERTIFICATE_VERIFY) => ":BAD_SIGNATURE:",
        K::NotAuthentic(_) | K::WrongBinder { .. } => ":DIGEST_CHECK_FAILED:",
        K::LimitExceeded { name, .. } => limit(name),
        K::AlertReceived(alert) => alert_name(*alert),
        K::Misuse(reason) if reason.starts_with("QUIC needs an application protocol") => {
            ":NO_APPLICATION_PROTOCOL:"
        }
        K::ClosedInHandshake | K::EndedInHandshake | K::Misuse(_) => ":HANDSHAKE_NOT_COMPLETE:",
        _ => ":OTHER:",
    }
}

fn malformed(error: &DecodeError) -> &'static str {
    use HandshakeType as H;
    match (error.message, error.field, &error.reason) {
        (_, "pre_shared_key", DecodeReason::Value(reason)) => match *reason {
            "it must be the last extension" => ":PRE_SHARED_KEY_MUST_BE_LAST:",
            _ => ":PSK_IDENTITY_BINDER_COUNT_MISMATCH:",
        },
        (H::CLIENT_HELLO, "key_share", DecodeReason::Duplicate(_)) => ":DUPLICATE_KEY_SHARE:",
        (_, _, DecodeReason::Duplicate(_)) => ":DUPLICATE_EXTENSION:",
        (_, _, DecodeReason::ForbiddenExtension(_)) => ":UNEXPECTED_EXTENSION:",
        (H::CLIENT_HELLO, "legacy_session_id" | "extensions", _) => ":CLIENTHELLO_PARSE_FAILED:",
        (H::CERTIFICATE, "certificate_list", DecodeReason::Length(_)) => {
            ":PEER_DID_NOT_RETURN_A_CERTIFICATE:"
        }
        (_, "application_layer_protocol_negotiation", _) => ":PARSE_TLSEXT:",
        (_, "server_name" | "certificate_authorities" | "signed_certificate_timestamp", _) => {
            ":ERROR_PARSING_EXTENSION:"
        }
        _ => ":DECODE_ERROR:",
    }
}

fn certificate(error: &CertificateError) -> &'static str {
    match error.kind {
        CertificateErrorKind::WrongKeyUsage { .. } => ":KEY_USAGE_BIT_INCORRECT:",
        CertificateErrorKind::Malformed(_) => match error.certificate.as_str() {
            "(compressed)" => ":CERT_DECOMPRESSION_FAILED:",
            "raw public key" => ":DECODE_ERROR:",
            _ => ":CANNOT_PARSE_LEAF_CERT:",
        },
        _ => ":CERTIFICATE_VERIFY_FAILED:",
    }
}

fn quic_violation(reason: &str) -> &'static str {
    match reason {
        _ if reason.contains("legacy_session_id") => ":UNEXPECTED_COMPATIBILITY_MODE:",
        _ if reason.contains("CertificateRequest") => ":UNEXPECTED_MESSAGE:",
        _ if reason.contains("max_early_data_size") => ":DECODE_ERROR:",
        _ => ":WRONG_ENCRYPTION_LEVEL_RECEIVED:",
    }
}

fn record(error: &RecordError) -> &'static str {
    match error {
        RecordError::NotTls { protocol: OtherProtocol::Http, .. } => ":HTTP_REQUEST:",
        RecordError::NotTls { .. } => ":WRONG_VERSION_NUMBER:",
        RecordError::UnknownContentType(42) => ":UNEXPECTED_RECORD:",
        RecordError::UnknownContentType(_) => ":WRONG_VERSION_NUMBER:",
        RecordError::TooLong { length: 32785, .. } => ":ENCRYPTED_LENGTH_TOO_LONG:",
        RecordError::TooLong { .. } => ":DATA_LENGTH_TOO_LONG:",
        RecordError::Empty(ContentType::HANDSHAKE) => ":WRONG_VERSION_NUMBER:",
        RecordError::NoContentType => ":DECRYPTION_FAILED_OR_BAD_RECORD_MAC:",
        RecordError::UnexpectedContentType(ContentType::HANDSHAKE, _) => {
            ":INVALID_OUTER_RECORD_TYPE:"
        }
        RecordError::BadAlert(_) => ":BAD_ALERT:",
        RecordError::BadRecordMac { .. } => ":DECRYPTION_FAILED_OR_BAD_RECORD_MAC:",
        _ => ":UNEXPECTED_RECORD:",
    }
}

fn illegal(message: HandshakeType, field: &str, reason: &str) -> &'static str {
    use HandshakeType as H;
    match (message, field) {
        (_, "key_share") if reason.contains("no valid share") => ":BAD_ECPOINT:",
        (_, "key_share") if reason.starts_with("it must be there") => ":MISSING_KEY_SHARE:",
        (_, "key_share") => ":WRONG_CURVE:",
        (_, "legacy_compression_methods") => ":INVALID_COMPRESSION_LIST:",
        (_, "legacy_session_id_echo") => ":SERVER_ECHOED_INVALID_SESSION_ID:",
        (H::CERTIFICATE_VERIFY, "algorithm") => ":WRONG_SIGNATURE_TYPE:",
        (H::ENCRYPTED_EXTENSIONS, "client_certificate_type" | "server_certificate_type") => {
            ":UNSUPPORTED_CERTIFICATE:"
        }
        (_, "application_layer_protocol_negotiation") => ":INVALID_ALPN_PROTOCOL:",
        (H::ENCRYPTED_EXTENSIONS, "early_data") => match () {
            () if reason.contains("protocol") => ":ALPN_MISMATCH_ON_EARLY_DATA:",
            () if reason.contains("suite") => ":CIPHER_MISMATCH_ON_EARLY_DATA:",
            () => ":UNEXPECTED_EXTENSION:",
        },
        (H::COMPRESSED_CERTIFICATE, "algorithm") => ":UNKNOWN_CERT_COMPRESSION_ALG:",
        (H::SERVER_HELLO, "extensions") => ":EMPTY_HELLO_RETRY_REQUEST:",
        (H::SERVER_HELLO, "cipher_suite") => ":WRONG_CIPHER_RETURNED:",
        (H::SERVER_HELLO, "pre_shared_key") if reason.contains("hash") => {
            ":OLD_SESSION_PRF_HASH_MISMATCH:"
        }
        (H::SERVER_HELLO, "pre_shared_key") => ":PSK_IDENTITY_NOT_FOUND:",
        _ => ":DECODE_ERROR:",
    }
}

fn limit(name: &str) -> &'static str {
    match name {
        "empty_data_records" | "change_cipher_specs" => ":TOO_MANY_EMPTY_FRAGMENTS:",
        "messages_without_data" => ":TOO_MANY_KEY_UPDATES:",
        "ignored_alerts" => ":TOO_MANY_WARNING_ALERTS:",
        "early_data_skipped" => ":TOO_MUCH_SKIPPED_EARLY_DATA:",
        "handshake_message" | "certificate_message" => ":EXCESSIVE_MESSAGE_SIZE:",
        _ => ":OTHER:",
    }
}

fn alert_name(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::HANDSHAKE_FAILURE => ":SSLV3_ALERT_HANDSHAKE_FAILURE:",
        AlertDescription::RECORD_OVERFLOW => ":TLSV1_ALERT_RECORD_OVERFLOW:",
        AlertDescription(30) => ":SSLV3_ALERT_DECOMPRESSION_FAILURE:",
        _ => ":ALERT:",
    }
}
