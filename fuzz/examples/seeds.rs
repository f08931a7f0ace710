//! Writes the seed corpora into `corpus/`: `cargo run --example seeds [TRACES]`, where TRACES is
//! a folder of RFC 8448's traces, if there is one, in files of lines `name = hex`.

use core::time::Duration;
use std::cell::RefCell;
use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use handclasp::connection::Options;
use handclasp::crypto::{CryptoError, CryptoProvider, Secret};
use handclasp::handshake::Side;
use handclasp::pki_types::{CertificateDer, ServerName, UnixTime};
use handclasp::registry::{CipherSuiteId, HandshakeType};
use handclasp::session::{
    ClientSession, ClientSessionStore, MemoryClientSessions, SessionStore, TicketOrigin,
};
use handclasp::transport::memory::exchange;
use handclasp::wire::{Extensions, NewSessionTicket};
use handclasp::{ClientConfig, ClientConnection, Reply, ServerConfig, ServerConnection};
use handclasp_fuzz::certificates::{GeneralName, Template, der, extension};
use handclasp_fuzz::quic_beside_rustls::meeting::{self, Reached};
use handclasp_fuzz::{Input, failing_writes, quic_beside_rustls, revocation, shared, two_ends};
use handclasp_testing::capture::{self, Link, Sent};
use handclasp_testing::deterministic::{
    self, SCENARIOS, Scenario, deliver, record_flights, record_messages,
};
use handclasp_testing::key_lines::KeyLines;
use handclasp_testing::take_outgoing;
use zeroize::Zeroizing;

fn main() -> io::Result<()> {
    let written = RefCell::new(HashSet::new());
    let write = |target: &str, name: &str, bytes: &[u8]| {
        if !written.borrow_mut().insert((target.to_owned(), bytes.to_vec())) {
            return Ok(());
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), bytes)
    };
    recordings(&write)?;
    scripts(&write)?;
    for choice in 0..10 {
        write("features", &format!("honest-{choice}"), &[choice])?;
    }
    write("crl", "openssl", &revocation::CRL)?;
    for (name, response) in ["good", "delegated", "revoked"].iter().zip(revocation::RESPONSES) {
        write("ocsp", name, response)?;
    }
    questions(&write)?;
    chains(&write)?;
    forms(&write)?;
    names(&write)?;
    post_handshake(&write)?;
    broken_peers(&write)?;
    failing_writes(&write)?;
    shared_sessions(&write)?;
    stored_sessions(&write)?;
    sealed_sessions(&write)?;
    meetings_again(&write)?;
    quic(&write)?;
    captures(&write)?;
    match std::env::args().nth(1) {
        Some(folder) => traces(&write, Path::new(&folder)),
        None => Ok(()),
    }
}

/// Writes a seed of a target: its target, its name and its bytes.
type Write<'a> = &'a dyn Fn(&str, &str, &[u8]) -> io::Result<()>;

/// A message, for the parsers of `wire`.
fn message(write: Write<'_>, name: &str, bytes: &[u8]) -> io::Result<()> {
    let Some(kind) = target_byte(bytes) else { return Ok(()) };
    write("wire", name, &[&[kind], &bytes[4..]].concat())
}

/// Messages and records of honest handshakes.
fn recordings(write: Write<'_>) -> io::Result<()> {
    for scenario in SCENARIOS {
        for (index, recorded) in record_messages(scenario).iter().enumerate() {
            message(write, &format!("{scenario:?}-{index}"), &recorded.bytes)?;
        }
        for (index, (_, flight)) in record_flights(scenario).iter().enumerate() {
            write("record", &format!("{scenario:?}-{index}"), &[&[0], &flight[..]].concat())?;
        }
    }
    write("record", "sealed", &[2, 5, b'd', b'a', b't', b'a', 23, 3, 1, 0, 21, 4, 24, 0, 22, 0])
}

