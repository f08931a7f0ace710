//! The traces of RFC 8448, byte for byte, in both roles.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[cfg(not(feature = "ring"))]
use handclasp::crypto::aws_lc_rs::{SHA256, TLS_AES_128_GCM_SHA256};
#[cfg(feature = "ring")]
use handclasp::crypto::ring::{SHA256, TLS_AES_128_GCM_SHA256};
use handclasp::crypto::{CipherSuite, Hash, StaticOrArc};
use handclasp::key_schedule::TrafficSecret;
use handclasp::record::Opener;
use handclasp::registry::ContentType;
use handclasp_replay::{Report, Vectors, replay, replay_all};

/// The suite of the traces.
const SUITE: StaticOrArc<CipherSuite> = StaticOrArc::Static(&TLS_AES_128_GCM_SHA256);

/// The SHA-256 of `vectors/SHA256SUMS`.
const SUM_OF_SUMS: &str = "59fa819b77a84a6f17aa36186bd336830eefa587ef89e36e2b434aadca73f8a7";

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

#[test]
fn all_sections_are_replayed_byte_for_byte_in_both_roles() {
    let reports = replay_all(&Vectors::embedded().unwrap());
    for report in &reports {
        let Report { section, role, status, .. } = report;
        let (passed, total, bytes) = (report.passed(), report.total(), report.bytes());
        println!("section {section}, {role}: {passed} of {total}, {bytes} bytes, {status:?}");
        for check in report.failures() {
            let actual = check.actual.as_ref().map(hex::encode);
            println!("  {check}: {} and not {actual:?}", hex::encode(&check.expected));
        }
    }
    assert_eq!(
        reports.iter().map(|report| report.section).collect::<Vec<_>>(),
        [3, 3, 4, 4, 5, 5, 6, 6, 7, 7]
    );
    assert!(reports.iter().all(|report| report.is_success()));
    let checks: usize = reports.iter().map(|report| report.total()).sum();
    let bytes: usize = reports.iter().map(|report| report.bytes()).sum();
    println!("{checks} values of {bytes} bytes are the same");
    assert!(checks >= 1_350 && bytes >= 72_000);
}

#[test]
fn a_directory_gives_the_same_reports_as_the_embedded_vectors() {
    let loaded = Vectors::load(directory()).unwrap();
    assert_eq!(replay(5, &loaded), replay(5, &Vectors::embedded().unwrap()));
    assert!(Vectors::load("no such directory").is_err());
}

#[test]
fn changing_any_byte_string_of_section_3_makes_a_check_fail() {
    let read = |name: &str| std::fs::read_to_string(directory().join(name));
    let mut changed = 0;
    for (file, start) in [
        ("section3-simple-1rtt.json", "\"steps\""),
        ("derived-section3-simple-1rtt.json", "\"records\""),
    ] {
        let text = read(file).unwrap();
        for position in byte_strings(&text, text.find(start).unwrap()) {
            let mut bytes = text.clone().into_bytes();
            bytes[position] = if bytes[position] == b'1' { b'2' } else { b'1' };
            let vectors = Vectors::read(|name| match name == file {
                true => Ok(String::from_utf8(bytes.clone()).unwrap()),
                false => read(name),
            });
            let reports = replay(3, &vectors.unwrap());
            let failures: usize = reports.iter().map(|report| report.failures().count()).sum();
            let line = text[..position].lines().count();
            assert!(failures > 0, "{file}, line {line}: nothing failed");
            changed += 1;
        }
    }
    println!("{changed} values were changed, one at a time");
    assert!(changed >= 100);
}

