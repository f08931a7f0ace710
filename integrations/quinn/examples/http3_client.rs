//! An HTTP/3 client: `http3_client URL CA_FILE` prints what the server answers.

use std::future::poll_fn;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use handclasp_quinn::handclasp::{ClientConfig, CryptoProvider, TrustAnchors};
use http::{Request, Uri};
use tokio::io::AsyncWriteExt;
use tokio::net::lookup_host;

type Failure = Box<dyn std::error::Error + Send + Sync>;
type SendRequest = h3::client::SendRequest<h3_quinn::OpenStreams, Bytes>;

#[tokio::main]
async fn main() {
    if let Err(error) = run().await {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

async fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, url, ca_file] = &arguments[..] else {
        return Err("usage: http3_client URL CA_FILE".into());
    };
    let url: Uri = url.parse()?;
    let host = url.host().ok_or("the URL has no host")?.trim_matches(['[', ']']);
    let config = ClientConfig::builder(CryptoProvider::default())
        .application_protocols(["h3"])
        .trust(TrustAnchors::from_pem(&std::fs::read(ca_file)?)?)?
        .build()?;

    let mut addresses = lookup_host((host, url.port_u16().unwrap_or(443))).await?;
    let address = addresses.next().ok_or("the host has no address")?;
    let mut endpoint = handclasp_quinn::client_endpoint(any_address_for(address))?;
    endpoint.set_default_client_config(handclasp_quinn::client_config(Arc::new(config))?);
    let connection = endpoint.connect(address, host)?.await?;
    let (mut http, requests) = h3::client::new(h3_quinn::Connection::new(connection)).await?;
    // The connection goes on until `fetch` drops its sender of requests.
    let (_, fetched) =
        tokio::join!(poll_fn(|context| http.poll_close(context)), fetch(requests, &url));
    fetched?;
    // The server should learn that the connection is closed.
    endpoint.wait_idle().await;
    Ok(())
}

/// Any port, of the kind of addresses that the server has.
fn any_address_for(server: SocketAddr) -> SocketAddr {
    match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

async fn fetch(mut requests: SendRequest, url: &Uri) -> Result<(), Failure> {
    let mut stream = requests.send_request(Request::get(url).body(())?).await?;
    // This fails if the server has answered already, and has stopped the request (RFC 9114, section 4.1). Without an
    // answer, the next line fails.
    let _ = stream.finish().await;
    let head = stream.recv_response().await?;
    println!("{:?} {}", head.version(), head.status());
    let mut output = tokio::io::stdout();
    while let Some(mut data) = stream.recv_data().await? {
        output.write_all_buf(&mut data).await?;
    }
    Ok(output.flush().await?)
}
