//! Certificate, CertificateRequest and CertificateVerify (RFC 9846, sections 4.4.2, 4.5.1 and
//! 4.5.2).

use super::codec::{DecodeError, List, Prefix, Reader, write_vector};
use super::extension::{Extensions, Place};
use super::message::write_message;
use crate::registry::{
    CertificateCompressionAlgorithm, ExtensionType, HandshakeType, SignatureScheme,
};

/// A certificate with its extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateEntry<'a> {
    /// The DER of the certificate: 1 byte to 2^24-1.
    pub certificate: &'a [u8],
    /// A stapled OCSP response, certificate timestamps, and the like.
    pub extensions: Extensions<'a>,
}

/// A chain of certificates, the sender's own first. A client's may be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certificate<'a> {
    /// The echo of a CertificateRequest's context; empty from a server.
    pub request_context: &'a [u8],
    entries: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Parses the body of a Certificate.
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(HandshakeType::CERTIFICATE, body);
        let request_context = reader.vector("certificate_request_context", Prefix::U8, 0..=255)?;
        let entries = reader.vector("certificate_list", Prefix::U24, 0..=0xff_ffff)?;
        reader.finish("certificate_list")?;
        let mut list = reader.part(entries);
        while !list.is_empty() {
            read_entry(&mut list)?;
        }
        Ok(Self { request_context, entries })
    }

    /// The certificates in the order of the message.
    pub fn entries(&self) -> impl Iterator<Item = CertificateEntry<'a>> + use<'a> {
        let mut reader = Reader::new(HandshakeType::CERTIFICATE, self.entries);
        core::iter::from_fn(move || read_entry(&mut reader).ok())
    }

    /// Writes the whole message: the chain in `certificates`, without extensions.
    pub fn encode<C: AsRef<[u8]>>(
        out: &mut Vec<u8>,
        request_context: &[u8],
        certificates: impl IntoIterator<Item = C>,
    ) {
        write_message(out, HandshakeType::CERTIFICATE, |out| {
            write_vector(out, Prefix::U8, |out| out.extend_from_slice(request_context));
            write_vector(out, Prefix::U24, |out| {
                for certificate in certificates {
                    write_vector(out, Prefix::U24, |out| {
                        out.extend_from_slice(certificate.as_ref());
                    });
                    Extensions::default().encode(out);
                }
            });
        });
    }
}

fn read_entry<'a>(reader: &mut Reader<'a>) -> Result<CertificateEntry<'a>, DecodeError> {
    let certificate = reader.vector("certificate_list", Prefix::U24, 1..=0xff_ffff)?;
    let extensions = Extensions::read(reader, Place::Certificate)?;
    Ok(CertificateEntry { certificate, extensions })
}

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
            out.extend_from_slice(&self.algorithm.0.to_be_bytes());
            let [.., high, middle, low] = self.uncompressed_length.to_be_bytes();
            out.extend_from_slice(&[high, middle, low]);
            write_vector(out, Prefix::U24, |out| out.extend_from_slice(self.compressed));
        });
    }
}

/// The server asks for a client certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateRequest<'a> {
    /// Empty in a handshake; what identifies the request after it.
    pub request_context: &'a [u8],
    /// All extensions.
    pub extensions: Extensions<'a>,
    /// The schemes that the server takes. The extension must be there: its absence is left to the
    /// handshake, which answers with its own alert.
    pub signature_algorithms: Option<List<'a, SignatureScheme>>,
}

impl<'a> CertificateRequest<'a> {
    /// Parses the body of a CertificateRequest.
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(HandshakeType::CERTIFICATE_REQUEST, body);
        let request_context = reader.vector("certificate_request_context", Prefix::U8, 0..=255)?;
        let extensions = Extensions::read(&mut reader, Place::CertificateRequest)?;
        reader.finish("extensions")?;
        let signature_algorithms = match extensions.get(ExtensionType::SIGNATURE_ALGORITHMS) {
            Some(body) => {
                let mut body = reader.part(body);
                let list = body.list("signature_algorithms", Prefix::U16, 2..=0xfffe)?;
                body.finish("signature_algorithms")?;
                Some(list)
            }
            None => None,
        };
        Ok(Self { request_context, extensions, signature_algorithms })
    }

    /// Writes the whole message from the first two fields.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_message(out, HandshakeType::CERTIFICATE_REQUEST, |out| {
            write_vector(out, Prefix::U8, |out| out.extend_from_slice(self.request_context));
            self.extensions.encode(out);
        });
    }
}

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
            out.extend_from_slice(&self.algorithm.0.to_be_bytes());
            write_vector(out, Prefix::U16, |out| out.extend_from_slice(self.signature));
        });
    }
}
