use core::borrow::{Borrow as _, BorrowMut as _};
use core::hint::black_box;

use ring::aead::LessSafeKey;

use crate::crypto::CryptoError;

/// A key that is overwritten when it is dropped: `ring` wipes none.
pub(in crate::crypto) struct RingAeadKey(Stored);

/// A key of `ring` contains its tables, 544 bytes, and one of `aws-lc-rs` is a pointer to them. An enum
/// is as large as its largest variant: in a build with both, the tables of `ring` are on the heap, so
/// that a key of `aws-lc-rs` has no room for them.
#[cfg(not(feature = "aws-lc-rs"))]
type Stored = Content;
#[cfg(feature = "aws-lc-rs")]
type Stored = Box<Content>;

#[allow(clippy::large_enum_variant, reason = "both variants have the same bytes")]
enum Content {
    Key(LessSafeKey),
    #[expect(dead_code, reason = "the zeros are there to be written, not to be read")]
    Wiped([u8; LARGER]),
}

/// More bytes than a key has, wherever the compiler puts them.
const LARGER: usize = size_of::<LessSafeKey>() + align_of::<LessSafeKey>();

impl RingAeadKey {
    pub(super) fn new(key: LessSafeKey) -> Self {
        Self(Stored::from(Content::Key(key)))
    }

    pub(super) fn key(&self) -> Result<&LessSafeKey, CryptoError> {
        match self.0.borrow() {
            Content::Key(key) => Ok(key),
            Content::Wiped(_) => Err(CryptoError),
        }
    }
}

impl Drop for RingAeadKey {
    fn drop(&mut self) {
        let content: &mut Content = self.0.borrow_mut();
        *content = Content::Wiped([0; LARGER]);
        // Without it, the compiler drops a write to memory that is about to be freed.
        black_box(content);
    }
}
