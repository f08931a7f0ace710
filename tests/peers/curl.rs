//! `curl` fetches from our server.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::Arc;
use std::thread;

use handclasp::alert::AlertDescription;
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::{ServerConfig, ServerConnection, Stream};
use handclasp_testing::der::pem_text;
use handclasp_testing::process::{Folder, Listener, Process, available};
use handclasp_testing::{Identity, NAME};

const MEBIBYTE: usize = 1024 * 1024;

fn curl_is_here() -> bool {
    available("curl", "--version", |version| {
        version.contains("https") && version.contains("OpenSSL/3")
    })
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index * index / 7 % 251) as u8).collect()
}

fn server_config(identity: &Identity) -> Arc<ServerConfig> {
    let builder =
        ServerConfig::builder(CryptoProvider::default()).application_protocols(["http/1.1"]);
    let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    Arc::new(builder.build(Arc::new(list)).unwrap())
}

/// Answers one request with `answer`, and returns its first line and its body.
fn serve(
    listener: &Listener,
    config: Arc<ServerConfig>,
    answer: &[u8],
) -> io::Result<(String, Vec<u8>)> {
    let connection = ServerConnection::new(config);
    let mut stream = BufReader::new(Stream::new(connection, listener.accept()));
    let (mut first, mut length) = (String::new(), 0);
    stream.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        if line.trim_end().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let stream = stream.get_mut();
    assert_eq!(stream.connection().parameters().server_name.as_deref(), Some(NAME));
    let protocol = stream.connection().parameters().application_protocol.clone();
    assert_eq!(protocol.as_deref(), Some(&b"http/1.1"[..]));
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", answer.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(answer)?;
    stream.close()?;
    // With any output: curl closes when it has the answer.
    let _ = stream.read(&mut [0]);
    Ok((first, body))
}

/// curl's arguments for this server, and behind them `more`.
fn curl(port: u16, anchor: &str, path: &str, more: &[&str]) -> Process {
    let resolve = format!("{NAME}:{port}:127.0.0.1");
    let url = format!("https://{NAME}:{port}{path}");
    let arguments = [
        &["--disable", "--silent", "--show-error", "--noproxy", "*", "--max-time", "15"][..],
        &["--tlsv1.3", "--cacert", anchor, "--resolve", &resolve, &url],
        more,
    ];
    Process::start("curl", &arguments.concat())
}

#[test]
fn curl_downloads_and_uploads_a_mebibyte_that_matches() {
    if !curl_is_here() {
        return;
    }
    let identity = Identity::p256();
    let folder = Folder::new();
    let anchor = folder.file("anchor.pem", pem_text("CERTIFICATE", &identity.anchor));
    let (listener, content) = (Listener::new(), pattern(MEBIBYTE));
    let port = listener.port();
    let answer = content.clone();
    let config = server_config(&identity);
    let server = thread::spawn(move || {
        let download = serve(&listener, config.clone(), &answer).unwrap();
        (download, serve(&listener, config, b"thanks").unwrap())
    });

    let output = folder.path("download");
    let mut download = curl(port, &anchor, "/content", &["--output", &output]);
    assert!(download.wait_for_end().success(), "{}", download.wait_for(""));
    assert!(std::fs::read(&output).unwrap() == content);

    let upload = format!("@{}", folder.file("upload", &content));
    let arguments = ["--data-binary", &upload, "--header", "Expect:"];
    let mut upload = curl(port, &anchor, "/upload", &arguments);
    assert!(upload.wait_for_end().success(), "{}", upload.wait_for(""));
    upload.wait_for("thanks");

    let (download, upload) = server.join().unwrap();
    assert_eq!(download.0.trim_end(), "GET /content HTTP/1.1");
    assert_eq!(upload.0.trim_end(), "POST /upload HTTP/1.1");
    assert!(upload.1 == content);
}

#[test]
fn curl_refuses_a_server_of_an_unknown_issuer_and_our_server_hears_why() {
    if !curl_is_here() {
        return;
    }
    let (identity, other) = (Identity::p256(), Identity::p256());
    let folder = Folder::new();
    let anchor = folder.file("anchor.pem", pem_text("CERTIFICATE", &other.anchor));
    let listener = Listener::new();
    let port = listener.port();
    let config = server_config(&identity);
    let server = thread::spawn(move || serve(&listener, config, b"").unwrap_err());
    let mut curl = curl(port, &anchor, "/", &[]);
    assert_eq!(curl.wait_for_end().code(), Some(60), "{}", curl.wait_for(""));
    let error = server.join().unwrap();
    let error = handclasp::Error::from_io(&error).unwrap();
    assert_eq!(error.alert_received(), Some(AlertDescription::UNKNOWN_CA), "{error}");
}
