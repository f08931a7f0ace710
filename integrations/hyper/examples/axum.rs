//! An axum service over TLS: `axum ADDRESS:PORT CHAIN_FILE KEY_FILE`. It has a WebSocket, says what it knows of
//! the connection, and shuts down at Ctrl-C: it answers what it was asked, and sends close_notify.

use std::sync::Arc;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::middleware::from_fn;
use axum::response::Response;
use axum::routing::{any, get};
use axum::serve::ListenerExt;
use handclasp_hyper::handclasp::credential::CertificateList;
use handclasp_hyper::handclasp::session::{StrikeRegister, TicketKeys};
use handclasp_hyper::handclasp::transport::tokio::Acceptor;
use handclasp_hyper::handclasp::{CertifiedKey, CryptoProvider, ServerConfig};
use handclasp_hyper::{ConnectionInfo, TlsListener, handclasp, too_early};
use tokio::net::TcpListener;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn app() -> Router {
    Router::new()
        .route("/", get(async || "hello from axum\n").post(async || "done\n"))
        .route("/connection", get(connection))
        .route(
            "/echo",
            any(async |upgrade: WebSocketUpgrade| -> Response { upgrade.on_upgrade(echo) }),
        )
        // A POST must not be replayed.
        .layer(from_fn(too_early))
}

async fn connection(ConnectInfo(info): ConnectInfo<ConnectionInfo>) -> String {
    let parameters = info.parameters();
    let protocol = parameters.application_protocol.as_deref().unwrap_or_default();
    format!(
        "from {}, for {}, {}, resumed: {}, early: {}\n",
        info.remote_address().ip(),
        parameters.server_name.as_deref().unwrap_or("no name"),
        String::from_utf8_lossy(protocol),
        info.is_resumed(),
        info.is_early(),
    )
}

/// Sends back each message of data.
async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        // The library answers a Ping and a Close, with the next call.
        let is_data = matches!(message, Message::Text(_) | Message::Binary(_));
        if is_data && socket.send(message).await.is_err() {
            break;
        }
    }
}

fn server_config(key: CertifiedKey) -> Result<ServerConfig, Failure> {
    let provider = CryptoProvider::default();
    let tickets = TicketKeys::random(provider.random.clone())?;
    let register = StrikeRegister::new(handclasp::pki_types::UnixTime::now());
    let config = ServerConfig::builder(provider)
        .application_protocols(["h2", "http/1.1"])
        .sessions(Arc::new(tickets))
        .early_data(16 * 1024, Arc::new(register))
        .build(Arc::new(CertificateList::new(vec![Arc::new(key)])))?;
    Ok(config)
}

#[tokio::main]
async fn main() {
    if let Err(error) = run().await {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

async fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, address, chain, key] = &arguments[..] else {
        return Err("usage: axum ADDRESS:PORT CHAIN_FILE KEY_FILE".into());
    };
    let config = server_config(CertifiedKey::from_pem_files(chain, key)?)?;
    let socket = TcpListener::bind(address).await?;
    println!("listening on {}", socket.local_addr()?);
    let socket = socket.tap_io(|socket| {
        // Small records are sent at once.
        let _ = socket.set_nodelay(true);
    });
    let listener = TlsListener::new(socket, Acceptor::new(Arc::new(config)))
        .answer_early_data()
        .on_failure(|client, error| eprintln!("{client}: {error}"));
    axum::serve(listener, app().into_make_service_with_connect_info::<ConnectionInfo>())
        .with_graceful_shutdown(async {
            // Without the signal, the server runs on.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        })
        .await?;
    Ok(())
}
