//! The key schedule (RFC 9846, section 7.1).
//!
//! ```text
//!             0
//!             |
//!             v
//!   PSK ->  HKDF-Extract = EarlySecret
//!             |
//!             +--> "ext binder" | "res binder" | "imp binder"  = binder_key
//!             +--> "c e traffic"   ClientHello                 = client_early_traffic_secret
//!             +--> "e exp master"  ClientHello                 = early_exporter_secret
//!             v
//!          "derived"
//! asymmetric  |
//!   shared    v
//! secret ->  HKDF-Extract = HandshakeSecret
//!             |
//!             +--> "c hs traffic"  ClientHello...ServerHello   = client_handshake_traffic_secret
//!             +--> "s hs traffic"  ClientHello...ServerHello   = server_handshake_traffic_secret
//!             v
//!          "derived"
//!             |
//!             v
//!   0 ----->  HKDF-Extract = MainSecret
//!             |
//!             +--> "c ap traffic"  ...server Finished          = client_application_traffic_secret_0
//!             +--> "s ap traffic"  ...server Finished          = server_application_traffic_secret_0
//!             +--> "exp master"    ...server Finished          = exporter_secret
//!             +--> "res master"    ...client Finished          = resumption_secret
//! ```
//!
//! Each `HKDF-Extract` of the figure is a type. One function of it derives all secrets that have the
//! same messages, so that the HMAC key of the stage is prepared once for them: it returns `EarlyTraffic`,
//! `HandshakeTraffic` or `ApplicationTraffic`. The step to the next type consumes the one before: no way
//! leads back. The transcript hash that a function takes is that of the messages in the middle column.
//! Without a PSK, the first stage is a constant (`constants.rs`).
//!
//! Labels have the word "master" where secrets are called "main" (section 7.1).
//!
//! # Secrets on the stack
//!
//! The primitives leave secrets on the stack. A value that is moved takes the bytes between its fields with it, so an
//! old secret there would come to the heap with the next state of a handshake. So each function here that derives
//! secrets overwrites the stack that it has used, with `with_stack_wiped`, by `HKDF_STACK_DEPTH` bytes, which is how
//! deep the calls of HKDF go. The keys of records are the exception: the connection overwrites the stack after it
//! has installed them.
//!
//! # Observers
//!
//! Every step inside a connection takes the connection's observers, which see it, and the key log, which
//! gets the traffic secrets and the exporters.

mod constants;
mod exporter_secret;
mod hkdf;
mod psk;
mod traffic;
mod transcript;

use crate::crypto::{
    CipherSuite, Digest, HKDF_STACK_DEPTH, Secret, SharedSecret, StaticOrArc, with_stack_wiped,
};
use crate::observer::Observers;

use constants::hash_of_nothing;
pub(crate) use exporter_secret::ExporterSecret;
pub(crate) use hkdf::Prk;
use hkdf::{Hkdf, Result};
pub use hkdf::{LabelPrefix, expand_label};
pub use psk::PskKind;
pub(crate) use psk::{ResumptionSecret, imported_psk};
pub use traffic::{KeyAndIv, TrafficSecret};
pub(crate) use transcript::Transcript;

/// One `HKDF-Extract` of the figure: its result, with what is needed to derive from it.
struct Stage {
    suite: StaticOrArc<CipherSuite>,
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

