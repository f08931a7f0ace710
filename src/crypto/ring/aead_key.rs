use ring::aead::LessSafeKey;

use crate::crypto::CryptoError;
use crate::crypto::overwritten::{Overwritten, words_of};

/// A key of `ring`, which is overwritten when it is dropped.
pub(in crate::crypto) struct RingAeadKey(Stored);

type Key = Overwritten<LessSafeKey, { words_of::<LessSafeKey>() }>;

/// A key of `ring` contains its tables, 544 bytes, and one of `aws-lc-rs` is a pointer to them. An enum
/// is as large as its largest variant: in a build with both, the tables of `ring` are on the heap, so
/// that a key of `aws-lc-rs` has no room for them.
#[cfg(not(feature = "aws-lc-rs"))]
type Stored = Key;
#[cfg(feature = "aws-lc-rs")]
type Stored = Box<Key>;

impl RingAeadKey {
    pub(super) fn new(key: LessSafeKey) -> Self {
        Self(Stored::from(Key::new(key)))
    }

    pub(super) fn key(&self) -> Result<&LessSafeKey, CryptoError> {
        self.0.key()
    }
}
