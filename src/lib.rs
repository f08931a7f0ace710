//! A TLS 1.3 handshake (RFC 9846) that you can pick up and put anywhere.

pub mod alert;
pub mod certificate;
pub mod config;
pub mod connection;
pub mod crypto;
mod error;
pub mod handshake;
pub mod key_schedule;
mod level;
pub mod observer;
pub mod record;
pub mod registry;
pub mod transport;
pub mod wire;

pub use certificate::TrustAnchors;
pub use config::{CertifiedKey, ClientConfig, ServerConfig};
pub use connection::{ClientConnection, Connection, ServerConnection};
pub use crypto::CryptoProvider;
pub use error::{Error, ErrorKind};
pub use level::Level;
pub use observer::{Event, KeyLogFile, Observer};
pub use pki_types;
pub use transport::Stream;
