//! HTTP/1.1 and HTTP/2 on one port, chosen by ALPN:
//! `hyper_server ADDRESS:PORT CHAIN_FILE KEY_FILE` answers each client with the protocol that was chosen.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use handclasp::credential::CertificateList;
use handclasp::transport::tokio::Acceptor;
use handclasp::{CertifiedKey, CryptoProvider, ServerConfig};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

type Failure = Box<dyn std::error::Error + Send + Sync>;

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
        return Err("usage: hyper_server ADDRESS:PORT CHAIN_FILE KEY_FILE".into());
    };
    let key = CertifiedKey::from_pem_files(chain, key)?;
    let config = ServerConfig::builder(CryptoProvider::default())
        .application_protocols(["h2", "http/1.1"])
        .build(Arc::new(CertificateList::new(vec![Arc::new(key)])))?;
    let acceptor = Acceptor::new(Arc::new(config)).plain_http_reply(
        *b"HTTP/1.1 400 Bad Request\r\n\
        Content-Type: text/plain\r\nContent-Length: 24\r\nConnection: close\r\n\r\n\
        This port speaks HTTPS.\n",
    );

    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
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
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            if let Err(error) = serve(acceptor, socket).await {
                eprintln!("{client}: {error}");
            }
        });
    }
}

async fn serve(acceptor: Acceptor, socket: TcpStream) -> Result<(), Failure> {
    socket.set_nodelay(true)?;
    let stream = acceptor.accept(socket).await?;
    let protocol = stream.connection().parameters().application_protocol.clone();
    let stream = TokioIo::new(stream.close_on_shutdown());
    match protocol.as_deref() {
        Some(b"h2") => {
            let builder = http2::Builder::new(TokioExecutor::new());
            builder.serve_connection(stream, service_fn(answer)).await?;
        }
        _ => {
            let connection = http1::Builder::new().serve_connection(stream, service_fn(answer));
            // Handlers can change the protocol, as WebSockets do.
            connection.with_upgrades().await?;
        }
    }
    Ok(())
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let words = format!("{} over {:?}\n", request.uri().path(), request.version());
    Ok(Response::new(Full::from(words)))
}
