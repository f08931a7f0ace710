use super::OtherProtocol;
use crate::alert::AlertDescription;
use crate::crypto::ProviderFault;
use crate::registry::ContentType;

/// A record that cannot be accepted, or cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The bytes are another protocol's.
    #[error("this is not TLS: the peer seems to speak {protocol}; it begins \"{begins}\"")]
    NotTls {
        /// Which protocol it seems to be.
        protocol: OtherProtocol,
        /// The first line of what came, escaped, and at most 40 bytes of it.
        begins: Box<str>,
    },
    /// The content type is none of TLS 1.3's.
    #[error("a record has the unknown content type {0}")]
    UnknownContentType(u8),
    /// The record is of a type that cannot come now.
    #[error("a record of the type {0} came where {1}")]
    UnexpectedContentType(ContentType, &'static str),
    /// The record is longer than it may be.
    #[error("a record of {length} bytes came; at most {limit} are allowed")]
    TooLong {
        /// The length of the record's body, or of its content.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// A handshake or alert record without content.
    #[error("a record of the type {0} has no content")]
    Empty(ContentType),
    /// The content of a protected record was all zeros, or nothing.
    #[error("a protected record has no content type in it")]
    NoContentType,
    /// A change_cipher_spec record that is not the single byte 1.
    #[error("a change_cipher_spec record does not consist of the byte 1")]
    BadChangeCipherSpec,
    /// An alert record that is not two bytes.
    #[error("an alert record has {0} bytes instead of 2")]
    BadAlert(usize),
    /// The record does not decrypt: it was tampered with, or the keys differ.
    #[error(
        "record {sequence} under this key does not decrypt: it was changed on the way, or both sides have different keys"
    )]
    BadRecordMac {
        /// The number of the record under its key, from 0.
        sequence: u64,
    },
    /// The key has protected as many records as it may.
    #[error("the key has protected as many records as it may (RFC 9846, section 5.5)")]
    KeyExhausted,
    /// The provider failed to encrypt.
    #[error("encrypting a record failed")]
    SealFailed,
    /// The provider returned what no working one returns.
    #[error("the crypto provider is at fault: {0}")]
    Provider(#[from] ProviderFault),
}

impl RecordError {
    /// The alert that goes with it (sections 5.1, 5.2, 5.4 and 6.2).
    pub fn alert(&self) -> AlertDescription {
        match self {
            Self::TooLong { .. } => AlertDescription::RECORD_OVERFLOW,
            Self::BadAlert(_) => AlertDescription::DECODE_ERROR,
            Self::BadRecordMac { .. } => AlertDescription::BAD_RECORD_MAC,
            Self::KeyExhausted | Self::SealFailed | Self::Provider(_) => {
                AlertDescription::INTERNAL_ERROR
            }
            _ => AlertDescription::UNEXPECTED_MESSAGE,
        }
    }
}
