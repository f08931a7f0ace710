//! A peer that is authentic and broken: it has the traffic keys of the end under test, and sends
//! what the input makes of an honest flight and of what may follow it.
//!
//! CertificateVerify and Finished are made over the messages that were sent, edits and all, so that
//! the checks behind them are reached as well.

mod receiving;

use handclasp::crypto::{CipherSuite, CryptoProvider, StaticOrArc};
use handclasp::handshake::Side;
use handclasp::record::HEADER_LENGTH;
use handclasp::registry::ContentType;
use handclasp::wire::HandshakeMessage;

use crate::differential::{End, Outcome};
use crate::hello::{Parsed, edit_message};
use crate::{Input, RECORDED, fix_length};
use handclasp_testing::deterministic::{Scenario, other};
use handclasp_testing::forge::{Forger, certificate_verify};

const NEW_SESSION_TICKET: u8 = 4;
const ENCRYPTED_EXTENSIONS: u8 = 8;
const CERTIFICATE_VERIFY: u8 = 15;
const FINISHED: u8 = 20;
const KEY_UPDATE: u8 = 24;

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;

/// How many things may follow the handshake.
const MOST_ACTIONS: usize = 24;

struct Peer<'a> {
    end: &'a mut dyn End,
    /// The side of the end.
    side: Side,
    scenario: Scenario,
    suite: StaticOrArc<CipherSuite>,
    transcript: Vec<u8>,
    sealing: Forger,
    sealed_finished: bool,
    opening: Forger,
    received: Vec<u8>,
    opens_application: bool,
    outcome: Outcome,
    edits: usize,
    /// Messages are cut into pieces of this length, one a record.
    piece: usize,
    /// Messages are not sent before the flight ends or the keys change.
    gathers: bool,
    gathered: Vec<u8>,
    /// What was sent of a message whose rest was not.
    partial: Vec<u8>,
    padding: usize,
}

/// Plays the input to this end. Returns how many things were wrong with it, too.
pub fn play(end: &mut dyn End, side: Side, scenario: Scenario, data: &[u8]) -> (Outcome, usize) {
    let mut input = Input(data);
    let mut peer = Peer::meet(end, side, scenario, &mut input);
    peer.flight(&mut input);
    for _ in 0..MOST_ACTIONS {
        if input.0.is_empty() || peer.outcome.error.is_some() {
            break;
        }
        peer.act(&mut input);
    }
    peer.flush();
    peer.outcome.unfinished = !peer.partial.is_empty();
    peer.outcome.complete = peer.end.complete() && peer.outcome.error.is_none();
    if peer.outcome.complete {
        peer.end.write(b"the answer");
        peer.receive();
        peer.end.settle(&mut peer.outcome);
    }
    (peer.outcome, peer.edits)
}

impl<'a> Peer<'a> {
    /// The hellos, after which both have keys. The input chooses the suite.
    fn meet(end: &'a mut dyn End, side: Side, scenario: Scenario, input: &mut Input<'_>) -> Self {
        let suites = CryptoProvider::default().cipher_suites;
        let suite = suites[usize::from(input.byte()) % suites.len()].clone();
        let recorded = RECORDED[scenario as usize].iter();
        let mut honest = recorded.filter(|it| it.from != side).map(|it| &it.bytes);
        let mut hello = Parsed::parse(honest.next().expect("there is a hello"));
        hello.parts[3].bytes = suite.id.0.to_be_bytes().to_vec();
        let hello = hello.message();
        let mut outcome = Outcome { after_hellos: true, ..Outcome::default() };
        let theirs = end.take();
        let length = (hello.len() as u16).to_be_bytes();
        end.receive(&[&[HANDSHAKE, 3, 3, length[0], length[1]], &hello[..]].concat(), &mut outcome);
        assert_eq!(outcome.error, None, "the hellos are honest");
        let labels = match side {
            Side::Client => ["s hs traffic", "c hs traffic"],
            Side::Server => ["c hs traffic", "s hs traffic"],
        };
        let [sealing, opening] =
            labels.map(|label| Forger::new(&suite, &end.secret(label).expect("it took the hello")));
        let transcript = match side {
            Side::Client => [&theirs[HEADER_LENGTH..], &hello].concat(),
            Side::Server => hello,
        };
        let flags = input.byte();
        let mut peer = Self {
            end,
            side,
            scenario,
            suite,
            transcript,
            sealing,
            sealed_finished: false,
            opening,
            received: Vec::new(),
            opens_application: false,
            outcome,
            edits: 0,
            piece: if flags & 3 == 3 { 1 + usize::from(input.byte()) } else { usize::MAX },
            gathers: flags & 4 != 0,
            gathered: Vec::new(),
            partial: Vec::new(),
            padding: if flags & 24 == 24 { usize::from(input.byte()) } else { 0 },
        };
        peer.outcome.read_hellos(&theirs);
        peer.receive();
        peer
    }

