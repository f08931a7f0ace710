//! The keys of a level (RFC 9001, section 5.1), and key updates (section 6.1).

use zeroize::Zeroizing;

use super::{HeaderKey, PacketKey, Version};
use crate::crypto::{CipherSuite, CryptoError, NONCE_LENGTH, Secret, wipe_stack};
use crate::key_schedule::{Prk, TrafficSecret};

/// How deep the calls below [`KeyUpdate::next`] go, in bytes: 5 KiB, and more than 12 KiB without optimization.
const STACK_DEPTH: usize = 24 * 1024;

/// What protects the packets of one direction at one level (RFC 9001, section 5.1).
#[derive(Debug)]
pub struct DirectionalKeys {
    /// The key of the headers.
    pub header: HeaderKey,
    /// The key of the payloads. In 1-RTT packets it is that of the first key phase.
    pub packet: PacketKey,
}

impl DirectionalKeys {
    /// Derives the keys of a level from the secret of TLS (RFC 9001, section 5.1). They pass through the
    /// stack, which a [`Connection`](super::Connection) overwrites afterwards.
    ///
    /// # Errors
    /// When the suite's provider has no QUIC for it (see
    /// [`Aead::quic_limits`](crate::crypto::Aead::quic_limits)), or fails.
    pub fn new(version: Version, secret: &TrafficSecret) -> Result<Self, CryptoError> {
        let (suite, prk) = (secret.suite(), secret.prk());
        let mut key = Secret::zeros(suite.aead.key_length());
        prk.expand_label_unobserved(version.labels().header_protection, &[], key.as_mut_bytes())?;
        let header = HeaderKey::new(suite, key.as_bytes())?;
        Ok(Self { header, packet: packet_key(version, suite, &prk)? })
    }
}

/// The packet keys of the next key phases of one direction (RFC 9001, section 6.1).
///
/// Each call of [`next`](Self::next) goes one phase on: the first gives the key of the second phase,
/// as [`DirectionalKeys`] has that of the first.
#[derive(Debug)]
pub struct KeyUpdate {
    version: Version,
    /// Of the phase whose key was given last.
    secret: TrafficSecret,
}

impl KeyUpdate {
    /// For the key phases after the one that this secret has the keys of.
    pub fn new(version: Version, secret: TrafficSecret) -> Self {
        Self { version, secret }
    }

    /// The packet key of the next phase. The header key stays the same.
    ///
    /// # Errors
    /// When the suite's provider fails. Nothing has changed then.
    #[allow(clippy::should_implement_trait, reason = "it can fail, and has no end")]
    pub fn next(&mut self) -> Result<PacketKey, CryptoError> {
        let key = self.derive_next();
        // The next secret and its key have passed through the stack.
        wipe_stack::<STACK_DEPTH>();
        key
    }

    /// Not inlined: its part of the stack is wiped afterwards.
    #[inline(never)]
    fn derive_next(&mut self) -> Result<PacketKey, CryptoError> {
        let suite = self.secret.suite();
        let label = self.version.labels().key_update;
        let next = self.secret.prk().expand_traffic_secret(suite, label)?;
        let key = packet_key(self.version, suite, &next.prk())?;
        self.secret = next;
        Ok(key)
    }
}

fn packet_key(
    version: Version,
    suite: &CipherSuite,
    prk: &Prk<'_>,
) -> Result<PacketKey, CryptoError> {
    let labels = version.labels();
    let mut key = Secret::zeros(suite.aead.key_length());
    let mut iv = Zeroizing::<[u8; NONCE_LENGTH]>::default();
    prk.expand_label_unobserved(labels.key, &[], key.as_mut_bytes())?;
    prk.expand_label_unobserved(labels.iv, &[], iv.as_mut_slice())?;
    PacketKey::new(suite, key.as_bytes(), iv)
}
