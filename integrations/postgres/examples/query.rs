//! `query OPTIONS CA_FILE SQL` prints the answer of PostgreSQL, over TLS and with channel binding. The options are
//! those of libpq: `host=db.example.org user=app password=...`.

use std::sync::Arc;

use handclasp_postgres::MakeTlsConnector;
use handclasp_postgres::handclasp::transport::tokio::Connector;
use handclasp_postgres::handclasp::{ClientConfig, TrustAnchors};
use handclasp_postgres::tokio_postgres::config::{ChannelBinding, SslMode};
use handclasp_postgres::tokio_postgres::{Config, SimpleQueryMessage};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() {
    if let Err(error) = run().await {
        eprintln!("{}", with_causes(&*error));
        std::process::exit(1);
    }
}

/// The errors of tokio-postgres say the cause in their sources only.
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
    let [_, options, ca_file, sql] = &arguments[..] else {
        return Err("usage: query OPTIONS CA_FILE SQL".into());
    };
    let anchors = TrustAnchors::from_pem(&std::fs::read(ca_file)?)?;
    let connector = Connector::new(Arc::new(ClientConfig::new(anchors)?));
    let mut config: Config = options.parse()?;
    config.ssl_mode(SslMode::Require).channel_binding(ChannelBinding::Require);

    let (client, connection) = config.connect(MakeTlsConnector::new(connector)).await?;
    let connection = tokio::spawn(connection);
    for message in client.simple_query(sql).await? {
        if let SimpleQueryMessage::Row(row) = message {
            let columns: Vec<&str> = (0..row.len()).map(|it| row.get(it).unwrap_or("")).collect();
            println!("{}", columns.join(" | "));
        }
    }
    // The connection ends in an orderly way when there is no client.
    drop(client);
    connection.await??;
    Ok(())
}
