//! The extensions: the table of RFC 9846, section 4.3.
//!
//! A new extension starts here: its code point in [`ExtensionType`] and its row in [`EXTENSION_TABLE`].

use crate::registry::registry;

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
    /// The messages in which it may stand.
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

/// The extensions of TLS 1.3, in the order in which the library writes them. The messages have the
/// abbreviations of section 4.3.
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
    row(E::KEY_SHARE, &[CH, SH, HRR]).written_by(Library).may_change_after_retry(),
    row(E::EARLY_DATA, &[CH, EE, NST]).written_by(Library).may_change_after_retry(),
    row(E::RECORD_SIZE_LIMIT, &[CH, EE]).written_by(Library),
    row(E::COMPRESS_CERTIFICATE, &[CH, CR]).written_by(Library),
    row(E::PRE_SHARED_KEY, &[CH, SH]).written_by(Library).may_change_after_retry(),
    row(E::SIGNATURE_ALGORITHMS_CERT, &[CH, CR]).written_by(Layout),
    row(E::CERTIFICATE_AUTHORITIES, &[CH, CR]).written_by(Layout),
    row(E::OID_FILTERS, &[CR]).written_by(Layout),
    row(E::MAX_FRAGMENT_LENGTH, &[CH, EE]).written_by(Layout),
    row(E::USE_SRTP, &[CH, EE]).written_by(Layout),
    row(E::HEARTBEAT, &[CH, EE]).written_by(Layout),
    row(E::QUIC_TRANSPORT_PARAMETERS, &[CH, EE]).written_by(Layout),
    row(E::PADDING, &[CH]).written_by(Layout).may_change_after_retry(),
    // The library does not know it: RFC 9849 alone says where it may stand. It may change for
    // servers that do not know it, too (section 6.1.5 there).
    row(E::ENCRYPTED_CLIENT_HELLO, &[CH, SH, HRR, EE, CR, CT, NST])
        .written_by(Layout)
        .may_change_after_retry(),
];

impl ExtensionType {
    fn row(self) -> Option<&'static ExtensionRow> {
        EXTENSION_TABLE.iter().find(|row| row.extension == self)
    }

    /// May the extension stand in this message? An extension without a row may stand anywhere: if
    /// it was not offered, the handshake refuses it.
    pub(crate) fn may_stand_in(self, message: ExtensionMessage) -> bool {
        self.row().is_none_or(|row| row.messages.contains(&message))
    }

    /// Must the library write the extension itself?
    pub(crate) fn is_reserved(self) -> bool {
        self.row().is_some_and(|row| row.writer == Writer::Library)
    }

    /// May the second ClientHello have other bytes in it than the first, or one of them none?
    pub(crate) fn may_change_after_retry(self) -> bool {
        self.row().is_some_and(|row| row.may_change_after_retry)
    }
}
