//! The record protocol (RFC 9846, section 5): framing and protection, on buffers of the caller's.
//!
//! Inbound, [`next_record`] finds where a record ends and [`Opener::open`] opens it in place: the
//! payload is a part of the buffer that the record came in. Outbound, [`Sealer::seal`] copies the
//! plaintext once, after what is already in the caller's buffer, and seals it there.

mod alignment;
mod copy;
mod error;
mod framing;
mod key_place;
mod other_protocol;
mod padding;
mod protection;
mod traffic_keys;

pub(crate) use alignment::{CONTENT_ALIGNMENT, aligned_start};
#[cfg(feature = "tokio")]
pub(crate) use copy::COPIED_AT_ONCE;
pub(crate) use copy::{append_in_pieces, copy_in_pieces, move_in_pieces};
pub use error::RecordError;
pub use framing::{next_record, parse_alert};
pub use other_protocol::OtherProtocol;
pub use padding::{PaddingPolicy, pad_to_multiple_of};
pub use protection::{Opened, Opener, Sealer};
pub use traffic_keys::TrafficKeys;
pub(crate) use traffic_keys::{record_limit, update_from};

/// The length of a record's header in bytes: type, version, length (section 5.1).
pub const HEADER_LENGTH: usize = 5;

/// The most plaintext that one record carries, in bytes (section 5.1).
pub const MAX_PLAINTEXT_LENGTH: usize = 1 << 14;

/// The most that content, its type and padding can be together in a protected record, in bytes
/// (section 5.4): the default of what record_size_limit makes less (RFC 8449).
pub const MAX_INNER_PLAINTEXT_LENGTH: usize = MAX_PLAINTEXT_LENGTH + 1;

/// The longest body of a protected record in bytes (section 5.2).
pub const MAX_CIPHERTEXT_LENGTH: usize = MAX_PLAINTEXT_LENGTH + 256;

/// The longest record in bytes, with its header.
pub const MAX_RECORD_LENGTH: usize = HEADER_LENGTH + MAX_CIPHERTEXT_LENGTH;

/// The length of a record in bytes that has as much content as it can have, and no padding.
pub(crate) const FULL_RECORD_LENGTH: usize =
    HEADER_LENGTH + MAX_INNER_PLAINTEXT_LENGTH + crate::crypto::TAG_LENGTH;

#[cfg(test)]
mod tests;
