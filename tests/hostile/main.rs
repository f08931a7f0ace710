//! Peers that break the protocol, and providers that fail.

mod broken_provider;
mod edited_messages;
mod faulty_provider;
mod hardening;
mod orders;
