//! [`Stream`] over transports that block, cut, interrupt and refuse.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, IoSlice, Read, Write};
use std::ops::DerefMut;
use std::rc::Rc;
use std::thread;

use handclasp::transport::memory::{PipeEnd, pipe};
use handclasp::{Connection, ErrorKind, Stream};
use handclasp_testing::Identity;
use handclasp_testing::numbers::{Numbers, varied_bytes};

/// Writes `ours` and reads as many bytes meanwhile, `step` bytes at a time; then both ends close.
fn duplex<C: DerefMut<Target = Connection>, T: Read + Write>(
    mut stream: Stream<C, T>,
    ours: &[u8],
    step: usize,
) -> Vec<u8> {
    let mut got = vec![0; ours.len()];
    for (from, to) in ours.chunks(step).zip(got.chunks_mut(step)) {
        stream.write_all(from).unwrap();
        stream.read_exact(to).unwrap();
    }
    stream.close().unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "close_notify is the end");
    got
}

/// Both sides of a connection over `left` and `right` in two threads, `length` bytes each way.
fn duplex_over<T: Read + Write + Send + 'static>(left: T, right: T, length: usize, step: usize) {
    let (client, server) = Identity::p256().connections();
    let (ours, theirs) = (varied_bytes(length, 1), varied_bytes(length, 2));
    let expected = ours.clone();
    let sent = theirs.clone();
    let other = thread::spawn(move || duplex(Stream::new(server, right), &sent, step));
    let got = duplex(Stream::new(client, left), &ours, step);
    // Not assert_eq: its message would be megabytes.
    assert!(got == theirs && other.join().unwrap() == expected);
}

#[test]
fn sixteen_mebibytes_go_both_ways_between_two_threads() {
    let (left, right) = pipe();
    duplex_over(left, right, 16 * 1024 * 1024, 100_000);
}

/// Reads and writes a few bytes at a time, and is interrupted now and then.
struct Choppy(PipeEnd, Numbers);

impl Choppy {
    fn interrupt(&mut self) -> io::Result<()> {
        match self.1.below(5) {
            0 => Err(io::ErrorKind::Interrupted.into()),
            _ => Ok(()),
        }
    }
}

impl Read for Choppy {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupt()?;
        let limit = buffer.len().min(1 + self.1.below(40));
        self.0.read(&mut buffer[..limit])
    }
}

impl Write for Choppy {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.interrupt()?;
        let limit = bytes.len().min(1 + self.1.below(40));
        self.0.write(&bytes[..limit])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.interrupt()
    }
}

#[test]
fn a_transport_may_take_and_give_a_few_bytes_at_a_time_and_be_interrupted() {
    for seed in 0..8 {
        let (left, right) = pipe();
        let (left, right) = (Choppy(left, Numbers(seed)), Choppy(right, Numbers(seed + 100)));
        duplex_over(left, right, 50_000, 1_700);
    }
}

type Queue = Rc<RefCell<VecDeque<u8>>>;

/// A transport of small capacity that refuses to wait, now and then without need.
struct Nonblocking {
    incoming: Queue,
    outgoing: Queue,
    numbers: Numbers,
    refusal: io::ErrorKind,
}

impl Nonblocking {
    const CAPACITY: usize = 700;

    fn pair(seed: u32, refusal: io::ErrorKind) -> (Self, Self) {
        let (there, back) = (Queue::default(), Queue::default());
        let end = |incoming: &Queue, outgoing: &Queue, seed| Self {
            incoming: Rc::clone(incoming),
            outgoing: Rc::clone(outgoing),
            numbers: Numbers(seed),
            refusal,
        };
        (end(&there, &back, seed), end(&back, &there, seed + 1))
    }

    fn refuse(&mut self, full: bool) -> io::Result<()> {
        match full || self.numbers.below(3) == 0 {
            true => Err(self.refusal.into()),
            false => Ok(()),
        }
    }
}

impl Read for Nonblocking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let empty = self.incoming.borrow().is_empty();
        self.refuse(empty)?;
        self.incoming.borrow_mut().read(buffer)
    }
}

