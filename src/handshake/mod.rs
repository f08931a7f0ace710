//! The handshake (RFC 9846, section 4 and appendix A) as a machine without I/O.
//!
//! Bytes of handshake messages go in, each at its encryption [`Level`]; [`Step`]s come out: send
//! these bytes, use these keys from here on. What it cannot decide alone it asks: then it rests
//! until the [`Answer`]. It touches no socket, no clock and no thread, so the same machine serves
//! TLS records ([`crate::connection`]), QUIC, and the tests.
//!
//! ```text
//!   receive(level, bytes) ---> join messages ---> state.on_message(self, message) ---> next state
//!                                                       |
//!                  Steps  <-----------------------------+----> Question ... answer() -> next state
//! ```

mod authentication;
pub(crate) mod client;
mod context;
mod credential;
mod incoming;
mod machine;
mod parameters;
mod post_handshake;
mod post_handshake_auth;
mod proof;
mod question;
mod resumption;
mod secrets;
pub(crate) mod server;
mod step;
mod tickets;

pub use crate::level::Level;
pub use machine::{Handshake, Side};
pub use parameters::{EarlyData, PeerParameters};
pub use question::{
    AcceptEarlyData, Answer, ChooseCertificate, ChooseClientCertificate, Question, QuestionNumber,
    ResolvePsk, Sign, TakeSession,
};
pub use step::Step;

use incoming::expect;

pub(crate) use context::Context;
pub(crate) use resumption::Resumption;
