//! Connections under the tokio runtime.
//!
//! A [`Connector`] and an [`Acceptor`] complete handshakes and return a [`TlsStream`], which is
//! [`AsyncRead`](::tokio::io::AsyncRead) and [`AsyncWrite`](::tokio::io::AsyncWrite) over any
//! transport that is both. Futures can answer the questions of a handshake: see [`QuestionHandler`].
//!
#![cfg_attr(not(doctest), doc = include_str!("example.md"))]
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
