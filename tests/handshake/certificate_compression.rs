//! Compressed certificates (RFC 8879): agreed on, kept, and not trusted.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use handclasp::alert::AlertDescription as A;
use handclasp::connection::Options;
use handclasp::credential::{
    CertificateCompression, CertificateList, CertificateResolver, NoCertificate,
};
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::{Handshake, Step};
use handclasp::observer::{Event, Observer};
use handclasp::pki_types::UnixTime;
use handclasp::registry::{CertificateCompressionAlgorithm, HandshakeType};
use handclasp::transport::memory::exchange;
use handclasp::wire::{Certificate, ClientHello, CompressedCertificate, HandshakeMessage};
use handclasp::{
    CertifiedKey, ClientConfig, ClientConnection, Connection, Error, ErrorKind, Level, Reply,
    ServerConfig, ServerConnection,
};
use handclasp_testing::compression::{Algorithms, Toy, client, server};
use handclasp_testing::{Identity, server_name};

const TOY: CertificateCompressionAlgorithm = CertificateCompressionAlgorithm(0x4000);

fn toy() -> Arc<Toy> {
    Arc::new(Toy::new(TOY))
}

/// The types of the messages that came.
#[derive(Clone, Default)]
struct Kinds(Arc<Mutex<Vec<HandshakeType>>>);

impl Observer for Kinds {
    fn event(&mut self, event: &Event<'_>) {
        if let Event::MessageReceived(_, message) = event {
            self.0.lock().unwrap().push(message.kind);
        }
    }
}

impl Kinds {
    fn options(&self) -> Options {
        let mut options = Options::default();
        options.observer = Some(Box::new(self.clone()));
        options
    }

    /// Did the certificate come compressed?
    fn compressed(&self) -> bool {
        let kinds = self.0.lock().unwrap();
        let [plain, compressed] =
            [HandshakeType::CERTIFICATE, HandshakeType::COMPRESSED_CERTIFICATE]
                .map(|kind| kinds.iter().filter(|seen| **seen == kind).count());
        assert_eq!(plain + compressed, 1);
        compressed == 1
    }
}

