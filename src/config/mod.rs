//! What the user decides: configurations, limits, and the answers to a handshake's questions.
//!
//! A configuration is built once, checked when it is built, and shared by `Arc` between any
//! number of connections.

mod certified_key;
mod client;
mod client_authentication;
mod compression;
mod cookie;
mod early_data;
mod key_files;
mod layout;
mod limits;
mod psk;
mod psk_importer;
mod questions;
mod server;
pub mod trust;

use crate::crypto::CryptoProvider;

pub use certified_key::{CertifiedKey, KeySource};
pub(crate) use certified_key::{Staples, StaplesShown};
pub use client::{ClientConfig, ClientConfigBuilder};
pub use client_authentication::{ClientAuthentication, ClientCertificateResolver};
#[cfg(feature = "brotli")]
pub use compression::Brotli;
pub use compression::CertificateCompression;
pub(crate) use compression::Compressors;
#[cfg(feature = "zlib")]
pub use compression::Zlib;
pub use cookie::{CookieProtector, HmacCookies};
pub use early_data::{AcceptFresh, EarlyDataOffer, EarlyDataPolicy, EarlyDataTerms};
pub use key_files::{LoadError, LoadProblem, PemInput};
pub use layout::{ExtensionLayout, LayoutItem};
pub use limits::Limits;
pub use psk::{ChosenPsk, PreSharedKey, PskList, PskResolver};
pub use psk_importer::PskImporter;
pub use questions::{
    AnswerLater, CertificateList, CertificateResolver, NoCertificate, PeerIdentity, PeerVerifier,
    RawPublicKey, Reply, TrustAnchorVerifier,
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
    /// A key exchange group stands in the provider's list twice.
    #[error("the key exchange group {0} is there twice")]
    GroupTwice(crate::registry::NamedGroup),
    /// An application protocol is not 1 to 255 bytes long, or the list is longer than 16384.
    #[error("an application protocol must be 1 to 255 bytes long, and all together 16384")]
    ApplicationProtocol,
    /// The layout sets an extension that the library itself must write.
    #[error("the extension {0} cannot be set by a layout")]
    Layout(crate::registry::ExtensionType),
    /// The layout names an extension twice, or its bytes are too many for a message.
    #[error("the layout has the extension {0} twice, or too many bytes in it")]
    LayoutTooLarge(crate::registry::ExtensionType),
    /// The first certificate cannot be parsed, or its key may not sign.
    #[error("the first certificate of the chain cannot be used: {0}")]
    Certificate(#[from] crate::certificate::CertificateError),
    /// A certificate of the chain was issued with SHA-1 or MD5, which TLS 1.3 does not send.
    #[error(
        "certificate {number} of the chain, \"{subject}\", is signed with {algorithm}, which TLS 1.3 \
         does not send: have it issued anew"
    )]
    BrokenSignature {
        /// Which of the chain it is, counted from 1.
        number: usize,
        /// Its subject.
        subject: String,
        /// The algorithm that its signature names.
        algorithm: &'static str,
    },
    /// The private key is not that of the first certificate, and of no other one of the chain.
    #[error("the certificate belongs to another key than the private key")]
    KeyMismatch,
    /// The first certificate is for the private key, but limits it to an algorithm that it is not
    /// used with here, as id-RSASSA-PSS does.
    #[error(
        "the certificate is for the private key, but limits it to the algorithm {algorithm}, which \
         is not supported: have a certificate issued that does not"
    )]
    KeyAlgorithm {
        /// The algorithm that the certificate names for its key.
        algorithm: String,
    },
    /// The certificate's public key is a compressed point, which is not verified with here.
    #[error(
        "the public key of the certificate is a compressed point, which is not supported: \
         convert the key (openssl ec -conv_form uncompressed), and have a certificate issued for that"
    )]
    CompressedPublicKey,
    /// The private key is that of a certificate which is not the first of the chain.
    #[error(
        "the private key belongs to certificate {number} of the chain, \"{subject}\": put that \
         first, and the certificates of its issuers behind it"
    )]
    KeyOfAnother {
        /// Which of the chain it is, counted from 1.
        number: usize,
        /// Its subject.
        subject: String,
    },
    /// The private key cannot be loaded.
    #[error(transparent)]
    PrivateKey(#[from] crate::crypto::KeyError),
    /// The private key has no scheme to sign with.
    #[error("the private key has no signature scheme to sign with")]
    UnsupportedKey,
    /// The layout, the application protocols and the pre-shared keys of a client leave no room for a
    /// ticket and a cookie.
    #[error(
        "the layout, application protocols and pre-shared keys are too long for one ClientHello"
    )]
    ClientHelloTooLong,
    /// A pre-shared key is shorter than 16 bytes, or its identity is not 1 to 1024 bytes long.
    #[error("a pre-shared key must have 16 bytes or more, and an identity of 1 to 1024")]
    PreSharedKey,
    /// Tickets are good for a second to seven days, and at most 16 are sent on a connection.
    #[error("tickets must be good for 1 to 604800 seconds, and at most 16 on a connection")]
    Tickets,
    /// An OCSP response or a certificate timestamp is empty, or they are too long for a message.
    #[error("an OCSP response or certificate timestamp is empty, or they are longer than 65535")]
    Staple,
    /// The request for a client's certificate does not fit into a message, or a filter is one that
    /// RFC 9846, section 4.3.5 forbids: the second for an extension, or for anyExtendedKeyUsage.
    #[error(
        "the authorities and filters for client certificates are too many for a message, or a filter is forbidden"
    )]
    CertificateRequest,
    /// A pre-shared key is text, or repeats few bytes: whoever listens in can try such keys.
    #[error(
        "the pre-shared key is text or repeats itself: take 16 or more random bytes, and decode them if they are written in hexadecimal or base64"
    )]
    WeakPreSharedKey,
    /// A record size limit is not 64 to 16385.
    #[error("a record size limit must be 64 to 16385 bytes (RFC 8449)")]
    RecordSizeLimit,
    /// The default verifier has no trust anchors: it could accept nothing.
    #[error("there are no trust anchors: no server could ever be accepted")]
    NoTrustAnchors,
}

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
