//! Compressed certificates of a hostile server.

use handclasp::credential::CertificateCompression;
use handclasp::registry::CertificateCompressionAlgorithm;

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
