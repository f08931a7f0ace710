//! The examples, built and run.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::Identity;
use crate::der::pem_text;
use crate::process::{self, Folder, PATIENCE, Process, target_folder};

/// Builds an example of the package in this folder of the repository as the tests are built, and
/// returns its path. Most often it is there already.
pub fn build(folder: &str, name: &str) -> String {
    build_with(folder, name, &[])
}

/// As [`build`], with more arguments for cargo.
pub fn build_with(folder: &str, name: &str, more: &[&str]) -> String {
    let target = target_folder();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--profile", "test", "--quiet", "--manifest-path"]);
    // Not `--package`: the features of the library would be others, and it would be built again.
    cargo.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder).join("Cargo.toml"));
    cargo.args(["--example", name, "--target-dir"]).arg(&target).args(more);
    // The variables that cargo sets for this test would make build scripts run again, and all that
    // depends on them be built anew.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    assert!(cargo.status().unwrap().success(), "{name} cannot be built");
    target.join("debug/examples").join(name).into_os_string().into_string().unwrap()
}

/// Starts an example of `interop/`.
pub fn start(name: &str, arguments: &[&str]) -> Process {
    start_of("interop", name, arguments)
}

/// Starts an example of the package in this folder.
pub fn start_of(folder: &str, name: &str, arguments: &[&str]) -> Process {
    Process::start(&build(folder, name), arguments)
}

/// An identity in files, as the examples take it.
pub struct Files {
    pub folder: Folder,
    pub anchor: String,
    pub chain: String,
    pub key: String,
}

impl Files {
    pub fn new(identity: &Identity) -> Self {
        let folder = Folder::new();
        let anchor = folder.file("anchor.pem", pem_text("CERTIFICATE", &identity.anchor));
        let chain = folder.file("chain.pem", pem_text("CERTIFICATE", &identity.chain[0]));
        let key = folder.file("key.pem", pem_text("PRIVATE KEY", identity.key.secret_der()));
        Self { folder, anchor, chain, key }
    }
}

/// The port that a server says it listens on.
pub fn port(server: &Process) -> u16 {
    let output = server.wait_for("listening on ");
    let line = output.lines().find_map(|line| line.strip_prefix("listening on ")).unwrap();
    line.rsplit_once(':').unwrap().1.trim().parse().unwrap()
}

/// A program that [`start_with_few_files`] starts may have so many files open.
const FEW_FILES: usize = 24;

/// Starts the program at this path so that it may have few files open.
pub fn start_with_few_files(program: &str, arguments: &[&str]) -> Process {
    let script = format!("ulimit -n {FEW_FILES}; exec \"$0\" \"$@\"");
    Process::start("sh", &[&["-c", &script, program][..], arguments].concat())
}

/// Connects to a server of [`start_with_few_files`] until it has as many files open as it may, while more clients wait:
/// it cannot accept the next one, until the clients are dropped.
#[must_use]
pub fn exhaust_files(server: &Process) -> Vec<TcpStream> {
    let address = ([127, 0, 0, 1], port(server)).into();
    let clients = (0..2 * FEW_FILES).map(|_| process::connect(address)).collect();
    let deadline = Instant::now() + PATIENCE;
    while server.open_files() < FEW_FILES {
        assert!(Instant::now() < deadline, "{} files are open", server.open_files());
        thread::sleep(Duration::from_millis(5));
    }
    clients
}
