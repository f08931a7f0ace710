//! The extensions: the table of RFC 9846, section 4.3, and what a ClientHello and an
//! EncryptedExtensions say in them.
//!
//! A new extension is added here: its code point in [`ExtensionType`], its row in
//! [`EXTENSION_TABLE`], and for each of the two messages a field, an arm where it is read and a line
//! where it is written. `handshake/client/client_hello.rs` then says what the client offers, and
//! `handshake/server/` what the server answers.

use super::codec::{
    DecodeError, DecodeReason, List, Prefix, Reader, write_bytes, write_codes, write_u16,
    write_vector,
};
use super::extension_list::{ExtensionWriter, Extensions};
use super::key_share::{KeyShareEntry, KeyShares};
use super::names::{Names, write_names};
use super::pre_shared_key::{OfferedPsks, UnboundPsk, write_offered_psks};
use super::server_name::{read_server_name, write_server_name};
use super::status_request;
use super::ticket_request::TicketRequest;
use crate::registry::{
    CertificateCompressionAlgorithm, CertificateType, NamedGroup, ProtocolVersion, SignatureScheme,
    registry,
};

registry! {
    /// An extension's type (section 4.3).
    ExtensionType(u16);
    /// The name of the server that the client wants (RFC 6066).
    SERVER_NAME = 0, "server_name";
    /// A smaller record size (RFC 6066).
    MAX_FRAGMENT_LENGTH = 1, "max_fragment_length";
    /// OCSP stapling (RFC 6066).
    STATUS_REQUEST = 5, "status_request";
    /// The groups that the sender takes.
    SUPPORTED_GROUPS = 10, "supported_groups";
    /// The point formats of TLS 1.2.
    EC_POINT_FORMATS = 11, "ec_point_formats";
    /// The signature schemes that the sender takes.
    SIGNATURE_ALGORITHMS = 13, "signature_algorithms";
    /// SRTP profiles (RFC 5764).
    USE_SRTP = 14, "use_srtp";
    /// Heartbeats (RFC 6520).
    HEARTBEAT = 15, "heartbeat";
    /// The application protocols that the sender speaks (RFC 7301).
    APPLICATION_LAYER_PROTOCOL_NEGOTIATION = 16, "application_layer_protocol_negotiation";
    /// Certificate transparency (RFC 6962).
    SIGNED_CERTIFICATE_TIMESTAMP = 18, "signed_certificate_timestamp";
    /// Raw public keys of the client (RFC 7250).
    CLIENT_CERTIFICATE_TYPE = 19, "client_certificate_type";
    /// Raw public keys of the server (RFC 7250).
    SERVER_CERTIFICATE_TYPE = 20, "server_certificate_type";
    /// Zeros that make a ClientHello longer (RFC 7685).
    PADDING = 21, "padding";
    /// MAC after encryption in TLS 1.2.
    ENCRYPT_THEN_MAC = 22, "encrypt_then_mac";
    /// The extended master secret of TLS 1.2.
    EXTENDED_MASTER_SECRET = 23, "extended_master_secret";
    /// Certificate compression (RFC 8879).
    COMPRESS_CERTIFICATE = 27, "compress_certificate";
    /// The largest record that the sender takes (RFC 8449).
    RECORD_SIZE_LIMIT = 28, "record_size_limit";
    /// An external PSK is used together with certificates (RFC 9973).
    TLS_CERT_WITH_EXTERN_PSK = 33, "tls_cert_with_extern_psk";
    /// The tickets of TLS 1.2.
    SESSION_TICKET = 35, "session_ticket";
    /// Pre-shared keys and their binders.
    PRE_SHARED_KEY = 41, "pre_shared_key";
    /// 0-RTT data follows, or is accepted.
    EARLY_DATA = 42, "early_data";
    /// The versions that the client speaks, and the one chosen.
    SUPPORTED_VERSIONS = 43, "supported_versions";
    /// A server's state, carried by the client.
    COOKIE = 44, "cookie";
    /// How a PSK may be used.
    PSK_KEY_EXCHANGE_MODES = 45, "psk_key_exchange_modes";
    /// The authorities that the sender trusts.
    CERTIFICATE_AUTHORITIES = 47, "certificate_authorities";
    /// What a client certificate must have in it.
    OID_FILTERS = 48, "oid_filters";
    /// The client can be asked for a certificate later.
    POST_HANDSHAKE_AUTH = 49, "post_handshake_auth";
    /// The signature schemes that the sender takes in certificates.
    SIGNATURE_ALGORITHMS_CERT = 50, "signature_algorithms_cert";
    /// Key shares.
    KEY_SHARE = 51, "key_share";
    /// QUIC's parameters (RFC 9001).
    QUIC_TRANSPORT_PARAMETERS = 57, "quic_transport_parameters";
    /// How many tickets the client wants (RFC 9149).
    TICKET_REQUEST = 58, "ticket_request";
    /// Encrypted ClientHello (RFC 9849).
    ENCRYPTED_CLIENT_HELLO = 0xfe0d, "encrypted_client_hello";
    /// Secure renegotiation in TLS 1.2 (RFC 5746).
    RENEGOTIATION_INFO = 0xff01, "renegotiation_info";
}

