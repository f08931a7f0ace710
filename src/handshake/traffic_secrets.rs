//! What both sides derive at the same places of the handshake (RFC 9846, section 7.1).

use super::{Context, Side};
use crate::error::Error;
use crate::key_schedule::{
    ApplicationTraffic, ExporterSecret, MainSecret, TrafficSecret, Transcript,
};

/// What outlives the handshake, beside the secret of the tickets, which is derived at its very end (section
/// 7.1).
pub(super) struct ConnectionSecrets {
    pub(super) read: TrafficSecret,
    pub(super) write: TrafficSecret,
    pub(super) exporter: ExporterSecret,
}

impl ConnectionSecrets {
    /// From the transcript up to the server's Finished.
    pub(super) fn new(
        side: Side,
        main: &MainSecret,
        transcript: &Transcript,
        context: &mut Context,
    ) -> Result<Self, Error> {
        let ApplicationTraffic { client, server, exporter } =
            main.traffic(&transcript.current(), &mut context.observers)?;
        let (read, write) = match side {
            Side::Client => (server, client),
            Side::Server => (client, server),
        };
        Ok(Self { read, write, exporter })
    }
}
