//! The program's client and server, against each other and against what else is there.

use std::process::{Command, Stdio};

use crate::common::{Files, Server, handclasp, run_with_input, text};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

#[test]
fn what_is_sent_to_an_echo_comes_back_however_much_it_is() {
    let files = Files::new();
    let mut server = Server::start(&files, &["--echo", "--once"]);
    // More than all buffers on the way hold, so that both directions must flow at once.
    let data: Vec<u8> = (0..20_000_000_u32).map(|number| (number % 251) as u8).collect();
    let command = handclasp(["connect", &server.address, "--ca", &files.path("ca.pem")]);
    let output = run_with_input(command, &data);
    let printed = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{printed}");
    assert!(output.stdout == data, "{} bytes came back", output.stdout.len());
    assert!(printed.contains("closed cleanly"), "{printed}");
    assert!(server.log_line().contains("shook hands"));
    assert!(server.log_line().contains("closed cleanly, 20000000 bytes sent"));
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn both_sides_agree_on_a_protocol_and_print_it_as_json() {
    let files = Files::new();
    let server = Server::start(&files, &["--alpn", "http/1.1"]);
    let ca = files.path("ca.pem");
    let mut command = handclasp(["connect", &server.address, "--ca", &ca, "--json"]);
    let output = command.args(["--alpn", "acme", "--alpn", "http/1.1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "");
    let lines: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let choices = lines[0]["account"]["connections"][0]["choices"].as_array().unwrap();
    let mut choices = choices.iter();
    let protocol = choices.find(|choice| choice["subject"] == "application_protocol").unwrap();
    assert_eq!(protocol["chosen"]["value"], "http/1.1");
    assert_eq!(lines.last().unwrap()["event"], "closed");
    let mut data = Vec::new();
    for event in lines.iter().filter(|line| line["event"] == "data") {
        let bytes = STANDARD.decode(event["base64"].as_str().unwrap()).unwrap();
        assert_eq!(event["bytes"], bytes.len());
        data.extend(bytes);
    }
    assert!(text(&data).starts_with("HTTP/1.1 200 OK\r\n"), "{}", text(&data));
}

/// An IPv6 address in brackets, with the number of a zone: the certificate has neither.
#[test]
fn an_address_of_ipv6_is_proved_without_brackets_and_zone() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return eprintln!("skipped: this machine has no IPv6");
    }
    let files = Files::new();
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["::1".to_owned()]).unwrap();
    files.write("six.pem", &params.self_signed(&key).unwrap().pem());
    files.write("six-key.pem", &key.serialize_pem());
    let (cert, key) = (files.path("six.pem"), files.path("six-key.pem"));
    let six = ["--cert", &cert, "--key", &key, "--listen", "[::1]:0"];
    let server = Server::start_alone(&six);
    for (address, name) in [
        (format!("[::1]:{}", server.port()), None),
        (format!("[::1%1]:{}", server.port()), None),
        (format!("[::1]:{}", server.port()), Some("[::1]")),
        (format!("[::1]:{}", server.port()), Some("::1%eth0")),
    ] {
        let mut command = handclasp(["connect", &address, "--ca", &cert, "--quiet"]);
        command.args(name.iter().flat_map(|name| ["--name", name]));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{address} {name:?}: {}", text(&output.stderr));
    }
}

#[test]
fn a_protocol_that_is_not_served_cannot_be_promised() {
    let files = Files::new();
    let (cert, key) = (files.path("cert.pem"), files.path("key.pem"));
    let output = handclasp(["serve", "--cert", &cert, "--key", &key, "--alpn", "h2"]).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--echo"), "{}", text(&output.stderr));
}

