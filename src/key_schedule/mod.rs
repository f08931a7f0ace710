//! The key schedule (RFC 9846, section 7).
//!
//! ```text
//!              0                                  each type is consumed by the step that
//!              |                                  leads to the next: no way leads back
//!     PSK -> Extract = EarlySecret ---------> binder key, client early traffic, early exporter
//!              |
//!           "derived"
//!              |
//!   (EC)DHE -> Extract = HandshakeSecret ---> client and server handshake traffic
//!              |
//!           "derived"
//!              |
//!       0 -> Extract = MainSecret ----------> client and server application traffic, exporter,
//!                                             resumption
//! ```

mod traffic;
mod transcript;

use crate::crypto::{
    CipherSuite, CryptoError, Digest, Hash, ProviderError, Secret, SharedSecret, provider_fault,
};
use crate::observer::{KeyScheduleOperation, KeyScheduleValues, Observers};

pub use traffic::{KeyAndIv, TrafficSecret};
pub(crate) use transcript::Transcript;

/// Where a PSK comes from: it decides the label of its binder key (section 7.1), so that a ticket
/// can never pass for a key that was agreed on outside of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PskKind {
    /// Agreed on outside of TLS: "ext binder".
    External,
    /// Of an earlier connection's ticket: "res binder".
    Resumption,
    /// Made of an external key by a [`PskImporter`](crate::psk::PskImporter): "imp binder"
    /// (RFC 9258, section 5.2).
    Imported,
}

/// HKDF-Expand-Label (section 7.1).
fn expand_label(
    hash: &dyn Hash,
    secret: &[u8],
    label: &str,
    context: &[u8],
    output: &mut [u8],
    observers: &mut Observers,
) -> Result<(), ProviderError> {
    const PREFIX: &[u8] = b"tls13 ";
    let length = u16::try_from(output.len()).map_err(|_| CryptoError)?.to_be_bytes();
    let label_length = u8::try_from(PREFIX.len() + label.len()).map_err(|_| CryptoError)?;
    let context_length = u8::try_from(context.len()).map_err(|_| CryptoError)?;
    let info = [&length, &[label_length][..], PREFIX, label.as_bytes(), &[context_length], context];
    provider_fault::expand(hash, secret, &info, output)?;
    let values = KeyScheduleValues { secret, input: context, output };
    observers.emit_key_schedule_step(KeyScheduleOperation::Expand, label, values);
    Ok(())
}

/// As [`expand_label`], for a secret as long as the hash.
fn expand_secret(
    hash: &dyn Hash,
    secret: &[u8],
    label: &str,
    context: &[u8],
    observers: &mut Observers,
) -> Result<Secret, ProviderError> {
    let mut output = Secret::zeros(hash.output_length());
    expand_label(hash, secret, label, context, output.as_mut_bytes(), observers)?;
    Ok(output)
}

/// The key that an external key is imported as (RFC 9258, section 5.1). The hash is the external
/// key's; the length of `output` is that of the hash that the imported key is for.
pub(crate) fn imported_psk(
    hash: &dyn Hash,
    secret: &[u8],
    imported_identity: &[u8],
    output: &mut [u8],
) -> Result<(), ProviderError> {
    let extracted = provider_fault::hmac(hash, &[], &[secret])?;
    let (label, context) = ("derived psk", hash.digest(imported_identity));
    expand_label(hash, extracted.as_bytes(), label, &context, output, &mut Observers::default())
}

/// One of the three stages: a secret and the suite that it belongs to.
struct Stage {
    suite: CipherSuite,
    secret: Secret,
}

impl Stage {
    fn extract(
        suite: CipherSuite,
        name: &str,
        salt: &[u8],
        input: &[u8],
        observers: &mut Observers,
    ) -> Result<Self, ProviderError> {
        let secret = provider_fault::hmac(suite.hash, salt, &[input])?;
        let values = KeyScheduleValues { secret: salt, input, output: secret.as_bytes() };
        observers.emit_key_schedule_step(KeyScheduleOperation::Extract, name, values);
        Ok(Self { suite, secret })
    }

    /// Derive-Secret, with the hash of the messages already taken.
    fn derive(
        &self,
        label: &str,
        transcript: &[u8],
        observers: &mut Observers,
    ) -> Result<Secret, ProviderError> {
        expand_secret(self.suite.hash, self.secret.as_bytes(), label, transcript, observers)
    }

    /// As [`Stage::derive`], for a traffic secret, which the key log may have.
    fn traffic(
        &self,
        label: &str,
        log_label: &str,
        transcript: &Digest,
        observers: &mut Observers,
    ) -> Result<TrafficSecret, ProviderError> {
        let secret = self.derive(label, transcript, observers)?;
        observers.log(log_label, secret.as_bytes());
        Ok(TrafficSecret::new(self.suite, secret))
    }

    fn next(
        &self,
        name: &str,
        input: &[u8],
        observers: &mut Observers,
    ) -> Result<Self, ProviderError> {
        let salt = self.derive("derived", &self.suite.hash.digest(b""), observers)?;
        Self::extract(self.suite, name, salt.as_bytes(), input, observers)
    }
}

/// The first stage: made of the PSK, or of zeros when there is none.
pub(crate) struct EarlySecret(Stage);

impl EarlySecret {
    pub(crate) fn new(
        suite: CipherSuite,
        psk: Option<&[u8]>,
        observers: &mut Observers,
    ) -> Result<Self, ProviderError> {
        let zeros = Secret::zeros(suite.hash.output_length());
        let input = psk.unwrap_or(zeros.as_bytes());
        Stage::extract(suite, "early", &[], input, observers).map(Self)
    }

