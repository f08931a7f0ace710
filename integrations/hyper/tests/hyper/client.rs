//! The connector in hyper-util's client: its pool, the versions of HTTP, and proxies.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::ends::{Server, client, connector, server_config, text};
use axum::http::Version;
use handclasp::alert::AlertDescription;
use handclasp::handshake::PeerParameters;
use handclasp::session::{MemoryClientSessions, TicketKeys};
use handclasp_hyper::{HttpsConnector, handclasp};
use handclasp_testing::Identity;
use http_body_util::Empty;
use hyper::Uri;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tower_service::Service;

#[tokio::test]
async fn the_pool_shares_one_connection_of_the_version_that_alpn_has_chosen() {
    let identity = Identity::p256();
    let server = Server::start(server_config(&identity, |server| server)).await;
    for (protocols, version) in [
        (&["h2", "http/1.1"][..], Version::HTTP_2),
        (&["http/1.1"], Version::HTTP_11),
        (&[], Version::HTTP_11),
    ] {
        let connector =
            connector(&identity, |client| client.application_protocols(protocols.iter().copied()));
        let client = client(connector);
        let mut connections = HashSet::new();
        for _ in 0..3 {
            let response = client.get(server.url("/")).await.unwrap();
            assert_eq!(response.version(), version);
            let parameters = response.extensions().get::<Arc<PeerParameters>>().unwrap();
            assert_eq!(parameters.certificates.as_deref(), Some(&identity.chain[..]));
            let body = text(response).await;
            let protocol = protocols.first().unwrap_or(&"none");
            assert!(body.contains(&format!("localhost, {protocol}, 0 certificates")), "{body}");
            connections.insert(body);
        }
        assert_eq!(connections.len(), 1, "{connections:?}");
    }
}

#[tokio::test]
async fn another_pool_resumes_the_session() {
    let identity = Identity::p256();
    let tickets = TicketKeys::random(handclasp::CryptoProvider::default().random).unwrap();
    let config = server_config(&identity, |server| server.sessions(Arc::new(tickets)));
    let server = Server::start(config).await;
    let sessions = Arc::new(MemoryClientSessions::new(8));
    let connector = connector(&identity, |client| client.sessions(sessions));
    for resumed in [false, true] {
        let client = client(connector.clone());
        let body = text(client.get(server.url("/")).await.unwrap()).await;
        assert!(body.contains(&format!("resumed {resumed}")), "{body}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_trusted_is_refused_and_both_sides_say_why() {
    let (identity, other) = (Identity::p256(), Identity::p256());
    let server = Server::start(server_config(&identity, |server| server)).await;
    let refused =
        client(connector(&other, |client| client)).get(server.url("/")).await.unwrap_err();
    let mut cause: &dyn std::error::Error = &refused;
    while !cause.is::<std::io::Error>() {
        cause = cause.source().unwrap();
    }
    let error = handclasp::Error::from_io(cause.downcast_ref().unwrap()).unwrap();
    assert_eq!(error.alert_sent(), Some(AlertDescription::UNKNOWN_CA));
    // The server is asked again, so that it has read the alert by then.
    client(connector(&identity, |client| client)).get(server.url("/")).await.unwrap();
    let failures = server.failures.lock().unwrap();
    assert!(failures.len() == 1 && failures[0].contains("unknown_ca"), "{failures:?}");
}

#[tokio::test]
async fn only_https_is_connected_to() {
    let identity = Identity::p256();
    let client = client(connector(&identity, |client| client));
    let refused = client.get("http://localhost:1/".parse().unwrap()).await.unwrap_err();
    let cause = std::error::Error::source(&refused).unwrap();
    assert!(cause.to_string().contains("https:// only"), "{cause}");
}

/// A proxy that takes CONNECT for any server, and remembers for which.
async fn proxy(asked: Arc<Mutex<Vec<String>>>) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let asked = asked.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(socket.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap();
                let server = head.split(' ').nth(1).unwrap().to_string();
                let mut far = TcpStream::connect(&server).await.unwrap();
                asked.lock().unwrap().push(head);
                socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let _ = copy_bidirectional(&mut socket, &mut far).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn a_proxy_gets_connect_and_the_server_gets_the_handshake() {
    let identity = Identity::p256();
    let server = Server::start(server_config(&identity, |server| server)).await;
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let proxy = format!("http://{}", proxy(asked.clone()).await);
    let tunnel = Tunnel::new(proxy.parse().unwrap(), HttpConnector::new());
    let connector = HttpsConnector::over(tunnel, connector(&identity, |client| client));
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(connector);
    for _ in 0..2 {
        let response = client.get(server.url("/")).await.unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
        assert!(text(response).await.contains("localhost, h2"));
    }
    let asked = asked.lock().unwrap();
    let expected = format!("CONNECT localhost:{} HTTP/1.1\r\n", server.address.port());
    assert!(asked.len() == 1 && asked[0].starts_with(&expected), "{asked:?}");
}

/// The address of a listener whose sockets get no answer.
async fn silent() -> (TcpListener, std::net::SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn times_out<C>(connector: HttpsConnector<C>, port: u16)
where
    HttpsConnector<C>: Service<Uri, Error = Box<dyn std::error::Error + Send + Sync>>,
{
    let mut connector = connector.connect_timeout(Duration::from_millis(100));
    let uri = format!("https://localhost:{port}/").parse().unwrap();
    let connected = timeout(Duration::from_secs(20), connector.call(uri)).await.unwrap();
    let error = connected.err().unwrap();
    let error = error.downcast_ref::<std::io::Error>().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut, "{error}");
    assert!(error.to_string().contains("100ms"), "{error}");
}

#[tokio::test]
async fn the_limit_of_time_includes_the_server_and_the_proxy() {
    let (_listener, address) = silent().await;
    let connector = connector(&Identity::p256(), |client| client);
    times_out(HttpsConnector::new(connector.clone()), address.port()).await;
    let proxy = format!("http://{address}").parse().unwrap();
    let tunnel = Tunnel::new(proxy, HttpConnector::new());
    times_out(HttpsConnector::over(tunnel, connector), 1).await;
}
