//! ServerHello (RFC 9846, section 4.2.3), and HelloRetryRequest, which has the same form (section
//! 4.2.4).

use super::codec::{
    DecodeError, DecodeReason, Prefix, Reader, write_bytes, write_u16, write_vector,
};
use super::extension_list::{Extensions, write_extension};
use super::extensions::{ExtensionMessage, ExtensionType};
use super::handshake_message::write_message;
use super::key_share::KeyShareEntry;
use crate::registry::{CipherSuiteId, HandshakeType, NamedGroup, ProtocolVersion};

/// The random of a HelloRetryRequest: the SHA-256 of "HelloRetryRequest" (section 4.2.3).
pub const HELLO_RETRY_REQUEST_RANDOM: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// A ServerHello, or the HelloRetryRequest that has the same form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerHello<'a> {
    /// Always 0x0303.
    pub legacy_version: ProtocolVersion,
    /// 32 random bytes, or [`HELLO_RETRY_REQUEST_RANDOM`].
    pub random: [u8; 32],
    /// The echo of the client's `legacy_session_id`.
    pub session_id: &'a [u8],
    /// The suite that the server chose.
    pub cipher_suite: CipherSuiteId,
    /// Must be zero.
    pub compression_method: u8,
    /// All extensions.
    pub extensions: Extensions<'a>,
    /// The version that the server chose.
    pub supported_version: Option<ProtocolVersion>,
    /// The server's key share: in a ServerHello only.
    pub key_share: Option<KeyShareEntry<'a>>,
    /// The group that a share is asked for: in a HelloRetryRequest only.
    pub selected_group: Option<NamedGroup>,
    /// What the client must send back: in a HelloRetryRequest only.
    pub cookie: Option<&'a [u8]>,
    /// The index of the PSK that the server chose: in a ServerHello only.
    pub selected_identity: Option<u16>,
    /// The PSK is used together with certificates (RFC 9973): in a ServerHello only.
    pub cert_with_extern_psk: bool,
}

impl<'a> ServerHello<'a> {
    /// Parses the body of a ServerHello or HelloRetryRequest (sections 4.2.3 and 4.3.1).
    ///
    /// # Errors
    /// When a field or an extension is malformed, or the RFC forbids an extension in this message.
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(HandshakeType::SERVER_HELLO, body);
        let legacy_version = ProtocolVersion(reader.u16("legacy_version")?);
        let random = *reader.array("random")?;
        let session_id = reader.vector("legacy_session_id_echo", Prefix::U8, 0..=32)?;
        let cipher_suite = CipherSuiteId(reader.u16("cipher_suite")?);
        let compression_method = reader.u8("legacy_compression_method")?;
        let retry = random == HELLO_RETRY_REQUEST_RANDOM;
        let extensions = if reader.is_empty() {
            Extensions::default()
        } else {
            read_extensions(&mut reader, retry)?
        };
        reader.finish("extensions")?;
        let mut hello = Self {
            legacy_version,
            random,
            session_id,
            cipher_suite,
            compression_method,
            extensions,
            ..Self::default()
        };
        extensions.read_bodies(&reader, |kind, body| hello.read_extension(kind, retry, body))?;
        Ok(hello)
    }

    fn read_extension(
        &mut self,
        kind: ExtensionType,
        retry: bool,
        body: &mut Reader<'a>,
    ) -> Result<(), DecodeError> {
        use ExtensionType as E;
        let field = kind.field();
        match kind {
            E::SUPPORTED_VERSIONS => {
                self.supported_version = Some(ProtocolVersion(body.u16(field)?));
            }
            E::KEY_SHARE if retry => self.selected_group = Some(NamedGroup(body.u16(field)?)),
            E::KEY_SHARE => self.key_share = Some(KeyShareEntry::read(body)?),
            E::COOKIE => self.cookie = Some(body.vector(field, Prefix::U16, 1..=0xffff)?),
            E::PRE_SHARED_KEY => self.selected_identity = Some(body.u16(field)?),
            E::TLS_CERT_WITH_EXTERN_PSK => self.cert_with_extern_psk = true,
            // A test lists the extensions of the table that are not read.
            _ => body.skip(),
        }
        Ok(())
    }

    /// Is it a HelloRetryRequest (section 4.2.3)?
    pub fn is_hello_retry_request(&self) -> bool {
        self.random == HELLO_RETRY_REQUEST_RANDOM
    }

    /// Writes the whole message from the first five fields and the parsed extensions; `extensions`
    /// is not looked at.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        write_message(out, HandshakeType::SERVER_HELLO, |out| {
            self.write_fields(out);
            write_vector(out, Prefix::U16, |out| self.write_extensions(out));
        });
    }

    /// Writes the fields before the extensions.
    fn write_fields(&self, out: &mut Vec<u8>) {
        write_u16(out, self.legacy_version);
        out.extend_from_slice(&self.random);
        write_bytes(out, Prefix::U8, self.session_id);
        write_u16(out, self.cipher_suite);
        out.push(self.compression_method);
    }

    fn write_extensions(&self, out: &mut Vec<u8>) {
        use ExtensionType as E;
        if let Some(index) = self.selected_identity {
            write_extension(out, E::PRE_SHARED_KEY, |out| write_u16(out, index));
        }
        if self.cert_with_extern_psk {
            write_extension(out, E::TLS_CERT_WITH_EXTERN_PSK, |_| {});
        }
        if let Some(share) = &self.key_share {
            write_extension(out, E::KEY_SHARE, |out| share.encode(out));
        }
        if let Some(group) = self.selected_group {
            write_extension(out, E::KEY_SHARE, |out| write_u16(out, group));
        }
        if let Some(cookie) = self.cookie {
            write_extension(out, E::COOKIE, |out| write_bytes(out, Prefix::U16, cookie));
        }
        if let Some(version) = self.supported_version {
            write_extension(out, E::SUPPORTED_VERSIONS, |out| write_u16(out, version));
        }
    }

    /// Writes the whole message from the first six fields.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_message(out, HandshakeType::SERVER_HELLO, |out| {
            self.write_fields(out);
            self.extensions.encode(out);
        });
    }
}

/// The table of section 4.3 applies to TLS 1.3 only. A server of TLS 1.2 answers with extensions of
/// TLS 1.2, and without supported_versions. The client's error must then name the version, and not
/// an extension.
fn read_extensions<'a>(
    reader: &mut Reader<'a>,
    retry: bool,
) -> Result<Extensions<'a>, DecodeError> {
    let place =
        if retry { ExtensionMessage::HelloRetryRequest } else { ExtensionMessage::ServerHello };
    let mut attempt = *reader;
    match Extensions::read(&mut attempt, place) {
        Err(error) if matches!(error.reason, DecodeReason::ForbiddenExtension(_)) => {
            let mut old = *reader;
            let extensions = Extensions::read(&mut old, ExtensionMessage::ClientHello)?;
            if extensions.get(ExtensionType::SUPPORTED_VERSIONS).is_some() {
                return Err(error);
            }
            *reader = old;
            Ok(extensions)
        }
        result => {
            *reader = attempt;
            result
        }
    }
}
