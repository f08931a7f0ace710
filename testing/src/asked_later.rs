//! Clients that are asked for a certificate after the handshake.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use handclasp::credential::{CertificateList, ClientCertificateResolver};
use handclasp::crypto::CryptoProvider;
use handclasp::registry::CertificateType;
use handclasp::verify::{ClientAuthentication, PeerVerifier};
use handclasp::wire::CertificateRequest;
use handclasp::{CertifiedKey, ClientConfig, Reply, ServerConfig};

use crate::Identity;

/// A client that trusts this server and may be asked later.
pub fn client(
    server: &Identity,
    certificates: Arc<dyn ClientCertificateResolver>,
) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder(CryptoProvider::default()).trust(server.anchors()).unwrap();
    let builder = builder.client_certificates(certificates).post_handshake_authentication(true);
    Arc::new(builder.build().unwrap())
}

/// A server that may ask its clients later.
pub fn server(identity: &Identity, verifier: Arc<dyn PeerVerifier>) -> Arc<ServerConfig> {
    let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let builder = ServerConfig::builder(CryptoProvider::default())
        .client_authentication(ClientAuthentication::post_handshake(verifier));
    Arc::new(builder.build(Arc::new(list)).unwrap())
}

/// Shows another certificate to each request.
#[derive(Debug)]
pub struct InTurn {
    keys: Vec<Arc<CertifiedKey>>,
    asked: AtomicUsize,
}

impl InTurn {
    pub fn new(identities: &[&Identity]) -> Arc<Self> {
        let keys = identities.iter().map(|own| Arc::new(own.certified_key())).collect();
        Arc::new(Self { keys, asked: AtomicUsize::new(0) })
    }
}

impl ClientCertificateResolver for InTurn {
    fn choose(
        &self,
        _: &CertificateRequest<'_>,
        _: CertificateType,
    ) -> Reply<Option<Arc<CertifiedKey>>> {
        Reply::Now(self.keys.get(self.asked.fetch_add(1, Ordering::Relaxed)).cloned())
    }
}
