//! Bytes that must not leak: wiped on drop, compared in constant time, absent from Debug output.

use core::cell::RefCell;
use core::fmt;
use core::hint::black_box;
use core::mem;
use core::ops::Deref;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The longest hash output that the key schedule can store, in bytes: that of SHA-384.
pub const MAX_HASH_LENGTH: usize = 48;

/// A secret of at most one hash in length: a stage of the key schedule, or a HMAC.
///
/// The bytes stand on the heap and stay in one place while the value moves: a move of the bytes
/// themselves would leave a copy in the box, queue or vector that the value came from.
pub struct Secret {
    bytes: Box<[u8]>,
}

thread_local! {
    /// Wiped buffers of the secrets that this thread has dropped. A handshake makes dozens of secrets,
    /// of which few live at the same time: with these, it need not allocate memory for each.
    static BUFFERS: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// The most buffers that a thread keeps.
const MAX_BUFFERS: usize = 32;

/// Zeros, as many as a secret has bytes.
fn take_buffer(length: usize) -> Box<[u8]> {
    let kept = BUFFERS.try_with(|buffers| {
        let mut buffers = buffers.borrow_mut();
        let place = buffers.iter().rposition(|buffer| buffer.len() == length)?;
        Some(buffers.swap_remove(place))
    });
    // A thread that ends has no buffers any more.
    kept.ok().flatten().unwrap_or_else(|| vec![0; length].into())
}

fn give_back(buffer: Box<[u8]>) {
    if buffer.is_empty() {
        return;
    }
    let _ = BUFFERS.try_with(|buffers| {
        let mut buffers = buffers.borrow_mut();
        if buffers.is_empty() {
            buffers.reserve_exact(MAX_BUFFERS);
        }
        if buffers.len() < MAX_BUFFERS {
            buffers.push(buffer);
        }
    });
}

impl Secret {
    /// `length` zero bytes; at most [`MAX_HASH_LENGTH`], longer is cut to that.
    pub fn zeros(length: usize) -> Self {
        Self { bytes: take_buffer(length.min(MAX_HASH_LENGTH)) }
    }

    /// A copy of `bytes`, or `None` when they are longer than [`MAX_HASH_LENGTH`].
    pub fn new(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MAX_HASH_LENGTH {
            return None;
        }
        let mut secret = Self { bytes: take_buffer(bytes.len()) };
        secret.bytes.copy_from_slice(bytes);
        Some(secret)
    }

    /// The bytes. Handle with care.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes, to be filled.
    pub fn as_mut_bytes(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Compares with what a peer sent, in time that depends on the lengths only.
    pub fn verify(&self, received: &[u8]) -> bool {
        self.as_bytes().ct_eq(received).into()
    }
}

impl Clone for Secret {
    fn clone(&self) -> Self {
        let mut bytes = take_buffer(self.bytes.len());
        bytes.copy_from_slice(&self.bytes);
        Self { bytes }
    }
}

/// Leaves an empty secret.
impl Zeroize for Secret {
    /// Not inlined: secrets are dropped in many places.
    #[inline(never)]
    fn zeroize(&mut self) {
        // A slice is wiped at once, a box of it byte by byte.
        (*self.bytes).zeroize();
        give_back(mem::take(&mut self.bytes));
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.zeroize();
    }
}

impl ZeroizeOnDrop for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.bytes.len())
    }
}

/// Overwrites what calls before have left on the stack, below the caller. Values are moved with the
/// bytes between their fields: an old secret in such a place would come to the heap.
///
/// `DEPTH` is how far below, in bytes. A wipe takes time, and empties the first cache of the processor: it
/// should not be much deeper than the calls were, see [`stack_depth`].
#[inline(never)]
pub(crate) fn wipe_stack<const DEPTH: usize>() {
    black_box(&mut [0_u8; DEPTH]);
}

/// How deep a wipe is, in bytes, for calls that go deeper in a build without optimization. The compiler does not say
/// whether it optimizes: debug assertions stand for that, which are on by default where it does not.
pub(crate) const fn stack_depth(optimized: usize, not_optimized: usize) -> usize {
    if cfg!(debug_assertions) { not_optimized } else { optimized }
}

/// Does work that leaves secrets on the stack, and overwrites `DEPTH` bytes of it. The caller's own
/// frame gets no secret but what is returned: neither this function nor the next is inlined.
#[inline(never)]
pub(crate) fn with_stack_wiped<const DEPTH: usize, T>(work: impl FnOnce() -> T) -> T {
    let result = in_own_frame(work);
    wipe_stack::<DEPTH>();
    result
}

#[inline(never)]
fn in_own_frame<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// The result of a key exchange. Of any length: a hybrid's is longer than a hash.
#[derive(Clone)]
pub struct SharedSecret(SharedBytes);

#[derive(Clone)]
enum SharedBytes {
    Short(Secret),
    Long(Zeroizing<Vec<u8>>),
}

impl SharedSecret {
    /// Takes the bytes over; they are wiped on drop.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(SharedBytes::Long(Zeroizing::new(bytes)))
    }

    /// A copy of `bytes`. Up to [`MAX_HASH_LENGTH`] bytes need no allocation.
    pub fn copied(bytes: &[u8]) -> Self {
        match Secret::new(bytes) {
            Some(secret) => Self(SharedBytes::Short(secret)),
            None => Self::new(bytes.to_vec()),
        }
    }

    /// The bytes. Handle with care.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            SharedBytes::Short(secret) => secret.as_bytes(),
            SharedBytes::Long(bytes) => bytes,
        }
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedSecret({} bytes)", self.as_bytes().len())
    }
}

/// The output of a hash: public, short, and on the stack.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    bytes: [u8; MAX_HASH_LENGTH],
    length: usize,
}

impl Digest {
    /// A copy of `bytes`. A digest of more than [`MAX_HASH_LENGTH`] bytes is of no hash that TLS uses: it
    /// becomes an empty one, which ends the connection.
    pub fn new(bytes: &[u8]) -> Self {
        let length = if bytes.len() > MAX_HASH_LENGTH { 0 } else { bytes.len() };
        let mut digest = Self { bytes: [0; MAX_HASH_LENGTH], length };
        if let (Some(place), Some(bytes)) = (digest.bytes.get_mut(..length), bytes.get(..length)) {
            place.copy_from_slice(bytes);
        }
        digest
    }
}

impl Deref for Digest {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", hex::encode(&**self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_shows_no_secret_bytes() {
        let secret = Secret::new(&[0xab; 32]).unwrap();
        let shared = SharedSecret::new(vec![0xab; 32]);
        for shown in [format!("{secret:?}"), format!("{shared:?}")] {
            assert!(!shown.contains("ab") && !shown.contains("171"), "{shown}");
        }
    }

    #[test]
    fn comparison_needs_equal_length_and_bytes() {
        let secret = Secret::new(&[1, 2, 3]).unwrap();
        assert!(secret.verify(&[1, 2, 3]));
        assert!(!secret.verify(&[1, 2]));
        assert!(!secret.verify(&[1, 2, 4]));
        assert!(Secret::new(&[0; MAX_HASH_LENGTH + 1]).is_none());
    }
}
