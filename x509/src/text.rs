//! Text from a peer, made safe to print.

/// How many characters of a name that the peer chose are printed.
const PRINTED_CHARACTERS: usize = 200;

/// Text that is safe in a log and on a terminal: printable ASCII stays, all else is escaped, and
/// the end is cut off.
pub(super) fn printable(text: &str) -> String {
    let mut out = String::new();
    let mut characters = text.chars();
    for character in characters.by_ref().take(PRINTED_CHARACTERS) {
        match character {
            ' '..='~' => out.push(character),
            _ => out.extend(character.escape_default()),
        }
    }
    if characters.next().is_some() {
        out.push_str("...");
    }
    out
}

/// Bytes that should be a text, in quotation marks.
pub(super) fn quoted(contents: &[u8]) -> String {
    format!("\"{}\"", printable(&String::from_utf8_lossy(contents)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_peers_write_is_safe_to_print() {
        assert_eq!(printable("CN=a \"b\""), "CN=a \"b\"");
        assert_eq!(printable("\u{1b}[31m\n\u{202e}é"), "\\u{1b}[31m\\n\\u{202e}\\u{e9}");
        let long = printable(&"x".repeat(1000));
        assert_eq!(long.len(), PRINTED_CHARACTERS + 3);
    }
}
