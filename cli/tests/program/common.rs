//! What the tests share: certificates in a directory of their own, and the program itself.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use handclasp_testing::authority::root;

/// The program, with nothing of the environment that changes what it trusts.
pub fn handclasp<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handclasp"));
    command.args(arguments).stdin(Stdio::null());
    for name in ["SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"] {
        command.env_remove(name);
    }
    command
}

/// Runs the program to its end, with this on its standard input.
pub fn run_with_input(mut command: Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // A program that fails does not read its input.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A directory with an authority, a server's certificate and its key, gone when this is dropped.
pub struct Files {
    directory: PathBuf,
}

impl Files {
    pub fn new() -> Self {
        static DIRECTORIES: AtomicUsize = AtomicUsize::new(0);
        let number = DIRECTORIES.fetch_add(1, Ordering::Relaxed);
        let name = format!("handclasp-test-{}-{number}", std::process::id());
        let files = Self { directory: std::env::temp_dir().join(name) };
        fs::create_dir_all(&files.directory).unwrap();

        let authority = root("a test's authority");
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let params = rcgen::CertificateParams::new(names).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        files.write("ca.pem", &authority.pem());
        files.write("cert.pem", &certificate.pem());
        files.write("key.pem", &key.serialize_pem());
        files
    }

    pub fn path(&self, name: &str) -> String {
        self.directory.join(name).to_str().unwrap().to_owned()
    }

    pub fn write(&self, name: &str, contents: &str) {
        fs::write(self.directory.join(name), contents).unwrap();
    }

    pub fn write_bytes(&self, name: &str, contents: &[u8]) {
        fs::write(self.directory.join(name), contents).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.directory.join(name)).unwrap()
    }

    pub fn exists(&self, name: &str) -> bool {
        Path::new(&self.directory.join(name)).exists()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A running `handclasp serve`, stopped when this is dropped.
pub struct Server {
    child: Child,
    log: BufReader<ChildStdout>,
    pub address: String,
}

impl Server {
    /// On a free port, with these arguments more.
    pub fn start(files: &Files, arguments: &[&str]) -> Self {
        let (cert, key) = (files.path("cert.pem"), files.path("key.pem"));
        let mut all = vec!["--cert", &cert, "--key", &key, "--listen", "127.0.0.1:0"];
        all.extend(arguments);
        Self::start_alone(&all)
    }

    /// As [`start`](Self::start), with a log of JSON.
    pub fn start_json(files: &Files, arguments: &[&str]) -> Self {
        let (cert, key) = (files.path("cert.pem"), files.path("key.pem"));
        let mut all = vec!["--cert", &cert, "--key", &key, "--listen", "127.0.0.1:0", "--json"];
        all.extend(arguments);
        let mut server = Self::spawn(&all);
        let line: serde_json::Value = serde_json::from_str(&server.log_line()).unwrap();
        assert_eq!(line["event"], "listening");
        server.address = line["address"].as_str().unwrap().to_owned();
        server
    }

    /// With these arguments and no others.
    pub fn start_alone(arguments: &[&str]) -> Self {
        let mut server = Self::spawn(arguments);
        let line = server.log_line();
        server.address = line.strip_prefix("listening on ").expect(&line).to_owned();
        server
    }

    /// On a free port, with these arguments more and this variable in the environment.
    pub fn start_with_variable(name: &str, value: &str, arguments: &[&str]) -> Self {
        let mut command = handclasp(["serve", "--listen", "127.0.0.1:0"]);
        command.args(arguments).env(name, value);
        let mut server = Self::spawn_command(command);
        let line = server.log_line();
        server.address = line.strip_prefix("listening on ").expect(&line).to_owned();
        server
    }

    fn spawn(arguments: &[&str]) -> Self {
        let mut command = handclasp(["serve"]);
        command.args(arguments);
        Self::spawn_command(command)
    }

    fn spawn_command(mut command: Command) -> Self {
        command.stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = BufReader::new(child.stdout.take().unwrap());
        Self { child, log, address: String::new() }
    }

    pub fn log_line(&mut self) -> String {
        let mut line = String::new();
        self.log.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// The log's first line from here on with this in it.
    pub fn log_line_with(&mut self, words: &str) -> String {
        loop {
            let line = self.log_line();
            assert!(!line.is_empty(), "the log ended without {words:?}");
            if line.contains(words) {
                return line;
            }
        }
    }

    /// The port of its address.
    pub fn port(&self) -> &str {
        self.address.rsplit(':').next().unwrap()
    }

    /// Waits for its end, and returns its exit code.
    pub fn exit_code(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
