//! Allocations of a full handshake (x25519, P-256 certificate, TLS_AES_128_GCM_SHA256), each
//! side's apart, and the heap that a connection holds when it is idle, beside rustls.
//!
//! `idle` is the object and its heap, in bytes, after the handshake, and again after 16 KiB in each direction.
//! The figures are counts, and the same in every run. They are those of the second connection: what
//! a thread keeps for all of its connections is made by the first. `cargo test` runs this, too: no side
//! may need more than the limits below.

use std::alloc::System;
use std::sync::Arc;

use handclasp::connection::{Connection, Received};
use handclasp::{ClientConnection, CryptoProvider, ServerConnection};
use handclasp_testing::measure;
use handclasp_testing::{Identity, server_name};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What the calls of one side have asked of the allocator.
#[derive(Clone, Copy, Default)]
struct Heap {
    allocations: usize,
    held: usize,
    /// The most that was held after a call.
    peak: usize,
}

impl Heap {
    fn count<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let before = ALLOCATOR.stats();
        let result = call();
        let spent = ALLOCATOR.stats() - before;
        self.allocations += spent.allocations + spent.reallocations;
        self.held = (self.held + spent.bytes_allocated).saturating_sub(spent.bytes_deallocated);
        self.peak = self.peak.max(self.held);
        result
    }
}

/// Both sides after the handshake, and after 16 KiB went each way.
struct Measured {
    client: [Heap; 2],
    server: [Heap; 2],
}

const DATA: [u8; 16_384] = [7; 16_384];

/// In a build with both providers, each key of `ring` is in a box of its own. And the crate `aws-lc-rs` itself
/// needs two allocations for a key exchange.
const WITH_AWS_LC_RS: bool = cfg!(feature = "aws-lc-rs");

/// The most allocations of a handshake on either side.
const ALLOCATIONS: usize = if WITH_AWS_LC_RS { 20 } else { 16 };

/// The most bytes of an idle connection: on a client with the server's certificate, which has 370 bytes.
const IDLE_CLIENT: usize = if WITH_AWS_LC_RS { 2_200 } else { 2_150 };
const IDLE_SERVER: usize = if WITH_AWS_LC_RS { 1_830 } else { 1_780 };

fn main() {
    let identity = Identity::p256();
    rustls_connection(&identity);
    let theirs = rustls_connection(&identity);
    println!(
        "| side | contender | allocations | peak of the heap | object | idle | idle after 16 KiB |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (name, provider) in providers() {
        handclasp_connection(&identity, provider.clone());
        let ours = handclasp_connection(&identity, provider);
        let client = Row { side: "client", name, object: size_of::<ClientConnection>() };
        client.print(ours.client);
        client.check(ours.client, IDLE_CLIENT);
        let server = Row { side: "server", name, object: size_of::<ServerConnection>() };
        server.print(ours.server);
        server.check(ours.server, IDLE_SERVER);
    }
    let object = size_of::<rustls::Connection>();
    Row { side: "client", name: "rustls", object }.print(theirs.client);
    Row { side: "server", name: "rustls", object }.print(theirs.server);
}

/// Those of this build. What the C code of AWS-LC allocates is not counted: about 600 bytes for the keys of
/// each direction.
fn providers() -> Vec<(&'static str, CryptoProvider)> {
    vec![
        #[cfg(feature = "ring")]
        ("handclasp", CryptoProvider::ring()),
        #[cfg(feature = "aws-lc-rs")]
        ("handclasp, aws-lc-rs", CryptoProvider::aws_lc_rs()),
    ]
}

/// What a row of the table is about.
struct Row {
    side: &'static str,
    name: &'static str,
    /// The bytes of the connection itself.
    object: usize,
}

impl Row {
    fn print(&self, [idle, used]: [Heap; 2]) {
        let Self { side, name, object } = self;
        let (allocations, peak) = (idle.allocations, idle.peak);
        let (idle, used) = (object + idle.held, object + used.held);
        println!("| {side} | {name} | {allocations} | {peak} | {object} | {idle} | {used} |");
    }

