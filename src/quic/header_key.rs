//! Header protection (RFC 9001, section 5.4).

use core::fmt;

use crate::crypto::{
    CipherSuite, CryptoError, HEADER_MASK_LENGTH, HEADER_SAMPLE_LENGTH, HeaderProtectionKey,
};

/// The longest packet number in a header, in bytes (RFC 9000, section 17.1). The sample begins where
/// such a packet number would end.
const MAX_PACKET_NUMBER_LENGTH: usize = 4;

/// The bit of the first byte that is set in a long header.
const LONG_HEADER: u8 = 0x80;

/// The bits of the first byte that have the length of the packet number, minus one.
const PACKET_NUMBER_LENGTH: u8 = 0x03;

/// The key that protects the headers of packets, in one direction and at one level (RFC 9001, section
/// 5.4). A key update does not change it. It works in place and allocates nothing.
pub struct HeaderKey {
    key: HeaderProtectionKey,
}

impl HeaderKey {
    /// The length in bytes of the sample of ciphertext that the mask is made of.
    pub const SAMPLE_LENGTH: usize = HEADER_SAMPLE_LENGTH;

    pub(super) fn new(suite: &CipherSuite, key: &[u8]) -> Result<Self, CryptoError> {
        let key = suite.aead.header_protection_key(key).ok_or(CryptoError)?;
        Ok(Self { key })
    }

    pub(super) fn mask(
        &self,
        sample: &[u8; Self::SAMPLE_LENGTH],
    ) -> Result<[u8; HEADER_MASK_LENGTH], CryptoError> {
        self.key.mask(sample)
    }

    /// Protects the header of a packet whose payload is encrypted (RFC 9001, section 5.4.1).
    /// `packet_number_offset` is where the packet number begins in `packet`.
    ///
    /// # Errors
    /// When the packet is too short for a sample: 20 bytes must follow the offset. When the cipher fails.
    pub fn protect(
        &self,
        packet_number_offset: usize,
        packet: &mut [u8],
    ) -> Result<(), CryptoError> {
        let mut header = Header::of(packet, packet_number_offset)?;
        let mask = self.mask(header.sample)?;
        let number_length = header.packet_number_length();
        header.mask_first_byte(mask);
        header.mask_packet_number(mask, number_length);
        Ok(())
    }

    /// Removes the protection of a header, and returns the length of its packet number in bytes (RFC
    /// 9001, section 5.4.1). Only the packet's authentication shows whether the result is right.
    ///
    /// # Errors
    /// As [`protect`](Self::protect).
    pub fn unprotect(
        &self,
        packet_number_offset: usize,
        packet: &mut [u8],
    ) -> Result<usize, CryptoError> {
        let mut header = Header::of(packet, packet_number_offset)?;
        let mask = self.mask(header.sample)?;
        header.mask_first_byte(mask);
        let number_length = header.packet_number_length();
        header.mask_packet_number(mask, number_length);
        Ok(number_length)
    }
}

impl fmt::Debug for HeaderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeaderKey(..)")
    }
}

/// The parts of a packet that header protection is about.
struct Header<'a> {
    first_byte: &'a mut u8,
    /// The packet number, and what follows it where it is shorter than four bytes.
    packet_number: &'a mut [u8; MAX_PACKET_NUMBER_LENGTH],
    sample: &'a [u8; HEADER_SAMPLE_LENGTH],
}

impl<'a> Header<'a> {
    fn of(packet: &'a mut [u8], packet_number_offset: usize) -> Result<Self, CryptoError> {
        let (first_byte, rest) = packet.split_first_mut().ok_or(CryptoError)?;
        let before_number = packet_number_offset.checked_sub(1).ok_or(CryptoError)?;
        let from_number = rest.get_mut(before_number..).ok_or(CryptoError)?;
        let (packet_number, rest) = from_number.split_first_chunk_mut().ok_or(CryptoError)?;
        let sample = rest.first_chunk().ok_or(CryptoError)?;
        Ok(Self { first_byte, packet_number, sample })
    }

    /// Of a first byte that is not protected.
    fn packet_number_length(&self) -> usize {
        usize::from(*self.first_byte & PACKET_NUMBER_LENGTH) + 1
    }

    /// Four bits of a long header are protected, and five of a short one. This is its own inverse, as
    /// the highest bit stays as it is.
    fn mask_first_byte(&mut self, mask: [u8; HEADER_MASK_LENGTH]) {
        let protected_bits = if *self.first_byte & LONG_HEADER == 0 { 0x1f } else { 0x0f };
        let [of_first_byte, ..] = mask;
        *self.first_byte ^= of_first_byte & protected_bits;
    }

    fn mask_packet_number(&mut self, mask: [u8; HEADER_MASK_LENGTH], length: usize) {
        let [_, of_packet_number @ ..] = mask;
        for (byte, mask) in self.packet_number.iter_mut().zip(of_packet_number).take(length) {
            *byte ^= mask;
        }
    }
}
