//! What the page asks its decoder.

use handclasp::crypto::CryptoProvider;
use handclasp::handshake::Side;
use handclasp::quic::{InitialKeys, Version};
use handclasp::registry::CipherSuiteId;
use handclasp_explain::recorded::KeyLogSecrets;
use handclasp_explain::{Account, Options, Outcome, capture, page};
use handclasp_explain_browser::{MAX_LISTED, MAX_REQUEST_LINE, answer};
use handclasp_testing::capture::{self as capture_of, Link, Sent};
use handclasp_testing::captured::Captured;
use serde_json::{Value, json};

fn ask(captured: &Captured, wanted: Value) -> Value {
    let line = json!({
        "key_log_length": captured.key_log.len(),
        "capture_length": captured.pcap.len(),
        "wanted": wanted,
    });
    let line = format!("{line}\n");
    let parts = [line.as_bytes(), &captured.key_log, &captured.pcap, &captured.pcap];
    let mut output = Vec::new();
    answer(parts.concat().as_slice(), &mut output).unwrap();
    serde_json::from_slice(&output).unwrap()
}

#[test]
fn its_provider_decrypts_every_suite_like_the_built_in_one() {
    for suite in [
        CipherSuiteId::TLS_AES_128_GCM_SHA256,
        CipherSuiteId::TLS_AES_256_GCM_SHA384,
        CipherSuiteId::TLS_CHACHA20_POLY1305_SHA256,
    ] {
        let captured = Captured::new(suite);
        let mut connections = Vec::new();
        let secrets = KeyLogSecrets::parse(&captured.key_log);
        let options = Options::new(CryptoProvider::default());
        let read = |connection| connections.push(connection);
        capture::read(captured.pcap.as_slice(), secrets, &options, read).unwrap();
        assert_eq!(connections.len(), 3, "{suite}");
        assert_eq!(connections[0].outcome, Outcome::Complete, "{suite}");
        let account = Account::new(connections);
        for (number, origin) in [(1, None), (2, Some(1)), (3, None)] {
            let wanted = json!({ "number": number, "resumed_from": origin });
            let part = page::part(&account, number).unwrap();
            assert_eq!(ask(&captured, wanted), json!({ "part": part }), "{suite}, {number}");
        }
    }
}

#[test]
fn its_masks_for_headers_of_packets_are_those_of_the_built_in_provider() {
    let (built_in, own) = (CryptoProvider::default(), handclasp_explain_browser::provider());
    for suite in &own.cipher_suites {
        let reference = built_in.cipher_suites.iter().find(|it| it.id == suite.id).unwrap();
        let key = vec![7; suite.aead.key_length()];
        let [own, reference] =
            [suite, reference].map(|it| it.aead.header_protection_key(&key).unwrap());
        for sample in [[0; 16], [0xfe; 16], *b"a sample of text"] {
            let (own, reference) = (own.mask(&sample).unwrap(), reference.mask(&sample).unwrap());
            assert_eq!(own, reference, "{}", suite.id);
        }
        // The last block that ChaCha20 can count is an error or a mask, and no panic.
        let _ = own.mask(&[0xff; 16]);
        assert!(suite.aead.header_protection_key(&key[1..]).is_none(), "{}", suite.id);
    }
}

#[test]
fn its_keys_open_packets_of_quic() {
    let (built_in, own) = (CryptoProvider::default(), handclasp_explain_browser::provider());
    let client = InitialKeys::new(&built_in, Version::V1, b"an ID", Side::Client).unwrap();
    let page = InitialKeys::new(&own, Version::V1, b"an ID", Side::Server).unwrap();
    let mut payload = b"a payload".to_vec();
    let tag = client.local.packet.encrypt_in_place(7, b"a header", &mut payload).unwrap();
    payload.extend(tag);
    let opened = page.remote.packet.decrypt_in_place(7, b"a header", &mut payload).unwrap();
    assert_eq!(opened, b"a payload");
    // It only decrypts.
    page.remote.packet.encrypt_in_place(7, b"a header", &mut [0; 9]).unwrap_err();
}

