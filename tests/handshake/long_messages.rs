//! Messages as long as RFC 9846 lets them be, and certificates up to a limit of their own.

use std::sync::Arc;

use handclasp::alert::AlertDescription as A;
use handclasp::config::Limits;
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::{Handshake, Step};
use handclasp::pki_types::{CertificateDer, UnixTime};
use handclasp::registry::HandshakeType;
use handclasp::session::{MemoryClientSessions, TicketKeys};
use handclasp::transport::memory::exchange;
use handclasp::verify::{ClientAuthentication, PeerVerifier, TrustAnchorVerifier};
use handclasp::wire::{ExtensionType, HandshakeMessage};
use handclasp::{ClientConfig, ClientConnection, ErrorKind, Level, ServerConfig, ServerConnection};
use handclasp_testing::written::{extension, handshake_message, vector16};
use handclasp_testing::{Identity, server_name};

/// A ClientHello that is good, with so many bytes of cipher suites and of extensions.
fn client_hello(suites: usize, extensions: usize) -> Vec<u8> {
    let share = [&[0, 29, 0, 32][..], &[9; 32]].concat();
    let mut block = extension(ExtensionType::SUPPORTED_VERSIONS, &[2, 3, 4]);
    block.extend(extension(ExtensionType::SUPPORTED_GROUPS, &vector16(&[0, 29])));
    block.extend(extension(ExtensionType::SIGNATURE_ALGORITHMS, &vector16(&[4, 3])));
    block.extend(extension(ExtensionType::KEY_SHARE, &vector16(&share)));
    let filler = extensions - block.len() - 4;
    block.extend(extension(ExtensionType(0xfe00), &vec![0; filler]));
    assert_eq!(block.len(), extensions);
    let unknown =
        (0x4000..0x4000 + u16::try_from(suites / 2 - 1).unwrap()).flat_map(u16::to_be_bytes);
    let suites: Vec<u8> = [0x13, 0x01].into_iter().chain(unknown).collect();
    let session_id = [&[32][..], &[7; 32]].concat();
    let body = [&[3, 3][..], &[8; 32], &session_id, &vector16(&suites), &[1, 0], &vector16(&block)];
    handshake_message(HandshakeType::CLIENT_HELLO, &body.concat())
}

fn server(identity: &Identity, limits: Limits) -> Handshake {
    let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let builder = ServerConfig::builder(CryptoProvider::default()).limits(limits);
    let config = Arc::new(builder.build(Arc::new(list)).unwrap());
    Handshake::server(config, UnixTime::now()).without_records().unwrap()
}

#[test]
fn a_server_takes_a_client_hello_with_full_vectors_whole_or_in_pieces() {
    let identity = Identity::p256();
    for (suites, extensions) in [(2, 65_535), (2, 65_500), (65_534, 65_535), (65_534, 1_000)] {
        let hello = client_hello(suites, extensions);
        for piece in [1, 1_000, 16_384, hello.len()] {
            let mut server = server(&identity, Limits::DEFAULT);
            for piece in hello.chunks(piece) {
                server.receive(Level::Initial, piece).unwrap();
            }
            let Some(Step::Send { bytes, .. }) = server.next_step() else { panic!("{suites}") };
            assert_eq!(bytes[0], HandshakeType::SERVER_HELLO.0);
        }
    }
}

#[test]
fn a_smaller_limit_refuses_a_long_client_hello_by_its_header() {
    let identity = Identity::p256();
    let hello = client_hello(2, 65_535);
    let (name, limit) = ("handshake_message", 65_540);
    let mut limits = Limits::DEFAULT;
    limits.handshake_message = limit;
    let mut server = server(&identity, limits);
    let error = server.receive(Level::Initial, &hello[..4]).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::LimitExceeded { name, limit });
}

/// A certificate beside a chain that is `length` bytes long, or a little more.
fn long_certificate(length: usize) -> CertificateDer<'static> {
    let mut params = rcgen::CertificateParams::default();
    let oid = [1, 3, 6, 1, 4, 1, 99_999, 1];
    let content = vec![4; length];
    params.custom_extensions.push(rcgen::CustomExtension::from_oid_content(&oid, content));
    params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().clone()
}

/// An identity whose chain is as long as this.
fn identity(length: usize) -> Identity {
    let mut identity = Identity::p256();
    identity.chain.push(long_certificate(length));
    identity
}

#[test]
fn chains_of_both_sides_may_be_longer_than_64_kib() {
    for length in [70_000, 130_000, 250_000] {
        let (server, client) = (identity(length), identity(length));
        let signatures = CryptoProvider::default().signatures;
        let verifier: Arc<dyn PeerVerifier> =
            Arc::new(TrustAnchorVerifier::for_clients(client.anchors(), signatures));
        let list =
            |it: &Identity| Arc::new(CertificateList::new(vec![Arc::new(it.certified_key())]));
        let tickets = TicketKeys::random(CryptoProvider::default().random).unwrap();
        let builder = ServerConfig::builder(CryptoProvider::default()).sessions(Arc::new(tickets));
        let policy = ClientAuthentication::required(verifier);
        let config = builder.client_authentication(policy).build(list(&server)).unwrap();
        let builder = ClientConfig::builder(CryptoProvider::default())
            .sessions(Arc::new(MemoryClientSessions::new(8)))
            .client_certificates(list(&client));
        let client = Arc::new(builder.trust(server.anchors()).unwrap().build().unwrap());
        let config = Arc::new(config);
        for _ in 0..2 {
            let mut client = ClientConnection::new(client.clone(), server_name());
            let mut server = ServerConnection::new(config.clone());
            exchange(&mut client, &mut server).unwrap();
            assert!(!client.is_handshaking() && !server.is_handshaking());
            client.write(b"data").unwrap();
            exchange(&mut client, &mut server).unwrap();
        }
    }
}

