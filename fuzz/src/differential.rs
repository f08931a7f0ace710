//! The same hostile bytes for one of our ends and for the one of rustls: both must take them, or
//! refuse them with the same alert, or a row of [the table](crate::explained::TABLE) says why not.
//!
//! Both have the same certificate, randomness and toy key exchange, and so the same randoms,
//! session ids and shares. Half of the inputs are hellos: a client's first flight with the second
//! after a HelloRetryRequest, and what a server says up to its ServerHello. The others are what
//! comes after the hellos, sealed by a peer that has the keys: see [`broken_peer`].

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use handclasp::connection::Received;
use handclasp::crypto::CryptoProvider;
use handclasp::handshake::{PeerParameters, Side};
use handclasp::observer::{Event, Observer};
use handclasp::record::HEADER_LENGTH;
use handclasp::wire::HandshakeMessage;

use crate::explained::explained;
use crate::hello::Script;
use crate::theirs::Theirs;
use crate::{Input, RECORDED, broken_peer};
use handclasp_testing::deterministic::{self, Scenario};

/// The state of an end after an input.
#[derive(Debug, PartialEq, Eq, Clone, Default)]
pub struct Outcome {
    /// It is about what comes after the hellos.
    pub after_hellos: bool,
    /// The hellos that it sent: whether a HelloRetryRequest, and the suite, for a server; that it
    /// was one, for a client.
    pub hellos: Vec<(bool, u16)>,
    /// The types of the messages that it sent under encryption.
    pub messages: Vec<u8>,
    /// What it takes as agreed: suite, group, application protocol, the peer's certificates.
    pub suite: Option<u16>,
    pub group: Option<u16>,
    pub protocol: Option<Vec<u8>>,
    pub certificates: Vec<Vec<u8>>,
    /// In QUIC: the peer's transport parameters.
    pub transport_parameters: Option<Vec<u8>>,
    /// Is its handshake complete, and has it received the peer's close_notify?
    pub complete: bool,
    pub closed: bool,
    /// Application data that came out of it, and that it sent.
    pub delivered: Vec<u8>,
    pub sent: Vec<u8>,
    /// The rest of a message has not been sent to it.
    pub unfinished: bool,
    /// The alert that it sent.
    pub alert: Option<u8>,
    /// Its error.
    pub error: Option<String>,
}

impl Outcome {
    /// Compares what both must have in common. Where both refuse, what was agreed before does not
    /// count, and the alerts do where only one thing was wrong.
    pub fn agrees(&self, other: &Self, edits: usize) -> bool {
        match (&self.error, &other.error) {
            (None, None) => self == other,
            (Some(_), Some(_)) => {
                edits > 1 || (self.alert, &self.delivered) == (other.alert, &other.delivered)
            }
            _ => false,
        }
    }
}

/// An end under test.
pub trait End {
    /// What it wants to send.
    fn take(&mut self) -> Vec<u8>;
    /// Gives it these records, as far as it takes them.
    fn receive(&mut self, records: &[u8], outcome: &mut Outcome);
    /// Its application writes.
    fn write(&mut self, data: &[u8]);
    fn complete(&self) -> bool;
    /// The traffic secret of this label, once it is there.
    fn secret(&self, label: &str) -> Option<Vec<u8>>;
    /// Says what it takes as agreed.
    fn settle(&self, outcome: &mut Outcome);
}

/// Plays the input to both, and panics where they disagree without an explanation.
pub fn play(side: Side, data: &[u8]) {
    let (ours, theirs, agree) = outcomes(side, data);
    if agree {
        return;
    }
    assert!(explained(side, &ours, &theirs), "ours: {ours:#?}\ntheirs: {theirs:#?}");
}

/// What both say to the input, and whether that is the same.
pub fn outcomes(side: Side, data: &[u8]) -> (Outcome, Outcome, bool) {
    let mut input = Input(data);
    let mode = input.byte() % 4;
    let ((ours, ours_edits), (theirs, theirs_edits)) = if mode < 2 {
        let scenario = if mode == 0 { Scenario::Plain } else { Scenario::Retry };
        let (mut ours, mut theirs) = (Ours::new(side, scenario), Theirs::new(side, scenario));
        // What the honest peer says in the clear.
        let recorded = RECORDED[scenario as usize].iter();
        let honest = recorded.filter(|it| it.from != side && it.level == crate::INITIAL);
        let script = Script::read(honest.map(|message| message.bytes.clone()), &mut input);
        let outcomes = [play_hellos(&mut ours, &script), play_hellos(&mut theirs, &script)];
        let [ours, theirs] = outcomes.map(|outcome| (outcome.settled(), script.edits));
        (ours, theirs)
    } else {
        let scenario = if mode == 2 { Scenario::Plain } else { Scenario::ClientAuth };
        let ours = broken_peer::play(&mut Ours::new(side, scenario), side, scenario, input.0);
        let theirs = broken_peer::play(&mut Theirs::new(side, scenario), side, scenario, input.0);
        (ours, theirs)
    };
    let agree = ours.agrees(&theirs, ours_edits.max(theirs_edits));
    (ours, theirs, agree)
}

