//! Client certificates and raw public keys with the system's GnuTLS, in both roles.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use handclasp::config::ClientConfigBuilder;
use handclasp::credential::{CertificateList, CertifiedKey};
use handclasp::crypto::CryptoProvider;
use handclasp::verify::{
    ClientAuthentication, PeerVerifier, SpkiPin, SpkiPins, TrustAnchorVerifier,
};
use handclasp::{ClientConfig, ClientConnection, ServerConfig, ServerConnection, Stream};
use handclasp_testing::der::pem_text;
use handclasp_testing::ports::free_tcp_port;
use handclasp_testing::process::{Folder, Listener, Process, available, connect};
use handclasp_testing::{Identity, NAME, server_name};

const PRIORITY: &str = "NORMAL:-VERS-ALL:+VERS-TLS1.3";
const RAW_PRIORITY: &str =
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CTYPE-ALL:+CTYPE-CLI-RAWPK:+CTYPE-SRV-RAWPK";

fn gnutls_is_here() -> bool {
    available("gnutls-serv", "--version", |version| version.contains("gnutls-serv 3."))
        && available("gnutls-cli", "--version", |version| version.contains("gnutls-cli 3."))
}

fn raw(identity: &Identity) -> CertifiedKey {
    identity.certified_key().to_raw_public_key().unwrap()
}

fn list(key: CertifiedKey) -> Arc<CertificateList> {
    Arc::new(CertificateList::new(vec![Arc::new(key)]))
}

fn pinned(identity: &Identity) -> Arc<dyn PeerVerifier> {
    let pin = SpkiPin::of(&identity.chain[0]).unwrap();
    Arc::new(SpkiPins::raw_public_keys([pin]).unwrap())
}

fn authority(identity: &Identity) -> Arc<dyn PeerVerifier> {
    let signatures = CryptoProvider::default().signatures;
    Arc::new(TrustAnchorVerifier::for_clients(identity.anchors(), signatures))
}

/// The files of an identity, by the options that name them.
fn files(folder: &Folder, name: &str, identity: &Identity, raw_key: bool) -> Vec<String> {
    let key =
        folder.file(&format!("{name}-key.pem"), pem_text("PRIVATE KEY", identity.key.secret_der()));
    if raw_key {
        let public = raw(identity).chain()[0].to_vec();
        let public = folder.file(&format!("{name}-public.pem"), pem_text("PUBLIC KEY", &public));
        return vec!["--rawpkkeyfile".into(), key, "--rawpkfile".into(), public];
    }
    let chain = folder.file(&format!("{name}.pem"), pem_text("CERTIFICATE", &identity.chain[0]));
    vec!["--x509certfile".into(), chain, "--x509keyfile".into(), key]
}

type OurClient = BufReader<Stream<ClientConnection, TcpStream>>;

/// `gnutls-serv` that echoes, and our client's connection to it.
fn their_server(
    arguments: &[&str],
    files: &[String],
    builder: ClientConfigBuilder,
) -> (Process, OurClient) {
    // It cannot choose a port by itself.
    let port = free_tcp_port().to_string();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let first = ["--echo", "--port", &port];
    let process = Process::start("gnutls-serv", &[&first[..], &files, arguments].concat());
    process.wait_for("Echo Server listening on IPv4");
    let client = ClientConnection::new(Arc::new(builder.build().unwrap()), server_name());
    let socket = connect(format!("127.0.0.1:{port}").parse().unwrap());
    (process, BufReader::new(Stream::new(client, socket)))
}

/// A line that comes back.
fn echoed(client: &mut OurClient, words: &str) {
    client.get_mut().write_all(format!("{words}\n").as_bytes()).unwrap();
    let mut got = String::new();
    client.read_line(&mut got).unwrap();
    assert_eq!(got, format!("{words}\n"));
}

fn client_builder() -> ClientConfigBuilder {
    ClientConfig::builder(CryptoProvider::default())
}

#[test]
fn gnutls_serv_takes_our_clients_certificate_in_the_handshake_and_after_it() {
    if !gnutls_is_here() {
        return;
    }
    let (own, server, folder) = (Identity::p256(), Identity::p256(), Folder::new());
    let anchor = folder.file("clients.pem", pem_text("CERTIFICATE", &own.anchor));
    let files = files(&folder, "server", &server, false);
    for ask_later in [false, true] {
        let asks = match ask_later {
            true => &["--disable-client-cert"][..],
            false => &["--require-client-cert", "--verify-client-cert"],
        };
        let trust = ["--x509cafile", &anchor, "--priority", PRIORITY];
        let builder = client_builder()
            .trust(server.anchors())
            .unwrap()
            .post_handshake_authentication(true)
            .client_certificates(list(own.certified_key()));
        let (_process, mut client) = their_server(&[&trust, asks].concat(), &files, builder);
        echoed(&mut client, "before");
        let shown =
            |client: &OurClient| client.get_ref().connection().parameters().client_signature_scheme;
        assert_eq!(shown(&client).is_some(), !ask_later);
        if ask_later {
            client.get_mut().write_all(b"**REAUTH**\n").unwrap();
            client.get_mut().flush().unwrap();
            // The request comes before anything else that it says.
            while shown(&client).is_none() {
                client.get_mut().receive().unwrap().expect("it is not the end");
            }
            client.get_mut().flush().unwrap();
        }
    }
}

