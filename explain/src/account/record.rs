//! Records.

use serde::Serialize;

use super::{Code, MessageLevel, Side};

/// A record (RFC 9846, section 5).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Record {
    /// The side that sent it.
    pub sender: Side,
    /// The type in its header: application_data for all protected records.
    pub outer_type: Code,
    /// The type of its content, if that is known.
    pub content_type: Option<Code>,
    /// The keys that it is protected with, if they are known.
    pub level: Option<MessageLevel>,
    /// Its length in bytes, with header.
    pub length: usize,
    /// The length of its content in bytes, if it is known: without type and padding.
    pub content_length: Option<usize>,
    /// The length of its padding in bytes, if it is known.
    pub padding: Option<usize>,
    /// Its number under its key, from 0, if it is protected and its key is known.
    pub sequence: Option<u64>,
    /// Where it begins in all that its side sent, in bytes.
    pub offset: u64,
    /// When it was sent or received, in nanoseconds since the account began.
    pub time_ns: Option<u64>,
    /// Was it opened?
    pub state: RecordState,
}

/// Whether the content of a record is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordState {
    /// It is not protected.
    Plaintext,
    /// It was decrypted.
    Decrypted,
    /// There is no key for it.
    NoKey,
    /// It does not decrypt.
    DoesNotDecrypt,
    /// It is malformed.
    Malformed,
}
