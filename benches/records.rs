//! Application data in records of 16 KiB and of 64 bytes under AES-128-GCM: sealing and opening, beside
//! rustls and beside bare `ring` in place, on the same bytes behind a header. The last two columns for
//! 16 KiB are speeds in relation to these: more is better. For 64 bytes they are the nanoseconds that a
//! record takes longer than bare `ring`, and the time in relation to rustls: less is better.
//!
//! From the application's plaintext to a record, and from a received record to plaintext that the
//! application can read: each library as its interface wants it. The way between the two, over a
//! buffer in the place of a socket, is not measured.

use std::io::{Read, Write};
use std::time::Duration;

use handclasp::connection::Received;
use handclasp::record::HEADER_LENGTH;
use handclasp::transport::memory::exchange;
use handclasp::{ClientConnection, ServerConnection};
use handclasp_testing::measure::{self, Column, timed};
use handclasp_testing::{Identity, server_name};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

const ROUNDS: usize = 200;
const REPETITIONS: u32 = 20;
const LENGTH: usize = 1 << 14;
const SHORT_LENGTH: usize = 64;

fn main() {
    let identity = Identity::p256();
    let mut contenders = Contenders {
        ours: Ours::new(&identity),
        theirs: Theirs::new(&identity),
        key: LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &[7; 16]).unwrap()),
    };
    report_full(&contenders.measure(LENGTH));
    println!();
    report_short(&contenders.measure(SHORT_LENGTH));
}

struct Contenders {
    ours: Ours,
    theirs: Theirs,
    key: LessSafeKey,
}

/// The time of a record.
#[derive(Default)]
struct Columns {
    our_seal: Column,
    our_seal_in_place: Column,
    our_open: Column,
    their_seal: Column,
    their_open: Column,
    bare_seal: Column,
    bare_open: Column,
}

impl Contenders {
    fn measure(&mut self, length: usize) -> Columns {
        let data = vec![7; length];
        let mut columns = Columns::default();
        for _ in 0..ROUNDS {
            let [mut a, mut b, mut c] = [(Duration::ZERO, Duration::ZERO); 3];
            let mut spent_in_place = Duration::ZERO;
            // One after the other, as in a connection: each record is behind one of the same contender.
            repeat(|| self.ours.record(&data, &mut a));
            repeat(|| self.theirs.record(&data, &mut b));
            repeat(|| bare(&self.key, &data, &mut c));
            repeat(|| self.ours.record_in_place(&data, &mut spent_in_place));
            columns.our_seal_in_place.add(spent_in_place, REPETITIONS);
            for (seal, open, spent) in [
                (&mut columns.our_seal, &mut columns.our_open, a),
                (&mut columns.their_seal, &mut columns.their_open, b),
                (&mut columns.bare_seal, &mut columns.bare_open, c),
            ] {
                seal.add(spent.0, REPETITIONS);
                open.add(spent.1, REPETITIONS);
            }
        }
        columns
    }
}

impl Columns {
    /// What is done, who does it, the time, and the times of rustls and of bare `ring` for the same.
    fn rows(&self) -> [(&str, &str, &Column, &Column, &Column); 7] {
        let (rustls, bare) = (&self.their_seal, &self.bare_seal);
        let seal = |contender, column| ("seal", contender, column, rustls, bare);
        let (rustls, bare) = (&self.their_open, &self.bare_open);
        let open = |contender, column| ("open", contender, column, rustls, bare);
        [
            seal("handclasp", &self.our_seal),
            seal("rustls", &self.their_seal),
            seal("bare ring", &self.bare_seal),
            seal("handclasp, in place", &self.our_seal_in_place),
            open("handclasp", &self.our_open),
            open("rustls", &self.their_open),
            open("bare ring", &self.bare_open),
        ]
    }
}

fn report_full(columns: &Columns) {
    println!("| 16 KiB | contender | µs | MB/s | x bare ring | x rustls |");
    println!("|---|---|---|---|---|---|");
    for (what, contender, column, rustls, bare) in columns.rows() {
        let micros = column.micros();
        println!(
            "| {what} | {contender} | {micros:.2} | {:.0} | {:.3} | {:.3} |",
            LENGTH as f64 / micros,
            bare.ratio(column),
            rustls.ratio(column),
        );
    }
}

