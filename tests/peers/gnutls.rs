//! GnuTLS's programs as peers, in both roles: record sizes, pre-shared keys, changes of keys and
//! the channel binding.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};

use handclasp::alert::AlertDescription;
use handclasp::connection::Options;
use handclasp::cookie::HmacCookies;
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::key_schedule::PskKind;
use handclasp::observer::{Event, Observer};
use handclasp::psk::{PreSharedKey, PskList};
use handclasp::registry::{ContentType, HandshakeType};
use handclasp::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, Stream};
use handclasp_testing::der::pem_text;
use handclasp_testing::ports::free_tcp_port;
use handclasp_testing::process::{Folder, Listener, Process, available, connect};
use handclasp_testing::{Identity, NAME, server_name};

const IDENTITY: &str = "device-7";
const SECRET: [u8; 16] = *b"\x5c\x91\x02\xe7 16 bytes \xfe\xdc";

/// Only keys that are shared, and only TLS 1.3.
const WITH_PSK: &str = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+PSK:+ECDHE-PSK";

fn gnutls_is_here() -> bool {
    ["gnutls-cli", "gnutls-serv"]
        .iter()
        .all(|program| available(program, "--version", |version| version.contains(" 3.")))
}

fn key() -> PreSharedKey {
    PreSharedKey::external(IDENTITY.as_bytes(), &SECRET).unwrap()
}

/// The lengths of protected records, with what is around them, and how many KeyUpdates came.
#[derive(Clone, Default)]
struct Watch(Arc<Mutex<Watched>>);

#[derive(Default)]
struct Watched {
    protected: bool,
    longest_sent: usize,
    longest_received: usize,
    key_updates: usize,
}

impl Observer for Watch {
    fn event(&mut self, event: &Event<'_>) {
        let mut watched = self.0.lock().unwrap();
        match event {
            Event::RecordSent(record) if record.content_type == ContentType::APPLICATION_DATA => {
                watched.longest_sent = watched.longest_sent.max(record.length);
            }
            Event::RecordReceived(record) if watched.protected => {
                watched.longest_received = watched.longest_received.max(record.length);
            }
            Event::HandshakeComplete(_) => watched.protected = true,
            Event::MessageReceived(_, message) if message.kind == HandshakeType::KEY_UPDATE => {
                watched.key_updates += 1;
            }
            _ => {}
        }
    }
}

impl Watch {
    fn options(&self) -> Options {
        let mut options = Options::default();
        options.observer = Some(Box::new(self.clone()));
        options
    }

    fn look<T>(&self, look: impl FnOnce(&Watched) -> T) -> T {
        look(&self.0.lock().unwrap())
    }
}

/// Starts `gnutls-serv` as an echo on a free port.
fn server(arguments: &[&str]) -> (Process, u16) {
    let port = free_tcp_port();
    let words = port.to_string();
    let process = Process::start("gnutls-serv", &[&["--echo", "-p", &words], arguments].concat());
    process.wait_for(&format!("port {port}...done"));
    (process, port)
}

type Client = Stream<ClientConnection, std::net::TcpStream>;

fn client(config: ClientConfig, watch: &Watch, port: u16) -> Client {
    let client = ClientConnection::with_options(config.into(), server_name(), watch.options());
    Stream::new(client, connect(format!("127.0.0.1:{port}").parse().unwrap()))
}

/// A line there and back.
fn echo(stream: &mut Client, line: &[u8]) {
    stream.write_all(line).unwrap();
    let mut back = vec![0; line.len()];
    stream.read_exact(&mut back).unwrap();
    assert!(back == line, "{}", String::from_utf8_lossy(&back));
}

fn files(identity: &Identity, folder: &Folder) -> [String; 2] {
    [
        folder.file("chain.pem", pem_text("CERTIFICATE", &identity.chain[0])),
        folder.file("key.pem", pem_text("PRIVATE KEY", identity.key.secret_der())),
    ]
}

