//! The keys of a handshake with tls_cert_with_extern_psk (RFC 9973), derived by a program that has
//! nothing in common with the library.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use handclasp::crypto::HashAlgorithm;
use handclasp::handshake::{Handshake, Side, Step};
use handclasp::key_log::KeyLog;
use handclasp::key_schedule::PskKind;
use handclasp::psk::{CertWithExternPsk, PreSharedKey, PskList};
use handclasp::registry::HandshakeType as H;
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

/// A handshake in which the server selects the second of three keys, all of this hash and kind.
fn record(scenario: Scenario, hash: HashAlgorithm, kind: PskKind) -> Value {
    let key = |identity: &[u8]| PreSharedKey::new(identity, &KEY, hash, kind).unwrap();
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
    let binder_label = match kind {
        PskKind::Imported => "imp binder",
        _ => "ext binder",
    };
    json!({
        "identity": "known",
        "key": hex::encode(KEY),
        "binder_label": binder_label,
        "messages": messages,
        "secrets": secrets,
    })
}

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cert_with_extern_psk.py");

/// Are Python and its package cryptography here, which checks the signatures?
/// `HANDCLASP_CRYPTOGRAPHY` names the folder that it is installed in, if that is not Python's.
fn is_here() -> bool {
    process::available("python3", SCRIPT, |version| version.starts_with("cryptography "))
}

/// What the program says of a recording. An error is the first difference that it finds.
fn derive(recording: &Value) -> Result<String, String> {
    let mut program = Command::new("python3")
        .args([SCRIPT, "compare"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    program.stdin.take().unwrap().write_all(recording.to_string().as_bytes()).unwrap();
    let output = program.wait_with_output().unwrap();
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout).unwrap());
    }
    // The last line of a traceback is the error.
    let errors = String::from_utf8(output.stderr).unwrap();
    Err(errors.lines().last().unwrap().to_owned())
}

/// The program finds these words where it stops.
fn expect_difference(recording: &Value, words: &str, case: &str) {
    let error = derive(recording).expect_err(case);
    assert!(error.contains(words), "{case}: {error}");
}

const SCENARIOS: [Scenario; 4] =
    [Scenario::Plain, Scenario::Retry, Scenario::Cookie, Scenario::ClientAuth];

#[test]
fn an_independent_program_derives_the_same_keys() {
    if !is_here() {
        return;
    }
    for scenario in SCENARIOS {
        for (hash, length) in [(HashAlgorithm::Sha256, 32), (HashAlgorithm::Sha384, 48)] {
            let recording = record(scenario, hash, PskKind::External);
            let signatures = if scenario == Scenario::ClientAuth { 2 } else { 1 };
            let expected =
                format!("hash length: {length}, same values: 7, signatures: {signatures}\n");
            assert_eq!(derive(&recording), Ok(expected), "{scenario:?}, {hash:?}");
        }
    }
}

#[test]
fn the_program_finds_another_key_and_another_secret() {
    if !is_here() {
        return;
    }
    for scenario in SCENARIOS {
        let case = format!("{scenario:?}");
        let recording = record(scenario, HashAlgorithm::Sha256, PskKind::External);
        let mut other = recording.clone();
        other["key"] = json!(hex::encode([0; 32]));
        expect_difference(&other, "binder: ", &case);
        let mut other = recording;
        other["secrets"]["CLIENT_TRAFFIC_SECRET_0"] = json!(hex::encode([7; 32]));
        expect_difference(&other, "CLIENT_TRAFFIC_SECRET_0: ", &case);
    }
}

/// The binder of an imported key has a label of its own (RFC 9258, section 5.2).
#[test]
fn the_program_finds_an_imported_key_in_place_of_an_external_one() {
    if !is_here() {
        return;
    }
    let mut recording = record(Scenario::Plain, HashAlgorithm::Sha256, PskKind::Imported);
    let expected = "hash length: 32, same values: 7, signatures: 1\n";
    assert_eq!(derive(&recording).as_deref(), Ok(expected));
    recording["binder_label"] = json!("ext binder");
    expect_difference(&recording, "binder: ", "an imported key");
}

fn bytes(message: &Value) -> Vec<u8> {
    hex::decode(message["message"].as_str().unwrap()).unwrap()
}

/// What the program finds when the last bit of this message is changed.
fn difference(messages: &[Value], changed: usize) -> String {
    let sender = messages[changed]["from"].as_str().unwrap();
    let kind = |message: &Value| H(bytes(message)[0]);
    let is_before_retry = messages[changed + 1..].iter().any(|it| kind(it) == H::CLIENT_HELLO);
    match kind(&messages[changed]) {
        // The binders of a second ClientHello cover what was before it.
        H::CLIENT_HELLO | H::SERVER_HELLO if is_before_retry => "binder: ".to_owned(),
        // The last bit of a ClientHello is of a binder that is not selected, which no binder covers.
        H::CLIENT_HELLO | H::SERVER_HELLO => "CLIENT_HANDSHAKE_TRAFFIC_SECRET: ".to_owned(),
        H::FINISHED => format!("Finished of the {sender}: "),
        _ => format!("CertificateVerify of the {sender}: "),
    }
}

/// Both handshakes together have a message of each type.
#[test]
fn the_program_finds_a_changed_bit_in_each_message() {
    if !is_here() {
        return;
    }
    for scenario in [Scenario::Retry, Scenario::ClientAuth] {
        let recording = record(scenario, HashAlgorithm::Sha256, PskKind::External);
        let messages = recording["messages"].as_array().unwrap();
        for (changed, message) in messages.iter().enumerate() {
            let mut bytes = bytes(message);
            *bytes.last_mut().unwrap() ^= 1;
            let mut other = recording.clone();
            other["messages"][changed]["message"] = json!(hex::encode(bytes));
            let case = format!("{scenario:?}, message {changed}");
            expect_difference(&other, &difference(messages, changed), &case);
        }
    }
}
