//! Under QUIC: what is left after a connection, and while one goes on.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::Arc;

use handclasp::Level;
use handclasp::connection::Options;
use handclasp::crypto::CryptoProvider;
use handclasp::key_schedule::TrafficSecret;
use handclasp::quic::{Connection, DirectionalKeys, Event, KeyUpdate, LevelKeys, Version};
use handclasp::registry::CipherSuiteId;
use handclasp_testing::server_name;
use handclasp_testing::sessions::time;
use zeroize::Zeroizing;

use super::memory::{Hidden, Seen, clean_stack, copies_further_down, further_down, is_readable};
use super::{SUITES, World, check, check_gone, providers};

/// One end, with its keys of 1-RTT packets. It discards all others.
struct End {
    connection: Connection,
    keys: Vec<LevelKeys>,
}

impl End {
    fn new(connection: Connection) -> Self {
        Self { connection, keys: Vec::new() }
    }

    /// The CRYPTO data that it sends now.
    fn sent(&mut self) -> VecDeque<(Level, Vec<u8>)> {
        let mut sent = VecDeque::new();
        while let Some(event) = self.connection.next_event() {
            match event {
                Event::CryptoData { level, data } => sent.push_back((level, data)),
                Event::ReadKeys(keys) | Event::WriteKeys(keys)
                    if keys.level == Level::Application =>
                {
                    self.keys.push(keys);
                }
                _ => {}
            }
        }
        sent
    }

    /// Goes to the next key phase in both directions.
    fn update_keys(&mut self) {
        assert_eq!(self.keys.len(), 2);
        for keys in &mut self.keys {
            keys.keys.packet = keys.update.as_mut().unwrap().next().unwrap();
        }
    }
}

/// Two ends after their handshake, and after two key updates.
#[inline(never)]
fn updated(seen: &Seen, provider: fn() -> CryptoProvider) -> [End; 2] {
    let world = World::new(seen);
    let (client, server) = world.plain(provider);
    let options = || {
        let mut options = Options::new(time(0));
        options.observer = seen.observer();
        options
    };
    let client = Arc::new(client.application_protocols(["h3"]).build().unwrap());
    let server = world.pair.finish(server.application_protocols(["h3"]));
    let parameters = || b"\x01\x04\x80\x00\x75\x30".to_vec();
    let client = Connection::client(client, Version::V1, server_name(), parameters(), options());
    let server = Connection::server(server, Version::V1, parameters(), options());
    let (mut client, mut server) = (End::new(client.unwrap()), End::new(server.unwrap()));
    loop {
        let (from_client, from_server) = (client.sent(), server.sent());
        if from_client.is_empty() && from_server.is_empty() {
            break;
        }
        for (level, data) in from_client {
            server.connection.receive_next(level, &data).unwrap();
        }
        for (level, data) in from_server {
            client.connection.receive_next(level, &data).unwrap();
        }
    }
    client.connection.handshake_done().unwrap();
    for end in [&mut client, &mut server] {
        assert!(!end.connection.is_handshaking());
        end.update_keys();
        end.update_keys();
    }
    [client, server]
}

#[test]
fn a_live_connection_of_quic_has_no_secret_of_an_earlier_key_phase() {
    if !is_readable() {
        return;
    }
    for (number, provider) in SUITES.into_iter().enumerate() {
        let seen = Seen::default();
        let ends = updated(&seen, provider);
        clean_stack();
        // A place at each end.
        let is_in_use = |hidden: &Hidden| ["exp master", "res master"].contains(&&*hidden.label);
        let what = format!("QUIC, suite {number}");
        check(&what, &seen, |hidden| if is_in_use(hidden) { 2 } else { 0 });
        black_box(&ends);
        drop(ends);
        clean_stack();
        check_gone(&what, &seen);
    }
}

/// The secret and the key of header protection of RFC 9001, appendix A.5.
const SECRET: &str = "9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b";
const HEADER_KEY: &str = "25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4";

fn bytes(text: &str) -> Zeroizing<[u8; 32]> {
    let mut bytes = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text, bytes.as_mut_slice()).unwrap();
    bytes
}

#[inline(never)]
fn header_keys(seen: &Seen, provider: &CryptoProvider) -> DirectionalKeys {
    let suite = provider.cipher_suite(CipherSuiteId::TLS_CHACHA20_POLY1305_SHA256).unwrap();
    seen.add("header protection", &*bytes(HEADER_KEY));
    let secret = TrafficSecret::from_bytes(suite.clone(), &*bytes(SECRET)).unwrap();
    DirectionalKeys::new(Version::V1, &secret).unwrap()
}

/// The secret of the next key phase (appendix A.5), and its packet key.
const NEXT_SECRET: &str = "1223504755036d556342ee9361d253421a826c9ecdf3c7148684b36b714881f9";
const NEXT_KEY: &str = "777ec1a510f50ec05d08d554ea5ef34a42c12200bb0f5a59c95908c9cd9189d2";

#[inline(never)]
fn next_key(seen: &Seen, provider: &CryptoProvider) -> KeyUpdate {
    let suite = provider.cipher_suite(CipherSuiteId::TLS_CHACHA20_POLY1305_SHA256).unwrap();
    seen.add("the next secret", &*bytes(NEXT_SECRET));
    seen.add("the next key", &*bytes(NEXT_KEY));
    let secret = TrafficSecret::from_bytes(suite.clone(), &*bytes(SECRET)).unwrap();
    KeyUpdate::new(Version::V1, secret)
}

#[inline(never)]
fn update(keys: &mut KeyUpdate) {
    further_down(|| drop(keys.next().unwrap()));
}

#[test]
fn nothing_is_left_on_the_stack_after_a_key_update() {
    if !is_readable() {
        return;
    }
    for provider in providers() {
        let seen = Seen::default();
        let mut keys = next_key(&seen, &provider);
        clean_stack();
        update(&mut keys);
        assert_eq!(copies_further_down(&seen.all()), [0, 0]);
        black_box(keys);
    }
}

#[test]
fn nothing_is_left_of_a_key_that_protects_headers() {
    if !is_readable() {
        return;
    }
    for (number, provider) in providers().into_iter().enumerate() {
        let seen = Seen::default();
        let keys = header_keys(&seen, &provider);
        drop(black_box(keys));
        clean_stack();
        check_gone(&format!("a key of header protection, provider {number}"), &seen);
    }
}
