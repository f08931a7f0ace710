//! QUIC's use of TLS (RFC 9001), for versions 1 and 2 (RFC 9369): the keys of packets.
//!
//! | RFC 9001 | Here |
//! |---|---|
//! | 5.1: keys of a level, from a secret of TLS | [`DirectionalKeys`] |
//! | 5.2: keys of Initial packets | [`InitialKeys`] |
//! | 5.3: packet protection | [`PacketKey`] |
//! | 5.4: header protection | [`HeaderKey`] |
//! | 5.8: Retry packets | [`retry_integrity_tag`], [`is_authentic_retry`] |
//! | 6.1: key update | [`KeyUpdate`] |
//! | 6.6: limits of a key | [`PacketKey::confidentiality_limit`], [`PacketKey::integrity_limit`] |
//!
//! Packets, frames, streams, loss and congestion are the business of the QUIC implementation.

mod header_key;
mod initial;
mod keys;
mod packet_key;
mod retry;
mod version;

pub use header_key::HeaderKey;
pub use initial::InitialKeys;
pub use keys::{DirectionalKeys, KeyUpdate};
pub use packet_key::PacketKey;
pub use retry::{is_authentic_retry, retry_integrity_tag};
pub use version::Version;

#[cfg(all(test, any(feature = "ring", feature = "aws-lc-rs")))]
mod tests;
