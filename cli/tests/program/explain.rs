//! `handclasp explain`: captures, hexadecimal digits, the traces of RFC 8448, and connections.

use std::io::Write;
use std::net::TcpListener;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::pki_types::pem::PemObject;
use handclasp::pki_types::{CertificateDer, PrivateKeyDer};
use handclasp::{CertifiedKey, ServerConfig, ServerConnection, Stream};
use handclasp_replay::{Role, Vectors};
use serde_json::Value;

use crate::common::{Files, Server, handclasp, run_with_input, text};

/// A capture of raw IPv4 packets: each has a segment of TCP between two ports.
fn capture(connections: &[(u16, u8)]) -> Vec<u8> {
    let vectors = Vectors::embedded().unwrap();
    let mut file = head_of_capture();
    for (port, section) in connections {
        let mut sequences = [1000_u32, 5000];
        for record in vectors.records(*section) {
            add_segment(&mut file, *port, record.sender, &mut sequences, record.bytes);
        }
    }
    file
}

fn head_of_capture() -> Vec<u8> {
    let mut file = [0xa1b2_c3d4_u32.to_le_bytes(), [2, 0, 4, 0]].concat();
    file.extend([0; 8]);
    file.extend(65_535_u32.to_le_bytes());
    file.extend(101_u32.to_le_bytes());
    file
}

/// Adds a packet with a record of this sender. `sequences` are the next sequence numbers of both sides.
fn add_segment(
    file: &mut Vec<u8>,
    port: u16,
    sender: Role,
    sequences: &mut [u32; 2],
    record: &[u8],
) {
    let (from, to, side) = match sender {
        Role::Client => (port, 443, 0),
        Role::Server => (443, port, 1),
    };
    let mut packet = vec![0x45, 0];
    packet.extend((40 + record.len() as u16).to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 6, 0, 0]);
    packet.extend([192, 0, 2, 1 + side, 192, 0, 2, 2 - side]);
    packet.extend(from.to_be_bytes());
    packet.extend(to.to_be_bytes());
    packet.extend(sequences[usize::from(side)].to_be_bytes());
    packet.extend([0, 0, 0, 1, 0x50, 0x10, 255, 255, 0, 0, 0, 0]);
    packet.extend(record);
    sequences[usize::from(side)] += record.len() as u32;
    file.extend([0; 8]);
    file.extend((packet.len() as u32).to_le_bytes());
    file.extend((packet.len() as u32).to_le_bytes());
    file.extend(packet);
}

/// The key log of these sections.
fn key_log(sections: &[u8]) -> String {
    let vectors = Vectors::embedded().unwrap();
    sections.iter().map(|section| vectors.key_log(*section)).collect()
}

fn write(files: &Files, name: &str, bytes: &[u8]) -> String {
    let path = files.path(name);
    std::fs::File::create(&path).unwrap().write_all(bytes).unwrap();
    path
}

