//! Certificate, CertificateRequest and CertificateVerify (RFC 9846, sections 4.4.2, 4.5.1 and
//! 4.5.2).

use super::client_hello::Names;
use super::codec::{
    DecodeError, DecodeReason, List, Prefix, Reader, write_bytes, write_u16, write_vector,
};
use super::extension_list::{Extensions, write_extension};
use super::extensions::{ExtensionMessage, ExtensionType};
use super::message::write_message;
use crate::registry::{CertificateCompressionAlgorithm, HandshakeType, SignatureScheme};

/// A certificate with its extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateEntry<'a> {
    /// The DER of the certificate, or of a SubjectPublicKeyInfo where raw public keys are used:
    /// 1 byte to 2^24-1.
    pub certificate: &'a [u8],
    /// A stapled OCSP response, certificate timestamps, and the like.
    pub extensions: Extensions<'a>,
}

impl<'a, T: AsRef<[u8]> + ?Sized> From<&'a T> for CertificateEntry<'a> {
    /// A certificate without extensions.
    fn from(certificate: &'a T) -> Self {
        Self { certificate: certificate.as_ref(), extensions: Extensions::default() }
    }
}

/// The `status_type` of OCSP: the only one there is (RFC 6066, section 8).
pub(crate) const OCSP: u8 = 1;

impl<'a> CertificateEntry<'a> {
    /// The OCSP response that is stapled to the certificate: 1 byte to 2^24-1 of DER (section
    /// 4.5.1.1). `None` where there is none.
    ///
    /// # Errors
    /// When the extension is malformed, or the status is of a type other than OCSP.
    pub fn ocsp_response(&self) -> Result<Option<&'a [u8]>, DecodeError> {
        const FIELD: &str = "status_request";
        let Some(body) = self.extensions.get(ExtensionType::STATUS_REQUEST) else {
            return Ok(None);
        };
        let mut reader = Reader::new(HandshakeType::CERTIFICATE, body);
        if reader.u8(FIELD)? != OCSP {
            return Err(reader.error(FIELD, DecodeReason::Value("its status_type is not ocsp")));
        }
        let response = reader.vector(FIELD, Prefix::U24, 1..=0xff_ffff)?;
        reader.finish(FIELD)?;
        Ok(Some(response))
    }

    /// The signed certificate timestamps that come with the certificate (RFC 6962, section 3.3),
    /// each 1 byte to 2^16-1; none where there is no such extension.
    ///
    /// # Errors
    /// When the extension is malformed.
    pub fn signed_certificate_timestamps(&self) -> Result<Vec<&'a [u8]>, DecodeError> {
        const FIELD: &str = "signed_certificate_timestamp";
        let Some(body) = self.extensions.get(ExtensionType::SIGNED_CERTIFICATE_TIMESTAMP) else {
            return Ok(Vec::new());
        };
        let mut reader = Reader::new(HandshakeType::CERTIFICATE, body);
        let timestamps = Names::read(&mut reader, FIELD, Prefix::U16)?;
        reader.finish(FIELD)?;
        Ok(timestamps.iter().collect())
    }
}

/// Writes the extension that carries an OCSP response.
pub(crate) fn write_ocsp_response(out: &mut Vec<u8>, response: &[u8]) {
    write_extension(out, ExtensionType::STATUS_REQUEST, |out| {
        out.push(OCSP);
        write_bytes(out, Prefix::U24, response);
    });
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

    /// Writes the whole message: the chain in `certificates`, the sender's own first.
    pub fn encode<'e, C: Into<CertificateEntry<'e>>>(
        out: &mut Vec<u8>,
        request_context: &[u8],
        certificates: impl IntoIterator<Item = C>,
    ) {
        write_message(out, HandshakeType::CERTIFICATE, |out| {
            write_bytes(out, Prefix::U8, request_context);
            write_vector(out, Prefix::U24, |out| {
                for entry in certificates.into_iter().map(Into::into) {
                    write_bytes(out, Prefix::U24, entry.certificate);
                    entry.extensions.encode(out);
                }
            });
        });
    }
}

fn read_entry<'a>(reader: &mut Reader<'a>) -> Result<CertificateEntry<'a>, DecodeError> {
    let certificate = reader.vector("certificate_list", Prefix::U24, 1..=0xff_ffff)?;
    let extensions = Extensions::read(reader, ExtensionMessage::Certificate)?;
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
            write_u16(out, self.algorithm);
            let [.., high, middle, low] = self.uncompressed_length.to_be_bytes();
            out.extend_from_slice(&[high, middle, low]);
            write_bytes(out, Prefix::U24, self.compressed);
        });
    }
}

