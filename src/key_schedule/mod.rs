//! The key schedule (RFC 9846, section 7.1).
//!
//! ```text
//!             0
//!             |
//!             v
//!   PSK ->  HKDF-Extract = EarlySecret
//!             |
//!             +--> "ext binder" | "res binder" | "imp binder"  = binder_key
//!             +--> "c e traffic"   ClientHello                 = client_early_traffic
//!             +--> "e exp master"  ClientHello                 = early_exporter
//!             v
//!          "derived"
//!             |
//!             v
//! (EC)DHE ->  HKDF-Extract = HandshakeSecret
//!             |
//!             +--> "c hs traffic"  ClientHello...ServerHello   = traffic, the client's
//!             +--> "s hs traffic"  ClientHello...ServerHello   = traffic, the server's
//!             v
//!          "derived"
//!             |
//!             v
//!   0 ----->  HKDF-Extract = MainSecret
//!             |
//!             +--> "c ap traffic"  ...server Finished          = traffic, the client's
//!             +--> "s ap traffic"  ...server Finished          = traffic, the server's
//!             +--> "exp master"    ...server Finished          = exporter
//!             +--> "res master"    ...client Finished          = into_resumption
//! ```
//!
//! Each `HKDF-Extract` of the figure is a type, and each arrow to the right a function of it. The step
//! to the next type consumes the one before: no way leads back. The transcript hash that a function
//! takes is that of the messages in the middle column.
//!
//! Every function takes the connection's observers, which see each step, and the key log, which gets
//! the traffic secrets and the exporters.

mod exporter_secret;
mod hkdf;
mod psk;
mod traffic;
mod transcript;

use crate::crypto::{CipherSuite, Digest, Secret, SharedSecret};
use crate::observer::Observers;

pub(crate) use exporter_secret::ExporterSecret;
use hkdf::{Hkdf, Result};
pub use hkdf::{LabelPrefix, expand_label};
pub use psk::PskKind;
pub(crate) use psk::{ResumptionSecret, imported_psk};
pub use traffic::{KeyAndIv, TrafficSecret};
pub(crate) use transcript::Transcript;

/// One `HKDF-Extract` of the figure: its result, with what is needed to derive from it.
struct Stage {
    suite: CipherSuite,
    prefix: LabelPrefix,
    secret: Secret,
}

/// The label of a secret in the figure, and its name in key logs (RFC 9850, section 2.1).
struct LoggedLabel {
    label: &'static str,
    key_log: &'static str,
}

const CLIENT_EARLY_TRAFFIC: LoggedLabel =
    LoggedLabel { label: "c e traffic", key_log: "CLIENT_EARLY_TRAFFIC_SECRET" };
const EARLY_EXPORTER: LoggedLabel =
    LoggedLabel { label: "e exp master", key_log: "EARLY_EXPORTER_SECRET" };
const CLIENT_HANDSHAKE_TRAFFIC: LoggedLabel =
    LoggedLabel { label: "c hs traffic", key_log: "CLIENT_HANDSHAKE_TRAFFIC_SECRET" };
const SERVER_HANDSHAKE_TRAFFIC: LoggedLabel =
    LoggedLabel { label: "s hs traffic", key_log: "SERVER_HANDSHAKE_TRAFFIC_SECRET" };
const CLIENT_APPLICATION_TRAFFIC: LoggedLabel =
    LoggedLabel { label: "c ap traffic", key_log: "CLIENT_TRAFFIC_SECRET_0" };
const SERVER_APPLICATION_TRAFFIC: LoggedLabel =
    LoggedLabel { label: "s ap traffic", key_log: "SERVER_TRAFFIC_SECRET_0" };
const EXPORTER: LoggedLabel = LoggedLabel { label: "exp master", key_log: "EXPORTER_SECRET" };

impl Stage {
    fn hkdf(&self) -> Hkdf {
        Hkdf { hash: self.suite.hash.clone(), prefix: self.prefix }
    }

    /// Derive-Secret, with the hash of the messages.
    fn derive(&self, label: &str, messages: &Digest, observers: &mut Observers) -> Result<Secret> {
        self.hkdf().expand_secret(&self.secret, label, messages, observers)
    }

    /// Derive-Secret with no messages.
    fn derive_from_nothing(&self, label: &str, observers: &mut Observers) -> Result<Secret> {
        self.derive(label, &self.suite.hash.digest(b""), observers)
    }

    /// Derive-Secret of a secret that the key log gets.
    fn derive_logged(
        &self,
        label: &LoggedLabel,
        messages: &Digest,
        observers: &mut Observers,
    ) -> Result<Secret> {
        let secret = self.derive(label.label, messages, observers)?;
        observers.log(label.key_log, secret.as_bytes());
        Ok(secret)
    }

    fn traffic(
        &self,
        label: &LoggedLabel,
        messages: &Digest,
        observers: &mut Observers,
    ) -> Result<TrafficSecret> {
        let secret = self.derive_logged(label, messages, observers)?;
        Ok(TrafficSecret::new(self.suite.clone(), self.prefix, secret))
    }

