//! Certificate (RFC 9846, section 4.5.1).

use super::codec::{DecodeError, Prefix, Reader, checked_elements, write_bytes, write_vector};
use super::extension_list::{Extensions, write_extension};
use super::extensions::{ExtensionMessage, ExtensionType};
use super::handshake_message::write_message;
use super::names::{Names, write_names};
use super::status_request;
use crate::registry::HandshakeType;

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

impl<'a> CertificateEntry<'a> {
    /// The OCSP response that is stapled to the certificate: 1 byte to 2^24-1 of DER (section
    /// 4.5.1.1). `None` where there is none.
    ///
    /// # Errors
    /// When the extension is malformed, or the status is of a type other than OCSP.
    pub fn ocsp_response(&self) -> Result<Option<&'a [u8]>, DecodeError> {
        let Some(body) = self.extensions.get(ExtensionType::STATUS_REQUEST) else {
            return Ok(None);
        };
        let reader = Reader::new(HandshakeType::CERTIFICATE, body);
        status_request::read_response(reader).map(Some)
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

/// Writes the extension of a CertificateEntry that carries signed certificate timestamps.
pub(crate) fn write_timestamps<T: AsRef<[u8]>>(out: &mut Vec<u8>, timestamps: &[T]) {
    write_extension(out, ExtensionType::SIGNED_CERTIFICATE_TIMESTAMP, |out| {
        write_names(out, Prefix::U16, timestamps);
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
    ///
    /// # Errors
    /// When a field is malformed, or the RFC forbids an extension in an entry.
    /// What the extensions say is not looked at.
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(HandshakeType::CERTIFICATE, body);
        let request_context = reader.vector("certificate_request_context", Prefix::U8, 0..=255)?;
        let entries = reader.vector("certificate_list", Prefix::U24, 0..=0xff_ffff)?;
        reader.finish("certificate_list")?;
        for entry in reader.elements(entries, read_entry) {
            entry?;
        }
        Ok(Self { request_context, entries })
    }

    /// The certificates in the order of the message.
    pub fn entries(&self) -> impl Iterator<Item = CertificateEntry<'a>> + use<'a> {
        checked_elements(self.entries, read_entry)
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
