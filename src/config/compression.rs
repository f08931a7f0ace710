//! Compressed certificates (RFC 8879).
//!
//! A chain of certificates is most of what a server sends, and a third of it is air. An algorithm
//! is a [`CertificateCompression`]; the crate's features `zlib` and `brotli` have one each, which a
//! configuration must still be given.

use core::fmt;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::registry::CertificateCompressionAlgorithm;
use crate::wire::{CompressedCertificate, List};

/// An algorithm that certificates are compressed with.
pub trait CertificateCompression: Send + Sync + fmt::Debug {
    /// The code point.
    fn algorithm(&self) -> CertificateCompressionAlgorithm;

    /// The compressed form of a Certificate message's body; `None` to send it as it is. What was
    /// made is kept for the next handshake, so that it may take its time.
    fn compress(&self, message: &[u8]) -> Option<Vec<u8>>;

    /// Fills `output` with what `compressed` stands for. False when that is not exactly as long, or
    /// nothing at all. It comes from a peer: no more may be allocated than the algorithm needs at
    /// most, whatever it says.
    fn decompress(&self, compressed: &[u8], output: &mut [u8]) -> bool;
}

/// The algorithms of a configuration, and what was compressed with them lately.
#[derive(Clone, Debug, Default)]
pub(crate) struct Compressors {
    algorithms: Vec<Arc<dyn CertificateCompression>>,
    made: Arc<Mutex<VecDeque<Made>>>,
}

#[derive(Debug)]
struct Made {
    algorithm: CertificateCompressionAlgorithm,
    message: Vec<u8>,
    compressed: Option<Arc<[u8]>>,
}

impl Compressors {
    /// A server's certificates, times algorithms, that stay compressed.
    const KEPT: usize = 32;

    pub(super) fn new(algorithms: Vec<Arc<dyn CertificateCompression>>) -> Self {
        Self { algorithms, made: Arc::default() }
    }

    pub(crate) fn codes(&self) -> impl Iterator<Item = CertificateCompressionAlgorithm> {
        self.algorithms.iter().map(|algorithm| algorithm.algorithm())
    }

    /// This side's first algorithm that the peer takes.
    pub(crate) fn choose(
        &self,
        offered: Option<List<'_, CertificateCompressionAlgorithm>>,
    ) -> Option<Arc<dyn CertificateCompression>> {
        let offered = offered?;
        self.algorithms.iter().find(|one| offered.contains(one.algorithm())).cloned()
    }

    /// The compressed form of this body, where the algorithm gives one.
    pub(crate) fn compress(
        &self,
        with: &dyn CertificateCompression,
        message: &[u8],
    ) -> Option<Arc<[u8]>> {
        let algorithm = with.algorithm();
        let lock = || self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |made: &&Made| made.algorithm == algorithm && made.message == message;
        if let Some(made) = lock().iter().find(same) {
            return made.compressed.clone();
        }
        // Outside of the lock: two connections may do it twice, and none waits for another.
        let compressed: Option<Arc<[u8]>> = with.compress(message).map(Into::into);
        let mut made = lock();
        made.truncate(Self::KEPT - 1);
        let (message, kept) = (message.to_vec(), compressed.clone());
        made.push_front(Made { algorithm, message, compressed: kept });
        compressed
    }

    /// The body that the peer's message stands for: exactly as long as it says, which the caller
    /// has checked. `None` when it does not decompress to that.
    pub(crate) fn decompress(&self, message: &CompressedCertificate<'_>) -> Option<Vec<u8>> {
        let mut all = self.algorithms.iter();
        let algorithm = all.find(|candidate| candidate.algorithm() == message.algorithm)?;
        let mut output = vec![0; message.uncompressed_length];
        algorithm.decompress(message.compressed, &mut output).then_some(output)
    }
}

/// Fills `output` from `reader`, which must end there.
#[cfg(any(feature = "zlib", feature = "brotli"))]
fn read_exactly(mut reader: impl std::io::Read, output: &mut [u8]) -> bool {
    reader.read_exact(output).is_ok() && matches!(reader.read(&mut [0]), Ok(0))
}

/// zlib (RFC 1950).
#[cfg(feature = "zlib")]
#[derive(Clone, Copy, Debug)]
pub struct Zlib;

