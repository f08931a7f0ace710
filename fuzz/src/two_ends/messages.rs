//! The messages of both ends on their way, below the encryption.

use std::collections::VecDeque;

use handclasp::Level;
use handclasp::handshake::{EarlyData, Handshake, Side, Step};
use handclasp::wire::HandshakeMessage;

use super::{Reached, SIDES};
use crate::meeting::Meeting;
use crate::{Input, fix_length};

/// One end below the encryption.
struct Raw {
    handshake: Handshake,
    queue: VecDeque<(Level, Vec<u8>)>,
    error: Option<handclasp::Error>,
    finished_sent: bool,
    /// The ClientHellos that it sent, and everything that came to it.
    hellos: Vec<Vec<u8>>,
    received: Vec<u8>,
}

impl Raw {
    fn new(handshake: Handshake) -> Self {
        Self {
            handshake,
            queue: VecDeque::new(),
            error: None,
            finished_sent: false,
            hellos: Vec::new(),
            received: Vec::new(),
        }
    }

    fn take_steps(&mut self) {
        while let Some(step) = self.handshake.next_step() {
            match step {
                Step::Send { level, bytes } => {
                    let mut rest = &bytes[..];
                    while let Some((message, after)) = HandshakeMessage::split(rest) {
                        self.finished_sent |= message.bytes[0] == 20;
                        if message.bytes[0] == 1 {
                            self.hellos.push(message.bytes.to_vec());
                        }
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
        self.received.extend_from_slice(bytes);
        let result = self.handshake.receive(level, bytes);
        if let Some(first) = &self.error {
            assert_eq!(result.as_ref(), Err(first), "the first error stays");
            assert!(self.handshake.next_step().is_none());
        }
        self.error = result.err();
        // With an error, too: what was agreed on before it still goes out.
        self.take_steps();
    }

    fn takes_early_data(&self) -> bool {
        self.handshake.parameters().early_data == EarlyData::Accepted
    }

    fn complete(&self) -> Option<&Handshake> {
        Some(&self.handshake).filter(|handshake| handshake.is_complete())
    }
}

pub fn play(meeting: &Meeting, input: &mut Input<'_>) -> Reached {
    let mut ends = SIDES.map(|side| Raw::new(meeting.raw(side)));
    let mut replays_accepted = 0;
    ends.iter_mut().for_each(Raw::take_steps);
    let mut history: Vec<(Level, Vec<u8>)> = Vec::new();
    while !input.0.is_empty() {
        let (operation, from) = (input.byte(), usize::from(input.byte() & 1));
        let queue = &mut ends[from].queue;
        history.extend(queue.front().cloned());
        match operation % 12 {
            _ if meeting.again && operation >= 0xf0 => {
                // Another server of the same kind receives the same.
                let mut server = Raw::new(meeting.raw(Side::Server));
                for hello in &ends[0].hellos {
                    server.receive(Level::Initial, hello);
                }
                replays_accepted += usize::from(server.takes_early_data());
            }
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
                let (Some((level, bytes)), next) = (queue.pop_front(), queue.pop_front()) else {
                    continue;
                };
                let [first, second] = cut_elsewhere(bytes, next, input.byte());
                queue.push_front((level, second));
                queue.push_front((level, first));
            }
            9 => {
                let Some((_, bytes)) = queue.front_mut() else { continue };
                change_byte(bytes, input);
            }
            10 => {
                let Some((_, bytes)) = queue.front_mut() else { continue };
                insert(bytes, input);
            }
            _ => {
                let Some((level, _)) = queue.front_mut() else { continue };
                *level = crate::level(input.byte());
            }
        }
        agree(&ends);
        key_was_proved(meeting, &ends);
        let accepted = replays_accepted + usize::from(ends[1].takes_early_data());
        assert!(accepted <= 1, "0-RTT data were taken twice");
    }
    let complete = ends.iter().all(|end| end.complete().is_some());
    Reached::new(complete, ends[1].handshake.parameters())
}

/// Two messages, cut in another place, or one in two pieces.
fn cut_elsewhere(message: Vec<u8>, next: Option<(Level, Vec<u8>)>, middle: u8) -> [Vec<u8>; 2] {
    let mut first = message;
    if let Some((_, more)) = next {
        first.extend_from_slice(&more);
    }
    let second = first.split_off(usize::from(middle) % (first.len() + 1));
    [first, second]
}

fn change_byte(message: &mut [u8], input: &mut Input<'_>) {
    let at = input.word() % message.len().max(1);
    if let Some(byte) = message.get_mut(at) {
        *byte ^= input.byte().max(1);
    }
}

fn insert(message: &mut Vec<u8>, input: &mut Input<'_>) {
    let (at, with) = (input.word() % (message.len() + 1), input.bytes());
    message.splice(at..at, with.iter().copied());
    if message.len() >= 4 {
        fix_length(message);
    }
}

/// A server takes a key for ClientHellos that are the client's own only: no binder is skipped.
fn key_was_proved(meeting: &Meeting, [client, server]: &[Raw; 2]) {
    let parameters = server.handshake.parameters();
    if parameters.pre_shared_key.is_some() {
        assert!(meeting.shares_key);
        let count = 1 + usize::from(parameters.retried);
        assert!(client.hellos.len() >= count);
        let hellos = client.hellos[..count].concat();
        assert!(server.received.starts_with(&hellos), "the binder is another ClientHello's");
    }
    assert!(meeting.takes_early_data || !server.takes_early_data());
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
        assert_eq!(one.parameters().pre_shared_key, two.parameters().pre_shared_key);
        assert_eq!(one.parameters().early_data, two.parameters().early_data);
    }
    if client.complete().is_some() {
        assert!(server.finished_sent, "Finished was skipped");
    }
}
