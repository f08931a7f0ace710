//! Streams for tokio, and the examples that use them.
//!
//! The allocator counts: `sockets` measures what connections leave behind, in processes of their own.

mod acceptor;
mod answers;
mod browser;
mod browser_chat;
mod capture_page;
mod early_data;
mod ends;
mod examples_http;
mod failing_writes;
mod firefox;
mod http3;
mod keyless;
mod orderly_end;
mod page;
#[cfg(target_os = "linux")]
mod platform_verifier;
mod proxies;
mod redis;
mod relay;
mod remote_signer;
mod sockets;
mod stream;
mod telemetry;
mod tshark;
mod waiting_tickets;