/// What a peer does to a client and to a server.
fn scripts(write: Write<'_>) -> io::Result<()> {
    for side in ["client", "server"] {
        for scenario in 0..3 {
            for operation in 0..9 {
                for flags in [0, 3, 8, 27] {
                    let script = [scenario, flags, 1, operation, 2, 0, 9, 1, 4, 24, 0, 0, 1, 1];
                    write(side, &format!("{scenario}-{operation}-{flags}"), &script)?;
                }
            }
            // A KeyUpdate and a ticket after an honest handshake, in pieces of 40 bytes.
            let ticket = [&[4, 0, 0, 14][..], &[0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 1, 7, 0, 0]].concat();
            let script = [&[scenario, 4, 40, 0, 9, 5, 24, 0, 0, 1, 1, 9, 18][..], &ticket].concat();
            write(side, &format!("{scenario}-after"), &script)?;
        }
    }
    Ok(())
}

fn questions(write: Write<'_>) -> io::Result<()> {
    // Two requests, keys for both, an outcome on the first, and the same outcome again.
    let doubled = [0, 0, 1, 3, 1, 3, 1, 2, 4, 1, 5, 2, 0, 5, 2, 1, 4, 1];
    write("questions", "doubled", &doubled)?;
    // The answer is late: its question was answered otherwise, and the next one is refused.
    let late = [0, 1, 3, 1, 2, 4, 1, 0, 1, 3, 1, 2, 5, 1, 0, 4, 0, 5, 1, 0];
    write("questions", "late", &late)
}

fn post_handshake(write: Write<'_>) -> io::Result<()> {
    for side in 0..2 {
        // Updates of either side, tickets of either side, data between them, any other message.
        let calls = [0, 1, 3, 1, 1, 2, 1, 3, b't', b'k', b't', 5, 9, 4, 13, 2, 0, 0, 3, 0];
        for scenario in 0..3 {
            let name = format!("{side}-{scenario}");
            write("post_handshake", &name, &[&[side, scenario], &calls[..]].concat())?;
        }
        let flood = [&[side, 0][..], &[3, 1].repeat(40)].concat();
        write("post_handshake", &format!("{side}-flood"), &flood)?;
        let pieces = [side, 0, 7, 9, 3, 24, 0, 0, 7, 9, 2, 1, 1, 1, 0, 0];
        write("post_handshake", &format!("{side}-pieces"), &pieces)?;
    }
    Ok(())
}

/// The records and messages in the texts of this folder, which have `name = hexadecimal` in their lines.
fn traces(write: Write<'_>, folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for (index, line) in fs::read_to_string(&path)?.lines().enumerate() {
            let Some((name, hex)) = line.split_once(" = ") else { continue };
            let Some(bytes) = decode(hex.trim()) else { continue };
            if name.contains("complete record") || name.contains("complete_record") {
                write("record", &format!("{stem}-{index}"), &[&[0], &bytes[..]].concat())?;
            } else if is_message(&bytes) {
                message(write, &format!("{stem}-{index}"), &bytes)?;
            }
        }
    }
    Ok(())
}

/// One thing wrong in each place of an otherwise honest flight, and each thing that may follow it.
fn broken_peers(write: Write<'_>) -> io::Result<()> {
    for (target, places) in [("differential_client", 5), ("differential_server", 3)] {
        let honest = [3, 0, 0].iter().copied().chain((0..places).map(|_| 0)).collect::<Vec<u8>>();
        write(target, "after-honest", &honest)?;
        for place in 0..places {
            for operation in [22, 24, 26, 27, 28, 29] {
                let edit = [operation, 0, 9, 3, 2, 0, 1, 7];
                let seed = [&honest[..3 + place], &edit].concat();
                write(target, &format!("after-{place}-{operation}"), &seed)?;
            }
        }
        for action in 0..16 {
            // What it is, what is in it, and then data.
            let seed = [&honest[..], &[action, 1, 2, 1, 0, 2, 3, b'd', b'a', b't']].concat();
            write(target, &format!("after-action-{action}"), &seed)?;
        }
    }
    Ok(())
}

