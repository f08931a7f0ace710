//! Private keys in another process, on this machine or another: servers ask a signer over TLS, and each side knows the
//! other by the pin of its key. `protocol.rs` describes the protocol.
//!
//! - `remote_signer pin CERTIFICATE_FILE` prints a pin.
//! - `remote_signer sign ADDRESS:PORT CERTIFICATE_FILE KEY_FILE SERVER_PIN NAME=KEY_FILE...` has the keys. The first
//!   two files are its own for the connections to servers.
//! - `remote_signer serve SIGNER_ADDRESS:PORT SIGNER_PIN CERTIFICATE_FILE KEY_FILE NAME ADDRESS:PORT CHAIN_FILE` has
//!   the connections of clients, and never sees the key of that name.

mod link;
mod protocol;
mod remote_key;
mod signer;

use std::sync::Arc;
use std::time::Duration;

use handclasp::credential::{CertificateList, KeySource};
use handclasp::crypto::signing_key;
use handclasp::handshake::{Answer, Question};
use handclasp::transport::tokio::{Acceptor, Connector};
use handclasp::verify::{ClientAuthentication, SpkiPin, SpkiPins};
use handclasp::{CertifiedKey, ClientConfig, CryptoProvider, ServerConfig, pem};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use zeroize::Zeroizing;

use protocol::APPLICATION_PROTOCOL;
use remote_key::RemoteKey;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["pin", certificate] => {
            let chain = pem::certificates(&std::fs::read(certificate)?)?;
            println!("{}", SpkiPin::of(&chain[0])?);
            Ok(())
        }
        ["sign", address, certificate, key, pin, ref keys @ ..] if !keys.is_empty() => {
            sign(address, CertifiedKey::from_pem_files(certificate, key)?, pin, keys).await
        }
        ["serve", signer, pin, certificate, key, name, address, chain] => {
            let own = CertifiedKey::from_pem_files(certificate, key)?;
            let connector = connector(own, pin)?;
            let server_name = "signer".try_into()?;
            let key = RemoteKey::new(signer.into(), server_name, connector, name.into());
            serve(key, address, chain).await
        }
        _ => {
            Err("pin, sign or serve, with the arguments that the comment of the example shows"
                .into())
        }
    }
}

/// The process with the keys.
async fn sign(address: &str, own: CertifiedKey, pin: &str, files: &[&str]) -> Result<(), Failure> {
    let mut keys = signer::Keys::new();
    for argument in files {
        let (name, file) = argument.split_once('=').ok_or("a key is NAME=KEY_FILE")?;
        let text = Zeroizing::new(std::fs::read(file)?);
        let key = signing_key(&pem::private_key(&text)?.der())?;
        keys.insert(name.into(), key);
    }
    let servers = Arc::new(SpkiPins::only([pin.parse()?])?);
    let config = ServerConfig::builder(CryptoProvider::default())
        .client_authentication(ClientAuthentication::required(servers))
        .application_protocols([APPLICATION_PROTOCOL])
        .tickets(0)
        .build(Arc::new(CertificateList::new(vec![Arc::new(own)])))?;
    let acceptor = Acceptor::new(Arc::new(config));
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    signer::run(listener, acceptor, keys).await;
    Ok(())
}

/// Connects to the signer with this pin.
fn connector(own: CertifiedKey, pin: &str) -> Result<Connector, Failure> {
    let config = ClientConfig::builder(CryptoProvider::default())
        .verifier(Arc::new(SpkiPins::only([pin.parse()?])?))
        .client_certificates(Arc::new(CertificateList::new(vec![Arc::new(own)])))
        .application_protocols([APPLICATION_PROTOCOL])
        .build()?;
    Ok(Connector::new(Arc::new(config)))
}

/// The process with the connections.
async fn serve(key: RemoteKey, address: &str, chain: &str) -> Result<(), Failure> {
    let chain = pem::certificates(&std::fs::read(chain)?)?;
    let schemes = key.schemes_for(&chain[0]).await?;
    let certified = CertifiedKey::new(chain, KeySource::Remote { schemes })?;
    let acceptor =
        Acceptor::new(Arc::new(ServerConfig::new(certified)?)).answers(move |question| {
            let key = key.clone();
            async move {
                match question {
                    Question::Sign(sign) => key.answer(sign).await,
                    other => Answer::Unavailable(format!("no answer to {}", other.name())),
                }
            }
        });
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let client = match listener.accept().await {
            Ok((client, _)) => client,
            Err(error) => {
                println!("cannot accept: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            if let Err(error) = hello(client, acceptor).await {
                println!("{error}");
            }
        });
    }
}

async fn hello(client: TcpStream, acceptor: Acceptor) -> std::io::Result<()> {
    let mut stream = acceptor.accept(client).await?;
    let _ = stream.read(&mut [0; 4096]).await?;
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nsigned\n";
    stream.write_all(answer.as_bytes()).await?;
    stream.close().await
}
