//! What a person reads when a connection fails: a table of kinds, each made with a peer that fails
//! so, with the words that help and those that would be false.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use crate::common::{Files, Server, handclasp, text};
use handclasp::crypto::CryptoProvider;
use handclasp::pki_types::ServerName;
use handclasp::{ClientConfig, ClientConnection, TrustAnchors};

/// How a peer fails.
enum Peer {
    /// It reads what comes first, says this and hangs up.
    Says(Vec<u8>),
    /// It hangs up with bytes unread, which resets the connection.
    Resets,
}

fn alert(number: u8) -> Peer {
    Peer::Says(vec![21, 3, 3, 0, 2, 2, number])
}

fn says(words: &str) -> Peer {
    Peer::Says(words.as_bytes().to_vec())
}

/// What `connect` says of a server that fails so.
fn client_of(peer: Peer, files: &Files, arguments: &[&str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        match peer {
            Peer::Says(bytes) => {
                let mut all = [0; 4096];
                let _ = socket.read(&mut all).unwrap();
                socket.write_all(&bytes).unwrap();
                // The client may have closed already.
                let _ = socket.shutdown(std::net::Shutdown::Write);
                let _ = socket.read(&mut all);
            }
            Peer::Resets => {
                // The ClientHello is not read: then closing resets the connection.
                socket.peek(&mut [0]).unwrap();
            }
        }
    });
    let address = format!("localhost:{port}");
    let mut command = handclasp(["connect", &address, "--ca", &files.path("ca.pem")]);
    let output = command.args(arguments).output().unwrap();
    server.join().unwrap();
    let printed = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    printed
}

