//! The ends that fail: ours, on sockets and in memory, and peers that say a few bytes.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::ops::DerefMut;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use handclasp::config::{ClientConfigBuilder, ServerConfigBuilder};
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::diagnosis::Diagnosis;
use handclasp::{
    CertifiedKey, ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection,
    Stream,
};
use handclasp_testing::der::pem_text;
use handclasp_testing::openssl;
use handclasp_testing::ports::free_tcp_port;
use handclasp_testing::process::{Folder, Listener, PATIENCE, Process, available, connect};
use handclasp_testing::{Identity, deliver_outgoing, server_name};

/// How long an end waits for a peer that is silent on purpose.
const SHORT: Duration = Duration::from_millis(200);

/// What a peer does after its bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    Closes,
    Resets,
    IsSilent,
}

pub fn provider() -> CryptoProvider {
    CryptoProvider::default()
}

pub fn client(trusted: &Identity) -> ClientConfigBuilder {
    ClientConfig::builder(provider()).trust(trusted.anchors()).unwrap()
}

pub fn server() -> ServerConfigBuilder {
    ServerConfig::builder(provider())
}

pub fn list(keys: Vec<CertifiedKey>) -> Arc<CertificateList> {
    Arc::new(CertificateList::new(keys.into_iter().map(Arc::new).collect()))
}

/// Runs this connection until it fails, and explains why.
pub fn fails<C: DerefMut<Target = Connection>>(
    connection: C,
    socket: TcpStream,
    patience: Duration,
) -> Diagnosis {
    socket.set_read_timeout(Some(patience)).unwrap();
    let mut stream = Stream::new(connection, socket);
    let error = fail(&mut stream).unwrap_err();
    stream.connection().diagnose(&error)
}

fn fail<C: DerefMut<Target = Connection>>(stream: &mut Stream<C, TcpStream>) -> io::Result<()> {
    stream.handshake()?;
    let mut data = [0; 1000];
    while stream.read(&mut data)? > 0 {}
    panic!("the connection ended well");
}

pub fn client_fails(config: ClientConfigBuilder, socket: TcpStream) -> Diagnosis {
    let connection = ClientConnection::new(config.build().unwrap().into(), server_name());
    fails(connection, socket, PATIENCE)
}

pub fn server_fails(config: ServerConfig, socket: TcpStream) -> Diagnosis {
    fails(ServerConnection::new(config.into()), socket, PATIENCE)
}

/// Our client, and a server that reads the ClientHello and says this.
pub fn client_hears(config: ClientConfigBuilder, bytes: &[u8], end: End) -> Diagnosis {
    let listener = Listener::new();
    let socket = connect(([127, 0, 0, 1], listener.port()).into());
    let peer = listener.accept();
    let connection = ClientConnection::new(config.build().unwrap().into(), server_name());
    if end == End::IsSilent {
        return hears_no_more(connection, socket, peer, bytes);
    }
    let peer = speaks(peer, bytes.to_vec(), end);
    let diagnosis = fails(connection, socket, PATIENCE);
    peer.join().unwrap();
    diagnosis
}

/// Our server, and a client that says this.
pub fn server_hears(config: ServerConfig, bytes: &[u8], end: End) -> Diagnosis {
    let listener = Listener::new();
    let mut peer = connect(([127, 0, 0, 1], listener.port()).into());
    let socket = listener.accept();
    let connection = ServerConnection::new(config.into());
    if end == End::IsSilent {
        return hears_no_more(connection, socket, peer, bytes);
    }
    peer.write_all(bytes).unwrap();
    let peer = thread::spawn(move || ends(peer, end));
    let diagnosis = fails(connection, socket, PATIENCE);
    peer.join().unwrap();
    diagnosis
}

/// The peer has said these bytes before this end reads, and is silent until this end has failed.
fn hears_no_more<C: DerefMut<Target = Connection>>(
    connection: C,
    socket: TcpStream,
    mut peer: TcpStream,
    bytes: &[u8],
) -> Diagnosis {
    peer.write_all(bytes).unwrap();
    let diagnosis = fails(connection, socket, SHORT);
    drop(peer);
    diagnosis
}

/// Reads something, says this, and ends.
fn speaks(mut socket: TcpStream, bytes: Vec<u8>, end: End) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        if end == End::Resets && bytes.is_empty() {
            return ends(socket, end);
        }
        let _ = socket.read(&mut [0; 8192]).unwrap();
        socket.write_all(&bytes).unwrap();
        ends(socket, end);
    })
}

fn ends(mut socket: TcpStream, end: End) {
    match end {
        End::Closes => {
            let _ = socket.shutdown(std::net::Shutdown::Write);
            let _ = socket.read_to_end(&mut Vec::new());
        }
        End::Resets => {
            // Something comes, and is not read: then closing resets the connection.
            socket.peek(&mut [0]).unwrap();
        }
        End::IsSilent => unreachable!("its socket stays open"),
    }
}