/// Ends that have met before: 0-RTT data before and after the first flight, data of both, and
/// everything once more for another server.
fn meetings_again(write: Write<'_>) -> io::Result<()> {
    let all = |side| [15, side];
    let records = [[0xd8, 0], [40, 15], [0, 0xd8], [0, 8], all(0), all(1), all(0), all(1)].concat();
    let data = [&[6, 0, 9, 6, 1, 9][..], &all(0), &all(1), &[0xf0, 0, 0]].concat();
    let messages = [[0, 0], [0, 1]].concat().repeat(8);
    for kept in 0..8 {
        let seed = [&[2, kept][..], &records, &data].concat();
        let reached = two_ends::play(&seed);
        // A client with another key fails, and one that has lost its ticket has a full handshake.
        assert_eq!((reached.complete, reached.resumed), (kept != 2, kept != 2 && kept != 7));
        assert_eq!(reached.early_data_accepted, kept == 1 || kept == 4);
        write("two_ends", &format!("again-records-{kept}"), &seed)?;
        let seed = [&[3, kept][..], &messages, &[0xf0, 0]].concat();
        assert_eq!(two_ends::play(&seed), reached);
        write("two_ends", &format!("again-messages-{kept}"), &seed)?;
    }
    Ok(())
}

/// Of QUIC: CRYPTO frames in order, ends of both libraries with one thing wrong in each place of a handshake,
/// and handshakes between them.
fn quic(write: Write<'_>) -> io::Result<()> {
    const TARGET: &str = "quic_beside_rustls";
    for (side, places) in [(0, 5), (1, 3)] {
        for scenario in 0..3 {
            let honest = [vec![0, side, scenario, 0], vec![0; places]].concat();
            quic_beside_rustls::play(&honest);
            write(TARGET, &format!("honest-{side}-{scenario}"), &honest)?;
            for place in 0..places {
                for operation in [22, 26, 27, 28, 29, 30] {
                    let edit = [operation, 0, 9, 3, 2, 0, 1, 7];
                    let seed = [&honest[..4 + place], &edit].concat();
                    write(TARGET, &format!("{side}-{scenario}-{place}-{operation}"), &seed)?;
                }
            }
            for action in 0..8 {
                let seed = [&honest[..], &[action, 1, 2, 1, 0, 2, 3]].concat();
                write(TARGET, &format!("{side}-{scenario}-action-{action}"), &seed)?;
            }
        }
    }
    // A flag, groups, suites, protocols, and the length of transport parameters, without any.
    let all = [0, 0, 0, 0, 0];
    let no_early_data = [1, 0, 0, 0, 0];
    let asks = [2, 0, 0, 0, 0];
    let other_group = [0, 0x21, 0, 0, 0];
    let other_protocol = [0, 0, 0, 0x22, 0];
    for our_side in 0..2 {
        for (name, choices, resumed, early_data_accepted) in [
            ("again", [all, all, all], true, true),
            ("asks", [all, asks, asks], true, true),
            ("retried", [all, all, other_group], true, false),
            ("no-early-data", [all, all, no_early_data], true, false),
            // A server of ours resumes no session of another configuration.
            ("other-protocol", [all, all, other_protocol], our_side == 0, false),
        ] {
            let [client, first, second] = choices;
            let seed = [&[1, our_side], &client[..], &first, &[1], &second].concat();
            let reached = meeting::play(Input(&seed[1..]));
            let expected = Reached { complete: true, resumed, early_data_accepted };
            assert_eq!(reached, expected, "{name} {our_side}");
            write(TARGET, &format!("meeting-{our_side}-{name}"), &seed)?;
        }
    }
    Ok(())
}

