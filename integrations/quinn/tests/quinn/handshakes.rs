//! Handshakes, data, key updates, Retry, client certificates, and what must fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::PeerParameters;
use handclasp::pki_types::CertificateDer;
use handclasp::{Event, Observer, ServerConfig};
use handclasp_quinn::{QuicClientConfig, QuicServerConfig};
use handclasp_testing::Identity;
use handclasp_testing::numbers::varied_bytes;
use handclasp_testing::quic_sessions::complete;
use quinn::ConnectionError;

use crate::direct::{start_client, start_server};
use crate::peers::{
    NAME, PAIRS, People, Server, Tls, Wanted, client, client_endpoint, echo, long_identity,
    our_client, server,
};

const NO_APPLICATION_PROTOCOL: u64 = 0x0178;
const UNKNOWN_CA: u64 = 0x0130;

#[tokio::test(flavor = "multi_thread")]
async fn ten_mebibytes_go_both_ways_over_key_updates() {
    let (people, wanted) = (People::new(), Wanted::default());
    let data = varied_bytes(10 << 20, 7);
    for (client_tls, server_tls) in PAIRS {
        let mut peer = Server::start(server(server_tls, &people, &wanted), false);
        let endpoint = client_endpoint(client(client_tls, &people, &wanted));
        let connection = endpoint.connect(peer.address, NAME).unwrap().await.unwrap();
        let at_server = peer.connection().await;
        assert!(echo(&connection, &data).await == data, "{client_tls:?} {server_tls:?}");
        for end in [&connection, &at_server] {
            end.force_key_update();
            assert_eq!(echo(&connection, b"after a key update").await, b"after a key update");
        }
        let mut keys = [[0; 32]; 2];
        connection.export_keying_material(&mut keys[0], b"EXPORTER-test", b"context").unwrap();
        at_server.export_keying_material(&mut keys[1], b"EXPORTER-test", b"context").unwrap();
        assert_eq!(keys[0], keys[1]);
        connection.close(0_u32.into(), b"done");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn handshake_data_and_peer_identity_are_there() {
    let people = People::new();
    let wanted = Wanted { asks_clients: true, ..Wanted::default() };
    for (client_tls, server_tls) in PAIRS {
        let mut peer = Server::start(server(server_tls, &people, &wanted), false);
        let endpoint = client_endpoint(client(client_tls, &people, &wanted));
        let connection = endpoint.connect(peer.address, NAME).unwrap().await.unwrap();
        let at_server = peer.connection().await;
        for (tls, end, identity) in
            [(client_tls, &connection, &people.server), (server_tls, &at_server, &people.client)]
        {
            let peer = end.peer_identity().unwrap();
            let chain = peer.downcast::<Vec<CertificateDer<'static>>>().unwrap();
            assert_eq!(*chain, identity.chain);
            if tls == Tls::Handclasp {
                let parameters = end.handshake_data().unwrap();
                let parameters = parameters.downcast::<PeerParameters>().unwrap();
                assert_eq!(parameters.application_protocol.as_deref(), Some(&b"test/1"[..]));
                assert_eq!(parameters.server_name.as_deref(), Some(NAME));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hello_retry_request_and_a_retry_are_answered() {
    let people = People::new();
    for sends_retry in [false, true] {
        let wanted = Wanted { retries_group: true, sends_retry, ..Wanted::default() };
        for (client_tls, server_tls) in PAIRS {
            let peer = Server::start(server(server_tls, &people, &wanted), wanted.sends_retry);
            let endpoint = client_endpoint(client(client_tls, &people, &wanted));
            let connection = endpoint.connect(peer.address, NAME).unwrap().await.unwrap();
            assert_eq!(echo(&connection, b"hello").await, b"hello");
            if client_tls == Tls::Handclasp {
                let parameters = connection.handshake_data().unwrap();
                assert!(parameters.downcast::<PeerParameters>().unwrap().retried);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_cipher_suite_protects_packets() {
    let people = People::new();
    for suite in CryptoProvider::default().cipher_suites {
        let wanted = Wanted { cipher_suite: Some(suite.id), ..Wanted::default() };
        for (client_tls, server_tls) in PAIRS {
            let mut peer = Server::start(server(server_tls, &people, &wanted), false);
            let endpoint = client_endpoint(client(client_tls, &people, &wanted));
            let connection = endpoint.connect(peer.address, NAME).unwrap().await.unwrap();
            assert_eq!(echo(&connection, b"hello").await, b"hello");
            let at_server = peer.connection().await;
            for (tls, end) in [(client_tls, &connection), (server_tls, &at_server)] {
                if tls == Tls::Handclasp {
                    let parameters = end.handshake_data().unwrap();
                    let parameters = parameters.downcast::<PeerParameters>().unwrap();
                    assert_eq!(parameters.cipher_suite, Some(suite.id), "{tls:?}");
                }
            }
        }
    }
}

/// It is more than a server may send before it knows the client's address (RFC 9000, section 8.1).
#[tokio::test(flavor = "multi_thread")]
async fn a_long_certificate_arrives() {
    let (mut people, wanted) = (People::new(), Wanted::default());
    people.server = long_identity();
    for (client_tls, server_tls) in PAIRS {
        let peer = Server::start(server(server_tls, &people, &wanted), false);
        let endpoint = client_endpoint(client(client_tls, &people, &wanted));
        let connection = endpoint.connect(peer.address, NAME).unwrap().await.unwrap();
        assert_eq!(echo(&connection, b"hello").await, b"hello");
    }
}

/// The error of the client's handshake and that of the server's.
async fn failed(
    people_of_client: &People,
    people_of_server: &People,
    wanted: &Wanted,
    (client_tls, server_tls): (Tls, Tls),
) -> [ConnectionError; 2] {
    let mut peer = Server::start(server(server_tls, people_of_server, wanted), false);
    let endpoint = client_endpoint(client(client_tls, people_of_client, wanted));
    let connecting = endpoint.connect(peer.address, NAME).unwrap();
    let error = match connecting.await {
        Err(error) => error,
        // A client may be connected before the server refuses its certificate.
        Ok(connection) => connection.closed().await,
    };
    [error, peer.failures.recv().await.unwrap()]
}

/// One side has sent the error with this code, and the other has received it.
fn assert_code(errors: &[ConnectionError; 2], expected: u64) {
    let codes = errors.iter().map(|error| match error {
        ConnectionError::TransportError(sent) => u64::from(sent.code),
        ConnectionError::ConnectionClosed(received) => u64::from(received.error_code),
        other => panic!("{other}"),
    });
    assert_eq!(codes.collect::<Vec<_>>(), [expected; 2], "{errors:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_common_protocol_ends_the_handshake() {
    let people = People::new();
    let wanted = Wanted { client_protocol: "other", ..Wanted::default() };
    for pair in PAIRS {
        let errors = failed(&people, &people, &wanted, pair).await;
        assert_code(&errors, NO_APPLICATION_PROTOCOL);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_certificate_ends_the_handshake() {
    let people = People::new();
    let trusts_another = People { server: Identity::p256(), client: people.client.copy() };
    for pair in PAIRS {
        let errors = failed(&trusts_another, &people, &Wanted::default(), pair).await;
        if pair.0 == Tls::Handclasp {
            assert_code(&errors, UNKNOWN_CA);
        }
    }
    // And one of the client's.
    let wanted = Wanted { asks_clients: true, ..Wanted::default() };
    let has_another = People { server: people.server.copy(), client: Identity::p256() };
    for pair in PAIRS {
        let errors = failed(&has_another, &people, &wanted, pair).await;
        if pair.1 == Tls::Handclasp {
            assert_code(&errors, UNKNOWN_CA);
        }
    }
}

/// How many handshakes are complete.
#[derive(Clone, Default)]
struct Complete(Arc<AtomicUsize>);

impl Observer for Complete {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::HandshakeComplete(_) = event {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn each_connection_has_an_observer_of_its_configuration() {
    let (people, observer) = (People::new(), Complete::default());
    let complete_handshakes = observer.0.clone();
    let list = CertificateList::new(vec![Arc::new(people.server.certified_key())]);
    let config = ServerConfig::builder(CryptoProvider::default())
        .application_protocols(["test/1"])
        .observer(move |_| Box::new(observer.clone()))
        .build(Arc::new(list))
        .unwrap();
    let server = Arc::new(QuicServerConfig::new(Arc::new(config)).unwrap());
    let client = our_client(&people, &Wanted::default());
    let client = Arc::new(QuicClientConfig::new(client).unwrap());
    for count in 1..=2 {
        complete(&mut *start_client(&client), &mut *start_server(&server));
        assert_eq!(complete_handshakes.load(Ordering::Relaxed), count);
    }
}
