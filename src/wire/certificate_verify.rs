//! CertificateVerify (RFC 9846, section 4.5.2).

use super::codec::{DecodeError, Prefix, Reader, write_bytes, write_u16};
use super::handshake_message::write_message;
use crate::registry::{HandshakeType, SignatureScheme};

/// Proof that the sender has the certificate's private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateVerify<'a> {
    /// The scheme of the signature.
    pub algorithm: SignatureScheme,
    /// The signature.
    pub signature: &'a [u8],
}

impl<'a> CertificateVerify<'a> {
    /// Parses the body of a CertificateVerify.
    ///
    /// # Errors
    /// When a field is cut, or bytes follow the signature.
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(HandshakeType::CERTIFICATE_VERIFY, body);
        let algorithm = SignatureScheme(reader.u16("algorithm")?);
        let signature = reader.vector("signature", Prefix::U16, 0..=0xffff)?;
        reader.finish("signature")?;
        Ok(Self { algorithm, signature })
    }

    /// Writes the whole message.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_message(out, HandshakeType::CERTIFICATE_VERIFY, |out| {
            write_u16(out, self.algorithm);
            write_bytes(out, Prefix::U16, self.signature);
        });
    }
}
