//! The traces of RFC 8448, byte for byte, in both roles.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use handclasp::crypto::Hash;
use handclasp::crypto::ring::SHA256;
use handclasp_replay::{Report, Vectors, replay, replay_all};

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
