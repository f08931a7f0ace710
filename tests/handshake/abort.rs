//! An application ends a connection with an alert of its choice. A message that belongs to another
//! transport ends it, too.

use std::sync::Arc;

use handclasp::alert::AlertDescription as A;
use handclasp::config::{ExtensionLayout, LayoutItem};
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::{Handshake, Step};
use handclasp::pki_types::UnixTime;
use handclasp::transport::memory::exchange;
use handclasp::wire::ExtensionType;
use handclasp::{ClientConfig, ClientConnection, Connection, ErrorKind, ServerConnection};
use handclasp_testing::{Identity, deliver_outgoing, server_name};

#[test]
fn an_abort_after_the_handshake_reaches_the_peer_with_its_alert() {
    let identity = Identity::p256();
    for client_aborts in [false, true] {
        let (mut client, mut server) = identity.connections();
        exchange(&mut client, &mut server).unwrap();
        let (from, to): (&mut Connection, &mut Connection) = match client_aborts {
            true => (&mut client, &mut server),
            false => (&mut server, &mut client),
        };
        let error = from.abort(A::ACCESS_DENIED, "the account is closed");
        assert_eq!(error.alert_sent(), Some(A::ACCESS_DENIED));
        assert!(error.to_string().contains("the account is closed"), "{error}");
        assert_eq!(from.write(b"data").unwrap_err(), error);
        assert_eq!(from.abort(A::INTERNAL_ERROR, "again"), error, "the first stays");
        let received = deliver_outgoing(from, to).unwrap_err();
        assert_eq!(received.alert_received(), Some(A::ACCESS_DENIED));
        assert!(from.outgoing().is_empty());
    }
}

#[test]
fn an_abort_in_the_handshake_goes_under_the_keys_that_the_peer_has() {
    let identity = Identity::p256();
    let (mut client, mut server) = identity.connections();
    deliver_outgoing(&mut client, &mut server).unwrap();
    server.abort(A::HANDSHAKE_FAILURE, "not today");
    let received = deliver_outgoing(&mut server, &mut client).unwrap_err();
    assert_eq!(received.alert_received(), Some(A::HANDSHAKE_FAILURE));

    let (mut client, mut server) = identity.connections();
    client.abort(A::INTERNAL_ERROR, "before anything came");
    let received = deliver_outgoing(&mut client, &mut server).unwrap_err();
    assert_eq!(received.alert_received(), Some(A::INTERNAL_ERROR));
}

#[test]
fn what_is_no_error_is_not_sent_as_one() {
    let identity = Identity::p256();
    for alert in [A::CLOSE_NOTIFY, A::USER_CANCELED] {
        let (mut client, mut server) = identity.connections();
        exchange(&mut client, &mut server).unwrap();
        client.abort(alert, "a mistake");
        let received = deliver_outgoing(&mut client, &mut server).unwrap_err();
        assert_eq!(received.alert_received(), Some(A::GENERAL_ERROR));
    }
}

#[test]
fn nothing_is_sent_after_close_notify() {
    let identity = Identity::p256();
    let (mut client, mut server) = identity.connections();
    exchange(&mut client, &mut server).unwrap();
    client.close();
    let length = client.outgoing().len();
    client.abort(A::ACCESS_DENIED, "too late");
    assert_eq!(client.outgoing().len(), length);
}

/// A client that sends transport parameters of QUIC.
fn quic_client(identity: &Identity) -> Arc<ClientConfig> {
    let item = LayoutItem::Raw(ExtensionType::QUIC_TRANSPORT_PARAMETERS, vec![1, 1, 0]);
    let builder = ClientConfig::builder(CryptoProvider::default())
        .client_hello_layout(ExtensionLayout::new(vec![item]));
    Arc::new(builder.trust(identity.anchors()).unwrap().build().unwrap())
}

#[test]
fn a_server_refuses_transport_parameters_of_quic_over_each_transport_that_is_not_quic() {
    let identity = Identity::p256();
    let mut client = ClientConnection::new(quic_client(&identity), server_name());
    let mut server = ServerConnection::new(identity.server_config());
    let error = deliver_outgoing(&mut client, &mut server).unwrap_err();
    assert_eq!(error.alert_sent(), Some(A::UNSUPPORTED_EXTENSION));
    let extension = ExtensionType::QUIC_TRANSPORT_PARAMETERS;
    assert_eq!(error.kind(), &ErrorKind::OutsideQuic(extension));

    let now = UnixTime::now();
    let client = Handshake::client(quic_client(&identity), server_name(), now);
    let mut client = client.without_records().unwrap();
    let server = Handshake::server(identity.server_config(), now);
    let mut server = server.without_records().unwrap();
    let Some(Step::Send { level, bytes }) = client.next_step() else { panic!() };
    let error = server.receive(level, &bytes).unwrap_err();
    assert_eq!(error.alert_sent(), Some(A::UNSUPPORTED_EXTENSION));
    assert_eq!(error.kind(), &ErrorKind::OutsideQuic(extension));
}