/// A connection of each scenario over each form of link, whose key log is in the capture; with a segment that is
/// missing or late, too. The same bytes in pieces, and the key log alone.
fn captures(write: Write<'_>) -> io::Result<()> {
    for (scenario, link) in SCENARIOS.into_iter().cycle().zip(Link::ALL) {
        let (all, key_log) = recorded(scenario);
        let name = format!("{scenario:?}-{link:?}");
        let whole = capture::packets(link, 50_000, &all, 200);
        let mut late = whole.clone();
        late[5..9].reverse();
        let mut missing = whole.clone();
        missing.remove(8);
        for (kind, packets) in [("whole", &whole), ("late", &late), ("missing", &missing)] {
            let file = capture::pcapng(link, packets, &key_log);
            write("captures", &format!("{name}-{kind}"), &[&[0], &file[..]].concat())?;
        }
        let file = capture::pcap(link, &whole);
        write("captures", &format!("{name}-no-keys"), &[&[0], &file[..]].concat())?;
        let mut pieces = vec![1];
        for sent in &all {
            let side = if sent.from == Side::Server { 0x8000 } else { 0 };
            for piece in sent.bytes.chunks(1000) {
                pieces.extend((side | piece.len() as u16).to_be_bytes());
                pieces.extend(piece);
            }
        }
        write("captures", &format!("{name}-pieces"), &pieces)?;
        write("captures", &format!("{name}-keys"), &[&[2], key_log.as_bytes()].concat())?;
    }
    Ok(())
}

/// A handshake of this scenario, data, a ticket, changes of keys and both ends, with its key log.
fn recorded(scenario: Scenario) -> (Vec<Sent>, String) {
    let lines = KeyLines::default();
    let options = || Options::new(deterministic::now());
    let client = deterministic::client_builder_for(scenario).key_log(lines.key_log()).build();
    let client = Arc::new(client.expect("the configuration is good"));
    let mut client = ClientConnection::with_options(client, server_name(), options());
    let server = deterministic::server_config(scenario);
    let mut server = ServerConnection::with_options(server, options());
    let mut all = Vec::new();
    // The handshake is complete after three of them.
    for step in 0..7 {
        match step {
            3 => server.write(b"some data").map(drop).expect("the handshake is complete"),
            4 => server.update_keys(true).expect("the handshake is complete"),
            5 => client.write(b"more data").map(drop).expect("the handshake is complete"),
            6 => {
                client.close();
                server.close();
            }
            _ => {}
        }
        let bytes = take_outgoing(&mut client);
        deliver(&mut server, &bytes).expect("both are honest");
        all.push(Sent { from: Side::Client, bytes });
        let bytes = take_outgoing(&mut server);
        deliver(&mut client, &bytes).expect("both are honest");
        all.push(Sent { from: Side::Server, bytes });
    }
    (all, lines.text())
}

/// A server says three times something, of which so many bytes can be read; some are read, a write
/// fails, and the server ends in each way.
fn failing_writes(write: Write<'_>) -> io::Result<()> {
    let data = [0, 9, 0, 19, 0, 2];
    for (name, end) in [("closed", &[9, 0][..]), ("refused", &[9, 1]), ("cut", &[])] {
        for visible in [0, 20, 32, 40, 80] {
            let calls = [3, visible, 5, 3, 7, visible / 2, visible, 6, 11, 6, 11, 5, 1];
            let seed = [&data[..], end, &calls].concat();
            assert_eq!(failing_writes::play(&seed), 33, "{name}");
            write("failing_writes", &format!("{name}-{visible}"), &seed)?;
        }
    }
    Ok(())
}

/// The same two that meet again, and then one of them is another one.
fn shared_sessions(write: Write<'_>) -> io::Result<()> {
    // Client, server, keys, and two bytes of answers.
    let plain = [0, 0, 0, 0, 0];
    let key = [0, 0, 0b001_001, 0, 0];
    let looked_up = [0, 20, 0b001_001, 0, 0];
    let alice = [3, 1, 0b100_0000, 0, 0];
    let later = [2, 4, 0, 0, 0];
    for (name, meetings, resumed) in [
        ("plain", [plain, plain, plain], 2),
        ("strict-client", [plain, [1, 0, 0, 0, 0], plain], 0),
        ("key", [key, key, [0, 0, 0b010_010, 0, 0]], 1),
        ("key-looked-up", [looked_up, looked_up, [0, 20, 0b001_001, 0, 3]], 1),
        ("alice", [alice, alice, [6, 1, 0, 0, 0]], 1),
        ("later", [later, later, [2, 4, 0, 0, 1]], 1),
    ] {
        let seed = meetings.concat();
        assert_eq!(shared::play(&seed), resumed, "{name}");
        write("shared_sessions", name, &seed)?;
    }
    Ok(())
}

