//! The messages between client and server, and what happened between them.

use handclasp::alert::AlertDescription;

use super::Failure;
use super::overview::usual_meaning;
use super::text::{bytes, sentence, time, value, visible};
use crate::account::{
    Alert, Code, Connection, Message, MessageLevel, Record, RecordState, Side, Step, StepKind,
};
use crate::words::{self, FactValue};

const APPLICATION_DATA: u32 = 23;
const CHANGE_CIPHER_SPEC: u32 = 20;

/// The rows of the sequence, from first to last.
pub(super) struct Sequence {
    pub client: String,
    pub server: String,
    pub rows: Vec<Row>,
}

/// A row.
pub(super) struct Row {
    pub time: Option<String>,
    /// The side that sent it, or that did it.
    pub side: &'static str,
    pub other: &'static str,
    pub content: Content,
}

/// What is in a row.
pub(super) enum Content {
    Message(MessageRow),
    /// Records that have no handshake messages in them.
    Records {
        level: &'static str,
        words: String,
    },
    Alert {
        name: String,
        code: u32,
        /// What it usually means, unless the page says why it was sent.
        meaning: Option<&'static str>,
        /// It is the usual end, and no error.
        closing: bool,
    },
    Step {
        words: String,
        good: bool,
    },
}

/// A message.
pub(super) struct MessageRow {
    pub index: usize,
    pub name: String,
    pub level: &'static str,
    pub protection: &'static str,
    pub length: String,
    pub purpose: &'static str,
    pub reception: String,
    pub records: String,
    pub facts: Vec<FactRow>,
    pub malformed: bool,
}

pub(super) struct FactRow {
    pub name: &'static str,
    pub values: Vec<String>,
}

pub(super) fn of(connection: &Connection, failure: Option<&Failure>) -> Sequence {
    let address = |address: &Option<String>| address.as_deref().map(visible).unwrap_or_default();
    let name = super::overview::server_name(connection);
    let server = name.unwrap_or_else(|| address(&connection.server));
    Sequence { client: address(&connection.client), server, rows: rows(connection, failure) }
}

/// A row, and the time by which rows between the same two messages are ordered.
type Timed = (Option<u64>, Row);

fn rows(connection: &Connection, failure: Option<&Failure>) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut next_record = 0;
    let (mut steps, mut alerts) = (connection.steps.as_slice(), connection.alerts.as_slice());
    for place in 0..=connection.messages.len() {
        let message = connection.messages.get(place);
        let end = match message {
            Some(message) => message.pieces.first().map_or(next_record, |piece| piece.record),
            None => connection.records.len(),
        };
        let mut between: Vec<Timed> = Vec::new();
        let records = connection.records.get(next_record..end).unwrap_or_default();
        between.extend(runs(records).into_iter().map(|run| (run.first.time_ns, run.row())));
        next_record = next_record.max(end);
        // Steps and alerts are in their order: those of this place come next.
        let steps = next(&mut steps, |step| step.after_messages == place);
        let side = connection.observed_side.unwrap_or(Side::Client);
        between.extend(steps.iter().map(|it| (it.time_ns, step(side, it))));
        let alerts = next(&mut alerts, |alert| alert.after_messages == place);
        between.extend(alerts.iter().map(|it| (it.time_ns, alert(connection, it, failure))));
        between.sort_by_key(|(time, _)| *time);
        rows.extend(between.into_iter().map(|(_, row)| row));
        if let Some(message) = message {
            rows.push(row(
                message.sender,
                message.time_ns,
                message_row(connection, place, message),
            ));
        }
    }
    rows
}

/// Takes the first of these, as long as they are of this kind.
fn next<'t, T>(rest: &mut &'t [T], is_next: impl Fn(&T) -> bool) -> &'t [T] {
    let count = rest.iter().take_while(|one| is_next(one)).count();
    let (first, after) = rest.split_at_checked(count).unwrap_or((rest, &[]));
    *rest = after;
    first
}

fn row(side: Side, time_ns: Option<u64>, content: Content) -> Row {
    Row { time: time_ns.map(time), side: side.name(), other: side.peer().name(), content }
}

fn message_row(connection: &Connection, index: usize, message: &Message) -> Content {
    let lists = &connection.certificates;
    let list = lists.binary_search_by_key(&index, |list| list.message);
    let certificates = list.ok().and_then(|list| lists.get(list));
    let mut facts = Vec::new();
    for fact in words::facts(message, certificates) {
        let values = match fact.value {
            FactValue::Text(text) => vec![visible(&text)],
            FactValue::List(list) => list.iter().map(|text| visible(text)).collect(),
        };
        facts.push(FactRow { name: fact.name, values });
    }
    let has_certificates = certificates.is_none_or(|list| !list.certificates.is_empty());
    let (purpose, received) = purpose(message, has_certificates);
    let reception = match received {
        "" => String::new(),
        words => format!("The {} {words}.", message.sender.peer().name()),
    };
    Content::Message(MessageRow {
        index,
        name: visible(&message.name),
        level: level(Some(message.level)),
        protection: words::level(message.level),
        length: bytes(message.length as u64),
        purpose,
        reception,
        records: in_records(message),
        facts,
        malformed: message.malformed.is_some(),
    })
}