impl Write for Nonblocking {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let capacity = Self::CAPACITY - self.outgoing.borrow().len();
        self.refuse(capacity == 0)?;
        let count = bytes.len().min(capacity);
        self.outgoing.borrow_mut().extend(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.refuse(false)
    }
}

/// The errors of a transport that does not wait, or has waited as long as it may.
const REFUSALS: [io::ErrorKind; 2] = [io::ErrorKind::WouldBlock, io::ErrorKind::TimedOut];

/// The result, or `None` where the transport refused to wait.
fn ready<T>(result: io::Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) if REFUSALS.contains(&error.kind()) => None,
        Err(error) => panic!("{error}"),
    }
}

/// One side of a connection that goes on as far as its transport lets it.
struct Side<C> {
    stream: Stream<C, Nonblocking>,
    to_send: Vec<u8>,
    sent: usize,
    got: Vec<u8>,
    closed: bool,
    ended: bool,
}

impl<C: DerefMut<Target = Connection>> Side<C> {
    fn new(connection: C, transport: Nonblocking, to_send: Vec<u8>) -> Self {
        let stream = Stream::new(connection, transport);
        Self { stream, to_send, sent: 0, got: Vec::new(), closed: false, ended: false }
    }

    fn go_on(&mut self) {
        if self.sent < self.to_send.len() {
            self.sent += ready(self.stream.write(&self.to_send[self.sent..])).unwrap_or(0);
        } else {
            self.closed |= ready(self.stream.close()).is_some();
        }
        let mut buffer = [0; 300];
        match ready(self.stream.read(&mut buffer)) {
            Some(0) => self.ended = true,
            Some(count) => self.got.extend_from_slice(&buffer[..count]),
            None => {}
        }
    }
}

#[test]
fn a_transport_that_would_block_loses_nothing_and_repeats_nothing() {
    for seed in 0..8 {
        let (client, server) = Identity::p256().connections();
        let (left, right) = Nonblocking::pair(seed, REFUSALS[seed as usize % REFUSALS.len()]);
        let mut client = Side::new(client, left, varied_bytes(200_000, 3));
        let mut server = Side::new(server, right, varied_bytes(200_000, 4));
        let mut rounds = 0;
        while !(client.closed && client.ended && server.closed && server.ended) {
            client.go_on();
            server.go_on();
            rounds += 1;
            assert!(rounds < 1_000_000, "neither side gets on");
        }
        assert!(client.got == server.to_send && server.got == client.to_send);
    }
}

#[test]
fn a_transport_that_ends_differs_from_an_end_of_data() {
    // In the handshake.
    let (client, _) = Identity::p256().connections();
    let (left, right) = pipe();
    drop(right);
    let error = Stream::new(client, left).handshake().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    let error = handclasp::Error::from_io(&error).unwrap();
    assert_eq!(error.kind(), &ErrorKind::EndedInHandshake);

    // After it, without a close_notify.
    let (client, server) = Identity::p256().connections();
    let (left, right) = pipe();
    let other = thread::spawn(move || {
        let mut stream = Stream::new(server, right);
        stream.write_all(b"all of it?").unwrap();
    });
    let mut stream = Stream::new(client, left);
    let mut got = Vec::new();
    let error = stream.read_to_end(&mut got).unwrap_err();
    other.join().unwrap();
    assert_eq!((&got[..], error.kind()), (&b"all of it?"[..], io::ErrorKind::UnexpectedEof));
    let error = handclasp::Error::from_io(&error).unwrap();
    assert_eq!(error.kind(), &ErrorKind::Truncated);
}

#[test]
fn the_last_words_of_a_peer_that_is_gone_are_heard_though_writing_fails_first() {
    let (client, _) = Identity::p256().connections();
    let (left, mut right) = pipe();
    right.write_all(&[21, 3, 3, 0, 2, 2, 40]).unwrap();
    drop(right);
    let error = Stream::new(client, left).handshake().unwrap_err();
    let error = handclasp::Error::from_io(&error).unwrap();
    assert_eq!(error.alert_received(), Some(handclasp::alert::AlertDescription::HANDSHAKE_FAILURE));
}

