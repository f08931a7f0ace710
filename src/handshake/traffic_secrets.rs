//! What both sides derive at the same places of the handshake (RFC 9846, section 7.1).

use super::{Context, Side};
use crate::crypto::{ProviderError, SharedSecret};
use crate::error::Error;
use crate::key_schedule::{EarlySecret, ExporterSecret, MainSecret, TrafficSecret, Transcript};
use crate::observer::Observers;

/// What ServerHello makes possible: the secrets of the two flights (section 7.1).
pub(super) struct HandshakeSecrets {
    pub(super) main: MainSecret,
    pub(super) client: TrafficSecret,
    pub(super) server: TrafficSecret,
}

impl HandshakeSecrets {
    /// From the transcript up to ServerHello.
    pub(super) fn new(
        early: EarlySecret,
        shared: &SharedSecret,
        transcript: &Transcript,
        observers: &mut Observers,
    ) -> Result<Self, ProviderError> {
        let handshake = early.into_handshake(shared, observers)?;
        let [client, server] = handshake.traffic(&transcript.current(), observers)?;
        Ok(Self { main: handshake.into_main(observers)?, client, server })
    }
}

/// What outlives the handshake; `main` makes the secret of the tickets at its very end (section
/// 7.1).
pub(super) struct ConnectionSecrets {
    pub(super) read: TrafficSecret,
    pub(super) write: TrafficSecret,
    pub(super) exporter: ExporterSecret,
    pub(super) main: MainSecret,
}

impl ConnectionSecrets {
    /// From the transcript up to the server's Finished.
    pub(super) fn new(
        side: Side,
        main: MainSecret,
        transcript: &Transcript,
        context: &mut Context,
    ) -> Result<Self, Error> {
        let hash = transcript.current();
        let [client, server] = main.traffic(&hash, &mut context.observers)?;
        let exporter = main.exporter(&hash, &mut context.observers)?;
        let (read, write) = match side {
            Side::Client => (server, client),
            Side::Server => (client, server),
        };
        Ok(Self { read, write, exporter, main })
    }
}
