//! A connection as text: what was sent in its order, and then what came of it.

use std::time::Duration;

use anstyle::Style;
use handclasp::alert::AlertDescription;
use handclasp_explain::words::{self, counted};
use handclasp_explain::{
    Alert, Certificate, CertificateList, Connection, Message, Record, RecordState, SecretNode, Side,
};

use crate::certificates;
use crate::event_log::{Reporter, Step, StepKind};
use crate::stdout::stdout;
use crate::text_report::{TextReport, dim, field, heading, paint, paragraph};

/// Writes the report to standard output.
pub fn write(connection: &Connection) {
    let ends = match (&connection.client, &connection.server) {
        (Some(client), Some(server)) => format!(": {client} → {server}"),
        _ => String::new(),
    };
    print(&heading(&format!("Connection {}{ends}", connection.number)));
    print(&paragraph(words::outcome(connection.outcome)));
    if let Some(origin) = connection.resumed_from {
        let number = origin.connection;
        print(&paragraph(&format!("it was resumed with a ticket of connection {number}")));
    }
    for problem in &connection.problems {
        let (sender, words) = (problem.sender.name(), words::problem(&problem.kind));
        print(&paragraph(&format!("{sender}, at byte {}: {words}", problem.offset)));
    }
    sequence(connection);
    print(&offered_and_chosen(connection));
    for list in &connection.certificates {
        print(&certificates_of(list.sender, &list.certificates));
        print(&findings(list));
        print(&path_search(list));
    }
    print(&secrets(&connection.key_schedule));
    print(&sizes(connection));
}

fn print(text: &str) {
    // `stdout` remembers a failure.
    let _ = stdout().write_all(text.as_bytes());
}

/// What was sent, in its order.
fn sequence(connection: &Connection) {
    let mut sequence = Sequence {
        connection,
        report: TextReport::new(stdout()),
        last_ns: None,
        messages: vec![Vec::new(); connection.records.len()],
        run: None,
    };
    for (index, message) in connection.messages.iter().enumerate() {
        let record = message.pieces.last().map(|piece| piece.record);
        match record.and_then(|record| sequence.messages.get_mut(record)) {
            Some(messages) => messages.push(index),
            None if connection.records.is_empty() => sequence.message(index, message),
            None => {}
        }
    }
    for (index, record) in connection.records.iter().enumerate() {
        sequence.record(index, record);
    }
    sequence.end_run();
}

/// Records of one side that follow each other, and have no messages.
struct Run {
    sender: Side,
    what: &'static str,
    records: usize,
    bytes: usize,
}

struct Sequence<'c> {
    connection: &'c Connection,
    report: TextReport,
    last_ns: Option<u64>,
    /// The messages that end in each record.
    messages: Vec<Vec<usize>>,
    run: Option<Run>,
}

impl Sequence<'_> {
    fn record(&mut self, index: usize, record: &Record) {
        let name = record.content_type.and_then(|code| code.name);
        let what = match (record.state, name) {
            (RecordState::NoKey, _) => "encrypted, and without a key",
            (RecordState::DoesNotDecrypt, _) => "does not decrypt",
            (RecordState::Malformed, _) => "malformed",
            (_, Some("application_data")) => "application data",
            _ => {
                self.end_run();
                self.contents(index);
                return;
            }
        };
        let bytes = record.content_length.unwrap_or(record.length);
        match &mut self.run {
            Some(run) if run.sender == record.sender && run.what == what => {
                run.records += 1;
                run.bytes += bytes;
            }
            _ => {
                self.end_run();
                self.run = Some(Run { sender: record.sender, what, records: 1, bytes });
            }
        }
    }

    fn end_run(&mut self) {
        let Some(Run { sender, what, records, bytes }) = self.run.take() else { return };
        let (records, bytes) = (counted(records, "record"), counted(bytes, "byte"));
        self.report.note(sender, "──▶", &format!("{records}, {bytes}: {what}"), Duration::ZERO);
    }

    /// The messages and the alert in a record.
    fn contents(&mut self, record: usize) {
        for index in self.messages.get(record).cloned().unwrap_or_default() {
            if let Some(message) = self.connection.messages.get(index) {
                self.message(index, message);
            }
        }
        let alert = self.connection.alerts.iter().find(|alert| alert.record == Some(record));
        if let Some(alert) = alert {
            self.alert(alert);
        }
    }

    fn message(&mut self, index: usize, message: &Message) {
        let lists = self.connection.certificates.iter();
        let list = lists.clone().find(|list| list.message == index);
        let what = StepKind::Message {
            sent: true,
            level: message.level,
            name: message.name.clone(),
            bytes: message.length,
            facts: words::facts(message, list),
        };
        let took = self.took(message.time_ns);
        self.report.step(&Step { side: message.sender, took, what });
    }

    fn alert(&mut self, alert: &Alert) {
        let number = u8::try_from(alert.description.code).unwrap_or_default();
        let what = StepKind::Alert {
            sent: true,
            name: alert.description.to_string(),
            meaning: Some(words::alert(AlertDescription(number))),
        };
        let took = self.took(alert.time_ns);
        self.report.step(&Step { side: alert.sender, took, what });
        for found in words::findings_before(self.connection, alert) {
            print(&paragraph(&found.what));
        }
    }

    /// The time since the message before.
    fn took(&mut self, time_ns: Option<u64>) -> Duration {
        let before = self.last_ns;
        self.last_ns = time_ns.or(before);
        match (before, time_ns) {
            (Some(before), Some(now)) => Duration::from_nanos(now.saturating_sub(before)),
            _ => Duration::ZERO,
        }
    }
}

