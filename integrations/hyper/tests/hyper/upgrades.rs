//! WebSockets of the client with a pool: over HTTP/1.1, and over HTTP/2 (RFC 8441).

use crate::ends::{client, connector, serve, server_config};
use axum::Router;
use axum::extract::ws::{self, WebSocketUpgrade};
use axum::http::{Method, StatusCode, Version};
use axum::response::Response;
use axum::routing::any;
use futures_util::{SinkExt, StreamExt};
use handclasp::transport::tokio::Acceptor;
use handclasp_hyper::handclasp;
use handclasp_testing::Identity;
use http_body_util::Empty;
use hyper::Request;
use hyper::body::Bytes;
use hyper::ext::Protocol;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

#[tokio::test]
async fn the_pool_opens_web_sockets_over_http_1_and_http_2() {
    let identity = Identity::p256();
    let server = serve(server_config(&identity, |server| server), app(), |listener| listener).await;
    for scheme in ["https", "wss"] {
        let url = format!("{scheme}://localhost:{}/", server.port());
        let answered = echo_through(&identity, "http/1.1", http_1_request(&url)).await;
        assert_eq!(answered, StatusCode::SWITCHING_PROTOCOLS, "{scheme}");
    }
    let extended_connect = Request::builder()
        .method(Method::CONNECT)
        .version(Version::HTTP_2)
        .uri(format!("https://localhost:{}/", server.port()))
        .extension(Protocol::from_static("websocket"))
        .header("sec-websocket-version", "13");
    let extended_connect = extended_connect.body(Empty::new()).unwrap();
    assert_eq!(echo_through(&identity, "h2", extended_connect).await, StatusCode::OK);
}

#[tokio::test]
async fn a_connection_of_hyper_is_served_with_upgrades() {
    let identity = Identity::p256();
    let acceptor = Acceptor::new(server_config(&identity, |server| server));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
    // As the guide does.
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let stream = acceptor.accept(socket).await.unwrap();
        let stream = TokioIo::new(stream.close_on_shutdown());
        let service = TowerToHyperService::new(app());
        let connection = http1::Builder::new().serve_connection(stream, service);
        connection.with_upgrades().await.unwrap();
    });
    let answered = echo_through(&identity, "http/1.1", http_1_request(&url)).await;
    assert_eq!(answered, StatusCode::SWITCHING_PROTOCOLS);
}

fn app() -> Router {
    Router::new().route("/", any(echo))
}

async fn echo(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |mut socket| {
        while let Some(Ok(message)) = socket.recv().await {
            // The library answers a Close with the next call.
            if matches!(message, ws::Message::Text(_)) {
                socket.send(message).await.unwrap();
            }
        }
    })
}

fn http_1_request(url: &str) -> Request<Empty<Bytes>> {
    let request = Request::get(url)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        // Any 16 bytes.
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    request.body(Empty::new()).unwrap()
}

/// Opens a WebSocket with this request, and hears its own messages. The status of the answer.
async fn echo_through(
    identity: &Identity,
    protocol: &str,
    request: Request<Empty<Bytes>>,
) -> StatusCode {
    let client = client(connector(identity, |client| client.application_protocols([protocol])));
    let response = client.request(request).await.unwrap();
    let status = response.status();
    let upgraded = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    let mut socket = WebSocketStream::from_raw_socket(upgraded, Role::Client, None).await;
    for text in ["ping", &"long ".repeat(20_000)] {
        socket.send(Message::text(text)).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text(text));
    }
    socket.close(None).await.unwrap();
    assert!(socket.next().await.unwrap().unwrap().is_close());
    status
}
