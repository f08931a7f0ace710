//! The example that leaves the certificates to the operating system.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread;

use handclasp::credential::CertificateList;
use handclasp::{CertifiedKey, CryptoProvider, ServerConfig, ServerConnection, Stream};
use handclasp_testing::authority;
use handclasp_testing::der::pem_text;
use handclasp_testing::examples;
use handclasp_testing::process::{Folder, Listener};

/// Connects the example to a server of this configuration, with these roots of the system.
fn fetch(program: &str, config: &Arc<ServerConfig>, roots: &str) -> Output {
    let listener = Listener::new();
    let address = format!("localhost:{}", listener.port());
    let config = Arc::clone(config);
    let server = thread::spawn(move || {
        let connection = ServerConnection::new(config);
        let mut stream = BufReader::new(Stream::new(connection, listener.accept()));
        // A client that refuses the server has said so.
        if stream.read_line(&mut String::new()).is_ok() {
            stream.get_mut().write_all(b"words of the server").unwrap();
            stream.get_mut().close().unwrap();
        }
    });
    let output = Command::new(program).arg(address).env("SSL_CERT_FILE", roots).output().unwrap();
    server.join().unwrap();
    output
}

#[test]
fn the_verifier_of_the_platform_accepts_the_chains_of_the_systems_roots_only() {
    let program = examples::build("interop", "platform_verifier");
    let (root, other) = (authority::root("a root"), authority::root("another root"));
    let mut params = authority::params("a server");
    params.subject_alt_names = vec![rcgen::SanType::DnsName("localhost".try_into().unwrap())];
    params.not_after = rcgen::date_time_ymd(2100, 1, 1);
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &root).unwrap().der().clone();
    let key = key.serialize_der().try_into().unwrap();
    let certified = CertifiedKey::from_der(vec![certificate], &key).unwrap();
    let list = CertificateList::new(vec![Arc::new(certified)]);
    let config = ServerConfig::builder(CryptoProvider::default()).build(Arc::new(list));
    let config = Arc::new(config.unwrap());
    let folder = Folder::new();
    let trusted = folder.file("trusted.pem", pem_text("CERTIFICATE", root.der()));
    let untrusted = folder.file("untrusted.pem", pem_text("CERTIFICATE", other.der()));

    let output = fetch(&program, &config, &trusted);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, b"words of the server");
    let output = fetch(&program, &config, &untrusted);
    assert!(!output.status.success());
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("UnknownIssuer"), "{words}");
}
