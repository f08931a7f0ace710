//! Counters and histograms of handshakes.

use std::time::Instant;

use ::metrics::{Unit, counter, gauge, histogram};

use super::certificate_metrics;
use crate::observer::{Event, HandshakeSummary, Observer};
use crate::side::Side;

/// The name of the gauge of handshakes that have begun and are not over.
const IN_PROGRESS: &str = "handclasp_handshakes_in_progress";
/// The name of the counter of complete handshakes.
const COMPLETE: &str = "handclasp_handshakes_complete_total";
/// The name of the counter of handshakes that failed.
const FAILED: &str = "handclasp_handshakes_failed_total";
/// The name of the histogram of the time that handshakes took.
const DURATION: &str = "handclasp_handshake_duration_seconds";
/// The name of the counter of connections that failed after their handshake.
const CONNECTIONS_FAILED: &str = "handclasp_connections_failed_total";
/// The name of the counter of what a client offered and a server did not take.
const NOT_TAKEN: &str = "handclasp_offers_not_taken_total";
/// The name of the counter of alerts of this side.
const ALERTS_SENT: &str = "handclasp_alerts_sent_total";
/// The name of the counter of alerts of peers.
const ALERTS_RECEIVED: &str = "handclasp_alerts_received_total";

/// The reason of a handshake whose connection was dropped before its end, without an error.
const DROPPED: &str = "dropped";

/// Counts the handshake of a connection with the crate `metrics`.
///
/// No label has a value that a peer chooses freely: each is from a list of this library, or `other`.
#[derive(Debug)]
pub struct MetricsObserver {
    side: &'static str,
    started: Instant,
    is_handshaking: bool,
}

impl MetricsObserver {
    /// For a connection of this side, whose handshake begins now.
    pub fn new(side: Side) -> Self {
        let side = side.code();
        gauge!(IN_PROGRESS, "side" => side).increment(1.0);
        Self { side, started: Instant::now(), is_handshaking: true }
    }

    /// As [`new`](Self::new), for
    /// [`ClientConfigBuilder::observer`](crate::config::ClientConfigBuilder::observer) and
    /// [`ServerConfigBuilder::observer`](crate::config::ServerConfigBuilder::observer).
    pub fn boxed(side: Side) -> Box<dyn Observer> {
        Box::new(Self::new(side))
    }

    /// Describes the metrics to the recorder. Call it once, after the recorder is installed.
    pub fn describe() {
        ::metrics::describe_gauge!(IN_PROGRESS, "Handshakes that have begun and are not over");
        ::metrics::describe_counter!(COMPLETE, "Complete handshakes");
        ::metrics::describe_counter!(FAILED, "Handshakes that failed, by reason");
        ::metrics::describe_histogram!(DURATION, Unit::Seconds, "The time that handshakes took");
        ::metrics::describe_counter!(
            CONNECTIONS_FAILED,
            "Connections that failed after their handshake, by reason"
        );
        ::metrics::describe_counter!(NOT_TAKEN, "What clients offered and servers did not take");
        ::metrics::describe_counter!(ALERTS_SENT, "Alerts of this side");
        ::metrics::describe_counter!(ALERTS_RECEIVED, "Alerts of peers");
        certificate_metrics::describe();
    }

    fn complete(&mut self, summary: &HandshakeSummary) {
        self.end("complete");
        let cipher_suite = summary.cipher_suite.and_then(|suite| suite.name()).unwrap_or("other");
        let group = match summary.group {
            Some(group) => group.name().unwrap_or("other"),
            None => "none",
        };
        counter!(
            COMPLETE,
            "side" => self.side,
            "kind" => summary.kind.code(),
            "cipher_suite" => cipher_suite,
            "group" => group,
            "retried" => if summary.retried { "true" } else { "false" },
            "early_data" => summary.early_data.code(),
        )
        .increment(1);
    }

    fn fail(&mut self, reason: &'static str, fault: &'static str) {
        let mut name = CONNECTIONS_FAILED;
        if self.is_handshaking {
            self.end("failed");
            name = FAILED;
        }
        counter!(name, "side" => self.side, "reason" => reason, "fault" => fault).increment(1);
    }

    /// The handshake is over.
    fn end(&mut self, result: &'static str) {
        self.is_handshaking = false;
        gauge!(IN_PROGRESS, "side" => self.side).decrement(1.0);
        histogram!(DURATION, "side" => self.side, "result" => result)
            .record(self.started.elapsed().as_secs_f64());
    }
}

impl Observer for MetricsObserver {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::HandshakeComplete(summary) => self.complete(summary),
            Event::Failed(diagnosis) => self.fail(diagnosis.code, diagnosis.fault.code()),
            Event::NotTaken(offer, _) | Event::Declined(offer, _) => {
                counter!(NOT_TAKEN, "side" => self.side, "offer" => offer.code()).increment(1);
            }
            Event::AlertSent(alert) => {
                let name = alert.name().unwrap_or("other");
                counter!(ALERTS_SENT, "side" => self.side, "alert" => name).increment(1);
            }
            Event::AlertReceived(alert) => {
                let name = alert.name().unwrap_or("other");
                counter!(ALERTS_RECEIVED, "side" => self.side, "alert" => name).increment(1);
            }
            _ => {}
        }
    }
}

impl Drop for MetricsObserver {
    fn drop(&mut self) {
        if self.is_handshaking {
            self.fail(DROPPED, "unknown");
        }
    }
}
