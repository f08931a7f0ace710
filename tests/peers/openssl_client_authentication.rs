//! Client certificates with the system's `openssl`, version 3, in both roles, in the handshake and
//! after it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use handclasp::alert::AlertDescription;
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::verify::{ClientAuthentication, PeerVerifier, TrustAnchorVerifier};
use handclasp::{
    ClientConfig, ClientConnection, Error, ErrorKind, ServerConfig, ServerConnection, Stream,
};
use handclasp_testing::der::pem_text;
use handclasp_testing::openssl;
use handclasp_testing::process::{Folder, Listener, Process, connect};
use handclasp_testing::{Identity, NAME, server_name};

/// Those whose keys openssl reads as they are written here.
const ALGORITHMS: [&rcgen::SignatureAlgorithm; 2] =
    [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384];

fn rsa_identity() -> Identity {
    let (pem, algorithm) = (include_str!("../data/rsa2048.pem"), &rcgen::PKCS_RSA_SHA256);
    Identity::with_key(rcgen::KeyPair::from_pem_and_sign_algo(pem, algorithm).unwrap())
}

fn identities() -> impl Iterator<Item = Identity> {
    ALGORITHMS.into_iter().map(Identity::new).chain([rsa_identity()])
}

/// Writes the certificate and the key, and returns the arguments that name them.
fn files(folder: &Folder, name: &str, identity: &Identity) -> [String; 4] {
    let certificate = pem_text("CERTIFICATE", &identity.chain[0]);
    let key = pem_text("PRIVATE KEY", identity.key.secret_der());
    let certificate = folder.file(&format!("{name}.pem"), certificate);
    let key = folder.file(&format!("{name}-key.pem"), key);
    ["-cert".into(), certificate, "-key".into(), key]
}

fn list(identity: &Identity) -> Arc<CertificateList> {
    Arc::new(CertificateList::new(vec![Arc::new(identity.certified_key())]))
}

type OurClient = BufReader<Stream<ClientConnection, TcpStream>>;

/// `openssl s_server` that trusts the authority of `own`, and our client's connection to it. The
/// client has the certificate of `shown`.
fn their_server(
    own: &Identity,
    shown: Option<&Identity>,
    arguments: &[&str],
) -> (Process, OurClient, Folder) {
    let (server, folder) = (Identity::p256(), Folder::new());
    let anchor = folder.file("clients.pem", pem_text("CERTIFICATE", &own.anchor));
    let files = files(&folder, "server", &server);
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let first = ["-tls1_3", "-CAfile", &anchor];
    let (process, address) = openssl::s_server(&[&first[..], &files, arguments].concat());
    let mut builder = ClientConfig::builder(CryptoProvider::default())
        .trust(server.anchors())
        .unwrap()
        .post_handshake_authentication(true);
    if let Some(shown) = shown {
        builder = builder.client_certificates(list(shown));
    }
    let config = Arc::new(builder.build().unwrap());
    let client = ClientConnection::new(config, server_name());
    let socket = connect(address);
    (process, BufReader::new(Stream::new(client, socket)), folder)
}

/// A line each way.
fn talk(process: &mut Process, client: &mut OurClient, words: &str) {
    client.get_mut().write_all(format!("our {words}\n").as_bytes()).unwrap();
    process.wait_for(&format!("our {words}\n"));
    process.say(&format!("their {words}\n"));
    let mut got = String::new();
    client.read_line(&mut got).unwrap();
    assert_eq!(got, format!("their {words}\n"));
}

#[test]
fn s_server_takes_our_clients_certificate_with_every_kind_of_key() {
    if !openssl::is_here() {
        return;
    }
    for own in identities().chain([Identity::new(&rcgen::PKCS_ED25519)]) {
        let arguments = ["-Verify", "1", "-verify_return_error"];
        let (mut process, mut client, _folder) = their_server(&own, Some(&own), &arguments);
        talk(&mut process, &mut client, "words");
        // One of them comes on stdout, the other on stderr.
        process.wait_for("Client certificate");
        process.wait_for("verify return:1");
        let parameters = client.get_ref().connection().parameters();
        assert!(parameters.client_signature_scheme.is_some());
    }
}

#[test]
fn s_server_refuses_our_client_by_the_alert_that_says_why() {
    if !openssl::is_here() {
        return;
    }
    let (own, other) = (Identity::p256(), Identity::p256());
    for (shown, alert) in [
        (None, AlertDescription::CERTIFICATE_REQUIRED),
        (Some(&other), AlertDescription::UNKNOWN_CA),
    ] {
        let arguments = ["-Verify", "1", "-verify_return_error"];
        let (_process, mut client, _folder) = their_server(&own, shown, &arguments);
        let error = client.read(&mut [0]).unwrap_err();
        let error: &Error = error.get_ref().unwrap().downcast_ref().unwrap();
        assert_eq!(error.kind(), &ErrorKind::AlertReceived(alert));
    }
}

#[test]
fn s_server_asks_our_client_after_the_handshake() {
    if !openssl::is_here() {
        return;
    }
    for own in identities() {
        let (mut process, mut client, _folder) = their_server(&own, Some(&own), &[]);
        talk(&mut process, &mut client, "before");
        for round in 1..=2 {
            process.say("c\n");
            // The client answers while it reads, and its next line comes after that.
            talk(&mut process, &mut client, &format!("asked {round}"));
            process.wait_for_times("depth=0", round);
            talk(&mut process, &mut client, &format!("after {round}"));
        }
        let output = process.wait_for("verify return:1");
        assert!(!output.contains("verify error"), "{output}");
    }
}

