//! A server whose private key is on a token: `token_server ADDRESS:PORT URI [CHAIN_FILE]`. Without the file, the
//! certificates are those of the token.

use std::sync::Arc;
use std::time::Duration;

use handclasp_pkcs11::handclasp::transport::tokio::Acceptor;
use handclasp_pkcs11::handclasp::{ServerConfig, pem};
use handclasp_pkcs11::{Options, Pkcs11Uri, TokenKey, certificates, limited};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Clients must not be able to fill the log when the token is away or too slow.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() {
    if let Err(error) = run().await {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

async fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (address, uri, file) = match &arguments[..] {
        [address, uri] => (address, uri, None),
        [address, uri, file] => (address, uri, Some(file)),
        _ => return Err("usage: token_server ADDRESS:PORT URI [CHAIN_FILE]".into()),
    };
    let uri: Pkcs11Uri = uri.parse()?;
    let mut options = Options::default();
    options.on_failure = Some(limited(LOG_INTERVAL, |error, left_out| {
        println!(
            "the token did not sign: {error} ({left_out} failures were left out before this one)"
        );
    }));
    let chain = match file {
        Some(file) => pem::certificates(&std::fs::read(file)?)?,
        None => certificates(&uri, &options)?,
    };
    let key = TokenKey::open(&uri, chain, &options)?;
    println!("the token signs with {:?}", key.schemes());
    let config = ServerConfig::new(key.certified_key())?;
    let acceptor = Acceptor::new(Arc::new(config)).answers(key);

    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let client = match listener.accept().await {
            Ok((client, _)) => client,
            Err(error) => {
                // There may be too many open files for a moment.
                println!("cannot accept: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            if let Err(error) = serve(client, acceptor).await {
                println!("{error}");
            }
        });
    }
}

async fn serve(client: TcpStream, acceptor: Acceptor) -> std::io::Result<()> {
    let mut stream = acceptor.accept(client).await?;
    let _ = stream.read(&mut [0; 4096]).await?;
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\ntoken\n";
    stream.write_all(answer.as_bytes()).await?;
    stream.close().await
}
