//! Handshakes with keys of a token.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use handclasp_pkcs11::handclasp::credential::CertificateList;
use handclasp_pkcs11::handclasp::registry::SignatureScheme;
use handclasp_pkcs11::handclasp::transport::tokio::{Acceptor, Connector, QuestionHandler};
use handclasp_pkcs11::handclasp::verify::{ClientAuthentication, TrustAnchorVerifier};
use handclasp_pkcs11::handclasp::{
    CertifiedKey, ClientConfig, ClientConnection, CryptoProvider, ServerConfig, ServerConnection,
    Stream,
};
use handclasp_pkcs11::{Options, TokenKey, TokenKeys, certificates};
use handclasp_testing::examples;
use handclasp_testing::ports::free_tcp_port;
use handclasp_testing::process::{Listener, connect};
use handclasp_testing::server_name;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::token::{self, MODULE, TestToken, open, with_token};

pub fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

/// A server that sends five bytes to each client. Returns its address.
pub async fn serve(keys: Vec<CertifiedKey>, handler: impl QuestionHandler + 'static) -> SocketAddr {
    let keys = CertificateList::new(keys.into_iter().map(Arc::new).collect());
    let config = ServerConfig::builder(CryptoProvider::default());
    let config = config.tickets(0).build(Arc::new(keys)).unwrap();
    let acceptor = Acceptor::new(Arc::new(config)).answers(handler);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(socket).await else { return };
                if stream.write_all(b"hello").await.is_ok() {
                    let _ = stream.close().await;
                }
            });
        }
    });
    address
}

/// Connects, and reads the five bytes.
pub async fn greet(config: &Arc<ClientConfig>, address: SocketAddr) -> io::Result<()> {
    let socket = TcpStream::connect(address).await?;
    let mut stream = Connector::new(Arc::clone(config)).connect(server_name(), socket).await?;
    let mut greeting = Vec::new();
    stream.read_to_end(&mut greeting).await?;
    assert_eq!(greeting, b"hello");
    Ok(())
}

pub fn client(token: &TestToken) -> Arc<ClientConfig> {
    Arc::new(ClientConfig::new(token.anchors()).unwrap())
}

/// OpenSSL's account of a handshake with a server.
fn s_client(address: SocketAddr, authority: &str, arguments: &[&str]) -> String {
    let mut client = Command::new("openssl");
    client.args(["s_client", "-connect", &address.to_string(), "-CAfile", authority]);
    client.args(["-tls1_3", "-verify_return_error", "-servername", "server.example"]);
    let output = client.args(arguments).stdin(Stdio::null()).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

struct Kind {
    label: &'static str,
    genpkey: &'static [&'static str],
    schemes: &'static [SignatureScheme],
    /// As OpenSSL says it.
    signature: &'static str,
}

const KINDS: [Kind; 6] = [
    Kind {
        label: "p256",
        genpkey: &token::P256,
        schemes: &[SignatureScheme::ECDSA_SECP256R1_SHA256],
        signature: "Peer signature type: ECDSA",
    },
    Kind {
        label: "p384",
        genpkey: &["EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
        schemes: &[SignatureScheme::ECDSA_SECP384R1_SHA384],
        signature: "Peer signature type: ECDSA",
    },
    Kind {
        label: "p521",
        genpkey: &["EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
        schemes: &[SignatureScheme::ECDSA_SECP521R1_SHA512],
        signature: "Peer signature type: ECDSA",
    },
    Kind {
        label: "ed25519",
        genpkey: &["ED25519"],
        schemes: &[SignatureScheme::ED25519],
        signature: "Peer signature type: ed25519",
    },
    Kind {
        label: "rsa",
        genpkey: &["RSA"],
        schemes: &[
            SignatureScheme::RSA_PSS_RSAE_SHA256,
            SignatureScheme::RSA_PSS_RSAE_SHA384,
            SignatureScheme::RSA_PSS_RSAE_SHA512,
        ],
        signature: "Peer signature type: RSA-PSS",
    },
    Kind {
        label: "pss",
        genpkey: &["RSA-PSS"],
        schemes: &[
            SignatureScheme::RSA_PSS_PSS_SHA256,
            SignatureScheme::RSA_PSS_PSS_SHA384,
            SignatureScheme::RSA_PSS_PSS_SHA512,
        ],
        signature: "Peer signature type: RSA-PSS",
    },
];

#[test]
fn openssl_accepts_a_server_with_each_kind_of_key() {
    with_token("handshakes::openssl_accepts_a_server_with_each_kind_of_key", |token| {
        token.set_up();
        for kind in KINDS {
            let key = open(&token.import(kind.label, kind.genpkey), &Options::default());
            assert_eq!(key.schemes(), kind.schemes, "{}", kind.label);
            let runtime = runtime();
            let address = runtime.block_on(serve(vec![key.certified_key()], key));
            // Each hash of the key's schemes.
            for number in 0..kind.schemes.len() {
                let hash = ["SHA256", "SHA384", "SHA512"][number];
                let one = format!("rsa_pss_rsae_{}:rsa_pss_pss_{0}", hash.to_lowercase());
                let only: &[&str] = if kind.schemes.len() == 1 { &[] } else { &["-sigalgs", &one] };
                // The authority signs its certificates with ECDSA, which a list of one scheme leaves out.
                let account = s_client(address, &token.authority(), only);
                let label = kind.label;
                assert!(account.contains("Verify return code: 0 (ok)"), "{label}: {account}");
                assert!(account.contains(kind.signature), "{label}: {account}");
            }
        }
    });
}

#[test]
fn a_client_key_of_the_token_signs_for_openssl() {
    with_token("handshakes::a_client_key_of_the_token_signs_for_openssl", |token| {
        token.set_up();
        let server = token.certified("server", &token::P256);
        let port = free_tcp_port().to_string();
        let server_key = token.path("server.key");
        let authority = token.authority();
        let process = handclasp_testing::process::Process::start(
            "openssl",
            &[
                "s_server",
                "-accept",
                &port,
                "-cert",
                &server.certificate,
                "-key",
                &server_key,
                "-CAfile",
                &authority,
                "-Verify",
                "2",
                "-verify_return_error",
                "-tls1_3",
                "-www",
            ],
        );
        process.wait_for("ACCEPT");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().unwrap()));
        for label in ["p256", "ed25519", "rsa"] {
            let kind = KINDS.iter().find(|kind| kind.label == label).unwrap();
            let key = open(&token.import(label, kind.genpkey), &Options::default());
            let list = CertificateList::new(vec![Arc::new(key.certified_key())]);
            let config = ClientConfig::builder(CryptoProvider::default());
            let config = config.client_certificates(Arc::new(list)).trust(token.anchors()).unwrap();
            let connector = Connector::new(Arc::new(config.build().unwrap())).answers(key);
            let account = runtime().block_on(async {
                let socket = TcpStream::connect(address).await.unwrap();
                let mut stream = connector.connect(server_name(), socket).await.unwrap();
                stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
                let mut account = String::new();
                stream.read_to_string(&mut account).await.unwrap();
                account
            });
            assert!(
                account.contains("Client certificate") && account.contains("Subject: CN=a key"),
                "{account}"
            );
        }
    });
}

