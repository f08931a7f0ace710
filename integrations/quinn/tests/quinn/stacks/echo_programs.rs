//! The programs in `programs/`, whose options and reports are the same.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::Command;

use handclasp::registry::NamedGroup;
use handclasp_testing::Identity;
use handclasp_testing::process::{Folder, Process, available};

use super::case::Case;
use super::credentials::{authority_file, credential_files};
use super::{
    Application, Limit, NO_KEY_UPDATE, NO_ML_KEM, NO_VERSION_2, Orders, Report, Role, Stack,
};

const VERSION_2: u32 = 0x6b33_43cf;
const DRAFT_OF_VERSION_2: u32 = 0x709a_50c4;

/// A stack with such a program.
pub struct EchoProgram {
    name: &'static str,
    /// Its file, and the arguments before those of this module.
    command: Vec<String>,
    folder: Folder,
    /// Another version than version 1.
    other_version: u32,
    reports_key_updates: bool,
    limit: fn(Role, Case) -> Option<Limit>,
}

fn programs() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/quinn/programs/").into()
}

/// `HANDCLASP_AIOQUIC` names the folder that it is installed in, if that is not Python's.
pub fn aioquic() -> Option<EchoProgram> {
    let program = programs() + "aioquic_peer.py";
    if !available("python3", &program, |version| version.contains("aioquic 1.")) {
        return None;
    }
    let command = vec!["python3".into(), program];
    Some(EchoProgram {
        name: "aioquic",
        command,
        folder: Folder::new(),
        other_version: VERSION_2,
        reports_key_updates: true,
        limit: limit_of_aioquic,
    })
}

fn limit_of_aioquic(role: Role, case: Case) -> Option<Limit> {
    const NOT_VERIFIED: &str = "a server of aioquic does not verify the chain of a client";
    let limit = match (role, case) {
        (_, Case::MlKem) => NO_ML_KEM,
        (_, case) if case.has_hello_retry_request() => {
            Limit::None("aioquic has no HelloRetryRequest")
        }
        (Role::Client, Case::EarlyDataAfterRetry) => {
            Limit::None("aioquic does not send 0-RTT data again after a Retry packet")
        }
        (Role::Server, Case::ClientCertificate) => Limit::Part(NOT_VERIFIED),
        (Role::Server, Case::WrongClientCertificate) => Limit::None(NOT_VERIFIED),
        (Role::Server, Case::VersionNegotiation) => NO_VERSION_2,
        _ => return None,
    };
    Some(limit)
}

/// Debian's quic-go needs the Go of the same Debian: `HANDCLASP_GO_1_19` names one that is not `/usr/bin/go`.
pub fn quic_go() -> Option<EchoProgram> {
    let go = std::env::var("HANDCLASP_GO_1_19").unwrap_or_else(|_| "/usr/bin/go".into());
    let packages = "/usr/share/gocode";
    let is_here = std::path::Path::new(packages)
        .join("src/github.com/lucas-clemente/quic-go/go.mod")
        .exists();
    if !available(&go, "version", |version| is_here && version.contains("go1.19")) {
        return None;
    }
    let folder = Folder::new();
    let program = folder.path("quic_go_peer");
    let mut command = Command::new(&go);
    command.args(["build", "-o", &program, &(programs() + "quic_go_peer.go")]);
    command.env_remove("GOROOT").env("GO111MODULE", "off").env("GOPATH", packages);
    assert!(command.status().unwrap().success(), "{go} builds the peer");
    Some(EchoProgram {
        name: "quic-go",
        command: vec![program],
        folder,
        other_version: DRAFT_OF_VERSION_2,
        reports_key_updates: true,
        limit: limit_of_quic_go,
    })
}

fn limit_of_quic_go(role: Role, case: Case) -> Option<Limit> {
    match (role, case) {
        (_, Case::MlKem) => Some(NO_ML_KEM),
        (Role::Client, Case::EarlyDataBeforeHelloRetryRequest) => Some(Limit::None(
            "quic-go 0.29 has early_data in its second ClientHello, which our server refuses",
        )),
        (Role::Server, Case::VersionNegotiation) => Some(NO_VERSION_2),
        _ => None,
    }
}

/// `HANDCLASP_QUICHE` names its program, which no other test needs:
/// `cargo build --manifest-path integrations/quinn/tests/quinn/programs/quiche_peer/Cargo.toml`.
pub fn quiche() -> Option<EchoProgram> {
    let Ok(program) = std::env::var("HANDCLASP_QUICHE") else {
        // Past the capture of the output of passing tests.
        let _ = writeln!(std::io::stderr(), "skipped: HANDCLASP_QUICHE does not name a program");
        return None;
    };
    Some(EchoProgram {
        name: "quiche",
        command: vec![program],
        folder: Folder::new(),
        other_version: VERSION_2,
        reports_key_updates: false,
        limit: limit_of_quiche,
    })
}