/// The server asks for a client certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CertificateRequest<'a> {
    /// Empty in a handshake; what identifies the request after it.
    pub request_context: &'a [u8],
    /// All extensions.
    pub extensions: Extensions<'a>,
    /// The schemes that the server takes. The extension must be there: its absence is left to the
    /// handshake, which answers with its own alert.
    pub signature_algorithms: Option<List<'a, SignatureScheme>>,
    /// Schemes for certificates, where they differ (section 4.3.3).
    pub signature_algorithms_cert: Option<List<'a, SignatureScheme>>,
    /// The authorities that the server takes certificates of (section 4.3.4).
    pub certificate_authorities: Option<Names<'a>>,
    /// What the client's certificate must have in it (section 4.3.5).
    pub oid_filters: Option<OidFilters<'a>>,
}

impl<'a> CertificateRequest<'a> {
    /// Parses the body of a CertificateRequest.
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(HandshakeType::CERTIFICATE_REQUEST, body);
        let request_context = reader.vector("certificate_request_context", Prefix::U8, 0..=255)?;
        let extensions = Extensions::read(&mut reader, ExtensionMessage::CertificateRequest)?;
        let mut request = Self { request_context, extensions, ..Self::default() };
        for extension in extensions.iter() {
            let mut body = reader.part(extension.body);
            let field = extension.kind.name().unwrap_or("extensions");
            match extension.kind {
                ExtensionType::SIGNATURE_ALGORITHMS => {
                    request.signature_algorithms = Some(body.list(field, Prefix::U16)?);
                }
                ExtensionType::SIGNATURE_ALGORITHMS_CERT => {
                    request.signature_algorithms_cert = Some(body.list(field, Prefix::U16)?);
                }
                ExtensionType::CERTIFICATE_AUTHORITIES => {
                    let names = Names::read(&mut body, field, Prefix::U16)?;
                    request.certificate_authorities = Some(names);
                }
                ExtensionType::OID_FILTERS => {
                    request.oid_filters = Some(OidFilters::read(&mut body, field)?);
                }
                // Those of a request are empty (section 4.5.1.1; RFC 6962, section 3.3.1).
                ExtensionType::STATUS_REQUEST | ExtensionType::SIGNED_CERTIFICATE_TIMESTAMP => {}
                // Nothing is done with it, but it has to be well formed (RFC 8879, section 3).
                ExtensionType::COMPRESS_CERTIFICATE => {
                    body.list::<CertificateCompressionAlgorithm>(field, Prefix::U8)?;
                }
                _ => continue,
            }
            body.finish(field)?;
        }
        reader.finish("extensions")?;
        Ok(request)
    }

    /// Writes the whole message from the first two fields.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_message(out, HandshakeType::CERTIFICATE_REQUEST, |out| {
            write_bytes(out, Prefix::U8, self.request_context);
            self.extensions.encode(out);
        });
    }
}

/// What a client's certificate must have in it (section 4.3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OidFilters<'a> {
    bytes: &'a [u8],
}

impl<'a> OidFilters<'a> {
    fn read(reader: &mut Reader<'a>, field: &'static str) -> Result<Self, DecodeError> {
        let bytes = reader.vector(field, Prefix::U16, 0..=0xffff)?;
        let mut list = reader.part(bytes);
        let mut identifiers = Vec::new();
        while !list.is_empty() {
            identifiers.push(read_filter(&mut list)?.0);
        }
        identifiers.sort_unstable();
        if identifiers.windows(2).any(|pair| pair.first() == pair.last()) {
            let reason = DecodeReason::Duplicate("an object identifier".into());
            return Err(reader.error(field, reason));
        }
        Ok(Self { bytes })
    }

    /// The DER of an extension's object identifier, and that of the values it must have, in the
    /// order of the message.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let mut reader = Reader::new(HandshakeType::CERTIFICATE_REQUEST, self.bytes);
        core::iter::from_fn(move || read_filter(&mut reader).ok())
    }
}

fn read_filter<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8], &'a [u8]), DecodeError> {
    let identifier = reader.vector("oid_filters", Prefix::U8, 1..=255)?;
    Ok((identifier, reader.vector("oid_filters", Prefix::U16, 0..=0xffff)?))
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
            write_u16(out, self.algorithm);
            write_bytes(out, Prefix::U16, self.signature);
        });
    }
}