    fn prk(&self) -> Prk<'_> {
        self.hkdf().prk(&self.secret)
    }

    fn hash_of_nothing(&self) -> &'static [u8] {
        hash_of_nothing(self.suite.hash.algorithm())
    }

    /// Derive-Secret of a secret that the key log gets.
    fn logged(
        prk: &Prk<'_>,
        label: &LoggedLabel,
        messages: &Digest,
        observers: &mut Observers,
    ) -> Result<Secret> {
        let secret = prk.derive_secret(label.label, messages, observers)?;
        observers.log(label.key_log, secret.as_bytes());
        Ok(secret)
    }

    fn traffic(
        &self,
        prk: &Prk<'_>,
        label: &LoggedLabel,
        messages: &Digest,
        observers: &mut Observers,
    ) -> Result<TrafficSecret> {
        let secret = Self::logged(prk, label, messages, observers)?;
        Ok(TrafficSecret::new(self.suite.clone(), self.prefix, secret))
    }

    fn exporter(
        &self,
        prk: &Prk<'_>,
        label: &LoggedLabel,
        messages: &Digest,
        observers: &mut Observers,
    ) -> Result<ExporterSecret> {
        let secret = Self::logged(prk, label, messages, observers)?;
        Ok(ExporterSecret::new(self.hkdf(), secret))
    }

    /// The secret between two stages, which is the salt of the next extraction.
    fn derived(&self, prk: &Prk<'_>, observers: &mut Observers) -> Result<Secret> {
        prk.derive_secret("derived", self.hash_of_nothing(), observers)
    }

    /// The next stage.
    fn extract(
        &self,
        name: &str,
        salt: &[u8],
        input: &[u8],
        observers: &mut Observers,
    ) -> Result<Self> {
        let secret = self.hkdf().extract(name, salt, input, observers)?;
        Ok(Self { suite: self.suite.clone(), prefix: self.prefix, secret })
    }
}

/// The first stage: made of the PSK, or of zeros when there is none (section 7.1).
pub(crate) struct EarlySecret {
    stage: Stage,
    has_psk: bool,
    /// The salt of the next extraction. [`binder_key`](Self::binder_key) sets it: it derives both with the
    /// same prepared key.
    derived: Option<Secret>,
}

impl EarlySecret {
    pub(crate) fn new(
        suite: &StaticOrArc<CipherSuite>,
        prefix: LabelPrefix,
        psk: Option<&[u8]>,
        observers: &mut Observers,
    ) -> Result<Self> {
        let secret = match psk {
            Some(psk) => {
                let hkdf = Hkdf { hash: suite.hash.clone(), prefix };
                with_stack_wiped::<HKDF_STACK_DEPTH, _>(|| {
                    hkdf.extract("early", &[], psk, observers)
                })?
            }
            None => constants::early_secret(suite.hash.algorithm(), observers)?,
        };
        let stage = Stage { suite: suite.clone(), prefix, secret };
        Ok(Self { stage, has_psk: psk.is_some(), derived: None })
    }

    /// The same secret for this suite, which has the same hash: the secret depends on nothing else of a
    /// suite.
    pub(crate) fn for_suite(&self, suite: &StaticOrArc<CipherSuite>) -> Self {
        let Stage { prefix, secret, .. } = &self.stage;
        let stage = Stage { suite: suite.clone(), prefix: *prefix, secret: secret.clone() };
        Self { stage, has_psk: self.has_psk, derived: self.derived.clone() }
    }

    /// The key of this PSK's binder: a Finished over the truncated ClientHello
    /// (section 4.3.11.2). The salt of the next stage has no messages either, and is derived here, too.
    pub(crate) fn binder_key(
        &mut self,
        kind: PskKind,
        observers: &mut Observers,
    ) -> Result<TrafficSecret> {
        with_stack_wiped::<HKDF_STACK_DEPTH, _>(|| {
            let (stage, prk) = (&self.stage, self.stage.prk());
            let nothing = stage.hash_of_nothing();
            let secret = prk.derive_secret(kind.binder_label(), nothing, observers)?;
            let binder_key = TrafficSecret::new(stage.suite.clone(), stage.prefix, secret);
            self.derived = Some(stage.derived(&prk, observers)?);
            Ok(binder_key)
        })
    }

    /// The traffic secret of 0-RTT data, and the exporter that can be used with them.
    pub(crate) fn early_traffic(
        &self,
        client_hello: &Digest,
        observers: &mut Observers,
    ) -> Result<EarlyTraffic> {
        let stage = &self.stage;
        with_stack_wiped::<HKDF_STACK_DEPTH, _>(|| {
            let prk = stage.prk();
            let client = stage.traffic(&prk, &CLIENT_EARLY_TRAFFIC, client_hello, observers)?;
            let exporter = stage.exporter(&prk, &EARLY_EXPORTER, client_hello, observers)?;
            Ok(EarlyTraffic { client, exporter })
        })
    }

