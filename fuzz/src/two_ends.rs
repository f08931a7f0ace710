//! Two of our own ends, and somebody between them who reorders, doubles, drops, joins and replays
//! what they send: records, or, below the encryption, messages.

use std::collections::VecDeque;

use handclasp::Level;
use handclasp::connection::Received;
use handclasp::handshake::{Handshake, Side, Step};
use handclasp::record::HEADER_LENGTH;
use handclasp::wire::HandshakeMessage;

use crate::peers::{self, AnyConnection, SCENARIOS};
use crate::{Input, fix_length};

const SIDES: [Side; 2] = [Side::Client, Side::Server];

/// Plays the input, and checks what must hold whatever comes.
pub fn play(data: &[u8]) {
    let mut input = Input(data);
    match input.byte() % 2 {
        0 => records(&mut input),
        _ => messages(&mut input),
    }
}

/// One end with everything about it that the other's is compared with.
struct Line {
    end: AnyConnection,
    /// Application data that it wrote, and that came to it.
    written: Vec<u8>,
    delivered: Vec<u8>,
    /// Its records on the way, and those that were ever on it.
    queue: VecDeque<Vec<u8>>,
    history: Vec<Vec<u8>>,
    error: Option<handclasp::Error>,
    /// The binding to this handshake, once it was complete.
    exporter: Option<[u8; 32]>,
    closed: bool,
}

impl Line {
    /// Takes what the end wants to send, record by record.
    fn collect(&mut self) {
        let bytes = peers::take_outgoing(&mut self.end);
        let mut rest = &bytes[..];
        while let Some(header) = rest.first_chunk::<HEADER_LENGTH>() {
            let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
            let (record, after) = rest.split_at(HEADER_LENGTH + length);
            self.queue.push_back(record.to_vec());
            self.history.push(record.to_vec());
            rest = after;
        }
    }

    fn write(&mut self, length: usize) {
        // No piece of it is like another.
        let start = self.written.len();
        let data: Vec<u8> = (start..start + length).map(|at| (at * 31 + at / 256) as u8).collect();
        if let Ok(taken) = self.end.write(&data) {
            self.written.extend_from_slice(&data[..taken]);
        }
    }

    fn receive(&mut self, record: &[u8]) {
        let mut buffer = record.to_vec();
        let mut start = 0;
        let error = loop {
            match self.end.receive(&mut buffer[start..]) {
                Ok((0, _)) => break None,
                Ok((consumed, received)) => {
                    if let Received::Data(data) = received {
                        self.delivered.extend_from_slice(data);
                    }
                    start += consumed;
                }
                Err(error) => break Some(error),
            }
            // After each record: an end that was complete may fail at the next.
            if !self.end.is_handshaking() {
                let exporter = self.end.tls_exporter().expect("it is complete");
                assert_eq!(*self.exporter.get_or_insert(exporter), exporter);
            }
        };
        if let Some(first) = &self.error {
            assert_eq!(error.as_ref(), Some(first), "the first error stays");
        }
        // The end of a record that was cut would be the beginning of the next.
        self.error = error.or_else(|| (start < buffer.len()).then(|| self.cut()).flatten());
    }

    fn cut(&mut self) -> Option<handclasp::Error> {
        self.end.end_of_input().err()
    }
}

/// Both ends must agree on these at every moment.
fn compare(lines: &[Line; 2]) {
    for (this, other) in [(0, 1), (1, 0)] {
        let (this, other) = (&lines[this], &lines[other]);
        assert!(
            other.written.starts_with(&this.delivered),
            "data that nobody sent, or in disorder"
        );
        if let Some(error) = &this.error {
            assert_eq!(this.end.check().as_ref(), Err(error));
            assert!(this.end.tls_exporter().is_err());
        }
    }
    let [client, server] = lines;
    assert!(server.exporter.is_none() || client.exporter.is_some(), "Finished was skipped");
    if let (Some(one), Some(two)) = (client.exporter, server.exporter) {
        assert_eq!(one, two, "both are complete, and were at different handshakes");
        let [one, two] = [&client.end, &server.end].map(|end| end.parameters());
        assert_eq!(one.cipher_suite, two.cipher_suite);
        assert_eq!((one.group, one.retried), (two.group, two.retried));
        assert_eq!(one.application_protocol, two.application_protocol);
        assert_eq!(one.server_name, two.server_name);
    }
}