fn offered_and_chosen(connection: &Connection) -> String {
    let choices = &connection.choices;
    if choices.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}", heading("Offered and chosen"));
    for choice in choices {
        let subject = choice.subject;
        let list = |values: &[handclasp_explain::Value]| -> String {
            let values = values.iter().map(|value| words::choice(subject, value));
            values.collect::<Vec<_>>().join(", ")
        };
        let chosen = choice.chosen.as_ref().map(|value| words::choice(subject, value));
        let chosen = chosen.unwrap_or_else(|| words::not_chosen(connection, subject).to_owned());
        text += &field(words::subject(subject), &chosen, Style::new().bold());
        let (client, server) = (&choice.offered_by_client, &choice.offered_by_server);
        if client.len() > 1 || (choice.chosen.is_none() && !client.is_empty()) {
            text += &field("", &format!("client: {}", list(client)), dim());
        }
        if !server.is_empty() {
            text += &field("", &format!("server: {}", list(server)), dim());
        }
    }
    text
}

fn certificates_of(sender: Side, certificates: &[Certificate]) -> String {
    let mut text = String::new();
    for (index, certificate) in certificates.iter().enumerate() {
        let title = format!("Certificate {} of the {}", index + 1, sender.name());
        text += &certificates::text(&title, certificate);
    }
    text
}

/// What the certificates show that may be a reason to refuse them.
fn findings(list: &CertificateList) -> String {
    let mut text = String::new();
    for finding in &list.findings {
        let words::FindingInWords { what, remedy } = words::finding(list, finding);
        text += &field("found", &what, Style::new().bold());
        text += &field("", &remedy, dim());
    }
    text
}

/// The search for a path to the trust anchors.
fn path_search(list: &CertificateList) -> String {
    let Some(search) = &list.path_search else { return String::new() };
    let mut text = field("verdict", &words::path_verdict(search), Style::new().bold());
    for attempt in &search.attempts {
        let indent = "· ".repeat(attempt.depth);
        text += &field("", &format!("{indent}{}", words::path_attempt(attempt)), dim());
    }
    if search.omitted > 0 {
        text += &field("", &format!("and {} more attempts", search.omitted), dim());
    }
    text
}

/// The secrets, if the account has them.
fn secrets(nodes: &[SecretNode]) -> String {
    let mut text = String::new();
    for node in nodes {
        if let Some(value) = &node.value {
            text += &field(&node.label, &hex::encode(&value.0), Style::new());
        }
    }
    if text.is_empty() { text } else { format!("\n{}{text}", heading("Secrets")) }
}

fn count(number: u64, what: &str) -> String {
    counted(usize::try_from(number).unwrap_or(usize::MAX), what)
}

fn sizes(connection: &Connection) -> String {
    let mut text = format!("\n{}", heading("It took"));
    for (side, arrow) in [(Side::Client, "client → server"), (Side::Server, "server → client")]
    {
        let sizes = connection.sizes.of(side);
        let words = format!(
            "{} in {}; {}",
            count(sizes.bytes, "byte"),
            count(sizes.records, "record"),
            words::data_sent(connection, side)
        );
        text += &field(arrow, &words, Style::new());
    }
    text += &field("round trips", &connection.round_trips.to_string(), Style::new());
    paint(Style::new(), &text)
}
