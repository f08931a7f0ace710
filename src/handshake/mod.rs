//! The handshake (RFC 9846, section 4 and appendix A) as a machine without I/O.
//!
//! Bytes of handshake messages go in, each at its encryption [`Level`]; [`Step`]s come out: send
//! these bytes, use these keys from here on. What it cannot decide alone is a [`Question`]: it waits
//! for the [`Answer`]. It touches no socket, no clock and no thread, so the same machine serves TLS
//! records ([`crate::connection`]), QUIC, and the tests.
//!
//! ```text
//!   receive(level, bytes) ---> join messages ---> state.on_message(self, message) ---> next state
//!                                                       |
//!                  Steps  <-----------------------------+----> Question ... answer() -> next state
//! ```

mod authentication;
pub(crate) mod client;
mod connected;
mod context;
mod exporter;
mod input;
mod key_update;
mod machine;
mod new_session_ticket;
mod parameters;
mod peer_identity;
mod post_handshake_auth;
mod proof;
mod question;
mod secrets;
pub(crate) mod server;
mod session_basis;
mod step;
mod zero_rtt;

pub use crate::level::Level;
pub use machine::{Handshake, Side};
pub use parameters::{EarlyData, PeerParameters};
pub use question::{
    AcceptEarlyData, Answer, ChooseCertificate, ChooseClientCertificate, Question, QuestionNumber,
    ResolvePsk, Sign, TakeSession,
};
pub use step::Step;

use input::expect;

pub(crate) use context::Context;