    /// Neither the handshake nor the data may need more.
    fn check(&self, [idle, used]: [Heap; 2], most: usize) {
        let Self { side, name, object } = self;
        assert!(idle.allocations <= ALLOCATIONS, "{side}, {name}: {}", idle.allocations);
        let (idle, used) = (object + idle.held, object + used.held);
        assert!(idle <= most && used <= most, "{side}, {name}: {idle}, {used}");
    }
}

fn handclasp_connection(identity: &Identity, provider: CryptoProvider) -> Measured {
    let (client_config, server_config) = measure::ours_with(identity, provider);
    let (mut on_client, mut on_server) = (Heap::default(), Heap::default());
    let name = server_name();
    let mut client = on_client.count(|| ClientConnection::new(Arc::clone(&client_config), name));
    let mut server = on_server.count(|| ServerConnection::new(Arc::clone(&server_config)));
    while client.is_handshaking() || server.is_handshaking() {
        deliver((&mut client, &mut on_client), (&mut server, &mut on_server));
        deliver((&mut server, &mut on_server), (&mut client, &mut on_client));
    }
    on_client.count(|| client.release_buffers());
    on_server.count(|| server.release_buffers());
    let idle = (on_client, on_server);
    on_client.count(|| client.write(&DATA).unwrap());
    deliver((&mut client, &mut on_client), (&mut server, &mut on_server));
    on_server.count(|| server.write(&DATA).unwrap());
    deliver((&mut server, &mut on_server), (&mut client, &mut on_client));
    on_client.count(|| client.release_buffers());
    on_server.count(|| server.release_buffers());
    Measured { client: [idle.0, on_client], server: [idle.1, on_server] }
}

type End<'a> = (&'a mut Connection, &'a mut Heap);

fn deliver((from, on_from): End<'_>, (to, on_to): End<'_>) {
    let mut bytes = from.outgoing().to_vec();
    on_from.count(|| from.sent(bytes.len()));
    let mut start = 0;
    while start < bytes.len() {
        let input = &mut bytes[start..];
        let (consumed, received) = on_to.count(|| to.receive(input).unwrap());
        assert!(matches!(received, Received::Handled | Received::Data(_)));
        start += consumed;
    }
}

fn rustls_connection(identity: &Identity) -> Measured {
    let (client_config, server_config) = measure::rustls(identity);
    let (mut on_client, mut on_server) = (Heap::default(), Heap::default());
    let name = server_name();
    let mut client: rustls::Connection = on_client
        .count(|| rustls::ClientConnection::new(Arc::clone(&client_config), name).unwrap())
        .into();
    let mut server: rustls::Connection = on_server
        .count(|| rustls::ServerConnection::new(Arc::clone(&server_config)).unwrap())
        .into();
    while client.is_handshaking() || server.is_handshaking() {
        carry((&mut client, &mut on_client), (&mut server, &mut on_server));
        carry((&mut server, &mut on_server), (&mut client, &mut on_client));
    }
    let idle = (on_client, on_server);
    for _ in 0..2 {
        send((&mut client, &mut on_client), (&mut server, &mut on_server));
        std::mem::swap(&mut client, &mut server);
        std::mem::swap(&mut on_client, &mut on_server);
    }
    Measured { client: [idle.0, on_client], server: [idle.1, on_server] }
}

type Their<'a> = (&'a mut rustls::Connection, &'a mut Heap);

fn send((from, on_from): Their<'_>, (to, on_to): Their<'_>) {
    use std::io::{Read, Write};
    on_from.count(|| from.writer().write_all(&DATA).unwrap());
    carry((from, on_from), (to, on_to));
    let mut data = [0; DATA.len()];
    on_to.count(|| to.reader().read_exact(&mut data).unwrap());
    assert_eq!(data, DATA);
}

fn carry((from, on_from): Their<'_>, (to, on_to): Their<'_>) {
    let mut bytes = Vec::with_capacity(65_536);
    on_from.count(|| {
        while from.wants_write() {
            from.write_tls(&mut bytes).unwrap();
        }
    });
    let mut bytes = &bytes[..];
    while !bytes.is_empty() {
        on_to.count(|| {
            to.read_tls(&mut bytes).unwrap();
            to.process_new_packets().unwrap();
        });
    }
}
