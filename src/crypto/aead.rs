use core::fmt;
use core::ops::Range;

use super::CryptoError;
#[cfg(feature = "aws-lc-rs")]
use super::aws_lc_rs;
#[cfg(feature = "ring")]
use super::ring;

/// The length in bytes of the nonce of every AEAD that TLS 1.3 uses (RFC 9846, section 5.3).
pub const NONCE_LENGTH: usize = 12;

/// The length in bytes of the tag of every AEAD that this crate supports.
pub const TAG_LENGTH: usize = 16;

/// The length in bytes of the sample of ciphertext that header protection is computed from (RFC 9001,
/// section 5.4.2; RFC 9147, section 4.2.3).
pub const HEADER_SAMPLE_LENGTH: usize = 16;

/// The length in bytes of a mask for the header of a packet (RFC 9001, section 5.4.1). DTLS uses one or
/// two of its bytes.
pub const HEADER_MASK_LENGTH: usize = 5;

/// An authenticated cipher (RFC 5116) with 12-byte nonces and 16-byte tags.
pub trait Aead: Send + Sync {
    /// The length of a key in bytes.
    fn key_length(&self) -> usize;

    /// Makes a key of `bytes`.
    ///
    /// # Errors
    /// When `bytes` is not [`key_length`](Self::key_length) long.
    fn key(&self, bytes: &[u8]) -> Result<AeadKey, CryptoError>;

    /// How many records of TLS, of at most 2^14 bytes, one key may protect before its sender must have
    /// changed it: 2^24.5 for AES-GCM (RFC 9846, section 5.5). TLS has no other limit, as the first
    /// record that fails authentication ends the connection.
    ///
    /// A connection protects at most 2^32 - 1 records with a key, also where this is more.
    fn confidentiality_limit(&self) -> u64;

    /// The limits of one key in QUIC (RFC 9001, section 6.6 and appendix B). `None`, the default, from
    /// providers that do not say them: QUIC must not use the AEAD then.
    fn quic_limits(&self) -> Option<KeyLimits> {
        None
    }

    /// The limits of one key in DTLS (RFC 9147, section 4.5.3 and appendix B). `None`, the default,
    /// from providers that do not say them: DTLS must not use the AEAD then.
    fn dtls_limits(&self) -> Option<KeyLimits> {
        None
    }

    /// Makes a key that protects headers: packet numbers of QUIC (RFC 9001, section 5.4) and record
    /// numbers of DTLS (RFC 9147, section 4.2.3). It is as long as a key of the AEAD.
    ///
    /// `None` where `bytes` has another length, and from providers without header protection. TLS needs
    /// none.
    fn header_protection_key(&self, _bytes: &[u8]) -> Option<HeaderProtectionKey> {
        None
    }
}

/// How often one key of an [`Aead`] may be used. Each protocol has limits of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyLimits {
    /// How many packets or records the key may protect before its sender must have changed it.
    pub confidentiality: u64,
    /// How many packets or records that fail authentication may be opened with the key, in all. The
    /// connection must end then.
    pub integrity: u64,
}

/// The key of an [`Aead`].
///
/// The built-in providers' keys are variants of a private enum, so that their records are sealed and
/// opened without dynamic dispatch. The key of another provider is a [`CustomAeadKey`].
pub struct AeadKey(AeadKeyKind);

#[allow(clippy::large_enum_variant, reason = "the key stands inline in the connection on purpose")]
enum AeadKeyKind {
    #[cfg(feature = "ring")]
    Ring(ring::RingAeadKey),
    #[cfg(feature = "aws-lc-rs")]
    AwsLcRs(::aws_lc_rs::aead::LessSafeKey),
    Custom(Box<dyn CustomAeadKey>),
}

/// The key of an [`Aead`] that is not built in.
pub trait CustomAeadKey: Send + Sync {
    /// Encrypts `data` in place and returns the tag.
    ///
    /// # Errors
    /// When the cipher fails.
    fn seal(
        &self,
        nonce: [u8; NONCE_LENGTH],
        additional_data: &[u8],
        data: &mut [u8],
    ) -> Result<[u8; TAG_LENGTH], CryptoError>;

