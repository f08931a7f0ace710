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
    for label in ["c hs traffic", "s hs traffic", "c ap traffic", "s ap traffic", "exp master"] {
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

/// The demonstration with these options, as text.
fn demonstration(options: &[&str]) -> String {
    let output = handclasp([]).args(options).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{options:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn each_option_shows_what_it_names() {
    for (options, words) in [
        (&["--retry"][..], &["HelloRetryRequest", "wanted group"][..]),
        (&["--resume"], &["the connection was resumed", "res master"]),
        (&["--early-data"], &["EndOfEarlyData", "accepted", "the connection was resumed"]),
        (&["--client-auth"], &["CertificateRequest", "the client is trusted"]),
        (&["--psk"], &["agreed on elsewhere", "\"demonstration\""]),
        (&["--pq"], &["X25519MLKEM768"]),
        (&["--pq", "--retry", "--client-auth"], &["HelloRetryRequest", "CertificateRequest"]),
    ] {
        let printed = demonstration(options);
        for words in words {
            assert!(printed.contains(words), "{options:?}, {words}: {printed}");
        }
    }
    assert!(!demonstration(&["--psk"]).contains("CertificateVerify"));
    assert!(!demonstration(&["--pq"]).contains("secp256r1,"));
}

#[test]
fn options_of_the_demonstration_are_refused_before_a_command_and_in_pairs_without_sense() {
    for arguments in [&["--retry", "vectors"][..], &["--psk", "--resume"], &["--tamper", "99"]] {
        let output = handclasp([]).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
    let output = handclasp(["--retry", "vectors"]).output().unwrap();
    assert!(text(&output.stderr).contains("--retry stands before the command"));
}

#[test]
fn a_flipped_bit_is_noticed_in_each_record() {
    for options in [&[][..], &["--client-auth", "--retry"], &["--psk"], &["--early-data"]] {
        let mut command = handclasp(["--tamper", "--json"]);
        let output = command.args(options).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let rows = report["tampered"].as_array().unwrap();
        assert!(rows.len() >= 6, "{options:?}: {rows:?}");
        for row in rows {
            let sender = row["sender"].as_str().unwrap();
            assert!(row["noticed_by"].is_string(), "{options:?}: {row}");
            assert!(row["diagnosis"]["alert_sent"].is_string(), "{options:?}: {row}");
            // Only what is sent in clear can lead its sender astray: it gets an answer to another message.
            let in_clear =
                ["ClientHello", "ServerHello", "HelloRetryRequest", "change_cipher_spec"];
            let is_in_clear = in_clear.contains(&row["contents"].as_str().unwrap());
            assert!(is_in_clear || row["noticed_by"] != sender, "{options:?}: {row}");
        }
    }
    let printed = demonstration(&["--tamper", "2"]);
    for words in ["2. server → client: ServerHello", "noticed by", "waiting for", "why", "alert"]
    {
        assert!(printed.contains(words), "{words}: {printed}");
    }
}

#[test]
fn early_data_before_a_retry_are_not_accepted_and_the_reason_is_the_retry() {
    let printed = demonstration(&["--retry", "--early-data"]);
    let words = printed.split_whitespace().collect::<Vec<_>>().join(" ");
    let reason = "The server did not take the early data: the server asked for another ClientHello";
    assert!(words.contains(reason), "{printed}");
}

#[test]
fn values_are_each_byte_beside_its_field_and_each_secret() {
    let printed = demonstration(&["--values"]);
    for words in
        ["legacy_version = TLS 1.2", "cipher_suite = TLS_AES_128_GCM_SHA256", "c hs traffic"]
    {
        assert!(printed.contains(words), "{words}: {printed}");
    }
    let (_, hello) = printed.split_once("ClientHello, client → server, ").unwrap();
    let (length, hello) = hello.split_once(" bytes\n").unwrap();
    let hello = hello.split("\n\n").next().unwrap();
    let is_byte = |word: &&str| word.len() == 2 && u8::from_str_radix(word, 16).is_ok();
    let digits = hello.lines().flat_map(|line| line.split_whitespace().skip(1).take_while(is_byte));
    assert_eq!(digits.count(), length.parse::<usize>().unwrap(), "{hello}");
    for columns in ["80", "120"] {
        let output = handclasp(["--values"]).env("COLUMNS", columns).output().unwrap();
        let width = columns.parse::<usize>().unwrap();
        for line in text(&output.stdout).lines() {
            assert!(line.chars().count() <= width, "{columns}: {line}");
        }
    }
}

#[test]
fn a_page_has_no_secrets_where_only_the_text_has_values() {
    let files = crate::common::Files::new();
    let page = files.path("page.html");
    demonstration(&["--values", "--html", &page]);
    assert!(!files.read("page.html").contains("This page has the secrets"));
    demonstration(&["--resume", "--html", &page]);
    assert!(files.read("page.html").contains("2 TLS connections"));
}
