//! ServerHello and HelloRetryRequest (RFC 9846, sections 4.2.3 and 4.2.4), and
//! EncryptedExtensions (section 4.4.1).

use super::client_hello::{KeyShareEntry, Names};
use super::codec::{DecodeError, DecodeReason, List, Prefix, Reader, write_bytes, write_u16};
use super::extension_list::{Extensions, read_record_size_limit};
use super::extensions::{ExtensionMessage, ExtensionType};
use super::message::write_message;
use crate::registry::{CertificateType, CipherSuiteId, HandshakeType, NamedGroup, ProtocolVersion};

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
}

impl<'a> ServerHello<'a> {
    /// Parses the body of a ServerHello or HelloRetryRequest.
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
        for extension in extensions.iter() {
            hello.read_extension(extension.kind, retry, reader.part(extension.body))?;
        }
        Ok(hello)
    }

    fn read_extension(
        &mut self,
        kind: ExtensionType,
        retry: bool,
        mut body: Reader<'a>,
    ) -> Result<(), DecodeError> {
        use ExtensionType as E;
        let field = kind.name().unwrap_or("extensions");
        match kind {
            E::SUPPORTED_VERSIONS => {
                self.supported_version = Some(ProtocolVersion(body.u16(field)?));
            }
            E::KEY_SHARE if retry => self.selected_group = Some(NamedGroup(body.u16(field)?)),
            E::KEY_SHARE => self.key_share = Some(KeyShareEntry::read(&mut body)?),
            E::COOKIE => self.cookie = Some(body.vector(field, Prefix::U16, 1..=0xffff)?),
            E::PRE_SHARED_KEY => self.selected_identity = Some(body.u16(field)?),
            _ => return Ok(()),
        }
        body.finish(field)
    }

    /// Is it a HelloRetryRequest?
    pub fn is_hello_retry_request(&self) -> bool {
        self.random == HELLO_RETRY_REQUEST_RANDOM
    }

    /// Writes the whole message from the first six fields.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_message(out, HandshakeType::SERVER_HELLO, |out| {
            write_u16(out, self.legacy_version);
            out.extend_from_slice(&self.random);
            write_bytes(out, Prefix::U8, self.session_id);
            write_u16(out, self.cipher_suite);
            out.push(self.compression_method);
            self.extensions.encode(out);
        });
    }
}

/// The table of section 4.3 applies to TLS 1.3 only. A server that speaks TLS 1.2 answers with
/// extensions of its own; it has no supported_versions, and must be told about its version and
/// not about an extension.
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

/// EncryptedExtensions (section 4.4.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncryptedExtensions<'a> {
    /// All extensions.
    pub extensions: Extensions<'a>,
    /// The server used the name that it was asked for (RFC 6066, section 3).
    pub server_name: bool,
    /// The application protocol that the server chose (RFC 7301).
    pub application_protocol: Option<&'a [u8]>,
    /// The groups that the server prefers, for a later connection.
    pub supported_groups: Option<List<'a, NamedGroup>>,
    /// The server accepts the 0-RTT data.
    pub early_data: bool,
    /// How many tickets the server will send (RFC 9149).
    pub ticket_request: Option<u8>,
    /// The type of the client's certificate, where it was offered (RFC 7250).
    pub client_certificate_type: Option<CertificateType>,
    /// The type of the server's certificate, where it was offered (RFC 7250).
    pub server_certificate_type: Option<CertificateType>,
    /// The most that the server takes in a protected record, in bytes (RFC 8449).
    pub record_size_limit: Option<u16>,
}

impl<'a> EncryptedExtensions<'a> {
    /// Parses the body of an EncryptedExtensions.
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        use ExtensionType as E;
        let mut reader = Reader::new(HandshakeType::ENCRYPTED_EXTENSIONS, body);
        let extensions = Extensions::read(&mut reader, ExtensionMessage::EncryptedExtensions)?;
        reader.finish("extensions")?;
        let mut message = Self { extensions, ..Self::default() };
        for extension in extensions.iter() {
            let mut body = reader.part(extension.body);
            let field = extension.kind.name().unwrap_or("extensions");
            match extension.kind {
                E::SERVER_NAME => message.server_name = true,
                E::APPLICATION_LAYER_PROTOCOL_NEGOTIATION => {
                    let mut names = Names::read(&mut body, field, Prefix::U8)?.iter();
                    message.application_protocol = names.next();
                    if names.next().is_some() {
                        let reason = DecodeReason::Value("a server chooses one protocol");
                        return Err(body.error(field, reason));
                    }
                }
                E::SUPPORTED_GROUPS => {
                    message.supported_groups = Some(body.list(field, Prefix::U16)?);
                }
                E::EARLY_DATA => message.early_data = true,
                E::TICKET_REQUEST => message.ticket_request = Some(body.u8(field)?),
                E::CLIENT_CERTIFICATE_TYPE => {
                    message.client_certificate_type = Some(CertificateType(body.u8(field)?));
                }
                E::SERVER_CERTIFICATE_TYPE => {
                    message.server_certificate_type = Some(CertificateType(body.u8(field)?));
                }
                E::RECORD_SIZE_LIMIT => {
                    message.record_size_limit = Some(read_record_size_limit(&mut body)?);
                }
                _ => continue,
            }
            body.finish(field)?;
        }
        Ok(message)
    }

    /// Writes the whole message from `extensions`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_message(out, HandshakeType::ENCRYPTED_EXTENSIONS, |out| self.extensions.encode(out));
    }
}
