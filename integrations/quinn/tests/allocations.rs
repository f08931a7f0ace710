//! No packet allocates memory: neither through quinn's traits, nor with the keys of the library below them.
//!
//! One test, and a program of its own: the allocator counts for all threads.

use std::alloc::System;
use std::sync::Arc;

use bytes::BytesMut;
use handclasp::crypto::{CipherSuite, CryptoProvider, StaticOrArc};
use handclasp::key_schedule::TrafficSecret;
use handclasp::quic::{DirectionalKeys, Version};
use handclasp::{ClientConfig, ServerConfig};
use handclasp_quinn::{QuicClientConfig, QuicServerConfig};
use handclasp_testing::quic_sessions::{VERSION, complete, no_parameters};
use handclasp_testing::{Identity, NAME};
use quinn_proto::crypto::{ClientConfig as _, Keys, ServerConfig as _};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The first byte of a short header, a connection ID of 8 bytes, and a packet number of 2.
const NUMBER_OFFSET: usize = 9;
const HEADER: usize = NUMBER_OFFSET + 2;
const FIRST_BYTE: u8 = 0x41;

const PACKETS: u64 = 100;

fn packet() -> [u8; 1200] {
    let mut packet = [0; 1200];
    packet[0] = FIRST_BYTE;
    packet
}

/// How often `work` asks for memory, or for more of it.
fn allocations(work: impl FnOnce()) -> usize {
    let region = Region::new(ALLOCATOR);
    work();
    let change = region.change();
    change.allocations + change.reallocations
}

#[test]
fn no_packet_allocates_memory() {
    assert_eq!(allocations(|| drop(vec![7; 100])), 1, "the allocator counts");
    for suite in CryptoProvider::default().cipher_suites {
        let name = suite.id;
        assert_eq!(of_quinn(&suite), 0, "{name:?}, through quinn's traits");
        assert_eq!(of_keys(&suite), 0, "{name:?}, with keys of handclasp::quic");
    }
}

/// Packets that a client protects, and that a server opens or finds wrong.
fn of_quinn(suite: &CipherSuite) -> usize {
    let [client, server] = connect(suite);
    let mut total = 0;
    for number in 0..PACKETS {
        let mut packet = BytesMut::from(&packet()[..]);
        total += allocations(|| {
            client.packet.local.encrypt(number, &mut packet, HEADER);
            client.header.local.encrypt(NUMBER_OFFSET, &mut packet);
            server.header.remote.decrypt(NUMBER_OFFSET, &mut packet);
        });
        // This is quinn's part.
        let header = packet.split_to(HEADER);
        let mut wrong = packet.clone();
        wrong[0] ^= 1;
        total += allocations(|| {
            assert!(server.packet.remote.decrypt(number, &header, &mut wrong).is_err());
            assert!(server.packet.remote.decrypt(number, &header, &mut packet).is_ok());
            assert!(server.packet.remote.integrity_limit() > PACKETS);
            assert!(client.packet.local.confidentiality_limit() > PACKETS);
        });
        assert!(packet.iter().all(|byte| *byte == 0));
    }
    total
}

fn of_keys(suite: &StaticOrArc<CipherSuite>) -> usize {
    let secret = vec![7; suite.hash.output_length()];
    let secret = TrafficSecret::from_bytes(suite.clone(), &secret).unwrap();
    let keys = DirectionalKeys::new(Version::V1, &secret).unwrap();
    let DirectionalKeys { header, packet: key } = &keys;
    allocations(|| {
        for number in 0..PACKETS {
            let mut packet = packet();
            let (head, rest) = packet.split_at_mut(HEADER);
            let (payload, tag) = rest.split_last_chunk_mut().unwrap();
            *tag = key.encrypt_in_place(number, head, payload).unwrap();
            header.protect(NUMBER_OFFSET, &mut packet).unwrap();
            header.unprotect(NUMBER_OFFSET, &mut packet).unwrap();
            let (head, rest) = packet.split_at_mut(HEADER);
            assert!(key.decrypt_in_place(number, head, rest).is_ok());
        }
    })
}

/// The keys of 1-RTT packets of a client and of a server.
fn connect(suite: &CipherSuite) -> [Keys; 2] {
    let mut provider = CryptoProvider::default();
    // The other one is for Initial packets.
    provider.cipher_suites.sort_by_key(|one| one.id != suite.id);
    let identity = Identity::p256();
    let client = ClientConfig::builder(provider.clone()).application_protocols(["test/1"]);
    let client = client.trust(identity.anchors()).unwrap().build().unwrap();
    let key = Arc::new(identity.certified_key());
    let list = handclasp::credential::CertificateList::new(vec![key]);
    let server = ServerConfig::builder(provider).application_protocols(["test/1"]);
    let server = server.build(Arc::new(list)).unwrap();
    let client = Arc::new(QuicClientConfig::new(Arc::new(client)).unwrap());
    let mut client = client.start_session(VERSION, NAME, &no_parameters()).unwrap();
    let server = Arc::new(QuicServerConfig::new(Arc::new(server)).unwrap());
    let mut server = server.start_session(VERSION, &no_parameters());
    complete(&mut *client, &mut *server)
}
