//! nginx and haproxy: as TLS clients in front of our server, and as TLS servers behind our client.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use handclasp::alert::AlertDescription;
use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::verify::{ClientAuthentication, TrustAnchorVerifier};
use handclasp::{ClientConfig, ClientConnection, Error, ServerConfig, ServerConnection, Stream};
use handclasp_testing::examples::{Files, port, start, start_of};
use handclasp_testing::ports::free_tcp_port;
use handclasp_testing::process::{self, Listener, PATIENCE, Process, available};
use handclasp_testing::{Identity, NAME, server_name};

/// Lists of protocols for haproxy, and the version of HTTP that comes of each.
const PROTOCOLS: [(&str, &str); 2] = [("h2,http/1.1", "HTTP/2.0"), ("http/1.1", "HTTP/1.1")];

/// Starts a program that listens on this port, and waits until it does.
fn listening(program: &str, arguments: &[&str], port: u16) -> Process {
    let process = Process::start(program, arguments);
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).is_err() {
        assert!(Instant::now() < deadline, "{program} does not listen: {}", process.wait_for(""));
        sleep(Duration::from_millis(10));
    }
    process
}

/// nginx with this server block.
fn nginx(files: &Files, port: u16, server: &str) -> Process {
    let folder = files.folder.path("");
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {folder}{kind};\n"))
        .concat();
    let content = format!(
        "daemon off; master_process off; pid {folder}nginx.pid; error_log stderr info;\n\
         events {{ worker_connections 64; }}\n\
         http {{ access_log off;\n{temporary} server {{ {server} }} }}\n"
    );
    let config = files.folder.file("nginx.conf", content);
    listening("nginx", &["-p", &folder, "-e", "stderr", "-c", &config], port)
}

/// haproxy with these sections.
fn haproxy(files: &Files, port: u16, sections: &str) -> Process {
    let content = format!(
        "defaults\n mode http\n timeout connect 10s\n timeout client 10s\n timeout server 10s\n\
         {sections}\n"
    );
    let config = files.folder.file("haproxy.cfg", content);
    listening("haproxy", &["-db", "-f", &config], port)
}

