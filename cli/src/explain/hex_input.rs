//! Records of one direction as hexadecimal digits.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use handclasp::pem::printable_path;
use handclasp_explain::recorded::Decoder;
use handclasp_explain::{Connection, Side};

use super::Arguments;
use super::source;
use crate::failure::Failure;
use crate::files;

/// The longest input, in bytes of text.
const MAX_INPUT: u64 = 64 << 20;

/// Decodes the input. It is the server's direction if it begins with a ServerHello.
pub fn read(arguments: &Arguments) -> Result<Connection, Failure> {
    let path = Path::new(&arguments.target);
    let mut text = Vec::new();
    let read = match arguments.target.as_str() {
        "-" => io::stdin().take(MAX_INPUT).read_to_end(&mut text),
        _ => File::open(path).and_then(|file| file.take(MAX_INPUT).read_to_end(&mut text)),
    };
    read.map_err(|error| {
        Failure::misuse(format!("{} cannot be read: {error}", printable_path(path)))
            .hint("name a file with records in hexadecimal, or - for standard input")
    })?;
    let Some(bytes) = digits(&text) else {
        return Err(Failure::misuse(format!("{} is not hexadecimal", printable_path(path)))
            .hint("digits with spaces, colons or line feeds between bytes, such as 16 03 01"));
    };
    let secrets = Arc::new(source::secrets(arguments)?);
    let mut decoder = Decoder::new(source::options(arguments, files::warn)?, secrets);
    let side = match bytes.as_slice() {
        // A handshake record with a ServerHello.
        [22, _, _, _, _, 2, ..] => Side::Server,
        _ => Side::Client,
    };
    decoder.bytes(side, None, &bytes);
    Ok(decoder.finish())
}

/// The bytes in a text of digits, with `0x`, spaces, colons and commas between them or not.
fn digits(text: &[u8]) -> Option<Vec<u8>> {
    let text = core::str::from_utf8(text).ok()?.replace("0x", " ");
    let separators = |letter: char| letter.is_whitespace() || matches!(letter, ':' | ',');
    let digits: String = text.split(separators).collect();
    if digits.is_empty() { None } else { hex::decode(digits).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_in_the_usual_forms() {
        let bytes = Some(vec![0x16, 3, 1, 0xab]);
        for text in ["160301ab", "16 03 01\nAB", "16:03:01:ab", "0x16, 0x03, 0x01, 0xab\n"] {
            assert_eq!(digits(text.as_bytes()), bytes, "{text}");
        }
        for text in ["", "  ", "160", "16 xx", "16\u{e4}"] {
            assert_eq!(digits(text.as_bytes()), None, "{text}");
        }
    }
}
