//! Connections under the tokio runtime.
//!
//! A [`Connector`] and an [`Acceptor`] complete handshakes; a [`TlsStream`] is what comes of them:
//! [`AsyncRead`](::tokio::io::AsyncRead) and [`AsyncWrite`](::tokio::io::AsyncWrite) over any
//! transport that is both. What a handshake asks can be answered by a future: see [`Answers`].
//!
//! ```no_run
//! use std::sync::Arc;
//! use handclasp::transport::tokio::Connector;
//! use handclasp::{ClientConfig, TrustAnchors};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! use tokio::net::TcpStream;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let anchors = TrustAnchors::from_pem(&std::fs::read("ca.pem")?)?;
//! let connector = Connector::new(Arc::new(ClientConfig::new(anchors)?));
//! let socket = TcpStream::connect("example.org:443").await?;
//! let mut stream = connector.connect("example.org".try_into()?, socket).await?;
//! stream.write_all(b"GET / HTTP/1.0\r\nHost: example.org\r\n\r\n").await?;
//! stream.flush().await?;
//! let mut answer = String::new();
//! stream.read_to_string(&mut answer).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Dropping a handshake's future drops all that it had: the transport, the secrets, the place
//! among the handshakes under way, and the future that was to answer a question. The futures need
//! a runtime whose time is enabled.

mod acceptor;
mod answers;
mod connector;
mod poll;
mod stream;

pub use acceptor::Acceptor;
pub use answers::{Answering, Answers};
pub use connector::Connector;
pub use stream::TlsStream;