#[test]
fn gnutls_serv_and_our_client_keep_to_each_others_record_sizes_and_agree_on_the_binding() {
    if !gnutls_is_here() {
        return;
    }
    let (identity, folder) = (Identity::p256(), Folder::new());
    let [chain, key] = files(&identity, &folder);
    // Below 512 GnuTLS takes no limit.
    let files = ["--x509certfile", &chain, "--x509keyfile", &key];
    let (process, port) = server(&[&files[..], &["--recordsize", "600"]].concat());
    let config = ClientConfig::builder(CryptoProvider::default()).record_size_limit(Some(520));
    let config = config.trust(identity.anchors()).unwrap().build().unwrap();
    let watch = Watch::default();
    let mut stream = client(config, &watch, port);
    let mut line = vec![b'x'; 2000];
    line.push(b'\n');
    stream.handshake().unwrap();
    let limit = stream.connection().parameters().record_size_limit.unwrap();
    assert!((600..=601).contains(&limit), "{limit}");
    echo(&mut stream, &line);
    stream.connection_mut().update_keys(true).unwrap();
    echo(&mut stream, &line);
    let overhead = 5 + 16;
    assert_eq!(watch.look(|watched| watched.longest_sent), usize::from(limit) + overhead);
    let received = watch.look(|watched| watched.longest_received);
    assert_eq!(received, 520 + overhead);
    assert_eq!(watch.look(|watched| watched.key_updates), 1, "as it was asked to");
    let binding = hex::encode(stream.connection().tls_exporter().unwrap());
    process.wait_for(&binding);
    stream.close().unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "its close_notify");
}

#[test]
fn our_client_shares_a_key_with_gnutls_serv() {
    if !gnutls_is_here() {
        return;
    }
    let folder = Folder::new();
    let keys = folder.file("keys.txt", format!("{IDENTITY}:{}\n", hex::encode(SECRET)));
    let (process, port) = server(&["--pskpasswd", &keys, "--priority", WITH_PSK]);
    let config = ClientConfig::builder(CryptoProvider::default()).pre_shared_keys(vec![key()]);
    let config = config.trust(Identity::p256().anchors()).unwrap().build().unwrap();
    let mut stream = client(config, &Watch::default(), port);
    echo(&mut stream, b"our words\n");
    process.wait_for("Connected as 'device-7'");
    let used = stream.connection().parameters().pre_shared_key;
    assert_eq!(used, Some(PskKind::External));
    stream.close().unwrap();
}

/// Starts `gnutls-cli` against a server of ours.
fn serve(config: ServerConfig, watch: &Watch, arguments: &[&str]) -> (Process, Server) {
    let listener = Listener::new();
    let port = listener.port().to_string();
    let address = ["-p", &port, "127.0.0.1"];
    let process = Process::start("gnutls-cli", &[arguments, &address].concat());
    let server = ServerConnection::with_options(Arc::new(config), watch.options());
    let mut stream = Stream::new(server, listener.accept());
    if let Err(error) = stream.handshake() {
        panic!("{error}:\n{}", process.wait_for(""));
    }
    (process, stream)
}

type Server = Stream<ServerConnection, std::net::TcpStream>;

/// Reads until these words were read.
fn read_until(stream: &mut Server, words: &str) {
    let (mut read, mut buffer) = (String::new(), [0; 1000]);
    while !read.contains(words) {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "{words:?} is not in {read:?}");
        read += &String::from_utf8_lossy(&buffer[..count]);
    }
}