    /// The next stage, with the result of the key exchange; `None` without one (`psk_ke`).
    pub(crate) fn into_handshake(
        self,
        shared: Option<&SharedSecret>,
        observers: &mut Observers,
    ) -> Result<HandshakeSecret> {
        let Self { stage, has_psk, derived } = self;
        let hash = stage.suite.hash.algorithm();
        let input = shared.map_or(constants::zeros(hash), SharedSecret::as_bytes);
        with_stack_wiped::<HKDF_STACK_DEPTH, _>(|| {
            let salt = match (derived, has_psk, stage.prefix) {
                (Some(derived), ..) => derived,
                (None, false, LabelPrefix::Tls13) => constants::derived(hash, observers)?,
                _ => stage.derived(&stage.prk(), observers)?,
            };
            stage.extract("handshake", salt.as_bytes(), input, observers).map(HandshakeSecret)
        })
    }
}

/// What protects 0-RTT data (section 7.1).
pub(crate) struct EarlyTraffic {
    pub(crate) client: TrafficSecret,
    pub(crate) exporter: ExporterSecret,
}

/// The second stage: protects the rest of the handshake (section 7.1).
pub(crate) struct HandshakeSecret(Stage);

impl HandshakeSecret {
    /// The traffic secrets of client and server, and the last stage.
    pub(crate) fn into_traffic(
        self,
        to_server_hello: &Digest,
        observers: &mut Observers,
    ) -> Result<HandshakeTraffic> {
        let (stage, hash) = (&self.0, to_server_hello);
        with_stack_wiped::<HKDF_STACK_DEPTH, _>(|| {
            let prk = stage.prk();
            let client = stage.traffic(&prk, &CLIENT_HANDSHAKE_TRAFFIC, hash, observers)?;
            let server = stage.traffic(&prk, &SERVER_HANDSHAKE_TRAFFIC, hash, observers)?;
            let salt = stage.derived(&prk, observers)?;
            let zeros = constants::zeros(stage.suite.hash.algorithm());
            let main = stage.extract("main", salt.as_bytes(), zeros, observers)?;
            Ok(HandshakeTraffic { client, server, main: MainSecret(main) })
        })
    }
}

/// What protects the rest of the handshake, and the stage that follows (section 7.1).
pub(crate) struct HandshakeTraffic {
    pub(crate) client: TrafficSecret,
    pub(crate) server: TrafficSecret,
    pub(crate) main: MainSecret,
}

/// The third stage: protects application data (section 7.1).
pub(crate) struct MainSecret(Stage);

impl MainSecret {
    /// The first traffic secrets of client and server, and the exporter_secret, over the messages from
    /// ClientHello to the server's Finished (section 7.1).
    pub(crate) fn traffic(
        &self,
        to_server_finished: &Digest,
        observers: &mut Observers,
    ) -> Result<ApplicationTraffic> {
        let (stage, hash) = (&self.0, to_server_finished);
        with_stack_wiped::<HKDF_STACK_DEPTH, _>(|| {
            let prk = stage.prk();
            let client = stage.traffic(&prk, &CLIENT_APPLICATION_TRAFFIC, hash, observers)?;
            let server = stage.traffic(&prk, &SERVER_APPLICATION_TRAFFIC, hash, observers)?;
            let exporter = stage.exporter(&prk, &EXPORTER, hash, observers)?;
            Ok(ApplicationTraffic { client, server, exporter })
        })
    }

    /// The secret that the PSKs of tickets are made of.
    pub(crate) fn into_resumption(
        self,
        to_client_finished: &Digest,
        observers: &mut Observers,
    ) -> Result<ResumptionSecret> {
        let secret = with_stack_wiped::<HKDF_STACK_DEPTH, _>(|| {
            self.0.prk().derive_secret("res master", to_client_finished, observers)
        })?;
        Ok(ResumptionSecret::new(self.0.hkdf(), secret))
    }
}

/// What protects application data, and the exporter_secret (section 7.1).
pub(crate) struct ApplicationTraffic {
    pub(crate) client: TrafficSecret,
    pub(crate) server: TrafficSecret,
    pub(crate) exporter: ExporterSecret,
}

#[cfg(test)]
mod tests;
