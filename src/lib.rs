//! A TLS 1.3 handshake (RFC 9846) that you can pick up and put anywhere.
//!
//! The handshake, in the module [`handshake`], is a state machine that touches no socket, no clock and
//! no thread. Bytes go in, steps come out; the transport is yours. A client over TCP:
//!
//! ```no_run
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//! use std::sync::Arc;
//! use handclasp::{ClientConfig, ClientConnection, Stream, TrustAnchors};
//!
//! fn main() {
//!     if let Err(error) = fetch() {
//!         eprintln!("{error}");
//!         std::process::exit(1);
//!     }
//! }
//!
//! fn fetch() -> Result<(), Box<dyn std::error::Error>> {
//!     let anchors = TrustAnchors::from_pem(&std::fs::read("ca.pem")?)?;
//!     let config = Arc::new(ClientConfig::new(anchors)?);
//!     let connection = ClientConnection::new(config, "example.org".try_into()?);
//!     let mut stream = Stream::new(connection, TcpStream::connect("example.org:443")?);
//!     stream.write_all(b"GET / HTTP/1.0\r\nHost: example.org\r\n\r\n")?;
//!     stream.flush()?;
//!     let mut answer = String::new();
//!     stream.read_to_string(&mut answer)?;
//!     Ok(())
//! }
//! ```
//!
//! A server:
//!
//! ```no_run
//! use std::io::{ErrorKind, Write};
//! use std::net::{TcpListener, TcpStream};
//! use std::sync::Arc;
//! use std::time::Duration;
//! use handclasp::{CertifiedKey, ServerConfig, ServerConnection, Stream};
//!
//! fn main() {
//!     if let Err(error) = serve() {
//!         eprintln!("{error}");
//!         std::process::exit(1);
//!     }
//! }
//!
//! fn serve() -> Result<(), Box<dyn std::error::Error>> {
//!     let key = CertifiedKey::from_pem_files("chain.pem", "key.pem")?;
//!     let config = Arc::new(ServerConfig::new(key)?);
//!     let listener = TcpListener::bind("127.0.0.1:4433")?;
//!     loop {
//!         if let Err(error) = accept(&listener, &config) {
//!             // There may be too many open files for a moment: the server continues.
//!             eprintln!("cannot accept a client: {error}");
//!             std::thread::sleep(Duration::from_millis(100));
//!         }
//!     }
//! }
//!
//! fn accept(listener: &TcpListener, config: &Arc<ServerConfig>) -> std::io::Result<()> {
//!     let ((socket, client), config) = (listener.accept()?, config.clone());
//!     std::thread::Builder::new().spawn(move || {
//!         if let Err(error) = greet(config, socket) {
//!             eprintln!("{client}: {}", reason(&error));
//!         }
//!     })?;
//!     Ok(())
//! }
//!
//! /// The timeout of a socket is WouldBlock on Unix, and TimedOut on Windows.
//! fn reason(error: &std::io::Error) -> String {
//!     match error.kind() {
//!         ErrorKind::WouldBlock | ErrorKind::TimedOut => "the client was silent for too long".into(),
//!         _ => error.to_string(),
//!     }
//! }
//!
//! fn greet(config: Arc<ServerConfig>, socket: TcpStream) -> std::io::Result<()> {
//!     // A silent client must not occupy its thread.
//!     socket.set_read_timeout(Some(Duration::from_secs(10)))?;
//!     socket.set_write_timeout(Some(Duration::from_secs(10)))?;
//!     let mut stream = Stream::new(ServerConnection::new(config), socket);
//!     stream.write_all(b"hello\n")?;
//!     // When the stream is dropped, it waits until the client closes, for 2 seconds at most.
//!     stream.close()
//! }
//! ```
//!
//! # Where things are
//!
//! - [`guide`]: how to use all this, a chapter for each place to put it.
//! - [`transport`]: what carries a connection. [`Stream`] for blocking byte streams, memory for
//!   tests, and with the feature `tokio` asynchronous streams.
//! - [`quic`]: the handshake under QUIC, and the keys of its packets.
//! - [`connection`]: handshake and records together, on buffers of the caller's.
//! - [`handshake`]: the state machine, its steps and its [questions](handshake::Question).
//! - [`config`]: the options of clients and servers, and the limits.
//! - [`credential`]: who this side is: certificates, their keys, and the choice among them.
//! - [`verify`]: whom this side trusts: verifiers, trust anchors, pins, client authentication.
//! - [`psk`]: what both sides share: pre-shared keys, and how a server finds them.
//! - [`cookie`]: the cookies of a HelloRetryRequest.
//! - [`certificate`]: path validation by RFC 5280 and names by RFC 9525: the crate `handclasp-x509`,
//!   which knows no TLS.
//! - [`pem`]: certificates and keys from text files, with errors that quote nothing.
//! - [`session`]: tickets, the stores of sessions, and what keeps 0-RTT data from being replayed.
//! - [`record`], [`key_schedule`], [`wire`]: records, secrets, and messages as bytes.
//! - [`crypto`]: the seam to the primitives; `CryptoProvider::ring` and `CryptoProvider::aws_lc_rs` come with
//!   the crate.
//! - [`observer`], [`key_log`]: watching a handshake, and the key log.
//! - [`diagnosis`]: why a connection failed, and what to change, as data and as a line for a log.
//! - [`registry`], [`alert`]: the code points and alerts of the RFC.
//!
//! # What it does, and what it does not
//!
//! TLS 1.3 client and server: key exchange over elliptic curves, ML-KEM and hybrids of both, with
//! HelloRetryRequest and stateless cookies; ECDSA, Ed25519, ML-DSA
//! and RSA-PSS signatures, SNI, ALPN, key updates, exporters, external pre-shared keys, resumption
//! from tickets, 0-RTT data with protection against replays, client certificates in the handshake
//! and after it, raw public keys, stapled OCSP responses and certificate timestamps, record size
//! limits and padding, GREASE, compressed certificates; revocation by CRLs and stapled OCSP
//! responses, pins of keys, `tls-exporter`, SPIFFE ids, and records that a kernel protects. The
//! application can give a signature, a key or the result of a verification [later](Reply::Later), from any
//! thread.
//!
//! There is no TLS 1.2, no DTLS and no Encrypted ClientHello.