#[test]
fn a_quiet_client_prints_nothing() {
    let files = Files::new();
    let server = Server::start(&files, &[]);
    let ca = files.path("ca.pem");
    let output = handclasp(["connect", &server.address, "--ca", &ca, "--quiet"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn an_untrusted_server_is_refused_with_a_hint_how_to_trust_it() {
    let (files, others) = (Files::new(), Files::new());
    let mut server = Server::start(&files, &["--once"]);
    let ca = others.path("ca.pem");
    let output = handclasp(["connect", &server.address, "--ca", &ca]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let printed = text(&output.stderr);
    // The other authority has the same name, and another key.
    assert!(printed.contains("not accepted"), "{printed}");
    assert_eq!(server.exit_code(), Some(1));
}

#[test]
fn an_unknown_authority_leads_to_the_option_ca() {
    let (files, others) = (Files::new(), Files::new());
    let server = Server::start(&files, &[]);
    // A certificate that is itself trusted vouches for no other.
    let ca = others.path("cert.pem");
    let output = handclasp(["connect", &server.address, "--ca", &ca]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let printed = text(&output.stderr);
    assert!(printed.contains("help:") && printed.contains("--ca FILE"), "{printed}");
}

#[test]
fn a_wrong_name_leads_to_the_option_name() {
    let files = Files::new();
    let server = Server::start(&files, &[]);
    let ca = files.path("ca.pem");
    let mut command = handclasp(["connect", &server.address, "--ca", &ca, "--name", "a.example"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let printed = text(&output.stderr);
    assert!(printed.contains("--name localhost"), "{printed}");
    // This side has sent bad_certificate and knows why: what the RFC says of it is not what is wrong here.
    assert!(printed.contains("alert bad_certificate"), "{printed}");
    assert!(!printed.contains("usually it means"), "{printed}");
    let page = files.path("failed.html");
    let mut command = handclasp(["connect", &server.address, "--ca", &ca, "--html", &page]);
    command.args(["--name", "a.example"]).output().unwrap();
    let page = files.read("failed.html");
    assert!(page.contains("with the alert bad_certificate (42)."), "{page}");
    assert!(!page.contains("which usually means"), "{page}");
    let mut command = handclasp(["connect", &server.address, "--ca", &ca, "--name", "localhost"]);
    assert_eq!(command.output().unwrap().status.code(), Some(0));
}

#[test]
fn a_server_that_vanishes_leaves_the_data_truncated_and_the_client_says_so() {
    use std::io::{Read, Write};
    let files = Files::new();
    let server = Server::start(&files, &["--echo"]);
    let ca = files.path("ca.pem");
    let mut command = handclasp(["connect", &server.address, "--ca", &ca, "--quiet"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut client = command.spawn().unwrap();
    let mut stdin = client.stdin.take().unwrap();
    stdin.write_all(b"!").unwrap();
    let mut back = [0];
    client.stdout.as_mut().unwrap().read_exact(&mut back).unwrap();
    drop(server);
    let output = client.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("truncated"), "{}", text(&output.stderr));
}

#[test]
fn a_server_that_answers_and_closes_ends_a_client_that_has_more_to_say() {
    let files = Files::new();
    let server = Server::start(&files, &[]);
    let ca = files.path("ca.pem");
    let command = handclasp(["connect", &server.address, "--ca", &ca]);
    let output = run_with_input(command, &vec![b'x'; 10_000_000]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
fn secrets_are_logged_on_request_only() {
    let files = Files::new();
    let server = Server::start(&files, &[]);
    let (ca, log) = (files.path("ca.pem"), files.path("keys.log"));
    let mut command = handclasp(["connect", &server.address, "--ca", &ca]);
    command.env("SSLKEYLOGFILE", &log);
    assert_eq!(command.output().unwrap().status.code(), Some(0));
    assert!(!files.exists("keys.log"), "the environment alone must not make a log");
    command.arg("--keylog");
    assert_eq!(command.output().unwrap().status.code(), Some(0));
    assert!(files.read("keys.log").contains("CLIENT_TRAFFIC_SECRET_0 "));
}

const KEY: &str = "sensor:7:00d1a2937485566738495a6b7c8d9eaf";

#[test]
fn a_pre_shared_key_takes_the_place_of_the_certificate_and_keys_change_on_request() {
    let files = Files::new();
    let mut server = Server::start(&files, &["--echo", "--psk", KEY]);
    let ca = files.path("ca.pem");
    let mut command = handclasp(["connect", &server.address, "--ca", &ca, "--psk", KEY]);
    command.arg("--key-update");
    let output = run_with_input(command, b"some data");
    let printed = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{printed}");
    assert_eq!(output.stdout, b"some data");
    assert!(
        printed.contains("pre-shared key") && printed.contains("agreed on elsewhere"),
        "{printed}"
    );
    // One of ours, and one that it asked for.
    assert!(printed.matches("KeyUpdate").count() >= 2, "{printed}");
    assert!(server.log_line().contains("shook hands"));

    let other = "sensor:7:ffd1a2937485566738495a6b7c8d9eaf";
    let mut command = handclasp(["connect", &server.address, "--ca", &ca, "--psk", other]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let mut command = handclasp(["connect", &server.address, "--ca", &ca, "--psk", "who:00"]);
    command.arg("--psk").arg(KEY);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}

#[test]
fn errors_about_malformed_keys_do_not_contain_their_bytes() {
    let secrets = ["zz", "00d1", "aa".repeat(32).as_str(), ""].map(str::to_owned);
    for secret in secrets {
        let key = format!("identity:{secret}");
        let output = handclasp(["connect", "localhost:1", "--psk", &key]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let printed = text(&output.stderr);
        assert!(
            printed.contains("--psk identity") && printed.contains("openssl rand"),
            "{printed}"
        );
        assert!(secret.is_empty() || !printed.contains(&secret), "{printed}");
    }
}

#[test]
fn the_log_describes_other_clients_in_words() {
    use std::io::{Read, Write};
    let files = Files::new();
    let mut server = Server::start(&files, &[]);
    let mut socket = std::net::TcpStream::connect(&server.address).unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    assert_eq!(answer.first(), Some(&21), "an alert record");
    let line = server.log_line_with("failed");
    assert!(line.contains("HTTP without TLS"), "{line}");
}

#[test]
fn curl_gets_a_response() {
    let files = Files::new();
    let mut server = Server::start(&files, &["--alpn", "http/1.1"]);
    let url = format!("https://localhost:{}/", server.port());
    let ca = files.path("ca.pem");
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "20", "--noproxy", "*"]);
    command.args(["--resolve", &format!("localhost:{}:127.0.0.1", server.port())]);
    command.args(["--cacert", &ca, "--include", &url]).stdin(Stdio::null());
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => return println!("skipped: curl cannot be run: {error}"),
    };
    let printed = text(&output.stderr);
    if printed.contains("SSL backend") || printed.contains("Unsupported protocol") {
        return println!("skipped: this curl does not speak TLS 1.3: {printed}");
    }
    assert_eq!(output.status.code(), Some(0), "{printed}");
    let response = text(&output.stdout);
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    assert!(response.contains("TLS_AES_128_GCM_SHA256"), "{response}");

    command.args(["--tls-max", "1.2"]);
    assert_ne!(command.output().unwrap().status.code(), Some(0));
    let line = server.log_line_with("failed");
    assert!(line.contains("TLS 1.2"), "{line}");
}

#[test]
fn a_client_comes_back_with_the_session_it_kept_and_says_its_words_at_once() {
    let files = Files::new();
    let mut server = Server::start(&files, &["--early-data", "1000"]);
    // Tickets of the second in which a server started are as good as those of before: without
    // early data.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let (ca, session) = (files.path("ca.pem"), files.path("session"));
    files.write("early", "GET / HTTP/1.0\r\n\r\n");
    let early = files.path("early");
    let run = || {
        let mut command = handclasp(["connect", &server.address, "--ca", &ca]);
        let output =
            command.args(["--session", &session, "--early-data", &early]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(text(&output.stdout).contains("This is handclasp"));
        text(&output.stderr)
    };
    let first = run();
    assert!(first.contains("early data: 0 bytes were accepted, 18 are sent now"), "{first}");
    assert!(first.contains("kept 2 sessions"), "{first}");
    let kept = files.read("session");
    let second = run();
    assert!(second.contains("the connection was resumed"), "{second}");
    assert!(second.contains("early data: 18 bytes were accepted, 0 are sent now"), "{second}");
    assert!(second.contains("kept 2 sessions"), "{second}");
    assert_ne!(files.read("session"), kept);
    server.log_line_with("sent 18 bytes of early data");

    // A server that was started anew has new ticket keys.
    let server = Server::start(&files, &["--early-data", "1000", "--tickets", "1"]);
    let mut command = handclasp(["connect", &server.address, "--ca", &ca]);
    let output = command.args(["--session", &session, "--early-data", &early]).output().unwrap();
    let printed = text(&output.stderr);
    assert!(printed.contains("early data: 0 bytes were accepted, 18 are sent now"), "{printed}");
    assert!(
        printed.contains("kept 1 session"),
        "those of the old server are worth nothing: {printed}"
    );
}

#[test]
fn servers_that_share_ticket_keys_take_each_others_tickets() {
    let files = Files::new();
    let keys = (1..65).map(char::from).collect::<String>();
    files.write("keys", &keys);
    let (ca, session, keys) = (files.path("ca.pem"), files.path("session"), files.path("keys"));
    for resumes in [false, true] {
        let server = Server::start(&files, &["--ticket-keys", &keys]);
        let mut command = handclasp(["connect", &server.address, "--ca", &ca]);
        let output = command.args(["--session", &session]).output().unwrap();
        let printed = text(&output.stderr);
        assert_eq!(printed.contains("the connection was resumed"), resumes, "{printed}");
    }
    files.write("keys", "too short");
    let (cert, key) = (files.path("cert.pem"), files.path("key.pem"));
    let mut command = handclasp(["serve", "--cert", &cert, "--key", &key]);
    let output = command.args(["--ticket-keys", &keys]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("32 random bytes"), "{}", text(&output.stderr));
}

/// The pin of the certificate in this file, as `openssl` would make it.
fn pin(files: &Files, name: &str) -> String {
    use handclasp::pki_types::pem::PemObject;
    let certificate =
        handclasp::pki_types::CertificateDer::from_pem_slice(files.read(name).as_bytes());
    handclasp::verify::SpkiPin::of(&certificate.unwrap()).unwrap().to_string()
}

#[test]
fn a_pin_beside_an_authority_must_be_the_servers_key() {
    let files = Files::new();
    let server = Server::start(&files, &[]);
    let (ca, right, wrong) = (files.path("ca.pem"), pin(&files, "cert.pem"), pin(&files, "ca.pem"));
    let mut command = handclasp(["connect", &server.address, "--ca", &ca, "--pin", &right]);
    assert_eq!(command.output().unwrap().status.code(), Some(0));
    let mut command = handclasp(["connect", &server.address, "--ca", &ca, "--pin", &wrong]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let printed = text(&output.stderr);
    assert!(
        printed.contains(&format!("its key's pin is {right}; expected is {wrong}")),
        "{printed}"
    );
    // A spare pin is no less good.
    let mut command = handclasp(["connect", &server.address, "--ca", &ca, "--pin", &wrong]);
    assert_eq!(command.args(["--pin", &right]).output().unwrap().status.code(), Some(0));
    // The right key does not make up for an authority that is not trusted.
    let other = Files::new();
    let ca = other.path("ca.pem");
    let mut command = handclasp(["connect", &server.address, "--ca", &ca, "--pin", &right]);
    assert_eq!(command.output().unwrap().status.code(), Some(1));
}

#[test]
fn a_pin_alone_needs_no_authority_and_no_name() {
    let files = Files::new();
    let server = Server::start(&files, &[]);
    let pin = pin(&files, "cert.pem");
    let mut command = handclasp(["connect", &server.address, "--pin", &pin, "--pin-alone"]);
    command.args(["--name", "another.example"]);
    assert_eq!(command.output().unwrap().status.code(), Some(0));
}

#[test]
fn an_authority_in_der_is_trusted_too() {
    use handclasp::pki_types::pem::PemObject;
    let files = Files::new();
    let server = Server::start(&files, &[]);
    let pem = files.read("ca.pem");
    let der = handclasp::pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let ca = files.path("ca.der");
    std::fs::write(&ca, &der).unwrap();
    let output = handclasp(["connect", &server.address, "--ca", &ca]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    // The entries of a bundle that cannot be used are printed.
    let bundle = format!("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n{pem}");
    files.write("bundle.pem", &bundle);
    let ca = files.path("bundle.pem");
    let output = handclasp(["connect", &server.address, "--ca", &ca]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stderr).contains("warning: --ca"), "{}", text(&output.stderr));
}

#[cfg(feature = "native-roots")]
#[test]
fn a_bundle_that_the_environment_names_is_trusted() {
    let files = Files::new();
    let server = Server::start(&files, &[]);
    let mut command = handclasp(["connect", &server.address]);
    command.env("SSL_CERT_FILE", files.path("ca.pem"));
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}
