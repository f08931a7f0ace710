//! Application data in records of 16 KiB under AES-128-GCM: sealing and opening, beside rustls
//! and beside bare `ring` in place, on the same bytes behind a header. The last two columns are speeds
//! in relation to these: more is better.
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

fn main() {
    let identity = Identity::p256();
    let (client, server) = measure::ours(&identity);
    let mut ours = Ours {
        client: ClientConnection::new(client, server_name()),
        server: ServerConnection::new(server),
        record: Vec::new(),
    };
    exchange(&mut ours.client, &mut ours.server).unwrap();
    let (client, server) = measure::rustls(&identity);
    let mut theirs = Theirs {
        client: rustls::ClientConnection::new(client, server_name()).unwrap(),
        server: rustls::ServerConnection::new(server).unwrap(),
        record: Vec::new(),
        output: vec![0; LENGTH],
    };
    measure::rustls_handshake(&mut theirs.client, &mut theirs.server);
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &[7; 16]).unwrap());
    let data = vec![7; LENGTH];

    let [mut our_seal, mut our_open, mut their_seal, mut their_open, mut bare_seal, mut bare_open] =
        std::array::from_fn(|_| Column::default());
    let mut in_place = Column::default();
    for _ in 0..ROUNDS {
        let [mut a, mut b, mut c] = [(Duration::ZERO, Duration::ZERO); 3];
        let mut spent_in_place = Duration::ZERO;
        // One after the other, as in a connection: each record is behind one of the same contender.
        repeat(|| ours.record(&data, &mut a));
        repeat(|| theirs.record(&data, &mut b));
        repeat(|| bare(&key, &data, &mut c));
        repeat(|| ours.record_in_place(&data, &mut spent_in_place));
        in_place.add(spent_in_place, REPETITIONS);
        for (seal, open, spent) in [
            (&mut our_seal, &mut our_open, a),
            (&mut their_seal, &mut their_open, b),
            (&mut bare_seal, &mut bare_open, c),
        ] {
            seal.add(spent.0, REPETITIONS);
            open.add(spent.1, REPETITIONS);
        }
    }
    println!("| 16 KiB | contender | µs | MB/s | x bare ring | x rustls |");
    println!("|---|---|---|---|---|---|");
    report("seal", &our_seal, &their_seal, &bare_seal);
    report_one("seal", "handclasp, in place", &in_place, &their_seal, &bare_seal);
    report("open", &our_open, &their_open, &bare_open);
}

fn report(what: &str, ours: &Column, theirs: &Column, bare: &Column) {
    for (name, column) in [("handclasp", ours), ("rustls", theirs), ("bare ring", bare)] {
        report_one(what, name, column, theirs, bare);
    }
}

fn report_one(what: &str, name: &str, column: &Column, theirs: &Column, bare: &Column) {
    let micros = column.micros();
    println!(
        "| {what} | {name} | {micros:.2} | {:.0} | {:.3} | {:.3} |",
        LENGTH as f64 / micros,
        bare.ratio(column),
        theirs.ratio(column),
    );
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
}

impl Ours {
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
            self.server.reader().read_exact(&mut self.output).unwrap();
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