// Items behind a feature say so on docs.rs.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Examples are copied: an import that one does not use would be a warning there.
#![doc(test(attr(deny(unused_imports))))]

pub mod alert;
pub mod config;
mod config_error;
pub mod connection;
pub mod cookie;
pub mod credential;
pub mod crypto;
pub mod diagnosis;
mod early_data;
mod error;
pub mod guide;
pub mod handshake;
pub mod key_log;
pub mod key_schedule;
mod level;
mod name_key;
pub mod observer;
pub mod psk;
pub mod quic;
pub mod record;
pub mod registry;
mod reply;
pub mod session;
mod side;
mod stage;
#[cfg(any(feature = "metrics", feature = "tracing"))]
pub mod telemetry;
mod time;
pub mod transport;
pub mod verify;
pub mod wire;

pub use certificate::TrustAnchors;
pub use config::{ClientConfig, ServerConfig};
pub use connection::{ClientConnection, Connection, ServerConnection};
pub use credential::CertifiedKey;
pub use crypto::CryptoProvider;
pub use diagnosis::Diagnosis;
pub use error::{Error, ErrorKind};
pub use handclasp_x509 as certificate;
pub use handclasp_x509::pem;
pub use key_log::KeyLogFile;
pub use level::Level;
pub use observer::{Event, Observer};
pub use pki_types;
pub use reply::{AnswerLater, Reply};
pub use time::Time;
pub use transport::Stream;
pub use zeroize;

/// The programs in the README compile, too. The client needs the system's authorities.
#[cfg(all(doctest, feature = "rustls-native-certs"))]
#[doc = include_str!("../README.md")]
pub struct Readme;
