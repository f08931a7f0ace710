//! The demonstration, for people and for machines.

use crate::common::{handclasp, text};
use serde_json::Value;

#[test]
fn the_demonstration_shows_every_message_from_both_sides() {
    let output = handclasp([]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    let (mut from_client, mut from_server) = (0, 0);
    for (sender, receiver, message) in [
        ("client", "server", "ClientHello"),
        ("server", "client", "ServerHello"),
        ("server", "client", "EncryptedExtensions"),
        ("server", "client", "Certificate"),
        ("server", "client", "CertificateVerify"),
        ("server", "client", "Finished"),
        ("client", "server", "Finished"),
    ] {
        assert!(printed.contains(&format!("{sender} ──▶ {message} ")), "{message} sent: {printed}");
        assert!(
            printed.contains(&format!("{receiver} ◀── {message} ")),
            "{message} read: {printed}"
        );
        if sender == "client" { from_client += 1 } else { from_server += 1 }
    }
    assert_eq!(printed.matches("client ──▶ ").count(), from_client);
    assert_eq!(printed.matches("server ──▶ ").count(), from_server);
    for label in ["c hs traffic", "s hs traffic", "c ap traffic", "s ap traffic", "res master"] {
        assert!(printed.contains(label), "{label}: {printed}");
    }
    assert!(printed.contains("round trips"), "{printed}");
}

#[test]
fn nothing_but_a_terminal_gets_colours() {
    let output = handclasp([]).output().unwrap();
    assert!(!output.stdout.contains(&0x1b));
}

#[test]
fn machines_get_an_object_a_line_and_a_summary_of_each_side() {
    let output = handclasp(["--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let lines: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let count = |event: &str| lines.iter().filter(|line| line["event"] == event).count();
    assert_eq!(count("message_sent"), 7);
    assert_eq!(count("message_received"), 7);
    assert_eq!(count("finished_verified"), 2);
    assert_eq!(count("handshake_complete"), 2);
    let [.., client, server] = lines.as_slice() else { panic!("too few lines") };
    for summary in [client, server] {
        assert_eq!(summary["event"], "summary");
        assert_eq!(summary["cipher_suite"], "TLS_AES_128_GCM_SHA256");
        assert_eq!(summary["group"], "X25519MLKEM768");
        assert_eq!(summary["application_protocol"], "http/1.1");
    }
    assert_eq!(client["round_trips"], 1);
    assert_eq!(client["bytes_sent"], server["bytes_received"]);
    assert_eq!(client["bytes_received"], server["bytes_sent"]);
    assert_eq!(client["records_sent"], server["records_received"]);
}
