//! Peers that break the protocol, and providers that fail.

#[cfg(feature = "ml-kem")]
mod broken_hybrids;
mod broken_provider;
mod edited_messages;
mod failing_groups;
mod faulty_provider;
mod hardening;
mod orders;
