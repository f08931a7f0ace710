//! [`tokio_postgres`] with the TLS 1.3 handshake of [`handclasp`]. Both are re-exported.
//!
//! ```no_run
//! use std::sync::Arc;
//! use handclasp_postgres::MakeTlsConnector;
//! use handclasp_postgres::handclasp::transport::tokio::Connector;
//! use handclasp_postgres::handclasp::{ClientConfig, TrustAnchors};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let anchors = TrustAnchors::from_pem(&std::fs::read("ca.pem")?)?;
//! let connector = Connector::new(Arc::new(ClientConfig::new(anchors)?));
//! let tls = MakeTlsConnector::new(connector);
//! let options = "host=db.example.org user=app sslmode=require channel_binding=require";
//! let (client, connection) = handclasp_postgres::tokio_postgres::connect(options, tls).await?;
//! tokio::spawn(connection);
//! let row = client.query_one("select version()", &[]).await?;
//! println!("{}", row.get::<_, String>(0));
//! # Ok(())
//! # }
//! ```
//!
//! - The server's certificate is always verified, for the name in `host`. Set `sslmode=require`: with `prefer`, the
//!   default, tokio-postgres goes on without TLS where the server has none.
//! - With `channel_binding=require`, the password's proof (SCRAM) is bound to the server's certificate, by
//!   `tls-server-end-point` (RFC 5929). Another server cannot use it, even with a certificate that is trusted. Where
//!   the certificate is signed with Ed25519 or ML-DSA, PostgreSQL has no binding.
//! - A client certificate is an option of handclasp's configuration:
//!   [`ClientConfigBuilder::client_certificates`](handclasp::config::ClientConfigBuilder::client_certificates).
//! - PostgreSQL 17 takes TLS without its own first message (`sslnegotiation=direct`). That needs the application
//!   protocol `postgresql` in the configuration.

// Examples are copied: an import that one does not use would be a warning there.
#![doc(test(attr(deny(unused_imports))))]

mod stream;

use std::future::Future;
use std::io;
use std::pin::Pin;

pub use handclasp;
use handclasp::pki_types::{InvalidDnsNameError, ServerName};
use handclasp::transport::tokio::Connector;
pub use stream::PostgresStream;
use tokio::io::{AsyncRead, AsyncWrite};
pub use tokio_postgres;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};

/// Makes TLS connections to PostgreSQL: see the [crate]. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct MakeTlsConnector {
    connector: Connector,
}

impl MakeTlsConnector {
    /// With this connector, which has the configuration, the answers to questions and the limit of time.
    pub fn new(connector: Connector) -> Self {
        Self { connector }
    }
}

impl<S> MakeTlsConnect<S> for MakeTlsConnector
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    type Stream = PostgresStream<S>;
    type TlsConnect = TlsConnector;
    type Error = InvalidDnsNameError;

    fn make_tls_connect(&mut self, domain: &str) -> Result<TlsConnector, InvalidDnsNameError> {
        let server_name = ServerName::try_from(domain.to_string())?;
        Ok(TlsConnector { connector: self.connector.clone(), server_name })
    }
}

/// Makes one TLS connection, to the server of one name. For
/// [`connect_raw`](tokio_postgres::Config::connect_raw).
#[derive(Debug)]
pub struct TlsConnector {
    connector: Connector,
    server_name: ServerName<'static>,
}

impl TlsConnector {
    /// Connects to the server of this name.
    pub fn new(connector: Connector, server_name: ServerName<'static>) -> Self {
        Self { connector, server_name }
    }
}

impl<S> TlsConnect<S> for TlsConnector
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    type Stream = PostgresStream<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<PostgresStream<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let stream = self.connector.connect(self.server_name, stream).await?;
            Ok(PostgresStream::new(stream))
        })
    }
}