#[test]
fn gnutls_cli_and_our_server_keep_to_each_others_record_sizes_and_change_keys() {
    if !gnutls_is_here() {
        return;
    }
    let (identity, folder) = (Identity::p256(), Folder::new());
    let authority = folder.file("ca.pem", pem_text("CERTIFICATE", &identity.anchor));
    let config = ServerConfig::builder(CryptoProvider::default()).record_size_limit(Some(520));
    let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let config = config.build(Arc::new(list)).unwrap();
    let name = ["--sni-hostname", NAME, "--verify-hostname", NAME, "--x509cafile", &authority];
    let watch = Watch::default();
    let more = ["--recordsize", "600", "--inline-commands"];
    let (mut process, mut stream) = serve(config, &watch, &[&name[..], &more].concat());
    process.wait_for("Handshake was completed");
    let limit = stream.connection().parameters().record_size_limit.unwrap();
    assert!((600..=601).contains(&limit), "{limit}");
    // Ours to it, with its own change of keys and one that it asks of us.
    let line = format!("{}\n", "y".repeat(1500));
    for (number, command) in ["^rekey^\n", "^rekey1^\n"].into_iter().enumerate() {
        process.say(command);
        process.wait_for_times("Rekey was completed", number + 1);
        process.say(&format!("words {number}\n"));
        read_until(&mut stream, &format!("words {number}"));
        stream.write_all(line.as_bytes()).unwrap();
        process.wait_for_times(line.trim_end(), number + 1);
    }
    assert_eq!(watch.look(|watched| watched.key_updates), 2);
    let overhead = 5 + 16;
    assert_eq!(watch.look(|watched| watched.longest_sent), usize::from(limit) + overhead);
    // It sends as much of the line as one record of ours can hold, and leaves the rest.
    process.say(&format!("{}\n", "z".repeat(2000)));
    read_until(&mut stream, &"z".repeat(519));
    assert_eq!(watch.look(|watched| watched.longest_received), 520 + overhead);
}

#[test]
fn our_server_shares_a_key_with_gnutls_cli() {
    if !gnutls_is_here() {
        return;
    }
    let identity = Identity::p256();
    let keys = Arc::new(PskList::new(vec![key()]));
    let config = ServerConfig::builder(CryptoProvider::default()).pre_shared_keys(keys);
    let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let config = config.build(Arc::new(list)).unwrap();
    let secret = hex::encode(SECRET);
    let arguments = ["--pskusername", IDENTITY, "--pskkey", &secret, "--priority", WITH_PSK];
    let (process, mut stream) = serve(config, &Watch::default(), &arguments);
    stream.write_all(b"our words\n").unwrap();
    process.wait_for("our words");
    assert_eq!(stream.connection().parameters().pre_shared_key, Some(PskKind::External));
}

/// What GnuTLS's client says to a server with cookies, which retries always or only for a share.
fn retried(always: bool) -> Result<bool, handclasp::Error> {
    let (identity, folder) = (Identity::p256(), Folder::new());
    let authority = folder.file("ca.pem", pem_text("CERTIFICATE", &identity.anchor));
    let cookies = HmacCookies::random(&*CryptoProvider::default().random).unwrap();
    let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    // Its shares are for other groups than P-384.
    let provider =
        if always { CryptoProvider::default() } else { handclasp_testing::narrow_provider(0, 2) };
    let config = ServerConfig::builder(provider)
        .cookies(Arc::new(cookies))
        .always_retry(always)
        .build(Arc::new(list))
        .unwrap();
    let listener = Listener::new();
    let port = listener.port().to_string();
    let name = ["--sni-hostname", NAME, "--verify-hostname", NAME, "--x509cafile", &authority];
    let address = ["-p", &port, "127.0.0.1"];
    let _process = Process::start("gnutls-cli", &[&name[..], &address].concat());
    let server = ServerConnection::new(Arc::new(config));
    let mut stream = Stream::new(server, listener.accept());
    match stream.handshake() {
        Ok(()) => Ok(stream.connection().parameters().retried),
        Err(error) => Err(handclasp::Error::from_io(&error).unwrap().clone()),
    }
}

#[test]
fn gnutls_cli_takes_a_cookie_with_another_group_and_none_alone() {
    if !gnutls_is_here() {
        return;
    }
    assert_eq!(retried(false), Ok(true));
    // As `always_retry` says. A GnuTLS that takes it makes this fail: then change those words.
    let error = retried(true).unwrap_err();
    assert_eq!(error.alert_received(), Some(AlertDescription::ILLEGAL_PARAMETER));
}
