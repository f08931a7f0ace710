//! Metrics and logs of connections, for services: observers that report to the crates `metrics` and
//! `tracing`, each behind the feature of its name.
//!
//! A configuration makes them for each of its connections. The chapter
//! [`metrics_and_logs`](crate::guide::metrics_and_logs) of the guide has a program and the list of names.

#[cfg(feature = "metrics")]
mod certificate_metrics;
#[cfg(feature = "metrics")]
mod metrics_observer;
#[cfg(feature = "tracing")]
mod tracing_observer;

#[cfg(feature = "metrics")]
pub use certificate_metrics::record_certificate;
#[cfg(feature = "metrics")]
pub use metrics_observer::MetricsObserver;
#[cfg(feature = "tracing")]
pub use tracing_observer::TracingObserver;
