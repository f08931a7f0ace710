//! Allocations of the handshake of QUIC through quinn's traits (x25519, P-256 certificate,
//! TLS_AES_128_GCM_SHA256), each side's apart, and those of a packet, beside rustls.
//!
//! The figures are counts, and the same in every run. They are those of the second connection of a kind:
//! what a thread or a configuration keeps for all of its connections is made by the first.

use std::alloc::System;

use bytes::BytesMut;
use handclasp_benchmarks::quic::sessions::{Connected, connect, start_client, start_server};
use handclasp_benchmarks::quic::{Kind, PRIMITIVES, Suite, Tls};
use handclasp_testing::Identity;
use handclasp_testing::quic_sessions::{receive, send};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What each side has allocated.
#[derive(Default)]
struct Counts {
    client: usize,
    server: usize,
}

/// Adds the allocations of `work` to `total`.
fn count<T>(total: &mut usize, work: impl FnOnce() -> T) -> T {
    let before = ALLOCATOR.stats();
    let result = work();
    let spent = ALLOCATOR.stats() - before;
    *total += spent.allocations + spent.reallocations;
    result
}

fn main() {
    let identity = Identity::p256();
    println!("| allocations, over {PRIMITIVES} | rustls | handclasp |");
    println!("|---|---|---|");
    for (kind, name) in [(Kind::Full, "full"), (Kind::Resumed, "resumed")] {
        let ours = handshake(&Tls::handclasp(Suite::Aes128Gcm, kind, &identity));
        let theirs = handshake(&Tls::rustls(Suite::Aes128Gcm, kind, &identity));
        println!("| {name} handshake, client | {} | {} |", theirs.client, ours.client);
        println!("| {name} handshake, server | {} | {} |", theirs.server, ours.server);
    }
    let ours = packets(&Tls::handclasp(Suite::Aes128Gcm, Kind::Full, &identity));
    let theirs = packets(&Tls::rustls(Suite::Aes128Gcm, Kind::Full, &identity));
    println!("| protect 100 packets | {} | {} |", theirs.client, ours.client);
    println!("| open 100 packets | {} | {} |", theirs.server, ours.server);
}

/// Of the second handshake.
fn handshake(tls: &Tls) -> Counts {
    drop(connect(tls));
    let mut counts = Counts::default();
    let mut client = count(&mut counts.client, || start_client(tls));
    let mut server = count(&mut counts.server, || start_server(tls));
    let (mut client_keys, mut server_keys) = (None, None);
    let mut from_client = count(&mut counts.client, || send(&mut *client, &mut client_keys));
    while !from_client.is_empty() {
        let from_server = count(&mut counts.server, || {
            receive(&mut *server, &from_client, &mut server_keys).unwrap()
        });
        from_client = count(&mut counts.client, || {
            receive(&mut *client, &from_server, &mut client_keys).unwrap()
        });
    }
    counts
}

/// A client sends a hundred packets of 1,200 bytes.
fn packets(tls: &Tls) -> Counts {
    const HEADER: usize = 11;
    let [Connected { keys: client, .. }, Connected { keys: server, .. }] = connect(tls);
    let mut counts = Counts::default();
    for number in 0..100 {
        let mut packet = BytesMut::zeroed(1200);
        packet[0] = 0x41;
        count(&mut counts.client, || {
            client.packet.local.encrypt(number, &mut packet, HEADER);
            client.header.local.encrypt(HEADER - 2, &mut packet);
        });
        count(&mut counts.server, || server.header.remote.decrypt(HEADER - 2, &mut packet));
        let mut payload = packet.split_off(HEADER);
        count(&mut counts.server, || {
            server.packet.remote.decrypt(number, &packet, &mut payload).unwrap();
        });
    }
    counts
}
