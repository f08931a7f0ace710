//! Packet protection (RFC 9001, section 5.3).

use core::fmt;

use zeroize::Zeroizing;

use crate::crypto::{
    AeadKey, CipherSuite, CryptoError, KeyLimits, NONCE_LENGTH, TAG_LENGTH, nonce, provider_fault,
};

/// The key that protects the payloads of packets, in one direction and at one level (RFC 9001, section
/// 5.3). It works in place and allocates nothing.
///
/// A packet number must be used at most once with a key. The owner counts the packets, and compares the counts
/// with the limits of the key (RFC 9001, section 6.6).
pub struct PacketKey {
    /// On the heap, and it stays there while the key moves: a move would leave a copy behind.
    inner: Box<Inner>,
}

struct Inner {
    key: AeadKey,
    iv: Zeroizing<[u8; NONCE_LENGTH]>,
    limits: KeyLimits,
}

impl PacketKey {
    /// The length in bytes of the tag at the end of each protected packet.
    pub const TAG_LENGTH: usize = TAG_LENGTH;

    pub(super) fn new(
        suite: &CipherSuite,
        key: &[u8],
        iv: Zeroizing<[u8; NONCE_LENGTH]>,
    ) -> Result<Self, CryptoError> {
        let limits = suite.aead.quic_limits().ok_or(CryptoError)?;
        let key = suite.aead.key(key)?;
        Ok(Self { inner: Box::new(Inner { key, iv, limits }) })
    }

    /// Encrypts the payload of a packet in place, and returns the tag that follows it. `header` is all
    /// of the packet that comes before the payload, without header protection.
    ///
    /// # Errors
    /// When the cipher fails. `payload` is then zeros: it must not be sent.
    pub fn encrypt_in_place(
        &self,
        packet_number: u64,
        header: &[u8],
        payload: &mut [u8],
    ) -> Result<[u8; Self::TAG_LENGTH], CryptoError> {
        let beginning = provider_fault::beginning(payload);
        let sealed = self.inner.key.seal(self.nonce(packet_number), header, payload);
        let is_sealed = provider_fault::check_sealed(beginning, payload).is_ok();
        match sealed {
            Ok(tag) if is_sealed => Ok(tag),
            _ => {
                payload.fill(0);
                Err(CryptoError)
            }
        }
    }

    /// Decrypts the payload of a packet in place. `payload` has the tag at its end, and the plaintext
    /// is returned without it. `header` is all of the packet that comes before the payload, after header
    /// protection was removed.
    ///
    /// # Errors
    /// When the packet is not authentic, or shorter than the tag. Drop the packet, and count it: see
    /// [`integrity_limit`](Self::integrity_limit).
    pub fn decrypt_in_place<'a>(
        &self,
        packet_number: u64,
        header: &[u8],
        payload: &'a mut [u8],
    ) -> Result<&'a mut [u8], CryptoError> {
        let sealed_length = payload.len();
        let plaintext = self.inner.key.open(self.nonce(packet_number), header, payload)?;
        provider_fault::check_opened(sealed_length, plaintext.len()).map_err(|_| CryptoError)?;
        Ok(plaintext)
    }

    /// How many packets the key may encrypt. Before that, the sender must initiate a key update, or
    /// else the connection must end with AEAD_LIMIT_REACHED (RFC 9001, section 6.6).
    pub fn confidentiality_limit(&self) -> u64 {
        self.inner.limits.confidentiality
    }

    /// How many packets of a connection may fail to decrypt, over all its keys. After more of them, it
    /// must end with AEAD_LIMIT_REACHED (RFC 9001, section 6.6).
    pub fn integrity_limit(&self) -> u64 {
        self.inner.limits.integrity
    }

    /// See [`nonce`] (RFC 9001, section 5.3).
    fn nonce(&self, packet_number: u64) -> [u8; NONCE_LENGTH] {
        nonce(&self.inner.iv, packet_number)
    }
}

impl fmt::Debug for PacketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PacketKey(..)")
    }
}
