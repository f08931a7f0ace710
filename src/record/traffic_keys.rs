//! The keys of one direction, and how many records they may protect (RFC 9846, sections 5.3 and 5.5).

use core::fmt;

use zeroize::Zeroizing;

use crate::crypto::{AeadKey, CipherSuite, CryptoError, NONCE_LENGTH, nonce};

/// The key and IV of one direction, and how many records they may protect.
pub struct TrafficKeys {
    pub(super) key: AeadKey,
    iv: Zeroizing<[u8; NONCE_LENGTH]>,
    /// See [`record_limit`]. A limit of 32 bits makes the keys smaller.
    pub(super) limit: u32,
}

impl TrafficKeys {
    /// Keys for the suite's AEAD.
    ///
    /// # Errors
    /// When the length of `key` is not the AEAD's.
    pub fn new(
        suite: &CipherSuite,
        key: &[u8],
        iv: &[u8; NONCE_LENGTH],
    ) -> Result<Self, CryptoError> {
        let limit = record_limit(suite);
        // The key is large. With a variable for it, it would be copied once more.
        suite.aead.key(key).map(|key| Self { key, iv: Zeroizing::new(*iv), limit })
    }

    /// See [`nonce`] (section 5.3).
    pub(super) fn nonce(&self, sequence: u64) -> [u8; NONCE_LENGTH] {
        nonce(&self.iv, sequence)
    }
}

impl fmt::Debug for TrafficKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TrafficKeys(..)")
    }
}

/// How many records a sender protects with a key of this suite at most: 2^32 - 1, also for an AEAD that
/// allows more.
pub(crate) fn record_limit(suite: &CipherSuite) -> u32 {
    u32::try_from(suite.aead.confidentiality_limit()).unwrap_or(u32::MAX)
}

/// The number of the record from which a sender should change a key that may protect `limit` records: at
/// three quarters of them, and never so late that there is no record left for the KeyUpdate and an alert
/// (section 5.5).
pub(crate) fn update_from(limit: u32) -> u32 {
    let reserve = (limit / 4).max(2);
    limit.saturating_sub(reserve)
}
