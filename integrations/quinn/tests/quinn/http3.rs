//! The examples with HTTP/3, built and run.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use h3::error::{Code, StreamError};
use handclasp::ServerConfig;
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::pki_types::UnixTime;
use handclasp::session::{MemoryClientSessions, StrikeRegister, TicketKeys};
use handclasp_testing::Identity;
use handclasp_testing::examples::{self, Files, port};
use handclasp_testing::process::{PATIENCE, Process};
use handclasp_testing::slow_path::HeldPath;
use http::{Method, Request, StatusCode};
use quinn::Endpoint;
use tokio::time::{sleep, timeout};

use crate::peers::{any_port, client_endpoint};

const ANY_PORT: &str = "127.0.0.1:0";

type SendRequest = h3::client::SendRequest<h3_quinn::OpenStreams, Bytes>;
type RequestStream = h3::client::RequestStream<h3_quinn::BidiStream<Bytes>, Bytes>;

/// Starts an example of this crate.
fn start(name: &str, arguments: &[&str]) -> Process {
    let features: &[&str] = match cfg!(feature = "ring") {
        true => &[],
        false => &["--no-default-features", "--features", "aws-lc-rs,runtime-tokio"],
    };
    let program = examples::build_with("integrations/quinn", name, features);
    Process::start(&program, arguments)
}

fn url(port: u16, path: &str) -> String {
    format!("https://127.0.0.1:{port}{path}")
}

/// What a program prints that ends well.
fn output_of(mut program: Process, last: &str) -> String {
    assert!(program.wait_for_end().success(), "{}", program.wait_for(""));
    program.wait_for(last)
}

#[test]
fn the_client_fetches_from_the_server_over_http_3() {
    let files = Files::new(&Identity::p256());
    let mut server = start("http3_server", &[ANY_PORT, &files.chain, &files.key]);
    let port = port(&server);
    let other = Files::new(&Identity::p256());
    let mut client = start("http3_client", &[&url(port, "/"), &other.anchor]);
    assert!(!client.wait_for_end().success());
    client.wait_for("(alert sent: unknown_ca)");
    server.wait_for("error 48");

    for path in ["/some/path", "/other/path"] {
        let client = start("http3_client", &[&url(port, path), &files.anchor]);
        let expected = format!("HTTP/3.0 200 OK\n{path} over HTTP/3.0\n");
        assert_eq!(output_of(client, " over "), expected);
    }
    server.wait_for_times("full handshake, TLS_AES_128_GCM_SHA256, X25519MLKEM768", 2);
    server.interrupt();
    assert!(server.wait_for_end().success());
}

/// A client of the test. It knows the sessions of its connections.
fn endpoint(identity: &Identity) -> Endpoint {
    let config = handclasp::ClientConfig::builder(CryptoProvider::default())
        .application_protocols(["h3"])
        .trust(identity.anchors())
        .unwrap()
        .sessions(Arc::new(MemoryClientSessions::new(16)))
        .early_data(true);
    client_endpoint(handclasp_quinn::client_config(Arc::new(config.build().unwrap())).unwrap())
}

/// HTTP/3 on this connection, until the sender of requests is dropped.
async fn http(connection: quinn::Connection) -> SendRequest {
    let (mut http, requests) =
        h3::client::new(h3_quinn::Connection::new(connection)).await.unwrap();
    tokio::spawn(async move { poll_fn(|context| http.poll_close(context)).await });
    requests
}

async fn send(requests: &mut SendRequest, method: Method, port: u16) -> RequestStream {
    let request = Request::builder().method(method).uri(url(port, "/")).body(()).unwrap();
    requests.send_request(request).await.unwrap()
}

