//! Wrong use ends with exit code 2, and says what to do.

use crate::common::{Files, handclasp, text};

fn assert_misuse<const N: usize>(arguments: [&str; N], words: &str) {
    let output = handclasp(arguments).output().unwrap();
    let printed = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {printed}");
    assert!(printed.contains(words), "{arguments:?}: {printed}");
}

#[test]
fn unknown_commands_and_missing_arguments() {
    assert_misuse(["shake"], "'(hidden: it may be a secret)'");
    assert_misuse(["shake"], "the commands are connect, check, serve, explain, vectors, verify");
    assert_misuse(["conect"], "similar subcommands exist: 'check', 'connect'");
    assert_misuse(["--nonsense"], "Usage");
    assert_misuse(["connect"], "HOST:PORT");
    assert_misuse(["serve"], "--cert");
}

#[test]
fn addresses_and_names_that_are_none() {
    let files = Files::new();
    let ca = files.path("ca.pem");
    for address in ["localhost", ":443", "localhost:https", "::1:443"] {
        assert_misuse(["connect", address, "--ca", &ca], "HOST:PORT");
    }
    for address in ["localhost:99999", "localhost:0", "[::1]:65536"] {
        assert_misuse(["connect", address, "--ca", &ca], "a number from 1 to 65535");
    }
    assert_misuse(["connect", "::1:443", "--ca", &ca], "in brackets");
    let (cert, key) = (files.path("cert.pem"), files.path("key.pem"));
    let serve = ["serve", "--cert", &cert, "--key", &key, "127.0.0.1:4433"];
    assert_misuse(serve, "write --listen 127.0.0.1:4433");
    for (address, words) in [
        ("localhost:4433", "\"localhost\" is a name, and no address"),
        ("127.0.0.1:65536", "a number from 0 to 65535"),
        ("::1:1", "such as 127.0.0.1:4433 or [::1]:4433"),
    ] {
        assert_misuse(["serve", "--cert", &cert, "--key", &key, "--listen", address], words);
    }
    assert_misuse(["connect", "localhost:1", "--ca", &ca, "--name", "not a name"], "--name");
}

#[test]
fn files_that_cannot_be_used() {
    let files = Files::new();
    let (cert, key, ca) = (files.path("cert.pem"), files.path("key.pem"), files.path("ca.pem"));
    let missing = files.path("missing.pem");
    files.write("empty.pem", "nothing\n");
    files.write("broken.pem", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
    let (empty, broken) = (files.path("empty.pem"), files.path("broken.pem"));

    // The beginnings of PKCS#7 and of PKCS#12 in DER.
    let data = [0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
    for before in [&[0x30, 0x82, 1, 0][..], &[0x30, 0x82, 1, 0, 2, 1, 3, 0x30, 0x82, 0, 240]] {
        files.write_bytes("container", &[before, &data].concat());
        let container = files.path("container");
        assert_misuse(["connect", "localhost:1", "--ca", &container], "PKCS#12");
        assert_misuse(["serve", "--cert", &container, "--key", &key], "PKCS#12");
        assert_misuse(["verify", &container, "--ca", &ca], "PKCS#12");
        assert_misuse(["verify", &cert, "--ca", &container], "PKCS#12");
    }
    assert_misuse(["connect", "localhost:1", "--ca", &missing], "cannot be read");
    assert_misuse(["connect", "localhost:1", "--ca", &empty], "no certificate");
    assert_misuse(["connect", "localhost:1", "--ca", &broken], "not PEM");
    assert_misuse(["serve", "--cert", &missing, "--key", &key], "cannot be read");
    assert_misuse(["serve", "--cert", &empty, "--key", &key], "no certificate");
    assert_misuse(["serve", "--cert", &cert, "--key", &empty], "no private key");
    assert_misuse(["serve", "--cert", &ca, "--key", &key], "another key");
    assert_misuse(["serve", "--cert", &ca, "--key", &key], "help: give --key the key");
    assert_misuse(["explain", "--hex", &missing], "help: name a file with records in hexadecimal");
    assert_misuse(["explain", &ca, "--keylog", &missing], "help: name the file that SSLKEYLOGFILE");
    let own = files.read("key.pem");
    files
        .write("two.pem", &format!("{own}{}", rcgen::KeyPair::generate().unwrap().serialize_pem()));
    let (two, line) = (files.path("two.pem"), own.lines().count() + 1);
    let words = format!("line {line}: a second private key begins here");
    assert_misuse(["serve", "--cert", &cert, "--key", &two], &words);
    assert_misuse(
        ["connect", "localhost:1", "--ca", &ca, "--client-cert", &cert, "--client-key", &two],
        &words,
    );
    assert_misuse(["connect", "localhost:1", "--ca", &ca, "--keylog"], "SSLKEYLOGFILE");
}

#[test]
fn without_authorities_the_option_ca_is_asked_for() {
    let files = Files::new();
    let mut command = handclasp(["connect", "localhost:1"]);
    let output = command.env("SSL_CERT_FILE", files.path("missing.pem")).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--ca FILE"));
}

#[test]
fn an_address_without_a_listener_is_a_failure_and_no_misuse() {
    let files = Files::new();
    let ca = files.path("ca.pem");
    // A port that was free a moment ago may have a listener of another test.
    let output = handclasp(["connect", "127.0.0.1:1", "--ca", &ca]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("nothing listens there"));
}

#[test]
fn a_session_file_of_random_bytes_is_not_one_of_this_program() {
    let files = Files::new();
    files.write_bytes("random", &[0xff, 0x00, 0x80, 0x0a]);
    let (ca, random) = (files.path("ca.pem"), files.path("random"));
    let arguments = ["connect", "localhost:1", "--ca", &ca, "--session", &random];
    assert_misuse(arguments, "it is no text, with one session a line in hexadecimal digits");
}

#[test]
fn options_of_a_server_that_do_not_go_together_are_named() {
    let files = Files::new();
    let (cert, key) = (files.path("cert.pem"), files.path("key.pem"));
    assert_misuse(["serve", "--cert", &cert, "--key", &key, "--tickets", "17"], "--tickets");
    let numbers = "--cert is there 2 times, and --key once";
    assert_misuse(["serve", "--cert", &cert, "--cert", &cert, "--key", &key], numbers);
    // The address is taken, so that the server does not stay.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (tickets, warns) in [("0", true), ("1", false)] {
        let mut command = handclasp(["serve", "--cert", &cert, "--key", &key]);
        command.args(["--listen", &address, "--early-data", "100", "--tickets", tickets]);
        let output = command.output().unwrap();
        let printed = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{printed}");
        let warning = "--early-data has no effect with --tickets 0";
        assert_eq!(printed.contains(warning), warns, "{printed}");
    }
}
