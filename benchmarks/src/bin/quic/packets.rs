//! Packet protection, and the making of keys.

use std::hint::black_box;

use bytes::BytesMut;
use handclasp_benchmarks::quic::sessions::{Connected, connect};
use handclasp_benchmarks::quic::{Kind, Suite, Tls};
use handclasp_testing::Identity;
use handclasp_testing::measure::{Column, thread_time};
use quinn_proto::ConnectionId;

use crate::Columns;

const ROUNDS: usize = 400;

/// Packets of a round. They fit into the cache of the processor.
const PACKETS: usize = 64;

const PACKET: usize = 1200;

/// A short header: the first byte, a connection ID of 8 bytes, and a packet number of 2.
const NUMBER_OFFSET: usize = 9;
const HEADER: usize = NUMBER_OFFSET + 2;
const FIRST_BYTE: u8 = 0x41;

/// How many keys are made in a round.
const KEYS: usize = 16;

pub fn measure(identity: &Identity) {
    for (suite, name) in
        [(Suite::Aes128Gcm, "AES-128-GCM"), (Suite::ChaCha20Poly1305, "ChaCha20-Poly1305")]
    {
        let ours = Tls::handclasp(suite, Kind::Full, identity);
        let theirs = Tls::rustls(suite, Kind::Full, identity);
        let mut subjects = [Subject::new(&ours), Subject::new(&theirs)];
        let (mut seal, mut open, mut update) =
            (Columns::default(), Columns::default(), Columns::default());
        for _ in 0..ROUNDS {
            let [ours, theirs] = &mut subjects;
            ours.protect(&mut seal.ours, &mut open.ours);
            theirs.protect(&mut seal.theirs, &mut open.theirs);
            ours.update(&mut update.ours);
            theirs.update(&mut update.theirs);
        }
        seal.report_nanos(&format!("protect a packet, {name}"));
        open.report_nanos(&format!("open a packet, {name}"));
        update.report_nanos(&format!("update keys, {name}"));
        if suite == Suite::Aes128Gcm {
            initial_keys(&ours, &theirs).report_nanos("keys of Initial packets");
        }
    }
}

/// The two ends of a connection.
struct Subject {
    client: Connected,
    server: Connected,
    number: u64,
}

impl Subject {
    fn new(tls: &Tls) -> Self {
        let [client, server] = connect(tls);
        Self { client, server, number: 0 }
    }

    /// The client protects packets, and the server opens them.
    fn protect(&mut self, seal: &mut Column, open: &mut Column) {
        let mut template = [0; PACKET];
        template[0] = FIRST_BYTE;
        let mut packets = [(); PACKETS].map(|()| BytesMut::from(&template[..]));
        let first = self.number;
        let keys = &self.client.keys;
        let start = thread_time();
        for packet in &mut packets {
            keys.packet.local.encrypt(self.number, packet, HEADER);
            keys.header.local.encrypt(NUMBER_OFFSET, packet);
            self.number += 1;
        }
        seal.add(thread_time() - start, PACKETS as u32);
        let keys = &self.server.keys;
        let mut opened = 0;
        let start = thread_time();
        for (number, packet) in (first..).zip(&mut packets) {
            keys.header.remote.decrypt(NUMBER_OFFSET, packet);
            let header = packet.split_to(HEADER);
            let decrypted = keys.packet.remote.decrypt(number, &header, packet);
            opened += usize::from(decrypted.is_ok());
        }
        open.add(thread_time() - start, PACKETS as u32);
        assert_eq!(opened, PACKETS);
    }

    /// The keys of the next phases, in both directions.
    fn update(&mut self, column: &mut Column) {
        let start = thread_time();
        for _ in 0..KEYS {
            black_box(self.client.session.next_1rtt_keys().unwrap());
        }
        column.add(thread_time() - start, KEYS as u32);
    }
}

/// The keys of a server's Initial packets, in both directions.
fn initial_keys(ours: &Tls, theirs: &Tls) -> Columns {
    let id = ConnectionId::new(&[7; 8]);
    let measure = |tls: &Tls, column: &mut Column| {
        let start = thread_time();
        for _ in 0..KEYS {
            black_box(tls.server.initial_keys(1, &id).ok().unwrap());
        }
        column.add(thread_time() - start, KEYS as u32);
    };
    let mut columns = Columns::default();
    for _ in 0..ROUNDS {
        measure(ours, &mut columns.ours);
        measure(theirs, &mut columns.theirs);
    }
    columns
}