/// The messages that carry extensions: the columns of the table in section 4.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExtensionMessage {
    ClientHello,
    ServerHello,
    HelloRetryRequest,
    EncryptedExtensions,
    CertificateRequest,
    Certificate,
    NewSessionTicket,
}

/// Who writes an extension into a ClientHello or an EncryptedExtensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writer {
    /// The library alone, because the handshake depends on the value. A layout gives its place.
    Library,
    /// The library, where no layout gives the bytes.
    LibraryOrLayout,
    /// A layout alone: the library has nothing to say in it.
    Layout,
}

/// A row of the table: an extension and the rules for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExtensionRow {
    pub(crate) extension: ExtensionType,
    /// The messages that may have it.
    pub(crate) messages: &'static [ExtensionMessage],
    pub(crate) writer: Writer,
    /// The second ClientHello may add, change or remove it (section 4.2.2). All other extensions
    /// stay as they are after a HelloRetryRequest.
    pub(crate) may_change_after_retry: bool,
}

/// A row with the usual rules: a layout may give the bytes, and the second ClientHello repeats them.
const fn row(extension: ExtensionType, messages: &'static [ExtensionMessage]) -> ExtensionRow {
    let writer = Writer::LibraryOrLayout;
    ExtensionRow { extension, messages, writer, may_change_after_retry: false }
}

impl ExtensionRow {
    const fn written_by(self, writer: Writer) -> Self {
        Self { writer, ..self }
    }

    const fn may_change_after_retry(self) -> Self {
        Self { may_change_after_retry: true, ..self }
    }
}

use ExtensionMessage::{
    Certificate as CT, CertificateRequest as CR, ClientHello as CH, EncryptedExtensions as EE,
    HelloRetryRequest as HRR, NewSessionTicket as NST, ServerHello as SH,
};
use ExtensionType as E;
use Writer::{Layout, Library};