fn shake(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> bool {
    let kinds = Kinds::default();
    let mut client = ClientConnection::with_options(client.clone(), server_name(), kinds.options());
    let mut server = ServerConnection::new(server.clone());
    exchange(&mut client, &mut server).unwrap();
    let done = |connection: &Connection| !connection.is_handshaking();
    assert!(done(&client) && done(&server));
    assert!(client.parameters().certificates.is_some());
    kinds.compressed()
}

#[test]
fn it_happens_where_both_sides_want_it_and_is_kept_for_the_next_handshake() {
    let identity = Identity::p256();
    let toy = toy();
    let with = || -> Algorithms { vec![toy.clone()] };
    let (client_with, client_without) = (client(&identity, with()), client(&identity, vec![]));
    let (server_with, server_without) = (server(&identity, with()), server(&identity, vec![]));
    assert!(!shake(&client_without, &server_without));
    assert!(!shake(&client_with, &server_without));
    assert!(!shake(&client_without, &server_with));
    for _ in 0..3 {
        assert!(shake(&client_with, &server_with));
    }
    assert_eq!(toy.compressed.load(Ordering::Relaxed), 1);
    assert_eq!(toy.decompressed.load(Ordering::Relaxed), 3);
}

#[test]
fn each_certificate_of_many_is_compressed_once_however_clients_ask_for_them() {
    let toy = toy();
    let identities: Vec<_> = (0..40).map(|_| Identity::p256()).collect();
    let keys: Vec<_> = identities.iter().map(|it| Arc::new(it.certified_key())).collect();
    let resolver = Turns { keys, next: AtomicUsize::new(0) };
    let builder =
        ServerConfig::builder(CryptoProvider::default()).certificate_compression(vec![toy.clone()]);
    let server = Arc::new(builder.build(Arc::new(resolver)).unwrap());
    for _ in 0..3 {
        for identity in &identities {
            assert!(shake(&client(identity, vec![toy.clone()]), &server));
        }
    }
    assert_eq!(toy.compressed.load(Ordering::Relaxed), 40);
}

/// Shows one certificate after the other.
#[derive(Debug)]
struct Turns {
    keys: Vec<Arc<CertifiedKey>>,
    next: AtomicUsize,
}

impl CertificateResolver for Turns {
    fn resolve(&self, _: &ClientHello<'_>) -> Reply<Result<Arc<CertifiedKey>, NoCertificate>> {
        let next = self.next.fetch_add(1, Ordering::Relaxed) % self.keys.len();
        Reply::Now(Ok(self.keys[next].clone()))
    }
}

#[test]
fn what_is_compressed_has_the_staples_that_the_client_asked_for_and_those_of_now() {
    let identity = Identity::p256();
    let (old, new) = (vec![1; 100], vec![2; 100]);
    let key = identity.certified_key().with_ocsp(old).unwrap();
    let toy = toy();
    let sent = |key: &CertifiedKey, staples: bool| {
        let list = CertificateList::new(vec![Arc::new(key.clone())]);
        let algorithms: Algorithms = vec![toy.clone()];
        let builder = ServerConfig::builder(CryptoProvider::default());
        let builder = builder.certificate_compression(algorithms.clone());
        let server = Arc::new(builder.build(Arc::new(list)).unwrap());
        let builder = ClientConfig::builder(CryptoProvider::default()).request_ocsp(staples);
        let builder = builder.certificate_compression(algorithms);
        let client = Arc::new(builder.trust(identity.anchors()).unwrap().build().unwrap());
        let mut body = Vec::new();
        let now = UnixTime::now();
        let mut client = Handshake::client(client, server_name(), now).without_records().unwrap();
        let mut server = Handshake::server(server, now).without_records().unwrap();
        let Some(Step::Send { level, bytes }) = client.next_step() else { panic!() };
        server.receive(level, &bytes).unwrap();
        while let Some(step) = server.next_step() {
            let Step::Send { bytes, .. } = step else { continue };
            let mut rest = &bytes[..];
            while let Some((message, after)) = HandshakeMessage::split(rest) {
                rest = after;
                if message.kind == HandshakeType::COMPRESSED_CERTIFICATE {
                    let compressed = CompressedCertificate::parse(message.body).unwrap();
                    body = [&[0], compressed.compressed].concat();
                }
            }
        }
        let certificate = Certificate::parse(&body).unwrap();
        let first = certificate.entries().next().unwrap();
        first.ocsp_response().unwrap().map(<[u8]>::to_vec)
    };
    for _ in 0..2 {
        assert_eq!(sent(&key, false), None);
        assert_eq!(sent(&key, true), Some(vec![1; 100]));
    }
    let renewed = key.clone().with_ocsp(new).unwrap();
    assert_eq!(sent(&renewed, true), Some(vec![2; 100]));
    assert_eq!(sent(&key, true), Some(vec![1; 100]), "what was cloned is what it was");
    assert_eq!(toy.compressed.load(Ordering::Relaxed), 3);
}

/// The error of a client that takes `algorithms` and gets this in the place of its server's
/// certificate.
fn forged(
    algorithms: Algorithms,
    forge: impl FnOnce(&CompressedCertificate<'_>) -> Vec<u8>,
) -> Error {
    let identity = Identity::p256();
    let now = UnixTime::now();
    let client = Handshake::client(client(&identity, algorithms), server_name(), now);
    let mut client = client.without_records().unwrap();
    let toy: Algorithms = vec![toy()];
    let server = Handshake::server(server(&identity, toy), now);
    let mut server = server.without_records().unwrap();
    let Some(Step::Send { level: Level::Initial, bytes: hello }) = client.next_step() else {
        panic!()
    };
    server.receive(Level::Initial, &hello).unwrap();
    let mut forge = Some(forge);
    while let Some(step) = server.next_step() {
        let Step::Send { level, bytes } = step else { continue };
        let mut rest = &bytes[..];
        while let Some((message, after)) = HandshakeMessage::split(rest) {
            rest = after;
            let forged = match message.kind {
                HandshakeType::COMPRESSED_CERTIFICATE => {
                    let honest = CompressedCertificate::parse(message.body).unwrap();
                    forge.take().unwrap()(&honest)
                }
                // It has no client that takes it compressed: so here is what would be.
                HandshakeType::CERTIFICATE => {
                    let compressed = &message.body[1..];
                    let uncompressed_length = message.body.len();
                    let honest =
                        CompressedCertificate { algorithm: TOY, uncompressed_length, compressed };
                    forge.take().unwrap()(&honest)
                }
                _ => message.bytes.to_vec(),
            };
            if let Err(error) = client.receive(level, &forged) {
                assert!(forge.is_none(), "{error}");
                return error;
            }
        }
    }
    panic!("it was taken");
}

fn encoded(message: CompressedCertificate<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(&mut out);
    out
}

#[test]
fn a_length_beyond_the_limit_is_refused_before_anything_is_allocated_for_it() {
    for length in [262_141, 0xff_ffff] {
        let toy = toy();
        let error = forged(vec![toy.clone()], |honest| {
            encoded(CompressedCertificate { uncompressed_length: length, ..*honest })
        });
        let limit = 262_144;
        assert_eq!(error.kind(), &ErrorKind::LimitExceeded { name: "certificate_message", limit });
        assert_eq!(toy.decompressed.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn another_length_than_it_says_is_a_bad_certificate() {
    for difference in [-1, 1, 1000] {
        let error = forged(vec![toy()], |honest| {
            let uncompressed_length = honest.uncompressed_length.saturating_add_signed(difference);
            encoded(CompressedCertificate { uncompressed_length, ..*honest })
        });
        assert_eq!(error.alert_sent(), Some(A::BAD_CERTIFICATE), "{error}");
        assert!(error.to_string().contains("does not decompress"), "{error}");
    }
}

#[test]
fn an_algorithm_that_was_not_offered_is_illegal_and_without_an_offer_so_is_the_message() {
    let error = forged(vec![toy()], |honest| {
        let algorithm = CertificateCompressionAlgorithm::ZSTD;
        encoded(CompressedCertificate { algorithm, ..*honest })
    });
    assert_eq!(error.alert_sent(), Some(A::ILLEGAL_PARAMETER), "{error}");
    let error = forged(Vec::new(), |honest| encoded(*honest));
    assert_eq!(error.alert_sent(), Some(A::UNEXPECTED_MESSAGE), "{error}");
}

#[test]
fn what_comes_out_must_be_a_certificate_and_the_message_must_be_well_formed() {
    let error = forged(vec![toy()], |_| {
        encoded(CompressedCertificate {
            algorithm: TOY,
            uncompressed_length: 10,
            compressed: &[7; 9],
        })
    });
    assert_eq!(error.alert_sent(), Some(A::DECODE_ERROR), "{error}");
    let error = forged(vec![toy()], |honest| {
        let mut message = encoded(CompressedCertificate { compressed: &[], ..*honest });
        message.truncate(4 + 2 + 3 + 3);
        message
    });
    assert_eq!(error.alert_sent(), Some(A::DECODE_ERROR), "an empty message: {error}");
}

#[cfg(all(feature = "brotli", feature = "zlib"))]
mod real {
    use super::*;
    use handclasp::credential::{Brotli, Zlib};

    /// With a chain that is long enough for an algorithm to find something in it.
    fn identity() -> Identity {
        let mut identity = Identity::p256();
        identity.chain.push(identity.anchor.clone());
        identity
    }

    fn both() -> [Arc<dyn CertificateCompression>; 2] {
        [Arc::new(Brotli), Arc::new(Zlib)]
    }

    #[test]
    fn bombs_are_cut_at_the_length_that_they_say() {
        for algorithm in both() {
            let bomb = algorithm.compress(&vec![0; 4 * 1024 * 1024]).unwrap();
            assert!(bomb.len() < 10_000);
            let error = forged(vec![algorithm.clone()], |_| {
                encoded(CompressedCertificate {
                    algorithm: algorithm.algorithm(),
                    uncompressed_length: 1000,
                    compressed: &bomb,
                })
            });
            assert_eq!(error.alert_sent(), Some(A::BAD_CERTIFICATE), "{error}");
        }
    }

    #[test]
    fn our_own_two_ends_agree_on_each() {
        let identity = identity();
        for algorithm in both() {
            let algorithms = vec![algorithm];
            assert!(shake(&client(&identity, algorithms.clone()), &server(&identity, algorithms)));
        }
    }
}

/// Puts a byte in front: an algorithm decides for itself whether its form is to be sent.
#[derive(Debug)]
struct Longer;

impl CertificateCompression for Longer {
    fn algorithm(&self) -> CertificateCompressionAlgorithm {
        TOY
    }

    fn compress(&self, message: &[u8]) -> Option<Vec<u8>> {
        Some([&[7], message].concat())
    }

    fn decompress(&self, compressed: &[u8], output: &mut [u8]) -> bool {
        let rest = compressed.get(1..).filter(|rest| rest.len() == output.len());
        rest.map(|rest| output.copy_from_slice(rest)).is_some()
    }
}

#[test]
fn what_an_algorithm_gives_is_sent_though_it_is_longer() {
    let identity = Identity::p256();
    let longer = || vec![Arc::new(Longer) as Arc<dyn CertificateCompression>];
    assert!(shake(&client(&identity, longer()), &server(&identity, longer())));
}
