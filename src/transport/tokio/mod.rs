//! Connections under the tokio runtime.
//!
//! A [`Connector`] and an [`Acceptor`] complete handshakes and return a [`TlsStream`], which is
//! [`AsyncRead`](::tokio::io::AsyncRead) and [`AsyncWrite`](::tokio::io::AsyncWrite) over any
//! transport that is both. Futures can answer the questions of a handshake: see [`QuestionHandler`].
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
//! When a handshake's future is dropped, it drops everything that it has: the transport, the secrets,
//! its permit among the handshakes of an acceptor, and the future that answers a question. The futures
//! need a runtime whose time driver is enabled.

mod acceptor;
mod connector;
mod poll;
mod question_handler;
mod stream;

pub use acceptor::Acceptor;
pub use connector::Connector;
pub use question_handler::{AnswerFuture, QuestionHandler};
pub use stream::TlsStream;