#[test]
fn the_list_has_each_connection_and_what_came_of_it() {
    let captured = Captured::new(CipherSuiteId::TLS_AES_128_GCM_SHA256);
    let list = ask(&captured, Value::Null);
    let rows = list["connections"].as_array().unwrap();
    let seen: Vec<_> = rows.iter().map(|row| (&row["mood"], &row["resumed_from"])).collect();
    let (good, bad) = (&json!("good"), &json!("bad"));
    assert_eq!(seen, [(good, &Value::Null), (good, &json!(1)), (bad, &Value::Null)], "{list}");
    let failed = rows[2]["outcome"].as_str().unwrap();
    let ended = "The handshake failed: the client sent the alert unknown_ca. The certificate ";
    let cause = "which was not sent along; the client does not trust it";
    assert!(failed.starts_with(ended) && failed.contains(cause), "{failed}");
    assert_eq!((&list["is_cut"], &list["error"]), (&json!(false), &Value::Null));
    assert_eq!(list["unlisted"], 0);
    assert_eq!((&list["has_secrets"], &list["packets"]), (&json!(true), &list["tcp_packets"]));
}

/// As a port scan has them.
#[test]
fn a_list_of_very_many_connections_has_a_limit_and_counts_the_rest() {
    let more = 5;
    let mut all = Vec::new();
    for port in (1_000..).take(MAX_LISTED + more) {
        let sent = Sent { from: Side::Client, bytes: vec![22] };
        all.extend(capture_of::packets(Link::Ethernet, port, &[sent], 1_000));
    }
    let pcap = capture_of::pcap(Link::Ethernet, &all);
    let list = ask(&Captured { pcap, key_log: Vec::new() }, Value::Null);
    assert_eq!(list["connections"].as_array().unwrap().len(), MAX_LISTED);
    assert_eq!(list["unlisted"], more);
}

#[test]
fn what_is_there_of_a_damaged_capture_is_listed() {
    let whole = Captured::new(CipherSuiteId::TLS_AES_128_GCM_SHA256);
    let count = |list: &Value| list["connections"].as_array().unwrap().len();
    let mut previous = 0;
    for length in (0..=whole.pcap.len()).step_by(397) {
        let captured =
            Captured { pcap: whole.pcap[..length].to_vec(), key_log: whole.key_log.clone() };
        let list = ask(&captured, Value::Null);
        assert!(count(&list) >= previous, "{length}: {list}");
        previous = count(&list);
        if previous > 0 {
            let part = ask(&captured, json!({ "number": 1, "resumed_from": null }));
            assert!(part["part"]["article"].as_str().unwrap().contains("ClientHello"), "{length}");
        }
    }
    assert_eq!(previous, 3);
    let mut damaged = Captured { pcap: whole.pcap.clone(), key_log: Vec::new() };
    let middle = damaged.pcap.len() / 2;
    damaged.pcap.truncate(middle);
    damaged.pcap.extend([0xff; 64]);
    let list = ask(&damaged, Value::Null);
    assert!(count(&list) >= 1, "{list}");
    assert_eq!(list["has_secrets"], json!(false));
    let foreign = Captured { pcap: b"PK\x03\x04 no capture".to_vec(), key_log: Vec::new() };
    let list = ask(&foreign, Value::Null);
    assert_eq!(list["error"], json!("the file is neither pcap nor pcapng"), "{list}");
}

#[test]
fn a_request_that_is_malformed_is_an_error() {
    let long = format!("{{{}", " ".repeat(2 * usize::try_from(MAX_REQUEST_LINE).unwrap()));
    for request in ["", "\n", "{}\n", "[1, 2]\n", long.as_str()] {
        let mut output = Vec::new();
        answer(request.as_bytes(), &mut output).unwrap_err();
        assert!(output.is_empty());
    }
    // The files may be shorter than the request says.
    let request = "{\"key_log_length\": 9, \"capture_length\": 99, \"wanted\": null}\nabc";
    let mut output = Vec::new();
    answer(request.as_bytes(), &mut output).unwrap();
    assert!(String::from_utf8(output).unwrap().contains("the capture is empty"));
}
