//! The records of both ends on their way.

use std::collections::VecDeque;

use handclasp::connection::Received;
use handclasp::handshake::{EarlyData, Side};
use handclasp::record::HEADER_LENGTH;

use super::{Reached, SIDES};
use crate::Input;
use crate::meeting::Meeting;
use handclasp_testing::deterministic::AnyConnection;

/// One end with everything about it that the other's is compared with.
struct Line {
    end: AnyConnection,
    /// Application data that it wrote, and that came to it.
    written: Vec<u8>,
    delivered: Vec<u8>,
    /// 0-RTT data: what the client wrote, and what came to the server.
    early: Vec<u8>,
    /// Its records on the way, and those that were ever on it.
    queue: VecDeque<Vec<u8>>,
    history: Vec<Vec<u8>>,
    error: Option<handclasp::Error>,
    /// The binding to this handshake, once it was complete.
    exporter: Option<[u8; 32]>,
    closed: bool,
}

impl Line {
    fn new(end: AnyConnection) -> Self {
        Self {
            end,
            written: Vec::new(),
            delivered: Vec::new(),
            early: Vec::new(),
            queue: VecDeque::new(),
            history: Vec::new(),
            error: None,
            exporter: None,
            closed: false,
        }
    }

    /// Takes what the end wants to send, record by record.
    fn collect(&mut self) {
        let bytes = handclasp_testing::take_outgoing(&mut self.end);
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

    fn write_early(&mut self, length: usize) {
        // It is not like what is written later.
        let start = self.early.len();
        let data: Vec<u8> =
            (start..start + length).map(|at| (at * 37 + at / 256) as u8 ^ 0x80).collect();
        if let Ok(taken) = self.end.write_early_data(&data) {
            self.early.extend_from_slice(&data[..taken]);
        }
    }

    fn receive(&mut self, record: &[u8]) {
        let mut buffer = record.to_vec();
        let mut start = 0;
        let error = loop {
            match self.end.receive(&mut buffer[start..]) {
                Ok((0, _)) => break None,
                Ok((consumed, received)) => {
                    match received {
                        Received::Data(data) => self.delivered.extend_from_slice(data),
                        Received::EarlyData(data) => self.early.extend_from_slice(data),
                        _ => {}
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
            "data that were not sent, or in disorder"
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
        assert_eq!(one.pre_shared_key, two.pre_shared_key);
        assert_eq!(one.early_data, two.early_data);
    }
}

/// 0-RTT data come once, in order, all of them or none.
fn compare_early_data(meeting: &Meeting, client: &Line, server: &Line) {
    let outcome = server.end.parameters().early_data;
    assert!(client.early.starts_with(&server.early), "0-RTT data that were not sent");
    assert!(meeting.shares_key || server.end.parameters().pre_shared_key.is_none());
    match outcome {
        EarlyData::Accepted => assert!(meeting.takes_early_data),
        _ => assert!(server.early.is_empty(), "0-RTT data that were not accepted"),
    }
    if server.exporter.is_some() && outcome == EarlyData::Accepted {
        assert_eq!(server.early, client.early, "the rest of the 0-RTT data was cut off");
    }
    if client.exporter.is_some() && client.end.parameters().early_data != EarlyData::Accepted {
        assert!(server.early.is_empty(), "the client knows that they were not accepted");
    }
}

/// Another server of the same kind gets everything that the client has sent. Does it take the
/// 0-RTT data?
fn replay(meeting: &Meeting, client: &Line, skipped: usize) -> bool {
    let mut server = Line::new(meeting.connection(Side::Server));
    for record in client.history.iter().skip(skipped) {
        server.receive(record);
    }
    let accepted = server.end.parameters().early_data == EarlyData::Accepted;
    assert!(client.early.starts_with(&server.early), "0-RTT data that were not sent");
    assert!(accepted || server.early.is_empty(), "0-RTT data that were not accepted");
    assert!(client.written.starts_with(&server.delivered), "data that were not sent");
    accepted
}

pub fn play(meeting: &Meeting, input: &mut Input<'_>) -> Reached {
    let mut lines = SIDES.map(|side| Line::new(meeting.connection(side)));
    let mut replays_accepted = 0;
    while !input.0.is_empty() {
        let (operation, from) = (input.byte(), usize::from(input.byte() & 1));
        lines[from].collect();
        match operation % 16 {
            _ if meeting.again && operation >= 0xf0 => {
                lines[0].collect();
                let skipped = usize::from(input.byte() & 1);
                replays_accepted += usize::from(replay(meeting, &lines[0], skipped));
            }
            _ if meeting.again && operation >= 0xd8 => {
                lines[0].write_early(usize::from(input.byte()));
            }
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
                    change_byte(record, input);
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
        compare_early_data(meeting, &lines[0], &lines[1]);
        let accepted = lines[1].end.parameters().early_data == EarlyData::Accepted;
        assert!(replays_accepted + usize::from(accepted) <= 1, "0-RTT data were taken twice");
    }
    check_ends(&mut lines);
    let [client, server] = &lines;
    let complete = client.exporter.is_some() && server.exporter.is_some();
    Reached::new(complete, server.end.parameters())
}

/// An end that nothing has failed at has received everything.
fn check_ends(lines: &mut [Line; 2]) {
    for (this, other) in [(0, 1), (1, 0)] {
        if lines[this].error.is_none() && lines[this].end.end_of_input().is_ok() {
            assert_eq!(lines[this].delivered, lines[other].written, "the end was cut off");
            assert!(lines[other].closed);
        }
    }
}

fn change_byte(record: &mut [u8], input: &mut Input<'_>) {
    let at = usize::from(input.byte()) % record.len().max(1);
    if let Some(byte) = record.get_mut(at) {
        *byte ^= input.byte().max(1);
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
