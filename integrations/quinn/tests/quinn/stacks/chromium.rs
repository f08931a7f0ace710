//! Chromium, with a QUIC of its own and BoringSSL: a client of HTTP/3.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::thread;

use handclasp_testing::chromium::{FLAGS, http3_flags};
use handclasp_testing::process::{Folder, Process, available};

use super::case::Case;
use super::{Application, Limit, NO_KEY_UPDATE, Orders, Report, Role, Stack};
use crate::peers::{NAME, any_port};

const NO_CLIENT_CERTIFICATE: Limit = Limit::None("Chromium has no client certificates in QUIC");

pub struct Chromium {
    folder: Folder,
    /// It accepts connections, and answers nothing.
    silent: TcpListener,
}

pub fn chromium() -> Option<Chromium> {
    if !available("chromium", "--version", |version| version.contains("Chromium")) {
        return None;
    }
    Some(Chromium { folder: Folder::new(), silent: TcpListener::bind(any_port()).unwrap() })
}

impl Chromium {
    /// A page that visits this server so many times, on connections of their own. The last time it sends a GET,
    /// which may go in 0-RTT data, and so many bytes, in parts: Chromium reads an answer when it has sent the whole
    /// request, and our server begins to send back at once. The page is complete, and is printed, when it does not
    /// wait for its image any more.
    fn page(&self, server: SocketAddr, visits: usize, length: usize) -> String {
        let silent = self.silent.local_addr().unwrap();
        let url = format!("https://{NAME}:{}/", server.port());
        format!(
            "<body><img src='http://{silent}/'><script>
            const data = new Uint8Array({length}).map((_, index) => index * 7);
            const closed = () => new Promise(then => {{
                chrome.benchmarking.closeConnections();
                setTimeout(then, 500);
            }});
            const visits = async () => {{
                for (let visit = 1; visit < {visits}; visit++) {{
                    await (await fetch('{url}')).text();
                    await closed();
                }}
                await (await fetch('{url}')).text();
                let same = 0;
                for (let start = 0; start < data.length; start += 1 << 20) {{
                    const part = data.slice(start, start + (1 << 20));
                    const answer = await fetch('{url}', {{ method: 'POST', body: part }});
                    const received = new Uint8Array(await answer.arrayBuffer());
                    same += received.filter((byte, index) => byte == part[index]).length;
                }}
                return same + ' same bytes';
            }};
            visits().catch(error => 'has ' + error).then(words => {{
                document.body.append('The page ' + words);
                document.querySelector('img').src = 'data:,';
            }});
            </script>"
        )
    }
}

impl Stack for Chromium {
    fn name(&self) -> &'static str {
        "Chromium"
    }

    fn application(&self) -> Application {
        Application::Http3
    }

    fn limit(&self, _: Role, case: Case) -> Option<Limit> {
        match case {
            Case::KeyUpdate => Some(NO_KEY_UPDATE),
            Case::ClientCertificate | Case::WrongClientCertificate => Some(NO_CLIENT_CERTIFICATE),
            Case::EarlyDataBeforeHelloRetryRequest => Some(Limit::None(
                "Chromium does not answer a HelloRetryRequest after 0-RTT data: it connects again",
            )),
            Case::VersionNegotiation => Some(Limit::None("Chromium begins with version 1")),
            _ => None,
        }
    }

    fn start_server(&self, _: &Orders) -> (Process, SocketAddr) {
        unreachable!("Chromium is a client")
    }

    fn start_client(&self, orders: &Orders, first: SocketAddr, server: SocketAddr) -> Process {
        let Orders { case, people, .. } = orders;
        // It keeps a session for a port, too.
        let address = if case.resumes() { start_switch(first, server) } else { server };
        let visits = if case.resumes() { 2 } else { 1 };
        let page = self.folder.file("page.html", self.page(address, visits, case.length()));
        let profile = format!("--user-data-dir={}", self.folder.path(&format!("{case:?}")));
        let url = format!("file://{page}");
        let flags = http3_flags(NAME, &people.server, address);
        let mut arguments = FLAGS.to_vec();
        arguments.extend(flags.iter().map(String::as_str));
        // A page in a file may read what it fetches.
        arguments.extend(["--disable-web-security", &profile, "--dump-dom", &url]);
        Process::start("chromium", &arguments)
    }

    fn check_answer(&self, program: &Process, case: Case) {
        program.wait_for(&format!("The page {} same bytes", case.length()));
    }

    fn wait_for(&self, program: &Process, _: Role, report: Report) {
        // It does not say why a connection has ended.
        if let Report::Closed(_) = report {
            program.wait_for("The page has TypeError");
        }
    }
}

/// An address at which the first client reaches the first server, and those after it the other one.
fn start_switch(first: SocketAddr, other: SocketAddr) -> SocketAddr {
    let socket = Arc::new(UdpSocket::bind(any_port()).unwrap());
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut paths: Vec<(SocketAddr, Arc<UdpSocket>)> = Vec::new();
        let mut buffer = vec![0; 65_536];
        while let Ok((length, client)) = socket.recv_from(&mut buffer) {
            if !paths.iter().any(|(known, _)| *known == client) {
                let server = if paths.is_empty() { first } else { other };
                paths.push((client, start_path_back(&socket, client, server)));
            }
            if let Some((_, path)) = paths.iter().find(|(known, _)| *known == client) {
                let _ = path.send(&buffer[..length]);
            }
        }
    });
    address
}

/// A socket for what this client sends to this server. What the server sends goes back to the client.
fn start_path_back(
    to_client: &Arc<UdpSocket>,
    client: SocketAddr,
    server: SocketAddr,
) -> Arc<UdpSocket> {
    let path = Arc::new(UdpSocket::bind(any_port()).unwrap());
    path.connect(server).unwrap();
    let (from_server, to_client) = (path.clone(), to_client.clone());
    thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        while let Ok(length) = from_server.recv(&mut buffer) {
            let _ = to_client.send_to(&buffer[..length], client);
        }
    });
    path
}