/// The lines that begin with `error:` and with `help:`.
fn error_and_help(printed: &str) -> String {
    let lines = printed.lines().skip_while(|line| !line.starts_with("error:"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn alerts_of_a_server_are_explained_by_what_this_side_offered() {
    let files = Files::new();
    const KEY: &str = "alice:000102030405060708090a0b0c0d0e0ff1d2c3b4a5968778695a4b3c2d1e0f00";
    let psk = ["--psk", KEY];
    let (cert, key) = (files.path("cert.pem"), files.path("key.pem"));
    let own = ["--client-cert", &cert, "--client-key", &key];
    let none: [&str; 0] = [];
    let no_certificate = "has shown no certificate";
    for (number, arguments, words) in [
        (
            40,
            &none[..],
            &[
                "usually the two sides have no suite",
                "speak TLS 1.2 at most",
                "TLS_AES_128_GCM_SHA256",
            ][..],
        ),
        (40, &psk, &["may not know the pre-shared key", "pre-shared keys [alice]"]),
        (49, &none, &["server name \"localhost\"", "some servers say this"]),
        (80, &none, &["server name \"localhost\"", "some servers say this"]),
        (80, &psk, &["pre-shared keys [alice]", "do not know the pre-shared key"]),
        (42, &none, &[no_certificate]),
        (45, &own, &[no_certificate]),
        (48, &own, &[no_certificate]),
        (51, &psk, &["another pre-shared key under the same identity", "[alice]"]),
        (47, &psk, &["another pre-shared key under the same identity", "[alice]"]),
        (115, &psk, &["pre-shared keys [alice]", "--psk"]),
        (70, &none, &["TLS 1.3 only"]),
        (112, &none, &["server name \"localhost\"", "--name"]),
        (116, &none, &["--client-cert FILE"]),
        (116, &own, &["none that fits what the server asks for"]),
        (50, &none, &["offer less", "(--groups x25519)"]),
        (120, &["--alpn", "h2"], &["application protocols [h2]", "--alpn"]),
    ] {
        let printed = client_of(alert(number), &files, arguments);
        let end = error_and_help(&printed);
        for words in words {
            assert!(end.contains(words), "{number} {arguments:?} {words}: {end}");
        }
        // The meaning of the alert is printed once, in the explanation of the handshake.
        assert!(printed.contains("usually it means that"), "{printed}");
        let secret = KEY.rsplit(':').next().unwrap();
        assert!(!printed.contains(&secret[..16]), "{printed}");
        for false_words in ["knows who asks", "help: the two sides", "not this side's fault"] {
            assert!(!printed.contains(false_words), "{printed}");
        }
    }
}

#[test]
fn a_server_says_what_it_does_not_take_and_why() {
    const KEY: &str = "alice:000102030405060708090a0b0c0d0e0ff1d2c3b4a5968778695a4b3c2d1e0f00";
    let files = Files::new();
    let (ca, session) = (files.path("ca.pem"), files.path("session"));
    let connect = |address: &str, arguments: &[&str]| {
        let mut command = handclasp(["connect", address, "--ca", &ca]);
        text(&command.args(arguments).output().unwrap().stderr)
    };
    // A ticket of the second in which the server started. A busy machine may be too slow for that.
    files.write("early", "GET / HTTP/1.0\r\n\r\n");
    let early = files.path("early");
    let rejected = |_| {
        let server = Server::start(&files, &["--psk", KEY, "--early-data", "1000"]);
        connect(&server.address, &["--session", &session]);
        let printed = connect(&server.address, &["--session", &session, "--early-data", &early]);
        printed.contains("did not take the early data: the server does not say why, though it took the session").then_some(server)
    };
    let mut server = (0..20).find_map(rejected).expect("early data are rejected");
    let line = server.log_line_with("did not take the early data");
    assert!(line.contains("of that very second"), "{line}");
    // Another secret under the same identity.
    let wrong = KEY.replace(":00", ":10");
    let printed = connect(&server.address, &["--psk", &wrong]);
    assert!(error_and_help(&printed).contains("another pre-shared key"), "{printed}");
    let line = server.log_line_with("failed");
    assert!(line.contains("proof (binder) for the pre-shared key \"alice\" is wrong"), "{line}");
    assert!(line.contains("the same secret") && !line.contains("d2c3b4a5"), "{line}");
    // An identity that the server does not have.
    let printed = connect(&server.address, &["--psk", &KEY.replace("alice", "bob")]);
    assert!(printed.contains("the server did not take any of the pre-shared keys"), "{printed}");
    let line = server.log_line_with("did not take");
    assert!(line.contains("has an identity that it knows"), "{line}");
    // A ticket of another server.
    let mut other = Server::start(&files, &["--early-data", "1000"]);
    let printed = connect(&other.address, &["--session", &session, "--early-data", &early]);
    assert!(
        printed.contains(
            "did not take the early data: the session or key that protects them was not taken"
        ),
        "{printed}"
    );
    let line = other.log_line_with("did not take any of the pre-shared keys and tickets");
    assert!(line.contains("another server's, or of before it was started"), "{line}");
    other.log_line_with("did not take the early data: no session or key was taken");
}

/// A client of the library that trusts the authority in the files, and has its ClientHello ready.
fn client_that_trusts(files: &Files, provider: CryptoProvider) -> ClientConnection {
    let anchors = TrustAnchors::from_pem(files.read("ca.pem").as_bytes()).unwrap();
    let config = ClientConfig::builder(provider).trust(anchors).unwrap().build().unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    ClientConnection::new(config.into(), name)
}

#[test]
fn a_server_names_both_lists_where_nothing_is_in_common() {
    let files = Files::new();
    let mut server = Server::start(&files, &[]);
    let mut provider = CryptoProvider::default();
    provider.signatures.by_scheme.retain(|row| row.scheme.to_string() == "ed25519");
    let client = client_that_trusts(&files, provider);
    let line = server_of(&mut server, client.outgoing());
    assert!(line.contains("ed25519], this side takes [ecdsa_secp256r1_sha256]"), "{line}");
    assert!(line.contains("a certificate with a key of a kind that the peer takes"), "{line}");
}

#[test]
fn a_quiet_client_hears_what_the_alert_is_for() {
    let files = Files::new();
    let printed = client_of(alert(50), &files, &["--quiet"]);
    assert!(printed.contains("usually it means that a message could not be parsed"), "{printed}");
}

#[test]
fn other_protocols_at_the_port_are_named_to_a_client_with_what_to_do() {
    let files = Files::new();
    for (line, protocol, help) in [
        ("HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP without TLS", "https://"),
        ("SSH-2.0-OpenSSH_9.6\r\n", "SSH", "right port"),
        ("220 mail.example ESMTP ready\r\n", "SMTP without TLS", "port 465"),
        ("220 mail.example ESMTP ready\r\n", "SMTP without TLS", "--starttls smtp"),
        ("* OK IMAP4rev1 ready\r\n", "IMAP without TLS", "port 993"),
        ("* OK IMAP4rev1 ready\r\n", "IMAP without TLS", "--starttls imap"),
        ("+OK ready\r\n", "POP3 without TLS", "port 995"),
        ("220 (vsFTPd 3.0.5)\r\n", "FTP without TLS", "AUTH TLS"),
        ("-NOAUTH Authentication required.\r\n", "Redis without TLS", "right port"),
        ("what do you want?\n", "a protocol of plain text", "right port"),
    ] {
        let end = error_and_help(&client_of(says(line), &files, &[]));
        let begins = line.lines().next().unwrap();
        assert!(end.contains(&format!("{protocol}; it begins \"{begins}\"")), "{end}");
        let mut hints = end.lines().filter(|line| line.trim_start().starts_with("help:"));
        assert!(hints.any(|hint| hint.contains(help)), "{end}");
    }
}

#[test]
fn ends_and_resets_within_the_handshake_say_what_was_awaited() {
    let files = Files::new();
    for (peer, words) in [
        (
            says(""),
            "the peer closed it without an alert; this side was waiting for the server's first message",
        ),
        (
            Peer::Resets,
            "(reset) during the handshake; this side was waiting for the server's first message",
        ),
    ] {
        let end = error_and_help(&client_of(peer, &files, &[]));
        assert!(end.contains(words), "{end}");
        assert!(
            end.contains("cause: the peer may not speak TLS 1.3, or not at this port"),
            "{end}"
        );
    }
}

/// The server's line about a client that says this and hangs up.
fn server_of(server: &mut Server, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(&server.address).unwrap();
    socket.write_all(bytes).unwrap();
    socket.shutdown(std::net::Shutdown::Write).unwrap();
    let _ = socket.read_to_end(&mut Vec::new());
    server.log_line_with("failed")
}

/// That a certificate is self-issued is no fault where it is trusted itself.
#[test]
fn a_server_says_first_that_its_name_is_wrong() {
    let files = Files::new();
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    files.write("cert.pem", &certificate.pem());
    files.write("key.pem", &key.serialize_pem());
    let mut server = Server::start(&files, &[]);
    let ca = files.path("cert.pem");
    let mut refuse = |name: &str| {
        let output = handclasp(["connect", &server.address, "--ca", &ca, "--name", name]).output();
        assert_eq!(output.unwrap().status.code(), Some(1));
        server.log_line_with("failed")
    };
    let line = refuse("a.example");
    assert!(line.contains("\"a.example\", and this side's certificate is not for"), "{line}");
    assert!(!line.contains("self-issued"), "{line}");
    // An address is not in the ClientHello, so this side cannot compare it.
    let line = refuse("127.0.0.2");
    let (name, issuer) = (line.find("usually the name does not fit"), line.find("self-issued"));
    assert!(name.is_some() && issuer.is_some() && name < issuer, "{line}");
}

#[test]
fn a_server_explains_failures_of_its_clients_and_not_as_a_client() {
    let files = Files::new();
    let mut server = Server::start(&files, &[]);
    for (bytes, words) in [
        (&b""[..], &["this side was waiting for the ClientHello", "load balancers"][..]),
        (
            b"GET / HTTP/1.1\r\n\r\n",
            &["HTTP without TLS; it begins \"GET / HTTP/1.1\"", "https://"],
        ),
        (b"EHLO client.example\r\n", &["SMTP without TLS", "TLS from its first byte"]),
        (
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
            &["PROXY protocol", "turn the PROXY header off"],
        ),
        (b"\0\0\0\x08\x04\xd2\x16\x2f", &["PostgreSQL", "TLS at once"]),
        (&[0x80, 0x2e, 1, 3, 1, 0], &["SSL 2.0", "TLS 1.3 only"]),
        (
            &[21, 3, 3, 0, 2, 2, 48],
            &["unknown_ca", "has shown no certificate, so the client means something else"],
        ),
    ] {
        let line = server_of(&mut server, bytes);
        for words in words {
            assert!(line.contains(words), "{words}: {line}");
        }
        for of_a_client in ["--ca FILE, or", "may not speak TLS 1.3, or not at this port", "--name"]
        {
            assert!(!line.contains(of_a_client), "{line}");
        }
    }
}

#[test]
fn a_client_that_hangs_up_after_the_servers_flight_leads_to_its_certificate() {
    let files = Files::new();
    let mut server = Server::start(&files, &[]);
    let client = client_that_trusts(&files, CryptoProvider::default());
    let line = server_of(&mut server, client.outgoing());
    assert!(line.contains("this side was waiting for the client's Finished"), "{line}");
    assert!(line.contains("do not accept the certificate"), "{line}");
}

#[test]
fn an_expired_certificate_of_the_clients_is_blamed_on_the_client_by_both_sides() {
    let files = Files::new();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, "alice");
    params.is_ca = rcgen::IsCa::ExplicitNoCa;
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let certificate = params.self_signed(&key).unwrap();
    files.write("alice.pem", &certificate.pem());
    files.write("alice.key", &key.serialize_pem());
    let (own, own_key) = (files.path("alice.pem"), files.path("alice.key"));
    let mut server = Server::start(&files, &["--client-ca", &own]);
    let ca = files.path("ca.pem");
    let mut command = handclasp(["connect", &server.address, "--ca", &ca, "--client-cert", &own]);
    let output = command.args(["--client-key", &own_key]).output().unwrap();
    let printed = text(&output.stderr);
    let end = error_and_help(&printed);
    assert!(end.contains("certificate_expired"), "{printed}");
    assert!(end.contains("this side: certificate \"CN="), "{end}");
    assert!(end.contains("alice"), "{end}");
    assert!(end.contains("until 2021-01-01") && end.contains("compare the dates"), "{end}");
    let line = server.log_line_with("failed");
    assert!(line.contains("alice") && line.contains("expired on 2021-01-01"), "{line}");
    assert!(line.contains("renew it") && !line.contains("the server needs"), "{line}");
}

#[test]
fn authorities_that_a_server_asks_for_are_named() {
    let files = Files::new();
    let ca = files.path("ca.pem");
    let server = Server::start(&files, &["--client-ca", &ca]);
    let output = handclasp(["connect", &server.address, "--ca", &ca]).output().unwrap();
    let printed = text(&output.stderr);
    assert!(printed.contains("certificate_required"), "{printed}");
    let end = error_and_help(&printed);
    assert!(end.contains("--client-cert FILE") && end.contains("a test's authority"), "{end}");
}

#[test]
fn a_session_that_is_not_taken_is_reported_with_possible_reasons() {
    let files = Files::new();
    let (ca, session) = (files.path("ca.pem"), files.path("session"));
    let printed: Vec<String> = (0..2)
        .map(|_| {
            // Each has ticket keys of its own.
            let server = Server::start(&files, &[]);
            let mut command = handclasp(["connect", &server.address, "--ca", &ca]);
            let output = command.args(["--session", &session]).output().unwrap();
            assert_eq!(output.status.code(), Some(0));
            text(&output.stderr)
        })
        .collect();
    assert!(!printed[0].contains("did not take"), "{}", printed[0]);
    assert!(
        printed[1].contains(
            "the server did not take the session of a ticket: the server does not say why"
        ),
        "{}",
        printed[1]
    );
}

#[test]
fn certificates_are_labelled_by_what_they_say_and_not_by_their_place() {
    let files = Files::new();
    let leaf = files.read("cert.pem");
    files.write("cert.pem", &format!("{leaf}{leaf}{}", files.read("ca.pem")));
    let server = Server::start(&files, &[]);
    let ca = files.path("ca.pem");
    let output = handclasp(["connect", &server.address, "--ca", &ca]).output().unwrap();
    let printed = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{printed}");
    assert!(printed.contains("also sent"), "{printed}");
    assert_eq!(printed.matches("  also sent ").count(), 1, "{printed}");
}
