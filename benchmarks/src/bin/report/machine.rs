//! When, where and with what the benchmarks run.

use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

/// In two sentences.
pub fn description() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus
        .lines()
        .find(|line| line.starts_with("model name"))
        .and_then(|line| line.split(": ").nth(1))
        .unwrap_or("an unknown processor");
    let cores = available_parallelism().map_or(0, usize::from);
    let versions = ["ring", "aws-lc-rs", "rustls"].map(|name| format!("{name} {}", version(name)));
    format!(
        "{}, {model}, {cores} cores, {}. Commit {}, {}.",
        output("date", &["-u", "+%Y-%m-%d"]),
        output("rustc", &["--version"]),
        output("git", &["describe", "--always", "--dirty", "--exclude", "*"]),
        versions.join(", "),
    )
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|_| format!("without {program}"))
}

/// That of the crate in Cargo.lock.
fn version(name: &str) -> &'static str {
    const LOCK: &str = include_str!("../../../../Cargo.lock");
    let name = format!("name = \"{name}\"\nversion = \"");
    let rest = LOCK.split_once(&name).expect("the crate is in Cargo.lock").1;
    rest.split_once('"').expect("a version ends").0
}
