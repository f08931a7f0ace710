//! The examples, built, run and spoken to.

use handclasp_testing::examples::{self, Files, exhaust_files, port, start_with_few_files};
use handclasp_testing::process::Process;
use handclasp_testing::{Identity, server_name};

use crate::ends::connector;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

const ANY_PORT: &str = "127.0.0.1:0";

fn build(name: &str) -> String {
    let features: &[&str] = match cfg!(feature = "ring") {
        true => &[],
        false => &["--no-default-features", "--features", "aws-lc-rs,axum,client"],
    };
    examples::build_with("integrations/hyper", name, features)
}

fn start(name: &str, arguments: &[&str]) -> Process {
    Process::start(&build(name), arguments)
}

/// What a program prints that ends well.
fn output_of(mut program: Process, last: &str) -> String {
    assert!(program.wait_for_end().success(), "{}", program.wait_for(""));
    program.wait_for(last)
}

#[test]
fn the_client_fetches_from_the_service_with_axum() {
    let (files, other) = (Files::new(&Identity::p256()), Files::new(&Identity::p256()));
    let server = start("axum", &[ANY_PORT, &files.chain, &files.key]);
    let url = format!("https://localhost:{}/", port(&server));
    let client = start("http_client", &[&url, &files.anchor]);
    assert_eq!(output_of(client, "axum"), "HTTP/2.0 200 OK\nhello from axum\n");
    let client = start("http_client", &[&format!("{url}connection"), &files.anchor]);
    let expected = "from 127.0.0.1, for localhost, h2, resumed: false, early: false";
    output_of(client, expected);

    let mut client = start("http_client", &[&url, &other.anchor]);
    assert!(!client.wait_for_end().success());
    client.wait_for("unknown_ca");
    server.wait_for("the peer sent the alert unknown_ca");
}

#[tokio::test]
async fn the_service_with_axum_has_a_web_socket() {
    let identity = Identity::p256();
    let files = Files::new(&identity);
    let server = start("axum", &[ANY_PORT, &files.chain, &files.key]);
    let socket = TcpStream::connect(("127.0.0.1", port(&server))).await.unwrap();
    let connector = connector(&identity, |client| client.application_protocols(["http/1.1"]));
    let stream = connector.connect(server_name(), socket).await.unwrap();
    let opened = tokio_tungstenite::client_async("wss://localhost/echo", stream).await;
    let (mut socket, _) = opened.unwrap();
    for text in ["ping", &"long ".repeat(20_000)] {
        socket.send(Message::text(text)).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text(text));
    }
    socket.close(None).await.unwrap();
    let answered = socket.next().await.unwrap().unwrap();
    assert!(answered.is_close(), "{answered:?}");
}

#[test]
fn the_service_with_axum_ends_at_ctrl_c() {
    let files = Files::new(&Identity::p256());
    let mut server = start("axum", &[ANY_PORT, &files.chain, &files.key]);
    let url = format!("https://localhost:{}/", port(&server));
    output_of(start("http_client", &[&url, &files.anchor]), "axum");
    server.interrupt();
    assert!(server.wait_for_end().success());
}

#[test]
fn services_go_on_when_clients_could_not_be_accepted() {
    let files = Files::new(&Identity::p256());
    let arguments = [ANY_PORT, &files.chain, &files.key];
    let server = start_with_few_files(&build("axum"), &arguments);
    drop(exhaust_files(&server));
    let url = format!("https://localhost:{}/", port(&server));
    output_of(start("http_client", &[&url, &files.anchor]), "hello from axum");

    let server = start_with_few_files(&build("grpc"), &[&["serve"], &arguments[..]].concat());
    drop(exhaust_files(&server));
    let url = format!("https://localhost:{}", port(&server));
    output_of(start("grpc", &["check", &url, &files.anchor]), "Serving");
}

#[test]
fn tonic_checks_the_health_of_tonic() {
    let (files, other) = (Files::new(&Identity::p256()), Files::new(&Identity::p256()));
    let server = start("grpc", &["serve", ANY_PORT, &files.chain, &files.key]);
    let url = format!("https://localhost:{}", port(&server));
    output_of(start("grpc", &["check", &url, &files.anchor]), "Serving");
    let mut refused = start("grpc", &["check", &url, &other.anchor]);
    assert!(!refused.wait_for_end().success());
    server.wait_for("the peer sent the alert unknown_ca");
}