/// The server of the recorded handshakes.
fn server_name() -> ServerName<'static> {
    "server.example".try_into().expect("it is a name")
}

/// A client's sessions, with each kind of what they rest on.
fn stored_sessions(write: Write<'_>) -> io::Result<()> {
    let certificates: Arc<[CertificateDer<'static>]> =
        Arc::new([deterministic::CERTIFICATE.into()]);
    let key: Arc<[u8]> = Arc::new([0x30, 2, 5, 0]);
    let session = |certificates, raw_public_key| {
        let suite = CipherSuiteId::TLS_AES_128_GCM_SHA256;
        let authenticated = deterministic::now().as_secs();
        let mut origin = TicketOrigin::new(server_name(), suite, authenticated);
        origin.application_protocol = Some(b"h2".to_vec());
        origin.certificates = certificates;
        origin.raw_public_key = raw_public_key;
        let ticket = NewSessionTicket {
            lifetime: 3600,
            age_add: 1,
            nonce: &[],
            ticket: b"a ticket",
            extensions: Extensions::default(),
            max_early_data_size: Some(1000),
        };
        let received = Duration::from_secs(deterministic::now().as_secs());
        let session = ClientSession::new(origin, &ticket, Secret::zeros(32), received);
        session.expect("the ticket is one to keep").to_bytes().to_vec()
    };
    let by_certificate = session(Some(certificates), None);
    let by_key = session(None, Some(Arc::clone(&key)));
    let mut seeds = vec![("certificate", by_certificate), ("raw-key", by_key.clone())];
    // What follows the credential: no request for the own certificate, and the type of the server's.
    let before = &by_key[..by_key.len() - 2 - (1 + 3 + key.len())];
    let shared = [&[3, 0, 4][..], b"ours", &[1, 32], &[9; 32]].concat();
    seeds.push(("shared-key", [before, &shared, &[0, 0]].concat()));
    let request = [0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3];
    for (name, shown) in [("asked", &[0][..]), ("shown", &[[1; 33]].concat())] {
        let length = [0, request.len() as u8];
        let answer = [&[1][..], &length, &request, &[0], shown].concat();
        seeds.push((name, [&by_key[..by_key.len() - 2], &answer, &[0]].concat()));
    }
    for (name, seed) in seeds {
        assert!(ClientSession::from_bytes(&seed).is_ok(), "{name}");
        write("stored_sessions", name, &seed)?;
    }
    Ok(())
}

/// What a server seals into a ticket.
fn sealed_sessions(write: Write<'_>) -> io::Result<()> {
    #[derive(Debug, Default)]
    struct Given(Mutex<Vec<u8>>);
    impl SessionStore for Given {
        fn put(&self, session: &[u8], _: UnixTime, _: Duration) -> Result<Vec<u8>, CryptoError> {
            *self.0.lock().expect("no holder panics") = session.to_vec();
            Ok(b"a ticket".to_vec())
        }
        fn take(&self, _: &[u8], _: UnixTime) -> Reply<Option<Zeroizing<Vec<u8>>>> {
            Reply::Now(None)
        }
    }
    let given = Arc::new(Given::default());
    let server = ServerConfig::builder(CryptoProvider::default()).sessions(given.clone());
    let server = server.build(deterministic::list()).expect("the configuration is good");
    let store = Arc::new(MemoryClientSessions::new(1));
    let client = ClientConfig::builder(CryptoProvider::default());
    let client = client.verifier(Arc::new(deterministic::PinnedChain)).sessions(store.clone());
    let client = client.build().expect("the configuration is good");
    let options = || Options::new(deterministic::now());
    let mut client = ClientConnection::with_options(Arc::new(client), server_name(), options());
    let mut server = ServerConnection::with_options(Arc::new(server), options());
    exchange(&mut client, &mut server).expect("both are honest");
    let mut seed = given.0.lock().expect("no holder panics").clone();
    // Another secret each time would be another seed.
    let session = store.take(&server_name(), deterministic::now()).expect("there is a ticket");
    let secret = session.secret().as_bytes();
    let place = seed.windows(secret.len()).position(|bytes| bytes == secret);
    let place = place.expect("it is the session of the last ticket");
    seed[place..place + secret.len()].fill(7);
    write("tickets", "session", &seed)
}

/// Chains that are valid, and that each fail in another way.
fn chains(write: Write<'_>) -> io::Result<()> {
    let chain = |name: &str, choices: u8, certificates: &[&Template<'_>]| {
        let mut bytes = vec![choices];
        for certificate in certificates.iter().map(|template| template.encode()) {
            bytes.extend(u16::try_from(certificate.len()).expect("it is short").to_be_bytes());
            bytes.extend_from_slice(&certificate);
        }
        write("chain", name, &bytes)
    };
    let (leaf, issuer) = (Template::server("issuer"), Template::authority("issuer", "root", 2));
    let second = Template::authority("issuer", "narrow root", 3);
    chain("direct", 0, &[&Template::server("root")])?;
    chain("intermediate", 0, &[&leaf, &issuer])?;
    chain("client", 4, &[&leaf, &issuer])?;
    chain("any-purpose", 40, &[&leaf, &issuer])?;
    chain("two-issuers", 0, &[&leaf, &second, &issuer])?;
    chain("few-allowed", 2, &[&leaf, &issuer, &second, &issuer, &second])?;
    chain("trusted-itself", 1, &[&Template::server("leaf")])?;
    chain("trusted-issuer", 1, &[&leaf, &Template::authority("issuer", "nobody", 2)])?;
    chain(
        "circle",
        0,
        &[
            &leaf,
            &Template::authority("issuer", "other", 2),
            &Template::authority("other", "issuer", 3),
        ],
    )?;
    chain(
        "version-1",
        0,
        &[&leaf, &Template { version: 0, ..Template::authority("issuer", "root", 2) }],
    )?;
    chain("expired", 0, &[&Template { not_after: "260201000000Z", ..Template::server("root") }])?;
    chain("constrained", 0, &[&leaf, &constrained_authority()])
}

/// An authority with name constraints, policies, their mappings and constraints, and places to find more: what
/// authorities write.
fn constrained_authority() -> Template<'static> {
    let mut constrained = Template::authority("issuer", "root", 2);
    let tree = |kind: u8, bytes: &[u8]| der(0x30, &[&der(kind, &[bytes])]);
    let permitted = der(0xa0, &[&tree(0x82, b"com"), &tree(0x87, &[0; 8])]);
    let excluded = der(0xa1, &[&tree(0x82, b"example.org"), &tree(0x81, b"example.com")]);
    constrained.extensions.push(extension(30, true, &der(0x30, &[&permitted, &excluded])));
    let policy = [6, 4, 0x55, 0x1d, 0x20, 0];
    let location = der(0x86, &[b"http://example.com/".as_slice()]);
    let point = der(0x30, &[&der(0xa0, &[&der(0xa0, &[&location])])]);
    for (number, critical, value) in [
        (32, false, der(0x30, &[&der(0x30, &[&policy])])),
        (33, true, der(0x30, &[&der(0x30, &[&policy, &policy])])),
        (36, true, der(0x30, &[&[0x80, 1, 0]])),
        (54, true, vec![2, 1, 0]),
        (31, false, der(0x30, &[&point])),
        (18, false, der(0x30, &[&location])),
    ] {
        constrained.extensions.push(extension(number, critical, &value));
    }
    constrained
}

