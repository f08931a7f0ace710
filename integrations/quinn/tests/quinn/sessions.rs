//! Resumption and 0-RTT data.

use std::sync::Arc;
use std::time::Duration;

use handclasp::handshake::{EarlyData, PeerParameters};
use handclasp::key_schedule::PskKind;
use handclasp_quinn::{QuicClientConfig, QuicServerConfig};
use handclasp_testing::quic_sessions::complete;
use handclasp_testing::slow_path::HeldPath;
use quinn::{Connection, Endpoint, ReadError, TransportConfig, WriteError, ZeroRttAccepted};
use tokio::time::timeout;

use crate::direct::{flight, receive, start_client, start_server};
use crate::peers::{
    NAME, PAIRS, People, Server, Tls, Wanted, client, client_endpoint, echo, our_client,
    our_server, server,
};

/// A first connection, on which the client gets its tickets.
async fn meet(endpoint: &Endpoint, server: &Server) {
    let connection = endpoint.connect(server.address, NAME).unwrap().await.unwrap();
    assert_eq!(echo(&connection, b"first").await, b"first");
    connection.close(0_u32.into(), b"done");
    endpoint.wait_idle().await;
}

fn parameters(connection: &Connection) -> PeerParameters {
    *connection.handshake_data().unwrap().downcast().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_resumed_with_0_rtt_data_and_the_answer_comes_back() {
    let (people, wanted) = (People::new(), Wanted::default());
    for (client_tls, server_tls) in PAIRS {
        let mut peer = Server::start(server(server_tls, &people, &wanted), false);
        let endpoint = client_endpoint(client(client_tls, &people, &wanted));
        meet(&endpoint, &peer).await;
        peer.connection().await;
        let connecting = endpoint.connect(peer.address, NAME).unwrap();
        let (connection, accepted) = connecting.into_0rtt().unwrap();
        let answer = timeout(Duration::from_secs(10), echo(&connection, b"early")).await.unwrap();
        assert_eq!(answer, b"early");
        assert!(accepted.await, "{client_tls:?} {server_tls:?}");
        let at_server = peer.connection().await;
        for (tls, end) in [(client_tls, &connection), (server_tls, &at_server)] {
            if tls == Tls::Handclasp {
                let parameters = parameters(end);
                assert_eq!(parameters.pre_shared_key, Some(PskKind::Resumption));
                assert_eq!(parameters.early_data, EarlyData::Accepted);
            }
        }
    }
}

/// More than the peer's limits allow before the handshake is complete.
const TOO_MUCH: usize = 32 << 20;

/// A client gets a session of a server that accepts 0-RTT data, and resumes it at one that rejects them. Returns
/// the connection, on which the data were sent again.
async fn send_rejected_data(
    client_tls: Tls,
    server_tls: Tls,
    people: &People,
    rejecting: &Wanted,
) -> Connection {
    let accepting = Wanted::default();
    let peer = Server::start(server(server_tls, people, &accepting), false);
    let endpoint = client_endpoint(client(client_tls, people, &accepting));
    meet(&endpoint, &peer).await;
    let peer_later = Server::start(server(server_tls, people, rejecting), false);
    let path = HeldPath::from_start(peer_later.address);
    let connecting = endpoint.connect(path.address, NAME).unwrap();
    let (connection, accepted) = connecting.into_0rtt().unwrap();
    let rejected =
        timeout(Duration::from_secs(60), write_around_rejection(&connection, accepted, path));
    rejected.await.unwrap();
    assert_eq!(echo(&connection, b"again").await, b"again");
    connection
}

/// Writes on three streams: before, while and after the rejection arrives.
async fn write_around_rejection(
    connection: &Connection,
    accepted: ZeroRttAccepted,
    path: HeldPath,
) {
    let (mut before, mut answer) = connection.open_bi().await.unwrap();
    let (mut during, _) = connection.open_bi().await.unwrap();
    let (mut after, _) = connection.open_bi().await.unwrap();
    before.write_all(b"early").await.unwrap();
    let too_much = vec![0; TOO_MUCH];
    // The first of them is polled first, and waits.
    let (written, is_accepted) = tokio::join!(during.write_all(&too_much), async {
        path.release();
        accepted.await
    });
    assert!(!is_accepted);
    assert_eq!(written, Err(WriteError::ZeroRttRejected));
    assert_eq!(after.write_all(b"late").await, Err(WriteError::ZeroRttRejected));
    assert_eq!(answer.read(&mut [0; 8]).await, Err(ReadError::ZeroRttRejected));
}

/// Without a held path, a stream is opened and written before or after the rejection.
#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_may_come_at_any_time() {
    let people = People::new();
    let rejecting = Wanted { takes_early_data: false, ..Wanted::default() };
    for (client_tls, server_tls) in PAIRS {
        let accepting = Wanted::default();
        let peer = Server::start(server(server_tls, &people, &accepting), false);
        let peer_later = Server::start(server(server_tls, &people, &rejecting), false);
        let endpoint = client_endpoint(client(client_tls, &people, &accepting));
        for _ in 0..10 {
            meet(&endpoint, &peer).await;
            let connecting = endpoint.connect(peer_later.address, NAME).unwrap();
            let (connection, accepted) = connecting.into_0rtt().unwrap();
            let (mut send, _receive) = connection.open_bi().await.unwrap();
            match send.write_all(b"early").await {
                Ok(()) | Err(WriteError::ZeroRttRejected) => {}
                Err(error) => panic!("{error}"),
            }
            assert!(!accepted.await, "{client_tls:?} {server_tls:?}");
            assert_eq!(echo(&connection, b"again").await, b"again");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_0_rtt_data_can_be_sent_again() {
    let people = People::new();
    let rejecting = Wanted { takes_early_data: false, ..Wanted::default() };
    for (client_tls, server_tls) in PAIRS {
        let connection = send_rejected_data(client_tls, server_tls, &people, &rejecting).await;
        if client_tls == Tls::Handclasp {
            assert_eq!(parameters(&connection).early_data, EarlyData::Rejected);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn zero_rtt_data_are_accepted_after_a_retry_packet() {
    let (people, wanted) = (People::new(), Wanted::default());
    for (client_tls, server_tls) in PAIRS {
        let peer = Server::start(server(server_tls, &people, &wanted), true);
        let endpoint = client_endpoint(client(client_tls, &people, &wanted));
        meet(&endpoint, &peer).await;
        let connecting = endpoint.connect(peer.address, NAME).unwrap();
        let (connection, accepted) = connecting.into_0rtt().unwrap();
        let answer = timeout(Duration::from_secs(10), echo(&connection, b"early")).await.unwrap();
        assert_eq!(answer, b"early");
        assert!(accepted.await, "{client_tls:?} {server_tls:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hello_retry_request_rejects_0_rtt_data() {
    let people = People::new();
    let retrying = Wanted { retries_group: true, ..Wanted::default() };
    for (client_tls, server_tls) in PAIRS {
        let connection = send_rejected_data(client_tls, server_tls, &people, &retrying).await;
        if client_tls == Tls::Handclasp {
            assert!(parameters(&connection).retried);
        }
    }
}

/// RFC 9001, section 4.9.3.
#[test]
fn keys_of_0_rtt_packets_are_discarded_with_the_handshake() {
    let (people, accepting) = (People::new(), Wanted::default());
    let rejecting = Wanted { takes_early_data: false, ..accepting.clone() };
    for (later, is_accepted) in [(&accepting, true), (&rejecting, false)] {
        let client = Arc::new(QuicClientConfig::new(our_client(&people, &accepting)).unwrap());
        let server = Arc::new(QuicServerConfig::new(our_server(&people, &accepting)).unwrap());
        complete(&mut *start_client(&client), &mut *start_server(&server));
        let server = match is_accepted {
            true => server,
            false => Arc::new(QuicServerConfig::new(our_server(&people, later)).unwrap()),
        };
        let (mut client, mut server) = (start_client(&client), start_server(&server));
        let hello = flight(&mut *client);
        assert!(client.early_crypto().is_some());
        let from_server = receive(&mut *server, &hello).unwrap();
        assert_eq!(server.early_crypto().is_some(), is_accepted);
        let from_client = receive(&mut *client, &from_server).unwrap();
        receive(&mut *server, &from_client).unwrap();
        assert!(!client.is_handshaking() && !server.is_handshaking());
        assert_eq!(client.early_data_accepted(), Some(is_accepted));
        assert!(client.early_crypto().is_none() && server.early_crypto().is_none());
    }
}

fn limits() -> TransportConfig {
    let mut limits = TransportConfig::default();
    limits.receive_window(2_000_000_u32.into());
    limits
}

/// A client has a session of a server with the usual limits. Are its 0-RTT data accepted by a server that
/// takes the ticket, and has these limits? The connection works in any case.
async fn is_early_data_accepted(client_tls: Tls, limits_now: TransportConfig) -> bool {
    let people = People::new();
    let config = our_server(&people, &Wanted::default());
    let [first, second] = [limits(), limits_now].map(|limits| {
        let mut config = handclasp_quinn::server_config(config.clone()).unwrap();
        config.transport_config(Arc::new(limits));
        Server::start(config, false)
    });
    let endpoint = client_endpoint(client(client_tls, &people, &Wanted::default()));
    meet(&endpoint, &first).await;
    let connecting = endpoint.connect(second.address, NAME).unwrap();
    let (connection, accepted) = connecting.into_0rtt().unwrap();
    let is_accepted = accepted.await;
    assert_eq!(echo(&connection, b"hello").await, b"hello");
    is_accepted
}

/// RFC 9000, section 7.4.1.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_lower_limits_rejects_0_rtt_data() {
    for client_tls in [Tls::Handclasp, Tls::Rustls] {
        let mut lower = [(); 5].map(|()| limits());
        lower[0].receive_window(1_000_000_u32.into());
        lower[1].stream_receive_window(1_000_000_u32.into());
        lower[2].max_concurrent_bidi_streams(2_u32.into());
        lower[3].max_concurrent_uni_streams(2_u32.into());
        lower[4].datagram_receive_buffer_size(Some(1000));
        for lower in lower {
            assert!(!is_early_data_accepted(client_tls, lower).await, "{client_tls:?}");
        }
        assert!(is_early_data_accepted(client_tls, limits()).await, "{client_tls:?}");
    }
}
