//! A guide, with a chapter for each place where a connection is used.
//!
//! - [`blocking`]: sockets and threads.
//! - [`transport`]: a transport of your own, without sockets or with other ones; records in the kernel.
//! - [`keys`]: private keys, certificates and decisions in another process or device.
//! - [`resumption`]: sessions, tickets and 0-RTT data.
//! - [`quic`]: the handshake under QUIC, and quinn.
//! - [`failures`]: what goes wrong, how it is reported, and what to do.
//! - [`operations`]: changes without a restart, limits, logs, time, and what to do in an emergency.
#![cfg_attr(feature = "tokio", doc = "- [`tokio`]: tasks, timeouts and halves.")]
#![cfg_attr(feature = "tokio", doc = "- [`hyper`]: HTTP/1.1 and HTTP/2, clients and servers.")]
#![cfg_attr(feature = "tokio", doc = "- [`fleets`]: servers that share sessions and 0-RTT data.")]
#![cfg_attr(
    any(feature = "metrics", feature = "tracing"),
    doc = "- [`metrics_and_logs`]: counters, histograms and logs of a service."
)]
#![cfg_attr(
    not(feature = "tokio"),
    doc = "\nThe feature `tokio` adds three chapters: `tokio`, `hyper` and `fleets`."
)]
//!
//! Some examples make certificates with the crate `rcgen`, in lines that are not shown. To run these, add
//! `rcgen = "0.14"` to the `[dev-dependencies]` of your crate.

#[doc = include_str!("guide/blocking.md")]
pub mod blocking {}

#[doc = include_str!("guide/transport.md")]
pub mod transport {}

#[doc = include_str!("guide/keys.md")]
pub mod keys {}

#[doc = include_str!("guide/resumption.md")]
pub mod resumption {}

#[doc = include_str!("guide/quic.md")]
pub mod quic {}

#[doc = include_str!("guide/failures.md")]
pub mod failures {}

#[doc = include_str!("guide/operations.md")]
pub mod operations {}

#[cfg(any(feature = "metrics", feature = "tracing"))]
#[doc = include_str!("guide/metrics_and_logs.md")]
pub mod metrics_and_logs {}

// The code of these three is compiled in `interop/`, with tokio's runtime, in `integrations/hyper` and in
// `integrations/redis`.
#[cfg(feature = "tokio")]
#[cfg_attr(not(doctest), doc = include_str!("guide/tokio.md"))]
pub mod tokio {}

#[cfg(feature = "tokio")]
#[cfg_attr(not(doctest), doc = include_str!("guide/hyper.md"))]
pub mod hyper {}

#[cfg(feature = "tokio")]
#[cfg_attr(not(doctest), doc = include_str!("guide/fleets.md"))]
pub mod fleets {}
