use core::fmt;
use core::hint::black_box;

#[cfg(feature = "aws-lc-rs")]
use super::aws_lc_rs::AwsLcHmacKey;
#[cfg(feature = "ring")]
use super::ring::RingHmacKey;
use super::{CryptoError, Secret};

/// A key that is prepared for HMAC (RFC 2104), of [`Hash::hmac_key`](super::Hash::hmac_key). It is wiped
/// when it is dropped.
///
/// The keys of built-in providers are variants of a private enum: they need no allocation and no
/// dynamic dispatch. The key of another provider is a [`CustomHmacKey`].
///
/// HKDF-Extract (RFC 5869, section 2.2) is HMAC with the salt as the key:
///
/// ```
/// use handclasp::crypto::{CryptoError, Hash, Secret};
///
/// fn hkdf_extract(hash: &dyn Hash, salt: &[u8], input: &[u8]) -> Result<Secret, CryptoError> {
///     hash.hmac_key(salt).sign(&[input])
/// }
/// ```
pub struct HmacKey(HmacKeyKind);

#[allow(clippy::large_enum_variant, reason = "a key of a built-in provider needs no allocation")]
enum HmacKeyKind {
    #[cfg(feature = "ring")]
    Ring(RingHmacKey),
    #[cfg(feature = "aws-lc-rs")]
    AwsLcRs(AwsLcHmacKey),
    Custom(Box<dyn CustomHmacKey>),
}

/// A prepared HMAC key of a provider that is not built in. It should wipe the key when it is dropped. The key of tickets
/// is kept as long as it is in use, which may be days.
pub trait CustomHmacKey: Send + Sync {
    /// See [`HmacKey::sign`].
    ///
    /// # Errors
    /// When the key cannot be used, because its device is gone, for example.
    fn sign(&self, data: &[&[u8]]) -> Result<Secret, CryptoError>;
}

impl HmacKey {
    /// The key of a provider that is not built in.
    pub fn custom(key: Box<dyn CustomHmacKey>) -> Self {
        Self(HmacKeyKind::Custom(key))
    }

    #[cfg(feature = "ring")]
    pub(super) fn ring(key: RingHmacKey) -> Self {
        Self(HmacKeyKind::Ring(key))
    }

    #[cfg(feature = "aws-lc-rs")]
    pub(super) fn aws_lc_rs(key: AwsLcHmacKey) -> Self {
        Self(HmacKeyKind::AwsLcRs(key))
    }

    /// The HMAC of the concatenation of `data`, as long as the output of the hash. Compare it with what
    /// a peer sent by [`Secret::verify`], which takes constant time.
    ///
    /// # Errors
    /// When the provider fails. A built-in provider does not.
    pub fn sign(&self, data: &[&[u8]]) -> Result<Secret, CryptoError> {
        if data.len() == 1 {
            return self.sign_parts(data);
        }
        // What is short is signed in one piece: each call of a primitive takes longer than a copy.
        let mut place = [0; JOINED_LENGTH];
        let mac = match join(data, &mut place) {
            Some(joined) => self.sign_parts(&[joined]),
            None => self.sign_parts(data),
        };
        // A part may be secret, as the block before is in HKDF. Without the black box, the compiler drops
        // a write to memory that is not read again.
        place.fill(0);
        black_box(&mut place);
        mac
    }

    /// What `read` makes of the HMAC of `message`. With a built-in provider it needs no [`Secret`].
    pub(super) fn read_mac<T>(
        &self,
        message: &[u8],
        read: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, CryptoError> {
        Ok(match &self.0 {
            #[cfg(feature = "ring")]
            HmacKeyKind::Ring(key) => read(key.tag(&[message])?.as_ref()),
            #[cfg(feature = "aws-lc-rs")]
            HmacKeyKind::AwsLcRs(key) => key.read_mac(message, read)?,
            HmacKeyKind::Custom(key) => read(key.sign(&[message])?.as_bytes()),
        })
    }

    fn sign_parts(&self, data: &[&[u8]]) -> Result<Secret, CryptoError> {
        match &self.0 {
            #[cfg(feature = "ring")]
            HmacKeyKind::Ring(key) => key.sign(data),
            #[cfg(feature = "aws-lc-rs")]
            HmacKeyKind::AwsLcRs(key) => key.sign(data),
            HmacKeyKind::Custom(key) => key.sign(data),
        }
    }
}

/// An HkdfLabel of TLS is shorter (RFC 9846, section 7.1), also with a block of HKDF before it.
const JOINED_LENGTH: usize = 128;

/// Copies the parts behind each other into this place. `None` where they are too long together: some of
/// them may be there then.
fn join<'a>(parts: &[&[u8]], place: &'a mut [u8; JOINED_LENGTH]) -> Option<&'a [u8]> {
    let mut length = 0;
    for part in parts {
        let end = length + part.len();
        place.get_mut(length..end)?.copy_from_slice(part);
        length = end;
    }
    place.get(..length)
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacKey(..)")
    }
}
