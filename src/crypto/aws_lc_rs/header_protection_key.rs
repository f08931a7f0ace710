use aws_lc_rs::aead::quic::HeaderProtectionKey;

use crate::crypto::CryptoError;
use crate::crypto::overwritten::{Overwritten, words_of};

type Key = Overwritten<HeaderProtectionKey, { words_of::<HeaderProtectionKey>() }>;

/// A key of `aws-lc-rs` that protects headers. The key of ChaCha20 is in the place of a longer one of AES: the
/// bytes beside it were on the stack, where that key was made. All are overwritten when it is dropped.
pub(in crate::crypto) struct AwsLcHeaderProtectionKey(Box<Key>);

impl AwsLcHeaderProtectionKey {
    pub(super) fn new(key: HeaderProtectionKey) -> Self {
        Self(Box::new(Key::new(key)))
    }

    pub(in crate::crypto) fn key(&self) -> Result<&HeaderProtectionKey, CryptoError> {
        self.0.key()
    }
}
