//! The fields that are compared: their places in an account, and their names in tshark.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER_PERMISSIVE;
use handclasp_explain::{Code, Connection, Field, RecordState, Side};

/// What one of the two says about a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    pub bytes: Vec<u8>,
    /// The name of a code point, if it is known.
    pub name: Option<String>,
}

/// All readings of a field in what one side has sent, in their order.
pub type Readings = BTreeMap<Place, Vec<Reading>>;

/// A field in what one side of a connection has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The client's port, which is another one for each connection.
    pub port: u16,
    pub from_client: bool,
    /// The name that it has in tshark.
    pub field: &'static str,
}

/// A field of a message, and its name in tshark.
struct Row {
    /// The field that it is in; the message, or `*` for any, if it is in no other field.
    within: &'static str,
    name: &'static str,
    tshark: &'static str,
}

const fn row(within: &'static str, name: &'static str, tshark: &'static str) -> Row {
    Row { within, name, tshark }
}

const FIELDS: &[Row] = &[
    row("*", "msg_type", "tls.handshake.type"),
    row("*", "length", "tls.handshake.length"),
    row("*", "legacy_version", "tls.handshake.version"),
    row("*", "random", "tls.handshake.random"),
    row("legacy_session_id", "length", "tls.handshake.session_id_length"),
    row("legacy_session_id", "data", "tls.handshake.session_id"),
    row("legacy_session_id_echo", "length", "tls.handshake.session_id_length"),
    row("legacy_session_id_echo", "data", "tls.handshake.session_id"),
    row("cipher_suites", "length", "tls.handshake.cipher_suites_length"),
    row("cipher_suites", "cipher_suite", "tls.handshake.ciphersuite"),
    row("*", "cipher_suite", "tls.handshake.ciphersuite"),
    row("legacy_compression_methods", "length", "tls.handshake.comp_methods_length"),
    row("legacy_compression_methods", "data", "tls.handshake.comp_method"),
    row("*", "legacy_compression_method", "tls.handshake.comp_method"),
    row("extensions", "length", "tls.handshake.extensions_length"),
    row("extension", "extension_type", "tls.handshake.extension.type"),
    row("extension", "length", "tls.handshake.extension.len"),
    row("server_name_list", "length", "tls.handshake.extensions_server_name_list_len"),
    row("server_name_list", "name_type", "tls.handshake.extensions_server_name_type"),
    row("HostName", "length", "tls.handshake.extensions_server_name_len"),
    row("HostName", "data", "tls.handshake.extensions_server_name"),
    row("protocol_name_list", "length", "tls.handshake.extensions_alpn_len"),
    row("protocol_name", "length", "tls.handshake.extensions_alpn_str_len"),
    row("protocol_name", "data", "tls.handshake.extensions_alpn_str"),
    row("versions", "length", "tls.handshake.extensions.supported_versions_len"),
    row("versions", "version", "tls.handshake.extensions.supported_version"),
    row("extension", "selected_version", "tls.handshake.extensions.supported_version"),
    row("named_group_list", "length", "tls.handshake.extensions_supported_groups_length"),
    row("named_group_list", "group", "tls.handshake.extensions_supported_group"),
    row("supported_signature_algorithms", "length", "tls.handshake.sig_hash_alg_len"),
    row("supported_signature_algorithms", "scheme", "tls.handshake.sig_hash_alg"),
    row("client_shares", "length", "tls.handshake.extensions_key_share_client_length"),
    row("KeyShareEntry", "group", "tls.handshake.extensions_key_share_group"),
    row("key_exchange", "length", "tls.handshake.extensions_key_share_key_exchange_length"),
    row("key_exchange", "data", "tls.handshake.extensions_key_share_key_exchange"),
    row("extension", "selected_group", "tls.handshake.extensions_key_share_selected_group"),
    row("cookie", "length", "tls.handshake.extensions.cookie_len"),
    row("cookie", "data", "tls.handshake.extensions.cookie"),
    row("ke_modes", "length", "tls.extension.psk_ke_modes_length"),
    row("ke_modes", "ke_mode", "tls.extension.psk_ke_mode"),
    row("identities", "length", "tls.handshake.extensions.psk.identities.length"),
    row("identity", "length", "tls.handshake.extensions.psk.identity.identity_length"),
    row("identity", "data", "tls.handshake.extensions.psk.identity.identity"),
    row(
        "PskIdentity",
        "obfuscated_ticket_age",
        "tls.handshake.extensions.psk.identity.obfuscated_ticket_age",
    ),
    row("binders", "length", "tls.handshake.extensions.psk.binders_len"),
    row("extension", "selected_identity", "tls.handshake.extensions.psk.identity.selected"),
    row("extension", "max_early_data_size", "tls.early_data.max_early_data_size"),
    row("extension", "status_type", "tls.handshake.extensions_status_request_type"),
    row("responder_id_list", "length", "tls.handshake.extensions_status_request_responder_ids_len"),
    row("request_extensions", "length", "tls.handshake.extensions_status_request_exts_len"),
    row("extension", "RecordSizeLimit", "tls.record_size_limit"),
    row("algorithms", "length", "tls.compress_certificate.algorithms_length"),
    row("algorithms", "algorithm", "tls.compress_certificate.algorithm"),
    row("authorities", "length", "tls.handshake.dnames_len"),
    row("DistinguishedName", "length", "tls.handshake.dname_len"),
    row(
        "certificate_request_context",
        "length",
        "tls.handshake.certificate_request_context_length",
    ),
    row("certificate_request_context", "data", "tls.handshake.certificate_request_context"),
    row("certificate_list", "length", "tls.handshake.certificates_length"),
    row("cert_data", "length", "tls.handshake.certificate_length"),
    row("cert_data", "data", "tls.handshake.certificate"),
    row("CertificateVerify", "algorithm", "tls.handshake.sig_hash_alg"),
    row("signature", "length", "tls.handshake.client_cert_vrfy.sig_len"),
    row("signature", "data", "tls.handshake.client_cert_vrfy.sig"),
    row("CompressedCertificate", "algorithm", "tls.compress_certificate.algorithm"),
    row("*", "uncompressed_length", "tls.compress_certificate.uncompressed_length"),
    row(
        "compressed_certificate_message",
        "length",
        "tls.compress_certificate.compressed_certificate_message.length",
    ),
    row(
        "compressed_certificate_message",
        "data",
        "tls.compress_certificate.compressed_certificate_message",
    ),
    row("*", "ticket_lifetime", "tls.handshake.session_ticket_lifetime_hint"),
    row("*", "ticket_age_add", "tls.handshake.session_ticket_age_add"),
    row("ticket_nonce", "length", "tls.handshake.session_ticket_nonce_length"),
    row("ticket_nonce", "data", "tls.handshake.session_ticket_nonce"),
    row("ticket", "length", "tls.handshake.session_ticket_length"),
    row("ticket", "data", "tls.handshake.session_ticket"),
    row("*", "request_update", "tls.handshake.key_update.request_update"),
];

