//! A server with axum in this process, and clients of it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::{get, post};
use axum::serve::Listener;
use handclasp::config::{ClientConfigBuilder, ServerConfigBuilder};
use handclasp::credential::CertificateList;
use handclasp::transport::tokio::{Acceptor, Connector, TlsStream};
use handclasp::{ClientConfig, ClientConnection, CryptoProvider, ServerConfig};
use handclasp_hyper::{ConnectionInfo, HttpsConnector, TlsListener, handclasp};
use handclasp_testing::Identity;
use http_body_util::{BodyExt, Empty};
use hyper::Response;
use hyper::body::{Bytes, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

pub type ClientStream = TlsStream<ClientConnection, TcpStream>;
pub type HttpsClient<C = HttpsConnector> = Client<C, Empty<Bytes>>;

/// The server, and what it can be asked.
pub struct Server {
    pub address: SocketAddr,
    /// The errors of failed handshakes.
    pub failures: Arc<Mutex<Vec<String>>>,
    /// A request for `/slow` has come.
    pub slow_request: Arc<Notify>,
    /// Lets `/slow` answer.
    pub go_on: Arc<Notify>,
    pub stop: oneshot::Sender<()>,
    pub task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    pub async fn start(config: Arc<ServerConfig>) -> Self {
        Self::start_with(config, |listener| listener).await
    }

    pub async fn start_with(
        config: Arc<ServerConfig>,
        more: impl FnOnce(TlsListener<TcpListener>) -> TlsListener<TcpListener>,
    ) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let failures = Arc::<Mutex<Vec<String>>>::default();
        let failed = failures.clone();
        let listener = TlsListener::new(socket, Acceptor::new(config))
            .on_failure(move |_, error| failed.lock().unwrap().push(error.to_string()));
        let (slow_request, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let app = app(slow_request.clone(), go_on.clone())
            .into_make_service_with_connect_info::<ConnectionInfo>();
        let (stop, stopped) = oneshot::channel();
        let serve = axum::serve(more(listener), app).with_graceful_shutdown(async {
            let _ = stopped.await;
        });
        let task = tokio::spawn(serve.into_future());
        Self { address, failures, slow_request, go_on, stop, task }
    }

    pub fn url(&self, path: &str) -> hyper::Uri {
        format!("https://localhost:{}{path}", self.address.port()).parse().unwrap()
    }
}

/// Serves this router, with what handlers can know of a connection.
pub async fn serve(
    config: Arc<ServerConfig>,
    app: Router,
    more: impl FnOnce(TlsListener<TcpListener>) -> TlsListener<TcpListener>,
) -> SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listener = more(TlsListener::new(socket, Acceptor::new(config)));
    let address = listener.local_addr().unwrap();
    let service = app.into_make_service_with_connect_info::<ConnectionInfo>();
    tokio::spawn(axum::serve(listener, service).into_future());
    address
}

fn app(slow_request: Arc<Notify>, go_on: Arc<Notify>) -> Router {
    Router::new()
        .route("/", get(describe).post(describe))
        .route("/unprotected", post(describe))
        .route(
            "/slow",
            get(async move || {
                slow_request.notify_one();
                go_on.notified().await;
                "a slow answer"
            }),
        )
}

/// What the handler knows of its connection.
async fn describe(ConnectInfo(info): ConnectInfo<ConnectionInfo>) -> String {
    let parameters = info.parameters();
    let protocol = parameters.application_protocol.as_deref().unwrap_or(b"none");
    format!(
        "port {}, {}, {}, {} certificates, resumed {}, early {}",
        info.remote_address().port(),
        parameters.server_name.as_deref().unwrap_or("no name"),
        String::from_utf8_lossy(protocol),
        parameters.certificates.as_deref().unwrap_or_default().len(),
        info.is_resumed(),
        info.is_early(),
    )
}

pub fn server_config(
    identity: &Identity,
    more: impl FnOnce(ServerConfigBuilder) -> ServerConfigBuilder,
) -> Arc<ServerConfig> {
    let builder = ServerConfig::builder(CryptoProvider::default());
    let builder = more(builder.application_protocols(["h2", "http/1.1"]));
    let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    Arc::new(builder.build(Arc::new(list)).unwrap())
}

pub fn connector(
    identity: &Identity,
    more: impl FnOnce(ClientConfigBuilder) -> ClientConfigBuilder,
) -> Connector {
    let builder = ClientConfig::builder(CryptoProvider::default());
    let builder = builder.application_protocols(["h2", "http/1.1"]);
    let builder = more(builder.trust(identity.anchors()).unwrap());
    Connector::new(Arc::new(builder.build().unwrap()))
}

pub fn client(connector: Connector) -> HttpsClient {
    Client::builder(TokioExecutor::new()).build(HttpsConnector::new(connector))
}

/// The head and the body of the next answer of HTTP/1.1.
pub async fn answer(stream: &mut ClientStream) -> String {
    let mut answer = String::new();
    loop {
        if let Some((head, body)) = answer.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() == length.unwrap().parse::<usize>().unwrap() {
                return answer;
            }
        }
        answer.push(char::from(stream.read_u8().await.unwrap()));
    }
}

pub async fn text(response: Response<Incoming>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}