    /// The messages of the honest flight, as the input edits them.
    fn flight(&mut self, input: &mut Input<'_>) {
        for kind in self.kinds() {
            if self.outcome.error.is_some() {
                return;
            }
            match input.byte() % 32 {
                ..22 => self.say(self.honest(kind)),
                operation @ 22..28 => {
                    let message = self.edited(kind, operation - 22, input);
                    self.say(message);
                }
                28 => self.edits += 1,
                29 => {
                    self.edits += 1;
                    self.say(self.honest(kind));
                    self.say(self.honest(kind));
                }
                _ => {
                    self.edits += 1;
                    self.act(input);
                    self.say(self.honest(kind));
                }
            }
        }
        self.flush();
    }

    fn kinds(&self) -> Vec<u8> {
        let recorded = RECORDED[self.scenario as usize].iter();
        let kinds = recorded.filter(|it| it.from != self.side).map(|it| it.bytes[0]);
        kinds.skip(1).collect()
    }

    /// A message of this type as an honest peer would say it now.
    fn honest(&self, kind: u8) -> Vec<u8> {
        let hash = || self.suite.hash.digest(&self.transcript);
        let recorded = |scenario: Scenario| {
            let messages = RECORDED[scenario as usize].iter().filter(|it| it.bytes[0] == kind);
            // Or else one that the end itself could have sent.
            messages.max_by_key(|it| it.from != self.side)
        };
        match kind {
            CERTIFICATE_VERIFY => certificate_verify(other(self.side), &hash()),
            FINISHED => self.sealing.finished(&hash()),
            NEW_SESSION_TICKET => {
                let body = [0, 0, 1, 0, 1, 2, 3, 4, 1, 7, 0, 2, b't', b'k', 0, 8, 0, 42, 0, 4];
                [&[kind, 0, 0, 24], &body[..], &[0, 0, 4, 0]].concat()
            }
            KEY_UPDATE => vec![kind, 0, 0, 1, 0],
            // Ours has more in it: what only our client offers.
            ENCRYPTED_EXTENSIONS => {
                [&[kind, 0, 0, 11, 0, 9, 0, 16, 0, 5, 0, 3, 2], &b"h2"[..]].concat()
            }
            kind => recorded(self.scenario)
                .or_else(|| recorded(Scenario::ClientAuth))
                .map_or_else(|| vec![kind, 0, 0, 0], |message| message.bytes.clone()),
        }
    }

    /// The same, with something wrong with it.
    fn edited(&mut self, kind: u8, operation: u8, input: &mut Input<'_>) -> Vec<u8> {
        let mut message = self.honest(kind);
        self.edits += edit_message(&mut message, operation, input);
        message
    }

    /// One thing that stands in no flight.
    fn act(&mut self, input: &mut Input<'_>) {
        match input.byte() % 16 {
            0 | 1 => self.say(vec![KEY_UPDATE, 0, 0, 1, input.byte() & 1]),
            2 | 3 => {
                let data = input.bytes();
                self.record(DATA, data);
            }
            4 => {
                // Only a server may say it.
                self.edits += usize::from(self.side == Side::Server);
                self.say(self.honest(NEW_SESSION_TICKET));
            }
            5 => {
                let kinds = [NEW_SESSION_TICKET, NEW_SESSION_TICKET, 13, KEY_UPDATE];
                let kind = kinds[usize::from(input.byte() % 4)];
                let operation = input.byte() % 6;
                let message = self.edited(kind, operation, input);
                self.say(message);
            }
            6 => {
                let kinds = [1, 2, 4, 5, 8, 11, 13, 15, 20, 24, 25, 254, 0, 3, 22, 67];
                let kind = kinds[usize::from(input.byte() % 16)];
                self.edits += 1;
                self.say(self.honest(kind));
            }
            7 => {
                let mut message = vec![input.byte(), 0, 0, 0];
                message.extend_from_slice(input.bytes());
                fix_length(&mut message);
                self.edits += 1;
                self.say(message);
            }
            operation => self.odd_record(operation, input),
        }
    }

