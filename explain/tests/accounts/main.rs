//! Accounts of handshakes: live ones, and those of RFC 8448.

mod live;
mod recorded;
mod schema;
mod support;