/// The middle of each quoted string of hexadecimal digits from `start` on. Left out are the version
/// in a record's header, which stands in the whole record too, and the sum of the RFC's text.
fn byte_strings(text: &str, start: usize) -> Vec<usize> {
    let mut positions = Vec::new();
    let mut at = start;
    let mut before = "";
    for piece in text[start..].split('"') {
        let hex = piece.len() >= 4 && piece.bytes().all(|byte| byte.is_ascii_hexdigit());
        if hex && before != "legacy_version" && before != "source_sha256" {
            positions.push(at + piece.len() / 2);
        }
        if piece.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
            before = piece;
        }
        at += piece.len() + 1;
    }
    positions
}

#[test]
fn the_vectors_are_unchanged_and_complete() {
    let sum = |name: &str| {
        let bytes = std::fs::read(directory().join(name)).unwrap();
        hex::encode(&*SHA256.digest(&bytes))
    };
    assert_eq!(sum("SHA256SUMS"), SUM_OF_SUMS);
    let sums = std::fs::read_to_string(directory().join("SHA256SUMS")).unwrap();
    let mut names = BTreeSet::from(["SHA256SUMS".to_owned()]);
    for line in sums.lines() {
        let (expected, name) = line.split_once("  ").unwrap();
        assert_eq!(sum(name), expected, "{name}");
        names.insert(name.to_owned());
    }
    let entries = std::fs::read_dir(directory()).unwrap();
    let files = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(files.collect::<BTreeSet<_>>(), names);
}

/// What a key log would have of section 3, and what the trace has under "key" and "iv".
const LOGGED: [(&str, &str, &str); 4] = [
    (
        "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21",
        "dbfaa693d1762c5b666af5d950258d01",
        "5bd3c71b836e0b76bb73265f",
    ),
    (
        "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38",
        "3fce516009c21727d0f2e4e86ee403bc",
        "5d313eb2671276ee13000b30",
    ),
    (
        "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5",
        "17422dda596ed5d9acd890e3c63f5051",
        "5b78923dee08579033e523d9",
    ),
    (
        "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643",
        "9f02283b6c9c07efc26bb9f2ac92e356",
        "cf782b88dd83549aadf1e984",
    ),
];

#[test]
fn a_logged_traffic_secret_gives_the_key_and_iv_of_its_records() {
    for (secret, key, iv) in LOGGED {
        let secret = hex::decode(secret).unwrap();
        let secret = TrafficSecret::from_bytes(SUITE, &secret).unwrap();
        let derived = secret.key_and_iv().unwrap();
        assert_eq!(hex::encode(derived.key.as_bytes()), key);
        assert_eq!(hex::encode(*derived.iv), iv);
        let after = secret.after_key_update().unwrap();
        assert_ne!(after.as_bytes(), secret.as_bytes());
    }
    let short = TrafficSecret::from_bytes(SUITE, &[7; 31]);
    let long = TrafficSecret::from_bytes(SUITE, &[7; 48]);
    assert!(short.is_err() && long.is_err());
}

/// The server's first protected record of section 3 is opened with nothing but the logged secret.
#[test]
fn a_record_of_the_trace_opens_under_the_logged_secret() {
    let text =
        std::fs::read_to_string(directory().join("derived-section3-simple-1rtt.json")).unwrap();
    let values: serde_json::Value = serde_json::from_str(&text).unwrap();
    let bytes = |value: &serde_json::Value| hex::decode(value.as_str().unwrap()).unwrap();
    let records = values["records"].as_array().unwrap();
    let first = records.iter().find(|record| {
        record["side"] == "server" && record["record"].as_str().unwrap().starts_with("17")
    });
    let first = first.unwrap();
    let secret = bytes(&values["secrets"]["server_handshake_traffic"]);
    let secret = TrafficSecret::from_bytes(SUITE, &secret).unwrap();
    let mut opener = Opener::plaintext();
    opener.install(secret.traffic_keys().unwrap());
    let mut record = bytes(&first["record"]);
    let opened = opener.open(&mut record).unwrap().unwrap();
    assert_eq!(opened.content_type, ContentType::HANDSHAKE);
    assert_eq!(opened.payload, bytes(&first["payload"]));
}