/// Both ends are ours, in memory. They say all that they have to say; the diagnoses of both.
pub struct Both {
    pub client: Option<Diagnosis>,
    pub server: Option<Diagnosis>,
}

pub fn both(client: ClientConfigBuilder, server: ServerConfig) -> Both {
    let client = ClientConnection::new(client.build().unwrap().into(), server_name());
    both_with(client, ServerConnection::new(server.into()))
}

pub fn both_with(mut client: ClientConnection, mut server: ServerConnection) -> Both {
    for _ in 0..6 {
        let _ = deliver_outgoing(&mut client, &mut server);
        let _ = deliver_outgoing(&mut server, &mut client);
    }
    let diagnosis = |connection: &Connection| connection.check().err().map(|it| it.diagnosis());
    Both { client: diagnosis(&client), server: diagnosis(&server) }
}

pub fn gnutls_is_here() -> bool {
    available("gnutls-serv", "--version", |version| version.contains("gnutls-serv 3."))
        && available("gnutls-cli", "--version", |version| version.contains("gnutls-cli 3."))
}

pub fn curl_is_here() -> bool {
    available("curl", "--version", |version| version.starts_with("curl "))
}

/// The files of an identity: its chain, its key and its authority.
pub struct Files {
    pub chain: String,
    pub key: String,
    pub authority: String,
    _folder: Folder,
}

impl Files {
    pub fn new(identity: &Identity) -> Self {
        let folder = Folder::new();
        let chain = identity.chain.iter().map(|it| pem_text("CERTIFICATE", it));
        Self {
            chain: folder.file("chain.pem", chain.collect::<String>()),
            key: folder.file("key.pem", pem_text("PRIVATE KEY", identity.key.secret_der())),
            authority: folder.file("ca.pem", pem_text("CERTIFICATE", &identity.anchor)),
            _folder: folder,
        }
    }
}

/// Our client with these options, and `openssl s_server` with these arguments. `@ca` is the authority of
/// the server's own identity.
pub fn client_of_openssl(
    config: ClientConfigBuilder,
    identity: &Identity,
    arguments: &[&str],
) -> Option<Diagnosis> {
    if !openssl::is_here() {
        return None;
    }
    let files = Files::new(identity);
    let mut all = Vec::new();
    if !arguments.contains(&"-nocert") && !arguments.contains(&"-cert") {
        all.extend(["-cert", &files.chain, "-key", &files.key]);
    }
    all.extend(arguments.iter().map(|it| if *it == "@ca" { files.authority.as_str() } else { it }));
    let (_process, address) = openssl::s_server(&all);
    Some(client_fails(config, connect(address)))
}

/// Our client, and `gnutls-serv` with these arguments.
pub fn client_of_gnutls(
    config: ClientConfigBuilder,
    identity: &Identity,
    arguments: &[&str],
) -> Option<Diagnosis> {
    if !gnutls_is_here() {
        return None;
    }
    let files = Files::new(identity);
    let port = free_tcp_port().to_string();
    let mut all = vec!["--echo", "--port", &port];
    all.extend(["--x509certfile", &files.chain, "--x509keyfile", &files.key]);
    all.extend(arguments.iter().map(|it| if *it == "@ca" { files.authority.as_str() } else { it }));
    let process = Process::start("gnutls-serv", &all);
    process.wait_for("Echo Server listening on IPv4");
    let address = format!("127.0.0.1:{port}").parse().unwrap();
    Some(client_fails(config, connect(address)))
}

/// Our server, and a program as its client. `@port`, `@address` and `@ca` are replaced by what they name; `@ca`
/// is the authority of `files`, and so are `@chain` and `@key`.
pub fn server_of_program(
    config: ServerConfig,
    files: &Files,
    program: &str,
    arguments: &[&str],
) -> Diagnosis {
    let listener = Listener::new();
    let port = listener.port().to_string();
    let address = format!("127.0.0.1:{port}");
    let url = format!("https://{}:{port}/", handclasp_testing::NAME);
    let resolve = format!("{}:{port}:127.0.0.1", handclasp_testing::NAME);
    let arguments = arguments.iter().map(|it| match *it {
        "@port" => port.as_str(),
        "@address" => address.as_str(),
        "@url" => url.as_str(),
        "@resolve" => resolve.as_str(),
        "@ca" => files.authority.as_str(),
        "@chain" => files.chain.as_str(),
        "@key" => files.key.as_str(),
        other => other,
    });
    let _process = Process::start(program, &arguments.collect::<Vec<_>>());
    server_fails(config, listener.accept())
}

pub fn server_of_openssl(
    config: ServerConfig,
    client: &Identity,
    arguments: &[&str],
) -> Option<Diagnosis> {
    if !openssl::is_here() {
        return None;
    }
    let name = handclasp_testing::NAME;
    let first = ["s_client", "-connect", "@address", "-servername", name];
    let arguments = [&first, arguments].concat();
    Some(server_of_program(config, &Files::new(client), "openssl", &arguments))
}
