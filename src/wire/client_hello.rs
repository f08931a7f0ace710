//! ClientHello (RFC 9846, section 4.2.2).

use core::ops::Deref;

use pki_types::DnsName;

use super::codec::{DecodeError, List, Prefix, Reader, write_bytes, write_codes, write_u16};
use super::debug::Body;
use super::extension_list::{ExtensionWriter, Extensions, write_extensions};
use super::extensions::{ClientExtensions, ExtensionMessage};
use super::handshake_message::{MESSAGE_HEADER_LENGTH, write_message};
use crate::registry::{CipherSuiteId, HandshakeType, ProtocolVersion};

/// A ClientHello.
///
/// What the extensions say is in `known`, whose fields can be read as if they were fields of the
/// message: `hello.supported_groups`. All extensions are in `extensions`, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello<'a> {
    /// What was parsed; nothing in a ClientHello to be written.
    pub(crate) body: Body<'a>,
    /// Always 0x0303 from a TLS 1.3 client; the real versions are in `supported_versions`.
    pub legacy_version: ProtocolVersion,
    /// 32 random bytes.
    pub random: [u8; 32],
    /// 0 to 32 bytes, which the server echoes.
    pub session_id: &'a [u8],
    /// The suites that the client takes, the preferred one first.
    pub cipher_suites: List<'a, CipherSuiteId>,
    /// Must be a single zero in TLS 1.3.
    pub compression_methods: &'a [u8],
    /// All extensions.
    pub extensions: Extensions<'a>,
    /// What the extensions say that this library knows.
    pub known: ClientExtensions<'a>,
}

impl<'a> ClientHello<'a> {
    /// Parses the body of a ClientHello (section 4.2.2).
    ///
    /// # Errors
    /// When a field or an extension is malformed, the RFC forbids an extension in this message, or
    /// extensions follow pre_shared_key.
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(HandshakeType::CLIENT_HELLO, body);
        let legacy_version = ProtocolVersion(reader.u16("legacy_version")?);
        let random = *reader.array("random")?;
        let session_id = reader.vector("legacy_session_id", Prefix::U8, 0..=32)?;
        let cipher_suites = reader.list("cipher_suites", Prefix::U16)?;
        let compression_methods =
            reader.vector("legacy_compression_methods", Prefix::U8, 1..=255)?;
        // A client of TLS 1.2 may have no extensions at all: the server's error is then about its
        // version.
        let extensions = if reader.is_empty() {
            Extensions::default()
        } else {
            Extensions::read(&mut reader, ExtensionMessage::ClientHello)?
        };
        reader.finish("extensions")?;
        let mut hello = Self {
            body: Body(body),
            legacy_version,
            random,
            session_id,
            cipher_suites,
            compression_methods,
            extensions,
            known: ClientExtensions::default(),
        };
        // Into their place: they are large, and a move takes time.
        hello.known.read(extensions, &reader)?;
        Ok(hello)
    }

    /// The DNS name that the client requests: in lower case, and without a dot at its end. It is the
    /// server_name that [`PeerParameters`](crate::handshake::PeerParameters) has later.
    ///
    /// `None` if there is no server_name, or if it is no DNS name. RFC 6066, section 3, forbids IP
    /// addresses. Some clients send one all the same.
    ///
    /// Compare names with this one: clients write the same name in different ways. The bytes that the client
    /// has sent are in [`server_name`](ClientExtensions::server_name).
    pub fn dns_name(&self) -> Option<String> {
        let name = DnsName::try_from(self.server_name?).ok()?;
        let name: &str = name.as_ref();
        Some(name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase())
    }

    /// The whole message that it was parsed from.
    pub(crate) fn message_bytes(&self) -> Vec<u8> {
        let body = self.body.0;
        let mut bytes = Vec::with_capacity(MESSAGE_HEADER_LENGTH + body.len());
        write_message(&mut bytes, HandshakeType::CLIENT_HELLO, |out| out.extend_from_slice(body));
        bytes
    }

    /// Writes the whole message from the fields up to `extensions`; `known` is not looked at.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_message(out, HandshakeType::CLIENT_HELLO, |out| {
            write_u16(out, self.legacy_version);
            out.extend_from_slice(&self.random);
            write_bytes(out, Prefix::U8, self.session_id);
            write_bytes(out, Prefix::U16, self.cipher_suites.as_bytes());
            write_bytes(out, Prefix::U8, self.compression_methods);
            self.extensions.encode(out);
        });
    }
}

impl<'a> Deref for ClientHello<'a> {
    type Target = ClientExtensions<'a>;

    fn deref(&self) -> &Self::Target {
        &self.known
    }
}

/// Writes a whole ClientHello of TLS 1.3 with the extensions that `extensions` adds.
pub(crate) fn write_client_hello(
    out: &mut Vec<u8>,
    random: &[u8; 32],
    session_id: &[u8],
    cipher_suites: impl IntoIterator<Item = CipherSuiteId>,
    extensions: impl FnOnce(&mut ExtensionWriter<'_>),
) {
    write_message(out, HandshakeType::CLIENT_HELLO, |out| {
        write_u16(out, ProtocolVersion::TLS_1_2);
        out.extend_from_slice(random);
        write_bytes(out, Prefix::U8, session_id);
        write_codes(out, Prefix::U16, cipher_suites);
        // legacy_compression_methods: none but "null".
        write_bytes(out, Prefix::U8, &[0]);
        write_extensions(out, extensions);
    });
}
