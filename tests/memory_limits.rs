//! What a peer's messages make this side allocate before anything is authenticated. A message in
//! pieces: no more than its length. A compressed certificate: no more than the announced length and
//! the bound of the algorithm. And what a verifier keeps of the servers that it has accepted.

#![cfg(all(feature = "brotli", feature = "zlib"))]

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use handclasp::config::Limits;
use handclasp::connection::Received;
use handclasp::credential::{Brotli, CertificateCompression, CertificateList, Zlib};
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::Handshake;
use handclasp::pki_types::{CertificateDer, ServerName, UnixTime};
use handclasp::registry::CertificateCompressionAlgorithm;
use handclasp::transport::memory::exchange;
use handclasp::verify::{PeerIdentity, PeerVerifier, TrustAnchorVerifier};
use handclasp::{
    ClientConfig, ClientConnection, Level, Reply, ServerConfig, ServerConnection, Stream,
};
use handclasp_testing::brotli_streams::{large_window, window};
use handclasp_testing::compression::Bomb;
use handclasp_testing::received_bytes::ReceivedBytes;
use handclasp_testing::{Identity, server_name, take_outgoing};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The tests measure one allocator: one after the other.
static ALONE: Mutex<()> = Mutex::new(());

const KIB: usize = 1024;

/// The most bytes that are allocated at once while this runs, beside those from before.
fn peak(work: impl FnOnce()) -> usize {
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    work();
    ALLOCATOR.peak_usage().saturating_sub(before)
}

/// What each of the streams costs is measured for outputs of all these lengths.
const OUTPUTS: [usize; 4] = [0, 1_000, 65_536, 262_140];

#[test]
fn a_large_window_of_brotli_is_refused_and_costs_nothing() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for bits in [10, 18, 24, 28, 30] {
        for stream in [large_window(bits).uncompressed(), large_window(bits).prefix_codes()] {
            for length in OUTPUTS {
                let mut output = vec![0; length];
                let most = peak(|| assert!(!Brotli.decompress(&stream, &mut output)));
                assert!(most < 16 * KIB, "{bits} {length}: {most}");
            }
        }
    }
}

#[test]
fn a_window_of_brotli_costs_no_more_than_the_output_needs() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for bits in 18..=24 {
        let stream = window(bits).uncompressed();
        for length in OUTPUTS {
            let mut output = vec![0; length];
            let most = peak(|| assert!(!Brotli.decompress(&stream, &mut output)));
            assert!(most < 2 * length.max(128 * KIB) + 32 * KIB, "{bits} {length}: {most}");
        }
    }
}

#[test]
fn the_prefix_codes_of_brotli_cost_no_more_than_4_mib_with_the_window() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for bits in [18, 24] {
        let stream = window(bits).prefix_codes();
        assert!(stream.len() < 150);
        for length in OUTPUTS {
            let mut output = vec![0; length];
            let most = peak(|| assert!(!Brotli.decompress(&stream, &mut output)));
            assert!(most > 3 * KIB * KIB, "it is the most that there is: {most}");
            assert!(most < 4 * KIB * KIB, "{bits} {length}: {most}");
        }
    }
}

#[test]
fn prefix_codes_of_brotli_are_given_back_with_their_meta_block() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let stream = window(24).prefix_codes_for_each_byte(20);
    let mut output = vec![7; 20];
    let most = peak(|| assert!(Brotli.decompress(&stream, &mut output)));
    assert_eq!(output, [0; 20]);
    assert!(most < 4 * KIB * KIB, "{most}");
}

#[test]
fn what_zlib_decompresses_to_is_written_into_the_output() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for plain in [vec![0; 4 << 20], vec![7; 300_000], b"certificate ".repeat(30_000)] {
        let stream = Zlib.compress(&plain).unwrap();
        for length in OUTPUTS.into_iter().chain([plain.len()]) {
            let mut output = vec![0; length];
            let whole = length == plain.len();
            let most = peak(|| assert_eq!(Zlib.decompress(&stream, &mut output), whole));
            assert!(most < 64 * KIB, "{length}: {most}");
        }
    }
}

#[test]
fn a_message_in_pieces_is_kept_in_no_more_than_its_length() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let identity = Identity::p256();
    let longest = Limits::DEFAULT.handshake_message;
    let [_, length @ ..] = u32::try_from(longest - 4).unwrap().to_be_bytes();
    let hello = [&[1][..], &length, &vec![7; longest - 5]].concat();
    for piece in [1, 100, 16_384] {
        let config = identity.server_config();
        let mut server = Handshake::server(config, UnixTime::now()).without_records().unwrap();
        let before = ALLOCATOR.current_usage();
        for piece in hello.chunks(piece) {
            server.receive(Level::Initial, piece).unwrap();
            // The test harness allocates and frees, too, while other tests end.
            let held = ALLOCATOR.current_usage().saturating_sub(before);
            assert!(held <= longest + 8 * KIB, "{held}");
        }
    }
}

#[test]
fn a_read_that_finds_nothing_or_little_allocates_nothing_and_an_idle_stream_has_no_buffer() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut client, mut server) = Identity::p256().connections();
    exchange(&mut client, &mut server).unwrap();
    let transport = ReceivedBytes::new(Vec::with_capacity(KIB), usize::MAX);
    let mut stream = Stream::new(client, transport.clone());
    let before = ALLOCATOR.current_usage();
    for length in [1, 100, 8 * KIB, 64 * KIB] {
        let mut buffer = vec![0; length];
        // The test harness allocates, too, while other tests end.
        let most = peak(|| {
            let error = stream.read(&mut buffer).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        });
        assert!(most < 2 * KIB, "{length}: {most}");
    }
    for length in [8 * KIB, 64 * KIB] {
        server.write(b"a short request").unwrap();
        transport.add(&take_outgoing(&mut server));
        let mut buffer = vec![0; length];
        let most = peak(|| assert_eq!(stream.read(&mut buffer).unwrap(), 15));
        assert!(most < 2 * KIB, "{length}: {most}");
    }
    let held = ALLOCATOR.current_usage().saturating_sub(before);
    assert!(held < 2 * KIB, "{held}");
}

