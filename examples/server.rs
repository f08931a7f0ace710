//! A blocking server: `server ADDRESS:PORT CHAIN_FILE KEY_FILE` says hello to everyone.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use handclasp::{CertifiedKey, ServerConfig, ServerConnection, Stream};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, address, chain, key] = &arguments[..] else {
        return Err("usage: server ADDRESS:PORT CHAIN_FILE KEY_FILE".into());
    };
    let key = CertifiedKey::from_pem_files(chain, key)?;
    let config = Arc::new(ServerConfig::new(key)?);
    for socket in TcpListener::bind(address)?.incoming() {
        let (socket, config) = (socket?, config.clone());
        std::thread::spawn(move || {
            if let Err(error) = serve(config, socket) {
                eprintln!("{error}");
            }
        });
    }
    Ok(())
}

fn serve(config: Arc<ServerConfig>, socket: TcpStream) -> Result<(), Box<dyn std::error::Error>> {
    let mut stream = Stream::new(ServerConnection::new(config)?, socket);
    let mut request = [0; 4096];
    let length = stream.read(&mut request)?;
    println!("{length} bytes of a request");
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n")?;
    Ok(stream.close()?)
}
