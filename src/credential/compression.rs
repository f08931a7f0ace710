//! Compressed certificates (RFC 8879).
//!
//! Certificates are most of the bytes of a server's flight, and compression saves about a third of
//! them. An algorithm is a [`CertificateCompression`]. The features `zlib` and `brotli` have one each,
//! which a configuration must still be given.

use core::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::certified_key::StaplesShown;
use crate::registry::CertificateCompressionAlgorithm;
use crate::wire::{CompressedCertificate, List};

/// An algorithm for compressed certificates (RFC 8879).
pub trait CertificateCompression: Send + Sync + fmt::Debug {
    /// The code point of the algorithm.
    fn algorithm(&self) -> CertificateCompressionAlgorithm;

    /// The compressed form of a Certificate message's body. With `None` the message is sent
    /// uncompressed.
    ///
    /// The [`CertifiedKey`](super::CertifiedKey) keeps the result for each code point, so this method
    /// may be slow.
    fn compress(&self, message: &[u8]) -> Option<Vec<u8>>;

    /// Decompresses `compressed` into `output`, and returns whether it filled `output` exactly. It
    /// returns false if the decompressed form is longer or shorter, if bytes follow the end of the
    /// compressed form, and if the compressed form is malformed.
    ///
    /// The bytes come from a peer that is not authenticated yet. `output` has the length that the peer
    /// announced, and the caller has checked that length. Beside `output`, an implementation allocates
    /// at most a fixed amount.
    fn decompress(&self, compressed: &[u8], output: &mut [u8]) -> bool;
}

/// The algorithms of a configuration, the preferred one first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Compressors {
    algorithms: Vec<Arc<dyn CertificateCompression>>,
}

impl Compressors {
    pub(crate) fn new(algorithms: Vec<Arc<dyn CertificateCompression>>) -> Self {
        Self { algorithms }
    }

    pub(crate) fn codes(&self) -> impl Iterator<Item = CertificateCompressionAlgorithm> {
        self.algorithms.iter().map(|algorithm| algorithm.algorithm())
    }

    /// This side's first algorithm that the peer offers.
    pub(crate) fn choose(
        &self,
        offered: Option<List<'_, CertificateCompressionAlgorithm>>,
    ) -> Option<Arc<dyn CertificateCompression>> {
        let offered = offered?;
        self.algorithms.iter().find(|one| offered.contains(one.algorithm())).cloned()
    }

    /// The decompressed body of the peer's message. The caller has checked its announced length.
    /// `None` if the message does not decompress to that length.
    pub(crate) fn decompress(&self, message: &CompressedCertificate<'_>) -> Option<Vec<u8>> {
        let mut algorithms = self.algorithms.iter();
        let algorithm = algorithms.find(|known| known.algorithm() == message.algorithm)?;
        let mut output = vec![0; message.uncompressed_length];
        if !algorithm.decompress(message.compressed, &mut output) {
            return None;
        }
        Some(output)
    }
}

/// The compressed forms of one certificate. There is one for each algorithm and each combination of
/// staples that a peer requests, so at most four for each algorithm.
#[derive(Clone, Default)]
pub(crate) struct CompressedForms {
    forms: Arc<Mutex<Vec<CompressedForm>>>,
}

struct CompressedForm {
    algorithm: CertificateCompressionAlgorithm,
    staples: StaplesShown,
    /// The whole CompressedCertificate message. `None` if the algorithm did not compress the
    /// certificate.
    message: Option<Arc<[u8]>>,
}

impl CompressedForms {
    /// The CompressedCertificate message with this algorithm. `body` makes the body of the Certificate
    /// message, and is called only if the message is not kept yet.
    pub(crate) fn message(
        &self,
        with: &dyn CertificateCompression,
        staples: StaplesShown,
        body: impl FnOnce() -> Vec<u8>,
    ) -> Option<Arc<[u8]>> {
        let algorithm = with.algorithm();
        if let Some(form) = self.lock().iter().find(|form| form.is(algorithm, staples)) {
            return form.message.clone();
        }
        // Not under the lock: two connections may both compress, and neither waits for the other.
        let message = compressed_message(with, &body());
        let mut forms = self.lock();
        if !forms.iter().any(|form| form.is(algorithm, staples)) {
            forms.push(CompressedForm { algorithm, staples, message: message.clone() });
        }
        message
    }

    fn lock(&self) -> MutexGuard<'_, Vec<CompressedForm>> {
        self.forms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CompressedForm {
    fn is(&self, algorithm: CertificateCompressionAlgorithm, staples: StaplesShown) -> bool {
        self.algorithm == algorithm && self.staples == staples
    }
}

impl fmt::Debug for CompressedForms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CompressedForms({})", self.lock().len())
    }
}

fn compressed_message(with: &dyn CertificateCompression, body: &[u8]) -> Option<Arc<[u8]>> {
    let compressed = with.compress(body)?;
    let message = CompressedCertificate {
        algorithm: with.algorithm(),
        uncompressed_length: body.len(),
        compressed: &compressed,
    };
    let mut out = Vec::with_capacity(compressed.len() + 16);
    message.encode(&mut out);
    Some(out.into())
}