#[test]
fn a_client_is_not_filled_by_a_server_that_it_does_not_know() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let zeros = vec![0; 4 << 20];
    let brotli = [
        large_window(30).uncompressed(),
        window(24).uncompressed(),
        window(24).prefix_codes(),
        Brotli.compress(&zeros).unwrap(),
    ];
    let zlib = [Zlib.compress(&zeros).unwrap()];
    drop(zeros);
    let both: Vec<Arc<dyn CertificateCompression>> = vec![Arc::new(Brotli), Arc::new(Zlib)];
    let (known, stranger) = (Identity::p256(), Identity::p256());
    let builder = ClientConfig::builder(CryptoProvider::default()).certificate_compression(both);
    let client = Arc::new(builder.trust(known.anchors()).unwrap().build().unwrap());
    let brotli = brotli.map(|stream| (CertificateCompressionAlgorithm::BROTLI, stream));
    let zlib = zlib.map(|stream| (CertificateCompressionAlgorithm::ZLIB, stream));
    for (algorithm, stream) in brotli.into_iter().chain(zlib) {
        let bomb: Vec<Arc<dyn CertificateCompression>> = vec![Arc::new(Bomb { algorithm, stream })];
        let builder =
            ServerConfig::builder(CryptoProvider::default()).certificate_compression(bomb);
        let list = CertificateList::new(vec![Arc::new(stranger.certified_key())]);
        let server = Arc::new(builder.build(Arc::new(list)).unwrap());
        let mut client = ClientConnection::new(client.clone(), server_name());
        let mut server = ServerConnection::new(server);
        let most = peak(|| {
            let error = exchange(&mut client, &mut server).unwrap_err();
            assert!(error.to_string().contains("does not decompress"), "{error}");
        });
        assert!(most < 4 * KIB * KIB, "{algorithm}: {most}");
    }
}

/// A writer that always has more to say, and a transport that takes a part each time.
#[test]
fn a_buffer_that_is_never_sent_to_its_end_does_not_grow() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let identity = Identity::p256();
    let mut client = ClientConnection::new(identity.client_config(), server_name());
    let mut server = ServerConnection::new(identity.server_config());
    exchange(&mut client, &mut server).unwrap();
    let data = [7; 16 * KIB];
    let (mut written, mut received, mut on_the_way) = (0, 0, Vec::new());
    let most = peak(|| {
        for _ in 0..1_000 {
            while let taken @ 1.. = client.write(&data).unwrap() {
                written += taken;
            }
            on_the_way.extend_from_slice(&client.outgoing()[..10_000]);
            client.sent(10_000);
            assert!(!client.outgoing().is_empty());
            while let (consumed @ 1.., what) = server.receive(&mut on_the_way).unwrap() {
                if let Received::Data(data) = what {
                    received += data.len();
                }
                on_the_way.drain(..consumed);
            }
        }
    });
    assert!(written - received < 2 * Limits::DEFAULT.outgoing, "{written} {received}");
    assert!(most < 8 * Limits::DEFAULT.outgoing, "{most}");
}

/// A chain that is accepted, and certificates that lead nowhere: as long as a Certificate may be.
fn long_chain(identity: &Identity) -> Vec<CertificateDer<'static>> {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut nowhere = rcgen::CertificateParams::new(vec!["nowhere.example".to_owned()]).unwrap();
    let content = vec![7; 25_000];
    let extension = rcgen::CustomExtension::from_oid_content(&[1, 3, 9, 9], content);
    nowhere.custom_extensions.push(extension);
    let nowhere = nowhere.self_signed(&key).unwrap().der().clone();
    let mut chain = identity.chain.clone();
    chain.extend(vec![nowhere; 10]);
    let length: usize = chain.iter().map(|certificate| certificate.len()).sum();
    assert!((250_000..Limits::DEFAULT.certificate_message).contains(&length), "{length}");
    chain
}

/// A server with a wildcard certificate, and a client that follows links to all its names.
#[test]
fn what_a_verifier_keeps_of_1024_names_of_a_server_with_a_long_chain_is_bounded() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let identity = Identity::with_names(vec!["*.a.example".to_owned()]);
    let (short, long) = (identity.chain.clone(), long_chain(&identity));
    for chain in [short, long] {
        let algorithms = CryptoProvider::default().signatures;
        let verifier = TrustAnchorVerifier::new(identity.anchors(), algorithms);
        let before = ALLOCATOR.current_usage();
        for number in 0..TrustAnchorVerifier::CACHED_SIGNATURES {
            let name = ServerName::try_from(format!("{number}.a.example")).unwrap();
            let chain = chain.clone().into();
            let peer = PeerIdentity::new(chain, Some(name), UnixTime::now());
            assert!(matches!(verifier.verify(&peer), Reply::Now(Ok(()))));
        }
        let kept = ALLOCATOR.current_usage() - before;
        assert!(kept > 500 * KIB, "it remembers servers: {kept}");
        assert!(kept < 5 * KIB * KIB, "{kept}");
    }
}
