//! A client's stream over a transport that takes and gives bytes as the input says, whose writes
//! fail when the input says, and whose peer is honest.

use std::cell::{RefCell, RefMut};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;

use handclasp::connection::{ClientConnection, Options, Received, ServerConnection};
use handclasp::{Error, Stream};

use crate::Input;
use handclasp_testing::deterministic::{self, Scenario};

const KINDS: [ErrorKind; 4] = [
    ErrorKind::BrokenPipe,
    ErrorKind::ConnectionReset,
    ErrorKind::TimedOut,
    ErrorKind::NotConnected,
];

/// How the server has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Not,
    CloseNotify,
    Alert,
}

/// A server, and the transport to it.
struct Script {
    server: ServerConnection,
    /// The length of the data that the server has sent.
    sent: usize,
    ended: Ended,
    to_client: VecDeque<u8>,
    to_server: Vec<u8>,
    /// How many bytes of `to_client` can be read now.
    visible: usize,
    /// Nothing more will come.
    cut: bool,
    /// Bytes that are taken before a write fails.
    failure: Option<(usize, ErrorKind)>,
    /// Bytes that are taken before a write would block.
    capacity: usize,
    /// A write is under way that must not read.
    no_reading: bool,
}

#[derive(Clone)]
struct Transport(Rc<RefCell<Script>>);

impl Transport {
    fn script(&self) -> RefMut<'_, Script> {
        self.0.borrow_mut()
    }
}

impl Script {
    /// The byte at this place of the data that the server sends.
    fn byte(place: usize) -> u8 {
        (place % 251) as u8
    }

    fn pass(&mut self) {
        let bytes = self.server.outgoing().to_vec();
        self.server.sent(bytes.len());
        self.to_client.extend(bytes);
    }

    fn say(&mut self, length: usize) {
        let data: Vec<u8> = (self.sent..self.sent + length).map(Self::byte).collect();
        if let (Ended::Not, Ok(taken)) = (self.ended, self.server.write(&data)) {
            self.sent += taken;
        }
        self.pass();
    }

