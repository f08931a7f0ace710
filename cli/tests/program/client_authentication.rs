//! Certificates of clients, public keys alone, staples and several certificates, by the program's
//! options.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Output;
use std::sync::Arc;
use std::thread;

use crate::common::{Files, Server, handclasp, run_with_input, text};
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::pki_types::pem::PemObject;
use handclasp::pki_types::{CertificateDer, PrivateKeyDer};
use handclasp::verify::{ClientAuthentication, TrustAnchorVerifier};
use handclasp::{CertifiedKey, ServerConfig, ServerConnection, Stream, TrustAnchors};

/// Connects to the server with these arguments more, and says a line.
fn connect(server: &Server, files: &Files, arguments: &[&str]) -> Output {
    let mut command = handclasp(["connect", &server.address]);
    if !arguments.contains(&"--raw-public-key") {
        command.args(["--ca", &files.path("ca.pem")]);
    }
    command.args(arguments);
    run_with_input(command, b"words\r\n\r\n")
}

/// The options that show the one certificate there is, which is good for clients, too.
fn own(files: &Files) -> [String; 4] {
    let (cert, key) = (files.path("cert.pem"), files.path("key.pem"));
    ["--client-cert".into(), cert, "--client-key".into(), key]
}

fn as_strs(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

#[test]
fn a_server_that_requires_a_certificate_names_its_client() {
    let files = Files::new();
    let ca = files.path("ca.pem");
    let mut server = Server::start(&files, &["--client-ca", &ca]);
    let output = connect(&server, &files, &as_strs(&own(&files)));
    let printed = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{printed}");
    assert!(
        printed.contains("CertificateRequest") && printed.contains("authenticated"),
        "{printed}"
    );
    assert!(text(&output.stdout).contains("client"), "{}", text(&output.stdout));
    assert!(server.log_line_with("shook hands").contains("CN="));

    let output = connect(&server, &files, &[]);
    assert_eq!(output.status.code(), Some(1));
    let printed = text(&output.stderr);
    assert!(printed.contains("--client-cert FILE"), "{printed}");
    server.log_line_with("requires one");
}

#[test]
fn a_server_may_leave_it_to_the_client() {
    let files = Files::new();
    let ca = files.path("ca.pem");
    let server = Server::start(&files, &["--client-ca", &ca, "--client-auth", "optional"]);
    assert_eq!(connect(&server, &files, &[]).status.code(), Some(0));
    assert_eq!(connect(&server, &files, &as_strs(&own(&files))).status.code(), Some(0));
    let strangers = Files::new();
    let output = connect(&server, &files, &as_strs(&own(&strangers)));
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
}

#[test]
fn a_server_asks_after_the_handshake() {
    let files = Files::new();
    let ca = files.path("ca.pem");
    let mut server =
        Server::start(&files, &["--client-ca", &ca, "--client-auth", "post-handshake"]);
    let mut command = handclasp(["connect", &server.address, "--ca", &ca]);
    command.args(own(&files)).stdin(std::process::Stdio::piped());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null());
    // Its input stays open: what is closed answers no more.
    let mut client = command.spawn().unwrap();
    let line = server.log_line_with("certificate");
    assert!(line.contains("has shown its certificate: CN="), "{line}");
    std::io::Write::write_all(client.stdin.as_mut().unwrap(), b"words\r\n\r\n").unwrap();
    let output = client.wait_with_output().unwrap();
    assert!(text(&output.stdout).contains("client"), "{}", text(&output.stdout));

    assert_eq!(connect(&server, &files, &[]).status.code(), Some(0));
    let line = server.log_line_with("certificate");
    assert!(line.contains("was not asked for a certificate"), "{line}");
}

