//! The keys of a handshake with tls_cert_with_extern_psk (RFC 9973), derived by a program that has
//! nothing in common with the library.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use handclasp::handshake::{Handshake, Side, Step};
use handclasp::key_log::KeyLog;
use handclasp::psk::{CertWithExternPsk, PreSharedKey, PskList};
use handclasp::verify::ClientAuthentication;
use handclasp::wire::HandshakeMessage;
use handclasp_testing::deterministic::{self, PinnedChain, Scenario};
use handclasp_testing::{process, server_name};
use serde_json::{Value, json};

#[derive(Debug, Default)]
struct Secrets(Mutex<BTreeMap<String, Vec<u8>>>);

impl KeyLog for Secrets {
    fn log(&self, label: &str, _: &[u8; 32], secret: &[u8]) {
        self.0.lock().unwrap().insert(label.to_owned(), secret.to_vec());
    }
}

const KEY: [u8; 32] = *b"\x01\x83 a random key would be here \xfe\x10";

/// Moves the messages of one side to the other, and keeps them.
fn carry(from: &mut Handshake, to: &mut Handshake, messages: &mut Vec<Value>) {
    let sender = if from.side() == Side::Client { "client" } else { "server" };
    while let Some(step) = from.next_step() {
        let Step::Send { level, bytes } = step else { continue };
        to.receive(level, &bytes).unwrap();
        let mut rest = &bytes[..];
        while let Some((message, after)) = HandshakeMessage::split(rest) {
            messages.push(json!({ "from": sender, "message": hex::encode(message.bytes) }));
            rest = after;
        }
    }
}

/// A handshake in which the server selects the second of three keys.
fn record(scenario: Scenario) -> Value {
    let key = |identity: &[u8]| PreSharedKey::external(identity, &KEY).unwrap();
    let secrets = Arc::new(Secrets::default());
    let offered = [&b"unknown"[..], b"known", b"known, too"].map(key).to_vec();
    let client = deterministic::client_builder()
        .verifier(Arc::new(PinnedChain))
        .client_certificates(deterministic::list())
        .pre_shared_keys(offered)
        .cert_with_extern_psk(CertWithExternPsk::Required)
        .key_log(secrets.clone());
    let known = [&b"known"[..], b"known, too"].map(key).to_vec();
    let mut server = deterministic::server_builder(scenario)
        .pre_shared_keys(Arc::new(PskList::new(known)))
        .cert_with_extern_psk(CertWithExternPsk::Required);
    if scenario == Scenario::ClientAuth {
        server =
            server.client_authentication(ClientAuthentication::required(Arc::new(PinnedChain)));
    }
    let (client, server) = (client.build().unwrap(), server.build(deterministic::list()).unwrap());
    let now = deterministic::now();
    let mut client = Handshake::client(Arc::new(client), server_name(), now);
    let mut server = Handshake::server(Arc::new(server), now);
    client.start().unwrap();
    let mut messages = Vec::new();
    for _ in 0..4 {
        carry(&mut client, &mut server, &mut messages);
        carry(&mut server, &mut client, &mut messages);
    }
    assert!(client.is_complete() && server.is_complete());
    let secrets = secrets.0.lock().unwrap();
    let secrets: BTreeMap<_, _> =
        secrets.iter().map(|(label, secret)| (label, hex::encode(secret))).collect();
    json!({ "identity": "known", "key": hex::encode(KEY), "messages": messages, "secrets": secrets })
}

/// What the program says of a recording. `None` if it finds another value.
fn derive(recording: &Value) -> Option<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cert_with_extern_psk.py");
    let mut program = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    program.stdin.take().unwrap().write_all(recording.to_string().as_bytes()).unwrap();
    let output = program.wait_with_output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

#[test]
fn an_independent_program_derives_the_same_keys() {
    if !process::available("python3", "--version", |_| true) {
        return;
    }
    for scenario in [Scenario::Plain, Scenario::Retry, Scenario::Cookie, Scenario::ClientAuth] {
        let recording = record(scenario);
        assert_eq!(derive(&recording).as_deref(), Some("7 values are the same\n"), "{scenario:?}");
        // Another key, or another secret, is found.
        let mut other = recording.clone();
        other["key"] = json!(hex::encode([0; 32]));
        assert_eq!(derive(&other), None, "{scenario:?}");
        let mut other = recording;
        other["secrets"]["CLIENT_TRAFFIC_SECRET_0"] = json!(hex::encode([7; 32]));
        assert_eq!(derive(&other), None, "{scenario:?}");
    }
}
