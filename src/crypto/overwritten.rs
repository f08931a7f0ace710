use core::hint::black_box;
#[cfg(feature = "ring")]
use core::mem;

use crate::crypto::CryptoError;

/// A key of a provider that is overwritten when it is dropped or taken out, with the unused bytes of its type:
/// `ring` wipes no key, and `aws-lc-rs` wipes only the bytes that a key uses.
///
/// `WORDS` is [`words_of`] the key: words that cover it, wherever the compiler puts them.
pub(super) struct Overwritten<K, const WORDS: usize>(KeyOrZeros<K, WORDS>);

/// The zeros are words and not bytes, so that the discriminant in front of them, and of the key, is a word, too. Then the
/// provider writes the key to its place. Behind a discriminant of one byte, it would be copied twice on its way there.
#[allow(clippy::large_enum_variant, reason = "the zeros overwrite all bytes of the key")]
enum KeyOrZeros<K, const WORDS: usize> {
    Key(K),
    Zeros([usize; WORDS]),
}

/// A number of words that covers a key of this type: with the discriminant, which is one more, they are all
/// bytes of the enum.
pub(super) const fn words_of<K>() -> usize {
    (size_of::<K>() + align_of::<K>()) / size_of::<usize>() - 1
}

impl<K, const WORDS: usize> Overwritten<K, WORDS> {
    /// The key begins behind the discriminant, and ends with the last one.
    const IS_COVERED: () = assert!(
        align_of::<K>() >= align_of::<usize>()
            && size_of::<Self>() == (WORDS + 1) * size_of::<usize>()
    );

    pub(super) fn new(key: K) -> Self {
        let () = Self::IS_COVERED;
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
        let content = mem::replace(&mut self.0, KeyOrZeros::Zeros([0; WORDS]));
        // As in `drop`.
        black_box(&mut self.0);
        match content {
            KeyOrZeros::Key(key) => Ok(key),
            KeyOrZeros::Zeros(_) => Err(CryptoError),
        }
    }
}

impl<K, const WORDS: usize> Drop for Overwritten<K, WORDS> {
    #[inline(never)]
    fn drop(&mut self) {
        self.0 = KeyOrZeros::Zeros([0; WORDS]);
        // Without it, the compiler drops a write to memory that is about to be freed.
        black_box(&mut self.0);
    }
}