    /// Alerts and records that are no honest message's.
    fn odd_record(&mut self, operation: u8, input: &mut Input<'_>) {
        match operation {
            8 => self.alert(&[1, 0]),
            9 => {
                let alert = [input.byte() % 3, input.byte()];
                self.alert(&alert);
            }
            10 => {
                let alert = input.bytes();
                self.alert(alert);
            }
            11 => {
                let (kind, content) =
                    ([20, 21, 22, 23, 24, 0][usize::from(input.byte() % 6)], input.bytes());
                self.edits += 1;
                self.record(kind, content);
            }
            // Not protected.
            12 => {
                let kind = [20, 21, 22, 23, 24, 20][usize::from(input.byte() % 6)];
                let content = if kind == 20 { &[1][..] } else { input.bytes() };
                self.flush();
                self.edits += 1;
                let length = content.len() as u8;
                self.deliver(&[&[kind, 3, 3, 0, length], content].concat());
            }
            // Not authentic.
            13 => {
                self.flush();
                let mut record = self.sealing.seal(ContentType(DATA), input.bytes());
                let at = usize::from(input.byte()) % record.len();
                record[at] ^= input.byte().max(1);
                self.edits += 2;
                self.deliver(&record);
            }
            14 => {
                // The first part of a message; what comes next is its rest, or is not.
                let message = self.honest([KEY_UPDATE, 4, 20, 13][usize::from(input.byte() % 4)]);
                let at = 1 + usize::from(input.byte()) % (message.len() - 1);
                self.edits += 1;
                self.record(HANDSHAKE, &message[..at]);
                if input.byte() & 1 == 0 {
                    self.record(HANDSHAKE, &message[at..]);
                } else {
                    // It is wrong now, and with what follows.
                    self.edits += 1;
                }
            }
            _ => {
                let message = self.honest(KEY_UPDATE);
                let more =
                    self.honest([KEY_UPDATE, NEW_SESSION_TICKET][usize::from(input.byte() % 2)]);
                self.edits += 1;
                self.record(HANDSHAKE, &[message, more].concat());
            }
        }
    }

    fn alert(&mut self, alert: &[u8]) {
        self.edits += 1;
        self.record(ALERT, alert);
    }

    /// Says a message, in records as the input wants them.
    fn say(&mut self, message: Vec<u8>) {
        if !self.sealed_finished {
            self.transcript.extend_from_slice(&message);
        }
        self.gathered.extend_from_slice(&message);
        let changes_keys = matches!(message.first(), Some(&(FINISHED | KEY_UPDATE)));
        if changes_keys || !self.gathers {
            self.flush();
        }
        match message.first() {
            Some(&FINISHED) if !self.sealed_finished => {
                self.sealed_finished = true;
                let label = match self.side {
                    Side::Client => "s ap traffic",
                    Side::Server => "c ap traffic",
                };
                if let Some(secret) = self.end.secret(label) {
                    self.sealing = Forger::new(&self.suite, &secret);
                }
            }
            Some(&KEY_UPDATE) if self.sealed_finished => self.sealing = self.sealing.next(),
            _ => {}
        }
    }

    fn flush(&mut self) {
        let messages = std::mem::take(&mut self.gathered);
        let most = messages.len() / 8 + 1;
        for piece in messages.chunks(self.piece.max(most)) {
            self.seal(HANDSHAKE, piece);
        }
    }

    fn record(&mut self, content_type: u8, content: &[u8]) {
        self.flush();
        self.seal(content_type, content);
    }

    fn seal(&mut self, content_type: u8, content: &[u8]) {
        if content_type == HANDSHAKE {
            self.partial.extend_from_slice(content);
            while let Some((_, rest)) = HandshakeMessage::split(&self.partial) {
                self.partial = rest.to_vec();
            }
        }
        let inner = [content, &[content_type], &vec![0; self.padding]].concat();
        let record = self.sealing.seal_inner(inner);
        self.deliver(&record);
    }

    fn deliver(&mut self, records: &[u8]) {
        if self.outcome.error.is_none() {
            self.end.receive(records, &mut self.outcome);
            self.receive();
        }
    }
}
