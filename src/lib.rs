//! A TLS 1.3 handshake (RFC 9846) that you can pick up and put anywhere.

pub mod alert;
pub mod certificate;
pub mod crypto;
pub mod key_schedule;
pub mod level;
pub mod observer;
pub mod registry;
pub mod wire;
