//! A connector for the client of hyper-util.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use handclasp::ClientConnection;
use handclasp::pki_types::ServerName;
use handclasp::transport::tokio::Connector;
use hyper::Uri;
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tower_service::Service;

use crate::HttpsStream;

type Failure = Box<dyn Error + Send + Sync>;

/// Connects hyper-util's client to servers of `https://` and `wss://`, and tonic's channels by
/// `connect_with_connector`.
///
/// The application protocols of the client's configuration decide about the versions of HTTP: `["h2",
/// "http/1.1"]` for both, `["http/1.1"]` or none for HTTP/1.1 only. The pool learns which one ALPN has chosen. A
/// response has the [`PeerParameters`](handclasp::handshake::PeerParameters) of its connection in its extensions,
/// as an `Arc<PeerParameters>`.
///
/// Through a proxy (HTTP CONNECT), with another connector below:
///
/// ```
/// use handclasp_hyper::HttpsConnector;
/// use handclasp_hyper::handclasp::transport::tokio::Connector;
/// use hyper::Uri;
/// use hyper_util::client::legacy::connect::HttpConnector;
/// use hyper_util::client::legacy::connect::proxy::Tunnel;
///
/// fn through(proxy: Uri, connector: Connector) -> HttpsConnector<Tunnel<HttpConnector>> {
///     HttpsConnector::over(Tunnel::new(proxy, HttpConnector::new()), connector)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct HttpsConnector<C = HttpConnector> {
    transport: C,
    connector: Connector,
    timeout: Duration,
}

impl HttpsConnector {
    /// Over TCP.
    pub fn new(connector: Connector) -> Self {
        let mut transport = HttpConnector::new();
        // It connects to the ports of other schemes, too.
        transport.enforce_http(false);
        transport.set_nodelay(true);
        Self::over(transport, connector)
    }
}

impl<C> HttpsConnector<C> {
    /// How long it may take by default until there is a connection: 30 seconds.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

    /// Over the connections of another connector: a proxy's, or an [`HttpConnector`] with options.
    pub fn over(transport: C, connector: Connector) -> Self {
        Self { transport, connector, timeout: Self::CONNECT_TIMEOUT }
    }

    /// Sets how long it may take until there is a connection: the connection below, such as TCP and the
    /// answer of a proxy, and the handshake. The handshake alone has the limit of
    /// [`Connector::handshake_timeout`], too.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl<C> Service<Uri> for HttpsConnector<C>
where
    C: Service<Uri>,
    C::Response: Connection + Read + Write + Send + Unpin + 'static,
    C::Error: Into<Failure>,
    C::Future: Send + 'static,
{
    type Response = TokioIo<HttpsStream<ClientConnection, TokioIo<C::Response>>>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Failure>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.transport.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let server_name = match server_name(&uri) {
            Ok(server_name) => server_name,
            Err(error) => return Box::pin(async { Err(error) }),
        };
        let (connector, limit) = (self.connector.clone(), self.timeout);
        let transport = self.transport.call(uri);
        let connect = async move {
            let transport = TokioIo::new(transport.await.map_err(Into::into)?);
            let stream = connector.connect(server_name, transport).await?;
            Ok(TokioIo::new(HttpsStream::new(stream)))
        };
        Box::pin(async move {
            match timeout(limit, connect).await {
                Ok(connected) => connected,
                Err(_) => Err(too_slow(limit).into()),
            }
        })
    }
}

fn too_slow(limit: Duration) -> io::Error {
    let reason = format!("there was no connection to the server within {limit:?}");
    io::Error::new(io::ErrorKind::TimedOut, reason)
}

/// The name that the server's certificate must have.
fn server_name(uri: &Uri) -> Result<ServerName<'static>, Failure> {
    let host = match (uri.scheme_str(), uri.host()) {
        (Some("https" | "wss"), Some(host)) => host.trim_matches(['[', ']']),
        _ => {
            let reason = format!("the connector is for https:// only, and not for {uri}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason).into());
        }
    };
    Ok(ServerName::try_from(host.to_string())?)
}

impl<T> Connection for HttpsStream<ClientConnection, TokioIo<T>>
where
    T: Connection + Read + Write + Unpin,
{
    fn connected(&self) -> Connected {
        let parameters = self.connection().parameters();
        let connected = self.transport().inner().connected().extra(Arc::new(parameters.clone()));
        if parameters.application_protocol.as_deref() == Some(b"h2") {
            connected.negotiated_h2()
        } else {
            connected
        }
    }
}
