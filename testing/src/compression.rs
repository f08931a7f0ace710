//! Compressed certificates: of a toy algorithm, and of a hostile server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use handclasp::credential::{CertificateCompression, CertificateList};
use handclasp::crypto::CryptoProvider;
use handclasp::registry::CertificateCompressionAlgorithm;
use handclasp::{ClientConfig, ServerConfig};

use crate::Identity;

/// Algorithms, the preferred one first.
pub type Algorithms = Vec<Arc<dyn CertificateCompression>>;

/// A client that takes certificates compressed with these algorithms.
pub fn client(identity: &Identity, algorithms: Algorithms) -> Arc<ClientConfig> {
    let builder =
        ClientConfig::builder(CryptoProvider::default()).certificate_compression(algorithms);
    Arc::new(builder.trust(identity.anchors()).unwrap().build().unwrap())
}

/// A server that compresses its certificates with one of these algorithms.
pub fn server(identity: &Identity, algorithms: Algorithms) -> Arc<ServerConfig> {
    let builder =
        ServerConfig::builder(CryptoProvider::default()).certificate_compression(algorithms);
    let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    Arc::new(builder.build(Arc::new(list)).unwrap())
}

/// Leaves out the first byte, which is the length of an empty context. It counts its uses.
#[derive(Debug)]
pub struct Toy {
    pub algorithm: CertificateCompressionAlgorithm,
    pub compressed: AtomicUsize,
    pub decompressed: AtomicUsize,
}

impl Toy {
    /// Under this name.
    pub fn new(algorithm: CertificateCompressionAlgorithm) -> Self {
        Self { algorithm, compressed: AtomicUsize::new(0), decompressed: AtomicUsize::new(0) }
    }
}

impl CertificateCompression for Toy {
    fn algorithm(&self) -> CertificateCompressionAlgorithm {
        self.algorithm
    }

    fn compress(&self, message: &[u8]) -> Option<Vec<u8>> {
        self.compressed.fetch_add(1, Ordering::Relaxed);
        message.strip_prefix(&[0]).map(<[u8]>::to_vec)
    }

    fn decompress(&self, compressed: &[u8], output: &mut [u8]) -> bool {
        self.decompressed.fetch_add(1, Ordering::Relaxed);
        let Some((_, rest)) = output.split_first_mut() else { return false };
        let fits = rest.len() == compressed.len();
        if fits {
            rest.copy_from_slice(compressed);
        }
        fits
    }
}

/// Sends this in the place of each compressed certificate.
#[derive(Debug)]
pub struct Bomb {
    pub algorithm: CertificateCompressionAlgorithm,
    pub stream: Vec<u8>,
}

impl CertificateCompression for Bomb {
    fn algorithm(&self) -> CertificateCompressionAlgorithm {
        self.algorithm
    }

    fn compress(&self, _: &[u8]) -> Option<Vec<u8>> {
        Some(self.stream.clone())
    }

    fn decompress(&self, _: &[u8], _: &mut [u8]) -> bool {
        false
    }
}