/// A server that may ask for a certificate after the handshake.
fn asking(files: &Files) -> ServerConnection {
    let chain = CertificateDer::pem_file_iter(files.path("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(files.path("key.pem")).unwrap();
    let key = CertifiedKey::from_der(chain.collect::<Result<_, _>>().unwrap(), &key).unwrap();
    let anchors = TrustAnchors::from_pem(files.read("ca.pem").as_bytes()).unwrap();
    let provider = CryptoProvider::default();
    let verifier = TrustAnchorVerifier::for_clients(anchors, provider.signatures.clone());
    let config = ServerConfig::builder(provider)
        .client_authentication(ClientAuthentication::post_handshake(Arc::new(verifier)))
        .build(Arc::new(CertificateList::new(vec![Arc::new(key)])));
    ServerConnection::new(Arc::new(config.unwrap()))
}

#[test]
fn a_request_at_the_end_of_the_input_is_answered_and_one_after_close_notify_is_ignored() {
    for answered in [true, false] {
        let files = Files::new();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let connection = asking(&files);
        let server = thread::spawn(move || {
            let mut stream = Stream::new(connection, listener.accept().unwrap().0);
            stream.handshake().unwrap();
            if !answered {
                // The client has closed its direction.
                assert_eq!(stream.read_to_end(&mut Vec::new()).unwrap(), 0);
            }
            stream.connection_mut().request_client_certificate().unwrap();
            while answered && stream.connection().open_certificate_requests() > 0 {
                assert_eq!(stream.receive().unwrap(), Some(0), "the client has nothing to say");
            }
            stream.write_all(b"words").unwrap();
            stream.close().unwrap();
            assert_eq!(stream.read_to_end(&mut Vec::new()).unwrap(), 0);
            stream.connection().parameters().certificates.is_some()
        });
        // The input is at its end from the start.
        let mut command = handclasp(["connect", &address, "--ca", &files.path("ca.pem")]);
        let output = command.args(own(&files)).output().unwrap();
        let printed = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{printed}");
        assert_eq!(text(&output.stdout), "words");
        assert_eq!(server.join().unwrap(), answered, "{printed}");
        let (_, after) = printed.split_once("CertificateRequest").expect(&printed);
        assert_eq!(after.contains("CertificateVerify"), answered, "{printed}");
        assert_eq!(after.contains("Finished"), answered, "{printed}");
    }
}

#[test]
fn a_public_key_alone_is_enough_where_both_sides_say_so() {
    let files = Files::new();
    let cert = files.path("cert.pem");
    let server = Server::start(&files, &["--raw-public-key"]);
    let output = connect(&server, &files, &["--raw-public-key", &cert]);
    let printed = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{printed}");
    assert!(printed.contains("raw public key"), "{printed}");
    let other = Files::new();
    let output = connect(&server, &files, &["--raw-public-key", &other.path("cert.pem")]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(connect(&server, &files, &[]).status.code(), Some(0), "certificates as ever");
    let server = Server::start(&files, &[]);
    let output = connect(&server, &files, &["--raw-public-key", &cert]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("unsupported_certificate"));
}

#[test]
fn an_ocsp_response_is_stapled_and_verified() {
    let files = Files::new();
    files.write("response.der", "0\u{3}\n\u{1}\u{6}");
    let response = files.path("response.der");
    let server = Server::start(&files, &["--ocsp", &response]);
    // It says that the responder did not answer, which is no good status.
    let output = connect(&server, &files, &[]);
    let printed = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(printed.contains("OCSP responder answered with an error: unauthorized"), "{printed}");
    files.write("response.der", "no DER");
    let (cert, key) = (files.path("cert.pem"), files.path("key.pem"));
    let output = handclasp(["serve", "--cert", &cert, "--key", &key, "--ocsp", &response]).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--ocsp"));
}

#[test]
fn each_of_several_certificates_serves_its_name() {
    let files = Files::new();
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["other.example".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    files.write("other.pem", &certificate.pem());
    files.write("other-key.pem", &key.serialize_pem());
    let (other, other_key) = (files.path("other.pem"), files.path("other-key.pem"));
    let server = Server::start(&files, &["--cert", &other, "--key", &other_key]);
    assert_eq!(connect(&server, &files, &["--name", "localhost"]).status.code(), Some(0));
    let mut command = handclasp(["connect", &server.address, "--ca", &other]);
    let output = command.args(["--name", "other.example"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));

    let (cert, key) = (files.path("cert.pem"), files.path("key.pem"));
    let mut command = handclasp(["serve", "--cert", &cert, "--key", &key, "--cert", &other]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--cert is there 2 times"));
}