    fn end(&mut self, ended: Ended) {
        if self.ended != Ended::Not || self.server.check().is_err() {
            return;
        }
        match ended {
            Ended::CloseNotify => self.server.close(),
            // A record of this type cannot be protected. After the client's end nothing is looked at.
            _ if self.server.receive(&mut [99, 3, 3, 0, 1, 0]).is_ok() => return,
            _ => {}
        }
        self.ended = ended;
        self.pass();
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.to_server.extend_from_slice(bytes);
        while let Ok((taken @ 1.., received)) = self.server.receive(&mut self.to_server) {
            if received == Received::Closed {
                break;
            }
            self.to_server.drain(..taken);
        }
        self.pass();
    }
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut script = self.script();
        assert!(!script.no_reading, "a write reads from a peer that may be silent");
        let count = buffer.len().min(script.visible).min(script.to_client.len());
        if count == 0 && !(script.cut && script.to_client.is_empty()) {
            return Err(ErrorKind::WouldBlock.into());
        }
        script.visible -= count;
        script.to_client.read(&mut buffer[..count])
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut script = self.script();
        if let Some((left, kind)) = &mut script.failure {
            if *left == 0 {
                return Err((*kind).into());
            }
            // The server is gone: what is taken is lost.
            let count = bytes.len().min(*left);
            *left -= count;
            return Ok(count);
        }
        let count = bytes.len().min(script.capacity);
        if count == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        script.capacity -= count;
        script.receive(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The stream, and what its reader has got.
struct Client {
    stream: Stream<ClientConnection, Transport>,
    got: usize,
    /// The reader has seen the end.
    end: Option<Result<(), Error>>,
}

impl Client {
    /// Reads once. What comes is what was sent, in order.
    fn read(&mut self, size: usize) -> io::Result<usize> {
        let mut buffer = vec![0; size.max(1)];
        let count = self.stream.read(&mut buffer)?;
        assert!(self.end.is_none() || count == 0, "data come after the end");
        for byte in &buffer[..count] {
            assert_eq!(*byte, Script::byte(self.got), "there is a hole at {}", self.got);
            self.got += 1;
        }
        if count == 0 {
            self.end = Some(Ok(()));
        }
        Ok(count)
    }

    fn write(&mut self, transport: &Transport, length: usize) {
        let handshaking = self.stream.connection().is_handshaking();
        transport.script().no_reading = !handshaking;
        let _ = self.stream.write(&vec![7; length]);
        let _ = self.stream.flush();
        transport.script().no_reading = false;
    }
}

/// Plays the input, and checks what must hold for all inputs. Returns how many bytes were read.
pub fn play(data: &[u8]) -> usize {
    let mut input = Input(data);
    let options = Options::new(deterministic::now());
    let server =
        ServerConnection::with_options(deterministic::server_config(Scenario::Plain), options);
    let transport = Transport(Rc::new(RefCell::new(Script {
        server,
        sent: 0,
        ended: Ended::Not,
        to_client: VecDeque::new(),
        to_server: Vec::new(),
        visible: usize::MAX,
        cut: false,
        failure: None,
        capacity: usize::MAX,
        no_reading: false,
    })));
    let name = "server.example".try_into().expect("it is a name");
    let options = Options::new(deterministic::now());
    let config = deterministic::client_config(Scenario::Plain);
    let client = ClientConnection::with_options(config, name, options);
    let stream = Stream::new(client, transport.clone());
    let mut client = Client { stream, got: 0, end: None };
    client.stream.handshake().expect("both are honest");
    transport.script().visible = 0;
    while !input.0.is_empty() {
        act(&mut input, &mut client, &transport);
    }
    finish(&mut client, &transport);
    client.got
}

fn act(input: &mut Input<'_>, client: &mut Client, transport: &Transport) {
    match input.byte() % 12 {
        0 | 1 => transport.script().say(usize::from(input.byte()) + 1),
        2 => transport.script().say(input.word() % 20_000),
        3 | 4 => {
            let count = usize::from(input.byte());
            let mut script = transport.script();
            script.visible = script.visible.saturating_add(count);
        }
        5 => {
            let size = usize::from(input.byte());
            let _ = client.read(size);
        }
        6 => client.write(transport, usize::from(input.byte())),
        7 => {
            let (after, kind) = (usize::from(input.byte()), usize::from(input.byte()));
            let mut script = transport.script();
            script.failure = script.failure.or(Some((after, KINDS[kind % KINDS.len()])));
        }
        8 => transport.script().capacity = usize::from(input.byte()),
        9 => {
            let ended = if input.byte() % 2 == 0 { Ended::CloseNotify } else { Ended::Alert };
            transport.script().end(ended);
        }
        10 => {
            // Data follow: many changes without any would be a flood.
            let _ = transport.script().server.update_keys(input.byte() % 2 == 0);
            transport.script().say(1);
        }
        _ => {
            transport.script().no_reading = true;
            let _ = client.stream.close();
            transport.script().no_reading = false;
        }
    }
}

/// All that the transport has can be read: a reader gets all that was sent, and then the end that
/// belongs to it.
fn finish(client: &mut Client, transport: &Transport) {
    {
        let mut script = transport.script();
        script.pass();
        (script.visible, script.cut) = (usize::MAX, true);
    }
    let error = loop {
        match client.read(1_000) {
            Ok(0) => break None,
            Ok(_) => {}
            Err(error) => break Some(error),
        }
    };
    let script = transport.script();
    let failed = script.server.check().is_err() && script.ended == Ended::Not;
    if failed {
        // The client's own writes were cut in the middle of a record and went on: the server refused.
        return;
    }
    assert_eq!(client.got, script.sent, "{error:?}");
    let inside = error.as_ref().map(|error| Error::from_io(error).expect("no other error comes"));
    match script.ended {
        Ended::CloseNotify => assert!(inside.is_none(), "{inside:?}"),
        Ended::Alert => {
            let alert = inside.and_then(Error::alert_received);
            assert!(alert.is_some(), "{inside:?}");
        }
        Ended::Not => assert!(
            inside.is_some_and(|error| *error.kind() == handclasp::ErrorKind::Truncated),
            "{inside:?}"
        ),
    }
}
