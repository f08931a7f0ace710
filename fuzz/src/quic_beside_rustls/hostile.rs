//! The same hostile CRYPTO data for one of our ends and for the one of rustls: both must take them, or
//! refuse them with the same error code, or a row of [the table](crate::explained::TABLE) says why not.
//!
//! The peer is authentic and broken: it has the secrets of the end, and sends what the input makes of an
//! honest handshake and of what may follow it. CertificateVerify and Finished are made over the messages
//! that were sent, edits and all, so that the checks behind them are reached as well.

use std::sync::LazyLock;

use handclasp::crypto::{CipherSuite, CryptoProvider, StaticOrArc};
use handclasp::handshake::Side;
use handclasp::wire::HandshakeMessage;
use handclasp_testing::deterministic::{Scenario, other};
use handclasp_testing::forge;

use super::ends::{End, Ours, Theirs};
use crate::differential::{Outcome, RETRY};
use crate::explained::explained;
use crate::hello::edit_message;
use crate::{Input, fix_length};

const SERVER_HELLO: u8 = 2;
const NEW_SESSION_TICKET: u8 = 4;
const CERTIFICATE_VERIFY: u8 = 15;
const FINISHED: u8 = 20;
const KEY_UPDATE: u8 = 24;
const MESSAGE_HASH: u8 = 254;

/// How many things may follow the handshake.
const MOST_ACTIONS: usize = 24;

const SCENARIOS: [Scenario; 3] = [Scenario::Plain, Scenario::Retry, Scenario::ClientAuth];

/// The messages of an honest handshake of two of our ends, with their senders.
static RECORDED: LazyLock<[Vec<(Side, Vec<u8>)>; SCENARIOS.len()]> =
    LazyLock::new(|| SCENARIOS.map(record));

fn record(scenario: Scenario) -> Vec<(Side, Vec<u8>)> {
    let mut ends = [Side::Client, Side::Server].map(|side| Ours::new(side, scenario));
    let mut recorded = Vec::new();
    for side in [Side::Client, Side::Server].into_iter().cycle() {
        let [client, server] = &mut ends;
        let (from, to) = match side {
            Side::Client => (client, server),
            Side::Server => (server, client),
        };
        let sent = from.take();
        let messages = split(&sent);
        if messages.is_empty() {
            break;
        }
        let mut outcome = Outcome::default();
        for message in messages {
            to.receive(&message, &mut outcome);
            recorded.push((side, message));
        }
        assert_eq!(outcome.error, None, "both are honest");
    }
    assert!(ends.iter().all(End::is_complete));
    recorded
}

fn split(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while let Some((message, rest)) = HandshakeMessage::split(bytes) {
        messages.push(message.bytes.to_vec());
        bytes = rest;
    }
    messages
}

/// Plays the input to both, and panics where they disagree without an explanation.
pub fn play(mut input: Input<'_>) {
    let side = if input.byte() % 2 == 0 { Side::Client } else { Side::Server };
    let (ours, theirs, agree) = outcomes(side, input.0);
    if agree {
        return;
    }
    assert!(explained(side, &ours, &theirs), "ours: {ours:#?}\ntheirs: {theirs:#?}");
}

/// What both say to the input, and whether that is the same.
pub fn outcomes(side: Side, data: &[u8]) -> (Outcome, Outcome, bool) {
    let mut input = Input(data);
    let scenario = usize::from(input.byte()) % SCENARIOS.len();
    let mut ours = Ours::new(side, SCENARIOS[scenario]);
    let (ours, our_edits) = Peer::new(&mut ours, side, scenario).play(input.0);
    let mut theirs = Theirs::new(side, SCENARIOS[scenario]);
    let (theirs, their_edits) = Peer::new(&mut theirs, side, scenario).play(input.0);
    let agree = ours.agrees(&theirs, our_edits.max(their_edits));
    (ours, theirs, agree)
}

struct Peer<'a> {
    end: &'a mut dyn End,
    /// The side of the end.
    side: Side,
    /// The place of the scenario among all.
    scenario: usize,
    /// Of both, as far as they go into Finished.
    transcript: Vec<u8>,
    /// That of the last ServerHello.
    suite: StaticOrArc<CipherSuite>,
    has_sent_finished: bool,
    outcome: Outcome,
    /// How many things were wrong.
    edits: usize,
    /// Messages come in pieces of this length.
    piece: usize,
    /// Messages of Handshake packets come at once.
    gathers: bool,
    gathered: Vec<u8>,
    /// What was sent of a message whose rest was not.
    partial: Vec<u8>,
}