fn records(input: &mut Input<'_>) {
    let scenario = SCENARIOS[usize::from(input.byte()) % SCENARIOS.len()];
    let mut lines = SIDES.map(|side| Line {
        end: peers::connection(side, scenario),
        written: Vec::new(),
        delivered: Vec::new(),
        queue: VecDeque::new(),
        history: Vec::new(),
        error: None,
        exporter: None,
        closed: false,
    });
    while !input.0.is_empty() {
        let (operation, from) = (input.byte(), usize::from(input.byte() & 1));
        lines[from].collect();
        match operation % 16 {
            0..=5 => {
                if let Some(record) = lines[from].queue.pop_front() {
                    lines[1 - from].receive(&record);
                }
            }
            6 => lines[from].write(usize::from(input.byte())),
            7 => drop(lines[from].end.update_keys(input.byte() & 1 == 0)),
            8 => {
                lines[from].end.close();
                lines[from].closed = true;
            }
            9 => drop(lines[from].queue.pop_front()),
            10 => lines[from].queue.rotate_left(1.min(lines[from].queue.len())),
            11 => {
                // An old record, of this end or of the one that is to read it.
                let whose = usize::from(input.byte() & 1);
                let place = usize::from(input.byte());
                let history = &lines[whose].history;
                if let Some(record) = history.get(place % history.len().max(1)).cloned() {
                    lines[from].queue.push_front(record);
                }
            }
            12 => splice(&mut lines[from].queue, input),
            13 => {
                if let Some(record) = lines[from].queue.front_mut() {
                    let at = usize::from(input.byte()) % record.len().max(1);
                    if let Some(byte) = record.get_mut(at) {
                        *byte ^= input.byte().max(1);
                    }
                }
            }
            14 => lines[from].queue.push_front(input.bytes().to_vec()),
            _ => {
                // Everything, in one piece.
                let all: Vec<u8> = lines[from].queue.drain(..).flatten().collect();
                lines[1 - from].receive(&all);
            }
        }
        compare(&lines);
    }
    for (this, other) in [(0, 1), (1, 0)] {
        if lines[this].error.is_none() && lines[this].end.end_of_input().is_ok() {
            assert_eq!(lines[this].delivered, lines[other].written, "the end was cut off");
            assert!(lines[other].closed);
        }
    }
}

/// The head of one record and the tail of another, with a header that says the truth or not.
fn splice(queue: &mut VecDeque<Vec<u8>>, input: &mut Input<'_>) {
    let (Some(mut head), Some(tail)) = (queue.pop_front(), queue.pop_front()) else { return };
    let flags = input.byte();
    head.truncate(usize::from(input.byte()) % (head.len() + 1));
    head.extend_from_slice(&tail[usize::from(input.byte()) % (tail.len() + 1)..]);
    if flags & 1 == 0 && head.len() > HEADER_LENGTH {
        let length = ((head.len() - HEADER_LENGTH) as u16).to_be_bytes();
        head[3..5].copy_from_slice(&length);
    }
    queue.push_front(head);
    if flags & 2 == 0 {
        queue.insert(1, tail);
    }
}

/// One end below the encryption.
struct Raw {
    handshake: Handshake,
    queue: VecDeque<(Level, Vec<u8>)>,
    error: Option<handclasp::Error>,
    finished_sent: bool,
}

