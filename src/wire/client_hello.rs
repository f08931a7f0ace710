//! ClientHello (RFC 9846, section 4.2.2) and the extensions that a server reads from it.

use super::certificate::OCSP;
use super::codec::{
    DecodeError, DecodeReason, List, Prefix, Reader, duplicate, write_bytes, write_u16,
    write_vector,
};
use super::debug::Body;
use super::extension_list::{Extensions, read_record_size_limit};
use super::extensions::{ExtensionMessage, ExtensionType};
use super::message::write_message;
use crate::registry::{
    CertificateCompressionAlgorithm, CipherSuiteId, HandshakeType, NamedGroup, ProtocolVersion,
    SignatureScheme,
};

/// A ClientHello. The extensions that TLS 1.3 gives a meaning to are parsed and checked; all of
/// them stand in `extensions`, in their order.
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
    /// The DNS name of the server (RFC 6066, section 3).
    pub server_name: Option<&'a [u8]>,
    /// Application protocols, the preferred one first (RFC 7301).
    pub application_protocols: Option<Names<'a>>,
    /// Versions, the preferred one first (section 4.3.1).
    pub supported_versions: Option<List<'a, ProtocolVersion>>,
    /// Groups, the preferred one first (section 4.3.7).
    pub supported_groups: Option<List<'a, NamedGroup>>,
    /// Schemes for CertificateVerify (section 4.3.3).
    pub signature_algorithms: Option<List<'a, SignatureScheme>>,
    /// Schemes for certificates, where they differ (section 4.3.3).
    pub signature_algorithms_cert: Option<List<'a, SignatureScheme>>,
    /// Key shares, the preferred one first (section 4.3.8).
    pub key_shares: Option<KeyShares<'a>>,
    /// The cookie of a HelloRetryRequest (section 4.3.2).
    pub cookie: Option<&'a [u8]>,
    /// How the client lets a PSK be used (section 4.3.9).
    pub psk_key_exchange_modes: Option<&'a [u8]>,
    /// Pre-shared keys (section 4.3.11).
    pub pre_shared_keys: Option<OfferedPsks<'a>>,
    /// 0-RTT data follows (section 4.3.10).
    pub early_data: bool,
    /// How many tickets the client wants of a new session, and of a resumed one (RFC 9149).
    pub ticket_request: Option<[u8; 2]>,
    /// The client can be asked for a certificate after the handshake (section 4.3.6).
    pub post_handshake_auth: bool,
    /// The authorities that the client takes certificates of (section 4.3.4).
    pub certificate_authorities: Option<Names<'a>>,
    /// The types of certificate that the client has, the preferred one first (RFC 7250).
    pub client_certificate_types: Option<&'a [u8]>,
    /// The types of certificate that the client takes, the preferred one first (RFC 7250).
    pub server_certificate_types: Option<&'a [u8]>,
    /// The client wants a stapled OCSP response (RFC 6066, section 8).
    pub wants_ocsp: bool,
    /// The client wants signed certificate timestamps (RFC 6962, section 3.3.1).
    pub wants_timestamps: bool,
    /// The most that the client takes in a protected record, in bytes (RFC 8449).
    pub record_size_limit: Option<u16>,
    /// Algorithms for compressed certificates (RFC 8879).
    pub compress_certificate: Option<List<'a, CertificateCompressionAlgorithm>>,
}

