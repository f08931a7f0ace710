//! The replay of RFC 8448 from the command line.

use crate::common::{Files, handclasp, text};
use serde_json::Value;

#[test]
fn the_last_line_counts_the_checks_and_none_fails() {
    let output = handclasp(["vectors"]).output().unwrap();
    let printed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{printed}");
    let last = printed.lines().last().unwrap();
    let (checks, failed) = last.split_once(" checks, ").unwrap();
    assert!(checks.parse::<usize>().unwrap() > 0, "{last}");
    assert_eq!(failed, "0 failed");
}

#[test]
fn machines_get_the_same_count() {
    let output = handclasp(["vectors", "--json"]).output().unwrap();
    let lines: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let checks = lines.iter().filter(|line| line["event"] == "check").count();
    assert_eq!(lines.last().unwrap()["checks"], checks);
    assert_eq!(lines.last().unwrap()["failed"], 0);
}

#[test]
fn a_directory_without_vectors_is_a_misuse() {
    let files = Files::new();
    let output = handclasp(["vectors", &files.path("")]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("DIR"));
}
