//! The server's side: a key that a signer has.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use handclasp::certificate::EndEntity;
use handclasp::handshake::{Answer, Sign};
use handclasp::pki_types::{CertificateDer, ServerName};
use handclasp::registry::SignatureScheme;
use handclasp::transport::tokio::{Connector, TlsStream};
use handclasp::{ClientConnection, CryptoProvider};
use tokio::net::TcpStream;

use super::Failure;
use super::link::{Link, SignerError};
use super::protocol::{CONTEXT, Reply, Request, Status};

/// A key of a signer. Clones share its connection, which is made again when it is lost.
#[derive(Clone)]
pub struct RemoteKey(Arc<Shared>);

struct Shared {
    address: String,
    signer: ServerName<'static>,
    connector: Connector,
    key: String,
    next_number: AtomicU32,
    link: Mutex<Option<Link>>,
}

impl RemoteKey {
    /// The key of this name, of the signer at this address. Nothing is sent yet.
    pub fn new(
        address: String,
        signer: ServerName<'static>,
        connector: Connector,
        key: String,
    ) -> Self {
        let (next_number, link) = (AtomicU32::new(0), Mutex::new(None));
        Self(Arc::new(Shared { address, signer, connector, key, next_number, link }))
    }

    /// The schemes of the key. It signs once with each, and the certificate must verify the signature: with the key of
    /// another certificate, every handshake would fail.
    pub async fn schemes_for(
        &self,
        certificate: &CertificateDer<'_>,
    ) -> Result<Vec<SignatureScheme>, Failure> {
        let certificate = EndEntity::parse(certificate)?;
        let signatures = CryptoProvider::default().signatures;
        let codes = self.ask(0, &[]).await?;
        let codes = codes.chunks_exact(2).map(|code| u16::from_be_bytes([code[0], code[1]]));
        let schemes: Vec<_> = codes.map(SignatureScheme).collect();
        // No handshake has this hash.
        let content = [&[b' '; 64], CONTEXT.as_bytes(), &[0], &[0; 32]].concat();
        for scheme in &schemes {
            let signature = self.ask(scheme.0, &content).await?;
            let algorithms = signatures.for_scheme(*scheme);
            certificate.verify_signature(algorithms, &content, &signature).map_err(|error| {
                format!("the certificate is not for the signer's key {}: {error}", self.0.key)
            })?;
        }
        Ok(schemes)
    }

    /// The answer to a question for a signature.
    pub async fn answer(&self, sign: Sign) -> Answer {
        match self.ask(sign.scheme.0, &sign.message).await {
            Ok(signature) => Answer::Signature(Ok(signature)),
            Err(error) => Answer::Unavailable(error.to_string()),
        }
    }

    /// One request and its reply. After a connection was lost, the request is sent once more, over another one: a
    /// second signature does no harm.
    async fn ask(&self, scheme: u16, content: &[u8]) -> Result<Vec<u8>, SignerError> {
        let mut reply = self.exchange(scheme, content).await;
        if let Err(SignerError::Lost(_)) = reply {
            reply = self.exchange(scheme, content).await;
        }
        let reply = reply?;
        match reply.status {
            Status::Done => Ok(reply.content),
            status => Err(SignerError::Refused(status)),
        }
    }

    async fn exchange(&self, scheme: u16, content: &[u8]) -> Result<Reply, SignerError> {
        let number = self.0.next_number.fetch_add(1, Ordering::Relaxed);
        let (key, content) = (self.0.key.clone(), content.to_vec());
        self.link().exchange(&Request { number, scheme, key, content }).await
    }

    /// The connection to the signer: the one there is, or another.
    fn link(&self) -> Link {
        let mut link = self.0.link.lock().unwrap_or_else(PoisonError::into_inner);
        match &*link {
            Some(link) if !link.has_ended() => link.clone(),
            _ => {
                let new = Link::open(connect(Arc::clone(&self.0)));
                *link = Some(new.clone());
                new
            }
        }
    }
}

async fn connect(shared: Arc<Shared>) -> io::Result<TlsStream<ClientConnection, TcpStream>> {
    let socket = TcpStream::connect(&shared.address).await?;
    socket.set_nodelay(true)?;
    shared.connector.connect(shared.signer.clone(), socket).await
}