#[test]
fn more_clients_than_sessions_shake_hands_at_once() {
    const HANDSHAKES: usize = 1000;
    const CLIENTS: usize = 40;
    with_token("handshakes::more_clients_than_sessions_shake_hands_at_once", |token| {
        token.set_up();
        let mut options = Options::default();
        options.sessions = 3;
        let key = open(&token.p256("key"), &options);
        let config = client(token);
        let begin = Instant::now();
        runtime().block_on(async {
            let address = serve(vec![key.certified_key()], key.clone()).await;
            let clients: Vec<_> = (0..CLIENTS)
                .map(|_| {
                    let config = Arc::clone(&config);
                    tokio::spawn(async move {
                        for _ in 0..HANDSHAKES / CLIENTS {
                            greet(&config, address).await.unwrap();
                        }
                    })
                })
                .collect();
            for client in clients {
                client.await.unwrap();
            }
        });
        assert!((1..=3).contains(&threads_of_tokens()));
        println!("{HANDSHAKES} handshakes in {:?}", begin.elapsed());
    });
}

/// The threads of this process that sign.
fn threads_of_tokens() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")));
    names.filter(|name| name.as_ref().is_ok_and(|name| name == "pkcs11\n")).count()
}

#[test]
fn each_of_several_keys_signs_for_its_certificate() {
    with_token("handshakes::each_of_several_keys_signs_for_its_certificate", |token| {
        token.set_up();
        let kinds = [&KINDS[0], &KINDS[3]];
        let keys = kinds.map(|kind| {
            let key = token.import(kind.label, kind.genpkey);
            (open(&key, &Options::default()), key)
        });
        let mut certified: Vec<CertifiedKey> =
            keys.iter().map(|(key, _)| key.certified_key()).collect();
        certified.push(keys[0].0.certified_key().to_raw_public_key().unwrap());
        assert!(keys[0].0.is_key_of(&certified[2]) && !keys[1].0.is_key_of(&certified[2]));
        let handler = TokenKeys::new(keys.into_iter().map(|(key, _)| key).collect());
        let runtime = runtime();
        let address = runtime.block_on(serve(certified, handler));
        for (kind, scheme) in
            kinds.iter().zip(["ecdsa_secp256r1_sha256", "ed25519:ecdsa_secp384r1_sha384"])
        {
            let account = s_client(address, &token.authority(), &["-sigalgs", scheme]);
            assert!(account.contains(kind.signature), "{account}");
        }
    });
}

/// A handshake of two connections in this process, over TCP and with blocking streams. The server's thread runs
/// `answer` when its handshake waits.
fn blocking_handshake(
    token: &TestToken,
    server: ServerConfig,
    answer: impl Fn(&mut Stream<ServerConnection, std::net::TcpStream>) + Send + Sync,
) {
    let listener = Listener::new();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, listener.port()));
    let config = client(token);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let connection = ServerConnection::new(Arc::new(server));
            let mut stream = Stream::new(connection, listener.accept());
            while let Err(error) = stream.handshake() {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}");
                answer(&mut stream);
            }
            stream.write_all(b"hello").unwrap();
            stream.close().unwrap();
        });
        let connection = ClientConnection::new(config, server_name());
        let mut stream = Stream::new(connection, connect(address));
        let mut greeting = String::new();
        stream.read_to_string(&mut greeting).unwrap();
        assert_eq!(greeting, "hello");
    });
}

