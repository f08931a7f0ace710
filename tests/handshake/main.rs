//! Handshakes, messages, records and data between our own ends, seen from outside.

mod abort;
mod after_hand_over;
mod certificate_compression;
mod config_choice;
mod crafted_client_hellos;
mod debug_output;
mod exporters;
mod grease;
mod handshake;
mod into_secrets;
mod kept_errors;
#[cfg(any(feature = "ml-kem", feature = "aws-lc-rs"))]
mod key_shares;
mod key_updates;
mod long_hellos;
mod long_messages;
mod observers;
mod provider_handles;
mod questions;
mod quic;
mod record_sizes;
mod sent_messages;
mod sizes;
mod stream;
mod stream_reads;