#[cfg(feature = "zlib")]
impl CertificateCompression for Zlib {
    fn algorithm(&self) -> CertificateCompressionAlgorithm {
        CertificateCompressionAlgorithm::ZLIB
    }

    fn compress(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut encoder, message).ok()?;
        encoder.finish().ok().filter(|short| short.len() < message.len())
    }

    fn decompress(&self, compressed: &[u8], output: &mut [u8]) -> bool {
        read_exactly(flate2::read::ZlibDecoder::new(compressed), output)
    }
}

/// Brotli (RFC 7932): the best for certificates. While it decompresses it can need a window of
/// 16 MiB, if the peer says so.
#[cfg(feature = "brotli")]
#[derive(Clone, Copy, Debug)]
pub struct Brotli;

#[cfg(feature = "brotli")]
impl CertificateCompression for Brotli {
    fn algorithm(&self) -> CertificateCompressionAlgorithm {
        CertificateCompressionAlgorithm::BROTLI
    }

    fn compress(&self, mut message: &[u8]) -> Option<Vec<u8>> {
        let (mut compressed, length) = (Vec::new(), message.len());
        // A window of 64 KiB: the message is not longer, and the peer need not have more.
        let parameters = brotli::enc::BrotliEncoderParams {
            lgwin: 16,
            ..brotli::enc::BrotliEncoderParams::default()
        };
        brotli::BrotliCompress(&mut message, &mut compressed, &parameters).ok()?;
        Some(compressed).filter(|short| short.len() < length)
    }

    fn decompress(&self, compressed: &[u8], output: &mut [u8]) -> bool {
        const BUFFER_LENGTH: usize = 4096;
        read_exactly(brotli::Decompressor::new(compressed, BUFFER_LENGTH), output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Says how often it was asked; "compresses" by leaving out the last byte, which must be zero.
    #[derive(Debug, Default)]
    struct Counting(AtomicUsize);

    impl CertificateCompression for Counting {
        fn algorithm(&self) -> CertificateCompressionAlgorithm {
            CertificateCompressionAlgorithm(0x4000)
        }

        fn compress(&self, message: &[u8]) -> Option<Vec<u8>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            message.strip_suffix(&[0]).map(<[u8]>::to_vec)
        }

        fn decompress(&self, compressed: &[u8], output: &mut [u8]) -> bool {
            let Some((_, rest)) = output.split_last_mut() else { return false };
            rest.len() == compressed.len() && {
                rest.copy_from_slice(compressed);
                true
            }
        }
    }

    #[test]
    fn what_was_compressed_is_kept_and_the_store_is_bounded() {
        let counting = Arc::new(Counting::default());
        let compressors = Compressors::new(vec![counting.clone()]);
        for _ in 0..3 {
            assert_eq!(compressors.compress(&*counting, &[1, 0]).as_deref(), Some(&[1][..]));
            assert_eq!(compressors.compress(&*counting, &[1, 1]), None, "it gets no shorter");
        }
        assert_eq!(counting.0.load(Ordering::Relaxed), 2);
        for other in 0..200 {
            compressors.compress(&*counting, &[other, 0]);
        }
        assert_eq!(compressors.made.lock().unwrap().len(), Compressors::KEPT);
    }

    #[cfg(any(feature = "zlib", feature = "brotli"))]
    #[test]
    fn only_the_exact_length_and_nothing_else_decompresses() {
        let algorithms: Vec<Arc<dyn CertificateCompression>> = vec![
            #[cfg(feature = "zlib")]
            Arc::new(Zlib),
            #[cfg(feature = "brotli")]
            Arc::new(Brotli),
        ];
        for algorithm in algorithms {
            let message = b"certificate ".repeat(200);
            let compressed = algorithm.compress(&message).unwrap();
            assert!(compressed.len() < 100);
            for (length, good) in
                [(message.len(), true), (message.len() - 1, false), (message.len() + 1, false)]
            {
                let mut output = vec![0; length];
                assert_eq!(algorithm.decompress(&compressed, &mut output), good, "{length}");
                assert!(!good || output == message);
            }
            let mut output = vec![0; message.len()];
            for end in 0..compressed.len() {
                assert!(!algorithm.decompress(&compressed[..end], &mut output), "{end}");
            }
            assert!(!algorithm.decompress(&[0x55; 100], &mut output));
        }
    }
}
