//! Accounts of handshakes: live ones, and those of RFC 8448.

#[cfg(feature = "captures")]
mod captures;
mod live;
#[cfg(feature = "html")]
mod page;
#[cfg(feature = "captures")]
mod quic;
mod recorded;
mod schema;
mod support;