#[test]
fn a_stream_that_blocks_signs_at_once_or_is_answered() {
    with_token("handshakes::a_stream_that_blocks_signs_at_once_or_is_answered", |token| {
        token.set_up();
        let key = open(&token.p256("key"), &Options::default());
        let local = ServerConfig::new(key.blocking_certified_key().unwrap()).unwrap();
        blocking_handshake(token, local, |_| panic!("a question is open"));
        let remote = ServerConfig::new(key.certified_key()).unwrap();
        blocking_handshake(token, remote, |stream| {
            assert!(key.answer(stream.connection_mut()).unwrap());
        });
    });
}

#[test]
fn a_server_takes_client_certificates_and_its_own_chain_from_the_token() {
    with_token(
        "handshakes::a_server_takes_client_certificates_and_its_own_chain_from_the_token",
        |token| {
            token.set_up();
            let key = token.p256("key");
            for (file, label, id) in
                [(&key.certificate, "key", "01"), (&token.authority(), "authority", "0a")]
            {
                store_certificate(token, file, label, id);
            }
            let options = Options::default();
            let text = format!("pkcs11:token=web;object=key;type=cert?module-path={MODULE}");
            let chain = certificates(&text.parse().unwrap(), &options).unwrap();
            let authority = std::fs::read(token.authority()).unwrap();
            let authority = handclasp_pkcs11::handclasp::pem::certificates(&authority).unwrap();
            assert_eq!(chain, [key.chain.clone(), authority].concat());

            let own = TokenKey::open(&token::uri("key"), chain, &options).unwrap();
            let server = own.blocking_certified_key().unwrap();
            let list = CertificateList::new(vec![Arc::new(own.certified_key())]);
            let provider = CryptoProvider::default();
            let verifier =
                TrustAnchorVerifier::for_clients(token.anchors(), provider.signatures.clone());
            let server = ServerConfig::builder(provider.clone())
                .client_authentication(ClientAuthentication::required(Arc::new(verifier)))
                .build(Arc::new(CertificateList::new(vec![Arc::new(server)])))
                .unwrap();
            let acceptor = Acceptor::new(Arc::new(server));
            let client = ClientConfig::builder(provider)
                .client_certificates(Arc::new(list))
                .trust(token.anchors())
                .and_then(|builder| builder.build())
                .unwrap();
            let connector = Connector::new(Arc::new(client)).answers(own);
            runtime().block_on(async {
                let (here, there) = tokio::io::duplex(4096);
                let (ours, theirs) =
                    tokio::join!(connector.connect(server_name(), here), acceptor.accept(there));
                ours.unwrap();
                assert!(theirs.unwrap().connection().parameters().certificates.is_some());
            });
        },
    );
}

fn store_certificate(token: &TestToken, file: &str, label: &str, id: &str) {
    let der = token.path(&format!("{label}.der"));
    token::run("openssl", &["x509", "-in", file, "-outform", "DER", "-out", &der]);
    token.store(&der, label, &["--type", "cert", "--id", id]);
}

#[test]
fn an_rsa_key_that_wants_its_pin_each_time_gets_it() {
    with_token("handshakes::an_rsa_key_that_wants_its_pin_each_time_gets_it", |token| {
        token.set_up();
        let key = open(&token.always_authenticated("key"), &Options::default());
        for _ in 0..2 {
            key.sign_and_wait(SignatureScheme::RSA_PSS_RSAE_SHA256, b"message").unwrap();
        }
    });
}

#[test]
fn the_example_signs_and_goes_on_when_clients_could_not_be_accepted() {
    with_token(
        "handshakes::the_example_signs_and_goes_on_when_clients_could_not_be_accepted",
        |token| {
            token.set_up();
            let key = token.p256("key");
            let features: &[&str] = match cfg!(feature = "ring") {
                true => &[],
                false => &["--no-default-features", "--features", "aws-lc-rs,tokio"],
            };
            let program = examples::build_with("integrations/pkcs11", "token_server", features);
            let uri = token::uri_text("key");
            let arguments = ["127.0.0.1:0", &uri, &key.certificate];
            let server = examples::start_with_few_files(&program, &arguments);
            let clients = examples::exhaust_files(&server);
            server.wait_for("cannot accept");
            drop(clients);
            let socket = connect(([127, 0, 0, 1], examples::port(&server)).into());
            let client = ClientConnection::new(client(token), server_name());
            let mut stream = Stream::new(client, socket);
            stream.write_all(b"GET / HTTP/1.1\r\n\r\n").and_then(|()| stream.flush()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.ends_with("\r\n\r\ntoken\n"), "{answer}");
        },
    );
}
