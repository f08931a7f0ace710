//! HTTPS with the TLS 1.3 handshake of [`handclasp`], which is re-exported: a connector for the client of
//! hyper-util, and a listener for `axum::serve`. tonic works on both.
//!
#![cfg_attr(
    feature = "client",
    doc = "A client with a pool. ALPN chooses between HTTP/2 and HTTP/1.1:"
)]
#![cfg_attr(feature = "client", doc = "")]
#![cfg_attr(feature = "client", doc = include_str!("client.md"))]
#![cfg_attr(feature = "axum", doc = "")]
#![cfg_attr(
    feature = "axum",
    doc = "A server. WebSockets and other upgrades work, as everywhere in axum:"
)]
#![cfg_attr(feature = "axum", doc = "")]
#![cfg_attr(feature = "axum", doc = include_str!("server.md"))]
// Examples are copied: an import that one does not use would be a warning there.
#![doc(test(attr(deny(unused_imports))))]

#[cfg(feature = "axum")]
mod address_limit;
#[cfg(feature = "axum")]
mod connection_info;
#[cfg(feature = "client")]
mod connector;
#[cfg(feature = "axum")]
mod listener;
#[cfg(feature = "axum")]
mod misdirected;
#[cfg(any(feature = "axum", feature = "client"))]
mod stream;
#[cfg(feature = "axum")]
mod too_early;

#[cfg(feature = "axum")]
pub use connection_info::ConnectionInfo;
#[cfg(feature = "client")]
pub use connector::HttpsConnector;
pub use handclasp;
#[cfg(feature = "axum")]
pub use listener::TlsListener;
#[cfg(feature = "axum")]
pub use misdirected::misdirected;
#[cfg(any(feature = "axum", feature = "client"))]
pub use stream::HttpsStream;
#[cfg(feature = "axum")]
pub use too_early::too_early;

// The guide's chapter on HTTP is compiled here.
#[cfg(doctest)]
#[doc = include_str!("../../../src/guide/hyper.md")]
mod guide {}
