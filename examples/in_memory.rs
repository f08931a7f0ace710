//! A client and a server in one process, without a socket: the program moves their bytes.

use std::sync::Arc;

use handclasp::connection::Received;
use handclasp::pki_types::PrivateKeyDer;
use handclasp::transport::memory::exchange;
use handclasp::{
    CertifiedKey, ClientConfig, ClientConnection, ServerConfig, ServerConnection, TrustAnchors,
};

fn main() {
    if let Err(error) = shake_hands() {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn shake_hands() -> Result<(), Box<dyn std::error::Error>> {
    // A certificate that is its own authority.
    let made = rcgen::generate_simple_self_signed(["localhost".to_string()])?;
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
    let mut anchors = TrustAnchors::new();
    anchors.add(certificate.clone())?;

    let config = Arc::new(ClientConfig::new(anchors)?);
    let mut client = ClientConnection::new(config, "localhost".try_into()?);
    let key = CertifiedKey::from_der(vec![certificate], &key)?;
    let mut server = ServerConnection::new(Arc::new(ServerConfig::new(key)?));

    exchange(&mut client, &mut server)?;
    let parameters = client.parameters();
    if let (Some(suite), Some(group)) = (parameters.cipher_suite, parameters.group) {
        println!("the handshake is complete: {suite}, {group}");
    }

    client.write(b"hello")?;
    let mut record = client.outgoing().to_vec();
    client.sent(record.len());
    println!("on the wire: {} bytes", record.len());
    if let (_, Received::Data(data)) = server.receive(&mut record)? {
        println!("server got: {}", String::from_utf8_lossy(data));
    }
    Ok(())
}
