//! Private keys on a token of SoftHSM.

use std::process::{Command, Stdio};

use handclasp_testing::process::available;

use crate::common::{Files, Server, handclasp, run_with_input, text};

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// A token `web` with the key of these files. Returns the file of SoftHSM's configuration, or `None` where there is no
/// SoftHSM.
fn token(files: &Files) -> Option<String> {
    if !available("softhsm2-util", "--version", |version| version.starts_with("2.")) {
        return None;
    }
    let settings = format!("directories.tokendir = {}\nlog.level = ERROR\n", files.path(""));
    files.write("softhsm2.conf", &settings);
    let settings = files.path("softhsm2.conf");
    let key = files.path("key.pem");
    for arguments in [
        &["--init-token", "--free", "--label", "web", "--pin", "1234", "--so-pin", "5678"][..],
        &["--import", &key, "--token", "web", "--label", "key", "--id", "01", "--pin", "1234"],
    ] {
        let mut command = Command::new("softhsm2-util");
        command.args(arguments).env("SOFTHSM2_CONF", &settings).stdin(Stdio::null());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    Some(settings)
}

fn uri(rest: &str) -> String {
    format!("pkcs11:token=web;object=key?module-path={MODULE}&{rest}")
}

#[test]
fn server_and_client_sign_with_a_key_of_a_token() {
    let files = Files::new();
    let Some(settings) = token(&files) else { return };
    files.write("pin", "1234\n");
    let key = uri(&format!("pin-source=file:{}", files.path("pin")));
    let (cert, ca) = (files.path("cert.pem"), files.path("ca.pem"));
    let arguments = ["--cert", &cert, "--key", &key, "--client-ca", &ca];
    let server = Server::start_with_variable("SOFTHSM2_CONF", &settings, &arguments);
    let mut client = handclasp(["connect", &server.address, "--ca", &ca]);
    client.args(["--client-cert", &cert, "--client-key", &key]).env("SOFTHSM2_CONF", &settings);
    let output = run_with_input(client, b"words\r\n\r\n");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn what_is_wrong_with_a_token_is_said_without_the_pin() {
    let files = Files::new();
    let Some(settings) = token(&files) else { return };
    let cert = files.path("cert.pem");
    for (key, words) in [
        (uri("pin-value=hunter2"), "--key: the PIN is wrong"),
        (uri("pin-value=hunter2&pin=1"), "--key: attribute 5 has an unknown name"),
        (
            format!("pkcs11:token=web;object=keyy?module-path={MODULE}&pin-value=1234"),
            "object=key id=%01",
        ),
        ("pkcs11:token=web?pin-value=hunter2".to_owned(), "no PKCS#11 module is named"),
    ] {
        let mut command = handclasp(["serve", "--once", "--cert", &cert, "--key", &key]);
        let output = command.env("SOFTHSM2_CONF", &settings).output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(words) && !said.contains("hunter2"), "{said}");
    }
}
