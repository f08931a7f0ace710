//! What the targets share: an honest handshake as a script that the input edits.
//!
//! An end under test is fed the messages that its honest peer would have sent, changed as the
//! input has it. Signature and Finished may be made anew over the changed messages, which only a
//! peer that holds the server's key could do: so the checks behind them are reached as well.

mod broken_peer;
pub mod certificates;
pub mod clocks;
pub mod crypto_frames;
pub mod differential;
pub mod explained;
pub mod failing_writes;
pub mod features;
pub mod forms;
mod hello;
mod meeting;
pub mod post_handshake;
pub mod questions;
pub mod quic_beside_rustls;
pub mod revocation;
pub mod shared;
mod theirs;
pub mod two_ends;

use std::sync::LazyLock;

use handclasp::crypto::CipherSuite;
use handclasp::handshake::{Handshake, Side, Step};
use handclasp::key_schedule::TrafficSecret;
use handclasp::registry::HandshakeType;
use handclasp::{Error, Level};

use handclasp_testing::deterministic::{self, Message, SCENARIOS, Scenario};
use handclasp_testing::forge;

const INITIAL: Level = Level::Initial;

static RECORDED: LazyLock<[Vec<Message>; SCENARIOS.len()]> =
    LazyLock::new(|| SCENARIOS.map(deterministic::record_messages));

/// Reads the input; beyond its end there are zeros.
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    pub fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    fn word(&mut self) -> usize {
        usize::from(u16::from_be_bytes([self.byte(), self.byte()]))
    }

    fn bytes(&mut self) -> &'a [u8] {
        let length = self.0.len().min(usize::from(self.byte()));
        let (bytes, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        bytes
    }
}

/// What is sent to the end under test, and in which pieces.
struct Script {
    messages: Vec<(Level, Vec<u8>)>,
    honest: Vec<(Level, Vec<u8>)>,
    resign: bool,
    refinish: bool,
    piece: usize,
    questions: Questions,
}

/// When the end's questions are answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Questions {
    /// It has none: it decides at once.
    None,
    /// Before anything else comes.
    AtOnce,
    /// After more has come.
    Later,
}

impl Script {
    fn read(side: Side, recorded: &[Message], input: &mut Input<'_>) -> Self {
        let flags = input.byte();
        let honest: Vec<_> = recorded
            .iter()
            .filter(|message| message.from != side)
            .map(|message| (message.level, message.bytes.clone()))
            .collect();
        let mut script = Self {
            messages: honest.clone(),
            honest,
            resign: flags & 1 != 0,
            refinish: flags & 2 != 0,
            piece: if flags & 4 != 0 { 1 + usize::from(input.byte()) } else { usize::MAX },
            questions: match flags & 24 {
                8 => Questions::AtOnce,
                24 => Questions::Later,
                _ => Questions::None,
            },
        };
        let edits = input.byte() % 8;
        for _ in 0..edits {
            script.edit(input);
        }
        script
    }

    fn edit(&mut self, input: &mut Input<'_>) {
        let (operation, place) = (input.byte(), usize::from(input.byte()));
        if self.messages.is_empty() {
            return;
        }
        let index = place % self.messages.len();
        let other = (place / 16) % self.messages.len();
        let length = self.messages[index].1.len();
        match operation % 9 {
            // Change a byte.
            0 if length > 0 => {
                let at = input.word() % length;
                self.messages[index].1[at] ^= input.byte().max(1);
            }
            // Replace a piece; the message's length is put right.
            1 | 2 if length >= 4 => {
                let start = 4 + input.word() % (length - 3);
                let end = (start + usize::from(input.byte())).min(length);
                let with = input.bytes();
                self.messages[index].1.splice(start.min(end)..end, with.iter().copied());
                fix_length(&mut self.messages[index].1);
            }
            // Replace the body.
            3 if length >= 4 => {
                self.messages[index].1.truncate(4);
                self.messages[index].1.extend_from_slice(input.bytes());
                fix_length(&mut self.messages[index].1);
            }
            4 => drop(self.messages.remove(index)),
            5 => {
                let again = self.messages[other].clone();
                self.messages.insert(index, again);
            }
            6 => self.messages.swap(index, other),
            // Insert a message of any type.
            7 => {
                let mut message = vec![input.byte(), 0, 0, 0];
                message.extend_from_slice(input.bytes());
                fix_length(&mut message);
                self.messages.insert(index, (self.messages[index].0, message));
            }
            // Bytes without a frame, at any level.
            _ => {
                let level = level(input.byte());
                self.messages.insert(index, (level, input.bytes().to_vec()));
            }
        }
    }
}

