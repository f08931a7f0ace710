//! A server that answers each line, and whose certificate changes with its files. SIGHUP reads them at once.
//!
//! `cargo run -p handclasp-reload --example reload_server -- 127.0.0.1:4433 chain.pem key.pem`

use std::sync::Arc;
use std::time::Duration;

use handclasp_reload::handclasp::transport::tokio::Acceptor;
use handclasp_reload::handclasp::{CryptoProvider, ServerConfig};
use handclasp_reload::{CertificateFiles, KeyFiles, Reloader};
use tokio::io::{copy, split};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() {
    if let Err(error) = serve().await {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, chain, key] = &arguments[..] else {
        return Err("usage: reload_server ADDRESS:PORT CHAIN_FILE KEY_FILE".into());
    };
    let provider = CryptoProvider::default();
    let reloader =
        Reloader::builder(provider.clone()).on_event(|event| eprintln!("{event}")).start()?;
    let files = CertificateFiles::new([KeyFiles::new(chain, key)]);
    let certificates = reloader.certificates(files)?;
    let config = ServerConfig::builder(provider).build(certificates)?;
    let acceptor = Acceptor::new(Arc::new(config));

    reload_on_hangup(reloader)?;
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (socket, client) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // There may be too many open files for a moment: the server continues.
                eprintln!("cannot accept a client: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            if let Err(error) = echo(acceptor, socket).await {
                eprintln!("{client}: {error}");
            }
        });
    }
}

#[cfg(unix)]
fn reload_on_hangup(reloader: Reloader) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            let reloader = reloader.clone();
            // It reads files. The events are printed.
            let _ = tokio::task::spawn_blocking(move || reloader.reload_now()).await;
        }
    });
    Ok(())
}

/// There is no such signal: the files are watched.
#[cfg(not(unix))]
fn reload_on_hangup(_: Reloader) -> std::io::Result<()> {
    Ok(())
}

async fn echo(acceptor: Acceptor, socket: TcpStream) -> std::io::Result<()> {
    let stream = acceptor.accept(socket).await?;
    let (mut reader, mut writer) = split(stream);
    copy(&mut reader, &mut writer).await?;
    reader.unsplit(writer).close().await
}
