//! Peers that break the protocol, and providers that fail.

#[cfg(any(feature = "ml-kem", feature = "aws-lc-rs"))]
mod broken_hybrids;
mod broken_provider;
mod edited_messages;
mod failing_groups;
mod faulty_provider;
mod hardening;
mod orders;