/// The extensions of TLS 1.3, in the order in which the library writes them if neither a layout nor
/// GREASE says otherwise. The messages have the abbreviations of section 4.3.
#[rustfmt::skip]
pub(crate) const EXTENSION_TABLE: &[ExtensionRow] = &[
    // In a CertificateRequest it is RFC 9261's, and means nothing to a handshake.
    row(E::SERVER_NAME, &[CH, EE, CR]).written_by(Library),
    row(E::STATUS_REQUEST, &[CH, CR, CT]),
    row(E::SIGNED_CERTIFICATE_TIMESTAMP, &[CH, CR, CT]),
    row(E::CLIENT_CERTIFICATE_TYPE, &[CH, EE]),
    row(E::SERVER_CERTIFICATE_TYPE, &[CH, EE]),
    row(E::POST_HANDSHAKE_AUTH, &[CH]),
    row(E::SUPPORTED_GROUPS, &[CH, EE]),
    row(E::SIGNATURE_ALGORITHMS, &[CH, CR]),
    row(E::APPLICATION_LAYER_PROTOCOL_NEGOTIATION, &[CH, EE]).written_by(Library),
    row(E::SUPPORTED_VERSIONS, &[CH, SH, HRR]).written_by(Library),
    row(E::COOKIE, &[CH, HRR]).written_by(Library).may_change_after_retry(),
    row(E::PSK_KEY_EXCHANGE_MODES, &[CH]),
    row(E::TICKET_REQUEST, &[CH, EE]),
    row(E::TLS_CERT_WITH_EXTERN_PSK, &[CH, SH]).written_by(Library),
    row(E::KEY_SHARE, &[CH, SH, HRR]).written_by(Library).may_change_after_retry(),
    row(E::EARLY_DATA, &[CH, EE, NST]).written_by(Library).may_change_after_retry(),
    row(E::RECORD_SIZE_LIMIT, &[CH, EE]).written_by(Library),
    row(E::COMPRESS_CERTIFICATE, &[CH, CR]).written_by(Library),
    row(E::QUIC_TRANSPORT_PARAMETERS, &[CH, EE]),
    row(E::PRE_SHARED_KEY, &[CH, SH]).written_by(Library).may_change_after_retry(),
    row(E::SIGNATURE_ALGORITHMS_CERT, &[CH, CR]).written_by(Layout),
    row(E::CERTIFICATE_AUTHORITIES, &[CH, CR]).written_by(Layout),
    row(E::OID_FILTERS, &[CR]).written_by(Layout),
    row(E::MAX_FRAGMENT_LENGTH, &[CH, EE]).written_by(Layout),
    row(E::USE_SRTP, &[CH, EE]).written_by(Layout),
    row(E::HEARTBEAT, &[CH, EE]).written_by(Layout),
    row(E::PADDING, &[CH]).written_by(Layout).may_change_after_retry(),
    // The library does not know it: RFC 9849 alone says which messages may have it. It may change for
    // servers that do not know it, too (section 6.1.5 there).
    row(E::ENCRYPTED_CLIENT_HELLO, &[CH, SH, HRR, EE, CR, CT, NST])
        .written_by(Layout)
        .may_change_after_retry(),
];

impl ExtensionType {
    /// What errors call the extension.
    pub(super) fn field(self) -> &'static str {
        self.name().unwrap_or("extensions")
    }

    fn row(self) -> Option<&'static ExtensionRow> {
        EXTENSION_TABLE.iter().find(|row| row.extension == self)
    }

    /// May this message have the extension? An extension without a row is allowed in every message: if
    /// it was not offered, the handshake refuses it.
    pub(crate) fn is_allowed_in(self, message: ExtensionMessage) -> bool {
        self.row().is_none_or(|row| row.messages.contains(&message))
    }

    /// Must the library write the extension itself?
    pub(crate) fn is_reserved(self) -> bool {
        self.row().is_some_and(|row| row.writer == Writer::Library)
    }

    /// Whether the extension may differ between the two ClientHellos, or be in one of them only.
    pub(crate) fn may_change_after_retry(self) -> bool {
        self.row().is_some_and(|row| row.may_change_after_retry)
    }
}

/// The extensions that the library writes into a ClientHello, in their order. pre_shared_key is not
/// among them: it is always the last (section 4.3.11).
pub(crate) fn client_hello_order() -> impl Iterator<Item = ExtensionType> {
    EXTENSION_TABLE
        .iter()
        .filter(|row| row.messages.contains(&CH) && row.writer != Writer::Layout)
        .map(|row| row.extension)
        .filter(|extension| *extension != E::PRE_SHARED_KEY)
}

