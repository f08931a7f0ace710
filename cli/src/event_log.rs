//! Records the events of a connection, with times and counts, and passes them to a reporter.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use handclasp::alert::AlertDescription;
use handclasp::crypto::CryptoProvider;
use handclasp::observer::KeyScheduleOperation;
use handclasp::registry::ContentType;
use handclasp::wire::HandshakeMessage;
use handclasp::{Event, Observer};
pub use handclasp_explain::Side;
use handclasp_explain::words::{self, Fact};
use handclasp_explain::{Connection, MessageLevel, Operation, Options, Recorder};

/// One event, and the time since the event before it.
pub struct Step {
    pub side: Side,
    pub took: Duration,
    pub what: StepKind,
}

/// What happened.
pub enum StepKind {
    Message {
        sent: bool,
        level: MessageLevel,
        name: String,
        bytes: usize,
        facts: Vec<Fact>,
    },
    Derived {
        operation: Operation,
        label: String,
    },
    SuiteChosen(String),
    KeysExchanged(String),
    PeerVerified,
    SignatureVerified(String),
    FinishedVerified,
    /// A server does not accept something that the client offered, and why.
    NotTaken {
        what: String,
        reason: &'static str,
    },
    /// The server has not accepted something that this client offered, and what may be the reason.
    Declined {
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
        /// What it usually means; absent where this side has sent it, because the error says why.
        meaning: Option<&'static str>,
    },
    Complete,
}

impl StepKind {
    /// `recorder` has recorded the event already.
    fn from_event(event: &Event<'_>, recorder: &Recorder) -> Option<Self> {
        let message = |sent, level: handclasp::Level, message: &HandshakeMessage<'_>| {
            let described = recorder.inspect(|connection| describe(connection, message));
            let Description { name, facts } = described;
            Self::Message { sent, level: level.into(), name, bytes: message.bytes.len(), facts }
        };
        let alert = |sent, alert: AlertDescription| Self::Alert {
            sent,
            name: alert.to_string(),
            meaning: match sent && alert != AlertDescription::CLOSE_NOTIFY {
                true => None,
                false => Some(words::alert(alert)),
            },
        };
        Some(match event {
            Event::MessageSent(level, it) => message(true, *level, it),
            Event::MessageReceived(level, it) => message(false, *level, it),
            Event::CipherSuiteChosen(suite) => Self::SuiteChosen(suite.to_string()),
            Event::KeysExchanged(group) => Self::KeysExchanged(group.to_string()),
            Event::KeySchedule(step) => Self::Derived {
                operation: match step.operation {
                    KeyScheduleOperation::Extract => Operation::Extract,
                    _ => Operation::Expand,
                },
                label: step.label.to_owned(),
            },
            Event::PeerVerified => Self::PeerVerified,
            Event::SignatureVerified(scheme) => Self::SignatureVerified(scheme.to_string()),
            Event::FinishedVerified => Self::FinishedVerified,
            Event::NotTaken(what, reason) => Self::NotTaken { what: what.to_string(), reason },
            Event::Declined(what, reason) => Self::Declined { what: what.to_string(), reason },
            Event::Waiting(question) => Self::Waiting(question),
            Event::RecordSent(it) => {
                Self::Record { sent: true, kind: it.content_type, bytes: it.length }
            }
            Event::RecordReceived(it) => {
                Self::Record { sent: false, kind: it.content_type, bytes: it.length }
            }
            Event::AlertSent(it) => alert(true, *it),
            Event::AlertReceived(it) => alert(false, *it),
            Event::HandshakeComplete(_) => Self::Complete,
            _ => return None,
        })
    }
}

/// What a report says about a message.
struct Description {
    name: String,
    facts: Vec<Fact>,
}

/// Describes this message, the last that was recorded. One beyond the recorder's limits has its name only.
fn describe(connection: &Connection, message: &HandshakeMessage<'_>) -> Description {
    match connection.messages.last() {
        Some(recorded) if recorded.bytes.0 == message.bytes => {
            let last = connection.messages.len() - 1;
            let certificates = connection.certificates.last().filter(|list| list.message == last);
            let facts = words::facts(recorded, certificates);
            Description { name: recorded.name.clone(), facts }
        }
        _ => Description { name: message.kind.to_string(), facts: Vec::new() },
    }
}