const OPAQUE_TYPE: &str = "tls.record.opaque_type";
pub const CONTENT_TYPE: &str = "tls.record.content_type";
const RECORD_LENGTH: &str = "tls.record.length";
const DESCRIPTION: &str = "tls.alert_message.desc";
const SERIAL_NUMBER: &str = "x509af.serialNumber";
const DNS_NAME: &str = "x509ce.dNSName";

/// The fields of records, alerts and certificates.
const OTHERS: [&str; 6] =
    [OPAQUE_TYPE, CONTENT_TYPE, RECORD_LENGTH, DESCRIPTION, SERIAL_NUMBER, DNS_NAME];

/// The field of this name in tshark, if it is compared.
pub fn compared(field: &str) -> Option<&'static str> {
    let of_messages = FIELDS.iter().map(|row| row.tshark);
    of_messages.chain(OTHERS).find(|name| *name == field)
}

/// What an account says.
pub fn of_account(connection: &Connection, readings: &mut Readings) {
    let client = connection.client.as_deref().unwrap();
    let port = client.rsplit(':').next().unwrap().parse().unwrap();
    let mut add = |sender: Side, field: &'static str, reading: Reading| {
        let place = Place { port, from_client: sender == Side::Client, field };
        readings.entry(place).or_default().push(reading);
    };
    for record in &connection.records {
        let mut number = |field, width: usize, number: u32, code: Option<Code>| {
            let name = code.and_then(|code| code.name).map(str::to_owned);
            let bytes = number.to_be_bytes()[4 - width..].to_vec();
            add(record.sender, field, Reading { bytes, name });
        };
        number(RECORD_LENGTH, 2, record.length as u32 - 5, None);
        let outer = record.outer_type;
        match record.state {
            RecordState::Plaintext => number(CONTENT_TYPE, 1, outer.code, Some(outer)),
            _ => number(OPAQUE_TYPE, 1, outer.code, Some(outer)),
        }
        if let (RecordState::Decrypted, Some(inner)) = (record.state, record.content_type) {
            number(CONTENT_TYPE, 1, inner.code, Some(inner));
        }
    }
    for message in &connection.messages {
        let mut found = Vec::new();
        for field in &message.fields {
            walk(&message.name, "*", field, &mut found);
        }
        for Found { name, field } in found {
            let bytes = message.bytes.0[field.range.start..field.range.end].to_vec();
            let code = field.code().and_then(|code| code.name);
            add(message.sender, name, Reading { bytes, name: code.map(str::to_owned) });
        }
    }
    for alert in &connection.alerts {
        let name = alert.description.name.map(str::to_owned);
        let bytes = vec![alert.description.code as u8];
        add(alert.sender, DESCRIPTION, Reading { bytes, name });
    }
    for list in &connection.certificates {
        for certificate in &list.certificates {
            let serial = certificate.serial.as_deref().unwrap();
            let bytes = HEXLOWER_PERMISSIVE.decode(serial.as_bytes()).unwrap();
            add(list.sender, SERIAL_NUMBER, Reading { bytes, name: None });
            for name in certificate.names.iter().filter(|name| name.kind == "dns") {
                let bytes = name.name.clone().into_bytes();
                add(list.sender, DNS_NAME, Reading { bytes, name: None });
            }
        }
    }
}

/// A field that is compared.
struct Found<'f> {
    /// In tshark.
    name: &'static str,
    field: &'f Field,
}

/// Finds the fields that are compared, in the order of their bytes.
fn walk<'f>(message: &str, parent: &str, field: &'f Field, found: &mut Vec<Found<'f>>) {
    if field.fields.is_empty() {
        let row = FIELDS.iter().find(|row| {
            let is_within = row.within == parent || (parent == "*" && row.within == message);
            is_within && row.name == field.name
        });
        if let Some(row) = row {
            found.push(Found { name: row.tshark, field });
        }
    }
    for inner in &field.fields {
        walk(message, field.name, inner, found);
    }
}
