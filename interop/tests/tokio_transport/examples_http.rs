//! The examples with hyper, built, run and spoken to: by curl, and by hyper's client.

use std::io::{Read, Write};

use handclasp_testing::examples::{
    Files, build, exhaust_files, port, start, start_of, start_with_few_files,
};
use handclasp_testing::process::{self, Process, available};
use handclasp_testing::{Identity, NAME};

const ANY_PORT: &str = "127.0.0.1:0";

fn curl_is_here() -> bool {
    available("curl", "--version", |version| {
        version.contains("https") && version.contains("OpenSSL/3") && version.contains("HTTP2")
    })
}

/// What curl says, and whether it is content.
fn curl(files: &Files, port: u16, path: &str, more: &[&str]) -> (String, bool) {
    let resolve = format!("{NAME}:{port}:127.0.0.1");
    let url = format!("https://{NAME}:{port}{path}");
    let arguments = [
        &["--disable", "--silent", "--show-error", "--noproxy", "*", "--max-time", "15"][..],
        &["--tlsv1.3", "--cacert", &files.anchor, "--resolve", &resolve, &url],
        more,
    ];
    let mut curl = Process::start("curl", &arguments.concat());
    let success = curl.wait_for_end().success();
    (curl.wait_for(if success { "\n" } else { "curl:" }), success)
}

#[test]
fn curl_speaks_the_protocol_that_alpn_has_chosen_to_the_server_with_hyper() {
    if !curl_is_here() {
        return;
    }
    let files = Files::new(&Identity::p256());
    let server = start("hyper_server", &[ANY_PORT, &files.chain, &files.key]);
    let port = port(&server);
    for (option, version) in
        [("--http2", "HTTP/2.0"), ("--http1.1", "HTTP/1.1"), ("--no-alpn", "HTTP/1.1")]
    {
        let (answer, success) = curl(&files, port, "/some/path", &[option]);
        assert!(success && answer == format!("/some/path over {version}\n"), "{option}: {answer}");
    }
    // And says why there is nothing where there is nothing in common.
    let (refused, success) = curl(&files, port, "/", &["--tlsv1.2", "--tls-max", "1.2"]);
    assert!(!success && refused.contains("alert protocol version"), "{refused}");
    server.wait_for("the peer does not offer TLS 1.3");
    let url = format!("http://127.0.0.1:{port}/");
    let mut plain = Process::start("curl", &["--disable", "--silent", "--noproxy", "*", &url]);
    assert!(plain.wait_for_end().success(), "{}", plain.wait_for(""));
    assert_eq!(plain.wait_for("\n"), "This port speaks HTTPS.\n");
    server.wait_for("the peer seems to speak HTTP without TLS");
}

#[test]
fn the_connector_for_hyper_speaks_to_the_server_with_hyper() {
    let files = Files::new(&Identity::p256());
    let hyper = start("hyper_server", &[ANY_PORT, &files.chain, &files.key]);
    let url = format!("https://localhost:{}/", port(&hyper));
    let mut client = start_of("integrations/hyper", "http_client", &[&url, &files.anchor]);
    assert!(client.wait_for_end().success(), "{}", client.wait_for(""));
    assert_eq!(client.wait_for("HTTP/2.0\n"), "HTTP/2.0 200 OK\n/ over HTTP/2.0\n");
}

#[test]
fn servers_go_on_when_clients_could_not_be_accepted() {
    let files = Files::new(&Identity::p256());
    let usual = [ANY_PORT, &files.chain, &files.key];
    let anchor = files.folder.file("fresh.pem", "");
    let chat = [ANY_PORT, &anchor];
    let signer_socket = std::env::temp_dir().join(format!("few-{}", std::process::id()));
    let signer_socket = signer_socket.into_os_string().into_string().unwrap();
    let signer = start("keyless", &["sign", &signer_socket, &files.key]);
    signer.wait_for("signing on");
    let keyless = ["serve", &signer_socket, ANY_PORT, &files.chain];
    for (folder, name, arguments) in [
        (".", "server", &usual[..]),
        ("interop", "hyper_server", &usual),
        ("interop", "wss_chat", &chat),
        ("interop", "keyless", &keyless),
    ] {
        let server = start_with_few_files(&build(folder, name), arguments);
        let clients = exhaust_files(&server);
        server.wait_for("cannot accept");
        drop(clients);
        let address = ([127, 0, 0, 1], port(&server)).into();
        // What is no TLS is answered, too: the server is there.
        let mut socket = process::connect(address);
        socket.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        socket.read_exact(&mut [0]).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    std::fs::remove_file(&signer_socket).unwrap();
}
