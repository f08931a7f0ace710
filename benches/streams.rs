//! `Stream` over memory, beside the stream of rustls, and beside what cannot be avoided: bare `ring` in
//! place, and one copy. AES-128-GCM, in records of 16 KiB and of 64 bytes. The last two columns are
//! times in relation to these: less is better.
//!
//! - Send: the data are in a buffer that the application keeps. The one copy is from there into the
//!   record. The transport takes all bytes and copies nothing.
//! - Receive: the transport copies received bytes into the buffer of a read, as a socket does. The one
//!   copy is from there to the beginning of the application's buffer.
//!
//! Both are measured with a reader's buffer that is smaller than a large record, and with a larger one. Sending
//! does not depend on it.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use handclasp::record::HEADER_LENGTH;
use handclasp::transport::memory::exchange;
use handclasp::{ClientConnection, ServerConnection, Stream};
use handclasp_testing::measure::{self, Column, timed};
use handclasp_testing::{Identity, server_name};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::StreamOwned;

const ROUNDS: usize = 400;
/// How many records a contender sends and receives before the next has its turn.
const RECORDS: u32 = 20;

fn main() {
    println!("| stream in memory | contender | ns for a record | x floor | x rustls |");
    println!("|---|---|---|---|---|");
    for length in [16 * 1024, 64] {
        for buffer in [8 * 1024, 64 * 1024] {
            compare(length, buffer);
        }
    }
}

fn compare(length: usize, buffer: usize) {
    let (mut ours, mut theirs) = (Streams::new(ours), Streams::new(theirs));
    let mut floor = Floor::new();
    let data = vec![7; length];
    let mut buffer = vec![0; buffer];
    let mut columns: [[Column; 2]; 3] = Default::default();
    for _ in 0..ROUNDS {
        let spent = [
            ours.records(&data, &mut buffer),
            theirs.records(&data, &mut buffer),
            floor.records(&data, &mut buffer),
        ];
        for (columns, spent) in columns.iter_mut().zip(spent) {
            columns[0].add(spent.sending, RECORDS);
            columns[1].add(spent.receiving, RECORDS);
        }
    }
    for (place, verb) in ["send", "receive"].iter().enumerate() {
        let what = format!("{verb} {length} bytes, reader's buffer of {}", buffer.len());
        let [ours, theirs, floor] = columns.each_ref().map(|columns| &columns[place]);
        for (name, column) in [("handclasp", ours), ("rustls", theirs), ("floor", floor)] {
            println!(
                "| {what} | {name} | {:.0} | {:.3} | {:.3} |",
                column.micros() * 1e3,
                column.ratio(floor),
                column.ratio(theirs)
            );
        }
    }
}

#[derive(Default)]
struct Spent {
    sending: Duration,
    receiving: Duration,
}

/// What a transport has for its reader, and what was sent to it.
#[derive(Default)]
struct Bytes {
    incoming: Vec<u8>,
    read: usize,
    sent: Vec<u8>,
    /// Whether the bytes that are sent are kept. A measurement of sending does not copy them.
    keeps: bool,
}

#[derive(Clone, Default)]
struct Memory(Rc<RefCell<Bytes>>);

impl Read for Memory {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut bytes = self.0.borrow_mut();
        let taken = (&bytes.incoming[bytes.read..]).read(buffer)?;
        bytes.read += taken;
        if taken == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    }

    fn read_vectored(&mut self, buffers: &mut [io::IoSliceMut<'_>]) -> io::Result<usize> {
        let mut bytes = self.0.borrow_mut();
        let taken = (&bytes.incoming[bytes.read..]).read_vectored(buffers)?;
        bytes.read += taken;
        if taken == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    }
}

