//! Handshakes with the system's `openssl`, version 3, in both roles.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use handclasp::alert::AlertDescription;
use handclasp::connection::Options;
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::observer::{Event, Observer};
use handclasp::registry::{HandshakeType, NamedGroup};
use handclasp::{
    ClientConfig, ClientConnection, ErrorKind, ServerConfig, ServerConnection, Stream,
};
use handclasp_testing::der::pem_text;
use handclasp_testing::openssl;
use handclasp_testing::process::{Folder, Listener, Process, connect};
use handclasp_testing::{Identity, NAME, narrow_provider, server_name};

const SUITES: [&str; 3] =
    ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];
/// The groups of the default provider by the names that openssl has for them.
const GROUPS: [&str; 3] = ["X25519", "P-256", "P-384"];
const GROUP_IDS: [NamedGroup; 3] =
    [NamedGroup::X25519, NamedGroup::SECP256R1, NamedGroup::SECP384R1];

/// Counts the peer's key updates.
#[derive(Clone, Default)]
struct KeyUpdates(Arc<AtomicUsize>);

impl KeyUpdates {
    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn options(&self) -> Options {
        let mut options = Options::default();
        options.observer = Some(Box::new(self.clone()));
        options
    }
}

impl Observer for KeyUpdates {
    fn event(&mut self, event: &Event<'_>) {
        let Event::MessageReceived(_, message) = event else { return };
        if message.kind == HandshakeType::KEY_UPDATE {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn tls_error(error: &io::Error) -> &handclasp::Error {
    error.get_ref().unwrap().downcast_ref().unwrap()
}

/// `openssl s_server` with this identity and these arguments, and our client's connection to it.
struct TheirServer {
    process: Process,
    client: BufReader<Stream<ClientConnection, TcpStream>>,
    key_updates: KeyUpdates,
    _folder: Folder,
}

impl TheirServer {
    fn start(identity: &Identity, provider: CryptoProvider, arguments: &[&str]) -> Self {
        let folder = Folder::new();
        let certificate = folder.file("server.pem", pem_text("CERTIFICATE", &identity.chain[0]));
        let key = folder.file("key.pem", pem_text("PRIVATE KEY", identity.key.secret_der()));
        let first = ["-cert", &certificate, "-key", &key];
        let (process, address) = openssl::s_server(&[&first, arguments].concat());

        let config = ClientConfig::builder(provider).application_protocols(["test/1"]);
        let config = config.trust(identity.anchors()).unwrap().build().unwrap();
        let key_updates = KeyUpdates::default();
        let options = key_updates.options();
        let client = ClientConnection::with_options(config.into(), server_name(), options);
        let client = BufReader::new(Stream::new(client, connect(address)));
        Self { process, client, key_updates, _folder: folder }
    }

    /// A line each way.
    fn talk(&mut self, words: &str) {
        let line = format!("{words}\n");
        self.client.get_mut().write_all(format!("our {line}").as_bytes()).unwrap();
        self.process.wait_for(&format!("our {line}"));
        self.process.say(&format!("their {line}"));
        let mut got = String::new();
        self.client.read_line(&mut got).unwrap();
        assert_eq!(got, format!("their {line}"));
    }

    fn close(mut self) {
        self.client.get_mut().close().unwrap();
        assert_eq!(self.client.read(&mut [0]).unwrap(), 0, "its close_notify");
        self.process.wait_for("DONE");
    }
}

#[test]
fn our_client_talks_with_s_server_with_every_suite_and_group() {
    if !openssl::is_here() {
        return;
    }
    let identity = Identity::p256();
    for (suite, group) in (0..3).flat_map(|suite| (0..3).map(move |group| (suite, group))) {
        let arguments = ["-tls1_3", "-alpn", "test/1"];
        let mut server = TheirServer::start(&identity, narrow_provider(suite, group), &arguments);
        server.talk("words");
        let output = server.process.wait_for("CIPHER is ");
        assert!(output.contains(&format!("CIPHER is {}\n", SUITES[suite])), "{output}");
        assert!(output.contains("ALPN protocols selected: test/1"), "{output}");
        let parameters = server.client.get_ref().connection().parameters();
        assert_eq!(parameters.group, Some(GROUP_IDS[group]));
        assert_eq!(parameters.application_protocol.as_deref(), Some(&b"test/1"[..]));
        assert!(!parameters.retried);
        server.close();
    }
}

#[test]
fn our_client_follows_the_hello_retry_request_of_s_server() {
    if !openssl::is_here() {
        return;
    }
    for (suite, name) in SUITES.iter().enumerate() {
        for group in [1, 2] {
            let arguments = ["-tls1_3", "-groups", GROUPS[group], "-ciphersuites", name];
            let identity = Identity::p256();
            let mut server = TheirServer::start(&identity, CryptoProvider::default(), &arguments);
            server.talk("words");
            let parameters = server.client.get_ref().connection().parameters();
            assert!(parameters.retried);
            assert_eq!(parameters.group, Some(GROUP_IDS[group]));
            assert_eq!(parameters.cipher_suite.unwrap().name(), Some(SUITES[suite]));
            server.close();
        }
    }
}

#[test]
fn our_client_and_s_server_update_keys() {
    if !openssl::is_here() {
        return;
    }
    let mut server = TheirServer::start(&Identity::p256(), CryptoProvider::default(), &["-tls1_3"]);
    server.talk("before");
    for (round, command) in ["K\n", "k\n", "K\n"].into_iter().enumerate() {
        // It is taken before the line that our client writes after it.
        server.process.say(command);
        server.talk(&format!("after command {round}"));
        assert_eq!(server.key_updates.count(), round + 1);
    }
    for (round, request) in [true, false, true].into_iter().enumerate() {
        server.client.get_mut().connection_mut().update_keys(request).unwrap();
        server.talk(&format!("after our update {round}"));
    }
    assert_eq!(server.key_updates.count(), 3 + 2, "it answers the two requests");
    server.close();
}

#[test]
fn our_client_has_no_certificate_for_s_server() {
    if !openssl::is_here() {
        return;
    }
    let identity = Identity::p256();
    let provider = CryptoProvider::default;
    let mut server = TheirServer::start(&identity, provider(), &["-tls1_3", "-verify", "1"]);
    server.talk("words");
    server.close();

    let mut server = TheirServer::start(&identity, provider(), &["-tls1_3", "-Verify", "1"]);
    // The server refuses after our side of the handshake is complete.
    let error = server.client.read(&mut [0]).unwrap_err();
    let alert = AlertDescription::CERTIFICATE_REQUIRED;
    assert_eq!(tls_error(&error).kind(), &ErrorKind::AlertReceived(alert));
}

#[test]
fn our_client_says_that_the_version_is_why_an_s_server_of_tls_1_2_refuses() {
    if !openssl::is_here() {
        return;
    }
    let mut server = TheirServer::start(&Identity::p256(), CryptoProvider::default(), &["-tls1_2"]);
    let error = server.client.get_mut().handshake().unwrap_err();
    let error = tls_error(&error);
    assert_eq!(error.alert_received(), Some(AlertDescription::PROTOCOL_VERSION));
    assert!(error.to_string().contains("protocol_version"), "{error}");
}

type OurStream = BufReader<Stream<ServerConnection, TcpStream>>;

/// Our server for one connection, served by `serve` in a thread, and an `openssl s_client`.
fn with_their_client<T: Send + 'static>(
    provider: CryptoProvider,
    trusted: Option<&Identity>,
    arguments: &[&str],
    serve: impl FnOnce(OurStream, KeyUpdates) -> T + Send + 'static,
) -> (Process, JoinHandle<T>, Folder) {
    let identity = Identity::p256();
    let folder = Folder::new();
    let anchor = &trusted.unwrap_or(&identity).anchor;
    let anchor = folder.file("anchor.pem", pem_text("CERTIFICATE", anchor));
    let builder = ServerConfig::builder(provider).application_protocols(["test/1"]);
    let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let config = Arc::new(builder.build(Arc::new(list)).unwrap());
    let listener = Listener::new();
    let address = format!("127.0.0.1:{}", listener.port());
    let server = thread::spawn(move || {
        let key_updates = KeyUpdates::default();
        let connection = ServerConnection::with_options(config, key_updates.options());
        let stream = Stream::new(connection, listener.accept());
        serve(BufReader::new(stream), key_updates)
    });
    let first = ["s_client", "-connect", &address, "-CAfile", &anchor, "-servername", NAME];
    let checks = ["-verify_return_error", "-verify_hostname", NAME, "-alpn", "test/1"];
    let process = Process::start("openssl", &[&first[..], &checks, arguments].concat());
    (process, server, folder)
}

/// Returns each line that comes until the client closes, and closes too.
fn echo(mut stream: OurStream, key_updates: KeyUpdates) -> (ServerConnection, usize) {
    let mut line = String::new();
    while stream.read_line(&mut line).unwrap() > 0 {
        if line.starts_with("update") {
            stream.get_mut().connection_mut().update_keys(true).unwrap();
        }
        stream.get_mut().write_all(format!("back: {line}").as_bytes()).unwrap();
        line.clear();
    }
    stream.get_mut().close().unwrap();
    (stream.into_inner().into_parts().0, key_updates.count())
}

#[test]
fn s_client_talks_with_our_server_with_every_suite_and_group() {
    if !openssl::is_here() {
        return;
    }
    for (suite, group) in (0..3).flat_map(|suite| (0..3).map(move |group| (suite, group))) {
        let arguments = ["-tls1_3", "-ciphersuites", SUITES[suite], "-groups", GROUPS[group]];
        let (mut client, server, _folder) =
            with_their_client(CryptoProvider::default(), None, &arguments, echo);
        client.say("words\n");
        let output = client.wait_for("back: words\n");
        assert!(output.contains("Verification: OK"), "{output}");
        assert!(output.contains("Verified peername: server.example"), "{output}");
        assert!(output.contains("ALPN protocol: test/1"), "{output}");
        client.say("Q\n");
        assert!(client.wait_for_end().success());
        let (connection, _) = server.join().unwrap();
        let parameters = connection.parameters();
        assert_eq!(parameters.cipher_suite.unwrap().name(), Some(SUITES[suite]));
        assert_eq!(parameters.group, Some(GROUP_IDS[group]));
        assert_eq!(parameters.server_name.as_deref(), Some(NAME));
        assert!(!parameters.retried && connection.peer_has_closed());
    }
}

#[test]
fn s_client_follows_our_hello_retry_request() {
    if !openssl::is_here() {
        return;
    }
    for group in [1, 2] {
        let groups = format!("X25519:{}", GROUPS[group]);
        let (mut client, server, _folder) = with_their_client(
            narrow_provider(0, group),
            None,
            &["-tls1_3", "-groups", &groups],
            echo,
        );
        client.say("words\n");
        client.wait_for("back: words\n");
        client.say("Q\n");
        let parameters = server.join().unwrap().0.parameters().clone();
        assert!(parameters.retried);
        assert_eq!(parameters.group, Some(GROUP_IDS[group]));
    }
}

#[test]
fn s_client_and_our_server_update_keys() {
    if !openssl::is_here() {
        return;
    }
    let (mut client, server, _folder) =
        with_their_client(CryptoProvider::default(), None, &["-tls1_3"], echo);
    let mut updates = 0;
    for (round, command) in ["K\n", "k\n", "K\n"].into_iter().enumerate() {
        client.say(&format!("before {round}\n"));
        client.wait_for(&format!("back: before {round}\n"));
        client.say(command);
        updates += 1;
        // What is typed before a command was taken would be taken with it.
        client.wait_for_times("KEYUPDATE", updates);
        client.say(&format!("after {round}\n"));
        client.wait_for(&format!("back: after {round}\n"));
    }
    for round in 0..3 {
        client.say(&format!("update {round}\n"));
        client.wait_for(&format!("back: update {round}\n"));
        updates += 1;
    }
    client.say("last\n");
    client.wait_for("back: last\n");
    client.say("Q\n");
    assert_eq!(server.join().unwrap().1, updates);
}

#[test]
fn our_server_hears_why_s_client_refuses_it() {
    if !openssl::is_here() {
        return;
    }
    let handshake = |mut stream: OurStream, _| stream.get_mut().handshake().unwrap_err();
    let other = Identity::p256();
    let (mut client, server, _folder) =
        with_their_client(CryptoProvider::default(), Some(&other), &["-tls1_3"], handshake);
    let error = server.join().unwrap();
    assert_eq!(tls_error(&error).alert_received(), Some(AlertDescription::UNKNOWN_CA));
    assert!(!client.wait_for_end().success());
}

#[test]
fn our_server_says_that_the_version_is_why_it_refuses_an_s_client_of_tls_1_2() {
    if !openssl::is_here() {
        return;
    }
    let handshake = |mut stream: OurStream, _| stream.get_mut().handshake().unwrap_err();
    let (client, server, _folder) =
        with_their_client(CryptoProvider::default(), None, &["-tls1_2"], handshake);
    let error = server.join().unwrap();
    let error = tls_error(&error);
    assert!(matches!(error.kind(), ErrorKind::UnsupportedVersion { .. }), "{error}");
    assert_eq!(error.alert_sent(), Some(AlertDescription::PROTOCOL_VERSION));
    assert!(error.to_string().contains("does not offer TLS 1.3"), "{error}");
    assert!(error.to_string().contains("protocol_version"), "{error}");
    client.wait_for("protocol version");
}