impl<'a> ClientHello<'a> {
    /// Parses the body of a ClientHello.
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(HandshakeType::CLIENT_HELLO, body);
        let legacy_version = ProtocolVersion(reader.u16("legacy_version")?);
        let random = *reader.array("random")?;
        let session_id = reader.vector("legacy_session_id", Prefix::U8, 0..=32)?;
        let cipher_suites = reader.list("cipher_suites", Prefix::U16)?;
        let compression_methods =
            reader.vector("legacy_compression_methods", Prefix::U8, 1..=255)?;
        // A client of TLS 1.2 may have no extensions at all: it is then told about its version.
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
            ..Self::default()
        };
        let mut last = None;
        for extension in extensions.iter() {
            hello.read_extension(extension.kind, reader.part(extension.body))?;
            last = Some(extension.kind);
        }
        if hello.pre_shared_keys.is_some() && last != Some(ExtensionType::PRE_SHARED_KEY) {
            let reason = DecodeReason::Value("it must be the last extension");
            return Err(reader.error("pre_shared_key", reason));
        }
        Ok(hello)
    }

    fn read_extension(
        &mut self,
        kind: ExtensionType,
        mut body: Reader<'a>,
    ) -> Result<(), DecodeError> {
        use ExtensionType as E;
        let field = kind.name().unwrap_or("extensions");
        match kind {
            E::SERVER_NAME => self.server_name = read_server_name(&mut body)?,
            E::APPLICATION_LAYER_PROTOCOL_NEGOTIATION => {
                self.application_protocols = Some(Names::read(&mut body, field, Prefix::U8)?);
            }
            E::SUPPORTED_VERSIONS => self.supported_versions = Some(body.list(field, Prefix::U8)?),
            E::SUPPORTED_GROUPS => self.supported_groups = Some(body.list(field, Prefix::U16)?),
            E::SIGNATURE_ALGORITHMS => {
                self.signature_algorithms = Some(body.list(field, Prefix::U16)?);
            }
            E::SIGNATURE_ALGORITHMS_CERT => {
                self.signature_algorithms_cert = Some(body.list(field, Prefix::U16)?);
            }
            E::KEY_SHARE => self.key_shares = Some(KeyShares::read(&mut body)?),
            E::COOKIE => self.cookie = Some(body.vector(field, Prefix::U16, 1..=0xffff)?),
            E::PSK_KEY_EXCHANGE_MODES => {
                self.psk_key_exchange_modes = Some(body.vector(field, Prefix::U8, 1..=255)?);
            }
            E::PRE_SHARED_KEY => self.pre_shared_keys = Some(OfferedPsks::read(&mut body)?),
            E::EARLY_DATA => self.early_data = true,
            E::TICKET_REQUEST => self.ticket_request = Some(*body.array(field)?),
            E::POST_HANDSHAKE_AUTH => self.post_handshake_auth = true,
            E::CERTIFICATE_AUTHORITIES => {
                self.certificate_authorities = Some(Names::read(&mut body, field, Prefix::U16)?);
            }
            E::CLIENT_CERTIFICATE_TYPE => {
                self.client_certificate_types = Some(body.vector(field, Prefix::U8, 1..=255)?);
            }
            E::SERVER_CERTIFICATE_TYPE => {
                self.server_certificate_types = Some(body.vector(field, Prefix::U8, 1..=255)?);
            }
            E::STATUS_REQUEST => {
                // Requests of other types have a form of their own, and mean nothing here.
                self.wants_ocsp = body.u8(field)? == OCSP;
                if !self.wants_ocsp {
                    return Ok(());
                }
                body.vector(field, Prefix::U16, 0..=0xffff)?;
                body.vector(field, Prefix::U16, 0..=0xffff)?;
            }
            E::SIGNED_CERTIFICATE_TIMESTAMP => self.wants_timestamps = true,
            E::RECORD_SIZE_LIMIT => {
                self.record_size_limit = Some(read_record_size_limit(&mut body)?);
            }
            E::COMPRESS_CERTIFICATE => {
                self.compress_certificate = Some(body.list(field, Prefix::U8)?);
            }
            _ => return Ok(()),
        }
        body.finish(field)
    }

    /// Writes the whole message from the first six fields; the parsed extensions are not looked at.
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

/// RFC 6066, section 3: a list that in practice has one entry, of the type host_name. Entries of
/// other types are passed over; a second host_name is an error.
fn read_server_name<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a [u8]>, DecodeError> {
    const HOST_NAME: u8 = 0;
    const FIELD: &str = "server_name";
    let bytes = reader.vector(FIELD, Prefix::U16, 1..=0xffff)?;
    let mut list = reader.part(bytes);
    let mut host_name = None;
    while !list.is_empty() {
        let kind = list.u8(FIELD)?;
        let name = list.vector(FIELD, Prefix::U16, 1..=0xffff)?;
        if kind == HOST_NAME && host_name.replace(name).is_some() {
            return Err(list.error(FIELD, DecodeReason::Duplicate("a host_name".into())));
        }
    }
    Ok(host_name)
}

/// Writes the body of a server_name extension with one DNS name.
pub(crate) fn write_server_name(out: &mut Vec<u8>, name: &[u8]) {
    write_vector(out, Prefix::U16, |out| {
        out.push(0);
        write_bytes(out, Prefix::U16, name);
    });
}

/// A list of names, none of them empty: application protocols of up to 255 bytes (RFC 7301,
/// section 3.1), or the DER of authorities' names (section 4.3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names<'a> {
    bytes: &'a [u8],
    prefix: Prefix,
}

impl<'a> Names<'a> {
    /// Reads the list, in which the length of each name takes `prefix` bytes.
    pub(crate) fn read(
        reader: &mut Reader<'a>,
        field: &'static str,
        prefix: Prefix,
    ) -> Result<Self, DecodeError> {
        let bytes = reader.vector(field, Prefix::U16, 2..=0xffff)?;
        let mut list = reader.part(bytes);
        while !list.is_empty() {
            list.vector(field, prefix, 1..=0xffff)?;
        }
        Ok(Self { bytes, prefix })
    }

    /// The names in the order of the message.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (mut reader, prefix) =
            (Reader::new(HandshakeType::CLIENT_HELLO, self.bytes), self.prefix);
        core::iter::from_fn(move || reader.vector("", prefix, 1..=0xffff).ok())
    }
}

/// Writes a list of names with its length; that of each name takes `prefix` bytes.
pub(crate) fn write_names<N: AsRef<[u8]>>(
    out: &mut Vec<u8>,
    prefix: Prefix,
    names: impl IntoIterator<Item = N>,
) {
    write_vector(out, Prefix::U16, |out| {
        for name in names {
            write_bytes(out, prefix, name.as_ref());
        }
    });
}

