//! Requests in 0-RTT data: served early, refused with 425, or kept until the handshake is complete.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::ends::{ClientStream, Server, answer, connector, serve, server_config};
use axum::Router;
use axum::middleware::from_fn;
use axum::routing::post;
use axum::serve::Listener;
use handclasp::handshake::EarlyData;
use handclasp::pki_types::UnixTime;
use handclasp::session::{MemoryClientSessions, StrikeRegister, TicketKeys};
use handclasp::transport::tokio::{Acceptor, Connector};
use handclasp_hyper::{TlsListener, handclasp, too_early};
use handclasp_testing::{Identity, server_name};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn ends(identity: &Identity) -> (Connector, Arc<handclasp::ServerConfig>) {
    let sessions = Arc::new(MemoryClientSessions::new(8));
    let connector = connector(identity, |client| {
        client.application_protocols(["http/1.1"]).sessions(sessions).early_data(true)
    });
    let config = server_config(identity, |server| {
        let random = handclasp::CryptoProvider::default().random;
        // What began before cannot have been seen.
        let began = Duration::from_secs(UnixTime::now().as_secs() - 60);
        let register = StrikeRegister::new(UnixTime::since_unix_epoch(began));
        server
            .sessions(Arc::new(TicketKeys::random(random).unwrap()))
            .early_data(16 * 1024, Arc::new(register))
    });
    (connector, config)
}

fn request(method: &str, more: &str) -> String {
    format!("{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n{more}\r\n")
}

/// A first connection, for a ticket. Then a second one that sends this request in 0-RTT data.
async fn send_early(connector: &Connector, server: SocketAddr, request: &str) -> ClientStream {
    let socket = TcpStream::connect(server).await.unwrap();
    let mut first = connector.connect(server_name(), socket).await.unwrap();
    first.write_all(self::request("GET", "").as_bytes()).await.unwrap();
    first.flush().await.unwrap();
    answer(&mut first).await;
    first.close().await.unwrap();

    let socket = TcpStream::connect(server).await.unwrap();
    let data = request.as_bytes();
    let connected = connector.connect_with_early_data(server_name(), data, socket).await;
    let (stream, sent) = connected.unwrap();
    assert_eq!(
        (sent, stream.connection().parameters().early_data),
        (data.len(), EarlyData::Accepted)
    );
    stream
}

#[tokio::test]
async fn requests_are_answered_early_only_where_the_listener_allows_it() {
    let identity = Identity::p256();
    for early in [true, false] {
        let (connector, config) = ends(&identity);
        let server = Server::start_with(config, |listener| match early {
            true => listener.answer_early_data(),
            false => listener,
        })
        .await;
        let mut stream = send_early(&connector, server.address, &request("GET", "")).await;
        let answered = answer(&mut stream).await;
        assert!(answered.ends_with(&format!("resumed true, early {early}")), "{answered}");
        // The handshake is complete.
        stream.write_all(request("POST", "").as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        let answered = answer(&mut stream).await;
        assert!(answered.ends_with("resumed true, early false"), "{answered}");
    }
}

#[tokio::test]
async fn what_must_not_be_replayed_is_too_early_until_the_handshake_is_complete() {
    let identity = Identity::p256();
    for (answers_early, method, more, expected) in [
        (true, "POST", "", "425 Too Early"),
        (true, "GET", "", "200 OK"),
        (false, "POST", "", "200 OK"),
        // A proxy says that it got the request early.
        (false, "POST", "Early-Data: 1\r\n", "425 Too Early"),
        (false, "GET", "Early-Data: 1\r\n", "200 OK"),
    ] {
        let (connector, config) = ends(&identity);
        let app = Router::new().route("/", post(async || "posted").get(async || "got"));
        let server = serve(config, app.layer(from_fn(too_early)), |listener| match answers_early {
            true => listener.answer_early_data(),
            false => listener,
        })
        .await;
        let mut stream = send_early(&connector, server, &request(method, more)).await;
        let answered = answer(&mut stream).await;
        assert!(answered.starts_with(&format!("HTTP/1.1 {expected}\r\n")), "{method}: {answered}");
        stream.write_all(request("POST", "").as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        let answered = answer(&mut stream).await;
        assert!(answered.starts_with("HTTP/1.1 200 OK\r\n"), "{answered}");
    }
}

#[tokio::test]
async fn debug_output_has_no_bytes_of_early_data() {
    let (connector, config) = ends(&Identity::p256());
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut listener = TlsListener::new(socket, Acceptor::new(config)).answer_early_data();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut first, _) = listener.accept().await;
        first.read_u8().await.unwrap();
        first.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        first.flush().await.unwrap();
        let (mut second, _) = listener.accept().await;
        // The rest of the request is kept.
        second.read_u8().await.unwrap();
        format!("{second:?}")
    });
    let request = request("GET", "Cookie: a-secret-of-the-user\r\n");
    let _stream = send_early(&connector, address, &request).await;
    let text = server.await.unwrap();
    assert!(text.contains(&format!("early_data_length: {}", request.len() - 1)), "{text}");
    assert!(!text.contains("a-secret-of-the-user"), "{text}");
    let as_numbers = format!("{:?}", b"a-secret-of-the-user");
    assert!(!text.contains(as_numbers.trim_matches(['[', ']'])), "{text}");
}
