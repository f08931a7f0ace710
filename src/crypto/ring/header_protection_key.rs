use ring::aead::quic::HeaderProtectionKey;

use crate::crypto::CryptoError;
use crate::crypto::overwritten::{Overwritten, words_of};

type Key = Overwritten<HeaderProtectionKey, { words_of::<HeaderProtectionKey>() }>;

/// A key of `ring` that protects headers. It is overwritten when it is dropped.
pub(in crate::crypto) struct RingHeaderProtectionKey(Box<Key>);

impl RingHeaderProtectionKey {
    pub(super) fn new(key: HeaderProtectionKey) -> Self {
        Self(Box::new(Key::new(key)))
    }

    pub(in crate::crypto) fn key(&self) -> Result<&HeaderProtectionKey, CryptoError> {
        self.0.key()
    }
}
