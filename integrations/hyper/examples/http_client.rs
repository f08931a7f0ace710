//! hyper's client over TLS: `http_client URL CA_FILE [PROXY_URL]` prints what the server answers, over HTTP/2 or
//! HTTP/1.1. A proxy is asked with CONNECT.

use std::sync::Arc;

use handclasp_hyper::HttpsConnector;
use handclasp_hyper::handclasp::transport::tokio::Connector;
use handclasp_hyper::handclasp::{ClientConfig, CryptoProvider, TrustAnchors};
use http_body_util::{BodyExt, Empty};
use hyper::Response;
use hyper::body::{Bytes, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::rt::TokioExecutor;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() {
    if let Err(error) = run().await {
        eprintln!("{}", with_causes(&*error));
        std::process::exit(1);
    }
}

/// hyper's errors say the cause in their sources only.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words += &format!(": {error}");
        cause = error.source();
    }
    words
}

async fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let (url, ca_file, proxy) = match &arguments[..] {
        [_, url, ca_file] => (url, ca_file, None),
        [_, url, ca_file, proxy] => (url, ca_file, Some(proxy)),
        _ => return Err("usage: http_client URL CA_FILE [PROXY_URL]".into()),
    };
    let config = ClientConfig::builder(CryptoProvider::default())
        .trust(TrustAnchors::from_pem(&std::fs::read(ca_file)?)?)?
        .application_protocols(["h2", "http/1.1"])
        .build()?;
    let connector = Connector::new(Arc::new(config));

    let builder = Client::builder(TokioExecutor::new());
    let answer = match proxy {
        None => {
            let client = builder.build::<_, Empty<Bytes>>(HttpsConnector::new(connector));
            client.get(url.parse()?).await?
        }
        Some(proxy) => {
            let tunnel = Tunnel::new(proxy.parse()?, HttpConnector::new());
            let connector = HttpsConnector::over(tunnel, connector);
            builder.build::<_, Empty<Bytes>>(connector).get(url.parse()?).await?
        }
    };
    print(answer).await
}

async fn print(answer: Response<Incoming>) -> Result<(), Failure> {
    println!("{:?} {}", answer.version(), answer.status());
    print!("{}", String::from_utf8_lossy(&answer.into_body().collect().await?.to_bytes()));
    Ok(())
}
