//! Programs over other libraries, in `programs/`: Go's crypto/tls, and Node's tls, which is OpenSSL 3.5.
//! They have the same options, and their lines are the same.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::DerefMut;
use std::process::Command;

use handclasp::registry::NamedGroup as G;
use handclasp::{Connection, Stream};
use handclasp_testing::Identity;
use handclasp_testing::der::pem_text;
use handclasp_testing::process::{Folder, Process, available};

/// A program that is here.
pub struct Program {
    /// Its file, and the arguments before those of this module.
    command: Vec<String>,
    /// The groups that it has, the default ones first.
    pub groups: Vec<G>,
    shows: Shows,
    folder: Folder,
}

/// What a program prints of the key exchange.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shows {
    GroupAndRetry,
    /// The group, and only as a client.
    GroupToClients,
}

/// The groups that both have.
const GROUPS: [G; 6] = [
    G::X25519_MLKEM768,
    G::SECP256R1_MLKEM768,
    G::SECP384R1_MLKEM1024,
    G::X25519,
    G::SECP256R1,
    G::SECP384R1,
];

/// Those that are here.
pub fn programs() -> Vec<Program> {
    [go(), node()].into_iter().flatten().collect()
}

/// The number before the point `after` these words.
fn major(words: &str, after: &str) -> Option<u32> {
    words.split(after).nth(1)?.split(['.', ' ', '\n']).next()?.parse().ok()
}

/// Go has the hybrids since 1.26 and ML-DSA since 1.27. `HANDCLASP_GO` names one that is not in the path.
fn go() -> Option<Program> {
    let go = std::env::var("HANDCLASP_GO").unwrap_or_else(|_| "go".into());
    let is_new = |version: &str| major(version, "go1.").is_some_and(|minor| minor >= 27);
    if !available(&go, "version", is_new) {
        return None;
    }
    let folder = Folder::new();
    let program = folder.path("peer");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/programs/peer.go");
    let mut command = Command::new(&go);
    command.args(["build", "-o", &program, source]).env("GOTOOLCHAIN", "local");
    assert!(command.status().unwrap().success(), "{go} builds the peer");
    let command = vec![program];
    Some(Program { command, groups: GROUPS.into(), shows: Shows::GroupAndRetry, folder })
}

/// Node contains OpenSSL, since its version 24 one with ML-KEM and ML-DSA. `HANDCLASP_NODE` names one that
/// is not in the path.
fn node() -> Option<Program> {
    let node = std::env::var("HANDCLASP_NODE").unwrap_or_else(|_| "node".into());
    let is_new = |version: &str| major(version, "v").is_some_and(|major| major >= 24);
    if !available(&node, "--version", is_new) {
        return None;
    }
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/programs/peer.js");
    Some(Program {
        command: vec![node, source.into()],
        groups: [&GROUPS[..], &[G::MLKEM768, G::MLKEM1024]].concat(),
        shows: Shows::GroupToClients,
        folder: Folder::new(),
    })
}

impl Program {
    /// A server with this certificate. It demands one of this authority from its clients, if there is one.
    pub fn server(
        &self,
        own: &Identity,
        groups: &[G],
        clients: Option<&Identity>,
    ) -> (Process, SocketAddr) {
        let mut arguments = vec!["server".into(), "--groups".into(), numbers(groups)];
        arguments.extend(self.credential(own));
        if let Some(clients) = clients {
            arguments.extend(self.authority(clients));
        }
        let process = self.start(&arguments);
        let output = process.wait_for("port ");
        let port = output.trim().trim_start_matches("port ").parse().unwrap();
        (process, SocketAddr::from(([127, 0, 0, 1], port)))
    }

    /// A client that trusts the authority of this server, with a certificate of its own if there is one.
    pub fn client(
        &self,
        server: &Identity,
        port: u16,
        groups: &[G],
        own: Option<&Identity>,
    ) -> Process {
        let address = format!("127.0.0.1:{port}");
        let mut arguments = vec!["client".into(), "--groups".into(), numbers(groups)];
        arguments.extend(["--address".into(), address]);
        arguments.extend(self.authority(server));
        if let Some(own) = own {
            arguments.extend(self.credential(own));
        }
        self.start(&arguments)
    }

    fn start(&self, arguments: &[String]) -> Process {
        let all: Vec<&str> =
            self.command[1..].iter().chain(arguments).map(String::as_str).collect();
        Process::start(&self.command[0], &all)
    }

    fn credential(&self, identity: &Identity) -> [String; 4] {
        let chain: String =
            identity.chain.iter().map(|certificate| pem_text("CERTIFICATE", certificate)).collect();
        let key = pem_text("PRIVATE KEY", identity.key.secret_der());
        let (chain, key) = (self.folder.file("chain.pem", chain), self.folder.file("key.pem", key));
        ["--chain".into(), chain, "--key".into(), key]
    }

    fn authority(&self, identity: &Identity) -> [String; 2] {
        let authority = pem_text("CERTIFICATE", &identity.anchor);
        ["--authority".into(), self.folder.file("authority.pem", authority)]
    }

    /// Checks what the program has printed of the key exchange, after [`talk`].
    pub fn check_group(&self, process: &Process, is_client: bool, group: G, retried: bool) {
        if self.shows == Shows::GroupAndRetry {
            process.wait_for(&format!("group {}, retried {retried}\n", group.0));
        } else if is_client {
            process.wait_for(&format!("group {}\n", group.0));
        }
    }
}

fn numbers(groups: &[G]) -> String {
    let numbers: Vec<String> = groups.iter().map(|group| group.0.to_string()).collect();
    numbers.join(",")
}

/// The handshake, and a line each way.
pub fn talk<C: DerefMut<Target = Connection>>(
    stream: &mut BufReader<Stream<C, TcpStream>>,
    process: &Process,
) {
    stream.get_mut().write_all(b"from us\n").unwrap();
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    assert_eq!(line, "from them\n");
    process.wait_for("heard from us");
}