/// A group and a public key of it (section 4.3.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyShareEntry<'a> {
    /// The group.
    pub group: NamedGroup,
    /// The public key: 1 byte to 2^16-1.
    pub key_exchange: &'a [u8],
}

impl<'a> KeyShareEntry<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let group = NamedGroup(reader.u16("key_share")?);
        let key_exchange = reader.vector("key_share", Prefix::U16, 1..=0xffff)?;
        Ok(Self { group, key_exchange })
    }

    /// Writes the entry.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_u16(out, self.group);
        write_bytes(out, Prefix::U16, self.key_exchange);
    }
}

/// The key shares of a ClientHello: possibly none, which asks for a HelloRetryRequest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyShares<'a> {
    bytes: &'a [u8],
}

impl<'a> KeyShares<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let bytes = reader.vector("key_share", Prefix::U16, 0..=0xffff)?;
        let mut list = reader.part(bytes);
        let mut groups = Vec::with_capacity(4);
        while !list.is_empty() {
            groups.push(KeyShareEntry::read(&mut list)?.group.0);
        }
        if let Some(group) = duplicate(groups) {
            let reason = DecodeReason::Duplicate(NamedGroup(group).to_string());
            return Err(list.error("key_share", reason));
        }
        Ok(Self { bytes })
    }

    /// The shares in the order of the message.
    pub fn iter(&self) -> impl Iterator<Item = KeyShareEntry<'a>> + use<'a> {
        let mut reader = Reader::new(HandshakeType::CLIENT_HELLO, self.bytes);
        core::iter::from_fn(move || KeyShareEntry::read(&mut reader).ok())
    }
}

/// A mode of psk_key_exchange_modes: a key without a key exchange (section 4.3.9).
pub(crate) const PSK_KE: u8 = 0;
/// A mode of psk_key_exchange_modes: a key with a fresh key exchange.
pub(crate) const PSK_DHE_KE: u8 = 1;

/// One identity of a pre-shared key (section 4.3.11).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PskIdentity<'a> {
    /// A ticket, or a name that was agreed on.
    pub identity: &'a [u8],
    /// The age of the ticket in milliseconds plus `ticket_age_add`, modulo 2^32.
    pub obfuscated_ticket_age: u32,
}

/// The PSKs of a ClientHello, with a binder for each identity.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OfferedPsks<'a> {
    identities: &'a [u8],
    binders: &'a [u8],
}

impl<'a> OfferedPsks<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        const FIELD: &str = "pre_shared_key";
        let identities = reader.vector(FIELD, Prefix::U16, 7..=0xffff)?;
        let binders = reader.vector(FIELD, Prefix::U16, 33..=0xffff)?;
        let (mut left, mut right) = (reader.part(identities), reader.part(binders));
        let mut difference = 0_i32;
        while !left.is_empty() {
            read_identity(&mut left)?;
            difference += 1;
        }
        while !right.is_empty() {
            right.vector(FIELD, Prefix::U8, 32..=255)?;
            difference -= 1;
        }
        if difference != 0 {
            let reason = DecodeReason::Value("there must be one binder for each identity");
            return Err(reader.error(FIELD, reason));
        }
        Ok(Self { identities, binders })
    }

    /// Each identity with its binder, in the order of the message.
    pub fn iter(&self) -> impl Iterator<Item = (PskIdentity<'a>, &'a [u8])> + use<'a> {
        let mut identities = Reader::new(HandshakeType::CLIENT_HELLO, self.identities);
        let mut binders = Reader::new(HandshakeType::CLIENT_HELLO, self.binders);
        core::iter::from_fn(move || {
            let identity = read_identity(&mut identities).ok()?;
            Some((identity, binders.vector("", Prefix::U8, 32..=255).ok()?))
        })
    }

    /// The length in bytes of the binders with their length field: what the transcript of a
    /// binder leaves out of the ClientHello (section 4.3.11.2).
    pub fn binders_length(&self) -> usize {
        2 + self.binders.len()
    }
}

/// A list of one identity, with a binder of zeros: what a resolver is shown that is asked for this
/// key.
#[derive(Clone, Debug)]
pub(crate) struct OneIdentity {
    identities: Vec<u8>,
    binders: Vec<u8>,
}

impl OneIdentity {
    pub(crate) fn new(identity: &[u8]) -> Self {
        let (mut identities, mut binders) = (Vec::new(), Vec::new());
        write_bytes(&mut identities, Prefix::U16, identity);
        identities.extend_from_slice(&[0; 4]);
        write_bytes(&mut binders, Prefix::U8, &[0; 32]);
        Self { identities, binders }
    }

    pub(crate) fn offered(&self) -> OfferedPsks<'_> {
        OfferedPsks { identities: &self.identities, binders: &self.binders }
    }
}

fn read_identity<'a>(reader: &mut Reader<'a>) -> Result<PskIdentity<'a>, DecodeError> {
    let identity = reader.vector("pre_shared_key", Prefix::U16, 1..=0xffff)?;
    Ok(PskIdentity { identity, obfuscated_ticket_age: reader.u32("pre_shared_key")? })
}
