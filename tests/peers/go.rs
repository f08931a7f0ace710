//! Go's crypto/tls as a peer, for the hybrid groups: it has all of RFC 10024 since Go 1.26.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::ops::DerefMut;
use std::process::Command;
use std::sync::Arc;

use handclasp::credential::CertificateList;
use handclasp::crypto::CryptoProvider;
use handclasp::registry::NamedGroup as G;
use handclasp::{
    ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection, Stream,
};
use handclasp_testing::der::pem_text;
use handclasp_testing::process::{Folder, Listener, Process, available, connect};
use handclasp_testing::{Identity, server_name};

const GROUPS: [G; 6] = [
    G::X25519_MLKEM768,
    G::SECP256R1_MLKEM768,
    G::SECP384R1_MLKEM1024,
    G::X25519,
    G::SECP256R1,
    G::SECP384R1,
];

/// The program of `go`, built for this test. `None` where there is no Go of this age: `HANDCLASP_GO` names
/// one that is not in the path.
fn build(folder: &Folder) -> Option<String> {
    let go = std::env::var("HANDCLASP_GO").unwrap_or_else(|_| "go".into());
    let is_new = |version: &str| {
        let minor = version.split("go1.").nth(1).and_then(|rest| rest.split(['.', ' ']).next());
        minor.and_then(|minor| minor.parse::<u32>().ok()).is_some_and(|minor| minor >= 26)
    };
    if !available(&go, "version", is_new) {
        return None;
    }
    let program = folder.path("peer");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/go/peer.go");
    let mut command = Command::new(&go);
    command.args(["build", "-o", &program, source]).env("GOTOOLCHAIN", "local");
    assert!(command.status().unwrap().success(), "{go} builds the peer");
    Some(program)
}

fn provider_of(groups: &[G]) -> CryptoProvider {
    let mut provider = CryptoProvider::default();
    provider.groups.retain(|group| groups.contains(&group.name()));
    provider
}

/// The lines that both sides say.
fn talk<C: DerefMut<Target = Connection>>(
    stream: &mut BufReader<Stream<C, TcpStream>>,
    process: &Process,
) {
    stream.get_mut().write_all(b"from us\n").unwrap();
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    assert_eq!(line, "from Go\n");
    process.wait_for("heard from us");
}

fn numbers(groups: &[G]) -> Vec<String> {
    groups.iter().map(|group| group.0.to_string()).collect()
}

/// The group that Go printed.
fn group_line(group: G, retried: bool) -> String {
    format!("group {}, retried {retried}\n", group.0)
}

#[test]
fn our_client_and_their_server_agree_in_every_hybrid_with_a_share_and_after_a_retry() {
    let folder = Folder::new();
    let Some(program) = build(&folder) else { return };
    let identity = Identity::p256();
    let chain = folder.file("chain.pem", pem_text("CERTIFICATE", &identity.chain[0]));
    let key = folder.file("key.pem", pem_text("PRIVATE KEY", identity.key.secret_der()));
    for group in GROUPS {
        for retried in [false, true] {
            let group_numbers = numbers(&[group]);
            let mut arguments = vec!["server", &chain, &key];
            arguments.extend(group_numbers.iter().map(String::as_str));
            let process = Process::start(&program, &arguments);
            let output = process.wait_for("port ");
            let port = output.trim().trim_start_matches("port ");
            let shares = if retried { Vec::new() } else { vec![group] };
            let config = ClientConfig::builder(provider_of(&GROUPS)).key_shares(shares);
            let config = Arc::new(config.trust(identity.anchors()).unwrap().build().unwrap());
            let client = ClientConnection::new(config, server_name()).unwrap();
            let socket = connect(format!("127.0.0.1:{port}").parse().unwrap());
            let mut client = BufReader::new(Stream::new(client, socket));
            talk(&mut client, &process);
            process.wait_for(&group_line(group, retried));
            let parameters = client.get_ref().connection().parameters();
            assert_eq!((parameters.group, parameters.retried), (Some(group), retried));
        }
    }
}

#[test]
fn their_client_and_our_server_agree_in_every_hybrid_and_after_a_retry() {
    let folder = Folder::new();
    let Some(program) = build(&folder) else { return };
    let identity = Identity::p256();
    let authority = folder.file("authority.pem", pem_text("CERTIFICATE", &identity.anchor));
    let all = &GROUPS[..];
    let mut cases: Vec<_> = GROUPS.map(|group| (vec![group], all, group, false)).into();
    // Go sends the shares of X25519MLKEM768 and x25519, as we do.
    cases.push((GROUPS.to_vec(), all, G::X25519_MLKEM768, false));
    cases.push((GROUPS.to_vec(), &[G::X25519], G::X25519, false));
    cases.push((GROUPS.to_vec(), &[G::SECP384R1_MLKEM1024], G::SECP384R1_MLKEM1024, true));
    cases.push((GROUPS.to_vec(), &[G::SECP256R1_MLKEM768], G::SECP256R1_MLKEM768, true));
    for (theirs, ours, group, retried) in cases {
        let list = CertificateList::new(vec![Arc::new(identity.certified_key())]);
        let config = ServerConfig::builder(provider_of(ours)).build(Arc::new(list)).unwrap();
        let listener = Listener::new();
        let address = format!("127.0.0.1:{}", listener.port());
        let group_numbers = numbers(&theirs);
        let mut arguments = vec!["client", &address, &authority];
        arguments.extend(group_numbers.iter().map(String::as_str));
        let process = Process::start(&program, &arguments);
        let server = ServerConnection::new(Arc::new(config)).unwrap();
        let mut server = BufReader::new(Stream::new(server, listener.accept()));
        talk(&mut server, &process);
        process.wait_for(&group_line(group, retried));
        let parameters = server.get_ref().connection().parameters();
        assert_eq!((parameters.group, parameters.retried), (Some(group), retried));
    }
}
