//! gRPC with tonic: its health service, and a client of it.
//!
//! `grpc serve ADDRESS:PORT CHAIN_FILE KEY_FILE`, and `grpc check https://HOST:PORT CA_FILE`.

use std::sync::Arc;

use axum::serve::ListenerExt;
use handclasp_hyper::handclasp::credential::CertificateList;
use handclasp_hyper::handclasp::transport::tokio::{Acceptor, Connector};
use handclasp_hyper::handclasp::{
    CertifiedKey, ClientConfig, CryptoProvider, ServerConfig, TrustAnchors,
};
use handclasp_hyper::{ConnectionInfo, HttpsConnector, TlsListener};
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::server::health_reporter;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() {
    if let Err(error) = run().await {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

async fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["serve", address, chain, key] => serve(address, chain, key).await,
        ["check", url, ca_file] => check(url, ca_file).await,
        _ => Err("usage: grpc serve ADDRESS:PORT CHAIN_FILE KEY_FILE, or check URL CA_FILE".into()),
    }
}

async fn serve(address: &str, chain: &str, key: &str) -> Result<(), Failure> {
    let key = CertifiedKey::from_pem_files(chain, key)?;
    let config = ServerConfig::builder(CryptoProvider::default())
        .application_protocols(["h2"])
        .build(Arc::new(CertificateList::new(vec![Arc::new(key)])))?;
    let socket = TcpListener::bind(address).await?;
    println!("listening on {}", socket.local_addr()?);
    let socket = socket.tap_io(|socket| {
        // Small records are sent at once.
        let _ = socket.set_nodelay(true);
    });
    let listener = TlsListener::new(socket, Acceptor::new(Arc::new(config)))
        .on_failure(|client, error| eprintln!("{client}: {error}"));

    let (_reporter, health) = health_reporter();
    // Routes are a router of axum, with all of its middleware.
    let app = Routes::new(health).prepare().into_axum_router();
    axum::serve(listener, app.into_make_service_with_connect_info::<ConnectionInfo>()).await?;
    Ok(())
}

async fn check(url: &str, ca_file: &str) -> Result<(), Failure> {
    let config = ClientConfig::builder(CryptoProvider::default())
        .trust(TrustAnchors::from_pem(&std::fs::read(ca_file)?)?)?
        .application_protocols(["h2"])
        .build()?;
    let connector = HttpsConnector::new(Connector::new(Arc::new(config)));
    let endpoint = Endpoint::from_shared(url.to_string())?;
    let channel = endpoint.connect_with_connector(connector).await?;
    let request = HealthCheckRequest { service: String::new() };
    let response = HealthClient::new(channel).check(request).await?;
    println!("{:?}", response.into_inner().status());
    Ok(())
}
