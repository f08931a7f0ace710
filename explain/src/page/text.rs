//! Numbers, times and text of peers, as they are shown.

use crate::account::Value;
use crate::words::counted;

/// Text that may come from a peer. Characters that are not seen, and those that turn the direction of text,
/// are escaped.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\'' | '\\' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    shown
}

/// A number with its thousands apart: `12,345`.
pub(super) fn number(value: u64) -> String {
    match value {
        ..1000 => value.to_string(),
        _ => format!("{},{:03}", number(value / 1000), value % 1000),
    }
}

/// A number of bytes.
pub(super) fn bytes(count: u64) -> String {
    match count {
        1 => "1 byte".to_owned(),
        _ => format!("{} bytes", number(count)),
    }
}

/// A time since the account began.
pub(super) fn time(nanoseconds: u64) -> String {
    let milliseconds = nanoseconds as f64 / 1e6;
    match nanoseconds / 1_000_000 {
        0 => format!("{} µs", nanoseconds / 1_000),
        1..10 => format!("{milliseconds:.2} ms"),
        10..1_000 => format!("{milliseconds:.1} ms"),
        _ => format!("{:.2} s", milliseconds / 1e3),
    }
}

/// A value of a field.
pub(super) fn value(value: &Value) -> String {
    match value {
        Value::Code(code) => code.to_string(),
        Value::Number(value) => number(*value),
        Value::Text(text) => visible(text),
        Value::Bytes(bytes) if bytes.0.len() > 32 => counted(bytes.0.len(), "byte"),
        Value::Bytes(bytes) => bytes.0.escape_ascii().to_string(),
    }
}

/// The first letter in upper case.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_peer_is_hidden_or_turned_around() {
        assert_eq!(visible("it's \"fine\""), "it's \"fine\"");
        for (text, shown) in [
            ("a\u{202e}b", "a\\u{202e}b"),
            ("a\u{2066}b", "a\\u{2066}b"),
            ("\u{200b}", "\\u{200b}"),
            ("\u{0}\u{1b}[31m\n", "\\0\\u{1b}[31m\\n"),
            ("\u{feff}", "\\u{feff}"),
            ("é", "é"),
        ] {
            assert_eq!(visible(text), shown);
        }
    }

    #[test]
    fn numbers_are_read_at_a_glance() {
        assert_eq!(number(0), "0");
        assert_eq!(number(999), "999");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(bytes(1), "1 byte");
        assert_eq!(time(312_400), "312 µs");
        assert_eq!(time(1_234_567), "1.23 ms");
        assert_eq!(time(61_000_000_000), "61.00 s");
    }
}