    /// The key of this PSK's binder: a Finished over the truncated ClientHello
    /// (section 4.3.11.2).
    pub(crate) fn binder_key(
        &self,
        kind: PskKind,
        observers: &mut Observers,
    ) -> Result<TrafficSecret, ProviderError> {
        let label = match kind {
            PskKind::External => "ext binder",
            PskKind::Resumption => "res binder",
            PskKind::Imported => "imp binder",
        };
        let secret = self.0.derive(label, &self.0.suite.hash.digest(b""), observers)?;
        Ok(TrafficSecret::new(self.0.suite, secret))
    }

    /// The traffic secret of 0-RTT data; the transcript is the ClientHello.
    pub(crate) fn client_early_traffic(
        &self,
        transcript: &Digest,
        observers: &mut Observers,
    ) -> Result<TrafficSecret, ProviderError> {
        self.0.traffic("c e traffic", "CLIENT_EARLY_TRAFFIC_SECRET", transcript, observers)
    }

    /// The exporter that can be used with 0-RTT data; the transcript is the ClientHello.
    pub(crate) fn early_exporter(
        &self,
        transcript: &Digest,
        observers: &mut Observers,
    ) -> Result<Exporter, ProviderError> {
        let secret = self.0.derive("e exp master", transcript, observers)?;
        observers.log("EARLY_EXPORTER_SECRET", secret.as_bytes());
        Ok(Exporter { hash: self.0.suite.hash, secret })
    }

    /// The next stage, with the result of the key exchange.
    pub(crate) fn into_handshake(
        self,
        shared: &SharedSecret,
        observers: &mut Observers,
    ) -> Result<HandshakeSecret, ProviderError> {
        self.0.next("handshake", shared.as_bytes(), observers).map(HandshakeSecret)
    }
}

/// The second stage: protects the rest of the handshake.
pub(crate) struct HandshakeSecret(Stage);

impl HandshakeSecret {
    /// The traffic secrets of client and server; the transcript ends with ServerHello.
    pub(crate) fn traffic(
        &self,
        transcript: &Digest,
        observers: &mut Observers,
    ) -> Result<[TrafficSecret; 2], ProviderError> {
        const CLIENT: &str = "CLIENT_HANDSHAKE_TRAFFIC_SECRET";
        const SERVER: &str = "SERVER_HANDSHAKE_TRAFFIC_SECRET";
        let client = self.0.traffic("c hs traffic", CLIENT, transcript, observers)?;
        Ok([client, self.0.traffic("s hs traffic", SERVER, transcript, observers)?])
    }

    /// The last stage.
    pub(crate) fn into_main(self, observers: &mut Observers) -> Result<MainSecret, ProviderError> {
        let zeros = Secret::zeros(self.0.suite.hash.output_length());
        self.0.next("master", zeros.as_bytes(), observers).map(MainSecret)
    }
}

/// The third stage: protects application data.
pub(crate) struct MainSecret(Stage);

impl MainSecret {
    /// The first traffic secrets of client and server; the transcript ends with the server's
    /// Finished.
    pub(crate) fn traffic(
        &self,
        transcript: &Digest,
        observers: &mut Observers,
    ) -> Result<[TrafficSecret; 2], ProviderError> {
        const CLIENT: &str = "CLIENT_TRAFFIC_SECRET_0";
        const SERVER: &str = "SERVER_TRAFFIC_SECRET_0";
        let client = self.0.traffic("c ap traffic", CLIENT, transcript, observers)?;
        Ok([client, self.0.traffic("s ap traffic", SERVER, transcript, observers)?])
    }

    /// The exporter; the transcript ends with the server's Finished.
    pub(crate) fn exporter(
        &self,
        transcript: &Digest,
        observers: &mut Observers,
    ) -> Result<Exporter, ProviderError> {
        let secret = self.0.derive("exp master", transcript, observers)?;
        observers.log("EXPORTER_SECRET", secret.as_bytes());
        Ok(Exporter { hash: self.0.suite.hash, secret })
    }

    /// The secret that tickets are made of; the transcript ends with the client's Finished.
    pub(crate) fn into_resumption(
        self,
        transcript: &Digest,
        observers: &mut Observers,
    ) -> Result<ResumptionSecret, ProviderError> {
        let secret = self.0.derive("res master", transcript, observers)?;
        Ok(ResumptionSecret { hash: self.0.suite.hash, secret })
    }
}

/// Derives keys for other protocols from a connection (section 7.5).
pub(crate) struct Exporter {
    hash: &'static dyn Hash,
    secret: Secret,
}

impl Exporter {
    pub(crate) fn export(
        &self,
        label: &str,
        context: &[u8],
        output: &mut [u8],
    ) -> Result<(), ProviderError> {
        let mut observers = Observers::default();
        let (hash, nothing) = (self.hash, self.hash.digest(b""));
        let secret = expand_secret(hash, self.secret.as_bytes(), label, &nothing, &mut observers)?;
        let context = hash.digest(context);
        expand_label(hash, secret.as_bytes(), "exporter", &context, output, &mut observers)
    }
}

/// What the PSKs of tickets are made of.
pub(crate) struct ResumptionSecret {
    hash: &'static dyn Hash,
    secret: Secret,
}

impl ResumptionSecret {
    /// The PSK that goes with a ticket of this nonce (section 4.7.1).
    pub(crate) fn psk(
        &self,
        nonce: &[u8],
        observers: &mut Observers,
    ) -> Result<Secret, ProviderError> {
        expand_secret(self.hash, self.secret.as_bytes(), "resumption", nonce, observers)
    }
}

#[cfg(test)]
mod tests;