fn limit_of_quiche(role: Role, case: Case) -> Option<Limit> {
    let limit = match (role, case) {
        (_, Case::KeyUpdate) => NO_KEY_UPDATE,
        (Role::Client, Case::VersionNegotiation) => Limit::None("quiche has version 1 only"),
        (Role::Server, Case::VersionNegotiation) => NO_VERSION_2,
        (Role::Server, Case::Aes256 | Case::ChaCha20) => {
            Limit::None("a server on BoringSSL prefers AES-128-GCM")
        }
        _ => return None,
    };
    Some(limit)
}

impl EchoProgram {
    fn start(&self, arguments: &[String]) -> Process {
        let all = self.command[1..].iter().chain(arguments);
        Process::start(&self.command[0], &all.map(String::as_str).collect::<Vec<_>>())
    }

    fn credential(&self, name: &str, identity: &Identity) -> [String; 4] {
        let [chain, key] = credential_files(&self.folder, name, identity);
        ["--chain".into(), chain, "--key".into(), key]
    }

    fn authority(&self, option: &str, identity: &Identity) -> [String; 2] {
        [format!("--{option}"), authority_file(&self.folder, option, identity)]
    }
}

fn numbers(groups: &[NamedGroup]) -> String {
    let numbers: Vec<String> = groups.iter().map(|group| group.0.to_string()).collect();
    numbers.join(",")
}

/// Options of both roles.
fn common_options(orders: &Orders) -> Vec<String> {
    let mut arguments = Vec::new();
    if let Some(suite) = orders.wanted.cipher_suite {
        arguments.extend(["--suites".into(), suite.0.to_string()]);
    }
    if orders.case == Case::KeyUpdate {
        arguments.push("--updates".into());
    }
    arguments
}

impl Stack for EchoProgram {
    fn name(&self) -> &'static str {
        self.name
    }

    fn application(&self) -> Application {
        Application::Echo
    }

    fn limit(&self, role: Role, case: Case) -> Option<Limit> {
        (self.limit)(role, case)
    }

    fn start_server(&self, orders: &Orders) -> (Process, SocketAddr) {
        let Orders { people, wanted, .. } = orders;
        let mut arguments = vec!["server".into()];
        arguments.extend(self.credential("server", &people.server));
        arguments.extend(common_options(orders));
        if wanted.asks_clients {
            arguments.extend(self.authority("clients", &people.client));
        }
        if let Some(group) = orders.case.server_group(wanted) {
            arguments.extend(["--groups".into(), numbers(&[group])]);
        }
        for (option, is_wanted) in
            [("--retry", wanted.sends_retry), ("--early", wanted.takes_early_data)]
        {
            if is_wanted {
                arguments.push(option.into());
            }
        }
        let process = self.start(&arguments);
        let output = process.wait_for("port ");
        let port = output.trim().trim_start_matches("port ").parse().unwrap();
        (process, SocketAddr::from(([127, 0, 0, 1], port)))
    }

    fn start_client(&self, orders: &Orders, first: SocketAddr, server: SocketAddr) -> Process {
        let Orders { case, people, wanted } = orders;
        let mut arguments = vec!["client".into()];
        arguments.extend(["--address".into(), server.port().to_string()]);
        arguments.extend(["--length".into(), case.length().to_string()]);
        arguments.extend(self.authority("authority", &people.server));
        arguments.extend(common_options(orders));
        if wanted.asks_clients {
            arguments.extend(self.credential("client", &people.client));
        }
        if let Some(groups) = case.client_groups() {
            arguments.extend(["--groups".into(), numbers(groups)]);
        }
        if case.resumes() {
            arguments.extend(["--first".into(), first.port().to_string()]);
        }
        if case.sends_early_data() {
            arguments.push("--early".into());
        }
        if *case == Case::VersionNegotiation {
            arguments.extend(["--versions".into(), format!("{},1", self.other_version)]);
        }
        self.start(&arguments)
    }

    fn wait_for(&self, program: &Process, _: Role, report: Report) {
        match report {
            Report::Closed(code) => program.wait_for(&format!("closed: code {code:#x}")),
            Report::KeyUpdates if !self.reports_key_updates => return,
            Report::KeyUpdates => program.wait_for_times("key update", 2),
            Report::ClientCertificate => program.wait_for("the peer has a certificate"),
            Report::Resumption => program.wait_for("resumed True"),
            Report::EarlyDataAccepted => program.wait_for("early data True"),
            Report::VersionNegotiation => program.wait_for("a Version Negotiation packet came"),
        };
    }
}
