//! What RFC 9001, section 8, demands of TLS, and what has no place in QUIC.

use std::sync::Arc;

use handclasp::config::{ClientConfigBuilder, ExtensionLayout, LayoutItem};
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::{Handshake, Step};
use handclasp::quic::error_code;
use handclasp::registry::HandshakeType;
use handclasp::wire::{ClientHello, ExtensionType, HandshakeMessage};
use handclasp::{ClientConfig, ErrorKind, Level, ServerConfig};
use handclasp_testing::sessions::{Pair, time};
use handclasp_testing::written::{extension, handshake_message, vector, vector16};
use handclasp_testing::{Identity, server_name};

use super::ends::{
    CLIENT_PARAMETERS, End, client_builder, client_with_sessions, configs, connected, run,
    server_builder,
};

const PROTOCOL_VIOLATION: u64 = 0x0a;
const UNEXPECTED_MESSAGE: u64 = 0x010a;
const MISSING_EXTENSION: u64 = 0x016d;
const NO_APPLICATION_PROTOCOL: u64 = 0x0178;

/// The ClientHello of a client that is not one of QUIC.
fn client_hello(builder: ClientConfigBuilder, has_records: bool) -> Vec<u8> {
    let config = Arc::new(builder.build().unwrap());
    let mut client = Handshake::client(config, server_name(), time(0));
    if has_records {
        client.start().unwrap();
    } else {
        client = client.without_records().unwrap();
    }
    let Some(Step::Send { bytes, .. }) = client.next_step() else { panic!() };
    bytes
}

/// With transport parameters.
fn layout() -> ExtensionLayout {
    let kind = ExtensionType::QUIC_TRANSPORT_PARAMETERS;
    ExtensionLayout::new(vec![LayoutItem::Raw(kind, CLIENT_PARAMETERS.to_vec())])
}

fn refused_by_server(identity: &Identity, client_hello: &[u8]) -> Option<u64> {
    let (_, server) = configs(identity);
    let mut server = End::server(&server, 0).connection;
    let error = server.receive(Level::Initial, 0, client_hello).unwrap_err();
    assert_eq!(server.check().unwrap_err(), error);
    error_code(&error)
}

#[test]
fn a_server_refuses_a_client_hello_that_is_not_one_of_quic() {
    let identity = Identity::p256();
    let without_parameters = client_hello(client_builder(&identity), false);
    assert_eq!(refused_by_server(&identity, &without_parameters), Some(MISSING_EXTENSION));

    let builder = ClientConfig::builder(CryptoProvider::default()).client_hello_layout(layout());
    let builder = builder.trust(identity.anchors()).unwrap();
    let without_protocol = client_hello(builder, false);
    assert_eq!(refused_by_server(&identity, &without_protocol), Some(NO_APPLICATION_PROTOCOL));

    let builder = client_builder(&identity).client_hello_layout(layout());
    let with_session_id = client_hello(builder, true);
    assert_eq!(refused_by_server(&identity, &with_session_id), Some(PROTOCOL_VIOLATION));
}

#[test]
fn a_server_refuses_a_client_without_a_common_protocol() {
    let identity = Identity::p256();
    let (_, server) = configs(&identity);
    let builder = ClientConfig::builder(CryptoProvider::default()).application_protocols(["hq"]);
    let client = Arc::new(builder.trust(identity.anchors()).unwrap().build().unwrap());
    let (mut client, mut server) = (End::client(&client, 0), End::server(&server, 0));
    let error = run(&mut client, &mut server).unwrap_err();
    assert_eq!(error_code(&error), Some(NO_APPLICATION_PROTOCOL));
}

/// The ClientHello of a client of QUIC, whose session ID is empty, as a server that is not one of QUIC
/// accepts it.
fn without_transport_parameters(client_hello: &[u8]) -> Vec<u8> {
    let extension = [&[0, 57, 0, 6][..], CLIENT_PARAMETERS].concat();
    let at = client_hello.windows(10).position(|window| window == extension).unwrap();
    let mut out = [&client_hello[..at], &client_hello[at + 10..]].concat();
    let length_of_suites = usize::from(out[40]);
    // The length of the message in three bytes, and that of the extensions in two.
    for last_byte in [3, 41 + length_of_suites + 3] {
        let length = u16::from_be_bytes([out[last_byte - 1], out[last_byte]]) - 10;
        out[last_byte - 1..=last_byte].copy_from_slice(&length.to_be_bytes());
    }
    out
}

#[test]
fn a_client_that_is_not_one_of_quic_sends_no_transport_parameters() {
    let identity = Identity::p256();
    for has_records in [false, true] {
        let message = client_hello(client_builder(&identity), has_records);
        let (message, _) = HandshakeMessage::split(&message).unwrap();
        assert_eq!(ClientHello::parse(message.body).unwrap().transport_parameters, None);
    }
}

/// What the client says to the flight of a server that is not one of QUIC.
fn refused_by_client(identity: &Identity, server: ServerConfig) -> ErrorKind {
    let (client, _) = configs(identity);
    let mut client = End::client(&client, 0);
    let server = Handshake::server(Arc::new(server), time(0));
    let mut server = server.without_records().unwrap();
    let hello = without_transport_parameters(&client.frames()[0].data);
    server.receive(Level::Initial, &hello).unwrap();
    while let Some(step) = server.next_step() {
        let Step::Send { level, bytes } = step else { continue };
        if let Err(error) = client.connection.receive(level, 0, &bytes) {
            let expected = match error.kind() {
                ErrorKind::MissingExtension { .. } => MISSING_EXTENSION,
                _ => NO_APPLICATION_PROTOCOL,
            };
            assert_eq!(error_code(&error), Some(expected));
            return error.kind().clone();
        }
    }
    panic!("the client has accepted the flight");
}

