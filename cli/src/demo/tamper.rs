//! Flips a bit in one record at a time, and shows which side notices, where and why.

use anstyle::Style;
use handclasp::Connection;
use handclasp::record::{HEADER_LENGTH, next_record};
use handclasp_explain::Connection as Account;
use serde_json::{Value, json};

use super::handshake::{self, Ends};
use super::scenario::Scenario;
use super::{Arguments, print};
use crate::advice;
use crate::event_log::{NoReport, SharedEventLog, Side};
use crate::failure::Failure;
use crate::json::{self as json_output, write_line};
use crate::stdout::stdout;
use crate::text_report::{field, heading};

/// A record that a side has sent.
struct SentRecord {
    sender: Side,
    /// Its place among the records of its sender, from 0.
    index: usize,
    /// The names of the messages in it, or its type.
    contents: String,
    /// With header.
    length: usize,
}

/// What came of a flipped bit.
struct Noticed {
    side: Side,
    failure: Failure,
}

/// Flips a bit in the record with this number, or in each one in turn.
pub fn run(arguments: &Arguments, number: Option<usize>, json: bool) -> Result<(), Failure> {
    // Without random values, each handshake has the same records.
    let scenario = Scenario::new(arguments, false)?;
    let ends = prepared(arguments, &scenario)?;
    let records = records(ends)?;
    let chosen = match number {
        None => 1..=records.len(),
        Some(number) if (1..=records.len()).contains(&number) => number..=number,
        Some(_) => {
            let problem = format!("--tamper: the handshake has {} records", records.len());
            return Err(Failure::misuse(problem).hint("choose one of them: --tamper 1"));
        }
    };
    let mut rows = Vec::new();
    if !json {
        print(&heading("One bit is flipped in one record: which side notices, where and why"));
    }
    for number in chosen {
        let Some(record) = records.get(number - 1) else { break };
        let noticed = tamper(&mut prepared(arguments, &scenario)?, record);
        match json {
            true => rows.push(row(number, record, noticed.as_ref())),
            false => print(&text(number, record, noticed.as_ref())),
        }
    }
    if json {
        write_line(&mut stdout(), &json!({"tampered": rows}));
    }
    Ok(())
}

/// Both ends before the handshake, with a session if they are to resume one.
fn prepared(arguments: &Arguments, scenario: &Scenario) -> Result<Ends, Failure> {
    if arguments.resumes() {
        handshake::silent(scenario)?;
    }
    Ends::new(scenario, SharedEventLog::with_account(false, Box::new(NoReport), false))
}

/// The records of an unchanged handshake, in their order.
fn records(mut ends: Ends) -> Result<Vec<SentRecord>, Failure> {
    ends.exchange()?;
    let [account, _] = ends.accounts();
    let mut counts = [0, 0];
    let mut records = Vec::new();
    for (place, record) in account.records.iter().enumerate() {
        let count = &mut counts[record.sender as usize];
        let contents = contents(&account, place);
        records.push(SentRecord {
            sender: record.sender,
            index: *count,
            contents,
            length: record.length,
        });
        *count += 1;
    }
    Ok(records)
}

fn contents(account: &Account, place: usize) -> String {
    let mut names = Vec::new();
    for message in &account.messages {
        if message.pieces.iter().any(|piece| piece.record == place) {
            names.push(message.name.clone());
        }
    }
    match account.records.get(place).and_then(|record| record.content_type) {
        Some(kind) if names.is_empty() => kind.to_string(),
        _ => names.join(", "),
    }
}

/// The byte whose lowest bit is flipped: in the middle, behind the header.
fn flipped_byte(length: usize) -> usize {
    HEADER_LENGTH + length.saturating_sub(HEADER_LENGTH) / 2
}

/// Performs the handshake with a changed record. `None` if no side notices.
fn tamper(ends: &mut Ends, record: &SentRecord) -> Option<Noticed> {
    let (client, server): (&mut Connection, &mut Connection) = (&mut ends.client, &mut ends.server);
    let mut sent = [0, 0];
    loop {
        let from_client = Delivery { side: Side::Client, record };
        let up = from_client.deliver(client, server, &mut sent);
        let from_server = Delivery { side: Side::Server, record };
        let down = match &up {
            // The alert that the other side receives is not what has been noticed.
            Err(_) => Ok(0),
            Ok(_) => from_server.deliver(server, client, &mut sent),
        };
        match (up, down) {
            (Err(noticed), _) | (_, Err(noticed)) => return Some(*noticed),
            (Ok(0), Ok(0)) => return None,
            _ => {}
        }
    }
}

/// The records of one side on their way, one of which may be changed.
struct Delivery<'r> {
    side: Side,
    record: &'r SentRecord,
}

impl Delivery<'_> {
    /// Delivers what `from` has to send, and returns how many bytes that were.
    fn deliver(
        &self,
        from: &mut Connection,
        to: &mut Connection,
        sent: &mut [usize; 2],
    ) -> Result<usize, Box<Noticed>> {
        let mut bytes = from.outgoing().to_vec();
        from.sent(bytes.len());
        let mut rest = bytes.as_mut_slice();
        while let Ok(Some(length)) = next_record(rest) {
            let (record, others) = rest.split_at_mut(length);
            let index = &mut sent[self.side as usize];
            if self.record.sender == self.side && self.record.index == *index {
                if let Some(byte) = record.get_mut(flipped_byte(length)) {
                    *byte ^= 1;
                }
            }
            *index += 1;
            if let Err(error) = to.receive(record) {
                let side = self.side.peer();
                let failure = advice::explain(Failure::from(error).at(to), side);
                return Err(Box::new(Noticed { side, failure }));
            }
            rest = others;
        }
        Ok(bytes.len())
    }
}

fn text(number: usize, record: &SentRecord, noticed: Option<&Noticed>) -> String {
    let SentRecord { sender, contents, length, .. } = record;
    let title = format!("{number}. {} → {}: {contents}", sender.name(), sender.peer().name());
    let mut text = format!("\n{}", heading(&title));
    let mut line = |name: &str, value: &str| text += &field(name, value, Style::new());
    line("bit", &format!("the lowest of byte {} of {length}", flipped_byte(*length)));
    let Some(Noticed { side, failure }) = noticed else {
        line("noticed by", "no side");
        return text;
    };
    line("noticed by", side.name());
    if let Some(diagnosis) = &failure.diagnosis {
        if let Some(stage) = diagnosis.stage {
            line("waiting for", &stage.to_string());
        }
        line("why", &diagnosis.happened);
        if let Some(alert) = diagnosis.alert_sent {
            line("alert", &alert.to_string());
        }
    }
    text
}

fn row(number: usize, record: &SentRecord, noticed: Option<&Noticed>) -> Value {
    let diagnosis = noticed.and_then(|noticed| noticed.failure.diagnosis.as_ref());
    json!({
        "record": number, "sender": record.sender.name(), "contents": record.contents,
        "length": record.length, "byte": flipped_byte(record.length),
        "noticed_by": noticed.map(|noticed| noticed.side.name()),
        "diagnosis": diagnosis.map(|diagnosis| json_output::diagnosis(diagnosis)),
    })
}
