//! An axum service over TLS: `axum ADDRESS:PORT CHAIN_FILE KEY_FILE`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{CONNECTION, UPGRADE};
use axum::response::IntoResponse;
use axum::routing::get;
use handclasp::transport::tokio::Acceptor;
use handclasp::{CertifiedKey, ServerConfig};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncWriteExt, copy, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn serve(listener: TcpListener, acceptor: Acceptor) {
    let app = Router::new().route("/", get(async || "hello from axum\n")).route("/echo", get(echo));
    loop {
        let (socket, client) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // For example, too many open files. This is temporary, so the server continues.
                eprintln!("cannot accept a client: {error}");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (acceptor, app) = (acceptor.clone(), app.clone());
        tokio::spawn(async move {
            if let Err(error) = serve_one(acceptor, socket, app).await {
                eprintln!("{client}: {error}");
            }
        });
    }
}

/// Serves one client, whose handlers may change the protocol.
async fn serve_one(acceptor: Acceptor, socket: TcpStream, app: Router) -> Result<(), Failure> {
    let stream = TokioIo::new(acceptor.accept(socket).await?.close_on_shutdown());
    let service = TowerToHyperService::new(app);
    let builder = Builder::new(TokioExecutor::new());
    builder.serve_connection_with_upgrades(stream, service).await
}

/// Changes the protocol, as WebSockets do, and sends back all that is received.
async fn echo(request: Request) -> impl IntoResponse {
    tokio::spawn(async move {
        match hyper::upgrade::on(request).await {
            Ok(upgraded) => {
                let (mut reader, mut writer) = split(TokioIo::new(upgraded));
                let _ = copy(&mut reader, &mut writer).await;
                let _ = writer.shutdown().await;
            }
            Err(error) => eprintln!("the protocol was not changed: {error}"),
        }
    });
    (StatusCode::SWITCHING_PROTOCOLS, [(CONNECTION, "upgrade"), (UPGRADE, "echo")])
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
        return Err("ADDRESS:PORT CHAIN_FILE KEY_FILE".into());
    };
    let key = CertifiedKey::from_pem_files(chain, key)?;
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    serve(listener, Acceptor::new(Arc::new(ServerConfig::new(key)?))).await;
    Ok(())
}
