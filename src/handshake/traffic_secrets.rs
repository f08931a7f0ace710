//! What both sides derive at the same places of the handshake (RFC 9846, section 7.1).

use super::{Context, Side};
use crate::crypto::{CipherSuite, Secret, StaticOrArc};
use crate::error::{Error, ErrorKind};
use crate::key_schedule::{
    ApplicationTraffic, ExporterSecret, MainSecret, ResumptionSecret, TrafficSecret, Transcript,
};
use crate::observer::Observers;

/// What outlives the handshake, beside the secret of the tickets, which is derived at its very end (section
/// 7.1). An idle connection has all of it: so the suite, which they have in common, is here once.
pub(super) struct ConnectionSecrets {
    suite: StaticOrArc<CipherSuite>,
    /// `None` once the transport alone has them: see [`forget_traffic`](Self::forget_traffic).
    traffic: Option<BothDirections>,
    exporter: Secret,
}

/// The secrets that protect what is received and what is sent. A KeyUpdate replaces one of them.
struct BothDirections {
    read: Secret,
    write: Secret,
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
        let suite = client.suite().clone();
        let (client, server) = (client.into_secret(), server.into_secret());
        let traffic = match side {
            Side::Client => BothDirections { read: server, write: client },
            Side::Server => BothDirections { read: client, write: server },
        };
        Ok(Self { suite, traffic: Some(traffic), exporter: exporter.into_secret() })
    }

    /// Without records the transport has the secrets, and updates them itself (RFC 9001, section 6). A copy
    /// here would outlive their use (RFC 9846, section 7.2).
    pub(super) fn forget_traffic(&mut self) {
        self.traffic = None;
    }

    /// Protects what is received. [`ErrorKind::Internal`] after [`forget_traffic`](Self::forget_traffic).
    pub(super) fn read(&self) -> Result<TrafficSecret, Error> {
        let traffic = self.traffic.as_ref().ok_or_else(no_traffic)?;
        Ok(TrafficSecret::of_secret(&self.suite, &traffic.read))
    }

    /// Protects what is sent. [`ErrorKind::Internal`] after [`forget_traffic`](Self::forget_traffic).
    pub(super) fn write(&self) -> Result<TrafficSecret, Error> {
        let traffic = self.traffic.as_ref().ok_or_else(no_traffic)?;
        Ok(TrafficSecret::of_secret(&self.suite, &traffic.write))
    }

    /// The next secret for what is received, after a KeyUpdate. It replaces the present one.
    pub(super) fn update_read(
        &mut self,
        observers: &mut Observers,
    ) -> Result<TrafficSecret, Error> {
        let traffic = self.traffic.as_mut().ok_or_else(no_traffic)?;
        update(&self.suite, &mut traffic.read, observers)
    }

    /// The next secret for what is sent, after a KeyUpdate. It replaces the present one.
    pub(super) fn update_write(
        &mut self,
        observers: &mut Observers,
    ) -> Result<TrafficSecret, Error> {
        let traffic = self.traffic.as_mut().ok_or_else(no_traffic)?;
        update(&self.suite, &mut traffic.write, observers)
    }

    pub(super) fn exporter(&self) -> ExporterSecret {
        ExporterSecret::of_secret(&self.suite, &self.exporter)
    }

    /// The secret of the tickets, which is kept beside these secrets.
    pub(super) fn resumption(&self, secret: &Secret) -> ResumptionSecret {
        ResumptionSecret::of_secret(&self.suite, secret)
    }

    /// The suite that the secrets are used with.
    pub(super) fn suite(&self) -> &CipherSuite {
        &self.suite
    }
}

/// Replaces the secret by the next one, and returns that.
fn update(
    suite: &StaticOrArc<CipherSuite>,
    secret: &mut Secret,
    observers: &mut Observers,
) -> Result<TrafficSecret, Error> {
    let next = TrafficSecret::of_secret(suite, secret).update(observers)?;
    *secret = next.clone().into_secret();
    Ok(next)
}

fn no_traffic() -> Error {
    ErrorKind::Internal("the transport alone has the traffic secrets").into()
}
