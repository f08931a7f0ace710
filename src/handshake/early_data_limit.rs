//! How many bytes of 0-RTT data may come or go, and until when (RFC 9846, section 4.3.10). More than
//! the ticket allows is an `unexpected_message`. `server/early_data.rs` decides whether they are
//! accepted, `client/encrypted_extensions.rs` reads the answer, `context.rs` has the numbers, and
//! `record/protection/mod.rs` skips those that are rejected.

use super::{EarlyData, Handshake, Level, Side};
use crate::error::{Error, ErrorKind};
use crate::registry::ContentType;

impl Handshake {
    /// The bytes of 0-RTT data that a client may send now. There are none before
    /// [`start`](Self::start), where the client offered none, and once the server has rejected them
    /// or has sent its Finished.
    pub fn early_data_room(&self) -> usize {
        let is_open =
            self.side() == Side::Client && self.context.steps.write_level == Level::EarlyData;
        if !is_open || self.check().is_err() {
            return 0;
        }
        usize::try_from(self.early_data_left()).unwrap_or(usize::MAX)
    }

    /// 0-RTT data were sent or received: `length` bytes.
    ///
    /// # Errors
    /// When they are more than the ticket allows (section 4.3.10): the alert is `unexpected_message`.
    pub fn on_early_data(&mut self, length: usize) -> Result<(), Error> {
        let left = self.early_data_left();
        let rest = u32::try_from(length).ok().and_then(|length| left.checked_sub(length));
        let rest = rest.ok_or(ErrorKind::UnexpectedRecord {
            received: ContentType::APPLICATION_DATA,
            when: "beyond the 0-RTT data that the ticket allows",
        })?;
        if let Some(zero_rtt) = &mut self.context.zero_rtt {
            zero_rtt.bytes_left = rest;
        }
        Ok(())
    }

    fn early_data_left(&self) -> u32 {
        self.context.zero_rtt.as_ref().map_or(0, |zero_rtt| zero_rtt.bytes_left)
    }

    /// The bytes of rejected 0-RTT data that a server skips: at least the limit, and as many as the
    /// client's ticket allows. Another server may have sent that ticket. With a HelloRetryRequest it is the
    /// limit, which is no less than what this server allows (section 4.3.10): the ticket was not looked up.
    pub(crate) fn early_data_skipped(&self) -> usize {
        let zero_rtt = self.context.zero_rtt.as_ref();
        let allowed = match zero_rtt.map_or(0, |zero_rtt| zero_rtt.allowed_by_ticket) {
            // A ticket of QUIC: it is not a size (RFC 9001, section 4.6.1).
            u32::MAX => 0,
            allowed => usize::try_from(allowed).unwrap_or(usize::MAX),
        };
        self.limits().early_data_skipped.max(allowed)
    }

    /// On a server that accepted 0-RTT data: may it write before the client's Finished has come?
    pub(crate) fn answers_early_data(&self) -> bool {
        self.side() == Side::Server
            && self.context.parameters.early_data == EarlyData::Accepted
            && self.context.steps.write_level == Level::Application
    }
}