/// What a message is for, and what its receiver does with it.
fn purpose(message: &Message, has_certificates: bool) -> (&'static str, &'static str) {
    match (message.name.as_str(), message.sender) {
        ("Certificate", Side::Client) if !has_certificates => (
            "The client shows no certificate: it has none, or none that the server asks for.",
            "decides whether it goes on without one",
        ),
        ("Certificate", Side::Client) => {
            (words::sent("Certificate"), "builds a path to a trusted authority")
        }
        (name, _) => (words::sent(name), words::received(name)),
    }
}

/// In which records the message is.
fn in_records(message: &Message) -> String {
    let (Some(first), Some(last)) = (message.pieces.first(), message.pieces.last()) else {
        return String::new();
    };
    match message.pieces.len() {
        1 => format!("In record {}.", first.record + 1),
        count => format!("In {count} records, {} to {}.", first.record + 1, last.record + 1),
    }
}

/// The name of the class that gives the colour and pattern of these keys.
fn level(level: Option<MessageLevel>) -> &'static str {
    match level {
        Some(MessageLevel::Initial) => "initial",
        Some(MessageLevel::EarlyData) => "early",
        Some(MessageLevel::Handshake) => "handshake",
        Some(MessageLevel::Application) => "application",
        None => "unknown",
    }
}

/// Records of the same kind, one after another.
struct Run<'c> {
    first: &'c Record,
    count: usize,
    length: usize,
    content_length: Option<usize>,
}

/// The records without handshake messages and alerts, in runs of the same kind.
fn runs(records: &[Record]) -> Vec<Run<'_>> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    for record in records {
        let is_shown = match record.content_type {
            Some(Code { code, .. }) => matches!(code, APPLICATION_DATA | CHANGE_CIPHER_SPEC),
            None => true,
        };
        if !is_shown {
            continue;
        }
        match runs.last_mut() {
            Some(run) if run.is_like(record) => run.add(record),
            _ => runs.push(Run {
                first: record,
                count: 1,
                length: record.length,
                content_length: record.content_length,
            }),
        }
    }
    runs
}

impl Run<'_> {
    fn is_like(&self, record: &Record) -> bool {
        self.first.sender == record.sender
            && self.first.content_type == record.content_type
            && self.first.level == record.level
            && self.first.state == record.state
    }

    fn add(&mut self, record: &Record) {
        self.count += 1;
        self.length += record.length;
        self.content_length = match (self.content_length, record.content_length) {
            (Some(sum), Some(length)) => Some(sum + length),
            _ => None,
        };
    }

    fn row(&self) -> Row {
        let records = words::counted(self.count, "record");
        let kind = self.first.content_type.map(|kind| kind.code);
        let words = match (kind, self.content_length, self.first.state) {
            (Some(CHANGE_CIPHER_SPEC), ..) => {
                "change_cipher_spec: has no meaning, and is sent for middleboxes".to_owned()
            }
            (Some(_), Some(length), _) => {
                let name = match self.first.level {
                    Some(MessageLevel::EarlyData) => "early data",
                    _ => "application data",
                };
                format!("{name}: {} in {records}", bytes(length as u64))
            }
            (_, _, RecordState::DoesNotDecrypt) => {
                format!("{records} that do not decrypt: {}", bytes(self.length as u64))
            }
            (_, _, RecordState::Malformed) => format!("malformed: {records}"),
            _ => {
                format!("encrypted, without a key here: {} in {records}", bytes(self.length as u64))
            }
        };
        let level = level(self.first.level);
        row(self.first.sender, self.first.time_ns, Content::Records { level, words })
    }
}

fn alert(connection: &Connection, alert: &Alert, failure: Option<&Failure>) -> Row {
    let code = u8::try_from(alert.description.code).unwrap_or_default();
    let content = Content::Alert {
        name: alert.description.to_string(),
        code: alert.description.code,
        meaning: usual_meaning(connection, alert, failure),
        closing: AlertDescription(code) == AlertDescription::CLOSE_NOTIFY,
    };
    row(alert.sender, alert.time_ns, content)
}

fn step(side: Side, step: &Step) -> Row {
    let code = |code: &Code| value(&crate::account::Value::Code(*code));
    let mut good = true;
    let words = match &step.kind {
        StepKind::CipherSuiteChosen { suite } => format!("the cipher suite is {}", code(suite)),
        StepKind::KeysExchanged { group } => format!("the keys are exchanged ({})", code(group)),
        StepKind::PeerVerified => {
            format!("the certificate or key of the {} is accepted", side.peer().name())
        }
        StepKind::SignatureVerified { scheme } => {
            format!("the signature is correct ({})", code(scheme))
        }
        StepKind::FinishedVerified => "the MAC of the Finished is correct".to_owned(),
        StepKind::NotTaken { what, reason } => {
            good = false;
            format!("does not take the {}: {}", what.replace('_', " "), visible(reason))
        }
        StepKind::Declined { what, reason } => {
            good = false;
            format!("the server has not taken the {}: {}", what.replace('_', " "), visible(reason))
        }
        StepKind::Waiting { question } => {
            good = false;
            format!("waits for an answer: {}", visible(question))
        }
        StepKind::HandshakeComplete => "the handshake is complete".to_owned(),
        StepKind::PostHandshakeAuthentication { authenticated: true } => {
            "the client has authenticated after the handshake".to_owned()
        }
        StepKind::PostHandshakeAuthentication { authenticated: false } => {
            good = false;
            "the client has not authenticated after the handshake".to_owned()
        }
    };
    row(side, step.time_ns, Content::Step { words: sentence(&words), good })
}