/// zlib (RFC 1950). Its decoder allocates at most 64 KiB for any message.
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
        let compressed = encoder.finish().ok()?;
        if compressed.len() < message.len() { Some(compressed) } else { None }
    }

    fn decompress(&self, compressed: &[u8], output: &mut [u8]) -> bool {
        // In one call, so that the decoder uses the output as its window and allocates none.
        let mut decoder = flate2::Decompress::new(true);
        let status = decoder.decompress(compressed, output, flate2::FlushDecompress::Finish);
        matches!(status, Ok(flate2::Status::StreamEnd))
            && decoder.total_in() == compressed.len() as u64
            && decoder.total_out() == output.len() as u64
    }
}

/// Brotli (RFC 7932), which compresses certificates best. Its decoder allocates at most 4 MiB for any
/// message that decompresses to 256 KiB or less: the prefix codes of a stream can take 3.4 MiB, and
/// the window is not longer than the output needs. The "large window" of some encoders is not part of
/// RFC 7932, and is refused.
#[cfg(feature = "brotli")]
#[derive(Clone, Copy, Debug)]
pub struct Brotli;

#[cfg(feature = "brotli")]
impl CertificateCompression for Brotli {
    fn algorithm(&self) -> CertificateCompressionAlgorithm {
        CertificateCompressionAlgorithm::BROTLI
    }

    fn compress(&self, mut message: &[u8]) -> Option<Vec<u8>> {
        let length = message.len();
        let mut compressed = Vec::new();
        // A window of 64 KiB is enough for most chains, and the peer need not allocate more.
        let parameters = brotli::enc::BrotliEncoderParams {
            lgwin: 16,
            ..brotli::enc::BrotliEncoderParams::default()
        };
        brotli::BrotliCompress(&mut message, &mut compressed, &parameters).ok()?;
        if compressed.len() < length { Some(compressed) } else { None }
    }

    fn decompress(&self, compressed: &[u8], output: &mut [u8]) -> bool {
        use brotli::enc::StandardAlloc as Alloc;
        let mut input = compressed.to_vec();
        if let Some(first) = input.first_mut() {
            *first = with_shortest_window(*first, output.len());
        }
        let (mut input_left, mut input_taken) = (input.len(), 0);
        let (mut output_left, mut output_filled, mut written) = (output.len(), 0, 0);
        let mut state =
            brotli::BrotliState::new_strict(Alloc::default(), Alloc::default(), Alloc::default());
        let result = brotli::BrotliDecompressStream(
            &mut input_left,
            &mut input_taken,
            &input,
            &mut output_left,
            &mut output_filled,
            output,
            &mut written,
            &mut state,
        );
        matches!(result, brotli::BrotliResult::ResultSuccess)
            && input_left == 0
            && output_filled == output.len()
    }
}