fn account(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn names(connection: &Value) -> Vec<&str> {
    let messages = connection["messages"].as_array().unwrap();
    messages.iter().map(|message| message["name"].as_str().unwrap()).collect()
}

#[test]
fn a_trace_is_explained_as_text_and_as_data() {
    let output = handclasp(["explain", "vectors/5"]).output().unwrap();
    let printed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    for words in ["HelloRetryRequest", "wanted group", "Certificate 1 of the server", "days left"] {
        assert!(printed.contains(words), "{words}: {printed}");
    }
    let account = account(&handclasp(["explain", "vectors/5", "--json"]).output().unwrap());
    assert_eq!(account["schema_version"], 1);
    let connection = &account["connections"][0];
    assert_eq!(connection["outcome"], "complete");
    assert_eq!(names(connection)[..3], ["ClientHello", "HelloRetryRequest", "ClientHello"]);
    assert!(!account.to_string().contains("\"value\":null"));
    let output = handclasp(["explain", "vectors/9"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn secrets_are_shown_on_request_only() {
    let secret = key_log(&[3]).lines().next().unwrap().rsplit_once(' ').unwrap().1.to_owned();
    for arguments in [&["explain", "vectors/3"][..], &["explain", "vectors/3", "--json"]] {
        let output = handclasp([]).args(arguments).output().unwrap();
        assert!(!text(&output.stdout).contains(&secret), "{arguments:?}");
        let output = handclasp([]).args(arguments).arg("--show-secrets").output().unwrap();
        assert!(text(&output.stdout).contains(&secret), "{arguments:?}");
    }
}

#[test]
fn a_capture_with_one_connection_is_explained_at_once() {
    let files = Files::new();
    let (file, log) = (write(&files, "one.pcap", &capture(&[(50_000, 3)])), key_log(&[3]));
    let log = write(&files, "keys.log", log.as_bytes());
    let output = handclasp(["explain", &file, "--keylog", &log]).output().unwrap();
    let printed = text(&output.stdout);
    assert!(printed.contains("192.0.2.1:50000 → 192.0.2.2:443"), "{printed}");
    assert!(printed.contains("CertificateVerify"), "{printed}");
    // With trust anchors, there is their verdict.
    let ca = files.path("ca.pem");
    let output = handclasp(["explain", &file, "--keylog", &log, "--ca", &ca]).output().unwrap();
    let printed = text(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(printed.contains("verdict the trust anchors do not accept it"), "{printed}");
    // Without a key log, there is what is in clear.
    let output = handclasp(["explain", &file]).output().unwrap();
    let printed = text(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(printed.contains("ServerHello") && !printed.contains("CertificateVerify"), "{printed}");
    assert!(printed.contains("no key log has its secrets"), "{printed}");
    assert!(printed.contains("signature not seen (encrypted)"), "{printed}");
    assert!(printed.contains("client: ecdsa_secp256r1_sha256"), "what it offered: {printed}");
    assert!(printed.contains("the amount of data is not known (encrypted)"), "{printed}");
    assert!(!printed.contains("1 records"), "{printed}");
    let output = handclasp(["explain", &file, "--failed"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let printed = text(&output.stderr);
    assert!(printed.contains("what became of 1 connection is unknown"), "{printed}");
    assert!(printed.contains("help: --keylog FILE"), "{printed}");
    let output = handclasp(["explain", &file, "--list"]).output().unwrap();
    assert!(text(&output.stdout).contains("unknown: what follows ServerHello"), "{output:?}");
    let page = files.path("page.html");
    let arguments = ["explain", &file, "--json", "--html", &page];
    let account = account(&handclasp(arguments).output().unwrap());
    assert_eq!(account["connections"][0]["outcome"], "encrypted");
    assert!(files.read("page.html").contains("ClientHello"));
}

#[test]
fn several_connections_are_listed_with_their_tickets() {
    let files = Files::new();
    let connections = [(50_000, 3), (50_001, 4), (50_002, 6)];
    let file = write(&files, "three.pcap", &capture(&connections));
    let log = write(&files, "keys.log", key_log(&[3, 4, 6]).as_bytes());
    let explain = |more: &[&str]| {
        handclasp(["explain", &file, "--keylog", &log]).args(more).output().unwrap()
    };
    let printed = text(&explain(&[]).stdout);
    assert!(printed.contains("--connection N"), "{printed}");
    assert!(printed.contains("resumed from 1"), "{printed}");
    let printed = text(&explain(&["--connection", "2"]).stdout);
    assert!(printed.contains("resumed with a ticket of connection 1"), "{printed}");
    assert!(printed.contains("EndOfEarlyData"), "{printed}");
    let output = explain(&["--list", "--json"]);
    let rows: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[1]["resumed_from"], 1);
    let all = account(&explain(&["--json"]));
    assert_eq!(all["connections"].as_array().unwrap().len(), 3);
    let output = explain(&["--failed"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    assert_eq!(explain(&["--connection", "9"]).status.code(), Some(1));
}

#[test]
fn the_list_says_what_an_alert_may_be_about_within_the_width() {
    let files = Files::new();
    let vectors = Vectors::embedded().unwrap();
    let (mut capture, mut sequences) = (head_of_capture(), [1000, 5000]);
    let hello = vectors.records(3).into_iter().next().unwrap();
    add_segment(&mut capture, 50_000, Role::Client, &mut sequences, hello.bytes);
    let handshake_failure = [21, 3, 3, 0, 2, 2, 40];
    add_segment(&mut capture, 50_000, Role::Server, &mut sequences, &handshake_failure);
    let file = write(&files, "alert.pcap", &capture);
    let output = handclasp(["explain", &file, "--list"]).env("COLUMNS", "60").output().unwrap();
    let printed = text(&output.stdout);
    let words = printed.split_whitespace().collect::<Vec<_>>().join(" ");
    let cause = "the server sent the alert handshake_failure: usually it means that no set of parameters was \
                 found that both sides accept";
    assert!(words.contains(cause), "{printed}");
    assert!(printed.lines().all(|line| line.chars().count() <= 60), "{printed}");
    let output = handclasp(["explain", &file, "--list", "--json"]).output().unwrap();
    let row: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&row["alert"], &row["alert_sender"]),
        (&"handshake_failure".into(), &"server".into())
    );
    assert!(row["alert_cause"].as_str().unwrap().starts_with("usually"), "{row}");
}

#[test]
fn digits_of_one_direction_are_explained() {
    let files = Files::new();
    let vectors = Vectors::embedded().unwrap();
    let records = vectors.records(3);
    for (role, first, last) in
        [(Role::Client, "ClientHello", "Finished"), (Role::Server, "ServerHello", "Finished")]
    {
        let bytes: Vec<u8> = records
            .iter()
            .filter(|record| record.sender == role)
            .flat_map(|record| record.bytes.to_vec())
            .collect();
        let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = write(&files, "records.hex", digits.join(" ").as_bytes());
        let account = account(&handclasp(["explain", "--hex", &path, "--json"]).output().unwrap());
        let found = names(&account["connections"][0]);
        assert_eq!(found.first(), Some(&first), "{found:?}");
        assert_ne!(found.last(), Some(&last), "there are no keys");
        let output =
            run_with_input(handclasp(["explain", "--hex", "-"]), digits.join("").as_bytes());
        assert!(text(&output.stdout).contains(first), "{}", text(&output.stderr));
    }
    let path = write(&files, "no.hex", b"no digits");
    assert_eq!(handclasp(["explain", "--hex", &path]).output().unwrap().status.code(), Some(2));
}

#[test]
fn a_connection_that_it_makes_is_explained() {
    let files = Files::new();
    let server = Server::start(&files, &[]);
    let ca = files.path("ca.pem");
    let arguments = ["explain", &server.address, "--ca", &ca, "--json"];
    let account = account(&handclasp(arguments).output().unwrap());
    let connection = &account["connections"][0];
    assert_eq!(connection["observed_side"], "client");
    assert_eq!(connection["outcome"], "complete");
    assert_eq!(names(connection).last(), Some(&"Finished"));
    let output = handclasp(["explain", &server.address, "--ca", &ca]).output().unwrap();
    assert!(text(&output.stdout).contains("Offered and chosen"), "{}", text(&output.stdout));
}

#[test]
fn a_connection_that_fails_is_explained_too() {
    let (files, other) = (Files::new(), Files::new());
    let server = Server::start(&files, &[]);
    let ca = other.path("ca.pem");
    let output = handclasp(["explain", &server.address, "--ca", &ca, "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let account: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(account["connections"][0]["outcome"], "failed");
    assert_eq!(account["connections"][0]["alerts"][0]["description"]["name"], "bad_certificate");
    assert!(text(&output.stderr).contains("\"hint\":\""), "{}", text(&output.stderr));
}

#[test]
fn lines_are_as_wide_as_the_terminal() {
    for (columns, arguments) in
        [("80", &[][..]), ("80", &["explain", "vectors/6"]), ("50", &["explain", "vectors/3"])]
    {
        let output = handclasp([]).args(arguments).env("COLUMNS", columns).output().unwrap();
        let width: usize = columns.parse().unwrap();
        for line in text(&output.stdout).lines() {
            // A value begins in column 29; a word is not broken.
            let is_long = |word: &str| word.chars().count() > width - 29;
            let fits = line.chars().count() <= width;
            assert!(
                fits || line.split_whitespace().any(is_long),
                "{arguments:?} has more than {columns} columns: {line}"
            );
        }
    }
}

#[test]
fn what_is_no_capture_is_refused_with_a_hint() {
    let files = Files::new();
    let path = write(&files, "text", b"no capture");
    let missing = files.path("missing");
    for target in [&path, &missing] {
        let output = handclasp(["explain", target]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("tcpdump or Wireshark"), "{}", text(&output.stderr));
    }
    let capture = write(&files, "one.pcap", &capture(&[(50_000, 3)]));
    let output = handclasp(["explain", &capture, "--keylog", &path]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("no secret"), "{}", text(&output.stderr));
}

/// The program waits for tickets while the server sends, but not longer than its limit.
#[test]
fn a_server_that_is_never_silent_does_not_keep_the_program() {
    let files = Files::new();
    let chain = CertificateDer::pem_file_iter(files.path("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(files.path("key.pem")).unwrap();
    let own = CertifiedKey::from_der(chain.collect::<Result<_, _>>().unwrap(), &key).unwrap();
    let config = ServerConfig::builder(CryptoProvider::default())
        .build(Arc::new(CertificateList::new(vec![Arc::new(own)])))
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = std::thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        let connection = ServerConnection::new(Arc::new(config));
        let mut stream = Stream::new(connection, socket);
        // Far more often than the program waits for the first silence.
        let mut sent = 0;
        while sent < 300 && stream.write_all(b"x").and_then(|()| stream.flush()).is_ok() {
            sent += 1;
            std::thread::sleep(Duration::from_millis(100));
        }
        sent
    });
    let output = handclasp(["explain", &address, "--ca", &files.path("ca.pem")]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let sent = server.join().unwrap();
    assert!(sent > 1 && sent < 300, "{sent}");
}