#[test]
fn a_request_after_the_handshake_may_be_answered_with_as_long_a_chain() {
    for length in [70_000, 130_000, 250_000] {
        let (server, client) = (Identity::p256(), identity(length));
        let signatures = CryptoProvider::default().signatures;
        let verifier = Arc::new(TrustAnchorVerifier::for_clients(client.anchors(), signatures));
        let list =
            |it: &Identity| Arc::new(CertificateList::new(vec![Arc::new(it.certified_key())]));
        let config = ServerConfig::builder(CryptoProvider::default())
            .client_authentication(ClientAuthentication::post_handshake(verifier))
            .build(list(&server));
        let builder = ClientConfig::builder(CryptoProvider::default())
            .post_handshake_authentication(true)
            .client_certificates(list(&client));
        let client = Arc::new(builder.trust(server.anchors()).unwrap().build().unwrap());
        let mut client = ClientConnection::new(client, server_name());
        let mut server = ServerConnection::new(Arc::new(config.unwrap()));
        exchange(&mut client, &mut server).unwrap();
        server.request_client_certificate().unwrap();
        exchange(&mut client, &mut server).unwrap();
        assert_eq!(server.open_certificate_requests(), 0, "{length}");
    }
}

#[cfg(all(feature = "brotli", feature = "zlib"))]
#[test]
fn compressed_chains_may_stand_for_more_than_64_kib_and_not_for_more_than_the_limit() {
    use handclasp::credential::{Brotli, CertificateCompression, Zlib};
    let limit = Limits::DEFAULT.certificate_message;
    for algorithm in [Arc::new(Brotli) as Arc<dyn CertificateCompression>, Arc::new(Zlib)] {
        for (length, good) in [(200_000, true), (limit, false)] {
            let identity = identity(length);
            let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
            let server = ServerConfig::builder(CryptoProvider::default())
                .certificate_compression(vec![algorithm.clone()])
                .build(Arc::new(list));
            let client = ClientConfig::builder(CryptoProvider::default())
                .certificate_compression(vec![algorithm.clone()])
                .trust(identity.anchors())
                .and_then(|builder| builder.build());
            let (client, server) = (Arc::new(client.unwrap()), Arc::new(server.unwrap()));
            let mut client = ClientConnection::new(client, server_name());
            let mut server = ServerConnection::new(server);
            let shaken = exchange(&mut client, &mut server);
            assert_eq!(shaken.is_ok(), good, "{algorithm:?} {length}: {shaken:?}");
            if !good {
                let error = client.check().unwrap_err();
                let name = "certificate_message";
                assert_eq!(error.kind(), &ErrorKind::LimitExceeded { name, limit });
            }
        }
    }
}

#[test]
fn a_chain_beyond_the_limit_is_refused_by_its_header() {
    let limit = Limits::DEFAULT.certificate_message;
    let identity = identity(limit);
    let mut client = ClientConnection::new(identity.client_config(), server_name());
    let mut server = ServerConnection::new(identity.server_config());
    exchange(&mut client, &mut server).unwrap_err();
    let error = client.check().unwrap_err();
    let name = "certificate_message";
    assert_eq!(error.kind(), &ErrorKind::LimitExceeded { name, limit });
}

#[test]
fn nothing_but_a_hello_is_kept_before_the_first_hello() {
    let identity = Identity::p256();
    for kind in 0..=255 {
        let header = [kind, 0, 1, 0];
        if kind != HandshakeType::CLIENT_HELLO.0 {
            let mut server = server(&identity, Limits::DEFAULT);
            let error = server.receive(Level::Initial, &header).unwrap_err();
            assert!(matches!(error.alert_sent(), Some(A::UNEXPECTED_MESSAGE | A::DECODE_ERROR)));
        }
        if kind != HandshakeType::SERVER_HELLO.0 {
            let client =
                Handshake::client(identity.client_config(), server_name(), UnixTime::now());
            let mut client = client.without_records().unwrap();
            let error = client.receive(Level::Initial, &header).unwrap_err();
            assert!(matches!(error.alert_sent(), Some(A::UNEXPECTED_MESSAGE | A::DECODE_ERROR)));
        }
    }
}

#[test]
fn the_messages_of_a_server_may_have_full_vectors() {
    let identity = Identity::p256();
    let client = Handshake::client(identity.client_config(), server_name(), UnixTime::now());
    let mut client = client.without_records().unwrap();
    let Some(Step::Send { bytes: hello, .. }) = client.next_step() else { panic!() };
    let mut server = server(&identity, Limits::DEFAULT);
    server.receive(Level::Initial, &hello).unwrap();
    // What the client did not ask for is refused when the message is whole, and not as too long.
    while let Some(step) = server.next_step() {
        let Step::Send { level, bytes } = step else { continue };
        let mut rest = &bytes[..];
        while let Some((honest, after)) = HandshakeMessage::split(rest) {
            rest = after;
            if honest.kind != HandshakeType::ENCRYPTED_EXTENSIONS {
                client.receive(level, honest.bytes).unwrap();
                continue;
            }
            let full = vector16(&extension(ExtensionType(0xfe00), &[0; 65_531]));
            let full = handshake_message(HandshakeType::ENCRYPTED_EXTENSIONS, &full);
            for piece in full.chunks(16_384).take(4) {
                client.receive(level, piece).unwrap();
            }
            let error = client.receive(level, &full[4 * 16_384..]).unwrap_err();
            assert_eq!(error.alert_sent(), Some(A::UNSUPPORTED_EXTENSION), "{error}");
            return;
        }
    }
    panic!("there were no EncryptedExtensions");
}
