//! Requests for a host that is not the server name of their connection.

use std::net::SocketAddr;

use crate::ends::{ClientStream, answer, connector, serve, server_config};
use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::middleware::from_fn;
use axum::routing::get;
use handclasp::pki_types::ServerName;
use handclasp_hyper::{handclasp, misdirected, too_early};
use handclasp_testing::Identity;
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

async fn protected(identity: &Identity) -> SocketAddr {
    let app = Router::new().route("/", get(async || "hello")).layer(from_fn(misdirected));
    serve(server_config(identity, |server| server), app, |listener| listener).await
}

/// A connection to this name, with an application protocol.
async fn connect(
    identity: &Identity,
    protocol: &str,
    name: &'static str,
    server: SocketAddr,
) -> ClientStream {
    let connector = connector(identity, |client| client.application_protocols([protocol]));
    let socket = TcpStream::connect(server).await.unwrap();
    connector.connect(ServerName::try_from(name).unwrap(), socket).await.unwrap()
}

#[tokio::test]
async fn http_1_gets_421_for_each_other_host() {
    let identity = Identity::p256();
    let server = protected(&identity).await;
    for (name, head, expected) in [
        ("localhost", "GET / HTTP/1.1\r\nHost: localhost\r\n", "200"),
        ("localhost", "GET / HTTP/1.1\r\nHost: LOCALHOST.:8443\r\n", "200"),
        ("localhost", "GET https://localhost/ HTTP/1.1\r\nHost: localhost\r\n", "200"),
        ("localhost", "GET / HTTP/1.1\r\nHost: admin.example\r\n", "421"),
        ("localhost", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n", "421"),
        ("localhost", "GET / HTTP/1.1\r\nHost: \r\n", "421"),
        ("localhost", "GET https://admin.example/ HTTP/1.1\r\nHost: localhost\r\n", "421"),
        ("localhost", "GET / HTTP/1.1\r\nHost: localhost\r\nHost: admin.example\r\n", "421"),
        // Without a server name.
        ("127.0.0.1", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n", "200"),
        ("127.0.0.1", "GET / HTTP/1.1\r\nHost: localhost\r\n", "421"),
    ] {
        let mut stream = connect(&identity, "http/1.1", name, server).await;
        stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        let answered = answer(&mut stream).await;
        assert!(answered.starts_with(&format!("HTTP/1.1 {expected} ")), "{head}: {answered}");
    }
}

#[tokio::test]
async fn http_2_gets_421_for_another_authority_and_for_another_host() {
    let identity = Identity::p256();
    let server = protected(&identity).await;
    let stream = connect(&identity, "h2", "localhost", server).await;
    let executor = TokioExecutor::new();
    let (mut sender, connection) = http2::handshake(executor, TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    for (authority, host, expected) in [
        ("localhost", None, StatusCode::OK),
        ("admin.example", None, StatusCode::MISDIRECTED_REQUEST),
        ("admin.example", Some("localhost"), StatusCode::MISDIRECTED_REQUEST),
        ("localhost", Some("admin.example"), StatusCode::MISDIRECTED_REQUEST),
    ] {
        let uri: Uri = format!("https://{authority}/").parse().unwrap();
        let mut request = hyper::Request::get(uri);
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let answered = sender.send_request(request).await.unwrap();
        assert_eq!(answered.status(), expected, "{authority}, {host:?}");
    }
}

#[tokio::test]
async fn a_router_that_does_not_know_its_connections_answers_500() {
    let app = || Router::new().route("/", get(async || "hello"));
    for app in [app().layer(from_fn(misdirected)), app().layer(from_fn(too_early))] {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(axum::serve(socket, app).into_future());
        let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
            .build_http::<Empty<Bytes>>();
        for method in ["GET", "POST"] {
            let request =
                hyper::Request::builder().method(method).uri(format!("http://{address}/"));
            let answered = client.request(request.body(Empty::new()).unwrap()).await.unwrap();
            assert_eq!(answered.status(), StatusCode::INTERNAL_SERVER_ERROR, "{method}");
        }
    }
}
