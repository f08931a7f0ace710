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
mod channel_binding;
pub(crate) mod client;
mod context;
mod early_data_limit;
mod exporter;
mod incoming_messages;
mod machine;
mod parameters;
mod peer_identity;
mod position;
mod post_handshake;
mod proof;
mod question;
pub(crate) mod server;
mod session_basis;
mod step;
mod traffic_secrets;

pub use crate::early_data::EarlyData;
pub use crate::level::Level;
pub use crate::side::Side;
pub use crate::stage::Stage;
pub use machine::Handshake;
pub use parameters::{PeerParameters, RareParameters};
pub use question::{
    AcceptEarlyData, Answer, CheckReplay, ChooseCertificate, ChooseClientCertificate, ChooseConfig,
    Question, QuestionNumber, ResolvePsk, Sign, TakeSession,
};
pub use step::Step;

pub(crate) use context::{Context, Quic};
pub(crate) use step::USUAL_FLIGHT;

use crate::crypto::stack_depth;
use crate::error::Error;
use crate::registry::HandshakeType;
use crate::wire::HandshakeMessage;

/// How deep the calls of a handshake go in bytes: 22 KiB, and a signature is the deepest. Without optimization they
/// go deeper: up to 36 KiB for a ClientHello with 0-RTT data. The handshake's owner overwrites this much of the stack
/// after a change of keys.
pub(crate) const STACK_DEPTH: usize = stack_depth(24 * 1024, 48 * 1024);

/// Checks that the message is the one that the state waits for. Any other is an
/// `unexpected_message` (section 4).
fn expect(message: &HandshakeMessage<'_>, kind: HandshakeType) -> Result<(), Error> {
    if message.kind == kind {
        return Ok(());
    }
    Err(Error::unexpected(kind.name().unwrap_or_default(), message.kind))
}
