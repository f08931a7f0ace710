//! ExpectEndOfEarlyData: 0-RTT data come until the client says that they have ended (RFC 9846,
//! section 4.6).
//!
//! A server that has rejected 0-RTT data is never in this state: `flight.rs` (`change_keys`) reads with
//! the keys of the handshake at once. An EndOfEarlyData under the keys of 0-RTT data is then skipped
//! with these data (`record/protection/mod.rs`). Under the keys of the handshake it is an
//! `unexpected_message`.

use super::finished::ExpectFinished;
use super::{Context, State};
use crate::error::Error;
use crate::handshake::{Level, expect};
use crate::registry::HandshakeType;
use crate::wire::{EndOfEarlyData, HandshakeMessage};

/// The server's flight was sent, and 0-RTT data are read.
pub(in crate::handshake) struct ExpectEndOfEarlyData {
    /// The state after the 0-RTT data.
    pub(super) next: ExpectFinished,
}

impl ExpectEndOfEarlyData {
    /// EndOfEarlyData came (section 4.6): the keys of the handshake are next.
    pub(super) fn on_message(
        self,
        message: &HandshakeMessage<'_>,
        context: &mut Context,
    ) -> Result<State, Error> {
        expect(message, HandshakeType::END_OF_EARLY_DATA)?;
        EndOfEarlyData::parse(message.body)?;
        let mut next = self.next;
        next.flight.transcript.add(message);
        context.end_early_data();
        context.steps.read_keys(Level::Handshake, next.flight.client_secret.clone());
        Ok(State::ExpectFinished(next))
    }
}