#[test]
fn pieces_are_written_in_order_and_a_record_is_taken_at_a_time() {
    let (left, right) = pipe();
    let (client, server) = Identity::p256().connections();
    let other = thread::spawn(move || {
        let mut stream = Stream::new(server, right);
        stream.handshake().unwrap();
        let pieces = [IoSlice::new(b"one "), IoSlice::new(b""), IoSlice::new(b"two")];
        assert_eq!(stream.write_vectored(&pieces).unwrap(), 7);
        stream.close().unwrap();
    });
    let mut stream = Stream::new(client, left);
    stream.handshake().unwrap();
    assert_eq!(stream.read(&mut []).unwrap(), 0, "an empty read does not wait");
    for _ in 0..2 {
        assert_eq!(stream.receive().unwrap(), Some(7), "what waits is reported again");
    }
    let mut data = [0; 4];
    stream.read_exact(&mut data).unwrap();
    assert_eq!((&data, stream.receive().unwrap()), (b"one ", Some(3)));
    stream.read_exact(&mut data[..3]).unwrap();
    assert_eq!(data[..3], *b"two");
    for _ in 0..2 {
        assert_eq!(stream.receive().unwrap(), None, "the end stays the end");
    }
    other.join().unwrap();
}

/// Takes nothing, and reports that it took it.
struct Full;

impl Read for Full {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Ok(0)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_transport_that_takes_no_bytes_is_an_error_and_no_endless_loop() {
    let error = Stream::new(Identity::p256().connections().0, Full).handshake().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WriteZero);
}

#[test]
fn a_misuse_is_an_error_without_a_look_into_the_socket() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (client, server) = Identity::p256().connections();
    let accepted = listener.accept().unwrap().0;
    let server = thread::spawn(move || {
        let mut stream = Stream::new(server, accepted);
        stream.handshake().unwrap();
        // It waits for the client's close_notify, and has an alert for it then.
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        let alert = handclasp::alert::AlertDescription::INTERNAL_ERROR;
        stream.connection_mut().abort(alert, "a test");
        stream.flush().unwrap();
        stream
    });
    let mut stream = Stream::new(client, socket);
    stream.handshake().unwrap();
    stream.close().unwrap();
    let server = server.join().unwrap();
    for _ in 0..2 {
        let error = stream.write(b"more").unwrap_err();
        let kind = handclasp::Error::from_io(&error).unwrap().kind().clone();
        assert!(matches!(kind, ErrorKind::Misuse(_)), "{kind}");
        assert_eq!(error.kind(), io::ErrorKind::NotConnected);
    }
    // The alert is the reader's to find.
    let error = stream.read(&mut [0]).unwrap_err();
    assert!(handclasp::Error::from_io(&error).unwrap().alert_received().is_some(), "{error}");
    drop(server);
}

/// A transport whose writes fail in the system once a test asks for that.
#[cfg(unix)]
struct Unanswered(PipeEnd, Rc<Cell<Option<i32>>>);

#[cfg(unix)]
impl Read for Unanswered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

#[cfg(unix)]
impl Write for Unanswered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.1.get() {
            Some(code) => Err(io::Error::from_raw_os_error(code)),
            None => self.0.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The system reports it once only: it is the reason why the connection is gone.
#[cfg(unix)]
#[test]
fn a_peer_that_has_not_answered_the_system_for_too_long_is_an_error_of_the_write() {
    let (client, server) = Identity::p256().connections();
    let (left, right) = pipe();
    let other = thread::spawn(move || Stream::new(server, right).handshake().unwrap());
    let code = Rc::new(Cell::new(None));
    let mut stream = Stream::new(client, Unanswered(left, Rc::clone(&code)));
    stream.handshake().unwrap();
    other.join().unwrap();
    let is_timeout =
        |code: &i32| io::Error::from_raw_os_error(*code).kind() == io::ErrorKind::TimedOut;
    code.set((1..500).find(is_timeout));
    assert_eq!(stream.write(b"data").unwrap_err().kind(), io::ErrorKind::TimedOut);
}
