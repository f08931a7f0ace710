//! What becomes of output that cannot be written, and of input that ends.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::common::{Files, Server, handclasp, run_with_input, text};
use handclasp::pki_types::pem::PemObject;
use handclasp::pki_types::{CertificateDer, PrivateKeyDer};
use handclasp::{CertifiedKey, ServerConfig, ServerConnection, Stream};
use handclasp_testing::process::PATIENCE;

/// Commands that write to standard output, each of which succeeds where that can be written.
fn commands(files: &Files, server: &Server) -> Vec<Command> {
    let (ca, cert) = (files.path("ca.pem"), files.path("cert.pem"));
    files.write("cases", "{\"id\": 1, \"chain\": [\"none\"], \"roots\": []}\n");
    vec![
        handclasp(["connect", &server.address, "--ca", &ca, "--quiet"]),
        handclasp(["verify", &cert, "--ca", &ca]),
        handclasp(["verify", &cert, "--ca", &ca, "--json"]),
        handclasp(["verify", "--batch", &files.path("cases")]),
        handclasp(["vectors"]),
        handclasp(["vectors", "--json"]),
        handclasp([]),
        handclasp(["--json"]),
    ]
}

#[test]
fn what_cannot_be_written_makes_the_program_fail() {
    let Ok(_) = OpenOptions::new().write(true).open("/dev/full") else {
        return println!("skipped: there is no /dev/full");
    };
    let files = Files::new();
    let server = Server::start(&files, &[]);
    for mut command in commands(&files, &server) {
        assert_eq!(command.output().unwrap().status.code(), Some(0), "{command:?}");
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = command.stdout(full).stderr(Stdio::piped()).output().unwrap();
        let printed = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{command:?}: {printed}");
        assert!(printed.contains("standard output cannot be written"), "{command:?}: {printed}");
    }
}

#[test]
fn a_pipe_that_its_reader_has_closed_ends_the_program_quietly() {
    let files = Files::new();
    let server = Server::start(&files, &[]);
    for mut command in commands(&files, &server) {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let printed = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{command:?}: {printed}");
        assert!(!printed.contains("error"), "{command:?}: {printed}");
    }
}

/// Takes a request, and answers a while later, unless the client says before that it is done: what
/// servers do that take it for a client that has gone. Returns whether it has answered.
fn impatient_server(files: &Files, patience: Duration) -> (String, thread::JoinHandle<bool>) {
    let chain = vec![CertificateDer::from_pem_slice(files.read("cert.pem").as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(files.read("key.pem").as_bytes()).unwrap();
    let key = CertifiedKey::from_der(chain, &key).unwrap();
    let config = Arc::new(ServerConfig::new(key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("localhost:{}", listener.local_addr().unwrap().port());
    let serving = thread::spawn(move || {
        let socket = listener.accept().unwrap().0;
        let mut stream = Stream::new(ServerConnection::new(config), socket);
        let mut request = [0; 7];
        stream.read_exact(&mut request).unwrap();
        stream.transport().set_read_timeout(Some(patience)).unwrap();
        let error = match stream.read(&mut request) {
            Ok(count) => {
                assert_eq!(count, 0, "the client has sent all");
                return false;
            }
            Err(error) => error,
        };
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        stream.write_all(b"an answer").unwrap();
        stream.close().unwrap();
        true
    });
    (address, serving)
}

#[test]
fn the_end_of_the_input_waits_for_the_server_unless_an_option_says_not_to() {
    let files = Files::new();
    let ca = files.path("ca.pem");
    let (address, serving) = impatient_server(&files, Duration::from_millis(700));
    let output = run_with_input(handclasp(["connect", &address, "--ca", &ca]), b"request");
    assert!(serving.join().unwrap(), "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(output.stdout, b"an answer");

    let (address, serving) = impatient_server(&files, PATIENCE);
    let command = handclasp(["connect", &address, "--ca", &ca, "--half-close"]);
    let output = run_with_input(command, b"request");
    assert!(!serving.join().unwrap(), "close_notify came before the answer");
    assert_eq!(output.stdout, b"");
}

/// What the server has got is not all: it receives an alert, and no close_notify.
#[cfg(unix)]
#[test]
fn input_that_cannot_be_read_makes_the_program_fail() {
    let files = Files::new();
    let ca = files.path("ca.pem");
    let mut server = Server::start(&files, &["--echo"]);
    let mut command = handclasp(["connect", &server.address, "--ca", &ca]);
    // A directory can be opened, and not read.
    let output = command.stdin(File::open(files.path("")).unwrap()).output().unwrap();
    let printed = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(printed.contains("standard input cannot be read"), "{printed}");
    let logged = server.log_line_with("failed");
    assert!(logged.contains("internal_error"), "{logged}");
}
