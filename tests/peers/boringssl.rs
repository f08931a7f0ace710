//! BoringSSL with the ClientHello of a browser, by curl_cffi, fetches from our server.

use std::io::{BufRead, BufReader, Write};
use std::sync::Arc;

use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::registry::NamedGroup as G;
use handclasp::{ServerConfig, ServerConnection, Stream};
use handclasp_testing::Identity;
use handclasp_testing::der::pem_text;
use handclasp_testing::process::{Folder, Listener, Process, available};

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/programs/fetch.py");

/// The group of the handshake, and whether it took a retry, with a server that has these groups.
fn fetched_with(browser: &str, theirs: Option<&str>, ours: &[G]) -> (G, bool) {
    let (identity, folder) = (Identity::p256(), Folder::new());
    let authority = folder.file("authority.pem", pem_text("CERTIFICATE", &identity.anchor));
    let mut provider = CryptoProvider::default();
    provider.groups.retain(|group| ours.contains(&group.name()));
    let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let config = ServerConfig::builder(provider).application_protocols(["http/1.1"]);
    let config = Arc::new(config.build(Arc::new(list)).unwrap());

    let listener = Listener::new();
    let port = listener.port().to_string();
    let mut arguments = vec![PROGRAM, &port, &authority, browser];
    arguments.extend(theirs);
    let process = Process::start("python3", &arguments);
    let server = ServerConnection::new(config);
    let mut server = BufReader::new(Stream::new(server, listener.accept()));
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        server.read_line(&mut line).unwrap();
    }
    let server = server.get_mut();
    server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwords").unwrap();
    process.wait_for("fetched words");
    let parameters = server.connection().parameters();
    (parameters.group.unwrap(), parameters.retried)
}

#[test]
fn browsers_of_boringssl_take_the_hybrid_or_what_a_retry_asks_for() {
    if !available("python3", PROGRAM, |version| version.contains("BoringSSL")) {
        return;
    }
    for browser in ["chrome152", "safari270", "firefox155"] {
        let fetched = |ours: &[G]| fetched_with(browser, None, ours);
        assert_eq!(fetched(&[G::X25519_MLKEM768, G::X25519]), (G::X25519_MLKEM768, false));
        assert_eq!(fetched(&[G::X25519]), (G::X25519, false));
        assert_eq!(fetched(&[G::SECP384R1]), (G::SECP384R1, true));
    }
    let theirs = Some("X25519:P-256:X25519MLKEM768");
    let fetched = fetched_with("chrome152", theirs, &[G::X25519_MLKEM768]);
    assert_eq!(fetched, (G::X25519_MLKEM768, true));
}