/// What comes back for a request without TLS.
fn plain_get(port: u16, path: &str) -> String {
    let mut socket = process::connect(([127, 0, 0, 1], port).into());
    write!(socket, "GET {path} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

/// Two requests through a proxy reach our server in this version of HTTP.
fn assert_both_are_served(proxy: u16, version: &str) {
    for path in ["/first", "/second"] {
        let answer = plain_get(proxy, path);
        assert!(answer.contains(&format!("{path} over {version}")), "{answer}");
    }
}

fn our_server(files: &Files) -> Process {
    start("hyper_server", &["127.0.0.1:0", &files.chain, &files.key])
}

/// What our client gets from the server on this port.
fn our_client(files: &Files, port: u16) -> String {
    let url = format!("https://localhost:{port}/");
    let mut client = start_of("integrations/hyper", "http_client", &[&url, &files.anchor]);
    assert!(client.wait_for_end().success(), "{}", client.wait_for(""));
    client.wait_for("the proxy")
}

#[test]
fn nginx_is_a_client_in_front_of_our_server() {
    if !available("nginx", "-v", |_| true) {
        return;
    }
    let files = Files::new(&Identity::p256());
    let server = our_server(&files);
    let (port, backend, anchor) = (free_tcp_port(), port(&server), &files.anchor);
    let block = format!(
        "listen 127.0.0.1:{port};
         location / {{
             proxy_pass https://127.0.0.1:{backend}; proxy_http_version 1.1;
             proxy_ssl_protocols TLSv1.3; proxy_ssl_server_name on; proxy_ssl_name {NAME};
             proxy_ssl_verify on; proxy_ssl_trusted_certificate {anchor};
         }}"
    );
    let _nginx = nginx(&files, port, &block);
    assert_both_are_served(port, "HTTP/1.1");
}

#[test]
fn nginx_is_a_server_behind_our_client() {
    if !available("nginx", "-v", |_| true) {
        return;
    }
    for (option, version) in [("http2", "HTTP/2.0"), ("", "HTTP/1.1")] {
        let files = Files::new(&Identity::p256());
        let (port, chain, key) = (free_tcp_port(), &files.chain, &files.key);
        let block = format!(
            "listen 127.0.0.1:{port} ssl {option}; ssl_protocols TLSv1.3;
             ssl_certificate {chain}; ssl_certificate_key {key};
             location / {{ return 200 'nginx, the proxy'; }}"
        );
        let _nginx = nginx(&files, port, &block);
        assert_eq!(our_client(&files, port), format!("{version} 200 OK\nnginx, the proxy"));
    }
}

#[test]
fn haproxy_is_a_client_in_front_of_our_server() {
    if !available("haproxy", "-v", |_| true) {
        return;
    }
    for (protocols, version) in PROTOCOLS {
        let files = Files::new(&Identity::p256());
        let server = our_server(&files);
        let (port, backend, anchor) = (free_tcp_port(), port(&server), &files.anchor);
        let sections = format!(
            "frontend plain\n bind 127.0.0.1:{port}\n default_backend ours\n\
             backend ours\n server ours 127.0.0.1:{backend} ssl verify required ca-file {anchor} \
             sni str({NAME}) verifyhost {NAME} ssl-min-ver TLSv1.3 alpn {protocols}"
        );
        let _haproxy = haproxy(&files, port, &sections);
        assert_both_are_served(port, version);
    }
}

#[test]
fn haproxy_is_a_server_behind_our_client() {
    if !available("haproxy", "-v", |_| true) {
        return;
    }
    for (protocols, version) in PROTOCOLS {
        let files = Files::new(&Identity::p256());
        let both = [&files.chain, &files.key].map(|path| std::fs::read_to_string(path).unwrap());
        let pem = files.folder.file("both.pem", both.concat());
        let port = free_tcp_port();
        let sections = format!(
            "frontend tls\n bind 127.0.0.1:{port} ssl crt {pem} ssl-min-ver TLSv1.3 \
             alpn {protocols}\n http-request return status 200 content-type text/plain \
             string \"haproxy, the proxy\""
        );
        let _haproxy = haproxy(&files, port, &sections);
        assert_eq!(our_client(&files, port), format!("{version} 200 OK\nhaproxy, the proxy"));
    }
}

fn list(identity: &Identity) -> Arc<CertificateList> {
    Arc::new(CertificateList::new(vec![Arc::new(identity.certified_key())]))
}

/// A server that answers one client that shows a certificate of this authority's. It returns
/// whether that was the client's own.
fn server_for_known_clients(server: &Identity, client: &Identity) -> (u16, JoinHandle<bool>) {
    let signatures = CryptoProvider::default().signatures;
    let verifier = TrustAnchorVerifier::for_clients(client.anchors(), signatures);
    let config = ServerConfig::builder(CryptoProvider::default())
        .client_authentication(ClientAuthentication::required(Arc::new(verifier)))
        .build(list(server))
        .unwrap();
    let (listener, chain) = (Listener::new(), client.chain.clone());
    let port = listener.port();
    let serving = thread::spawn(move || {
        let connection = ServerConnection::new(Arc::new(config));
        let mut stream = BufReader::new(Stream::new(connection, listener.accept()));
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            stream.read_line(&mut line).unwrap();
        }
        let stream = stream.get_mut();
        let known = stream.connection().parameters().certificates.as_deref() == Some(&chain[..]);
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nwelcome!\n";
        stream.write_all(answer.as_bytes()).unwrap();
        // A client that has the whole answer may be gone.
        let _ = stream.close();
        known
    });
    (port, serving)
}

/// What the server on this port answers to our client with its certificate.
fn get_as(client: &Identity, server: &Identity, port: u16) -> io::Result<String> {
    let config = ClientConfig::builder(CryptoProvider::default())
        .trust(server.anchors())
        .unwrap()
        .client_certificates(list(client))
        .build()
        .unwrap();
    let connection = ClientConnection::new(Arc::new(config), server_name());
    let mut stream = Stream::new(connection, process::connect(([127, 0, 0, 1], port).into()));
    write!(stream, "GET / HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn nginx_authenticates_itself_to_our_server_and_our_client_itself_to_nginx() {
    if !available("nginx", "-v", |_| true) {
        return;
    }
    let (server, client) = (Identity::p256(), Identity::p256());
    let (files, own) = (Files::new(&server), Files::new(&client));
    let (backend, serving) = server_for_known_clients(&server, &client);
    let (anchor, chain, key, port) = (&files.anchor, &own.chain, &own.key, free_tcp_port());
    let block = format!(
        "listen 127.0.0.1:{port};
         location / {{
             proxy_pass https://127.0.0.1:{backend}; proxy_http_version 1.1;
             proxy_ssl_protocols TLSv1.3; proxy_ssl_server_name on; proxy_ssl_name {NAME};
             proxy_ssl_verify on; proxy_ssl_trusted_certificate {anchor};
             proxy_ssl_certificate {chain}; proxy_ssl_certificate_key {key};
         }}"
    );
    let front = nginx(&files, port, &block);
    assert!(plain_get(port, "/").ends_with("welcome!\n"));
    assert!(serving.join().unwrap());
    drop(front);

    let (anchor, chain, key, port) = (&own.anchor, &files.chain, &files.key, free_tcp_port());
    let block = format!(
        "listen 127.0.0.1:{port} ssl; ssl_protocols TLSv1.3;
         ssl_certificate {chain}; ssl_certificate_key {key};
         ssl_verify_client on; ssl_client_certificate {anchor};
         location / {{ return 200 'the client is $ssl_client_verify'; }}"
    );
    let _nginx = nginx(&files, port, &block);
    assert!(get_as(&client, &server, port).unwrap().ends_with("the client is SUCCESS"));
    // The certificate of another authority is not enough.
    assert!(!get_as(&server, &server, port).is_ok_and(|answer| answer.contains("SUCCESS")));
}

#[test]
fn haproxy_authenticates_itself_to_our_server_and_our_client_itself_to_haproxy() {
    if !available("haproxy", "-v", |_| true) {
        return;
    }
    let (server, client) = (Identity::p256(), Identity::p256());
    let (files, own) = (Files::new(&server), Files::new(&client));
    let together = |files: &Files| {
        let both = [&files.chain, &files.key].map(|path| std::fs::read_to_string(path).unwrap());
        files.folder.file("both.pem", both.concat())
    };
    let (servers, clients) = (together(&files), together(&own));

    let (backend, serving) = server_for_known_clients(&server, &client);
    let (anchor, port) = (&files.anchor, free_tcp_port());
    let sections = format!(
        "frontend plain\n bind 127.0.0.1:{port}\n default_backend ours\n\
         backend ours\n server ours 127.0.0.1:{backend} ssl verify required ca-file {anchor} \
         sni str({NAME}) verifyhost {NAME} ssl-min-ver TLSv1.3 crt {clients}"
    );
    let front = haproxy(&files, port, &sections);
    assert!(plain_get(port, "/").ends_with("welcome!\n"));
    assert!(serving.join().unwrap());
    drop(front);

    let (anchor, port) = (&own.anchor, free_tcp_port());
    let sections = format!(
        "frontend tls\n bind 127.0.0.1:{port} ssl crt {servers} ssl-min-ver TLSv1.3 \
         verify required ca-file {anchor}\n http-request return status 200 content-type \
         text/plain lf-string \"the client is %[ssl_c_verify]\""
    );
    let _haproxy = haproxy(&files, port, &sections);
    assert!(get_as(&client, &server, port).unwrap().ends_with("the client is 0"));
    // The certificate of another authority is not enough.
    let error = get_as(&server, &server, port).unwrap_err();
    let alert = Error::from_io(&error).and_then(Error::alert_received);
    assert_eq!(alert, Some(AlertDescription::UNKNOWN_CA), "{error}");
}
