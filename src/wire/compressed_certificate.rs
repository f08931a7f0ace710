//! CompressedCertificate (RFC 8879, section 4).

use super::codec::{DecodeError, Prefix, Reader, write_bytes, write_u16};
use super::handshake_message::write_message;
use crate::registry::{CertificateCompressionAlgorithm, HandshakeType};

/// A Certificate in fewer bytes (RFC 8879, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompressedCertificate<'a> {
    /// The algorithm: one that was offered.
    pub algorithm: CertificateCompressionAlgorithm,
    /// The length of the Certificate's body, in bytes.
    pub uncompressed_length: usize,
    /// The body, compressed.
    pub compressed: &'a [u8],
}

impl<'a> CompressedCertificate<'a> {
    /// Parses the body of a CompressedCertificate.
    ///
    /// # Errors
    /// When a field is cut, the compressed body is empty, or bytes follow it.
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        const FIELD: &str = "compressed_certificate_message";
        let mut reader = Reader::new(HandshakeType::COMPRESSED_CERTIFICATE, body);
        let algorithm = CertificateCompressionAlgorithm(reader.u16("algorithm")?);
        let [high, middle, low] = *reader.array("uncompressed_length")?;
        let compressed = reader.vector(FIELD, Prefix::U24, 1..=0xff_ffff)?;
        reader.finish(FIELD)?;
        let length = u32::from_be_bytes([0, high, middle, low]);
        let uncompressed_length = usize::try_from(length).unwrap_or(usize::MAX);
        Ok(Self { algorithm, uncompressed_length, compressed })
    }

    /// Writes the whole message.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_message(out, HandshakeType::COMPRESSED_CERTIFICATE, |out| {
            write_u16(out, self.algorithm);
            let [.., high, middle, low] = self.uncompressed_length.to_be_bytes();
            out.extend_from_slice(&[high, middle, low]);
            write_bytes(out, Prefix::U24, self.compressed);
        });
    }
}
