//! Resumption and 0-RTT data.

use std::time::Duration;

use handclasp::handshake::{EarlyData, PeerParameters};
use handclasp::key_schedule::PskKind;
use quinn::{Connection, Endpoint};
use tokio::time::timeout;

use crate::peers::{
    NAME, PAIRS, People, Server, Tls, Wanted, client, client_endpoint, echo, server,
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

#[tokio::test(flavor = "multi_thread")]
async fn refused_0_rtt_data_can_be_sent_again() {
    let people = People::new();
    let accepting = Wanted::default();
    let refusing = Wanted { takes_early_data: false, ..accepting.clone() };
    for (client_tls, server_tls) in PAIRS {
        let peer = Server::start(server(server_tls, &people, &accepting), false);
        let endpoint = client_endpoint(client(client_tls, &people, &accepting));
        meet(&endpoint, &peer).await;
        let peer_later = Server::start(server(server_tls, &people, &refusing), false);
        let connecting = endpoint.connect(peer_later.address, NAME).unwrap();
        let (connection, accepted) = connecting.into_0rtt().unwrap();
        let (mut send, _receive) = connection.open_bi().await.unwrap();
        send.write_all(b"early").await.unwrap();
        assert!(!accepted.await, "{client_tls:?} {server_tls:?}");
        assert_eq!(echo(&connection, b"again").await, b"again");
        if client_tls == Tls::Handclasp {
            assert_eq!(parameters(&connection).early_data, EarlyData::Rejected);
        }
    }
}
