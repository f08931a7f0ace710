//! The client and the server that Debian has of ngtcp2, over GnuTLS. They speak HTTP/3.

use std::net::SocketAddr;

use handclasp::registry::CipherSuiteId;
use handclasp_testing::numbers::varied_bytes;
use handclasp_testing::ports::free_udp_port;
use handclasp_testing::process::{Folder, Process, available};

use super::case::Case;
use super::credentials::credential_files;
use super::{
    Application, Limit, NO_KEY_UPDATE, NO_ML_KEM, NO_VERSION_2, Orders, Report, Role, SEED, Stack,
};
use crate::peers::NAME;

const CLIENT: &str = "gtlsclient";
/// In a folder that is not in each user's path.
const SERVER: &str = "/usr/sbin/gtlsserver";

const NOT_VERIFIED: &str = "the server of ngtcp2 does not verify certificates";

/// What is printed of a packet that is protected with the keys after an update.
const NEXT_KEYS: &str = "type=1RTT k=1";

pub struct Ngtcp2 {
    folder: Folder,
}

pub fn ngtcp2() -> Option<Ngtcp2> {
    for program in [CLIENT, SERVER] {
        if !available(program, "--help", |help| help.contains("--groups")) {
            return None;
        }
    }
    Some(Ngtcp2 { folder: Folder::new() })
}

/// The options of both programs.
fn common_options(orders: &Orders) -> Vec<String> {
    let mut options = Vec::new();
    if orders.case == Case::TenMebibytes {
        // Otherwise there is a line for each packet.
        options.push("--quiet".into());
    }
    options.extend(["--no-quic-dump".into(), "--no-http-dump".into()]);
    if let Some(suite) = orders.wanted.cipher_suite {
        let name = match suite {
            CipherSuiteId::TLS_AES_128_GCM_SHA256 => "AES-128-GCM",
            CipherSuiteId::TLS_AES_256_GCM_SHA384 => "AES-256-GCM",
            _ => "CHACHA20-POLY1305",
        };
        let ciphers = "--ciphers=NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL";
        options.push(format!("{ciphers}:+{name}"));
    }
    options
}

impl Ngtcp2 {
    /// The options of a client, up to the server's port.
    fn client_options(&self, orders: &Orders) -> Vec<String> {
        let Orders { case, people, wanted } = orders;
        let mut options = common_options(orders);
        options.extend([format!("--sni={NAME}"), "--exit-on-all-streams-close".into()]);
        options
            .extend(["--http-method=POST".into(), format!("--download={}", self.folder.path(""))]);
        let data = self.folder.file("sent", varied_bytes(case.length(), SEED));
        options.push(format!("--data={data}"));
        if case.resumes() {
            for option in ["session-file", "tp-file"] {
                options.push(format!("--{option}={}", self.folder.path(option)));
            }
        }
        if !case.sends_early_data() {
            options.push("--disable-early-data".into());
        }
        if wanted.asks_clients {
            let [chain, key] = credential_files(&self.folder, "client", &people.client);
            options.extend([format!("--cert={chain}"), format!("--key={key}")]);
        }
        if *case == Case::VersionNegotiation {
            options.extend(["--version=v2draft".into(), "--preferred-versions=v2draft,v1".into()]);
        }
        options
    }

    fn client(&self, options: &[String], server: SocketAddr) -> Process {
        let (port, url) = (server.port().to_string(), format!("https://{NAME}/data"));
        let mut all: Vec<&str> = options.iter().map(String::as_str).collect();
        all.extend(["127.0.0.1", &port, &url]);
        Process::start(CLIENT, &all)
    }
}

impl Stack for Ngtcp2 {
    fn name(&self) -> &'static str {
        "ngtcp2"
    }

    fn application(&self) -> Application {
        Application::Http3
    }

    fn limit(&self, role: Role, case: Case) -> Option<Limit> {
        let limit = match (role, case) {
            (_, Case::MlKem) => NO_ML_KEM,
            (Role::Client, Case::WrongServerCertificate) => {
                Limit::None("the client of ngtcp2 does not verify certificates")
            }
            (Role::Client, Case::EarlyDataBeforeHelloRetryRequest) => Limit::None(
                "the client of ngtcp2 0.12 aborts at a HelloRetryRequest after 0-RTT data",
            ),
            (Role::Server, Case::ClientCertificate) => Limit::Part(NOT_VERIFIED),
            (Role::Server, Case::WrongClientCertificate) => Limit::None(NOT_VERIFIED),
            (Role::Server, Case::KeyUpdate) => NO_KEY_UPDATE,
            (Role::Server, Case::VersionNegotiation) => NO_VERSION_2,
            _ => return None,
        };
        Some(limit)
    }

    fn start_server(&self, orders: &Orders) -> (Process, SocketAddr) {
        let Orders { case, people, wanted } = orders;
        let mut options = common_options(orders);
        // The answer to each request is this file.
        self.folder.file("data", varied_bytes(case.length(), SEED));
        options.push(format!("--htdocs={}", self.folder.path("")));
        if wanted.asks_clients {
            options.push("--verify-client".into());
        }
        if wanted.retries_group {
            options.push("--groups=-GROUP-ALL:+GROUP-SECP384R1".into());
        }
        if wanted.sends_retry {
            options.push("--validate-addr".into());
        }
        // It does not print the port that the system gives it.
        let address = SocketAddr::from(([127, 0, 0, 1], free_udp_port()));
        let port = address.port().to_string();
        let [chain, key] = credential_files(&self.folder, "server", &people.server);
        let mut all: Vec<&str> = options.iter().map(String::as_str).collect();
        all.extend(["127.0.0.1", &port, &key, &chain]);
        let process = Process::start(SERVER, &all);
        process.wait_for("Using document root");
        (process, address)
    }

    fn start_client(&self, orders: &Orders, first: SocketAddr, server: SocketAddr) -> Process {
        let mut options = self.client_options(orders);
        if orders.case.resumes() {
            assert!(self.client(&options, first).wait_for_end().success());
        }
        if orders.case == Case::KeyUpdate {
            // On the first connection our keys are updated, and on the second one those of the client.
            let mut client = self.client(&options, server);
            assert!(client.wait_for_end().success());
            client.wait_for(NEXT_KEYS);
            options.extend(["--key-update=50ms".into(), "--delay-stream=200ms".into()]);
        }
        self.client(&options, server)
    }

    fn check_answer(&self, _: &Process, case: Case) {
        let answer = std::fs::read(self.folder.path("data")).unwrap();
        assert!(answer == varied_bytes(case.length(), SEED), "{} bytes came back", answer.len());
    }

    fn wait_for(&self, program: &Process, role: Role, report: Report) {
        match report {
            Report::Closed(code) => {
                program.wait_for(&format!("error_code=CRYPTO_ERROR({code:#x})"))
            }
            // The server does not update its keys by itself.
            Report::KeyUpdates if role == Role::Server => program.wait_for(NEXT_KEYS),
            Report::KeyUpdates => program.wait_for("key update confirmed"),
            Report::VersionNegotiation => program.wait_for("type=VN"),
            Report::ClientCertificate | Report::Resumption | Report::EarlyDataAccepted => return,
        };
    }
}