/// What one side has sent, received and computed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub bytes_sent: usize,
    pub bytes_received: usize,
    pub records_sent: usize,
    pub records_received: usize,
    /// How often a message of the peer followed one of this side.
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
            StepKind::Record { sent: true, bytes, .. } => {
                self.bytes_sent += bytes;
                self.records_sent += 1;
            }
            StepKind::Record { sent: false, bytes, .. } => {
                self.bytes_received += bytes;
                self.records_received += 1;
            }
            StepKind::Message { sent, .. } => {
                self.round_trips += usize::from(self.spoke_last && !sent);
                self.spoke_last = *sent;
            }
            _ => {}
        }
    }
}

/// What a server has not accepted.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// What a server did not accept of the client's offers, with the reasons.
    pub not_taken: Vec<String>,
}

impl Progress {
    fn add(&mut self, what: &StepKind) {
        match what {
            StepKind::NotTaken { what, reason } | StepKind::Declined { what, reason } => {
                self.not_taken.push(format!("{what}: {reason}"));
            }
            _ => {}
        }
    }
}

/// Writes steps for a reader.
pub trait Reporter: Send {
    fn step(&mut self, step: &Step);

    /// Writes steps that were held back.
    fn finish(&mut self) {}
}

/// Writes nothing.
pub struct NoReport;

impl Reporter for NoReport {
    fn step(&mut self, _: &Step) {}
}

/// The record of one connection, of one side or of both.
pub struct EventLog {
    /// Whether the time before a record includes waiting for a network.
    networked: bool,
    last: Instant,
    tallies: [Tally; 2],
    progress: [Progress; 2],
    recorders: [Recorder; 2],
    /// Whether the recorders record all of the connection.
    keeps_account: bool,
    reporter: Box<dyn Reporter>,
}

/// An event log that observers and others share.
#[derive(Clone)]
pub struct SharedEventLog(Arc<Mutex<EventLog>>);

impl SharedEventLog {
    /// One without an account of the connection: its memory does not grow with the connection.
    pub fn new(networked: bool, reporter: Box<dyn Reporter>) -> Self {
        let event_log = Self::with_account(networked, reporter, false);
        event_log.lock().keeps_account = false;
        event_log
    }

    /// One with an account, which has the secrets if that is wanted.
    pub fn with_account(networked: bool, reporter: Box<dyn Reporter>, secrets: bool) -> Self {
        let mut options = Options::new(CryptoProvider::default());
        options.secrets = secrets;
        Self::with_options(networked, reporter, &options)
    }

    /// One with an account that is made with these options.
    pub fn with_options(networked: bool, reporter: Box<dyn Reporter>, options: &Options) -> Self {
        let tallies = [Tally::default(); 2];
        let progress = Default::default();
        let recorders =
            [Side::Client, Side::Server].map(|side| Recorder::new(side, options.clone()));
        let last = Instant::now();
        let event_log = EventLog {
            networked,
            last,
            tallies,
            progress,
            recorders,
            keeps_account: true,
            reporter,
        };
        Self(Arc::new(Mutex::new(event_log)))
    }

    /// An observer for one side.
    pub fn observer(&self, side: Side) -> Box<dyn Observer> {
        Box::new(SideObserver::new(side, self.clone()))
    }

    /// Records no more from here on, and drops what was recorded: memory does not grow with the
    /// connection.
    pub fn end_account(&self) {
        let mut event_log = self.lock();
        event_log.keeps_account = false;
        event_log.recorders = [Side::Client, Side::Server].map(empty_recorder);
    }

    /// What records the connection of this side.
    pub fn recorder(&self, side: Side) -> Recorder {
        self.lock().recorders[side as usize].clone()
    }

    /// What records the whole connection of this side. `None` if there is no account, or no more.
    fn account(&self, side: Side) -> Option<Recorder> {
        let event_log = self.lock();
        if !event_log.keeps_account {
            return None;
        }
        Some(event_log.recorders[side as usize].clone())
    }

    /// Starts the clock: the time before this belongs to no step.
    pub fn start(&self) {
        self.lock().last = Instant::now();
    }

