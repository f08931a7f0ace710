use core::hint::black_box;
#[cfg(feature = "ring")]
use core::mem;

use crate::crypto::CryptoError;

/// A key of a provider that is overwritten when it is dropped or taken out, with the unused bytes of its type:
/// `ring` wipes no key, and `aws-lc-rs` wipes only the bytes that a key uses.
///
/// `LARGER` is [`larger_than`] the key: bytes that cover it, wherever the compiler puts them.
pub(super) struct Overwritten<K, const LARGER: usize>(KeyOrZeros<K, LARGER>);

#[allow(clippy::large_enum_variant, reason = "the zeros overwrite all bytes of the key")]
enum KeyOrZeros<K, const LARGER: usize> {
    Key(K),
    Zeros([u8; LARGER]),
}

/// A number of bytes that covers a key of this type: with the byte that names the variant, they are all
/// bytes of the enum.
pub(super) const fn larger_than<K>() -> usize {
    size_of::<K>() + align_of::<K>() - 1
}

impl<K, const LARGER: usize> Overwritten<K, LARGER> {
    pub(super) fn new(key: K) -> Self {
        Self(KeyOrZeros::Key(key))
    }

    /// The key. It fails only after `take`.
    pub(super) fn key(&self) -> Result<&K, CryptoError> {
        match &self.0 {
            KeyOrZeros::Key(key) => Ok(key),
            KeyOrZeros::Zeros(_) => Err(CryptoError),
        }
    }

    /// Moves the key to the stack.
    #[cfg(feature = "ring")]
    pub(super) fn take(&mut self) -> Result<K, CryptoError> {
        let content = mem::replace(&mut self.0, KeyOrZeros::Zeros([0; LARGER]));
        // As in `drop`.
        black_box(&mut self.0);
        match content {
            KeyOrZeros::Key(key) => Ok(key),
            KeyOrZeros::Zeros(_) => Err(CryptoError),
        }
    }
}

impl<K, const LARGER: usize> Drop for Overwritten<K, LARGER> {
    #[inline(never)]
    fn drop(&mut self) {
        self.0 = KeyOrZeros::Zeros([0; LARGER]);
        // Without it, the compiler drops a write to memory that is about to be freed.
        black_box(&mut self.0);
    }
}