fn level(byte: u8) -> Level {
    match byte % 4 {
        0 => Level::Initial,
        1 => Level::EarlyData,
        2 => Level::Handshake,
        _ => Level::Application,
    }
}

fn fix_length(message: &mut [u8]) {
    let length = u32::try_from(message.len() - 4).expect("messages are short").to_be_bytes();
    message[1..4].copy_from_slice(&length[1..]);
}

/// The end under test, with all messages that it and its peer have sent.
struct End {
    handshake: Handshake,
    transcript: Vec<u8>,
    peer_secret: Option<TrafficSecret>,
    sent_length: usize,
    questions: Questions,
}

impl End {
    fn new(handshake: Handshake, questions: Questions) -> Self {
        let transcript = Vec::new();
        let mut end = Self { handshake, transcript, peer_secret: None, sent_length: 0, questions };
        end.take_steps();
        end
    }

    fn take_steps(&mut self) {
        while let Some(step) = self.handshake.next_step() {
            match step {
                Step::Send { bytes, .. } => {
                    self.sent_length += bytes.len();
                    self.transcript.extend_from_slice(&bytes);
                }
                Step::ReadKeys { level: Level::Handshake, secret } => {
                    self.peer_secret = Some(secret)
                }
                _ => {}
            }
        }
    }

    fn receive(&mut self, level: Level, bytes: &[u8]) -> Result<(), Error> {
        self.transcript.extend_from_slice(bytes);
        let was_asking = self.handshake.question().is_some();
        let mut result = self.handshake.receive(level, bytes);
        self.take_steps();
        if result.is_ok() && (self.questions == Questions::AtOnce || was_asking) {
            result = self.answer();
        }
        result
    }

    fn answer(&mut self) -> Result<(), Error> {
        while let (Some(number), Some(question)) =
            (self.handshake.question_number(), self.handshake.question())
        {
            let answer = deterministic::answer(question);
            self.handshake.answer(number, answer)?;
            self.take_steps();
        }
        Ok(())
    }

    /// The hash of all messages so far, as long as there was no HelloRetryRequest.
    fn transcript_hash(&self, suite: &CipherSuite) -> Vec<u8> {
        suite.hash.digest(&self.transcript).to_vec()
    }

    fn finished(&self) -> Option<Vec<u8>> {
        let secret = self.peer_secret.as_ref()?;
        let suite = secret.suite();
        Some(forge::finished(&*suite.hash, secret.as_bytes(), &self.transcript_hash(suite)))
    }

    fn certificate_verify(&self) -> Option<Vec<u8>> {
        let suite = self.peer_secret.as_ref()?.suite();
        Some(forge::certificate_verify(Side::Server, &self.transcript_hash(suite)))
    }
}

/// Plays the edited script to an end of this side, and checks what must hold for every input.
pub fn play(side: Side, data: &[u8]) {
    let mut input = Input(data);
    let scenario = SCENARIOS[usize::from(input.byte()) % SCENARIOS.len()];
    let script = Script::read(side, &RECORDED[scenario as usize], &mut input);
    let handshake = match script.questions {
        Questions::None => deterministic::raw(side, scenario, None),
        Questions::AtOnce | Questions::Later => deterministic::asking(side, scenario),
    };
    let mut end = End::new(handshake, script.questions);
    let (delivered, result) = script.deliver(&mut end, |end, message| {
        // The transcript that a forged proof is made over is known without a retry only.
        if scenario == Scenario::Plain { script.remade(end, message) } else { None }
    });
    // An honest client waits for the server's flight, and so for the answer.
    // Its last question comes with the last message: nothing after that makes it answer.
    let asked_last = side == Side::Server || scenario == Scenario::ClientAuth;
    let too_early = asked_last && script.questions == Questions::Later;
    // A server with cookies needs no first ClientHello.
    let skipped = match (side, scenario) {
        (Side::Server, Scenario::Cookie) => script.honest[0].1.len(),
        _ => 0,
    };
    check_completion(&script, &end, too_early, skipped, &delivered, &result);
    match result {
        Ok(()) => after(&mut end, &mut input),
        Err(error) => dead(&mut end, &error),
    }
}

