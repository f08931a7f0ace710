//! A full handshake (x25519, P-256 certificate, TLS_AES_128_GCM_SHA256) in memory, each side's
//! time apart, beside rustls and beside the floor: the primitives that no handshake can avoid.
//!
//! The contenders take turns within each round, and the figures are medians over the rounds.

use std::sync::Arc;
use std::time::Duration;

use handclasp::connection::{Connection, Received};
use handclasp::pki_types::PrivateKeyDer;
use handclasp::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};
use handclasp_testing::measure::{self, Column, timed};
use handclasp_testing::{Identity, server_name};
use ring::rand::SystemRandom;
use ring::{agreement, signature};

const ROUNDS: usize = 150;
const REPETITIONS: u32 = 10;

/// The time of the client's and the server's calls.
#[derive(Default)]
struct Spent {
    client: Duration,
    server: Duration,
}

#[derive(Default)]
struct Columns {
    client: Column,
    server: Column,
}

impl Columns {
    fn add(&mut self, spent: &Spent) {
        self.client.add(spent.client, REPETITIONS);
        self.server.add(spent.server, REPETITIONS);
    }
}

fn main() {
    let identity = Identity::p256();
    let ours = measure::ours(&identity);
    let theirs = measure::rustls(&identity);
    let floor = Floor::new(&identity);
    let (mut our_columns, mut their_columns, mut floor_columns) =
        (Columns::default(), Columns::default(), Columns::default());
    for _ in 0..ROUNDS {
        let (mut a, mut b, mut c) = (Spent::default(), Spent::default(), Spent::default());
        for _ in 0..REPETITIONS {
            handclasp_handshake(&ours, &mut a);
            rustls_handshake(&theirs, &mut b);
            floor.run(&mut c);
        }
        our_columns.add(&a);
        their_columns.add(&b);
        floor_columns.add(&c);
    }
    println!("side    contender       us  handshakes/s  x floor  x rustls");
    report("client", &our_columns.client, &their_columns.client, &floor_columns.client);
    report("server", &our_columns.server, &their_columns.server, &floor_columns.server);
}

fn report(side: &str, ours: &Column, theirs: &Column, floor: &Column) {
    for (name, column) in [("handclasp", ours), ("rustls", theirs), ("floor", floor)] {
        let micros = column.micros();
        println!(
            "{side}  {name:<10} {micros:>7.1}  {:>12.0}  {:>7.3}  {:>8.3}",
            1e6 / micros,
            column.ratio(floor),
            column.ratio(theirs),
        );
    }
}

type Ours = (Arc<ClientConfig>, Arc<ServerConfig>);

fn handclasp_handshake((client, server): &Ours, spent: &mut Spent) {
    let name = server_name();
    let mut client =
        timed(&mut spent.client, || ClientConnection::new(client.clone(), name).unwrap());
    let mut server = timed(&mut spent.server, || ServerConnection::new(server.clone()).unwrap());
    while client.is_handshaking() || server.is_handshaking() {
        deliver(&mut client, &mut server, &mut spent.server);
        deliver(&mut server, &mut client, &mut spent.client);
    }
}

fn deliver(from: &mut Connection, to: &mut Connection, clock: &mut Duration) {
    let mut bytes = from.outgoing().to_vec();
    from.sent(bytes.len());
    timed(clock, || {
        let mut start = 0;
        while start < bytes.len() {
            let (consumed, received) = to.receive(&mut bytes[start..]).unwrap();
            assert_eq!(received, Received::Handled);
            start += consumed;
        }
    });
}

type Theirs = (Arc<rustls::ClientConfig>, Arc<rustls::ServerConfig>);

fn rustls_handshake((client, server): &Theirs, spent: &mut Spent) {
    let name = server_name();
    let mut client =
        timed(&mut spent.client, || rustls::ClientConnection::new(client.clone(), name).unwrap());
    let mut server =
        timed(&mut spent.server, || rustls::ServerConnection::new(server.clone()).unwrap());
    while client.is_handshaking() || server.is_handshaking() {
        let mut bytes = Vec::new();
        timed(&mut spent.client, || while client.write_tls(&mut bytes).unwrap() > 0 {});
        timed(&mut spent.server, || {
            let mut bytes = &bytes[..];
            while !bytes.is_empty() {
                server.read_tls(&mut bytes).unwrap();
                server.process_new_packets().unwrap();
            }
        });
        bytes.clear();
        timed(&mut spent.server, || while server.write_tls(&mut bytes).unwrap() > 0 {});
        timed(&mut spent.client, || {
            let mut bytes = &bytes[..];
            while !bytes.is_empty() {
                client.read_tls(&mut bytes).unwrap();
                client.process_new_packets().unwrap();
            }
        });
    }
}

/// The asymmetric primitives of a handshake, bare: an X25519 key pair and agreement on each side,
/// one signature on the server, two verifications on the client.
struct Floor {
    random: SystemRandom,
    key: signature::EcdsaKeyPair,
    signature: Vec<u8>,
}

impl Floor {
    const MESSAGE: [u8; 130] = [7; 130];

    fn new(identity: &Identity) -> Self {
        let random = SystemRandom::new();
        let PrivateKeyDer::Pkcs8(key) = &identity.key else { panic!("the key is PKCS#8") };
        let algorithm = &signature::ECDSA_P256_SHA256_ASN1_SIGNING;
        let key = signature::EcdsaKeyPair::from_pkcs8(algorithm, key.secret_pkcs8_der(), &random);
        let key = key.unwrap();
        let signature = key.sign(&random, &Self::MESSAGE).unwrap().as_ref().to_vec();
        Self { random, key, signature }
    }

    fn run(&self, spent: &mut Spent) {
        let start = || {
            let private =
                agreement::EphemeralPrivateKey::generate(&agreement::X25519, &self.random);
            let private = private.unwrap();
            let public = private.compute_public_key().unwrap();
            (private, public)
        };
        let finish = |private, public: &agreement::PublicKey| {
            let public = agreement::UnparsedPublicKey::new(&agreement::X25519, public.as_ref());
            agreement::agree_ephemeral(private, &public, |secret| secret[0]).unwrap()
        };
        let (client, client_public) = timed(&mut spent.client, start);
        let server_public = timed(&mut spent.server, || {
            let (server, public) = start();
            finish(server, &client_public);
            self.key.sign(&self.random, &Self::MESSAGE).unwrap();
            public
        });
        timed(&mut spent.client, || {
            finish(client, &server_public);
            let public = ring::signature::KeyPair::public_key(&self.key).as_ref();
            for _ in 0..2 {
                let algorithm = &signature::ECDSA_P256_SHA256_ASN1;
                signature::UnparsedPublicKey::new(algorithm, public)
                    .verify(&Self::MESSAGE, &self.signature)
                    .unwrap();
            }
        });
    }
}