fn report_short(columns: &Columns) {
    println!("| 64 bytes | contender | ns | ns more than bare ring | time x rustls |");
    println!("|---|---|---|---|---|");
    for (what, contender, column, rustls, bare) in columns.rows() {
        println!(
            "| {what} | {contender} | {:.0} | {:.0} | {:.3} |",
            column.micros() * 1e3,
            column.micros_more_than(bare) * 1e3,
            column.ratio(rustls),
        );
    }
}

fn repeat(mut record: impl FnMut()) {
    for _ in 0..REPETITIONS {
        record();
    }
}

struct Ours {
    client: ClientConnection,
    server: ServerConnection,
    record: Vec<u8>,
}

impl Ours {
    fn new(identity: &Identity) -> Self {
        let (client, server) = measure::ours(identity);
        let mut client = ClientConnection::new(client, server_name());
        let mut server = ServerConnection::new(server);
        exchange(&mut client, &mut server).unwrap();
        Self { client, server, record: Vec::new() }
    }

    fn record(&mut self, data: &[u8], spent: &mut (Duration, Duration)) {
        timed(&mut spent.0, || assert_eq!(self.client.write(data).unwrap(), data.len()));
        // The way to the peer is not measured.
        self.record.clear();
        self.record.extend_from_slice(self.client.outgoing());
        self.client.sent(self.record.len());
        timed(&mut spent.1, || {
            let (_, received) = self.server.receive(&mut self.record).unwrap();
            assert!(matches!(received, Received::Data(opened) if opened.len() == data.len()));
        });
    }

    /// The application has its data behind the place of the header.
    fn record_in_place(&mut self, data: &[u8], spent: &mut Duration) {
        self.record.clear();
        self.record.extend_from_slice(&[0; HEADER_LENGTH]);
        self.record.extend_from_slice(data);
        timed(spent, || self.client.write_in_place(&mut self.record).unwrap());
        let (_, received) = self.server.receive(&mut self.record).unwrap();
        assert!(matches!(received, Received::Data(opened) if opened.len() == data.len()));
    }
}

struct Theirs {
    client: rustls::ClientConnection,
    server: rustls::ServerConnection,
    record: Vec<u8>,
    output: Vec<u8>,
}

impl Theirs {
    fn new(identity: &Identity) -> Self {
        let (client, server) = measure::rustls(identity);
        let mut client = rustls::ClientConnection::new(client, server_name()).unwrap();
        let mut server = rustls::ServerConnection::new(server).unwrap();
        measure::rustls_handshake(&mut client, &mut server);
        Self { client, server, record: Vec::new(), output: vec![0; LENGTH] }
    }

    fn record(&mut self, data: &[u8], spent: &mut (Duration, Duration)) {
        timed(&mut spent.0, || self.client.writer().write_all(data).unwrap());
        self.record.clear();
        while self.client.write_tls(&mut self.record).unwrap() > 0 {}
        timed(&mut spent.1, || {
            let mut input = &self.record[..];
            while !input.is_empty() {
                self.server.read_tls(&mut input).unwrap();
                self.server.process_new_packets().unwrap();
            }
            self.server.reader().read_exact(&mut self.output[..data.len()]).unwrap();
        });
    }
}

/// What a record makes unavoidable: the content and its type, behind a header of five bytes, which
/// decides how the bytes are aligned.
fn bare(key: &LessSafeKey, data: &[u8], spent: &mut (Duration, Duration)) {
    let nonce = || Nonce::assume_unique_for_key([3; 12]);
    let mut record = Vec::with_capacity(HEADER_LENGTH + data.len() + 1 + AES_128_GCM.tag_len());
    record.extend_from_slice(&[0; HEADER_LENGTH]);
    record.extend_from_slice(data);
    record.push(23);
    let header = || Aad::from([0; HEADER_LENGTH]);
    timed(&mut spent.0, || {
        let plaintext = &mut record[HEADER_LENGTH..];
        let tag = key.seal_in_place_separate_tag(nonce(), header(), plaintext).unwrap();
        record.extend_from_slice(tag.as_ref());
    });
    timed(&mut spent.1, || {
        key.open_in_place(nonce(), header(), &mut record[HEADER_LENGTH..]).unwrap();
    });
}