    fn exporter(
        &self,
        label: &LoggedLabel,
        messages: &Digest,
        observers: &mut Observers,
    ) -> Result<ExporterSecret> {
        let secret = self.derive_logged(label, messages, observers)?;
        Ok(ExporterSecret::new(self.hkdf(), secret))
    }

    /// The next stage: "derived" is the salt of its extraction.
    fn next(self, name: &str, input: &[u8], observers: &mut Observers) -> Result<Self> {
        let salt = self.derive_from_nothing("derived", observers)?;
        let secret = self.hkdf().extract(name, salt.as_bytes(), input, observers)?;
        Ok(Self { secret, ..self })
    }
}

/// The first stage: made of the PSK, or of zeros when there is none (section 7.1).
pub(crate) struct EarlySecret(Stage);

impl EarlySecret {
    pub(crate) fn new(
        suite: &CipherSuite,
        prefix: LabelPrefix,
        psk: Option<&[u8]>,
        observers: &mut Observers,
    ) -> Result<Self> {
        let hkdf = Hkdf { hash: suite.hash.clone(), prefix };
        let zeros = Secret::zeros(suite.hash.output_length());
        let input = psk.unwrap_or(zeros.as_bytes());
        let secret = hkdf.extract("early", &[], input, observers)?;
        Ok(Self(Stage { suite: suite.clone(), prefix, secret }))
    }

    /// The key of this PSK's binder: a Finished over the truncated ClientHello
    /// (section 4.3.11.2).
    pub(crate) fn binder_key(
        &self,
        kind: PskKind,
        observers: &mut Observers,
    ) -> Result<TrafficSecret> {
        let secret = self.0.derive_from_nothing(kind.binder_label(), observers)?;
        Ok(TrafficSecret::new(self.0.suite.clone(), self.0.prefix, secret))
    }

    /// The traffic secret of 0-RTT data.
    pub(crate) fn client_early_traffic(
        &self,
        client_hello: &Digest,
        observers: &mut Observers,
    ) -> Result<TrafficSecret> {
        self.0.traffic(&CLIENT_EARLY_TRAFFIC, client_hello, observers)
    }

    /// The exporter that can be used with 0-RTT data.
    pub(crate) fn early_exporter(
        &self,
        client_hello: &Digest,
        observers: &mut Observers,
    ) -> Result<ExporterSecret> {
        self.0.exporter(&EARLY_EXPORTER, client_hello, observers)
    }

    /// The next stage, with the result of the key exchange.
    pub(crate) fn into_handshake(
        self,
        shared: &SharedSecret,
        observers: &mut Observers,
    ) -> Result<HandshakeSecret> {
        self.0.next("handshake", shared.as_bytes(), observers).map(HandshakeSecret)
    }
}

/// The second stage: protects the rest of the handshake (section 7.1).
pub(crate) struct HandshakeSecret(Stage);

impl HandshakeSecret {
    /// The traffic secrets of client and server.
    pub(crate) fn traffic(
        &self,
        to_server_hello: &Digest,
        observers: &mut Observers,
    ) -> Result<[TrafficSecret; 2]> {
        let client = self.0.traffic(&CLIENT_HANDSHAKE_TRAFFIC, to_server_hello, observers)?;
        let server = self.0.traffic(&SERVER_HANDSHAKE_TRAFFIC, to_server_hello, observers)?;
        Ok([client, server])
    }

    /// The last stage.
    pub(crate) fn into_main(self, observers: &mut Observers) -> Result<MainSecret> {
        let zeros = Secret::zeros(self.0.suite.hash.output_length());
        self.0.next("master", zeros.as_bytes(), observers).map(MainSecret)
    }
}

/// The third stage: protects application data (section 7.1).
pub(crate) struct MainSecret(Stage);

impl MainSecret {
    /// The first traffic secrets of client and server.
    pub(crate) fn traffic(
        &self,
        to_server_finished: &Digest,
        observers: &mut Observers,
    ) -> Result<[TrafficSecret; 2]> {
        let client = self.0.traffic(&CLIENT_APPLICATION_TRAFFIC, to_server_finished, observers)?;
        let server = self.0.traffic(&SERVER_APPLICATION_TRAFFIC, to_server_finished, observers)?;
        Ok([client, server])
    }

    /// The exporter_secret (section 7.1), over the messages from ClientHello to the server's Finished.
    pub(crate) fn exporter(
        &self,
        to_server_finished: &Digest,
        observers: &mut Observers,
    ) -> Result<ExporterSecret> {
        self.0.exporter(&EXPORTER, to_server_finished, observers)
    }

    /// The secret that the PSKs of tickets are made of.
    pub(crate) fn into_resumption(
        self,
        to_client_finished: &Digest,
        observers: &mut Observers,
    ) -> Result<ResumptionSecret> {
        let secret = self.0.derive("res master", to_client_finished, observers)?;
        Ok(ResumptionSecret::new(self.0.hkdf(), secret))
    }
}

#[cfg(test)]
mod tests;
