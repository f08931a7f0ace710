//! A client that leaves the server's certificates to the operating system: on macOS and Windows to its own
//! verifier, elsewhere to rustls's with the system's roots. `platform_verifier HOST:PORT`.
//!
//! The crate `rustls-platform-verifier` is a verifier of rustls. It takes a chain, a name, an OCSP response and
//! a time, so it verifies for other libraries, too. It does not check the signature over the handshake: the
//! handshake always does that itself.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use handclasp::certificate::CertificateError;
use handclasp::verify::{PeerIdentity, PeerVerifier};
use handclasp::{ClientConfig, ClientConnection, CryptoProvider, Reply, Stream};
use rustls::client::danger::ServerCertVerifier;
use rustls_platform_verifier::Verifier;

#[derive(Debug)]
struct PlatformVerifier(Verifier);

impl PlatformVerifier {
    fn new() -> Result<Self, rustls::Error> {
        // Where the system has no verifier, this provider verifies the signatures in the chain.
        let provider = rustls::crypto::ring::default_provider();
        Ok(Self(Verifier::new(Arc::new(provider))?))
    }
}

impl PeerVerifier for PlatformVerifier {
    /// The system may ask servers for revocations, and take seconds. A server of many tasks answers later: it
    /// returns `Reply::Later`, and calls the verifier in a thread for work that blocks.
    fn verify(&self, peer: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        let (Some(name), [own, others @ ..]) = (&peer.server_name, &*peer.chain) else {
            return Reply::Now(Err(CertificateError::rejected("it verifies servers with a name")));
        };
        let ocsp_response = peer.ocsp_response.as_deref().unwrap_or_default();
        let verified = self.0.verify_server_cert(own, others, name, ocsp_response, peer.now);
        let result = match verified {
            Ok(_) => Ok(()),
            Err(error) => Err(CertificateError::rejected(error.to_string())),
        };
        Reply::Now(result)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).ok_or("usage: platform_verifier HOST:PORT")?;
    let (host, _) = address.rsplit_once(':').ok_or("usage: platform_verifier HOST:PORT")?;
    let config = ClientConfig::builder(CryptoProvider::default())
        .verifier(Arc::new(PlatformVerifier::new()?))
        .build()?;
    let connection = ClientConnection::new(Arc::new(config), host.to_owned().try_into()?);
    let mut stream = Stream::new(connection, TcpStream::connect(&address)?);
    stream.write_all(format!("GET / HTTP/1.0\r\nHost: {host}\r\n\r\n").as_bytes())?;
    stream.flush()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    std::io::stdout().write_all(&answer)?;
    Ok(())
}
