//! Failures of our client, but for those of certificates.

mod alerts;
mod other_protocols;

use std::sync::Arc;

use handclasp::crypto::CryptoProvider;
use handclasp::diagnosis::{Diagnosis, Fault, Parameter};
use handclasp::handshake::Side;
use handclasp::psk::PreSharedKey;
use handclasp::registry::{CipherSuiteId, NamedGroup, SignatureScheme};
use handclasp::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};
use handclasp_testing::process::{Listener, PATIENCE, connect};
use handclasp_testing::{Identity, deliver_outgoing, rustls_peer, server_name, take_outgoing};

use super::Row;
use super::ends::{
    End, both_with, client, client_hears, client_of_gnutls, client_of_openssl, fails, list,
    provider,
};

const SECRET: [u8; 16] = *b"\x5c\x91\x02\xe7 16 bytes \xfe\xdc";

/// A server that says these words, as it speaks another protocol.
fn hears(words: &str) -> Option<Diagnosis> {
    Some(client_hears(client(&Identity::p256()), words.as_bytes(), End::Closes))
}

fn hears_alert(number: u8) -> Option<Diagnosis> {
    let alert = [21, 3, 3, 0, 2, 2, number];
    Some(client_hears(client(&Identity::p256()), &alert, End::Closes))
}

fn key(identity: &str) -> PreSharedKey {
    PreSharedKey::external(identity.as_bytes(), &SECRET).unwrap()
}

/// A ServerHello of TLS 1.2. The last bytes of its random are these.
fn server_hello_of_tls_1_2(end_of_random: &[u8; 8]) -> Option<Diagnosis> {
    let mut hello = vec![3, 3];
    hello.extend([7; 24]);
    hello.extend(end_of_random);
    hello.extend([0, 0xc0, 0x2f, 0]);
    let length = hello.len() as u8;
    let message = [&[2, 0, 0, length][..], &hello].concat();
    let record = [&[22, 3, 3, 0, message.len() as u8][..], &message].concat();
    Some(client_hears(client(&Identity::p256()), &record, End::Closes))
}

