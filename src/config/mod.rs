//! What the user decides: configurations, limits, and the answers to a handshake's questions.
//!
//! A configuration is built once, checked when it is built, and shared by `Arc` between any
//! number of connections.

mod client;
mod cookie;
mod early_data;
mod layout;
mod limits;
mod psk;
mod questions;
mod server;
pub mod trust;

use crate::crypto::CryptoProvider;

pub use client::{ClientConfig, ClientConfigBuilder};
pub use cookie::{CookieProtector, HmacCookies};
pub(crate) use early_data::EarlyDataRules;
pub use early_data::{AcceptFresh, EarlyDataOffer, EarlyDataPolicy, EarlyDataTerms};
pub use layout::{ExtensionLayout, LayoutItem};
pub use limits::Limits;
pub use psk::{ChosenPsk, PreSharedKey, PskList, PskResolver};
pub use questions::{
    AnswerLater, CertificateList, CertificateResolver, CertifiedKey, KeySource, NoCertificate,
    PeerIdentity, PeerVerifier, Reply, TrustAnchorVerifier,
};
pub use server::{ServerConfig, ServerConfigBuilder};
pub use trust::{SpkiPin, SpkiPins};

/// A configuration that cannot work, found when it is built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A list is empty that must have something in it.
    #[error("the configuration has no {0}")]
    Empty(&'static str),
    /// An application protocol is not 1 to 255 bytes long, or the list is longer than 16384.
    #[error("an application protocol must be 1 to 255 bytes long, and all together 16384")]
    ApplicationProtocol,
    /// The layout sets an extension that the library itself must write.
    #[error("the extension {0} cannot be set by a layout")]
    Layout(crate::registry::ExtensionType),
    /// The layout names an extension twice, or its bytes are too many for a message.
    #[error("the layout has the extension {0} twice, or too many bytes in it")]
    LayoutTooLarge(crate::registry::ExtensionType),
    /// The certificate cannot be parsed.
    #[error("the certificate is malformed: {0}")]
    Certificate(#[from] crate::certificate::CertificateError),
    /// The certificate's key is not the private key's.
    #[error("the certificate belongs to another key than the private key")]
    KeyMismatch,
    /// The private key is of a kind that the provider cannot use.
    #[error("the private key is of a kind or size that is not supported")]
    UnsupportedKey,
    /// A pre-shared key is shorter than 16 bytes, or its identity is not 1 to 1024 bytes long.
    #[error("a pre-shared key must have 16 bytes or more, and an identity of 1 to 1024")]
    PreSharedKey,
    /// Tickets are good for a second to seven days, and at most 16 are sent on a connection.
    #[error("tickets must be good for 1 to 604800 seconds, and at most 16 on a connection")]
    Tickets,
    /// The default verifier has no trust anchors: it could accept nothing.
    #[error("there are no trust anchors: no server could ever be accepted")]
    NoTrustAnchors,
}

fn check_provider(provider: &CryptoProvider) -> Result<(), ConfigError> {
    if provider.cipher_suites.is_empty() {
        return Err(ConfigError::Empty("cipher suites"));
    }
    if provider.groups.is_empty() {
        return Err(ConfigError::Empty("key exchange groups"));
    }
    Ok(())
}

fn check_layout(layout: Option<&ExtensionLayout>) -> Result<(), ConfigError> {
    layout.map_or(Ok(()), ExtensionLayout::check)
}

fn check_protocols(protocols: &[Vec<u8>]) -> Result<(), ConfigError> {
    let fits = protocols.iter().all(|name| (1..=255).contains(&name.len()));
    let total: usize = protocols.iter().map(|name| name.len() + 1).sum();
    // What a ClientHello has room for beside a layout's bytes and a cookie.
    if fits && total <= 0x4000 { Ok(()) } else { Err(ConfigError::ApplicationProtocol) }
}

#[cfg(test)]
mod tests;
