//! A connector for hyper's client: `hyper_client URL CA_FILE` prints what the server answers.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use handclasp::pki_types::ServerName;
use handclasp::transport::tokio::{Connector, TlsStream};
use handclasp::{ClientConfig, ClientConnection, CryptoProvider, TrustAnchors};
use http_body_util::{BodyExt, Empty};
use hyper::Uri;
use hyper::body::Bytes;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tower_service::Service;

/// Connects to the host and port of a URI.
#[derive(Clone)]
struct HttpsConnector(Connector);

impl Service<Uri> for HttpsConnector {
    type Response = HttpsStream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<HttpsStream>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.0.clone();
        Box::pin(async move {
            let no_host = || io::Error::new(io::ErrorKind::InvalidInput, "the URL has no host");
            let host = uri.host().ok_or_else(no_host)?.trim_matches(['[', ']']);
            let name = ServerName::try_from(host.to_string()).map_err(io::Error::other)?;
            let socket = TcpStream::connect((host, uri.port_u16().unwrap_or(443))).await?;
            socket.set_nodelay(true)?;
            Ok(HttpsStream(TokioIo::new(connector.connect(name, socket).await?)))
        })
    }
}

/// A stream that reports to hyper what ALPN has chosen.
struct HttpsStream(TokioIo<TlsStream<ClientConnection, TcpStream>>);

impl Connection for HttpsStream {
    fn connected(&self) -> Connected {
        let parameters = self.0.inner().connection().parameters();
        match parameters.application_protocol.as_deref() {
            Some(b"h2") => Connected::new().negotiated_h2(),
            _ => Connected::new(),
        }
    }
}

impl Read for HttpsStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl Write for HttpsStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[tokio::main]
async fn main() {
    if let Err(error) = run().await {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, url, ca_file] = &arguments[..] else { return Err("URL CA_FILE".into()) };
    let config = ClientConfig::builder(CryptoProvider::default())
        .trust(TrustAnchors::from_pem(&std::fs::read(ca_file)?)?)?
        .application_protocols(["h2", "http/1.1"])
        .build()?;
    let connector = HttpsConnector(Connector::new(Arc::new(config)));
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(connector);

    let answer = client.get(url.parse()?).await?;
    println!("{:?} {}", answer.version(), answer.status());
    print!("{}", String::from_utf8_lossy(&answer.into_body().collect().await?.to_bytes()));
    Ok(())
}
