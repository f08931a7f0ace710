use super::*;
use crate::wire::extensions::ExtensionMessage::{
    Certificate, CertificateRequest, ClientHello, EncryptedExtensions, HelloRetryRequest,
    NewSessionTicket, ServerHello,
};
use crate::wire::extensions::{EXTENSION_TABLE, ExtensionMessage};

/// The table of RFC 9846, section 4.3, in its order: name, code point, messages. The last three rows
/// are not in it: two are in the table of RFC 8446, section 4.2, only, because RFC 9846 leaves
/// extensions out that are not recommended or were replaced, and the last one is RFC 9973's.
const OF_THE_RFC: [(&str, u16, &str); 34] = [
    ("server_name", 0, "CH, EE, CR"),
    ("status_request", 5, "CH, CR, CT"),
    ("supported_groups", 10, "CH, EE"),
    ("signature_algorithms", 13, "CH, CR"),
    ("use_srtp", 14, "CH, EE"),
    ("heartbeat", 15, "CH, EE"),
    ("application_layer_protocol_negotiation", 16, "CH, EE"),
    ("client_certificate_type", 19, "CH, EE"),
    ("server_certificate_type", 20, "CH, EE"),
    ("padding", 21, "CH"),
    ("compress_certificate", 27, "CH, CR"),
    ("record_size_limit", 28, "CH, EE"),
    ("delegated_credential", 34, "CH, CR, CT"),
    ("supported_ekt_ciphers", 39, "CH, EE"),
    ("pre_shared_key", 41, "CH, SH"),
    ("early_data", 42, "CH, EE, NST"),
    ("supported_versions", 43, "CH, SH, HRR"),
    ("cookie", 44, "CH, HRR"),
    ("psk_key_exchange_modes", 45, "CH"),
    ("certificate_authorities", 47, "CH, CR"),
    ("oid_filters", 48, "CR"),
    ("post_handshake_auth", 49, "CH"),
    ("signature_algorithms_cert", 50, "CH, CR"),
    ("key_share", 51, "CH, SH, HRR"),
    ("transparency_info", 52, "CH, CR, CT"),
    ("external_id_hash", 55, "CH, EE"),
    ("external_session_id", 56, "CH, EE"),
    ("quic_transport_parameters", 57, "CH, EE"),
    ("ticket_request", 58, "CH, EE"),
    ("ech_outer_extensions", 0xfd00, "CH"),
    ("encrypted_client_hello", 0xfe0d, "CH, HRR, EE"),
    ("max_fragment_length", 1, "CH, EE"),
    ("signed_certificate_timestamp", 18, "CH, CR, CT"),
    ("tls_cert_with_extern_psk", 33, "CH, SH"),
];

/// Those that the second ClientHello may add, change or remove: RFC 9846, section 4.2.2, and for
/// the last one RFC 9849, section 6.1.5.
const MAY_CHANGE: [&str; 6] =
    ["key_share", "early_data", "cookie", "pre_shared_key", "padding", "encrypted_client_hello"];

/// Extensions of the RFC's table that this library treats as unknown all the same.
const TREATED_AS_UNKNOWN: [&str; 1] = ["encrypted_client_hello"];

const MESSAGES: [(&str, ExtensionMessage); 7] = [
    ("CH", ClientHello),
    ("SH", ServerHello),
    ("HRR", HelloRetryRequest),
    ("EE", EncryptedExtensions),
    ("CR", CertificateRequest),
    ("CT", Certificate),
    ("NST", NewSessionTicket),
];

#[test]
fn the_table_has_the_messages_that_the_rfc_has() {
    for (name, code, messages) in OF_THE_RFC {
        let extension = ExtensionType(code);
        let known = extension.name().is_some();
        assert!(!known || extension.name() == Some(name), "{code} is {name}");
        let messages: Vec<_> = messages.split(", ").collect();
        for (abbreviation, message) in MESSAGES {
            let unknown = !known || TREATED_AS_UNKNOWN.contains(&name);
            let expected = unknown || messages.contains(&abbreviation);
            assert_eq!(extension.is_allowed_in(message), expected, "{name} in {abbreviation}");
        }
    }
}