#[test]
fn a_client_refuses_a_server_without_protocol_or_parameters() {
    let identity = Identity::p256();
    let list = || Arc::new(CertificateList::new(vec![Arc::new(identity.certified_key())]));
    let without_parameters = server_builder().build(list()).unwrap();
    assert!(matches!(
        refused_by_client(&identity, without_parameters),
        ErrorKind::MissingExtension { .. }
    ));
    let without_protocol = ServerConfig::builder(CryptoProvider::default()).build(list()).unwrap();
    assert!(matches!(
        refused_by_client(&identity, without_protocol),
        ErrorKind::NoApplicationProtocol { .. }
    ));
}

#[test]
fn a_client_hello_has_nothing_that_is_for_records() {
    let identity = Identity::p256();
    let builder = client_builder(&identity)
        .record_size_limit(Some(2000))
        .post_handshake_authentication(true)
        .middlebox_compatibility(true);
    let mut client = End::client(&Arc::new(builder.build().unwrap()), 0);
    let frames = client.frames();
    let (message, rest) = HandshakeMessage::split(&frames[0].data).unwrap();
    assert!(rest.is_empty() && frames.len() == 1);
    let hello = ClientHello::parse(message.body).unwrap();
    assert!(hello.session_id.is_empty());
    assert_eq!(hello.record_size_limit, None);
    assert!(!hello.post_handshake_auth);
    assert_eq!(hello.transport_parameters, Some(CLIENT_PARAMETERS));
}

#[test]
fn messages_that_quic_does_not_have_are_refused() {
    let identity = Identity::p256();
    let (client_config, server_config) = configs(&identity);
    let key_update = [24, 0, 0, 1, 0];
    let certificate_request = [13, 0, 0, 11, 0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3];
    // RFC 9001, section 6, and section 4.4, which is about clients.
    for (message, codes) in [
        (&key_update[..], [UNEXPECTED_MESSAGE, UNEXPECTED_MESSAGE]),
        (&certificate_request, [PROTOCOL_VIOLATION, UNEXPECTED_MESSAGE]),
    ] {
        // The whole message, and its header.
        for message in [message, &message[..4]] {
            let ends = connected(&client_config, &server_config, 0);
            for (end, code) in ends.into_iter().zip(codes) {
                let mut connection = end.connection;
                let error = connection.receive(Level::Application, 0, message).unwrap_err();
                assert_eq!(error_code(&error), Some(code), "{error}");
            }
        }
    }
    let (mut client, mut server) = (End::client(&client_config, 0), End::server(&server_config, 0));
    server.receive(&client.frames()[0]).unwrap();
    let error = server.connection.receive(Level::Handshake, 0, &[5, 0, 0, 0]).unwrap_err();
    assert_eq!(error_code(&error), Some(UNEXPECTED_MESSAGE), "EndOfEarlyData: {error}");
}

#[test]
fn handshake_done_is_for_clients_that_have_completed_the_handshake() {
    let (client, server) = configs(&Identity::p256());
    let [_, mut server] = connected(&client, &server, 0);
    let error = server.connection.handshake_done().unwrap_err();
    assert_eq!(error_code(&error), Some(PROTOCOL_VIOLATION));
    let mut client = End::client(&client, 0).connection;
    let error = client.handshake_done().unwrap_err();
    assert_eq!(error_code(&error), Some(PROTOCOL_VIOLATION));
}

/// A NewSessionTicket with this max_early_data_size.
fn ticket(size: u32) -> Vec<u8> {
    let lifetime_and_age_add = [0, 0, 3, 232, 0, 0, 0, 7];
    let extensions = extension(ExtensionType::EARLY_DATA, &size.to_be_bytes());
    let body = [
        &lifetime_and_age_add[..],
        &vector(1, b"nonce"),
        &vector16(b"ticket"),
        &vector16(&extensions),
    ];
    handshake_message(HandshakeType::NEW_SESSION_TICKET, &body.concat())
}

#[test]
fn a_ticket_says_that_early_data_may_come_and_not_how_much() {
    // RFC 9001, section 4.6.1. A client without a store of sessions checks the ticket, too.
    let pair = Pair::new();
    let with_store = client_with_sessions(&pair);
    let without_store = Arc::new(client_builder(&pair.identity).build().unwrap());
    let server = pair.finish(pair.server_builder().application_protocols(["h3"]).tickets(0));
    for client in [with_store, without_store] {
        for (size, is_accepted) in [(u32::MAX, true), (0, false), (16_384, false), (1 << 31, false)]
        {
            let [client, _] = connected(&client, &server, 0);
            let mut client = client.connection;
            let received = client.receive(Level::Application, 0, &ticket(size));
            assert_eq!(received.is_ok(), is_accepted, "{size}: {received:?}");
            if let Err(error) = received {
                assert_eq!(error_code(&error), Some(PROTOCOL_VIOLATION));
            }
        }
    }
}