impl Raw {
    fn take_steps(&mut self) {
        while let Some(step) = self.handshake.next_step() {
            match step {
                Step::Send { level, bytes } => {
                    let mut rest = &bytes[..];
                    while let Some((message, after)) = HandshakeMessage::split(rest) {
                        self.finished_sent |= message.bytes[0] == 20;
                        self.queue.push_back((level, message.bytes.to_vec()));
                        rest = after;
                    }
                }
                Step::ReadKeys { .. } => {
                    let partial = self.handshake.has_partial_message();
                    assert!(!partial, "the keys changed within a message");
                }
                _ => {}
            }
        }
    }

    fn receive(&mut self, level: Level, bytes: &[u8]) {
        let result = self.handshake.receive(level, bytes);
        if let Some(first) = &self.error {
            assert_eq!(result.as_ref(), Err(first), "the first error stays");
            assert!(self.handshake.next_step().is_none());
        }
        self.error = result.err();
        if self.error.is_none() {
            self.take_steps();
        }
    }

    fn complete(&self) -> Option<&Handshake> {
        Some(&self.handshake).filter(|handshake| handshake.is_complete())
    }
}

fn messages(input: &mut Input<'_>) {
    let scenario = SCENARIOS[usize::from(input.byte()) % SCENARIOS.len()];
    let mut ends = SIDES.map(|side| {
        let handshake = peers::raw(side, scenario, None);
        Raw { handshake, queue: VecDeque::new(), error: None, finished_sent: false }
    });
    ends.iter_mut().for_each(Raw::take_steps);
    let mut history: Vec<(Level, Vec<u8>)> = Vec::new();
    while !input.0.is_empty() {
        let (operation, from) = (input.byte(), usize::from(input.byte() & 1));
        let queue = &mut ends[from].queue;
        history.extend(queue.front().cloned());
        match operation % 12 {
            0..=4 => {
                if let Some((level, bytes)) = queue.pop_front() {
                    ends[1 - from].receive(level, &bytes);
                }
            }
            5 => drop(queue.pop_front()),
            6 => queue.rotate_left(1.min(queue.len())),
            7 => {
                let place = usize::from(input.byte());
                queue.extend(history.get(place % history.len().max(1)).cloned());
            }
            8 => {
                // Two messages in one, or one in two.
                let Some((level, mut bytes)) = queue.pop_front() else { continue };
                if let Some((_, more)) = queue.pop_front() {
                    bytes.extend_from_slice(&more);
                }
                let middle = usize::from(input.byte()) % (bytes.len() + 1);
                queue.push_front((level, bytes.split_off(middle)));
                queue.push_front((level, bytes));
            }
            9 => {
                let Some((_, bytes)) = queue.front_mut() else { continue };
                let at = input.word() % bytes.len().max(1);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= input.byte().max(1);
                }
            }
            10 => {
                let Some((_, bytes)) = queue.front_mut() else { continue };
                let (at, with) = (input.word() % (bytes.len() + 1), input.bytes());
                bytes.splice(at..at, with.iter().copied());
                if bytes.len() >= 4 {
                    fix_length(bytes);
                }
            }
            _ => {
                let Some((level, _)) = queue.front_mut() else { continue };
                *level = crate::level(input.byte());
            }
        }
        agree(&ends);
    }
}

fn agree(ends: &[Raw; 2]) {
    let [client, server] = ends;
    for end in ends {
        if let Some(error) = &end.error {
            assert_eq!(end.handshake.check().as_ref(), Err(error));
            assert!(end.complete().is_none());
        }
    }
    if server.complete().is_some() {
        assert!(client.finished_sent, "Finished was skipped");
    }
    if let (Some(one), Some(two)) = (client.complete(), server.complete()) {
        assert_eq!(one.tls_exporter(), two.tls_exporter(), "they were at different handshakes");
        assert_eq!(one.parameters().cipher_suite, two.parameters().cipher_suite);
        assert_eq!(one.parameters().group, two.parameters().group);
    }
    if client.complete().is_some() {
        assert!(server.finished_sent, "Finished was skipped");
    }
}