/// What a ClientHello says in its extensions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientExtensions<'a> {
    /// The DNS name of the server, as the client has written it (RFC 6066, section 3): with capitals, perhaps,
    /// or with a dot at its end. To compare it, take [`ClientHello::dns_name`](super::ClientHello::dns_name).
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
    /// The client would use one of its external PSKs together with certificates (RFC 9973).
    pub cert_with_extern_psk: bool,
    /// 0-RTT data follows (section 4.3.10).
    pub early_data: bool,
    /// How many tickets the client requests (RFC 9149).
    pub ticket_request: Option<TicketRequest>,
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
    /// The client's transport parameters (RFC 9001, section 8.2).
    pub transport_parameters: Option<&'a [u8]>,
}

impl<'a> ClientExtensions<'a> {
    /// Reads the extensions of the ClientHello that `message` reads.
    pub(super) fn read(
        &mut self,
        extensions: Extensions<'a>,
        message: &Reader<'a>,
    ) -> Result<(), DecodeError> {
        let mut last = None;
        extensions.read_bodies(message, |kind, body| {
            last = Some(kind);
            self.read_one(kind, body)
        })?;
        if let Some(offered) = &self.pre_shared_keys {
            offered.check_is_last(last == Some(E::PRE_SHARED_KEY), message)?;
        }
        Ok(())
    }

    /// Reads one extension (section 4.3). `check_form` in `handshake/server/selection.rs` checks which
    /// extensions must be there (section 9.2).
    fn read_one(&mut self, kind: ExtensionType, body: &mut Reader<'a>) -> Result<(), DecodeError> {
        let field = kind.field();
        match kind {
            E::SERVER_NAME => self.server_name = read_server_name(body)?,
            E::APPLICATION_LAYER_PROTOCOL_NEGOTIATION => {
                self.application_protocols = Some(Names::read(body, field, Prefix::U8)?);
            }
            E::SUPPORTED_VERSIONS => self.supported_versions = Some(body.list(field, Prefix::U8)?),
            E::SUPPORTED_GROUPS => self.supported_groups = Some(body.list(field, Prefix::U16)?),
            E::SIGNATURE_ALGORITHMS => {
                self.signature_algorithms = Some(body.list(field, Prefix::U16)?);
            }
            E::SIGNATURE_ALGORITHMS_CERT => {
                self.signature_algorithms_cert = Some(body.list(field, Prefix::U16)?);
            }
            E::KEY_SHARE => self.key_shares = Some(KeyShares::read(body)?),
            E::COOKIE => self.cookie = Some(body.vector(field, Prefix::U16, 1..=0xffff)?),
            E::PSK_KEY_EXCHANGE_MODES => {
                self.psk_key_exchange_modes = Some(body.vector(field, Prefix::U8, 1..=255)?);
            }
            E::PRE_SHARED_KEY => self.pre_shared_keys = Some(OfferedPsks::read(body)?),
            E::TLS_CERT_WITH_EXTERN_PSK => self.cert_with_extern_psk = true,
            E::EARLY_DATA => self.early_data = true,
            E::TICKET_REQUEST => self.ticket_request = Some(TicketRequest::read(body)?),
            E::POST_HANDSHAKE_AUTH => self.post_handshake_auth = true,
            E::CERTIFICATE_AUTHORITIES => {
                self.certificate_authorities = Some(Names::read(body, field, Prefix::U16)?);
            }
            E::CLIENT_CERTIFICATE_TYPE => {
                self.client_certificate_types = Some(body.vector(field, Prefix::U8, 1..=255)?);
            }
            E::SERVER_CERTIFICATE_TYPE => {
                self.server_certificate_types = Some(body.vector(field, Prefix::U8, 1..=255)?);
            }
            E::STATUS_REQUEST => self.wants_ocsp = status_request::read_request(body)?,
            E::SIGNED_CERTIFICATE_TIMESTAMP => self.wants_timestamps = true,
            E::RECORD_SIZE_LIMIT => self.record_size_limit = Some(read_record_size_limit(body)?),
            E::COMPRESS_CERTIFICATE => {
                self.compress_certificate = Some(body.list(field, Prefix::U8)?);
            }
            E::QUIC_TRANSPORT_PARAMETERS => self.transport_parameters = Some(body.rest()),
            // A test lists the extensions of the table that are not read.
            _ => body.skip(),
        }
        Ok(())
    }
}