    /// Decrypts `data`, whose last [`TAG_LENGTH`] bytes are the tag, in place, and returns the
    /// plaintext: all of `data` but the tag. `data` is never shorter than a tag.
    ///
    /// # Errors
    /// When the tag is wrong. What `data` then holds is of no use.
    fn open<'a>(
        &self,
        nonce: [u8; NONCE_LENGTH],
        additional_data: &[u8],
        data: &'a mut [u8],
    ) -> Result<&'a mut [u8], CryptoError>;
}

impl AeadKey {
    /// The key of an AEAD that is not built in.
    pub fn custom(key: Box<dyn CustomAeadKey>) -> Self {
        Self(AeadKeyKind::Custom(key))
    }

    #[cfg(feature = "ring")]
    pub(super) fn ring(key: ring::RingAeadKey) -> Self {
        Self(AeadKeyKind::Ring(key))
    }

    #[cfg(feature = "aws-lc-rs")]
    pub(super) fn aws_lc_rs(key: ::aws_lc_rs::aead::LessSafeKey) -> Self {
        Self(AeadKeyKind::AwsLcRs(key))
    }

    /// Encrypts `data` in place and returns the tag.
    ///
    /// # Errors
    /// When the cipher fails.
    pub fn seal(
        &self,
        nonce: [u8; NONCE_LENGTH],
        additional_data: &[u8],
        data: &mut [u8],
    ) -> Result<[u8; TAG_LENGTH], CryptoError> {
        match &self.0 {
            #[cfg(feature = "ring")]
            AeadKeyKind::Ring(key) => ring::seal(key, nonce, additional_data, data),
            #[cfg(feature = "aws-lc-rs")]
            AeadKeyKind::AwsLcRs(key) => aws_lc_rs::seal(key, nonce, additional_data, data),
            AeadKeyKind::Custom(key) => key.seal(nonce, additional_data, data),
        }
    }

    /// Decrypts `data`, whose last [`TAG_LENGTH`] bytes are the tag, in place.
    ///
    /// # Errors
    /// When `data` is shorter than a tag, or the tag is wrong. What `data` then holds is of no use.
    pub fn open<'a>(
        &self,
        nonce: [u8; NONCE_LENGTH],
        additional_data: &[u8],
        data: &'a mut [u8],
    ) -> Result<&'a mut [u8], CryptoError> {
        if data.len() < TAG_LENGTH {
            return Err(CryptoError);
        }
        match &self.0 {
            #[cfg(feature = "ring")]
            AeadKeyKind::Ring(key) => ring::open(key, nonce, additional_data, data),
            #[cfg(feature = "aws-lc-rs")]
            AeadKeyKind::AwsLcRs(key) => aws_lc_rs::open(key, nonce, additional_data, data),
            AeadKeyKind::Custom(key) => key.open(nonce, additional_data, data),
        }
    }

    /// Decrypts what is in `buffer` from `start`, as [`open`](Self::open) does. Returns where in `buffer` the
    /// plaintext is: `ring` decrypts to the front, in the time that it takes in place, and the others decrypt
    /// in place.
    pub(crate) fn open_from(
        &self,
        nonce: [u8; NONCE_LENGTH],
        additional_data: &[u8],
        buffer: &mut [u8],
        start: usize,
    ) -> Result<Range<usize>, CryptoError> {
        #[cfg(feature = "ring")]
        if let AeadKeyKind::Ring(key) = &self.0 {
            let plaintext = ring::open_to_front(key, nonce, additional_data, buffer, start)?;
            return Ok(0..plaintext.len());
        }
        let data = buffer.get_mut(start..).ok_or(CryptoError)?;
        let length = self.open(nonce, additional_data, data)?.len();
        Ok(start..start + length)
    }
}

