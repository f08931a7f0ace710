//! An axum service over TLS: `axum ADDRESS:PORT CHAIN_FILE KEY_FILE`.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use handclasp::transport::tokio::Acceptor;
use handclasp::{CertifiedKey, ServerConfig};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The service, in ten lines.
async fn serve(listener: TcpListener, acceptor: Acceptor) -> Result<(), Failure> {
    let app = Router::new().route("/", get(async || "hello from axum\n"));
    loop {
        let (socket, acceptor) = (listener.accept().await?.0, acceptor.clone());
        let service = TowerToHyperService::new(app.clone());
        tokio::spawn(async move {
            let stream = TokioIo::new(acceptor.accept(socket).await?);
            Builder::new(TokioExecutor::new()).serve_connection(stream, service).await
        });
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, address, chain, key] = &arguments[..] else {
        return Err("ADDRESS:PORT CHAIN_FILE KEY_FILE".into());
    };
    let key = CertifiedKey::from_pem_files(chain, key)?;
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    serve(listener, Acceptor::new(Arc::new(ServerConfig::new(key)?))).await
}