fn play_hellos(end: &mut dyn End, script: &Script) -> Outcome {
    let mut outcome = Outcome::default();
    outcome.read_hellos(&end.take());
    for flight in &script.flights {
        end.receive(flight, &mut outcome);
        outcome.read_hellos(&end.take());
        if outcome.error.is_some() {
            break;
        }
    }
    end.settle(&mut outcome);
    outcome.unfinished = !partial(&script.flights.concat()).is_empty();
    outcome
}

/// What these records have of a message whose rest is in none of them.
fn partial(mut records: &[u8]) -> Vec<u8> {
    let mut messages = Vec::new();
    while let Some((header, rest)) = records.split_first_chunk::<HEADER_LENGTH>() {
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        let (body, after) = rest.split_at(length.min(rest.len()));
        if header[0] == 22 {
            messages.extend_from_slice(body);
        }
        records = after;
    }
    while let Some((_, rest)) = HandshakeMessage::split(&messages) {
        messages = rest.to_vec();
    }
    messages
}

/// An end of ours.
struct Ours {
    end: deterministic::AnyConnection,
    secrets: Secrets,
}

/// Traffic secrets by their labels.
pub type Secrets = Arc<Mutex<HashMap<String, Vec<u8>>>>;

/// Keeps the traffic secrets.
pub struct Watcher(pub Secrets);

impl Observer for Watcher {
    fn event(&mut self, event: &Event<'_>) {
        let Event::KeySchedule(step) = event else { return };
        let (Some(values), true) = (&step.values, step.label.ends_with(" traffic")) else { return };
        let mut secrets = self.0.lock().expect("no holder panics");
        secrets.insert(step.label.to_owned(), values.output.to_vec());
    }

    fn wants_secrets(&self) -> bool {
        true
    }
}

impl Ours {
    fn new(side: Side, scenario: Scenario) -> Self {
        let secrets = Secrets::default();
        let watcher = Watcher(Arc::clone(&secrets));
        Self {
            end: deterministic::observed_connection(side, scenario, Some(Box::new(watcher))),
            secrets,
        }
    }
}

impl End for Ours {
    fn take(&mut self) -> Vec<u8> {
        handclasp_testing::take_outgoing(&mut self.end)
    }

    fn receive(&mut self, records: &[u8], outcome: &mut Outcome) {
        let mut buffer = records.to_vec();
        let mut start = 0;
        while outcome.error.is_none() && !outcome.closed {
            match self.end.receive(&mut buffer[start..]) {
                Ok((0, _)) => break,
                Ok((consumed, received)) => {
                    if let Received::Data(data) = received {
                        outcome.delivered.extend_from_slice(data);
                    }
                    start += consumed;
                }
                Err(error) => outcome.error = Some(error.to_string()),
            }
            outcome.closed = self.end.peer_has_closed();
        }
    }

    fn write(&mut self, data: &[u8]) {
        assert_eq!(self.end.write(data).ok(), Some(data.len()));
    }

    fn complete(&self) -> bool {
        !self.end.is_handshaking()
    }

    fn secret(&self, label: &str) -> Option<Vec<u8>> {
        self.secrets.lock().expect("no holder panics").get(label).cloned()
    }

    fn settle(&self, outcome: &mut Outcome) {
        outcome.settle(self.end.parameters());
    }
}

impl Outcome {
    /// What one of our ends takes as agreed.
    pub fn settle(&mut self, parameters: &PeerParameters) {
        self.suite = parameters.cipher_suite.map(|suite| suite.0);
        self.group = parameters.group.map(|group| group.0);
        self.protocol = parameters.application_protocol.clone();
        let chain = parameters.certificates.iter().flat_map(|chain| chain.iter());
        self.certificates = chain.map(|certificate| certificate.to_vec()).collect();
    }

    /// Before a ServerHello nothing is agreed on.
    pub fn settled(mut self) -> Self {
        if self.group.is_none() || self.hellos.last().is_some_and(|(retry, _)| *retry) {
            (self.suite, self.group, self.protocol) = (None, None, None);
            self.transport_parameters = None;
        }
        self
    }

    /// Reads the records that the end sent, as far as they are in the clear.
    pub fn read_hellos(&mut self, mut records: &[u8]) {
        while let Some((header, rest)) = records.split_first_chunk::<HEADER_LENGTH>() {
            let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
            let (body, after) = rest.split_at(length);
            match (header[0], body) {
                (21, [_, alert]) => self.alert = Some(*alert),
                (22, [2, _, _, _, _, _, body @ ..]) => {
                    let session_id = usize::from(body[32]);
                    let suite = [body[33 + session_id], body[34 + session_id]];
                    self.hellos.push((body[..32] == *RETRY, u16::from_be_bytes(suite)));
                }
                (22, [1, ..]) => self.hellos.push((false, 0)),
                _ => {}
            }
            records = after;
        }
    }
}

/// The random of a HelloRetryRequest.
pub static RETRY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    CryptoProvider::default().cipher_suites[0].hash.digest(b"HelloRetryRequest").to_vec()
});
