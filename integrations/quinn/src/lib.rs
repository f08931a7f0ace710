//! [`quinn`] with the TLS 1.3 handshake of [`handclasp`], and without rustls. Both are re-exported.
//!
//! A client:
//!
//! ```no_run
//! use std::sync::Arc;
//! use handclasp::{ClientConfig, CryptoProvider, TrustAnchors};
//!
//! # async fn example(anchors: TrustAnchors) -> Result<(), Box<dyn std::error::Error>> {
//! let config = ClientConfig::builder(CryptoProvider::default())
//!     .application_protocols(["hq-interop"])
//!     .trust(anchors)?
//!     .build()?;
//! let mut endpoint = handclasp_quinn::client_endpoint("[::]:0".parse()?)?;
//! endpoint.set_default_client_config(handclasp_quinn::client_config(Arc::new(config))?);
//! let connection = endpoint.connect("[2001:db8::1]:4433".parse()?, "example.org")?.await?;
//! # Ok(())
//! # }
//! ```
//!
//! A server:
//!
//! ```no_run
//! use std::sync::Arc;
//! use handclasp::credential::CertificateList;
//! use handclasp::{CertifiedKey, CryptoProvider, ServerConfig};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let key = CertifiedKey::from_pem_files("chain.pem", "key.pem")?;
//! let config = ServerConfig::builder(CryptoProvider::default())
//!     .application_protocols(["hq-interop"])
//!     .build(Arc::new(CertificateList::new(vec![Arc::new(key)])))?;
//! let config = handclasp_quinn::server_config(Arc::new(config))?;
//! let endpoint = handclasp_quinn::server_endpoint(config, "[::]:4433".parse()?)?;
//! while let Some(incoming) = endpoint.accept().await {
//!     // A client that fails must not end the server, nor make other clients wait.
//!     tokio::spawn(async move {
//!         match incoming.await {
//!             Ok(connection) => println!("connected: {}", connection.remote_address()),
//!             Err(error) => eprintln!("{error}"),
//!         }
//!     });
//! }
//! # Ok(())
//! # }
//! ```
//!
//! - HTTP/3 is in the crate's examples: `http3_server` and `http3_client`, `http3_early_data` for 0-RTT data, and
//!   `http3_keyless` for a private key in another process.
//! - Resumption and 0-RTT data are options of handclasp's configurations:
//!   [`ClientConfigBuilder::sessions`](handclasp::config::ClientConfigBuilder::sessions) and
//!   `early_data`, and the same on the server. A server rejects 0-RTT data of a session from a connection with
//!   other limits, as the client would keep to those (RFC 9000, section 7.4.1).
//! - 0-RTT data can be rejected before, between and after a client's writes. What is written on a stream that was opened
//!   before the rejection is lost: later operations on it return `ZeroRttRejected`, as
//!   [`quinn::WriteError::ZeroRttRejected`]. A stream that is opened later is an ordinary one. So wait for
//!   [`quinn::ZeroRttAccepted`]; if it is `false`, send all on a new stream again.
//! - A server that answers before the handshake is complete, with [`quinn::Connecting::into_0rtt`], first waits
//!   for [`quinn::Connecting::handshake_data`]. A ClientHello with a post-quantum share comes in two packets, and
//!   quinn does not wake a task that has opened a stream before the second one.
//! - What [`quinn::Connection::handshake_data`] returns can be downcast to [`PeerParameters`]. They have
//!   the application protocol, the server's name, the cipher suite and the rest.
//! - What [`quinn::Connection::peer_identity`] returns can be downcast to `Vec<CertificateDer<'static>>`,
//!   as with rustls.
//! - A decision that is answered later is a question: see [`QuestionHandler`].
//! - Only version 1 of QUIC is spoken, because quinn has no other.
//!
//! [`PeerParameters`]: handclasp::handshake::PeerParameters

// Examples are copied: an import that one does not use would be a warning there.
#![doc(test(attr(deny(unused_imports))))]

mod client;
mod endpoint;
mod packet_keys;
mod question_handler;
mod server;
mod session;
mod token_keys;

pub use client::{QuicClientConfig, client_config};
pub use endpoint::endpoint_config;
#[cfg(all(feature = "runtime-tokio", any(feature = "ring", feature = "aws-lc-rs")))]
pub use endpoint::{client_endpoint, server_endpoint};
pub use handclasp;
pub use question_handler::QuestionHandler;
pub use quinn;
pub use server::{QuicServerConfig, server_config};
pub use token_keys::{ResetKey, TokenKey};
