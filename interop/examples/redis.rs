//! Redis or Valkey over TLS 1.3 with a client certificate, through the crate `redis`. Each line of the input names a
//! counter, which is incremented.
//!
//! `cargo run -p handclasp-interop --example redis -- HOST:PORT CA_FILE CHAIN_FILE KEY_FILE`

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use handclasp::credential::CertificateList;
use handclasp::pki_types::ServerName;
use handclasp::transport::tokio::Connector;
use handclasp::{CertifiedKey, ClientConfig, CryptoProvider, TrustAnchors};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo, RedisError, RedisResult};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// How long connecting may take, and then each answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A client of one server. It connects again after the connection has failed.
struct Redis {
    connector: Connector,
    address: String,
    name: ServerName<'static>,
    /// User, password and database. There are none.
    login: RedisConnectionInfo,
    connection: Option<Connected>,
}

struct Connected {
    /// Many commands can use it at the same time.
    commands: MultiplexedConnection,
    driver: AbortHandle,
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Redis {
    async fn connection(&mut self) -> Result<MultiplexedConnection, Box<dyn Error>> {
        if let Some(connection) = &self.connection {
            return Ok(connection.commands.clone());
        }
        let connection = timeout(TIMEOUT, self.connect()).await??;
        let commands = connection.commands.clone();
        self.connection = Some(connection);
        Ok(commands)
    }

    async fn connect(&self) -> Result<Connected, Box<dyn Error>> {
        let socket = TcpStream::connect(&self.address).await?;
        // Commands are small, and wait for their answers.
        socket.set_nodelay(true)?;
        let stream = self.connector.connect(self.name.clone(), socket).await?;
        let options = AsyncConnectionConfig::new().set_response_timeout(Some(TIMEOUT));
        let connecting = MultiplexedConnection::new_with_config(&self.login, stream, options);
        let (commands, driver) = connecting.await?;
        Ok(Connected { commands, driver: tokio::spawn(driver).abort_handle() })
    }

    /// After an error it is not known whether the server has done it, so it is not sent again.
    async fn increment(&mut self, counter: &str) -> Result<i64, Box<dyn Error>> {
        let mut connection = self.connection().await?;
        let result: RedisResult<i64> =
            redis::cmd("INCR").arg(counter).query_async(&mut connection).await;
        if result.as_ref().is_err_and(needs_another_connection) {
            self.connection = None;
        }
        Ok(result?)
    }
}

/// After a timeout, too: the server's host may be gone without a packet that says so, and then this connection answers
/// nothing more.
fn needs_another_connection(error: &RedisError) -> bool {
    error.is_unrecoverable_error() || error.is_timeout()
}

#[tokio::main]
async fn main() {
    if let Err(error) = run().await {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, ca, chain, key] = &arguments[..] else {
        return Err("usage: redis HOST:PORT CA_FILE CHAIN_FILE KEY_FILE".into());
    };
    let (host, _) = address.rsplit_once(':').ok_or("there is no port in HOST:PORT")?;
    let own = CertificateList::new(vec![Arc::new(CertifiedKey::from_pem_files(chain, key)?)]);
    let config = ClientConfig::builder(CryptoProvider::default())
        .trust(TrustAnchors::from_pem(&std::fs::read(ca)?)?)?
        .client_certificates(Arc::new(own))
        .build()?;
    let mut redis = Redis {
        connector: Connector::new(Arc::new(config)),
        address: address.clone(),
        name: ServerName::try_from(host.to_owned())?,
        login: RedisConnectionInfo::default(),
        connection: None,
    };
    // This thread may wait: the connection is driven in another one.
    for counter in std::io::stdin().lines() {
        let counter = counter?;
        match redis.increment(&counter).await {
            Ok(value) => println!("{counter}: {value}"),
            Err(error) => println!("{counter}: failed: {error}"),
        }
    }
    Ok(())
}