/// The flight of our server, which `change` changes.
fn flight(change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Option<Diagnosis> {
    let (mut client, mut server) = Identity::p256().connections();
    let _ = deliver_outgoing(&mut client, &mut server);
    let mut bytes = change(take_outgoing(&mut server));
    let mut start = 0;
    loop {
        match client.receive(&mut bytes[start..]) {
            Ok((0, _)) => break,
            Ok((consumed, _)) => start += consumed,
            Err(error) => return Some(error.diagnosis()),
        }
    }
    Some(client.end_of_input().unwrap_err().diagnosis())
}

/// A rustls server without a certificate for the name.
fn refused_by_rustls() -> Option<Diagnosis> {
    #[derive(Debug)]
    struct NoName;
    impl rustls::server::ResolvesServerCert for NoName {
        fn resolve(
            &self,
            _: rustls::server::ClientHello<'_>,
        ) -> Option<Arc<rustls::sign::CertifiedKey>> {
            None
        }
    }
    let builder =
        rustls::ServerConfig::builder_with_provider(rustls_peer::default_provider().into());
    let config = builder.with_protocol_versions(&[&rustls::version::TLS13]).unwrap();
    let config = config.with_no_client_auth().with_cert_resolver(Arc::new(NoName));
    let mut ours = ClientConnection::new(Identity::p256().client_config(), server_name());
    let mut theirs = rustls_peer::server(config);
    rustls_peer::exchange(&mut ours, &mut theirs).our_error.map(|error| error.diagnosis())
}

/// A rustls server with other application protocols.
fn protocols_of_rustls() -> Option<Diagnosis> {
    let identity = Identity::p256();
    let config = rustls_peer::server_config(&identity, rustls_peer::default_provider(), None);
    let ours = client(&identity).application_protocols(["h2"]).build().unwrap();
    let mut ours = ClientConnection::new(ours.into(), server_name());
    let mut theirs = rustls_peer::server(config);
    rustls_peer::exchange(&mut ours, &mut theirs).our_error.map(|error| error.diagnosis())
}

fn with_provider(provider: CryptoProvider) -> handclasp::config::ClientConfigBuilder {
    let trusted = Identity::p256();
    ClientConfig::builder(provider).trust(trusted.anchors()).unwrap()
}

fn no_suite() -> Option<Diagnosis> {
    let mut provider = provider();
    provider.cipher_suites.retain(|suite| suite.id == CipherSuiteId::TLS_AES_128_GCM_SHA256);
    let arguments = ["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"];
    client_of_openssl(with_provider(provider), &Identity::p256(), &arguments)
}

fn no_group() -> Option<Diagnosis> {
    let mut provider = provider();
    provider.groups.retain(|group| group.name() == NamedGroup::X25519);
    let arguments = ["-tls1_3", "-groups", "P-384"];
    client_of_openssl(with_provider(provider), &Identity::p256(), &arguments)
}

fn no_scheme() -> Option<Diagnosis> {
    let mut provider = provider();
    provider.signatures.by_scheme.retain(|row| row.scheme == SignatureScheme::ED25519);
    client_of_openssl(with_provider(provider), &Identity::p256(), &["-tls1_3"])
}

fn silent_after_retry() -> Option<Diagnosis> {
    let identity = Identity::p256();
    let config = client(&identity).key_shares([NamedGroup::X25519]).build().unwrap();
    let mut client = ClientConnection::new(config.into(), server_name());
    let mut narrow = provider();
    narrow.groups.retain(|group| group.name() == NamedGroup::SECP384R1);
    let config = ServerConfig::builder(narrow).build(list(vec![identity.certified_key()]));
    let mut server = ServerConnection::new(config.unwrap().into());
    deliver_outgoing(&mut client, &mut server).unwrap();
    deliver_outgoing(&mut server, &mut client).unwrap();
    let silence = std::io::Error::from(std::io::ErrorKind::TimedOut);
    Some(client.diagnose(&silence))
}

fn ends_without_close_notify() -> Option<Diagnosis> {
    let identity = Identity::p256();
    let listener = Listener::new();
    let socket = connect(([127, 0, 0, 1], listener.port()).into());
    let config = identity.server_config();
    let peer = std::thread::spawn(move || {
        let server = ServerConnection::new(config);
        let mut stream = handclasp::Stream::new(server, listener.accept());
        std::io::Write::write_all(&mut stream, b"half of the data").unwrap();
        std::io::Write::flush(&mut stream).unwrap();
        let (_, socket) = stream.into_parts();
        let _ = socket.shutdown(std::net::Shutdown::Write);
        let _ = std::io::Read::read_to_end(&mut &socket, &mut Vec::new());
    });
    let connection = ClientConnection::new(identity.client_config(), server_name());
    let diagnosis = fails(connection, socket, PATIENCE);
    peer.join().unwrap();
    Some(diagnosis)
}

fn unknown_name() -> Option<Diagnosis> {
    let identity = Identity::with_names(vec!["other.example".into()]);
    let keys = vec![Arc::new(identity.certified_key())];
    let keys = handclasp::credential::CertificateList::new(keys).only_known_names();
    let server = super::ends::server().build(Arc::new(keys)).unwrap();
    let client = ClientConnection::new(identity.client_config(), server_name());
    both_with(client, ServerConnection::new(server.into())).client
}

pub fn rows() -> Vec<Row> {
    let mut rows = other_protocols::rows();
    rows.extend(versions());
    rows.extend(lists());
    rows.extend(ends_of_the_transport());
    rows.extend(alerts::rows());
    rows.extend(keys());
    rows.extend(damage());
    rows
}

/// The server speaks an older version.
fn versions() -> Vec<Row> {
    vec![
        Row {
            kind: "tls12-alert",
            what: "the server speaks TLS 1.2 at most, and says so",
            make: || {
                let identity = Identity::p256();
                client_of_openssl(client(&identity), &identity, &["-tls1_2"])
            },
            code: "alert-received",
            fault: Fault::Peer,
            says: &[
                "the alert protocol_version",
                "[TLS 1.3]",
                "usually the server speaks TLS 1.2 at most",
            ],
            change: "enable TLS 1.3 at the server",
            offers: &[(Parameter::Versions, "TLS 1.3")],
            ..Row::of(Side::Client, "OpenSSL")
        },
        Row {
            kind: "tls12-server-hello",
            what: "the server answers with a ServerHello of TLS 1.2",
            make: || server_hello_of_tls_1_2(&[1; 8]),
            code: "unsupported-version",
            fault: Fault::Peer,
            says: &["does not offer TLS 1.3", "the server chose TLS 1.2"],
            change: "enable TLS 1.3 at the peer",
            offers: &[(Parameter::Versions, "TLS 1.3")],
            peer_offers: &[(Parameter::Versions, "TLS 1.2")],
            ..Row::of(Side::Client, "bytes")
        },
        Row {
            kind: "tls12-handshake-failure",
            what: "the server speaks TLS 1.2 at most, and says handshake_failure",
            make: || {
                let identity = Identity::p256();
                let only = ["--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2"];
                client_of_gnutls(client(&identity), &identity, &only)
            },
            code: "alert-received",
            says: &[
                "handshake_failure",
                "usually",
                "some servers that speak TLS 1.2 at most say this",
            ],
            change: "if the server speaks TLS 1.2 at most, enable TLS 1.3 there",
            offers: &[(Parameter::CipherSuites, "TLS_AES_128_GCM_SHA256")],
            ..Row::of(Side::Client, "GnuTLS")
        },
        Row {
            kind: "downgrade",
            what: "the server speaks TLS 1.3, and an older version was chosen",
            make: || server_hello_of_tls_1_2(b"DOWNGRD\x01"),
            code: "downgrade",
            says: &[
                "the server supports TLS 1.3 but has chosen an older version",
                "may change messages",
            ],
            change: "connect without the proxy",
            ..Row::of(Side::Client, "bytes")
        },
    ]
}

/// The two sides have nothing in common.
fn lists() -> Vec<Row> {
    let openssl = || Row::of(Side::Client, "OpenSSL");
    vec![
        Row {
            kind: "suites",
            what: "no cipher suite in common",
            make: no_suite,
            code: "alert-received",
            says: &[
                "handshake_failure",
                "[TLS_AES_128_GCM_SHA256]",
                "usually the two sides have no suite",
            ],
            change: "compare the lists",
            offers: &[(Parameter::CipherSuites, "TLS_AES_128_GCM_SHA256")],
            ..openssl()
        },
        Row {
            kind: "groups",
            what: "no group in common",
            make: no_group,
            code: "alert-received",
            says: &[
                "handshake_failure",
                "groups [x25519]",
                "usually the two sides have no suite, group",
            ],
            change: "compare the lists",
            offers: &[(Parameter::Groups, "x25519")],
            ..openssl()
        },
        Row {
            kind: "schemes",
            what: "no signature scheme in common",
            make: no_scheme,
            code: "alert-received",
            says: &[
                "handshake_failure",
                "signature schemes [ed25519]",
                "signature scheme in common",
            ],
            change: "compare the lists",
            offers: &[(Parameter::SignatureSchemes, "ed25519")],
            ..openssl()
        },
        Row {
            kind: "alpn",
            what: "no application protocol in common",
            make: protocols_of_rustls,
            code: "alert-received",
            says: &["no_application_protocol", "application protocols [h2]", "speaks none of"],
            change: "offer a protocol that the server speaks, or none",
            offers: &[(Parameter::ApplicationProtocols, "h2")],
            ..Row::of(Side::Client, "rustls")
        },
        Row {
            kind: "sni",
            what: "the server has no certificate for the name",
            make: unknown_name,
            code: "alert-received",
            says: &[
                "unrecognized_name",
                "server name \"server.example\"",
                "no certificate for the name",
            ],
            change: "ask for a name that the server has",
            offers: &[(Parameter::ServerName, "server.example")],
            ..Row::of(Side::Client, "handclasp")
        },
        Row {
            kind: "sni-access-denied",
            what: "the server has no certificate for the name, and says access_denied",
            make: refused_by_rustls,
            code: "alert-received",
            says: &[
                "access_denied",
                "server name \"server.example\"",
                "some servers say this if they have no",
            ],
            change: "look into the server's log, or ask its operator",
            offers: &[(Parameter::ServerName, "server.example")],
            ..Row::of(Side::Client, "rustls")
        },
    ]
}

fn ends_of_the_transport() -> Vec<Row> {
    let row = || Row { fault: Fault::Transport, ..Row::of(Side::Client, "bytes") };
    vec![
        Row {
            kind: "closes",
            what: "the server closes at once",
            make: || hears(""),
            code: "ended-in-handshake",
            says: &[
                "the transport ended during the handshake",
                "waiting for the server's first message",
                "no record of the peer had come in",
                "may not speak TLS 1.3",
            ],
            change: "compare the port",
            ..row()
        },
        Row {
            kind: "reset",
            what: "the server, or something in between, resets after the ClientHello",
            make: || Some(client_hears(client(&Identity::p256()), b"", End::Resets)),
            code: "reset",
            says: &[
                "(reset) during the handshake",
                "waiting for the server's first message",
                "had come in",
            ],
            change: "look into the server's log",
            ..row()
        },
        Row {
            kind: "post-quantum-dropped",
            what: "something drops a ClientHello with a post-quantum key share",
            make: || {
                let has = |group: NamedGroup| provider().group(group).is_some();
                has(NamedGroup::X25519_MLKEM768)
                    .then(|| client_hears(client(&Identity::p256()), b"", End::Resets))
            },
            code: "reset",
            says: &["MLKEM", "may drop a ClientHello that is longer than a packet"],
            change: "offer x25519 alone",
            offers: &[(Parameter::Groups, "X25519MLKEM768")],
            ..row()
        },
        Row {
            kind: "silence",
            what: "the server is silent",
            make: || Some(client_hears(client(&Identity::p256()), b"", End::IsSilent)),
            code: "silence",
            says: &[
                "not complete in time",
                "waiting for the server's first message",
                "no record of the peer had come in",
                "a firewall may drop",
            ],
            change: "look whether the server receives anything",
            ..row()
        },
        Row {
            kind: "silence-in-the-flight",
            what: "the server's flight does not come completely",
            make: silent_after_retry,
            code: "silence",
            says: &[
                "waiting for the ServerHello after the HelloRetryRequest",
                "bytes of the peer had come",
            ],
            change: "path MTU",
            ..row()
        },
        Row {
            kind: "truncated",
            what: "the server ends without close_notify",
            make: ends_without_close_notify,
            code: "truncated",
            says: &[
                "without close_notify",
                "may be truncated",
                "bytes of the peer had come in",
                "may have crashed",
            ],
            change: "data that state their own length may be complete",
            ..Row { peer: "handclasp", ..row() }
        },
    ]
}

fn keys() -> Vec<Row> {
    let row = || Row {
        code: "alert-received",
        offers: &[(Parameter::PreSharedKeys, "device-7")],
        ..Row::of(Side::Client, "OpenSSL")
    };
    vec![
        Row {
            kind: "psk-secret",
            what: "the server has another key under the same identity",
            make: || {
                let identity = Identity::p256();
                let config = client(&identity).pre_shared_keys(vec![key("device-7")]);
                let other = "000102030405060708090a0b0c0d0e0f";
                let psk = ["-nocert", "-tls1_3", "-psk", other, "-psk_identity", "device-7"];
                client_of_openssl(config, &identity, &psk)
            },
            says: &[
                "pre-shared keys [device-7]",
                "may have another pre-shared key under the same identity",
            ],
            change: "compare the secrets",
            ..row()
        },
        Row {
            kind: "psk-identity",
            what: "the server does not know the identity, and has no certificate",
            make: || {
                let identity = Identity::p256();
                let config = client(&identity).pre_shared_keys(vec![key("device-7")]);
                let other = "000102030405060708090a0b0c0d0e0f";
                let psk = ["-nocert", "-tls1_3", "-psk", other, "-psk_identity", "another"];
                client_of_openssl(config, &identity, &psk)
            },
            says: &[
                "handshake_failure",
                "pre-shared keys [device-7]",
                "may not know the pre-shared key",
            ],
            change: "compare the pre-shared keys at both sides",
            ..row()
        },
        Row {
            kind: "psk-unknown-identity-alert",
            what: "the server says unknown_psk_identity",
            make: || {
                let config = client(&Identity::p256()).pre_shared_keys(vec![key("device-7")]);
                Some(client_hears(config, &[21, 3, 3, 0, 2, 2, 115], End::Closes))
            },
            says: &["unknown_psk_identity", "[device-7]", "knows none of the pre-shared keys"],
            change: "compare the identities",
            ..Row { peer: "bytes", ..row() }
        },
    ]
}

fn damage() -> Vec<Row> {
    let row = || Row::of(Side::Client, "handclasp");
    vec![
        Row {
            kind: "bit-flipped",
            what: "a byte of an encrypted record was changed on the way",
            make: || {
                flight(|mut bytes| {
                    let last = bytes.len() - 1;
                    bytes[last] ^= 1;
                    bytes
                })
            },
            code: "record-error",
            says: &["does not decrypt", "may change bytes, or two writers share one socket"],
            change: "connect without proxies in between",
            ..row()
        },
        Row {
            kind: "record-too-long",
            what: "a record is longer than allowed",
            make: || {
                let record = [&[22, 3, 3, 0x48, 1][..], &[0; 0x4801]].concat();
                Some(client_hears(client(&Identity::p256()), &record, End::Closes))
            },
            code: "record-error",
            fault: Fault::Peer,
            says: &["a record of", "bytes came; at most", "may not speak TLS at this point"],
            change: "beside TLS",
            ..Row::of(Side::Client, "bytes")
        },
        Row {
            kind: "flight-cut",
            what: "the server closes in the middle of its flight",
            make: || {
                flight(|mut bytes| {
                    // ServerHello, change_cipher_spec, and a part of the next record.
                    bytes.truncate(5 + 250);
                    bytes
                })
            },
            code: "ended-in-handshake",
            fault: Fault::Transport,
            says: &["the transport ended during the handshake", "this side was waiting for"],
            change: "log",
            ..row()
        },
        Row {
            kind: "malformed",
            what: "a message of the server cannot be parsed",
            make: || {
                let record = [22, 3, 3, 0, 5, 2, 0, 0, 1, 3];
                Some(client_hears(client(&Identity::p256()), &record, End::Closes))
            },
            code: "decode-error",
            fault: Fault::Peer,
            says: &["the peer's ServerHello", "decode_error", "may have a fault"],
            change: "update the peer's TLS",
            ..Row::of(Side::Client, "bytes")
        },
    ]
}
