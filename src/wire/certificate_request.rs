//! CertificateRequest (RFC 9846, section 4.4.2).

use super::codec::{
    DecodeError, DecodeReason, List, Prefix, Reader, checked_elements, write_bytes, write_codes,
    write_vector,
};
use super::extension_list::{Extensions, write_extension};
use super::extensions::{ExtensionMessage, ExtensionType};
use super::handshake_message::write_message;
use super::names::{Names, write_names};
use crate::registry::{CertificateCompressionAlgorithm, HandshakeType, SignatureScheme};

/// The server asks for a client certificate (section 4.4.2).
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
    ///
    /// # Errors
    /// When a field or an extension is malformed, or the RFC forbids an extension in this message.
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(HandshakeType::CERTIFICATE_REQUEST, body);
        let request_context = reader.vector("certificate_request_context", Prefix::U8, 0..=255)?;
        let extensions = Extensions::read(&mut reader, ExtensionMessage::CertificateRequest)?;
        let mut request = Self { request_context, extensions, ..Self::default() };
        extensions.read_bodies(&reader, |kind, body| request.read_extension(kind, body))?;
        reader.finish("extensions")?;
        Ok(request)
    }

    fn read_extension(
        &mut self,
        kind: ExtensionType,
        body: &mut Reader<'a>,
    ) -> Result<(), DecodeError> {
        use ExtensionType as E;
        let field = kind.field();
        match kind {
            E::SIGNATURE_ALGORITHMS => {
                self.signature_algorithms = Some(body.list(field, Prefix::U16)?);
            }
            E::SIGNATURE_ALGORITHMS_CERT => {
                self.signature_algorithms_cert = Some(body.list(field, Prefix::U16)?);
            }
            E::CERTIFICATE_AUTHORITIES => {
                self.certificate_authorities = Some(Names::read(body, field, Prefix::U16)?);
            }
            E::OID_FILTERS => self.oid_filters = Some(OidFilters::read(body, field)?),
            // Those of a request are empty (section 4.5.1.1; RFC 6962, section 3.3.1).
            E::STATUS_REQUEST | E::SIGNED_CERTIFICATE_TIMESTAMP => {}
            // Nothing is done with it, but it has to be well formed (RFC 8879, section 3).
            E::COMPRESS_CERTIFICATE => {
                body.list::<CertificateCompressionAlgorithm>(field, Prefix::U8)?;
            }
            // A test lists the extensions of the table that are not read.
            _ => body.skip(),
        }
        Ok(())
    }

    /// Writes the whole message from the first two fields.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_message(out, HandshakeType::CERTIFICATE_REQUEST, |out| {
            write_bytes(out, Prefix::U8, self.request_context);
            self.extensions.encode(out);
        });
    }
}

/// Writes the extensions of a CertificateRequest, without the length of the list. Authorities and
/// filters are left out where there are none. `staples` asks for a stapled OCSP response and for
/// certificate timestamps.
pub(crate) fn write_request_extensions(
    schemes: &[SignatureScheme],
    authorities: &[Vec<u8>],
    oid_filters: &[OidFilter<'_>],
    staples: bool,
) -> Vec<u8> {
    let mut out = Vec::new();
    write_extension(&mut out, ExtensionType::SIGNATURE_ALGORITHMS, |out| {
        write_codes(out, Prefix::U16, schemes.iter().copied());
    });
    write_authorities(&mut out, authorities);
    if !oid_filters.is_empty() {
        write_extension(&mut out, ExtensionType::OID_FILTERS, |out| {
            write_vector(out, Prefix::U16, |out| {
                oid_filters.iter().for_each(|filter| filter.write(out));
            });
        });
    }
    if staples {
        write_extension(&mut out, ExtensionType::STATUS_REQUEST, |_| {});
        write_extension(&mut out, ExtensionType::SIGNED_CERTIFICATE_TIMESTAMP, |_| {});
    }
    out
}

/// Writes the extension certificate_authorities (section 4.3.4), if there are some.
pub(crate) fn write_authorities(out: &mut Vec<u8>, authorities: &[Vec<u8>]) {
    if !authorities.is_empty() {
        write_extension(out, ExtensionType::CERTIFICATE_AUTHORITIES, |out| {
            write_names(out, Prefix::U16, authorities);
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
        let mut identifiers = Vec::new();
        for filter in reader.elements(bytes, OidFilter::read) {
            identifiers.push(filter?.identifier);
        }
        // There may be thousands.
        identifiers.sort_unstable();
        let has_duplicate = identifiers.windows(2).any(|pair| matches!(pair, [a, b] if a == b));
        if has_duplicate {
            let reason = DecodeReason::Duplicate("an object identifier".into());
            return Err(reader.error(field, reason));
        }
        Ok(Self { bytes })
    }

    /// The filters in the order of the message.
    pub fn iter(&self) -> impl Iterator<Item = OidFilter<'a>> + use<'a> {
        checked_elements(self.bytes, OidFilter::read)
    }
}

/// An extension that the client's certificate must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OidFilter<'a> {
    /// The DER of the extension's object identifier: 1 to 255 bytes.
    pub identifier: &'a [u8],
    /// The DER of the values that the extension must have: 0 to 2^16-1 bytes.
    pub values: &'a [u8],
}

impl<'a> OidFilter<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let identifier = reader.vector("oid_filters", Prefix::U8, 1..=255)?;
        let values = reader.vector("oid_filters", Prefix::U16, 0..=0xffff)?;
        Ok(Self { identifier, values })
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_bytes(out, Prefix::U8, self.identifier);
        write_bytes(out, Prefix::U16, self.values);
    }
}
