//! Each message in hexadecimal beside its fields, and each secret.

use anstyle::Style;
use handclasp_explain::words::{counted, printable};
use handclasp_explain::{Connection, Field, Message, Value};

use crate::terminal::width;
use crate::text_report::{dim, field, heading, paint};

/// The column of the bytes, behind the offset.
const BYTES: usize = 7;
/// A narrower terminal has room for fewer bytes in a line.
const WIDE: usize = 100;

/// The values of a connection.
pub fn text(connection: &Connection) -> String {
    let mut text = String::new();
    for message in &connection.messages {
        text += &message_text(message);
    }
    text += &format!("\n{}", heading("Secrets"));
    for node in &connection.key_schedule {
        if let Some(value) = &node.value {
            text += &field(&node.label, &in_lines(&value.0), Style::new());
        }
    }
    text
}

fn message_text(message: &Message) -> String {
    let Message { name, sender, length, .. } = message;
    let ends = format!("{} → {}", sender.name(), sender.peer().name());
    let mut text = format!("\n{}", heading(&format!("{name}, {ends}, {length} bytes")));
    for leaf in message.leaves() {
        text += &field_text(leaf, message);
    }
    text
}

/// The bytes of a field in lines, with its name and value beside the first one.
fn field_text(leaf: &Field, message: &Message) -> String {
    let in_a_line = if width() < WIDE { 8 } else { 16 };
    let column = in_a_line * 3;
    let bytes = message.bytes.0.get(leaf.range.start..leaf.range.end).unwrap_or_default();
    let about = match &leaf.value {
        Some(value) => format!("{} = {}", leaf.name, value_text(value)),
        None => leaf.name.to_owned(),
    };
    let room = width().saturating_sub(BYTES + column).max(1);
    let mut about = about.as_str();
    let mut text = String::new();
    let mut lines = bytes.chunks(in_a_line);
    let mut offset = leaf.range.start;
    loop {
        let line = lines.next().unwrap_or_default();
        if line.is_empty() && about.is_empty() {
            return text;
        }
        let digits: String = line.iter().map(|byte| format!("{byte:02x} ")).collect();
        let end = about.char_indices().nth(room).map_or(about.len(), |(place, _)| place);
        let (beside, rest) = about.split_at(end);
        about = rest;
        let place = if line.is_empty() { String::new() } else { format!("{offset:>5}") };
        let place = paint(dim(), &format!("{place:<BYTES$}"));
        text += format!("{place}{digits:<column$}{beside}").trim_end();
        text.push('\n');
        offset += line.len();
    }
}

fn value_text(value: &Value) -> String {
    match value {
        Value::Code(code) => code.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => printable(text.as_bytes()),
        Value::Bytes(bytes) => counted(bytes.0.len(), "byte"),
        _ => String::new(),
    }
}

/// Hexadecimal digits with spaces, at which a line can break.
fn in_lines(bytes: &[u8]) -> String {
    let groups: Vec<_> = bytes.chunks(4).map(hex::encode).collect();
    groups.join(" ")
}
