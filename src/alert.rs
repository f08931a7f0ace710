//! The alert protocol's vocabulary (RFC 9846, section 6).

use crate::registry::registry;

/// The severity of an alert. The receiver ignores it in TLS 1.3: the description alone decides
/// (RFC 9846, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum AlertLevel {
    /// Used for `close_notify` and `user_canceled`.
    Warning = 1,
    /// Used for all other alerts.
    Fatal = 2,
}

registry! {
    /// The reason why a connection is closed or refused: the only byte that the peer receives.
    AlertDescription(u8);
    /// The sender writes no more: the orderly end of its direction (section 6.1).
    CLOSE_NOTIFY = 0, "close_notify";
    /// A message was received that is not allowed in this state.
    UNEXPECTED_MESSAGE = 10, "unexpected_message";
    /// A record could not be deprotected.
    BAD_RECORD_MAC = 20, "bad_record_mac";
    /// A record was longer than the protocol allows.
    RECORD_OVERFLOW = 22, "record_overflow";
    /// No acceptable set of parameters could be negotiated.
    HANDSHAKE_FAILURE = 40, "handshake_failure";
    /// A certificate was corrupt, or not valid for its use.
    BAD_CERTIFICATE = 42, "bad_certificate";
    /// A certificate was of a type that is not supported.
    UNSUPPORTED_CERTIFICATE = 43, "unsupported_certificate";
    /// A certificate was revoked by its signer.
    CERTIFICATE_REVOKED = 44, "certificate_revoked";
    /// A certificate has expired or is not yet valid.
    CERTIFICATE_EXPIRED = 45, "certificate_expired";
    /// A certificate was not acceptable for another reason.
    CERTIFICATE_UNKNOWN = 46, "certificate_unknown";
    /// A field was out of range or inconsistent with another.
    ILLEGAL_PARAMETER = 47, "illegal_parameter";
    /// No path led from the certificate to a trust anchor.
    UNKNOWN_CA = 48, "unknown_ca";
    /// The credential was valid, and access was denied nevertheless.
    ACCESS_DENIED = 49, "access_denied";
    /// A message could not be parsed.
    DECODE_ERROR = 50, "decode_error";
    /// A signature, a Finished value or a PSK binder did not verify.
    DECRYPT_ERROR = 51, "decrypt_error";
    /// The version that the peer offered is not supported.
    PROTOCOL_VERSION = 70, "protocol_version";
    /// The server requires more secure parameters than the client offers.
    INSUFFICIENT_SECURITY = 71, "insufficient_security";
    /// Something failed that the peer did not cause.
    INTERNAL_ERROR = 80, "internal_error";
    /// A client retried with a lower version than the highest that it supports.
    INAPPROPRIATE_FALLBACK = 86, "inappropriate_fallback";
    /// The user cancelled the handshake; `close_notify` follows.
    USER_CANCELED = 90, "user_canceled";
    /// A message lacks an extension that it must have.
    MISSING_EXTENSION = 109, "missing_extension";
    /// An extension was received that was not offered.
    UNSUPPORTED_EXTENSION = 110, "unsupported_extension";
    /// The server does not serve the name that was asked for.
    UNRECOGNIZED_NAME = 112, "unrecognized_name";
    /// The stapled OCSP response was invalid.
    BAD_CERTIFICATE_STATUS_RESPONSE = 113, "bad_certificate_status_response";
    /// The server knows none of the PSK identities.
    UNKNOWN_PSK_IDENTITY = 115, "unknown_psk_identity";
    /// A client certificate is required, and the client sent none.
    CERTIFICATE_REQUIRED = 116, "certificate_required";
    /// An error for which there is no other alert (new in RFC 9846).
    GENERAL_ERROR = 117, "general_error";
    /// The client offered application protocols, and the server speaks none of them (RFC 7301).
    NO_APPLICATION_PROTOCOL = 120, "no_application_protocol";
    /// The client offered Encrypted ClientHello, and the server did not accept it (RFC 9849).
    ECH_REQUIRED = 121, "ech_required";
}

impl AlertDescription {
    /// The level of an alert with this description (section 6).
    pub fn level(self) -> AlertLevel {
        match self {
            Self::CLOSE_NOTIFY | Self::USER_CANCELED => AlertLevel::Warning,
            _ => AlertLevel::Fatal,
        }
    }

    /// What RFC 9846, section 6, has an alert for. What the sender means by it may be something else.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::CLOSE_NOTIFY => "the sender has nothing more to say",
            Self::UNEXPECTED_MESSAGE => {
                "a message came that the receiver did not expect at this point"
            }
            Self::BAD_RECORD_MAC => "a record did not decrypt: the keys differ, or it was changed",
            Self::RECORD_OVERFLOW => "a record was too long",
            Self::HANDSHAKE_FAILURE => "no set of parameters was found that both sides accept",
            Self::BAD_CERTIFICATE => "a certificate was corrupt, or its signature did not verify",
            Self::UNSUPPORTED_CERTIFICATE => "a certificate was of a kind that is not supported",
            Self::CERTIFICATE_REVOKED => "a certificate was revoked",
            Self::CERTIFICATE_EXPIRED => "a certificate has expired, or is not valid now",
            Self::CERTIFICATE_UNKNOWN => "something else about a certificate was not acceptable",
            Self::ILLEGAL_PARAMETER => "a field was wrong, or did not agree with others",
            Self::UNKNOWN_CA => "no trusted authority was found for a certificate",
            Self::ACCESS_DENIED => {
                "a certificate or key was valid, and access was denied all the same"
            }
            Self::DECODE_ERROR => "a message could not be parsed",
            Self::DECRYPT_ERROR => {
                "a signature, a Finished or the binder of a pre-shared key was wrong"
            }
            Self::PROTOCOL_VERSION => "the version of TLS that was offered is not supported",
            Self::INSUFFICIENT_SECURITY => "stronger parameters are required than were offered",
            Self::INTERNAL_ERROR => "something failed that has nothing to do with the other side",
            Self::INAPPROPRIATE_FALLBACK => "a retry was made with an older version than needed",
            Self::USER_CANCELED => "the handshake was given up, and not for an error",
            Self::MISSING_EXTENSION => "an extension is missing that must be there",
            Self::UNSUPPORTED_EXTENSION => "an extension came that was not offered",
            Self::UNRECOGNIZED_NAME => "there is no server of the name that was asked for",
            Self::BAD_CERTIFICATE_STATUS_RESPONSE => "the OCSP response was not acceptable",
            Self::UNKNOWN_PSK_IDENTITY => "none of the pre-shared keys that were offered is known",
            Self::CERTIFICATE_REQUIRED => "a client certificate is required, and none was shown",
            Self::GENERAL_ERROR => "an error happened for which there is no other alert",
            Self::NO_APPLICATION_PROTOCOL => "none of the application protocols is spoken",
            Self::ECH_REQUIRED => "Encrypted ClientHello was required, and not used",
            _ => "something happened that RFC 9846 has no alert for",
        }
    }
}
