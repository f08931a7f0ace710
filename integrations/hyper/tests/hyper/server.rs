//! The listener in `axum::serve`.

use std::sync::Arc;
use std::time::Duration;

use crate::ends::{Server, client, connector, server_config, text};
use handclasp::certificate::Profile;
use handclasp::credential::CertificateList;
use handclasp_hyper::handclasp;
use handclasp_testing::{Identity, server_name};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn silent_clients_delay_no_other_client() {
    let identity = Identity::p256();
    let server = Server::start(server_config(&identity, |server| server)).await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    let client = client(connector(&identity, |client| client));
    let response = timeout(PATIENCE, client.get(server.url("/"))).await.unwrap();
    assert!(text(response.unwrap()).await.contains("h2"));
}

#[tokio::test]
async fn no_more_clients_are_in_their_handshake_than_the_limit() {
    let identity = Identity::p256();
    let config = server_config(&identity, |server| server);
    let server = Server::start_with(config, |listener| listener.max_handshakes(1)).await;
    let silent = TcpStream::connect(server.address).await.unwrap();
    let client = client(connector(&identity, |client| client));
    let waits = timeout(Duration::from_millis(300), client.get(server.url("/"))).await;
    assert!(waits.is_err(), "the silent client has the only place");
    drop(silent);
    let response = timeout(PATIENCE, client.get(server.url("/"))).await.unwrap();
    assert!(text(response.unwrap()).await.contains("h2"));
}

#[tokio::test]
async fn a_handler_sees_the_clients_certificate() {
    let (identity, of_client) = (Identity::p256(), Identity::p256());
    let config = server_config(&identity, |server| {
        server.require_client_certificates(of_client.anchors(), Profile::Default).unwrap()
    });
    let server = Server::start(config).await;
    let list = Arc::new(CertificateList::new(vec![Arc::new(of_client.certified_key())]));
    let with_certificate = connector(&identity, |client| client.client_certificates(list));
    let body = text(client(with_certificate).get(server.url("/")).await.unwrap()).await;
    assert!(body.contains("1 certificates"), "{body}");
    let without = client(connector(&identity, |client| client));
    assert!(without.get(server.url("/")).await.is_err());
}

#[tokio::test]
async fn a_server_that_shuts_down_answers_and_sends_close_notify() {
    let identity = Identity::p256();
    let server = Server::start(server_config(&identity, |server| server)).await;
    let connector = connector(&identity, |client| client.application_protocols(["http/1.1"]));
    let mut streams = Vec::new();
    for path in ["/slow", "/"] {
        let socket = TcpStream::connect(server.address).await.unwrap();
        let mut stream = connector.connect(server_name(), socket).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        streams.push(stream);
    }
    // This one has its answer, and is idle. The other is still asked for.
    let mut byte = [0];
    streams[1].read_exact(&mut byte).await.unwrap();
    server.stop.send(()).unwrap();
    let [slow, idle] = &mut streams[..] else { panic!("{streams:?}") };
    let mut rest = String::new();
    // An end without close_notify would be an error.
    timeout(PATIENCE, idle.read_to_string(&mut rest)).await.unwrap().unwrap();
    server.go_on.notify_one();
    let mut answer = String::new();
    timeout(PATIENCE, slow.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.ends_with("a slow answer"), "{answer}");
    drop(streams);
    timeout(PATIENCE, server.task).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}