/// The first byte of a Brotli stream, with the window shortened to what an output of `length` bytes
/// needs.
///
/// The decoder allocates the window that the stream names. The low four bits of the first byte name
/// windows of 2^18 to 2^24 bytes (RFC 7932, section 9.1). No distance points before the start of the
/// output, so a window as long as the output can replace each longer one.
#[cfg(feature = "brotli")]
fn with_shortest_window(first: u8, length: usize) -> u8 {
    let code = first & 0x0f;
    if code < 3 || code.is_multiple_of(2) {
        return first; // 2^10 to 2^17 bytes
    }
    for shorter in (3..code).step_by(2) {
        let window = (1_usize << (17 + shorter / 2)) - 16;
        if length <= window {
            return first & 0xf0 | shorter;
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Counts how often it compresses; leaves out the last byte, which must be zero.
    #[derive(Debug)]
    struct Counting {
        algorithm: CertificateCompressionAlgorithm,
        compressed: AtomicUsize,
    }

    impl Counting {
        fn new(code: u16) -> Self {
            let algorithm = CertificateCompressionAlgorithm(code);
            Self { algorithm, compressed: AtomicUsize::new(0) }
        }
    }

    impl CertificateCompression for Counting {
        fn algorithm(&self) -> CertificateCompressionAlgorithm {
            self.algorithm
        }

        fn compress(&self, message: &[u8]) -> Option<Vec<u8>> {
            self.compressed.fetch_add(1, Ordering::Relaxed);
            message.strip_suffix(&[0]).map(<[u8]>::to_vec)
        }

        fn decompress(&self, _: &[u8], _: &mut [u8]) -> bool {
            false
        }
    }

    #[test]
    fn each_form_is_made_once_for_an_algorithm_and_the_staples_that_are_asked_for() {
        let forms = CompressedForms::default();
        let algorithms = [Counting::new(0x4000), Counting::new(0x4001)];
        for round in 0..3 {
            for (algorithm, ocsp_response, timestamps) in [
                (&algorithms[0], false, false),
                (&algorithms[0], false, true),
                (&algorithms[0], true, false),
                (&algorithms[0], true, true),
                (&algorithms[1], true, true),
            ] {
                let staples = StaplesShown { ocsp_response, timestamps };
                let body = [u8::from(ocsp_response), u8::from(timestamps), 7, 0];
                let message = forms.message(algorithm, staples, || {
                    assert_eq!(round, 0, "the body is asked for once");
                    body.to_vec()
                });
                let message = message.unwrap();
                let parsed = CompressedCertificate::parse(&message[4..]).unwrap();
                assert_eq!(parsed.algorithm, algorithm.algorithm);
                assert_eq!((parsed.uncompressed_length, parsed.compressed), (4, &body[..3]));
            }
        }
        assert_eq!(algorithms[0].compressed.load(Ordering::Relaxed), 4);
        assert_eq!(algorithms[1].compressed.load(Ordering::Relaxed), 1);
        assert_eq!(forms.lock().len(), 5);
    }

    #[test]
    fn that_an_algorithm_has_no_form_is_kept_as_well() {
        let (forms, algorithm) = (CompressedForms::default(), Counting::new(0x4000));
        for _ in 0..3 {
            let message = forms.message(&algorithm, StaplesShown::default(), || vec![1, 1]);
            assert_eq!(message, None);
        }
        assert_eq!(algorithm.compressed.load(Ordering::Relaxed), 1);
    }

    #[cfg(any(feature = "zlib", feature = "brotli"))]
    fn algorithms() -> Vec<Arc<dyn CertificateCompression>> {
        vec![
            #[cfg(feature = "zlib")]
            Arc::new(Zlib),
            #[cfg(feature = "brotli")]
            Arc::new(Brotli),
        ]
    }

    #[cfg(any(feature = "zlib", feature = "brotli"))]
    #[test]
    fn only_the_exact_length_and_nothing_else_decompresses() {
        for algorithm in algorithms() {
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
            assert!(!algorithm.decompress(&compressed, &mut []));
        }
    }

    #[cfg(any(feature = "zlib", feature = "brotli"))]
    #[test]
    fn bytes_behind_the_end_are_refused() {
        for algorithm in algorithms() {
            for length in [1_usize, 100, 40_000] {
                let message: Vec<u8> = (0..length).map(|at| (at / 7) as u8).collect();
                let mut output = vec![0; length];
                let compressed = algorithm.compress(&[&message[..], &[0; 500]].concat()).unwrap();
                let mut long = vec![0; length + 500];
                assert!(algorithm.decompress(&compressed, &mut long));
                for behind in [&[0][..], &[0x55], &[0; 9], &[0x55; 1000], &compressed] {
                    let input = [&compressed[..], behind].concat();
                    assert!(!algorithm.decompress(&input, &mut long), "{algorithm:?} {behind:?}");
                    assert!(!algorithm.decompress(&input, &mut output));
                }
            }
        }
    }

    #[cfg(feature = "zlib")]
    #[test]
    fn the_checksum_of_zlib_is_checked() {
        let message = b"certificate ".repeat(20);
        let mut compressed = Zlib.compress(&message).unwrap();
        *compressed.last_mut().unwrap() ^= 1;
        assert!(!Zlib.decompress(&compressed, &mut vec![0; message.len()]));
    }

    #[cfg(feature = "brotli")]
    #[test]
    fn a_window_is_as_long_as_the_output_needs_and_no_longer_than_the_stream_says() {
        let code = |bits: u8| (bits - 17) << 1 | 1;
        for rest in [0, 0xa0, 0xf0] {
            for (declared, length, kept) in [
                (24, 0, 18),
                (24, (1 << 18) - 16, 18),
                (24, (1 << 18) - 15, 19),
                (24, (1 << 23) - 15, 24),
                (24, usize::MAX / 2, 24),
                (22, (1 << 20) - 16, 20),
                (19, 1 << 23, 19),
                (18, 1, 18),
            ] {
                let shortest = with_shortest_window(code(declared) | rest, length);
                assert_eq!(shortest, code(kept) | rest, "{declared} {length}");
            }
            for short in [0, 1, 2, 8, 14] {
                assert_eq!(with_shortest_window(short | rest, 10), short | rest);
            }
        }
    }

    /// An encoder does not know how much will come: its window is long, and its first meta-block is
    /// not the last.
    #[cfg(feature = "brotli")]
    #[test]
    fn streams_with_any_window_of_rfc_7932_decompress() {
        let noise = |at: usize| (at.wrapping_mul(at).wrapping_mul(0x9e37_79b9) >> 16) as u8;
        for length in [1, 3_000, 65_536, 200_000, 300_000] {
            let message: Vec<u8> = (0..length).map(|at| noise(at % 40_000)).collect();
            for window in 10..=24 {
                let mut compressed = Vec::new();
                let mut writer = brotli::CompressorWriter::new(&mut compressed, 4096, 5, window);
                for piece in message.chunks(50_000) {
                    std::io::Write::write_all(&mut writer, piece).unwrap();
                    std::io::Write::flush(&mut writer).unwrap();
                }
                drop(writer);
                let mut output = vec![0; length];
                assert!(Brotli.decompress(&compressed, &mut output), "{length} {window}");
                assert!(output == message);
            }
        }
    }
}