/// The extensions of a ClientHello, each in the form that [`ClientExtensions`] reads.
impl ExtensionWriter<'_> {
    pub(crate) fn server_name(&mut self, name: &str) {
        self.add(E::SERVER_NAME, |out| write_server_name(out, name.as_bytes()));
    }

    pub(crate) fn status_request(&mut self) {
        self.add(E::STATUS_REQUEST, status_request::write_request);
    }

    pub(crate) fn signed_certificate_timestamp(&mut self) {
        self.add(E::SIGNED_CERTIFICATE_TIMESTAMP, |_| {});
    }

    /// `kind` is client_certificate_type or server_certificate_type.
    pub(crate) fn certificate_types(&mut self, kind: ExtensionType, types: &[CertificateType]) {
        self.add(kind, |out| {
            write_vector(out, Prefix::U8, |out| out.extend(types.iter().map(|it| it.0)));
        });
    }

    pub(crate) fn post_handshake_auth(&mut self) {
        self.add(E::POST_HANDSHAKE_AUTH, |_| {});
    }

    pub(crate) fn supported_groups(&mut self, groups: impl Iterator<Item = NamedGroup>) {
        self.add(E::SUPPORTED_GROUPS, |out| write_codes(out, Prefix::U16, groups));
    }

    pub(crate) fn signature_algorithms(&mut self, schemes: impl Iterator<Item = SignatureScheme>) {
        self.add(E::SIGNATURE_ALGORITHMS, |out| write_codes(out, Prefix::U16, schemes));
    }

    pub(crate) fn application_protocols<P: AsRef<[u8]>>(&mut self, protocols: &[P]) {
        self.add(E::APPLICATION_LAYER_PROTOCOL_NEGOTIATION, |out| {
            write_names(out, Prefix::U8, protocols);
        });
    }

    pub(crate) fn supported_versions(&mut self, versions: impl Iterator<Item = ProtocolVersion>) {
        self.add(E::SUPPORTED_VERSIONS, |out| write_codes(out, Prefix::U8, versions));
    }

    pub(crate) fn cookie(&mut self, cookie: &[u8]) {
        self.add(E::COOKIE, |out| write_bytes(out, Prefix::U16, cookie));
    }

    pub(crate) fn psk_key_exchange_modes(&mut self, modes: &[u8]) {
        self.add(E::PSK_KEY_EXCHANGE_MODES, |out| write_bytes(out, Prefix::U8, modes));
    }

    pub(crate) fn ticket_request(&mut self, request: TicketRequest) {
        self.add(E::TICKET_REQUEST, |out| request.write(out));
    }

    pub(crate) fn key_shares<'s>(&mut self, shares: impl Iterator<Item = KeyShareEntry<'s>>) {
        self.add(E::KEY_SHARE, |out| {
            write_vector(out, Prefix::U16, |out| shares.for_each(|share| share.encode(out)));
        });
    }

    pub(crate) fn cert_with_extern_psk(&mut self) {
        self.add(E::TLS_CERT_WITH_EXTERN_PSK, |_| {});
    }

    pub(crate) fn early_data(&mut self) {
        self.add(E::EARLY_DATA, |_| {});
    }

    pub(crate) fn record_size_limit(&mut self, limit: u16) {
        self.add(E::RECORD_SIZE_LIMIT, |out| write_u16(out, limit));
    }

    pub(crate) fn compress_certificate(
        &mut self,
        algorithms: impl Iterator<Item = CertificateCompressionAlgorithm>,
    ) {
        self.add(E::COMPRESS_CERTIFICATE, |out| write_codes(out, Prefix::U8, algorithms));
    }

    pub(crate) fn transport_parameters(&mut self, parameters: &[u8]) {
        self.add(E::QUIC_TRANSPORT_PARAMETERS, |out| out.extend_from_slice(parameters));
    }

    /// With zeros where the binders will be.
    pub(crate) fn pre_shared_keys<'p>(
        &mut self,
        psks: impl Iterator<Item = UnboundPsk<'p>> + Clone,
    ) {
        self.add(E::PRE_SHARED_KEY, |out| write_offered_psks(out, psks));
    }
}

