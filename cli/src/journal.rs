//! Takes a connection's events down: owned, timed and counted, for whoever tells them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use handclasp::observer::KeyScheduleOperation;
use handclasp::registry::ContentType;
use handclasp::{Event, Level, Observer};

use crate::describe::{self, Fact};
use crate::words;

/// A side of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

impl Side {
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// One event, and how long it took since the event before it.
pub struct Step {
    pub side: Side,
    pub took: Duration,
    pub what: What,
}

/// What happened.
pub enum What {
    Message {
        sent: bool,
        level: Level,
        name: String,
        bytes: usize,
        facts: Vec<Fact>,
    },
    Derived {
        extract: bool,
        label: String,
    },
    SuiteChosen(String),
    KeysExchanged(String),
    PeerVerified,
    SignatureVerified(String),
    FinishedVerified,
    /// A server does not take something, and why.
    NotTaken {
        what: String,
        reason: &'static str,
    },
    Waiting(&'static str),
    Record {
        sent: bool,
        kind: ContentType,
        bytes: usize,
    },
    Alert {
        sent: bool,
        name: String,
        meaning: &'static str,
    },
    Complete,
}

impl What {
    fn from_event(event: &Event<'_>) -> Option<Self> {
        let message = |sent, level, message| {
            let (name, facts) = describe::message(message);
            Self::Message { sent, level, name, bytes: message.bytes.len(), facts }
        };
        let alert = |sent, alert: handclasp::alert::AlertDescription| Self::Alert {
            sent,
            name: alert.to_string(),
            meaning: words::alert(alert),
        };
        Some(match event {
            Event::MessageSent(level, it) => message(true, *level, it),
            Event::MessageReceived(level, it) => message(false, *level, it),
            Event::CipherSuiteChosen(suite) => Self::SuiteChosen(suite.to_string()),
            Event::KeysExchanged(group) => Self::KeysExchanged(group.to_string()),
            Event::KeySchedule(step) => Self::Derived {
                extract: step.operation == KeyScheduleOperation::Extract,
                label: step.label.to_owned(),
            },
            Event::PeerVerified => Self::PeerVerified,
            Event::SignatureVerified(scheme) => Self::SignatureVerified(scheme.to_string()),
            Event::FinishedVerified => Self::FinishedVerified,
            Event::NotTaken(what, reason) => Self::NotTaken { what: what.to_string(), reason },
            Event::Waiting(question) => Self::Waiting(question),
            Event::RecordSent(kind, bytes) => {
                Self::Record { sent: true, kind: *kind, bytes: *bytes }
            }
            Event::RecordReceived(kind, bytes) => {
                Self::Record { sent: false, kind: *kind, bytes: *bytes }
            }
            Event::AlertSent(it) => alert(true, *it),
            Event::AlertReceived(it) => alert(false, *it),
            Event::HandshakeComplete => Self::Complete,
            _ => return None,
        })
    }
}

/// What one side spent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub bytes_sent: usize,
    pub bytes_received: usize,
    pub records_sent: usize,
    pub records_received: usize,
    /// How often this side's messages were followed by the peer's.
    pub round_trips: usize,
    /// Time in this program, without waiting for the peer.
    pub computing: Duration,
    spoke_last: bool,
}

impl Tally {
    fn add(&mut self, step: &Step, computing: bool) {
        if computing {
            self.computing += step.took;
        }
        match &step.what {
            What::Record { sent: true, bytes, .. } => {
                self.bytes_sent += bytes;
                self.records_sent += 1;
            }
            What::Record { sent: false, bytes, .. } => {
                self.bytes_received += bytes;
                self.records_received += 1;
            }
            What::Message { sent, .. } => {
                self.round_trips += usize::from(self.spoke_last && !sent);
                self.spoke_last = *sent;
            }
            _ => {}
        }
    }
}

/// How far a side has come, and what it has shown: what the words of a failure need.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// The last handshake message that came.
    pub received: Option<String>,
    /// The last handshake message that was sent.
    pub sent: Option<String>,
    /// The handshake is complete.
    pub complete: bool,
    /// Records of application data that came after that.
    pub data_records: usize,
    /// The bytes in them.
    pub data_bytes: usize,
    /// This side's own certificate, once it was sent.
    pub shown: Option<String>,
    /// The authorities that the peer's CertificateRequest names, once it came.
    pub authorities: Option<String>,
    /// The peer has asked for a certificate.
    pub asked: bool,
    /// A ClientHello with pre-shared keys was sent.
    pub offered_keys: bool,
    /// The suites, groups and signature schemes of the own ClientHello.
    pub offered: Option<String>,
    /// What a server did not take of what it was offered, with the reasons.
    pub not_taken: Vec<String>,
}