    /// Makes the reporter write steps that it has held back.
    pub fn finish(&self) {
        self.lock().reporter.finish();
    }

    /// The counts of a side so far.
    pub fn tally(&self, side: Side) -> Tally {
        self.lock().tallies[side as usize]
    }

    /// How far a side has come.
    pub fn progress(&self, side: Side) -> Progress {
        self.lock().progress[side as usize].clone()
    }

    fn lock(&self) -> MutexGuard<'_, EventLog> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct SideObserver {
    side: Side,
    /// Of the last message alone. The recorder of the whole connection belongs to the event log, which drops it
    /// when the account ends.
    last_message: Recorder,
    event_log: SharedEventLog,
}

impl SideObserver {
    fn new(side: Side, event_log: SharedEventLog) -> Self {
        Self { side, last_message: empty_recorder(side), event_log }
    }

    /// Records what is needed to describe the event. Returns the recorder that has it.
    fn record(&mut self, event: &Event<'_>) -> Recorder {
        if let Some(mut account) = self.event_log.account(self.side) {
            account.event(event);
            return account;
        }
        if matches!(event, Event::MessageSent(..) | Event::MessageReceived(..)) {
            self.last_message = empty_recorder(self.side);
            self.last_message.event(event);
        }
        self.last_message.clone()
    }
}

/// A recorder that keeps no secrets.
fn empty_recorder(side: Side) -> Recorder {
    Recorder::new(side, Options::new(CryptoProvider::default()))
}

impl Observer for SideObserver {
    fn wants_secrets(&self) -> bool {
        self.event_log.recorder(self.side).wants_secrets()
    }

    fn event(&mut self, event: &Event<'_>) {
        let now = Instant::now();
        let recorder = self.record(event);
        let Some(what) = StepKind::from_event(event, &recorder) else { return };
        let mut event_log = self.event_log.lock();
        let step = Step { side: self.side, took: now.duration_since(event_log.last), what };
        let waited =
            event_log.networked && matches!(step.what, StepKind::Record { sent: false, .. });
        event_log.tallies[self.side as usize].add(&step, !waited);
        event_log.progress[self.side as usize].add(&step.what);
        event_log.reporter.step(&step);
        // The time of the report belongs to no step.
        event_log.last = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use handclasp::Level;

    use super::*;

    fn key_updates(observer: &mut SideObserver, count: usize) {
        let (message, _) = HandshakeMessage::split(&[24, 0, 0, 1, 0]).unwrap();
        for _ in 0..count {
            observer.event(&Event::MessageReceived(Level::Application, message));
        }
    }

    fn messages_in(recorder: &Recorder) -> usize {
        recorder.inspect(|connection| connection.messages.len())
    }

    /// How many messages are kept after this many KeyUpdates.
    fn kept(event_log: SharedEventLog, updates: usize) -> usize {
        let mut observer = SideObserver::new(Side::Server, event_log);
        key_updates(&mut observer, updates);
        let account = observer.event_log.recorder(Side::Server);
        messages_in(&account) + messages_in(&observer.last_message)
    }

    #[test]
    fn a_log_without_an_account_keeps_one_message() {
        let with_account = || SharedEventLog::with_account(true, Box::new(NoReport), false);
        assert_eq!(kept(with_account(), 100), 100);
        assert_eq!(kept(SharedEventLog::new(true, Box::new(NoReport)), 100), 1);
        let ended = with_account();
        ended.end_account();
        assert_eq!(kept(ended, 100), 1);
    }

    /// Not only when the next message comes: that may be never.
    #[test]
    fn an_account_that_has_ended_is_dropped_at_once() {
        let event_log = SharedEventLog::with_account(true, Box::new(NoReport), false);
        let mut observer = SideObserver::new(Side::Server, event_log.clone());
        key_updates(&mut observer, 100);
        assert_eq!(messages_in(&event_log.recorder(Side::Server)), 100);
        event_log.end_account();
        assert_eq!(messages_in(&event_log.recorder(Side::Server)), 0);
        assert_eq!(messages_in(&observer.last_message), 0);
        assert!(observer.event_log.account(Side::Server).is_none());
    }
}
