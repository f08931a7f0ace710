//! Private authorities as people make them with `openssl`: the default profile takes them all.

use std::fs;
use std::process::{Command, Stdio};
use std::time::SystemTime;

use handclasp::certificate::{ChainRequest, Profile, Purpose, TrustAnchors, verify_chain};
use handclasp::crypto::CryptoProvider;
use handclasp_testing::openssl;
use handclasp_testing::process::Folder;
use pki_types::pem::PemObject;
use pki_types::{CertificateDer, ServerName, UnixTime};

/// Runs `openssl`, with words for files in the folder marked by `@`.
fn openssl(folder: &Folder, command: &str) {
    let arguments = command.split(' ').map(|word| match word.strip_prefix('@') {
        Some(name) => folder.path(name),
        None => word.to_owned(),
    });
    let output = Command::new("openssl").args(arguments).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The code of the problem in a profile, if there is one.
fn problem(folder: &Folder, leaf: &str, root: &str, profile: Profile) -> Option<&'static str> {
    let read = |name: &str| fs::read(folder.path(name)).unwrap();
    let anchors = TrustAnchors::from_pem(&read(root)).unwrap();
    let name = ServerName::try_from("example.com").unwrap();
    let end_entity = CertificateDer::from_pem_slice(&read(leaf)).unwrap();
    let names = [name.into()];
    let signatures = CryptoProvider::default().signatures;
    let algorithms: Vec<_> = signatures.for_certificates().collect();
    let mut request = ChainRequest::new(
        &end_entity,
        &[],
        &anchors,
        Purpose::Server,
        &names,
        UnixTime::since_unix_epoch(SystemTime::UNIX_EPOCH.elapsed().unwrap()),
        &algorithms,
    );
    request.profile = profile;
    verify_chain(&request).err().map(|error| error.kind.code())
}

#[test]
fn the_default_profile_takes_what_openssl_makes() {
    if !openssl::is_here() {
        return;
    }
    let folder = Folder::new();
    let san = "subjectAltName=DNS:example.com";
    folder.file("plain", san);
    // What the configuration that comes with it has had for its authorities for decades.
    folder.file("old", format!("{san}\nauthorityKeyIdentifier=keyid,issuer:always\n"));
    for command in [
        // A server's certificate that signed itself, and is a CA's as it has no extension against it.
        &format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout @key \
             -subj /CN=example.com -addext {san} -out @own.pem"
        ),
        "req -x509 -newkey rsa:2048 -nodes -days 2 -keyout @ca.key -subj /CN=Authority -out @ca.pem",
        "req -new -newkey rsa:2048 -nodes -keyout @leaf.key -subj / -out @leaf.csr",
        "x509 -req -in @leaf.csr -CA @ca.pem -CAkey @ca.key -days 2 -set_serial 1 -extfile @plain \
         -out @plain.pem",
        "x509 -req -in @leaf.csr -CA @ca.pem -CAkey @ca.key -days 2 -set_serial 2 -extfile @old \
         -out @old.pem",
        // With a CA's extensions, from the same command as the CA.
        &format!(
            "req -x509 -newkey rsa:2048 -nodes -days 2 -keyout @key2 -subj /CN=server -CA @ca.pem \
             -CAkey @ca.key -addext {san} -out @ca-leaf.pem"
        ),
    ] {
        openssl(&folder, &command.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    for (leaf, root, strict) in [
        ("own.pem", "own.pem", "ca-used-as-end-entity"),
        ("plain.pem", "ca.pem", "end-entity-purposes"),
        ("old.pem", "ca.pem", "authority-key-issuer"),
        ("ca-leaf.pem", "ca.pem", "ca-used-as-end-entity"),
    ] {
        assert_eq!(problem(&folder, leaf, root, Profile::Default), None, "{leaf}");
        assert_eq!(problem(&folder, leaf, root, Profile::Strict), Some(strict), "{leaf}");
    }
}
