//! Captures of connections of QUIC, between the programs of ngtcp2 over GnuTLS.

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

use handclasp::handshake;
use handclasp_explain::recorded::KeyLogSecrets;
use handclasp_explain::{Connection, Outcome, Side, Transport, capture};
use handclasp_testing::Identity;
use handclasp_testing::capture::{Link, Sent, datagrams, pcap};
use handclasp_testing::der::pem_text;
use handclasp_testing::ports::free_udp_port;
use handclasp_testing::process::{Folder, Process, available};

use crate::support::options;

const SERVER: &str = "/usr/sbin/gtlsserver";

/// The messages of a handshake in QUIC.
const FLIGHT: [&str; 5] =
    ["ServerHello", "EncryptedExtensions", "Certificate", "CertificateVerify", "Finished"];

/// Passes datagrams on to a server, and keeps them.
struct Relay {
    address: SocketAddr,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl Relay {
    fn new(server: SocketAddr) -> Self {
        let (near, far) = (any_socket(), any_socket());
        far.connect(server).unwrap();
        let address = near.local_addr().unwrap();
        let sent = Arc::new(Mutex::new(Vec::new()));
        let (near_again, far_again) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        let client = Arc::new(Mutex::new(None));
        let (kept, client_of_kept) = (sent.clone(), client.clone());
        thread::spawn(move || {
            let mut buffer = [0; 2048];
            while let Ok((length, from)) = near.recv_from(&mut buffer) {
                *client_of_kept.lock().unwrap() = Some(from);
                let bytes = buffer[..length].to_vec();
                // Before it is passed on: the answer comes behind it.
                let sent = Sent { from: handshake::Side::Client, bytes: bytes.clone() };
                kept.lock().unwrap().push(sent);
                let _ = far.send(&bytes);
            }
        });
        let kept = sent.clone();
        thread::spawn(move || {
            let mut buffer = [0; 2048];
            while let Ok(length) = far_again.recv(&mut buffer) {
                let bytes = buffer[..length].to_vec();
                let to: SocketAddr = client.lock().unwrap().unwrap();
                kept.lock()
                    .unwrap()
                    .push(Sent { from: handshake::Side::Server, bytes: bytes.clone() });
                let _ = near_again.send_to(&bytes, to);
            }
        });
        Self { address, sent }
    }
}

fn any_socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").unwrap()
}

/// A connection whose server has these options: what was sent, and the key log.
fn connect(folder: &Folder, options: &[&str]) -> (Vec<Sent>, String) {
    let identity = Identity::p256();
    let chain = folder.file("chain.pem", pem_text("CERTIFICATE", &identity.chain[0]));
    let key = folder.file("key.pem", pem_text("PRIVATE KEY", identity.key.secret_der()));
    let port = free_udp_port();
    let words = port.to_string();
    let htdocs = format!("--htdocs={}", folder.path(""));
    let last = [htdocs.as_str(), "127.0.0.1", &words, &key, &chain];
    let server = Process::start(SERVER, &[options, &last].concat());
    server.wait_for("Using document root");
    let relay = Relay::new(SocketAddr::from(([127, 0, 0, 1], port)));
    let keys = folder.path("keys.log");
    let (log, words) = (format!("SSLKEYLOGFILE={keys}"), relay.address.port().to_string());
    let url = "https://server.example/chain.pem";
    let client = ["gtlsclient", "--sni=server.example", "--exit-on-all-streams-close"];
    let all = [&[log.as_str()], &client[..], &["--no-quic-dump", "127.0.0.1", &words, url]];
    assert!(Process::start("env", &all.concat()).wait_for_end().success());
    let sent = relay.sent.lock().unwrap().clone();
    (sent, std::fs::read_to_string(keys).unwrap())
}

fn read(file: &[u8], key_log: &str) -> Vec<Connection> {
    let mut connections = Vec::new();
    let secrets = KeyLogSecrets::parse(key_log.as_bytes());
    capture::read(file, secrets, &options(), |it| connections.push(it)).unwrap();
    connections
}

/// The names of the messages of a side.
fn names(connection: &Connection, side: Side) -> Vec<&str> {
    let messages = connection.messages.iter().filter(|message| message.sender == side);
    messages.map(|message| message.name.as_str()).collect()
}

#[test]
fn a_connection_of_quic_has_its_messages() {
    let is_here = |program| available(program, "--help", |help| help.contains("--groups"));
    if !is_here("gtlsclient") || !is_here(SERVER) {
        return;
    }
    let retry_of_tls = "--groups=-GROUP-ALL:+GROUP-SECP384R1";
    for arguments in [&[][..], &["--validate-addr"], &[retry_of_tls]] {
        let (sent, key_log) = connect(&Folder::new(), arguments);
        let file = pcap(Link::Ethernet, &datagrams(50_000, &sent));
        let [connection] = &read(&file, &key_log)[..] else { panic!("{arguments:?}") };
        assert_eq!(connection.transport, Transport::Quic);
        let all: Vec<_> = [Side::Client, Side::Server].map(|side| names(connection, side)).concat();
        assert_eq!(connection.outcome, Outcome::Complete, "{arguments:?}: {all:?}");
        assert_eq!(connection.client.as_deref(), Some("192.0.2.1:50000"));
        let mut of_server = names(connection, Side::Server);
        assert!(of_server.contains(&"NewSessionTicket"), "{of_server:?}");
        of_server.retain(|name| *name != "NewSessionTicket");
        let (hellos, retries): (&[_], &[_]) = match arguments {
            [option] if *option == retry_of_tls => {
                (&["ClientHello", "ClientHello"], &["HelloRetryRequest"])
            }
            _ => (&["ClientHello"], &[]),
        };
        assert_eq!(of_server, [retries, &FLIGHT].concat(), "{arguments:?}");
        assert_eq!(names(connection, Side::Client), [hellos, &["Finished"]].concat());
        assert!(connection.messages.iter().all(|message| message.malformed.is_none()));
        assert_eq!(connection.certificates.len(), 1);

        // Without keys the hellos are visible.
        let [connection] = &read(&file, "")[..] else { panic!("{arguments:?}") };
        assert_eq!(connection.outcome, Outcome::Encrypted);
        assert_eq!(names(connection, Side::Client), hellos);
        assert_eq!(names(connection, Side::Server), [retries, &FLIGHT[..1]].concat());
    }
}

#[test]
fn datagrams_that_are_no_quic_or_damaged_are_passed_over() {
    let other = Sent { from: handshake::Side::Client, bytes: vec![0xc0; 1200] };
    let file = pcap(Link::Ethernet, &datagrams(50_000, &[other]));
    assert!(read(&file, "").is_empty());
}
