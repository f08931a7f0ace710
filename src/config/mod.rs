//! The options of clients and servers, and the limits on what a peer can make them spend.
//!
//! A configuration is built once, checked when it is built, and shared by `Arc` between any
//! number of connections.

mod client;
mod layout;
mod limits;
mod server;

pub use client::{ClientConfig, ClientConfigBuilder};
pub use layout::{ExtensionLayout, LayoutItem};
pub use limits::Limits;
pub use server::{ServerConfig, ServerConfigBuilder};

pub use crate::config_error::ConfigError;
use crate::crypto::CryptoProvider;

/// What holds for both sides.
fn check(
    provider: &CryptoProvider,
    protocols: &[Vec<u8>],
    record_size_limit: Option<u16>,
    layout: Option<&ExtensionLayout>,
) -> Result<(), ConfigError> {
    if provider.cipher_suites.is_empty() {
        return Err(ConfigError::Empty("cipher suites"));
    }
    if provider.groups.is_empty() {
        return Err(ConfigError::Empty("key exchange groups"));
    }
    // Section 4.3.7: no group stands in a list twice.
    let mut seen = Vec::new();
    for name in provider.groups.iter().map(|group| group.name()) {
        if seen.contains(&name) {
            return Err(ConfigError::GroupTwice(name));
        }
        seen.push(name);
    }
    check_protocols(protocols)?;
    if record_size_limit.is_some_and(|limit| !(64..=MAX_RECORD_SIZE_LIMIT).contains(&limit)) {
        return Err(ConfigError::RecordSizeLimit);
    }
    layout.map_or(Ok(()), ExtensionLayout::check)
}

fn check_protocols(protocols: &[Vec<u8>]) -> Result<(), ConfigError> {
    let fits = protocols.iter().all(|name| (1..=255).contains(&name.len()));
    let total: usize = protocols.iter().map(|name| name.len() + 1).sum();
    // What a ClientHello has room for beside a layout's bytes and a cookie.
    if fits && total <= 0x4000 { Ok(()) } else { Err(ConfigError::ApplicationProtocol) }
}

/// As large as a record can be: it only lets the peer say its limit.
const MAX_RECORD_SIZE_LIMIT: u16 = 0x4001;

#[cfg(test)]
mod tests;