impl Write for Memory {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let mut bytes = self.0.borrow_mut();
        if bytes.keeps {
            bytes.sent.extend_from_slice(data);
        }
        Ok(data.len())
    }

    fn write_vectored(&mut self, pieces: &[io::IoSlice<'_>]) -> io::Result<usize> {
        for piece in pieces {
            self.write(piece)?;
        }
        Ok(pieces.iter().map(|piece| piece.len()).sum())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Both ends of connections after the handshake. One connection sends only, and the records of the other
/// are received.
struct Streams {
    sender: Box<dyn Write>,
    peer_of_receiver: Box<dyn Write>,
    receiver: Box<dyn Read>,
    from_peer: Memory,
    to_receiver: Memory,
}

impl Streams {
    fn new(connect: fn(Memory, Memory) -> Pair) -> Self {
        let (from_peer, to_receiver) = (Memory::default(), Memory::default());
        let (sender, _) = connect(Memory::default(), Memory::default());
        let (peer_of_receiver, receiver) = connect(from_peer.clone(), to_receiver.clone());
        Self { sender, peer_of_receiver, receiver, from_peer, to_receiver }
    }

    fn records(&mut self, data: &[u8], buffer: &mut [u8]) -> Spent {
        let mut spent = Spent::default();
        timed(&mut spent.sending, || {
            for _ in 0..RECORDS {
                self.sender.write_all(data).unwrap();
            }
        });
        self.from_peer.0.borrow_mut().keeps = true;
        for _ in 0..RECORDS {
            self.peer_of_receiver.write_all(data).unwrap();
        }
        let records = std::mem::take(&mut self.from_peer.0.borrow_mut().sent);
        *self.to_receiver.0.borrow_mut() = Bytes { incoming: records, ..Bytes::default() };
        timed(&mut spent.receiving, || {
            let mut left = data.len() * RECORDS as usize;
            while left > 0 {
                left -= self.receiver.read(buffer).unwrap();
            }
        });
        spent
    }
}

/// A client's stream that writes, and the stream of its server that reads.
type Pair = (Box<dyn Write>, Box<dyn Read>);

fn ours(client_memory: Memory, server_memory: Memory) -> Pair {
    let (client, server) = measure::ours(&Identity::p256());
    let mut client = ClientConnection::new(client, server_name());
    let mut server = ServerConnection::new(server);
    exchange(&mut client, &mut server).unwrap();
    (Box::new(Stream::new(client, client_memory)), Box::new(Stream::new(server, server_memory)))
}

fn theirs(client_memory: Memory, server_memory: Memory) -> Pair {
    let (client, server) = measure::rustls(&Identity::p256());
    let mut client = rustls::ClientConnection::new(client, server_name()).unwrap();
    let mut server = rustls::ServerConnection::new(server).unwrap();
    measure::rustls_handshake(&mut client, &mut server);
    (
        Box::new(StreamOwned::new(client, client_memory)),
        Box::new(StreamOwned::new(server, server_memory)),
    )
}

/// Bare `ring` in place, and one copy.
struct Floor {
    key: LessSafeKey,
    record: Vec<u8>,
    received: Vec<u8>,
}

impl Floor {
    fn new() -> Self {
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &[7; 16]).unwrap());
        Self { key, record: Vec::new(), received: Vec::new() }
    }

    fn records(&mut self, data: &[u8], buffer: &mut [u8]) -> Spent {
        let nonce = || Nonce::assume_unique_for_key([3; 12]);
        let header = || Aad::from([0; HEADER_LENGTH]);
        let mut spent = Spent::default();
        timed(&mut spent.sending, || {
            for _ in 0..RECORDS {
                self.record.clear();
                self.record.extend_from_slice(&[0; HEADER_LENGTH]);
                self.record.extend_from_slice(data);
                self.record.push(23);
                let plaintext = &mut self.record[HEADER_LENGTH..];
                let tag = self.key.seal_in_place_separate_tag(nonce(), header(), plaintext);
                self.record.extend_from_slice(tag.unwrap().as_ref());
            }
        });
        let records = self.record.repeat(RECORDS as usize);
        self.received.resize(self.record.len(), 0);
        timed(&mut spent.receiving, || {
            for record in records.chunks(self.record.len()) {
                self.received.copy_from_slice(record);
                let record = &mut self.received[HEADER_LENGTH..];
                let plaintext = self.key.open_in_place(nonce(), header(), record).unwrap();
                let content = &plaintext[..data.len()];
                for piece in content.chunks(buffer.len()) {
                    buffer[..piece.len()].copy_from_slice(piece);
                }
            }
        });
        spent
    }
}
