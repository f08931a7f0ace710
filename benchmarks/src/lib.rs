//! What the benchmarks of this package share.
//!
//! This package is not among the default members of the workspace: `cargo test` does not build it.

pub mod drawing;
pub mod quic;
pub mod sockets;
