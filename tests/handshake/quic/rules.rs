//! What RFC 9001, section 8, demands of TLS, and what has no place in QUIC.

use std::sync::Arc;

use handclasp::config::{ClientConfigBuilder, ExtensionLayout, LayoutItem};
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::{Handshake, Step};
use handclasp::quic::error_code;
use handclasp::wire::{ClientHello, ExtensionType, HandshakeMessage};
use handclasp::{ClientConfig, ErrorKind, Level, ServerConfig};
use handclasp_testing::sessions::time;
use handclasp_testing::{Identity, server_name};

use super::ends::{
    CLIENT_PARAMETERS, End, client_builder, configs, connected, run, server_builder,
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

/// What the client says to the flight of a server that is not one of QUIC.
fn refused_by_client(identity: &Identity, server: ServerConfig) -> ErrorKind {
    let (client, _) = configs(identity);
    let mut client = End::client(&client, 0);
    let server = Handshake::server(Arc::new(server), time(0));
    let mut server = server.without_records().unwrap();
    server.receive(Level::Initial, &client.frames()[0].data).unwrap();
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
fn messages_that_quic_does_not_have_are_unexpected() {
    let identity = Identity::p256();
    let (client_config, server_config) = configs(&identity);
    let key_update = [24, 0, 0, 1, 0];
    let certificate_request = [13, 0, 0, 11, 0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3];
    for message in [&key_update[..], &certificate_request] {
        for end in connected(&client_config, &server_config, 0) {
            let mut connection = end.connection;
            let error = connection.receive(Level::Application, 0, message).unwrap_err();
            assert_eq!(error_code(&error), Some(UNEXPECTED_MESSAGE), "{error}");
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