impl<'a> Peer<'a> {
    fn new(end: &'a mut dyn End, side: Side, scenario: usize) -> Self {
        Self {
            end,
            side,
            scenario,
            transcript: Vec::new(),
            suite: CryptoProvider::default().cipher_suites.swap_remove(0),
            has_sent_finished: false,
            outcome: Outcome::default(),
            edits: 0,
            piece: usize::MAX,
            gathers: false,
            gathered: Vec::new(),
            partial: Vec::new(),
        }
    }

    /// Plays the input. Returns what the end says to it, and how many things were wrong.
    fn play(mut self, data: &[u8]) -> (Outcome, usize) {
        let mut input = Input(data);
        let flags = input.byte();
        if flags & 3 == 3 {
            self.piece = 1 + usize::from(input.byte());
        }
        self.gathers = flags & 4 != 0;
        self.receive();
        let (recorded, side) = (&RECORDED[self.scenario], self.side);
        for (_, message) in recorded.iter().filter(|(from, _)| *from != side) {
            self.part(message[0], message, &mut input);
        }
        self.flush();
        for _ in 0..MOST_ACTIONS {
            if input.0.is_empty() || self.outcome.error.is_some() {
                break;
            }
            self.act(&mut input);
        }
        self.flush();
        self.outcome.unfinished = !self.partial.is_empty();
        self.outcome.complete = self.end.is_complete() && self.outcome.error.is_none();
        self.end.settle(&mut self.outcome);
        let hellos_only = !self.end.has_handshake_keys();
        let outcome = if hellos_only { self.outcome.settled() } else { self.outcome };
        (outcome, self.edits)
    }

    /// One message of the honest peer, as the input edits it.
    fn part(&mut self, kind: u8, recorded: &[u8], input: &mut Input<'_>) {
        if self.outcome.error.is_some() {
            return;
        }
        match input.byte() % 32 {
            ..22 => self.say(self.honest(kind, recorded)),
            operation @ 22..28 => {
                let message = self.honest(kind, recorded);
                let message = self.edited(message, operation - 22, input);
                self.say(message);
            }
            28 => self.edits += 1,
            29 => {
                self.edits += 1;
                self.say(self.honest(kind, recorded));
                self.say(self.honest(kind, recorded));
            }
            _ => {
                self.act(input);
                self.say(self.honest(kind, recorded));
            }
        }
    }

    /// A message as an honest peer would say it now. Those that are proofs are made anew.
    fn honest(&self, kind: u8, recorded: &[u8]) -> Vec<u8> {
        let hash = self.suite.hash.digest(&self.transcript);
        let label = match self.side {
            Side::Client => "s hs traffic",
            Side::Server => "c hs traffic",
        };
        match (kind, self.end.secret(label)) {
            (CERTIFICATE_VERIFY, _) => forge::certificate_verify(other(self.side), &hash),
            (FINISHED, Some(secret)) => forge::finished(&*self.suite.hash, &secret, &hash),
            _ => recorded.to_vec(),
        }
    }

    /// A message of this type from any handshake, or an empty one.
    fn any(&self, kind: u8) -> Vec<u8> {
        if kind == NEW_SESSION_TICKET {
            return vec![4, 0, 0, 16, 0, 0, 1, 0, 1, 2, 3, 4, 1, 7, 0, 2, b't', b'k', 0, 0];
        }
        if kind == KEY_UPDATE {
            return vec![KEY_UPDATE, 0, 0, 1, 0];
        }
        let recorded = RECORDED.iter().flatten().map(|(_, message)| message);
        let recorded = recorded.filter(|message| message[0] == kind).last();
        let recorded = recorded.cloned().unwrap_or_else(|| vec![kind, 0, 0, 0]);
        self.honest(kind, &recorded)
    }

    /// The same, with something wrong with it.
    fn edited(&mut self, mut message: Vec<u8>, operation: u8, input: &mut Input<'_>) -> Vec<u8> {
        self.edits += edit_message(&mut message, operation, input);
        message
    }