impl Script {
    /// Delivers the messages, each made anew where `remake` does so. Returns all that was delivered.
    fn deliver(
        &self,
        end: &mut End,
        remake: impl Fn(&End, &[u8]) -> Option<Vec<u8>>,
    ) -> (Vec<u8>, Result<(), Error>) {
        let mut delivered = Vec::new();
        let result = self.messages.iter().try_for_each(|(level, message)| {
            let remade = remake(end, message);
            let message = remade.as_ref().unwrap_or(message);
            delivered.extend_from_slice(message);
            message.chunks(self.piece).try_for_each(|piece| {
                let result = end.receive(*level, piece);
                check(end, &result);
                result
            })
        });
        let result = result.and_then(|()| end.answer());
        check(end, &result);
        end.take_steps();
        (delivered, result)
    }

    /// The signature or the Finished over the transcript, where the input asks for it.
    fn remade(&self, end: &End, message: &[u8]) -> Option<Vec<u8>> {
        match message.first().copied().map(HandshakeType)? {
            HandshakeType::FINISHED if self.refinish => end.finished(),
            HandshakeType::CERTIFICATE_VERIFY if self.resign => end.certificate_verify(),
            _ => None,
        }
    }
}

/// An honest script completes the handshake, and no other does whose Finished is not made anew.
fn check_completion(
    script: &Script,
    end: &End,
    too_early: bool,
    skipped: usize,
    delivered: &[u8],
    result: &Result<(), Error>,
) {
    let complete = end.handshake.is_complete();
    if script.messages == script.honest && !too_early {
        result.clone().expect("honest peers agree, and forged proofs are well made");
        assert!(complete);
    }
    if complete && !script.refinish {
        let handshake = script.honest.iter().filter(|(level, _)| *level != Level::Application);
        let honest: Vec<u8> = handshake.flat_map(|(_, bytes)| bytes.iter().copied()).collect();
        let whole = delivered.starts_with(&honest) || delivered.starts_with(&honest[skipped..]);
        assert!(whole, "the messages were changed, and the handshake is complete");
    }
}

/// The rest of the input comes at levels of its choice.
fn after(end: &mut End, input: &mut Input<'_>) {
    while !input.0.is_empty() {
        let chosen = match input.byte() {
            byte @ 0..4 => level(byte),
            _ => end.handshake.read_level(),
        };
        let mut bytes = input.bytes().to_vec();
        if bytes.len() >= 4 && bytes[1] & 1 == 0 {
            fix_length(&mut bytes);
        }
        let result = end.receive(chosen, &bytes);
        check(end, &result);
        if let Err(error) = result {
            return dead(end, &error);
        }
    }
}

/// What the peer can make this end send is bounded, and every failure has a text and an alert.
fn check(end: &End, result: &Result<(), Error>) {
    assert!(end.sent_length < 1 << 16, "{} bytes were sent", end.sent_length);
    if let Err(error) = result {
        assert!(error.alert_sent().is_some(), "{error}");
        assert!(!error.to_string().is_empty());
        assert!(!matches!(error.kind(), handclasp::ErrorKind::Internal(_)), "{error}");
    }
}

/// A failed handshake keeps its error, and sends nothing more.
fn dead(end: &mut End, error: &Error) {
    end.take_steps();
    assert!(end.handshake.question().is_none());
    assert!(!end.handshake.is_complete());
    for level in [Level::Initial, Level::Handshake, Level::Application] {
        assert_eq!(end.handshake.receive(level, &[0; 8]).as_ref(), Err(error));
    }
    assert_eq!(end.handshake.check().as_ref(), Err(error));
    assert!(end.handshake.next_step().is_none());
    assert!(!end.handshake.has_partial_message());
}