#[test]
fn each_row_is_of_an_rfc_or_for_private_use() {
    for (index, row) in EXTENSION_TABLE.iter().enumerate() {
        let extension = row.extension;
        let of_an_rfc = OF_THE_RFC.iter().any(|(_, code, _)| *code == extension.0);
        // RFC 9846, section 11: code points whose first byte is 255.
        assert!(of_an_rfc || extension.0 >> 8 == 0xff, "{extension} is in no RFC of this test");
        let earlier = &EXTENSION_TABLE[..index];
        assert!(earlier.iter().all(|other| other.extension != extension), "{extension} twice");
        assert!(extension.name().is_some(), "{extension} has no name");
    }
}

#[test]
fn a_retry_changes_what_the_rfc_lets_it_change() {
    for row in EXTENSION_TABLE {
        let name = row.extension.name().unwrap();
        let private = row.extension.0 >> 8 == 0xff;
        let expected = MAY_CHANGE.contains(&name);
        assert!(private || row.may_change_after_retry == expected, "{name}");
    }
}

/// Extensions of the table that the library allows in a message and does not look into.
const NOT_READ: [(ExtensionMessage, &[ExtensionType]); 7] = {
    use ExtensionType as E;
    // QUIC_TRANSPORT_PARAMETERS is handed on: QUIC reads what is in it.
    const UNKNOWN: &[E] = &[
        E::MAX_FRAGMENT_LENGTH,
        E::USE_SRTP,
        E::HEARTBEAT,
        E::QUIC_TRANSPORT_PARAMETERS,
        E::PADDING,
        E::ENCRYPTED_CLIENT_HELLO,
    ];
    [
        (ClientHello, UNKNOWN),
        (EncryptedExtensions, UNKNOWN),
        (ServerHello, &[E::ENCRYPTED_CLIENT_HELLO]),
        (HelloRetryRequest, &[E::ENCRYPTED_CLIENT_HELLO]),
        (CertificateRequest, &[E::SERVER_NAME, E::ENCRYPTED_CLIENT_HELLO]),
        (Certificate, &[E::ENCRYPTED_CLIENT_HELLO]),
        (NewSessionTicket, &[E::ENCRYPTED_CLIENT_HELLO]),
    ]
};

/// Parses a message with one extension, which has this body.
fn parse_with(
    message: ExtensionMessage,
    extension: ExtensionType,
    body: &[u8],
) -> Result<(), DecodeError> {
    let extensions = [(extension.0, body.to_vec())];
    let list = extension_list(&extensions);
    match message {
        ClientHello => crate::wire::ClientHello::parse(&client_hello(&extensions)).map(drop),
        ServerHello => crate::wire::ServerHello::parse(&server_hello(false, &extensions)).map(drop),
        HelloRetryRequest => {
            crate::wire::ServerHello::parse(&server_hello(true, &extensions)).map(drop)
        }
        EncryptedExtensions => crate::wire::EncryptedExtensions::parse(&list).map(drop),
        CertificateRequest => {
            crate::wire::CertificateRequest::parse(&[vec![0], list].concat()).map(drop)
        }
        Certificate => {
            let entry = [vec![0, 0, 1, 7], list].concat();
            let message = [vec![0, 0], vector16(&entry)].concat();
            let message = crate::wire::Certificate::parse(&message)?;
            let entry = message.entries().next().unwrap();
            entry.ocsp_response()?;
            entry.signed_certificate_timestamps().map(drop)
        }
        NewSessionTicket => {
            let ticket = [vec![0; 9], vec![0, 1, 7], list].concat();
            crate::wire::NewSessionTicket::parse(&ticket).map(drop)
        }
    }
}

/// A new row whose reader was forgotten fails here.
#[test]
fn each_extension_of_the_table_is_read_or_is_named_as_not_read() {
    // No extension has this form: as a list it is cut, and as a number it is too long.
    const MALFORMED: [u8; 3] = [1, 0xff, 0xff];
    for row in EXTENSION_TABLE {
        let extension = row.extension;
        for message in row.messages {
            let of_message = NOT_READ.iter().find(|(other, _)| other == message);
            let not_read =
                of_message.is_some_and(|(_, extensions)| extensions.contains(&extension));
            let refused = parse_with(*message, extension, &MALFORMED).is_err();
            assert_eq!(refused, !not_read, "{extension} in {message:?}");
        }
    }
}
