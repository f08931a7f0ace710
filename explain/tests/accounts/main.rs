//! Accounts of handshakes: live ones, and those of RFC 8448.

mod live;
mod schema;
mod support;
