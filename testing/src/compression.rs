//! Compressed certificates: of a toy algorithm, and of a hostile server.

use std::sync::atomic::{AtomicUsize, Ordering};

use handclasp::credential::CertificateCompression;
use handclasp::registry::CertificateCompressionAlgorithm;

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
