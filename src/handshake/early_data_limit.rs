//! How many bytes of 0-RTT data may come or go, and until when (RFC 9846, section 4.3.10). More than
//! the ticket allows is an `unexpected_message`. `server/early_data.rs` decides whether they are
//! accepted, `client/encrypted_extensions.rs` reads the answer, and `record/protection/mod.rs` skips
//! those that are rejected.

use super::{EarlyData, Handshake, Level, Side};
use crate::crypto::{Digest, ProviderError};
use crate::error::{Error, ErrorKind};
use crate::key_schedule::{EarlySecret, ExporterSecret, TrafficSecret};
use crate::observer::Observers;
use crate::registry::ContentType;

/// What a connection remembers of its 0-RTT data.
#[derive(Default)]
pub(crate) struct ZeroRtt {
    /// The bytes that may still come or go.
    pub(super) bytes_left: u32,
    /// On a server: the bytes that the client's ticket allows, also where the server does not
    /// accept the data.
    pub(super) allowed_by_ticket: u32,
    pub(super) exporter: Option<Box<ExporterSecret>>,
}

impl ZeroRtt {
    /// There may be 0-RTT data of up to `max_size` bytes. `client_hello` is the hash of the
    /// ClientHello that they follow. Returns the secret that protects them.
    pub(super) fn begin(
        &mut self,
        early: &EarlySecret,
        client_hello: &Digest,
        max_size: u32,
        observers: &mut Observers,
    ) -> Result<TrafficSecret, ProviderError> {
        let secret = early.client_early_traffic(client_hello, observers)?;
        self.exporter = Some(Box::new(early.early_exporter(client_hello, observers)?));
        self.bytes_left = max_size;
        Ok(secret)
    }

    /// There are no 0-RTT data, or no more.
    pub(super) fn end(&mut self) {
        self.bytes_left = 0;
        self.exporter = None;
    }
}

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
        usize::try_from(self.context.zero_rtt.bytes_left).unwrap_or(usize::MAX)
    }

    /// 0-RTT data were sent or received: `length` bytes.
    ///
    /// # Errors
    /// When they are more than the ticket allows (section 4.3.10): the alert is `unexpected_message`.
    pub fn on_early_data(&mut self, length: usize) -> Result<(), Error> {
        let left = &mut self.context.zero_rtt.bytes_left;
        let rest = u32::try_from(length).ok().and_then(|length| left.checked_sub(length));
        *left = rest.ok_or(ErrorKind::UnexpectedRecord {
            received: ContentType::APPLICATION_DATA,
            when: "beyond the 0-RTT data that the ticket allows",
        })?;
        Ok(())
    }

    /// The bytes of rejected 0-RTT data that a server skips: at least the limit, and as many as the
    /// client's ticket allows. Another server may have sent that ticket.
    pub(crate) fn early_data_skipped(&self) -> usize {
        let allowed = match self.context.zero_rtt.allowed_by_ticket {
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