/// What an EncryptedExtensions says in its extensions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerExtensions<'a> {
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
    /// The server's transport parameters (RFC 9001, section 8.2).
    pub transport_parameters: Option<&'a [u8]>,
}

impl<'a> ServerExtensions<'a> {
    /// Reads the extensions of the EncryptedExtensions that `message` reads.
    pub(super) fn read(
        extensions: Extensions<'a>,
        message: &Reader<'a>,
    ) -> Result<Self, DecodeError> {
        let mut known = Self::default();
        extensions.read_bodies(message, |kind, body| known.read_one(kind, body))?;
        Ok(known)
    }

    fn read_one(&mut self, kind: ExtensionType, body: &mut Reader<'a>) -> Result<(), DecodeError> {
        let field = kind.field();
        match kind {
            E::SERVER_NAME => self.server_name = true,
            E::APPLICATION_LAYER_PROTOCOL_NEGOTIATION => {
                let mut names = Names::read(body, field, Prefix::U8)?.iter();
                self.application_protocol = names.next();
                if names.next().is_some() {
                    let reason = DecodeReason::Value("a server chooses one protocol");
                    return Err(body.error(field, reason));
                }
            }
            E::SUPPORTED_GROUPS => self.supported_groups = Some(body.list(field, Prefix::U16)?),
            E::EARLY_DATA => self.early_data = true,
            E::TICKET_REQUEST => self.ticket_request = Some(body.u8(field)?),
            E::CLIENT_CERTIFICATE_TYPE => {
                self.client_certificate_type = Some(CertificateType(body.u8(field)?));
            }
            E::SERVER_CERTIFICATE_TYPE => {
                self.server_certificate_type = Some(CertificateType(body.u8(field)?));
            }
            E::RECORD_SIZE_LIMIT => self.record_size_limit = Some(read_record_size_limit(body)?),
            E::QUIC_TRANSPORT_PARAMETERS => self.transport_parameters = Some(body.rest()),
            // A test lists the extensions of the table that are not read.
            _ => body.skip(),
        }
        Ok(())
    }

    /// Writes the extensions, in the order of [`EXTENSION_TABLE`].
    pub(crate) fn write(&self, out: &mut ExtensionWriter<'_>) {
        // Each field is named, so that none is forgotten.
        let Self {
            server_name,
            client_certificate_type,
            server_certificate_type,
            supported_groups,
            application_protocol,
            ticket_request,
            early_data,
            record_size_limit,
            transport_parameters,
        } = *self;
        if server_name {
            out.add(E::SERVER_NAME, |_| {});
        }
        if let Some(chosen) = client_certificate_type {
            out.add(E::CLIENT_CERTIFICATE_TYPE, |out| out.push(chosen.0));
        }
        if let Some(chosen) = server_certificate_type {
            out.add(E::SERVER_CERTIFICATE_TYPE, |out| out.push(chosen.0));
        }
        if let Some(groups) = supported_groups {
            out.supported_groups(groups.iter());
        }
        if let Some(protocol) = application_protocol {
            out.application_protocols(&[protocol]);
        }
        if let Some(count) = ticket_request {
            out.add(E::TICKET_REQUEST, |out| out.push(count));
        }
        if early_data {
            out.early_data();
        }
        if let Some(limit) = record_size_limit {
            out.record_size_limit(limit);
        }
        if let Some(parameters) = transport_parameters {
            out.transport_parameters(parameters);
        }
    }
}

/// The value of record_size_limit: at least 64 (RFC 8449, section 4).
fn read_record_size_limit(body: &mut Reader<'_>) -> Result<u16, DecodeError> {
    const FIELD: &str = "record_size_limit";
    match body.u16(FIELD)? {
        0..64 => Err(body.error(FIELD, DecodeReason::Value("it must be 64 or more"))),
        limit => Ok(limit),
    }
}
