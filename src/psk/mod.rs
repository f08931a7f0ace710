//! Pre-shared keys: what both sides share before the handshake (RFC 9846, section 2.2; RFC 9257).
//!
//! A client offers a list of [`PreSharedKey`]s
//! ([`pre_shared_keys`](crate::config::ClientConfigBuilder::pre_shared_keys)). A server finds the
//! key for an identity with a [`PskResolver`]
//! ([`pre_shared_keys`](crate::config::ServerConfigBuilder::pre_shared_keys)); a [`PskList`] is one.
//! A [`PskImporter`] derives keys for TLS 1.3 from a key that other protocols or other hashes also
//! use (RFC 9258).
//!
//! Without the extension of RFC 9973, a key authenticates both sides. With [`CertWithExternPsk`], certificates
//! authenticate, and the key protects the data against quantum computers of the future. A key that more than
//! two parties know is for [`CertWithExternPsk::Required`] only; others should have it, too.

mod cert_with_extern_psk;
mod importer;
mod key;
mod resolver;

pub use cert_with_extern_psk::CertWithExternPsk;
pub use importer::PskImporter;
pub use key::PreSharedKey;
pub(crate) use key::printable_identity;
pub use resolver::{ChosenPsk, PskList, PskResolver};

#[cfg(test)]
mod tests;