    /// One thing that is in no honest handshake.
    fn act(&mut self, input: &mut Input<'_>) {
        self.edits += 1;
        match input.byte() % 8 {
            0 => self.say(vec![KEY_UPDATE, 0, 0, 1, input.byte() & 1]),
            1 => self.say(self.any(NEW_SESSION_TICKET)),
            2 => {
                let message = self.any(NEW_SESSION_TICKET);
                let operation = input.byte() % 6;
                let message = self.edited(message, operation, input);
                self.say(message);
            }
            3 | 4 => {
                let kinds = [1, 2, 4, 5, 8, 11, 13, 15, 20, 24, 25, 254, 0, 3, 22, 67];
                let kind = kinds[usize::from(input.byte() % 16)];
                self.say(self.any(kind));
            }
            5 => {
                let mut message = vec![input.byte(), 0, 0, 0];
                message.extend_from_slice(input.bytes());
                fix_length(&mut message);
                self.say(message);
            }
            6 => {
                // The first part of a message; what comes next is its rest, or is not.
                self.flush();
                let message = self.any([KEY_UPDATE, 4, 20, 13][usize::from(input.byte() % 4)]);
                let at = 1 + usize::from(input.byte()) % (message.len() - 1);
                self.deliver(&message[..at]);
                if input.byte() & 1 == 0 {
                    self.deliver(&message[at..]);
                } else {
                    // It is wrong now, and with what follows.
                    self.edits += 1;
                }
            }
            _ => {
                let more = [KEY_UPDATE, NEW_SESSION_TICKET][usize::from(input.byte() % 2)];
                self.flush();
                self.deliver(&[self.any(NEW_SESSION_TICKET), self.any(more)].concat());
            }
        }
    }

    /// Says a message, in pieces as the input wants them.
    fn say(&mut self, message: Vec<u8>) {
        let kind = message.first().copied();
        self.add(&message);
        self.gathered.extend_from_slice(&message);
        let is_hello = !self.end.has_handshake_keys();
        if is_hello || !self.gathers || kind == Some(FINISHED) || self.has_sent_finished {
            self.flush();
        }
        self.has_sent_finished |= kind == Some(FINISHED);
    }

    fn flush(&mut self) {
        let messages = std::mem::take(&mut self.gathered);
        let most = messages.len() / 8 + 1;
        for piece in messages.chunks(self.piece.max(most)) {
            self.deliver(piece);
        }
    }

    fn deliver(&mut self, data: &[u8]) {
        if self.outcome.error.is_some() {
            return;
        }
        self.partial.extend_from_slice(data);
        while let Some((_, rest)) = HandshakeMessage::split(&self.partial) {
            self.partial = rest.to_vec();
        }
        self.outcome.after_hellos = self.end.has_handshake_keys();
        self.end.receive(data, &mut self.outcome);
        self.receive();
    }

    /// Reads what the end sends.
    fn receive(&mut self) {
        let sent = self.end.take();
        for message in split(&sent) {
            match (message[0], &message[4..]) {
                (1, _) => self.outcome.hellos.push((false, 0)),
                (SERVER_HELLO, _) => {
                    let suite = suite_of(&message).expect("it is a good one").id.0;
                    self.outcome.hellos.push((is_retry(&message), suite));
                }
                (kind, _) => self.outcome.messages.push(kind),
            }
            self.add(&message);
        }
    }

    /// Adds a message of either side to the transcript.
    fn add(&mut self, message: &[u8]) {
        if self.has_sent_finished && self.end.is_complete() {
            return;
        }
        if message.first() == Some(&SERVER_HELLO) {
            if let Some(suite) = suite_of(message) {
                self.suite = suite;
            }
            if is_retry(message) {
                let hash = self.suite.hash.digest(&self.transcript);
                self.transcript = [&[MESSAGE_HASH, 0, 0, hash.len() as u8], &*hash].concat();
            }
        }
        self.transcript.extend_from_slice(message);
    }
}

fn is_retry(server_hello: &[u8]) -> bool {
    server_hello.get(6..38) == Some(&RETRY[..])
}

/// The suite of a ServerHello, if it is one of ours.
fn suite_of(server_hello: &[u8]) -> Option<StaticOrArc<CipherSuite>> {
    let session_id = usize::from(*server_hello.get(38)?);
    let id = server_hello.get(39 + session_id..41 + session_id)?;
    let mut suites = CryptoProvider::default().cipher_suites.into_iter();
    suites.find(|suite| suite.id.0.to_be_bytes() == *id)
}
