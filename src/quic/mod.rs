//! The handshake under QUIC (RFC 9001), and the keys of its packets, for versions 1 and 2 (RFC 9369).
//!
//! [`Connection`] is the handshake of a connection: the data of CRYPTO frames go in, [`Event`]s come
//! out. It runs the same [state machine](crate::handshake) as TLS over TCP, and reads the same
//! [steps](crate::handshake::Step). Packets, frames, streams, loss and congestion are the business of
//! the QUIC implementation.
//!
//! | RFC 9001 | Here |
//! |---|---|
//! | 4.1.3: CRYPTO data in and out, by levels | [`Connection::receive`], [`Event::CryptoData`] |
//! | 4.1.1, 4.1.2: complete and confirmed | [`Event::HandshakeComplete`], [`Event::HandshakeConfirmed`] |
//! | 4.1.4, 4.9: keys are available, and discarded | [`Event::ReadKeys`], [`Event::WriteKeys`], [`Event::DiscardKeys`] |
//! | 4.8: errors | [`error_code`] |
//! | 5.1: keys of a level, from a secret of TLS | [`DirectionalKeys`] |
//! | 5.2: keys of Initial packets | [`InitialKeys`] |
//! | 5.3: packet protection | [`PacketKey`] |
//! | 5.4: header protection | [`HeaderKey`] |
//! | 5.8: Retry packets | [`retry_integrity_tag`], [`is_authentic_retry`] |
//! | 6.1: key update | [`KeyUpdate`] |
//! | 6.6: limits of a key | [`PacketKey::confidentiality_limit`], [`PacketKey::integrity_limit`] |
//! | 8.2: transport parameters | [`Connection::client`], [`Event::TransportParameters`] |
//!
//! ```
//! use std::sync::Arc;
//! use handclasp::connection::Options;
//! use handclasp::quic::{Connection, Event, Version};
//! use handclasp::{ClientConfig, Level};
//!
//! # fn example(config: Arc<ClientConfig>, parameters: Vec<u8>) -> Result<(), handclasp::Error> {
//! let name = "example.org".try_into().unwrap();
//! let mut tls = Connection::client(config, Version::V1, name, parameters, Options::default())?;
//! while let Some(event) = tls.next_event() {
//!     match event {
//!         Event::CryptoData { level, data } => println!("send {} bytes at {level}", data.len()),
//!         Event::WriteKeys(keys) => println!("packets of {} can be sent", keys.level),
//!         Event::ReadKeys(keys) => println!("packets of {} can be received", keys.level),
//!         Event::DiscardKeys(level) => println!("forget the keys of {level}"),
//!         _ => {}
//!     }
//! }
//! // When a packet with a CRYPTO frame came:
//! # let (offset, data) = (0, &[]);
//! tls.receive(Level::Initial, offset, data)?;
//! # Ok(())
//! # }
//! ```

mod checked_config;
mod connection;
mod crypto_data;
mod error_code;
mod event;
mod header_key;
mod initial;
mod keys;
mod packet_key;
mod retry;
mod version;

pub use checked_config::{CheckedClientConfig, CheckedServerConfig};
pub use connection::Connection;
pub use error_code::error_code;
pub use event::{Event, LevelKeys};
pub use header_key::HeaderKey;
pub use initial::InitialKeys;
pub use keys::{DirectionalKeys, KeyUpdate};
pub use packet_key::PacketKey;
pub use retry::{is_authentic_retry, retry_integrity_tag};
pub use version::Version;

#[cfg(all(test, any(feature = "ring", feature = "aws-lc-rs")))]
mod tests;
