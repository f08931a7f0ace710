//! A blocking server: `server ADDRESS:PORT CHAIN_FILE KEY_FILE` says hello to each client.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use handclasp::{CertifiedKey, ServerConfig, ServerConnection, Stream};

fn main() {
    if let Err(error) = listen() {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn listen() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, address, chain, key] = &arguments[..] else {
        return Err("usage: server ADDRESS:PORT CHAIN_FILE KEY_FILE".into());
    };
    let key = CertifiedKey::from_pem_files(chain, key)?;
    let config = Arc::new(ServerConfig::new(key)?);
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        if let Err(error) = accept(&listener, &config) {
            // For example, too many open files. This is temporary, so the server continues.
            eprintln!("cannot accept a client: {error}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn accept(listener: &TcpListener, config: &Arc<ServerConfig>) -> std::io::Result<()> {
    let ((socket, client), config) = (listener.accept()?, config.clone());
    std::thread::Builder::new().spawn(move || {
        if let Err(error) = serve(config, socket) {
            eprintln!("{client}: {}", reason(&error));
        }
    })?;
    Ok(())
}

/// The timeout of a socket is WouldBlock on Unix, and TimedOut on Windows.
fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "the client was silent for too long".into(),
        _ => error.to_string(),
    }
}

fn serve(config: Arc<ServerConfig>, socket: TcpStream) -> std::io::Result<()> {
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    socket.set_write_timeout(Some(Duration::from_secs(10)))?;
    let mut stream = Stream::new(ServerConnection::new(config), socket);
    let mut request = [0; 4096];
    let length = stream.read(&mut request)?;
    println!("{length} bytes of a request");
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n")?;
    stream.close()
}