/// Object identifiers and key usages, well-formed and not.
fn forms(write: Write<'_>) -> io::Result<()> {
    let contents: [&[u8]; 8] = [
        &[0x55, 0x1d, 17],
        &[0x80, 0x55, 0x1d, 17],
        &[0x55, 0x1d, 0x91],
        &[],
        &[0],
        &[0, 0x80],
        &[0, 1],
        &[0xff, 0xff],
    ];
    for place in 0..8 {
        for (number, contents) in contents.iter().enumerate() {
            write("forms", &format!("{place}-{number}"), &[&[place], *contents].concat())?;
        }
    }
    Ok(())
}

/// Names and constraints.
fn names(write: Write<'_>) -> io::Result<()> {
    let write_names = |name: &str, reference: &str, lists: [&[GeneralName<'_>]; 3]| {
        let mut bytes = vec![u8::try_from(reference.len()).expect("it is short")];
        bytes.extend_from_slice(reference.as_bytes());
        for list in lists {
            bytes.extend(u8::try_from(list.len()));
            for (kind, name) in list {
                bytes.extend([*kind, u8::try_from(name.len()).expect("it is short")]);
                bytes.extend_from_slice(name);
            }
        }
        write("names", name, &bytes)
    };
    let host: GeneralName<'_> = (2, b"a.example.com");
    let wild: GeneralName<'_> = (2, b"*.example.com");
    let tree: GeneralName<'_> = (2, b"example.com");
    let other: GeneralName<'_> = (2, b"b.example.com");
    let v4: GeneralName<'_> = (7, &[192, 0, 2, 1]);
    let net: GeneralName<'_> = (7, &[192, 0, 2, 0, 255, 255, 255, 0]);
    write_names("dns", "a.example.com", [&[host], &[], &[]])?;
    write_names("wildcard", "a.example.com", [&[wild], &[tree], &[]])?;
    write_names("excluded", "a.example.com", [&[host, v4], &[tree, net], &[other]])?;
    write_names("wildcard-excluded", "a.example.com", [&[wild], &[], &[other]])?;
    write_names("ipv4", "192.0.2.1", [&[v4], &[net], &[]])?;
    write_names(
        "ipv6",
        "2001:db8::1",
        [
            &[(7, &[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])],
            &[(7, &[0; 32])],
            &[net],
        ],
    )?;
    write_names("email", "a@example.com", [&[(1, b"a@example.com")], &[(1, b"example.com")], &[]])?;
    let uri: GeneralName<'_> = (6, b"spiffe://example.com/a");
    write_names("uri", "a.example.com", [&[host, uri], &[tree, (6, b"example.com")], &[]])?;
    let directory = der(0x30, &[&der(0x31, &[&der(0x30, &[&[6, 3, 0x55, 4, 10, 12, 1, b'O']])])]);
    write_names("directory", "a.example.com", [&[host, (4, &directory)], &[(4, &directory)], &[]])
}

/// The byte that chooses this message's parser in the target `wire`.
fn target_byte(message: &[u8]) -> Option<u8> {
    Some(match HandshakeType(*message.first()?) {
        HandshakeType::CLIENT_HELLO => 0,
        HandshakeType::SERVER_HELLO => 1,
        HandshakeType::ENCRYPTED_EXTENSIONS => 2,
        HandshakeType::CERTIFICATE_REQUEST => 3,
        HandshakeType::CERTIFICATE => 4,
        HandshakeType::CERTIFICATE_VERIFY => 5,
        HandshakeType::FINISHED => 6,
        HandshakeType::NEW_SESSION_TICKET => 7,
        HandshakeType::KEY_UPDATE => 8,
        HandshakeType::END_OF_EARLY_DATA => 9,
        _ => return None,
    })
}

fn is_message(bytes: &[u8]) -> bool {
    handclasp::wire::HandshakeMessage::split(bytes).is_some_and(|(_, rest)| rest.is_empty())
}

fn decode(hex: &str) -> Option<Vec<u8>> {
    if !hex.len().is_multiple_of(2) || !hex.is_ascii() {
        return None;
    }
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok()).collect()
}
