//! The signatures that were verified before.

use core::fmt;
use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

use super::signature::PublicKey;

/// Remembers signatures that were verified, so that they are not verified again when the same
/// certificates come again, as they do when a session is resumed.
///
/// A valid signature stays valid, so there is nothing to check again about it. Everything else about a
/// path can change, and is checked in each validation: dates, names, constraints, revocation, the trust
/// anchors, and whether the algorithm of the signature is accepted.
///
/// A signature is remembered for a certificate, byte for byte, and the key of its issuer. Only the
/// signatures of a path that was accepted are remembered, and those of an OCSP response for a
/// certificate of a path that has reached an anchor. So a peer cannot fill the cache with certificates
/// of its own making. The signatures that were not asked for recently are forgotten first. Several
/// threads may share a cache.
pub struct SignatureCache {
    sha256: fn(&[u8]) -> [u8; 32],
    capacity: usize,
    entries: RwLock<Entries>,
}

/// The entries in two generations. When the new one is full it becomes the old one, and what was in the
/// old one is forgotten.
#[derive(Default)]
struct Entries {
    new: HashSet<Entry>,
    old: HashSet<Entry>,
}

/// The SHA-256 of the issuer's key and what it signed.
type Entry = [u8; 32];

impl SignatureCache {
    /// Creates an empty cache for so many signatures, of 32 bytes each. Without capacity it remembers
    /// none.
    ///
    /// The function computes SHA-256. If it computes something else, the cache remembers nothing.
    pub fn new(capacity: usize, sha256: fn(&[u8]) -> [u8; 32]) -> Self {
        let is_sha256 = sha256(b"abc") == SHA256_OF_ABC;
        let capacity = if is_sha256 { capacity } else { 0 };
        Self { sha256, capacity, entries: RwLock::default() }
    }

    /// The number of signatures that are remembered.
    pub fn len(&self) -> usize {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.new.union(&entries.old).count()
    }

    /// Whether no signature is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it is remembered that the key made the signature that is in this DER.
    pub(super) fn contains(&self, key: PublicKey<'_>, der: &[u8]) -> bool {
        if self.capacity == 0 {
            return false;
        }
        let entry = self.entry(key, der);
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        if entries.new.contains(&entry) {
            return true;
        }
        let is_old = entries.old.contains(&entry);
        drop(entries);
        if is_old {
            self.add(entry);
        }
        is_old
    }

    /// Remembers that the key made the signature that is in this DER.
    pub(super) fn insert(&self, key: PublicKey<'_>, der: &[u8]) {
        if self.capacity == 0 {
            return;
        }
        let entry = self.entry(key, der);
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let is_new = !entries.new.contains(&entry);
        drop(entries);
        if is_new {
            self.add(entry);
        }
    }

    fn add(&self, entry: Entry) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if entries.new.contains(&entry) {
            return;
        }
        // Both generations together have at most `capacity` entries.
        if entries.new.len() >= (self.capacity / 2).max(1) {
            entries.old = core::mem::take(&mut entries.new);
        }
        if self.capacity == 1 {
            entries.old.clear();
        }
        entries.new.insert(entry);
    }

    /// Each part has its length before it, so that no two keys and DERs have the same bytes.
    fn entry(&self, key: PublicKey<'_>, der: &[u8]) -> Entry {
        let parts = [key.algorithm, key.bytes, der];
        let length = parts.iter().map(|part| size_of::<u64>() + part.len()).sum();
        let mut bytes = Vec::with_capacity(length);
        for part in parts {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        (self.sha256)(&bytes)
    }
}

impl fmt::Debug for SignatureCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignatureCache").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

/// FIPS 180-4: the first example for SHA-256.
const SHA256_OF_ABC: [u8; 32] = [
    0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
    0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::algorithms::sha256;

    const KEY: PublicKey<'_> = PublicKey { algorithm: b"algorithm", bytes: b"key" };

    #[test]
    fn what_is_remembered_is_one_key_and_one_der() {
        let cache = SignatureCache::new(8, sha256);
        assert!(cache.is_empty());
        cache.insert(KEY, b"der");
        assert!(cache.contains(KEY, b"der"));
        let others = [
            (PublicKey { bytes: b"kez", ..KEY }, &b"der"[..]),
            (PublicKey { algorithm: b"algorithn", ..KEY }, b"der"),
            (KEY, b"des"),
            (PublicKey { bytes: b"keyd", ..KEY }, b"er"),
            (PublicKey { algorithm: b"algorithmk", bytes: b"ey" }, b"der"),
        ];
        for (key, der) in others {
            assert!(!cache.contains(key, der), "{:?} {der:?}", key.bytes);
        }
        assert_eq!(cache.len(), 1);
    }

    #[test]
    fn no_more_are_remembered_than_its_capacity_and_the_recent_ones_stay() {
        for capacity in [1_usize, 2, 3, 8, 9] {
            let cache = SignatureCache::new(capacity, sha256);
            for number in 0..100_u8 {
                cache.insert(KEY, &[number]);
                assert!(cache.contains(KEY, &[number]), "{capacity} {number}");
                assert!(cache.len() <= capacity, "{capacity} {number}: {}", cache.len());
                if capacity >= 8 {
                    // What is asked for again and again is never forgotten.
                    assert!(cache.contains(KEY, &[0]), "{capacity} {number}");
                }
            }
        }
    }

    #[test]
    fn a_cache_without_capacity_or_with_another_hash_remembers_nothing() {
        fn constant(_: &[u8]) -> [u8; 32] {
            [7; 32]
        }
        for cache in [SignatureCache::new(0, sha256), SignatureCache::new(8, constant)] {
            cache.insert(KEY, b"der");
            assert!(!cache.contains(KEY, b"der"));
            assert!(cache.is_empty(), "{cache:?}");
        }
    }

    #[test]
    fn threads_share_a_cache() {
        let cache = SignatureCache::new(1_000, sha256);
        std::thread::scope(|scope| {
            for thread in 0..4_u8 {
                let cache = &cache;
                scope.spawn(move || {
                    for number in 0..100_u8 {
                        cache.insert(KEY, &[thread % 2, number]);
                        assert!(cache.contains(KEY, &[thread % 2, number]));
                    }
                });
            }
        });
        assert_eq!(cache.len(), 200);
    }
}
