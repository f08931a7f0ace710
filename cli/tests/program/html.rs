//! Pages of handshakes.

use crate::common::{Files, Server, handclasp, text};

#[test]
fn the_demonstration_writes_a_page_without_secrets() {
    let files = Files::new();
    let file = files.path("page.html");
    let output = handclasp(["--html", &file]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("ClientHello"), "it is also explained as text");
    let page = files.read("page.html");
    assert!(page.starts_with("<!doctype html>") && page.contains("server.example"));
    assert!(!page.contains("This page has the secrets"));
    let output = handclasp(["--html", &file, "--show-secrets"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(files.read("page.html").contains("This page has the secrets"));
}

#[test]
fn connect_writes_a_page_of_what_it_saw() {
    let files = Files::new();
    let server = Server::start(&files, &[]);
    let (ca, file) = (files.path("ca.pem"), files.path("page.html"));
    let connect = ["connect", &server.address, "--ca", &ca, "--html", &file];
    let output = handclasp(connect).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let page = files.read("page.html");
    assert!(page.contains("The handshake is complete."));
    assert!(page.contains(&server.address), "the addresses are in it");
    assert!(page.contains("Alert close_notify"), "it has what came after the handshake");
}

#[test]
fn the_page_of_a_failure_begins_with_the_words_of_the_program() {
    let (files, other) = (Files::new(), Files::new());
    let server = Server::start(&files, &[]);
    let (ca, file) = (other.path("ca.pem"), files.path("page.html"));
    let connect = ["connect", &server.address, "--ca", &ca, "--html", &file, "--json"];
    let output = handclasp(connect).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    let page = files.read("page.html");
    let (_, diagnosis) = page.split_once("<section class=\"diagnosis\"").unwrap();
    let diagnosis = diagnosis.split_once("</section>").unwrap().0;
    // The first letter is upper case in the page, which names the sides, and quotes are escaped.
    let words = error["message"].as_str().unwrap().replace("the peer", "the server");
    let words = words.split('"').next().unwrap().split('\'').next().unwrap();
    assert!(diagnosis.contains(words.get(1..).unwrap()), "{words}: {diagnosis}");
    assert!(diagnosis.contains("with the alert bad_certificate (42)"), "{diagnosis}");
}

#[test]
fn a_page_that_cannot_be_written_is_an_error() {
    let files = Files::new();
    let output = handclasp(["--html", &files.path("no/such/folder.html")]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("cannot be written"), "{}", text(&output.stderr));
    let output = handclasp(["--html", "x.html", "vectors"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("stands before the command"));
}

#[cfg(unix)]
#[test]
fn a_page_with_secrets_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let files = Files::new();
    let (new, old) = (files.path("new.html"), files.path("old.html"));
    files.write("old.html", "a page that others can read");
    std::fs::set_permissions(&old, PermissionsExt::from_mode(0o644)).unwrap();
    for file in [new, old] {
        let output = handclasp(["--html", &file, "--show-secrets"]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
        let page = std::fs::read_to_string(&file).unwrap();
        assert!(page.contains("This page has the secrets") && page.contains("</html>"));
    }
}