#[test]
fn our_client_and_gnutls_serv_know_each_other_by_raw_public_keys() {
    if !gnutls_is_here() {
        return;
    }
    let (own, server, folder) = (Identity::p256(), Identity::p256(), Folder::new());
    let files = files(&folder, "server", &server, true);
    let arguments = ["--require-client-cert", "--priority", RAW_PRIORITY];
    let builder = client_builder().verifier(pinned(&server)).client_certificates(list(raw(&own)));
    let (_process, mut client) = their_server(&arguments, &files, builder);
    echoed(&mut client, "words");
    let parameters = client.get_ref().connection().parameters();
    assert_eq!(parameters.raw_public_key.as_deref(), Some(&*raw(&server).chain()[0]));
    assert!(parameters.client_signature_scheme.is_some());
}

type OurServer = BufReader<Stream<ServerConnection, TcpStream>>;

/// Our server, and a `gnutls-cli`.
fn their_client(
    key: CertifiedKey,
    policy: ClientAuthentication,
    arguments: &[&str],
    files: &[String],
) -> (Process, JoinHandle<ServerConnection>) {
    let builder = ServerConfig::builder(CryptoProvider::default()).client_authentication(policy);
    let config = Arc::new(builder.build(list(key)).unwrap());
    let listener = Listener::new();
    let port = listener.port().to_string();
    let thread = thread::spawn(move || {
        let connection = ServerConnection::new(config);
        echo(BufReader::new(Stream::new(connection, listener.accept())))
    });
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let first = ["127.0.0.1", "--port", &port, "--sni-hostname", NAME, "--verify-hostname", NAME];
    let process = Process::start("gnutls-cli", &[&first[..], &files, arguments].concat());
    (process, thread)
}

/// Returns each line with whether the client is known; asks before where the line says so.
fn echo(mut stream: OurServer) -> ServerConnection {
    let mut line = String::new();
    // The client is killed in the end, and hangs up without a word.
    while matches!(stream.read_line(&mut line), Ok(1..)) {
        let connection = stream.get_mut().connection_mut();
        if line.starts_with("ask") {
            connection.request_client_certificate().unwrap();
        }
        let parameters = connection.parameters();
        let known = parameters.certificates.is_some() || parameters.raw_public_key.is_some();
        stream.get_mut().write_all(format!("{known}: {line}").as_bytes()).unwrap();
        line.clear();
    }
    stream.into_inner().into_parts().0
}

#[test]
fn our_server_takes_the_certificate_of_gnutls_cli_in_the_handshake_and_after_it() {
    if !gnutls_is_here() {
        return;
    }
    for own in [Identity::p256(), Identity::new(&rcgen::PKCS_ECDSA_P384_SHA384)] {
        let (server, folder) = (Identity::p256(), Folder::new());
        let anchor = folder.file("anchor.pem", pem_text("CERTIFICATE", &server.anchor));
        let files = files(&folder, "client", &own, false);
        let trust = ["--x509cafile", &anchor, "--priority", PRIORITY, "--post-handshake-auth"];
        let required = ClientAuthentication::required(authority(&own));
        let (mut client, thread) = their_client(server.certified_key(), required, &trust, &files);
        client.say("words\n");
        client.wait_for("true: words\n");
        drop(client);
        let connection = thread.join().unwrap();
        assert_eq!(connection.parameters().certificates.as_deref(), Some(&own.chain[..]));

        let later = ClientAuthentication::post_handshake(authority(&own));
        let (mut client, _thread) = their_client(server.certified_key(), later, &trust, &files);
        client.say("before\n");
        client.wait_for("false: before\n");
        client.say("ask\n");
        client.wait_for("false: ask\n");
        client.say("after\n");
        client.wait_for("true: after\n");
    }
}

#[test]
fn our_server_and_gnutls_cli_know_each_other_by_raw_public_keys() {
    if !gnutls_is_here() {
        return;
    }
    let (own, server, folder) = (Identity::p256(), Identity::p256(), Folder::new());
    let files = files(&folder, "client", &own, true);
    let arguments = ["--insecure", "--priority", RAW_PRIORITY];
    let policy = ClientAuthentication::required(pinned(&own));
    let (mut client, _thread) = their_client(raw(&server), policy, &arguments, &files);
    client.say("words\n");
    client.wait_for("true: words\n");
}
