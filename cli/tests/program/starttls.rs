//! TLS that begins in the protocol of an application.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;

use handclasp::pki_types::pem::PemObject;
use handclasp::pki_types::{CertificateDer, PrivateKeyDer};
use handclasp::{CertifiedKey, ServerConfig, ServerConnection, Stream};
use handclasp_testing::ports::free_tcp_port;

use crate::common::{Files, handclasp, text};

/// What a server does before TLS. It returns whether TLS follows.
type Greet = fn(&mut TcpStream) -> bool;

/// A server that accepts one connection, speaks in clear with `greet`, and then TLS if that returns true.
fn server(files: &Files, greet: Greet) -> (String, thread::JoinHandle<()>) {
    let chain = vec![CertificateDer::from_pem_slice(files.read("cert.pem").as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(files.read("key.pem").as_bytes()).unwrap();
    let key = CertifiedKey::from_der(chain, &key).unwrap();
    let config = Arc::new(ServerConfig::new(key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = thread::spawn(move || {
        let mut socket = listener.accept().unwrap().0;
        if !greet(&mut socket) {
            return;
        }
        let mut stream = Stream::new(ServerConnection::new(config), socket);
        stream.write_all(b"in TLS").unwrap();
        stream.close().unwrap();
    });
    (address, serving)
}

fn line(socket: &mut TcpStream) -> String {
    let mut line = String::new();
    BufReader::with_capacity(1, socket).read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

fn smtp(socket: &mut TcpStream) -> bool {
    socket.write_all(b"220-mail.example\r\n220 ready\r\n").unwrap();
    assert!(line(socket).starts_with("EHLO "));
    socket.write_all(b"250-mail.example\r\n250-PIPELINING\r\n250 STARTTLS\r\n").unwrap();
    assert_eq!(line(socket), "STARTTLS");
    socket.write_all(b"220 go ahead\r\n").unwrap();
    true
}

fn imap(socket: &mut TcpStream) -> bool {
    socket.write_all(b"* OK [CAPABILITY IMAP4rev2 STARTTLS] ready\r\n").unwrap();
    assert_eq!(line(socket), "a1 STARTTLS");
    socket.write_all(b"* OK still here\r\na1 OK begin now\r\n").unwrap();
    true
}

fn postgres(socket: &mut TcpStream) -> bool {
    let mut request = [0; 8];
    socket.read_exact(&mut request).unwrap();
    assert_eq!(request, [0, 0, 0, 8, 4, 210, 22, 47]);
    socket.write_all(b"S").unwrap();
    true
}

#[test]
fn each_protocol_leads_to_tls() {
    let files = Files::new();
    let ca = files.path("ca.pem");
    for (protocol, greet) in
        [("smtp", smtp as Greet), ("imap", imap as Greet), ("postgres", postgres as Greet)]
    {
        let (address, serving) = server(&files, greet);
        let connect = ["connect", &address, "--ca", &ca, "--starttls", protocol];
        let output = handclasp(connect).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{protocol}: {}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "in TLS", "{protocol}");
        serving.join().unwrap();
        let (address, _) = server(&files, greet);
        let explain = ["explain", &address, "--ca", &ca, "--starttls", protocol];
        let output = handclasp(explain).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{protocol}: {}", text(&output.stderr));
    }
}

#[test]
fn a_server_without_tls_gets_a_hint_in_place_of_a_handshake() {
    let files = Files::new();
    let ca = files.path("ca.pem");
    let refuse: Greet = |socket| {
        socket.write_all(b"220 here\r\n").unwrap();
        line(socket);
        socket.write_all(b"250 mail.example\r\n").unwrap();
        false
    };
    let (address, serving) = server(&files, refuse);
    let connect = ["connect", &address, "--ca", &ca, "--starttls", "smtp"];
    let output = handclasp(connect).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let printed = text(&output.stderr);
    assert!(printed.contains("does not offer TLS") && printed.contains("help:"), "{printed}");
    serving.join().unwrap();
    // What follows the answer in clear must not count as an answer in TLS.
    let inject: Greet = |socket| {
        socket.write_all(b"* OK ready\r\n").unwrap();
        line(socket);
        socket.write_all(b"a1 OK begin\r\n* injected in clear\r\n").unwrap();
        // The alert of the client.
        socket.read_to_end(&mut Vec::new()).unwrap();
        false
    };
    let (address, _) = server(&files, inject);
    let connect = ["connect", &address, "--ca", &ca, "--starttls", "imap"];
    assert_eq!(handclasp(connect).output().unwrap().status.code(), Some(1));
}

/// A database of PostgreSQL with TLS, ended when this is dropped.
struct Postgres {
    files: Files,
    port: u16,
}

/// Debian's folder, which is not in PATH.
fn postgres_program(name: &str) -> Option<String> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut programs = versions.flatten().map(|folder| folder.path().join("bin").join(name));
    Some(programs.find(|path| path.exists())?.to_str()?.to_owned())
}

/// PostgreSQL refuses to run as root.
fn as_postgres(arguments: &[&str]) -> bool {
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

impl Postgres {
    fn start() -> Option<Self> {
        let (initdb, control) = (postgres_program("initdb")?, postgres_program("pg_ctl")?);
        let files = Files::new();
        let (folder, data) = (files.path(""), files.path("data"));
        let owned = Command::new("chown").args(["-R", "postgres", &folder]).status();
        if !owned.is_ok_and(|status| status.success()) || !as_postgres(&[&initdb, "-D", &data]) {
            return None;
        }
        let port = free_tcp_port();
        for name in ["cert.pem", "key.pem"] {
            as_postgres(&["cp", &files.path(name), &data]);
        }
        as_postgres(&["chmod", "600", &format!("{data}/key.pem")]);
        let settings = format!(
            "-p {port} -h 127.0.0.1 -k {folder} -c ssl=on -c ssl_cert_file=cert.pem \
             -c ssl_key_file=key.pem"
        );
        let started = as_postgres(&[&control, "-D", &data, "-w", "-o", &settings, "start"]);
        started.then_some(Self { files, port })
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(control) = postgres_program("pg_ctl") {
            as_postgres(&[&control, "-D", &self.files.path("data"), "-m", "immediate", "stop"]);
        }
    }
}

#[test]
fn a_real_database_is_asked_for_tls() {
    if !Path::new("/usr/lib/postgresql").exists() {
        return eprintln!("skipped: PostgreSQL is not installed");
    }
    let Some(database) = Postgres::start() else {
        return eprintln!("skipped: PostgreSQL does not start here");
    };
    let (ca, address) = (database.files.path("ca.pem"), format!("127.0.0.1:{}", database.port));
    let explain = ["explain", &address, "--ca", &ca, "--starttls", "postgres"];
    let output = handclasp(explain).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("Certificate 1 of the server"));
}
