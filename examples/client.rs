//! A blocking client: `client HOST:PORT CA_FILE` sends an HTTP request and prints the answer.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use handclasp::{ClientConfig, ClientConnection, Stream, TrustAnchors};

fn main() {
    if let Err(error) = fetch() {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn fetch() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, address, ca_file] = &arguments[..] else {
        return Err("usage: client HOST:PORT CA_FILE".into());
    };
    let host = address.rsplit_once(':').ok_or("HOST:PORT is missing its port")?.0.to_string();

    let anchors = TrustAnchors::from_pem(&std::fs::read(ca_file)?)?;
    let config = Arc::new(ClientConfig::new(anchors)?);
    let connection = ClientConnection::new(config, host.clone().try_into()?);
    let socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(Duration::from_secs(30)))?;
    let answer = ask(Stream::new(connection, socket), &host).map_err(|error| reason(&error))?;
    std::io::stdout().write_all(&answer)?;
    Ok(())
}

fn ask(mut stream: Stream<ClientConnection, TcpStream>, host: &str) -> std::io::Result<Vec<u8>> {
    write!(stream, "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    stream.flush()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// The timeout of a socket is WouldBlock on Unix, and TimedOut on Windows.
fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "the server was silent for too long".into(),
        _ => error.to_string(),
    }
}
