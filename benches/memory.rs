//! Allocations of a full handshake (x25519, P-256 certificate, TLS_AES_128_GCM_SHA256), each
//! side's apart, and the heap that a connection holds when it is idle, beside rustls.
//!
//! `idle` is the object and its heap, in bytes, after the handshake, and again after 16 KiB in each direction.
//! The figures are counts, and the same in every run. They are those of the second connection: what
//! a thread keeps for all of its connections is made by the first. `cargo test` runs this, too: no side
//! may need more than the limits below.

use std::alloc::System;
use std::io::{ErrorKind, Read};
use std::sync::Arc;

use handclasp::connection::{Connection, Received};
use handclasp::transport::memory::exchange;
use handclasp::{
    ClientConfig, ClientConnection, CryptoProvider, ServerConfig, ServerConnection, Stream,
};
use handclasp_testing::measure;
use handclasp_testing::received_bytes::ReceivedBytes;
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

/// Printed in a build with AWS-LC. The figure is what glibc's `mallinfo2` counts for 1,000 idle connections on each
/// side, without what Rust code has of it; with `aws-lc-rs` 1.19.0.
const NOT_COUNTED: &str = "Not counted is what the C code of AWS-LC has on the heap for an idle connection: about \
    1,220 bytes, half of them for the keys of each direction.";

/// The most that a provider may need. The limits are near what is measured.
struct Limits {
    /// Allocations of a handshake on a client and on a server, with x25519 alone.
    x25519: [usize; 2],
    /// The same with the default groups: X25519MLKEM768, with an x25519 share beside it.
    default_groups: [usize; 2],
    /// The bytes of an idle connection: on a client with the server's certificate, which has 370 bytes.
    idle: [usize; 2],
}

/// In a build with both providers, each key of `ring` is in a box of its own.
#[cfg(feature = "ring")]
const RING: Limits = if cfg!(feature = "aws-lc-rs") {
    Limits { x25519: [20, 18], default_groups: [24, 21], idle: [2_200, 1_830] }
} else {
    Limits { x25519: [16, 14], default_groups: [20, 17], idle: [2_150, 1_780] }
};

/// The crate `aws-lc-rs` itself makes 5 of a client's allocations with the default groups, and 6 of a server's.
#[cfg(feature = "aws-lc-rs")]
const AWS_LC_RS: Limits = Limits { x25519: [18, 18], default_groups: [25, 23], idle: [1_100, 730] };

fn main() {
    let identity = Identity::p256();
    rustls_connection(&identity);
    let theirs = rustls_connection(&identity);
    println!(
        "| side | contender | allocations | peak of the heap | object | idle | idle after 16 KiB |"
    );
    println!("|---|---|---|---|---|---|---|");
    for Subject { name, provider, limits } in subjects() {
        let configs = measure::ours_with(&identity, provider.clone());
        check(name, &configs, limits.x25519, limits.idle);
        let configs = measure::ours_with_all_groups(&identity, provider);
        let name = format!("{name}, default groups");
        check(&name, &configs, limits.default_groups, limits.idle);
        check_read_without_data(&configs);
    }
    let object = size_of::<rustls::Connection>();
    Row { side: "client", name: "rustls", object }.print(theirs.client);
    Row { side: "server", name: "rustls", object }.print(theirs.server);
    if cfg!(feature = "aws-lc-rs") {
        println!("\n{NOT_COUNTED}");
    }
}

/// A provider of this build.
struct Subject {
    name: &'static str,
    provider: CryptoProvider,
    limits: Limits,
}

fn subjects() -> Vec<Subject> {
    vec![
        #[cfg(feature = "ring")]
        Subject { name: "handclasp", provider: CryptoProvider::ring(), limits: RING },
        #[cfg(feature = "aws-lc-rs")]
        Subject {
            name: "handclasp, aws-lc-rs",
            provider: CryptoProvider::aws_lc_rs(),
            limits: AWS_LC_RS,
        },
    ]
}

/// Prints both sides of the second connection, and checks them.
fn check(name: &str, configs: &Configs, allocations: [usize; 2], idle: [usize; 2]) {
    handclasp_connection(configs);
    let ours = handclasp_connection(configs);
    let client = Row { side: "client", name, object: size_of::<ClientConnection>() };
    client.print(ours.client);
    client.check(ours.client, allocations[0], idle[0]);
    let server = Row { side: "server", name, object: size_of::<ServerConnection>() };
    server.print(ours.server);
    server.check(ours.server, allocations[1], idle[1]);
}

/// A read of a stream whose transport has no bytes allocates nothing, for a buffer of any length.
fn check_read_without_data((client_config, server_config): &Configs) {
    let mut client = ClientConnection::new(Arc::clone(client_config), server_name());
    exchange(&mut client, &mut ServerConnection::new(Arc::clone(server_config))).unwrap();
    let mut stream = Stream::new(client, ReceivedBytes::new(Vec::new(), usize::MAX));
    let mut heap = Heap::default();
    for length in [1, 100, 8_192, 65_536] {
        let mut buffer = vec![0; length];
        let error = heap.count(|| stream.read(&mut buffer).unwrap_err());
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }
    assert_eq!(heap.allocations, 0, "a read without data");
}

type Configs = (Arc<ClientConfig>, Arc<ServerConfig>);

/// What a row of the table is about.
struct Row<'a> {
    side: &'static str,
    name: &'a str,
    /// The bytes of the connection itself.
    object: usize,
}

impl Row<'_> {
    fn print(&self, [idle, used]: [Heap; 2]) {
        let Self { side, name, object } = self;
        let (allocations, peak) = (idle.allocations, idle.peak);
        let (idle, used) = (object + idle.held, object + used.held);
        println!("| {side} | {name} | {allocations} | {peak} | {object} | {idle} | {used} |");
    }

    /// Neither the handshake nor the data may need more.
    fn check(&self, [idle, used]: [Heap; 2], allocations: usize, most: usize) {
        let Self { side, name, object } = self;
        assert!(idle.allocations <= allocations, "{side}, {name}: {}", idle.allocations);
        let (idle, used) = (object + idle.held, object + used.held);
        assert!(idle <= most && used <= most, "{side}, {name}: {idle}, {used}");
    }
}

fn handclasp_connection((client_config, server_config): &Configs) -> Measured {
    let (mut on_client, mut on_server) = (Heap::default(), Heap::default());
    let name = server_name();
    let mut client = on_client.count(|| ClientConnection::new(Arc::clone(client_config), name));
    let mut server = on_server.count(|| ServerConnection::new(Arc::clone(server_config)));
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
