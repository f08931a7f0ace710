//! A server that counts its handshakes and logs those that fail:
//! `metrics ADDRESS:PORT CHAIN_FILE KEY_FILE METRICS_ADDRESS:PORT`. Prometheus gets the metrics from the second
//! address, at the path `/metrics`.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use handclasp::credential::CertificateList;
use handclasp::session::TicketKeys;
use handclasp::telemetry::{MetricsObserver, TracingObserver, record_certificate};
use handclasp::transport::tokio::Acceptor;
use handclasp::{CertifiedKey, CryptoProvider, ServerConfig};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tracing::instrument::Instrument;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The upper limits of the buckets of durations, in seconds.
const DURATIONS: [f64; 8] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0];

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n";

#[tokio::main]
async fn main() {
    if let Err(error) = run().await {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

async fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, address, chain, key, metrics_address] = &arguments[..] else {
        return Err("usage: metrics ADDRESS:PORT CHAIN_FILE KEY_FILE METRICS_ADDRESS:PORT".into());
    };
    tracing_subscriber::fmt().with_ansi(false).with_writer(io::stderr).init();
    let metrics = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_duration_seconds".into()), &DURATIONS)?
        .install_recorder()?;
    MetricsObserver::describe();

    let key = CertifiedKey::from_pem_files(chain, key)?;
    record_certificate("server", &key);
    let provider = CryptoProvider::default();
    let tickets = TicketKeys::random(provider.random.clone())?;
    let config = ServerConfig::builder(provider)
        .sessions(Arc::new(tickets))
        .observer(MetricsObserver::boxed)
        .observer(TracingObserver::boxed)
        .build(Arc::new(CertificateList::new(vec![Arc::new(key)])))?;
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let metrics_listener = TcpListener::bind(metrics_address).await?;
    println!("metrics at http://{}/metrics", metrics_listener.local_addr()?);
    tokio::spawn(show_metrics(metrics_listener, metrics));
    let acceptor = Acceptor::new(Arc::new(config));
    loop {
        let (socket, client) = accept(&listener).await;
        // The span of the handshake is in this one.
        let span = tracing::info_span!("client", address = %client);
        tokio::spawn(serve(acceptor.clone(), socket, client).instrument(span));
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                // For example, too many open files. This is temporary, so the server continues.
                tracing::error!("cannot accept a client: {error}");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn show_metrics(listener: TcpListener, metrics: PrometheusHandle) {
    // Until the metrics are read, the recorder keeps each value of a histogram. This sums them up.
    let upkeep = metrics.clone();
    tokio::spawn(async move {
        loop {
            sleep(Duration::from_secs(5)).await;
            upkeep.run_upkeep();
        }
    });
    loop {
        let (socket, _) = accept(&listener).await;
        let metrics = metrics.clone();
        let answer = service_fn(move |_: Request<Incoming>| {
            let text = Bytes::from(metrics.render());
            async move { Ok::<_, Infallible>(Response::new(Full::new(text))) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), answer));
    }
}

async fn serve(acceptor: Acceptor, socket: TcpStream, client: SocketAddr) {
    // A handshake that fails is in the log already.
    if let Ok(mut stream) = acceptor.accept(socket).await {
        if let Err(error) = stream.write_all(ANSWER).await {
            tracing::info!("{client} got no answer: {error}");
        }
        let _ = stream.close().await;
    }
}
