//! Accounts of handshakes: live ones, and those of RFC 8448.

#[cfg(feature = "captures")]
mod captures;
mod live;
mod recorded;
mod schema;
mod support;
