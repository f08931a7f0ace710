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
fn json_is_one_account_with_the_connection_of_each_side() {
    let output = handclasp(["--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let account: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(account["schema_version"], 1);
    let connections = account["connections"].as_array().unwrap();
    let [client, server] = connections.as_slice() else { panic!("{} sides", connections.len()) };
    for (connection, side) in [(client, "client"), (server, "server")] {
        assert_eq!(connection["observed_side"], side);
        assert_eq!(connection["outcome"], "complete");
        assert_eq!(connection["messages"].as_array().unwrap().len(), 7);
        assert_eq!(connection["round_trips"], 1);
    }
    assert_eq!(client["sizes"]["server"]["bytes"], server["sizes"]["server"]["bytes"]);
}
