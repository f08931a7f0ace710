//! A handshake without records: bytes of handshake messages at encryption levels, as QUIC's
//! CRYPTO frames carry them (RFC 9001, section 4).
//!
//! Nothing is encrypted here. The carrier takes the secrets and protects its packets with them.

use core::fmt;

use crate::alert::AlertDescription;
use crate::error::Error;
use crate::handshake::{Answer, Handshake, Step};
use crate::key_schedule::TrafficSecret;
use crate::level::Level;
use crate::observer::{Event, Observer};

/// One side of a handshake whose bytes somebody else carries.
pub struct RawHandshake {
    handshake: Handshake,
}

/// What the carrier has to do next, in order.
#[derive(Debug)]
#[non_exhaustive]
pub enum RawStep {
    /// Carry these bytes to the peer, at this level.
    Send(Level, Vec<u8>),
    /// What comes at this level is protected under this secret.
    ReadSecret(Level, TrafficSecret),
    /// What is sent at this level is protected under this secret.
    WriteSecret(Level, TrafficSecret),
    /// The handshake is complete.
    Complete,
}

impl RawHandshake {
    /// Starts the handshake; a client's first step is to send its ClientHello.
    ///
    /// # Errors
    /// When the provider has no randomness.
    pub fn new(
        mut handshake: Handshake,
        observer: Option<Box<dyn Observer>>,
    ) -> Result<Self, Error> {
        if let Some(observer) = observer {
            handshake.observe(observer);
        }
        handshake.without_records();
        handshake.start()?;
        Ok(Self { handshake })
    }

    /// Takes bytes that came at this level, in order and without gaps.
    ///
    /// # Errors
    /// Whatever is wrong with them: tell the peer [`Error::alert_sent`] (in QUIC, as the error
    /// code 0x0100 plus the alert).
    pub fn receive(&mut self, level: Level, bytes: &[u8]) -> Result<(), Error> {
        self.handshake.receive(level, bytes).inspect_err(|error| {
            let observers = self.handshake.observers();
            if let Some(alert) = error.alert_sent() {
                observers.tell(|| Event::AlertSent(alert));
            }
        })
    }

    /// The peer's alert ends the handshake.
    pub fn receive_alert(&mut self, alert: AlertDescription) -> Error {
        self.handshake.observers().tell(|| Event::AlertReceived(alert));
        self.handshake.fail(crate::error::ErrorKind::AlertReceived(alert).into())
    }

    /// Answers the open question.
    pub fn answer(&mut self, answer: Answer) -> Result<(), Error> {
        self.handshake.answer(answer)
    }

    /// The next step to take.
    pub fn next_step(&mut self) -> Option<RawStep> {
        loop {
            return Some(match self.handshake.next_step()? {
                Step::Send { level, bytes } => RawStep::Send(level, bytes),
                Step::ReadKeys { level, secret } => RawStep::ReadSecret(level, secret),
                Step::WriteKeys { level, secret } => RawStep::WriteSecret(level, secret),
                Step::Complete => RawStep::Complete,
                // Without records there is nothing to limit or that a middlebox could mistake, and
                // early data come on their own.
                Step::SendChangeCipherSpec
                | Step::SkipEarlyData
                | Step::WritePlaintext
                | Step::LimitRecords { .. } => continue,
            });
        }
    }

    /// The machine, for its parameters, its questions and its exporter.
    pub fn handshake(&self) -> &Handshake {
        &self.handshake
    }
}

impl fmt::Debug for RawHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.handshake, f)
    }
}
