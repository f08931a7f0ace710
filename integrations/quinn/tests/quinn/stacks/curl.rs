//! libcurl over ngtcp2 and BoringSSL, in the Python package `curl_cffi`: a client of HTTP/3.

use std::net::SocketAddr;

use handclasp_testing::numbers::varied_bytes;
use handclasp_testing::process::{Folder, Process, available};

use super::case::Case;
use super::credentials::{authority_file, credential_files};
use super::{Application, Limit, NO_KEY_UPDATE, Orders, Report, Role, SEED, Stack};

pub struct Curl {
    program: &'static str,
    folder: Folder,
}

/// `HANDCLASP_CURL_CFFI` names the folder that it is installed in, if that is not Python's.
pub fn curl() -> Option<Curl> {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/quinn/programs/curl_peer.py");
    let is_here = |version: &str| version.contains("BoringSSL") && version.contains("ngtcp2/1.");
    if !available("python3", program, is_here) {
        return None;
    }
    Some(Curl { program, folder: Folder::new() })
}

impl Stack for Curl {
    fn name(&self) -> &'static str {
        "curl"
    }

    fn application(&self) -> Application {
        Application::Http3
    }

    fn limit(&self, _: Role, case: Case) -> Option<Limit> {
        let limit = match case {
            case if case.sends_early_data() => {
                Limit::None("curl sends no 0-RTT data over BoringSSL")
            }
            Case::KeyUpdate => NO_KEY_UPDATE,
            Case::WrongServerCertificate => {
                Limit::Part("curl sends INTERNAL_ERROR, and not the alert of BoringSSL")
            }
            Case::VersionNegotiation => Limit::None("curl begins with version 1"),
            _ => return None,
        };
        Some(limit)
    }

    fn start_server(&self, _: &Orders) -> (Process, SocketAddr) {
        unreachable!("curl is a client")
    }

    fn start_client(&self, orders: &Orders, first: SocketAddr, server: SocketAddr) -> Process {
        let Orders { case, people, wanted } = orders;
        let data = self.folder.file("data", varied_bytes(case.length(), SEED));
        let authority = authority_file(&self.folder, "authority", &people.server);
        let (address, first) = (server.port().to_string(), first.port().to_string());
        let [chain, key] = credential_files(&self.folder, "client", &people.client);
        let mut arguments = vec![self.program, "--address", &address, "--authority", &authority];
        arguments.extend(["--data", &data]);
        if case.resumes() {
            arguments.extend(["--first", &first]);
        }
        if wanted.asks_clients {
            arguments.extend(["--chain", &chain, "--key", &key]);
        }
        match case {
            Case::MlKem => arguments.extend(["--groups", "X25519MLKEM768"]),
            // A share of the first, and none of the other.
            case if case.has_hello_retry_request() => {
                arguments.extend(["--groups", "X25519:P-384"])
            }
            _ => {}
        }
        Process::start("python3", &arguments)
    }

    /// INTERNAL_ERROR.
    fn codes_of_refused_certificate(&self) -> &'static [u64] {
        &[0x01]
    }

    fn wait_for(&self, program: &Process, _: Role, report: Report) {
        match report {
            Report::Resumption => program.wait_for("SSL reusing session"),
            // It does not say why a connection has ended.
            Report::Closed(_) => program.wait_for("failed: "),
            _ => return,
        };
    }
}
