//! A span for each handshake, and an event for each failure.

use std::time::Instant;

use ::tracing::field::Empty;
use ::tracing::{Span, debug, info, info_span, warn};

use crate::diagnosis::{Diagnosis, Fault};
use crate::observer::{Event, HandshakeSummary, Observer};
use crate::side::Side;

/// Reports the handshake of a connection to the crate `tracing`, with the target `handclasp`.
///
/// The span `handshake` begins inside the current span of the caller that makes the connection. It ends
/// with the handshake. If the subscriber has disabled it, the events are in the current span.
///
/// A handshake that fails by a fault of this side is a warning (WARN), except where the peer's alert says so: that
/// peer is not authenticated, and anyone can send an alert, as often as they like. Other failures have the level
/// INFO, for the same reason. A diagnosis may quote the peer: its text is escaped and of limited length.
#[derive(Debug)]
pub struct TracingObserver {
    /// No span when the handshake is over.
    span: Span,
    started: Instant,
    is_handshaking: bool,
}

impl TracingObserver {
    /// For a connection of this side, whose handshake begins now.
    pub fn new(side: Side) -> Self {
        let span = info_span!(
            target: "handclasp",
            "handshake",
            side = side.code(),
            kind = Empty,
            cipher_suite = Empty,
            group = Empty,
            retried = Empty,
            early_data = Empty,
        );
        Self { span, started: Instant::now(), is_handshaking: true }
    }

    /// As [`new`](Self::new), for
    /// [`ClientConfigBuilder::observer`](crate::config::ClientConfigBuilder::observer) and
    /// [`ServerConfigBuilder::observer`](crate::config::ServerConfigBuilder::observer).
    pub fn boxed(side: Side) -> Box<dyn Observer> {
        Box::new(Self::new(side))
    }

    fn complete(&mut self, summary: &HandshakeSummary) {
        let span = &self.span;
        span.record("kind", summary.kind.code());
        span.record("retried", summary.retried);
        span.record("early_data", summary.early_data.code());
        if let Some(suite) = summary.cipher_suite {
            span.record("cipher_suite", ::tracing::field::display(suite));
        }
        if let Some(group) = summary.group {
            span.record("group", ::tracing::field::display(group));
        }
        let (span, milliseconds) = (self.end(), self.milliseconds());
        debug!(target: "handclasp", parent: &span, milliseconds, "the handshake is complete");
    }

    fn fail(&mut self, diagnosis: &Diagnosis) {
        let (reason, fault) = (diagnosis.code, diagnosis.fault.code());
        let stage = diagnosis.stage.map(|stage| stage.code());
        let alert_sent = diagnosis.alert_sent.and_then(|alert| alert.name());
        let alert_received = diagnosis.alert_received.and_then(|alert| alert.name());
        if !self.is_handshaking {
            info!(
                target: "handclasp",
                reason,
                fault,
                stage,
                alert_sent,
                alert_received,
                "the connection failed: {diagnosis}"
            );
            return;
        }
        let (span, milliseconds) = (self.end(), self.milliseconds());
        // A level is a constant of the event.
        macro_rules! report {
            ($at_level:ident) => {
                $at_level!(
                    target: "handclasp",
                    parent: &span,
                    reason,
                    fault,
                    stage,
                    alert_sent,
                    alert_received,
                    milliseconds,
                    "the handshake failed: {diagnosis}"
                )
            };
        }
        // An alert before the end of the handshake is the word of a peer that is not authenticated.
        if diagnosis.fault == Fault::ThisSide && diagnosis.alert_received.is_none() {
            report!(warn);
        } else {
            report!(info);
        }
    }

    /// The handshake is over. Returns the span of its last event.
    fn end(&mut self) -> Span {
        let span = self.span_of_events();
        self.is_handshaking = false;
        self.span = Span::none();
        span
    }

    /// The span of the handshake. Where a filter has disabled it, the current one, which may have the address of
    /// the client.
    fn span_of_events(&self) -> Span {
        if self.span.is_disabled() { Span::current() } else { self.span.clone() }
    }

    /// Since the handshake began, in whole microseconds.
    fn milliseconds(&self) -> f64 {
        // A quotient of whole numbers has at most three decimals when it is written. A product may have 17.
        self.started.elapsed().as_micros() as f64 / 1000.0
    }
}

impl Observer for TracingObserver {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::HandshakeComplete(summary) => self.complete(summary),
            Event::Failed(diagnosis) => self.fail(diagnosis),
            Event::NotTaken(offer, reason) | Event::Declined(offer, reason) => {
                let (span, offer) = (self.span_of_events(), offer.code());
                debug!(target: "handclasp", parent: &span, offer, "not taken: {reason}");
            }
            _ => {}
        }
    }
}

impl Drop for TracingObserver {
    fn drop(&mut self) {
        if self.is_handshaking {
            let (span, milliseconds) = (self.end(), self.milliseconds());
            info!(
                target: "handclasp",
                parent: &span,
                reason = "dropped",
                milliseconds,
                "the connection was dropped during the handshake"
            );
        }
    }
}
