//! A blocking client: `client HOST:PORT CA_FILE` sends an HTTP request and prints the answer.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use handclasp::{ClientConfig, ClientConnection, Stream, TrustAnchors};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, address, ca_file] = &arguments[..] else {
        return Err("usage: client HOST:PORT CA_FILE".into());
    };
    let host = address.rsplit_once(':').ok_or("HOST:PORT is missing its port")?.0.to_string();

    let anchors = TrustAnchors::from_pem(&std::fs::read(ca_file)?)?;
    let config = Arc::new(ClientConfig::new(anchors)?);
    let connection = ClientConnection::new(config, host.clone().try_into()?)?;
    let mut stream = Stream::new(connection, TcpStream::connect(address)?);

    write!(stream, "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    stream.flush()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    std::io::stdout().write_all(&answer)?;
    Ok(())
}