impl Progress {
    fn add(&mut self, what: &What) {
        match what {
            What::Message { sent: true, name, facts, .. } => {
                self.sent = Some(name.clone());
                match name.as_str() {
                    "Certificate" => self.shown = fact(facts, "for"),
                    "CompressedCertificate" => self.shown = Some("compressed".to_owned()),
                    "ClientHello" => {
                        self.offered_keys = fact(facts, "pre-shared keys").is_some();
                        self.offered = offered(facts);
                    }
                    _ => {}
                }
            }
            What::Message { sent: false, name, facts, .. } => {
                self.received = Some(name.clone());
                if name == "CertificateRequest" {
                    self.asked = true;
                    self.authorities = fact(facts, "authorities");
                }
            }
            What::NotTaken { what, reason } => self.not_taken.push(format!("{what}: {reason}")),
            What::Complete => self.complete = true,
            What::Record { sent: false, kind: ContentType::APPLICATION_DATA, bytes }
                if self.complete =>
            {
                self.data_records += 1;
                self.data_bytes += bytes;
            }
            _ => {}
        }
    }
}

/// What a ClientHello offers that both sides must have in common.
fn offered(facts: &[Fact]) -> Option<String> {
    let (suites, groups) = (fact(facts, "cipher suites")?, fact(facts, "groups")?);
    let schemes = fact(facts, "signatures")?;
    Some(format!("the suites [{suites}], the groups [{groups}] and the schemes [{schemes}]"))
}

/// The value of a field, if it is there.
fn fact(facts: &[Fact], name: &str) -> Option<String> {
    facts.iter().find(|fact| fact.name == name).map(|fact| fact.value.to_string())
}

/// Tells steps to somebody.
pub trait Teller: Send {
    fn step(&mut self, step: &Step);

    /// There is a pause: what was held back is told now.
    fn finish(&mut self) {}
}

/// Tells nobody.
pub struct Silent;

impl Teller for Silent {
    fn step(&mut self, _: &Step) {}
}

/// Everything that is taken down of one connection, or of both its sides.
pub struct Journal {
    /// Does the time before a record include waiting for a network?
    networked: bool,
    last: Instant,
    tallies: [Tally; 2],
    progress: [Progress; 2],
    teller: Box<dyn Teller>,
}

/// A journal that observers and others share.
#[derive(Clone)]
pub struct SharedJournal(Arc<Mutex<Journal>>);

impl SharedJournal {
    pub fn new(networked: bool, teller: Box<dyn Teller>) -> Self {
        let tallies = [Tally::default(); 2];
        let progress = Default::default();
        let journal = Journal { networked, last: Instant::now(), tallies, progress, teller };
        Self(Arc::new(Mutex::new(journal)))
    }

    /// An observer for one side.
    pub fn observer(&self, side: Side) -> Box<dyn Observer> {
        Box::new(Watcher { side, journal: self.clone() })
    }

    /// Starts the clock: what happened before belongs to no step.
    pub fn start(&self) {
        self.lock().last = Instant::now();
    }

    /// Tells what the teller may have held back.
    pub fn finish(&self) {
        self.lock().teller.finish();
    }

    /// What a side has spent so far.
    pub fn tally(&self, side: Side) -> Tally {
        self.lock().tallies[side as usize]
    }

    /// How far a side has come.
    pub fn progress(&self, side: Side) -> Progress {
        self.lock().progress[side as usize].clone()
    }

    fn lock(&self) -> MutexGuard<'_, Journal> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Watcher {
    side: Side,
    journal: SharedJournal,
}

impl Observer for Watcher {
    fn event(&mut self, event: &Event<'_>) {
        let now = Instant::now();
        let Some(what) = What::from_event(event) else { return };
        let mut journal = self.journal.lock();
        let step = Step { side: self.side, took: now.duration_since(journal.last), what };
        let waited = journal.networked && matches!(step.what, What::Record { sent: false, .. });
        journal.tallies[self.side as usize].add(&step, !waited);
        journal.progress[self.side as usize].add(&step.what);
        journal.teller.step(&step);
        // The telling takes time, too, which is nobody's.
        journal.last = Instant::now();
    }
}
