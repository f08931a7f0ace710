//! What clients offer, the certificate that they show, and its chain in a file.

use serde_json::Value;

use crate::common::{Files, Server, handclasp, text};

fn lines(output: &[u8]) -> Vec<Value> {
    text(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn only_the_groups_suites_and_schemes_of_the_options_are_offered() {
    let files = Files::new();
    let server = Server::start(&files, &[]);
    let ca = files.path("ca.pem");
    for command in ["connect", "explain"] {
        let mut command = handclasp([command, &server.address, "--ca", &ca, "--json"]);
        command.args(["--groups", "secp384r1,X25519", "--suites", "tls_chacha20_poly1305_sha256"]);
        let output = command.args(["--schemes", "ecdsa_secp256r1_sha256"]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let first = &lines(&output.stdout)[0];
        let account = if first["account"].is_null() { first } else { &first["account"] };
        let choices = account["connections"][0]["choices"].as_array().unwrap();
        let choice = |subject: &str| {
            let choice = choices.iter().find(|choice| choice["subject"] == subject).unwrap();
            let names = choice["offered_by_client"].as_array().unwrap().iter();
            let names = names.filter_map(|value| value["value"]["name"].as_str());
            names.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(choice("group"), ["secp384r1", "x25519"]);
        assert_eq!(choice("cipher_suite"), ["TLS_CHACHA20_POLY1305_SHA256"]);
        assert_eq!(choice("signature_scheme"), ["ecdsa_secp256r1_sha256"]);
    }
}

#[test]
fn a_wrong_name_gets_the_list_of_the_right_ones() {
    for (option, wrong, right) in [
        ("--groups", "p256", "x25519, secp256r1"),
        ("--suites", "AES", "TLS_AES_128_GCM_SHA256"),
        ("--schemes", "rsa", "rsa_pss_rsae_sha256"),
        ("--starttls", "ftp", "smtp, imap, postgres"),
    ] {
        let output = handclasp(["connect", "localhost:1", option, wrong]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{option}");
        let printed = text(&output.stderr);
        assert!(printed.contains(right), "{printed}");
    }
    let output = handclasp(["connect", "localhost:1", "--groups", "x25519,x25519"]).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("x25519"), "{}", text(&output.stderr));
}

#[test]
fn each_command_names_a_trust_anchor_that_it_ignores_once() {
    let files = Files::new();
    let server = Server::start(&files, &[]);
    let malformed = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    files.write("bundle.pem", &(files.read("ca.pem") + malformed));
    let bundle = files.path("bundle.pem");
    for command in ["connect", "explain", "check"] {
        let output = handclasp([command, &server.address, "--ca", &bundle]).output().unwrap();
        let printed = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{command}: {printed}");
        assert_eq!(printed.matches("trust anchor 2").count(), 1, "{command}: {printed}");
    }
}

/// The certificate's fingerprint, as `openssl x509 -fingerprint -sha256` makes it, in lower case and without
/// colons.
fn fingerprint(files: &Files) -> String {
    use handclasp::pki_types::pem::PemObject;
    let pem = files.read("cert.pem");
    let der = handclasp::pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let digest = handclasp::crypto::CryptoProvider::default().sha256.digest(&der);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn connect_and_verify_show_the_certificate_that_they_accept() {
    let files = Files::new();
    let server = Server::start(&files, &[]);
    let (ca, cert, session) = (files.path("ca.pem"), files.path("cert.pem"), files.path("session"));
    let mut connect = handclasp(["connect", &server.address, "--ca", &ca, "--session", &session]);
    // The second connection is resumed: the server sends no certificate.
    for resumed in [false, true] {
        let output = connect.output().unwrap();
        let printed = text(&output.stderr);
        assert_eq!(printed.contains("the connection was resumed"), resumed, "{printed}");
        let (_, shown) = printed.split_once("The server's certificate").expect(&printed);
        check_shown(shown, &files);
    }
    let output = handclasp(["verify", &cert, "--ca", &ca, "--name", "localhost"]).output().unwrap();
    check_shown(&text(&output.stdout), &files);
    let output = handclasp(["verify", &cert, "--ca", &ca, "--json"]).output().unwrap();
    let verdict: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(verdict["end_entity"]["sha256"], fingerprint(&files));
    assert!(verdict["end_entity"]["days_left"].as_i64().unwrap() > 0);
}

fn check_shown(shown: &str, files: &Files) {
    let fingerprint = fingerprint(files);
    for words in [
        "subject",
        "issuer",
        "a test's authority",
        "localhost, 127.0.0.1",
        "valid from",
        "valid until",
        "days left",
        "secp256r1",
        &fingerprint[..32],
        "sha256/",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
}

#[test]
fn the_chain_of_the_server_is_saved_also_if_it_is_refused() {
    let (files, others) = (Files::new(), Files::new());
    let server = Server::start(&files, &[]);
    let chain = files.path("chain.pem");
    for (ca, code) in [(files.path("ca.pem"), 0), (others.path("ca.pem"), 1)] {
        let connect = ["connect", &server.address, "--ca", &ca, "--quiet", "--save-chain", &chain];
        let output = handclasp(connect).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
        let verify = ["verify", &chain, "--ca", &files.path("ca.pem"), "--name", "localhost"];
        let output = handclasp(verify).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        std::fs::remove_file(&chain).unwrap();
    }
    // A server with a raw public key has no chain.
    let server = Server::start(&files, &["--raw-public-key"]);
    let cert = files.path("cert.pem");
    let mut connect = handclasp(["connect", &server.address, "--raw-public-key", &cert]);
    let output = connect.args(["--save-chain", &chain]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no certificate"), "{}", text(&output.stderr));
}

#[test]
fn json_has_the_account_of_the_handshake_and_stands_alone() {
    let files = Files::new();
    let mut server = Server::start_json(&files, &["--alpn", "http/1.1"]);
    let ca = files.path("ca.pem");
    let connect = ["connect", &server.address, "--ca", &ca, "--json", "--alpn", "http/1.1"];
    let output = handclasp(connect).output().unwrap();
    assert_eq!(text(&output.stderr), "");
    let mut events = lines(&output.stdout);
    events.push(serde_json::from_str(&server.log_line()).unwrap());
    for (event, side) in [(&events[0], "client"), (events.last().unwrap(), "server")] {
        assert_eq!(event["event"], "handshake");
        assert_eq!(event["account"]["schema_version"], 1);
        let connection = &event["account"]["connections"][0];
        assert_eq!(connection["observed_side"], side);
        assert_eq!(connection["outcome"], "complete");
        assert_eq!(connection["server"], server.address);
    }
    // The last event of the client has what came after the handshake.
    let closed = &events[events.len() - 2];
    assert_eq!(closed["event"], "closed");
    let alerts = closed["account"]["connections"][0]["alerts"].as_array().unwrap();
    assert_eq!(alerts.len(), 2, "close_notify in both directions");
}

#[test]
fn json_has_the_account_of_a_handshake_that_fails_too() {
    let (files, others) = (Files::new(), Files::new());
    let mut server = Server::start_json(&files, &[]);
    let ca = others.path("ca.pem");
    let output = handclasp(["connect", &server.address, "--ca", &ca, "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let events = lines(&output.stdout);
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["event"], "error");
    assert!(error["diagnosis"]["code"].is_string());
    let handshake: Value = serde_json::from_str(&server.log_line()).unwrap();
    for event in [&events[0], &handshake] {
        assert_eq!(event["event"], "handshake");
        assert_eq!(event["account"]["connections"][0]["outcome"], "failed");
    }
    assert_eq!(events.len(), 1);
    let error: Value = serde_json::from_str(&server.log_line()).unwrap();
    assert_eq!((&error["event"], &error["connection"]), (&"error".into(), &1.into()));
}

/// A client that has shown nothing of itself cannot fill the log.
#[test]
fn a_client_hello_of_many_fields_does_not_make_a_long_line() {
    const SUITES: usize = 15_000;
    let files = Files::new();
    let mut server = Server::start_json(&files, &[]);
    // A ClientHello of many suites, and without extensions: it is refused.
    let length = |bytes: usize| u16::try_from(bytes).unwrap().to_be_bytes();
    let suites = [0x13, 0x77].repeat(SUITES);
    let body = [&[3, 3][..], &[7; 32], &[0], &length(suites.len()), &suites, &[1, 0]].concat();
    let hello = [&[1, 0][..], &length(body.len()), &body].concat();
    let mut socket = std::net::TcpStream::connect(&server.address).unwrap();
    let mut sent = 0;
    for part in hello.chunks(1 << 14) {
        let record = [&[22, 3, 3][..], &length(part.len()), part].concat();
        std::io::Write::write_all(&mut socket, &record).unwrap();
        sent += record.len();
    }
    let line = server.log_line();
    let handshake: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(handshake["event"], "handshake");
    let problems = handshake["account"]["connections"][0]["problems"].to_string();
    assert!(problems.contains("MAX_FIELDS"), "{problems}");
    assert!(line.len() < 12 * sent, "{} bytes of {sent}", line.len());
}