/// The end of a request, and its answer.
async fn answer(mut stream: RequestStream) -> (StatusCode, String) {
    // A server may answer, and stop the request, before this.
    let _ = stream.finish().await;
    let head = timeout(PATIENCE, stream.recv_response()).await.expect("an answer comes").unwrap();
    let mut body = Vec::new();
    while let Some(mut data) = stream.recv_data().await.unwrap() {
        body.extend_from_slice(&data.copy_to_bytes(data.remaining()));
    }
    (head.status(), String::from_utf8(body).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_stopped_answers_what_was_asked_before() {
    let identity = Identity::p256();
    let files = Files::new(&identity);
    let mut server = start("http3_server", &[ANY_PORT, &files.chain, &files.key]);
    let port = port(&server);
    let endpoint = endpoint(&identity);
    let address = ([127, 0, 0, 1], port).into();
    let first = endpoint.connect(address, "127.0.0.1").unwrap().await.unwrap();
    let mut requests = http(first).await;
    let get = send(&mut requests, Method::GET, port).await;
    assert_eq!(answer(get).await, (StatusCode::OK, "/ over HTTP/3.0\n".into()));

    let connection = endpoint.connect(address, "127.0.0.1").unwrap().await.unwrap();
    server.wait_for("resumed handshake, ");
    let mut requests = http(connection).await;
    let mut stream = send(&mut requests, Method::POST, port).await;
    stream.send_data(Bytes::from_static(b"before, ")).await.unwrap();
    // One request was answered, so the one before it is at the server as well.
    let other = send(&mut requests, Method::GET, port).await;
    assert_eq!(answer(other).await.0, StatusCode::OK);

    server.interrupt();
    server.wait_for("stopping");
    stream.send_data(Bytes::from_static(b"after")).await.unwrap();
    assert_eq!(answer(stream).await, (StatusCode::OK, "13 bytes received\n".into()));
    drop(requests);
    assert!(server.wait_for_end().success(), "{}", server.wait_for(""));
}

/// The server, and a path to it. The path holds the answers on the second connection, so that 0-RTT data come before
/// the handshake is complete.
async fn start_early_data_server(files: &Files) -> (Process, HeldPath) {
    let server = start("http3_early_data", &["serve", ANY_PORT, &files.chain, &files.key]);
    let address = ([127, 0, 0, 1], port(&server)).into();
    // It refuses 0-RTT data under tickets of the second in which it began.
    sleep(Duration::from_millis(1_100)).await;
    (server, HeldPath::after_first_connection(address))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_0_rtt_data_is_answered() {
    let files = Files::new(&Identity::p256());
    let (server, path) = start_early_data_server(&files).await;
    let url = url(path.address.port(), "/");
    let client = start("http3_early_data", &["fetch", &url, &files.anchor]);
    server.wait_for("GET / in 0-RTT data");
    path.release();
    assert_eq!(
        output_of(client, "second visit"),
        "first visit: 200 OK, GET came after the handshake\n\
        second visit, 0-RTT data accepted: 200 OK, GET came in 0-RTT data\n"
    );
    server.interrupt();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsafe_request_in_0_rtt_data_has_to_come_again() {
    let identity = Identity::p256();
    let files = Files::new(&identity);
    let (server, path) = start_early_data_server(&files).await;
    let port = path.address.port();
    let endpoint = endpoint(&identity);
    let connection = endpoint.connect(path.address, "127.0.0.1").unwrap().await.unwrap();
    let mut requests = http(connection).await;
    let stream = send(&mut requests, Method::GET, port).await;
    assert_eq!(answer(stream).await.0, StatusCode::OK);

    let (connection, accepted) =
        endpoint.connect(path.address, "127.0.0.1").unwrap().into_0rtt().unwrap();
    let mut requests = http(connection).await;
    let stream = send(&mut requests, Method::POST, port).await;
    server.wait_for("POST / in 0-RTT data");
    path.release();
    assert_eq!(answer(stream).await.0, StatusCode::TOO_EARLY);
    assert!(accepted.await);
    let stream = send(&mut requests, Method::POST, port).await;
    let after = (StatusCode::OK, "POST came after the handshake\n".into());
    assert_eq!(answer(stream).await, after);
    server.wait_for("POST / after the handshake");
}

/// Answers each request, by this configuration and from the second connection on by the other one.
async fn serve(endpoint: Endpoint, mut second: Option<quinn::ServerConfig>) {
    while let Some(incoming) = endpoint.accept().await {
        if let Some(config) = second.take() {
            endpoint.set_server_config(Some(config));
        }
        tokio::spawn(async move {
            let connection = h3_quinn::Connection::new(incoming.await.unwrap());
            let mut http = h3::server::Connection::<_, Bytes>::new(connection).await.unwrap();
            while let Ok(Some(request)) = http.accept().await {
                let (_, mut stream) = request.resolve_request().await.unwrap();
                stream.send_response(http::Response::new(())).await.unwrap();
                stream.finish().await.unwrap();
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_asks_again_where_its_0_rtt_data_are_refused_or_not_possible() {
    let identity = Identity::p256();
    let files = Files::new(&identity);
    let provider = CryptoProvider::default();
    let tickets = Arc::new(TicketKeys::random(provider.random.clone()).unwrap());
    let config = |takes_early_data: bool| {
        let mut builder = ServerConfig::builder(CryptoProvider::default())
            .application_protocols(["h3"])
            .sessions(tickets.clone());
        if takes_early_data {
            builder = builder.early_data(16_384, Arc::new(StrikeRegister::new(UnixTime::now())));
        }
        let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
        let config = builder.build(Arc::new(list)).unwrap();
        handclasp_quinn::server_config(Arc::new(config)).unwrap()
    };
    for (offers_early_data, expected) in [
        (true, "second visit, 0-RTT data refused: 200 OK"),
        (false, "second visit, without 0-RTT data: 200 OK"),
    ] {
        let endpoint =
            handclasp_quinn::server_endpoint(config(offers_early_data), any_port()).unwrap();
        let port = endpoint.local_addr().unwrap().port();
        tokio::spawn(serve(endpoint, Some(config(false))));
        let client = start("http3_early_data", &["fetch", &url(port, "/"), &files.anchor]);
        let output = output_of(client, "second visit");
        assert!(output.contains(expected), "{output}");
    }
}

/// RFC 9114, section 4.1: a server may answer before the end of the request, and stop the rest.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_before_the_end_of_a_request_is_received() {
    let identity = Identity::p256();
    let files = Files::new(&identity);
    for (example, arguments) in [
        ("http3_server", &[ANY_PORT, &files.chain, &files.key][..]),
        ("http3_early_data", &["serve", ANY_PORT, &files.chain, &files.key]),
    ] {
        let server = start(example, arguments);
        let port = port(&server);
        let endpoint = endpoint(&identity);
        let connecting = endpoint.connect(([127, 0, 0, 1], port).into(), "127.0.0.1").unwrap();
        let mut requests = http(connecting.await.unwrap()).await;
        let mut stream = send(&mut requests, Method::GET, port).await;
        let head = timeout(PATIENCE, stream.recv_response()).await.expect("an answer comes");
        assert_eq!(head.unwrap().status(), StatusCode::OK);
        while stream.recv_data().await.unwrap().is_some() {}
        let stopped = async {
            loop {
                if let Err(error) = stream.send_data(Bytes::from_static(&[0; 1_000])).await {
                    return error;
                }
            }
        };
        let error = timeout(PATIENCE, stopped).await.expect("the request is stopped");
        let code = match error {
            StreamError::RemoteTerminate { code, .. } => code,
            other => panic!("{other}"),
        };
        assert_eq!(code, Code::H3_NO_ERROR);
    }
}