/// The nonce of the record or the packet with this number: the IV, and the number added to its end by exclusive or
/// (RFC 9846, section 5.3; RFC 9001, section 5.3).
#[inline]
pub(crate) fn nonce(iv: &[u8; NONCE_LENGTH], number: u64) -> [u8; NONCE_LENGTH] {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = *iv;
    // Stored in the two parts in which ciphers load a nonce, of 8 and 4 bytes: a processor forwards no
    // stored bytes to a load that covers two stores, and the load waits.
    let first = u64::from_be_bytes([a, b, c, d, e, f, g, h]) ^ (number >> 32);
    let [_, _, _, _, low @ ..] = number.to_be_bytes();
    let last = u32::from_be_bytes([i, j, k, l]) ^ u32::from_be_bytes(low);
    let mut nonce = [0; NONCE_LENGTH];
    let (first_place, last_place) = nonce.split_at_mut(8);
    first_place.copy_from_slice(&first.to_be_bytes());
    last_place.copy_from_slice(&last.to_be_bytes());
    nonce
}

impl fmt::Debug for AeadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AeadKey(..)")
    }
}

/// A key that protects the headers of packets of QUIC and of records of DTLS.
pub struct HeaderProtectionKey(HeaderProtectionKeyKind);

/// Each key is on the heap, and stays there while this moves: a move would leave a copy behind. A key of
/// one kind in the place of a larger one would have what was on the stack beside it.
enum HeaderProtectionKeyKind {
    #[cfg(feature = "ring")]
    Ring(ring::RingHeaderProtectionKey),
    #[cfg(feature = "aws-lc-rs")]
    AwsLcRs(aws_lc_rs::AwsLcHeaderProtectionKey),
    Custom(Box<dyn CustomHeaderProtectionKey>),
}

/// A [`HeaderProtectionKey`] of a provider that is not built in.
pub trait CustomHeaderProtectionKey: Send + Sync {
    /// The mask for the header of a packet with this sample: see [`HeaderProtectionKey::mask`].
    ///
    /// # Errors
    /// When the cipher fails.
    fn mask(
        &self,
        sample: &[u8; HEADER_SAMPLE_LENGTH],
    ) -> Result<[u8; HEADER_MASK_LENGTH], CryptoError>;
}

impl HeaderProtectionKey {
    /// A key of a provider that is not built in.
    pub fn custom(key: Box<dyn CustomHeaderProtectionKey>) -> Self {
        Self(HeaderProtectionKeyKind::Custom(key))
    }

    #[cfg(feature = "ring")]
    pub(super) fn ring(key: ring::RingHeaderProtectionKey) -> Self {
        Self(HeaderProtectionKeyKind::Ring(key))
    }

    #[cfg(feature = "aws-lc-rs")]
    pub(super) fn aws_lc_rs(key: aws_lc_rs::AwsLcHeaderProtectionKey) -> Self {
        Self(HeaderProtectionKeyKind::AwsLcRs(key))
    }

    /// The mask for the header of a packet or record. `sample` is a part of its ciphertext: what QUIC
    /// samples is in RFC 9001, section 5.4.2; DTLS takes the first 16 bytes.
    ///
    /// # Errors
    /// When the cipher fails.
    pub fn mask(
        &self,
        sample: &[u8; HEADER_SAMPLE_LENGTH],
    ) -> Result<[u8; HEADER_MASK_LENGTH], CryptoError> {
        match &self.0 {
            #[cfg(feature = "ring")]
            HeaderProtectionKeyKind::Ring(key) => {
                key.key()?.new_mask(sample).map_err(|_| CryptoError)
            }
            #[cfg(feature = "aws-lc-rs")]
            HeaderProtectionKeyKind::AwsLcRs(key) => {
                key.key()?.new_mask(sample).map_err(|_| CryptoError)
            }
            HeaderProtectionKeyKind::Custom(key) => key.mask(sample),
        }
    }
}

impl fmt::Debug for HeaderProtectionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeaderProtectionKey(..)")
    }
}

#[cfg(all(test, feature = "aws-lc-rs"))]
mod tests {
    use super::*;

    /// A key of `aws-lc-rs` is a pointer: it has no room for the tables of another provider.
    #[test]
    fn a_key_is_four_words() {
        assert!(size_of::<AeadKey>() <= 4 * size_of::<usize>());
    }
}