type OurServer = BufReader<Stream<ServerConnection, TcpStream>>;

/// Our server, and an `openssl s_client` with the certificate of `shown`.
fn their_client<T: Send + 'static>(
    policy: ClientAuthentication,
    shown: Option<&Identity>,
    arguments: &[&str],
    serve: impl FnOnce(OurServer) -> T + Send + 'static,
) -> (Process, JoinHandle<T>, Folder) {
    let (server, folder) = (Identity::p256(), Folder::new());
    let anchor = folder.file("anchor.pem", pem_text("CERTIFICATE", &server.anchor));
    let builder = ServerConfig::builder(CryptoProvider::default()).client_authentication(policy);
    let config = Arc::new(builder.build(list(&server)).unwrap());
    let listener = Listener::new();
    let address = format!("127.0.0.1:{}", listener.port());
    let thread = thread::spawn(move || {
        let connection = ServerConnection::new(config);
        serve(BufReader::new(Stream::new(connection, listener.accept())))
    });
    let files = shown.map(|shown| files(&folder, "client", shown));
    let files: Vec<&str> = files.iter().flatten().map(String::as_str).collect();
    let first = ["s_client", "-connect", &address, "-CAfile", &anchor, "-servername", NAME];
    let process = Process::start("openssl", &[&first[..], &files, arguments].concat());
    (process, thread, folder)
}

fn verifier(own: &Identity) -> Arc<dyn PeerVerifier> {
    let signatures = CryptoProvider::default().signatures;
    Arc::new(TrustAnchorVerifier::for_clients(own.anchors(), signatures))
}

/// Returns each line; asks for a certificate before where the line says so.
fn echo(mut stream: OurServer) -> ServerConnection {
    let mut line = String::new();
    while stream.read_line(&mut line).unwrap() > 0 {
        let connection = stream.get_mut().connection_mut();
        if line.starts_with("ask") {
            connection.request_client_certificate().unwrap();
        }
        let shown = connection.parameters().certificates.is_some();
        stream.get_mut().write_all(format!("{shown}: {line}").as_bytes()).unwrap();
        line.clear();
    }
    stream.get_mut().close().unwrap();
    stream.into_inner().into_parts().0
}

#[test]
fn our_server_takes_the_certificate_of_s_client_with_every_kind_of_key() {
    if !openssl::is_here() {
        return;
    }
    for own in identities() {
        let anchors = own.anchors();
        let policy = ClientAuthentication::required(verifier(&own)).authorities(anchors.subjects());
        let (mut client, server, _folder) = their_client(policy, Some(&own), &["-tls1_3"], echo);
        client.say("words\n");
        let output = client.wait_for("true: words\n");
        assert!(output.contains("Acceptable client certificate CA names"), "{output}");
        client.say("Q\n");
        assert!(client.wait_for_end().success());
        let connection = server.join().unwrap();
        assert_eq!(connection.parameters().certificates.as_deref(), Some(&own.chain[..]));
    }
}

#[test]
fn s_client_hears_that_our_server_requires_a_certificate() {
    if !openssl::is_here() {
        return;
    }
    let own = Identity::p256();
    let policy = ClientAuthentication::required(verifier(&own));
    let handshake = |mut stream: OurServer| stream.get_mut().handshake().unwrap_err();
    let (client, server, _folder) = their_client(policy, None, &["-tls1_3"], handshake);
    let error = server.join().unwrap();
    let error: &Error = error.get_ref().unwrap().downcast_ref().unwrap();
    assert_eq!(error.kind(), &ErrorKind::CertificateRequired);
    client.wait_for("certificate required");
}

#[test]
fn our_server_asks_s_client_after_the_handshake() {
    if !openssl::is_here() {
        return;
    }
    for own in identities() {
        let policy = ClientAuthentication::post_handshake(verifier(&own));
        let arguments = ["-tls1_3", "-enable_pha"];
        let (mut client, server, _folder) = their_client(policy, Some(&own), &arguments, echo);
        client.say("before\n");
        client.wait_for("false: before\n");
        client.say("ask\n");
        client.wait_for("false: ask\n");
        client.say("after\n");
        client.wait_for("true: after\n");
        client.say("ask again\n");
        client.wait_for("true: ask again\n");
        client.say("last\n");
        client.wait_for("true: last\n");
        client.say("Q\n");
        let connection = server.join().unwrap();
        assert_eq!(connection.open_certificate_requests(), 0);
        assert_eq!(connection.parameters().certificates.as_deref(), Some(&own.chain[..]));
    }
}

#[test]
fn our_server_cannot_ask_an_s_client_that_did_not_offer_it() {
    if !openssl::is_here() {
        return;
    }
    let own = Identity::p256();
    let policy = ClientAuthentication::post_handshake(verifier(&own));
    let ask = |mut stream: OurServer| {
        stream.get_mut().handshake().unwrap();
        stream.get_mut().connection_mut().request_client_certificate().unwrap_err()
    };
    let (_client, server, _folder) = their_client(policy, Some(&own), &["-tls1_3"], ask);
    assert!(matches!(server.join().unwrap().kind(), ErrorKind::Misuse(_)));
}
