//! What the benchmarks of this package share.
//!
//! This package is not among the default members of the workspace: `cargo test` does not build it.

use std::time::Duration;

pub mod drawing;
pub mod sockets;

/// The time that this thread has spent on a processor, in user mode and in the kernel.
pub fn thread_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat");
    let text = text.expect("the kernel counts the time of threads (Linux with CONFIG_SCHEDSTATS)");
    let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.expect("the first number is in nanoseconds"))
}
