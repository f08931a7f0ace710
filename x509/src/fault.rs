//! Where a certificate is malformed: the field, the fault, and the byte.

use core::fmt;

use super::der::{self, Element, Reader};

/// A malformed field.
#[derive(Debug)]
pub(super) struct Fault<'a> {
    /// The field and what is wrong with it: "its version is missing".
    words: String,
    /// The rest of the input, from the fault on.
    at: &'a [u8],
}

impl<'a> Fault<'a> {
    pub(super) fn new(words: impl Into<String>, at: &'a [u8]) -> Self {
        Self { words: words.into(), at }
    }

    /// A sentence with the place: the byte, counted from 0, of the `input` that `at` is a part of.
    pub(super) fn describe(&self, input: &[u8]) -> String {
        let Self { words, at } = self;
        let offset = at.as_ptr().addr().checked_sub(input.as_ptr().addr());
        match offset {
            Some(offset) if offset <= input.len() => {
                format!("{words}, at byte {offset} of {}", input.len())
            }
            _ => words.clone(),
        }
    }
}

/// Takes the next element, which must be the `field` and have this tag.
#[inline]
pub(super) fn take<'a>(
    reader: &mut Reader<'a>,
    tag: u8,
    field: impl fmt::Display,
) -> Result<Element<'a>, Fault<'a>> {
    let at = reader.0;
    reader.take(tag).ok_or_else(|| not_there(&field, tag, at))
}

#[cold]
#[inline(never)]
fn not_there<'a>(field: &dyn fmt::Display, tag: u8, at: &'a [u8]) -> Fault<'a> {
    Fault::new(format!("its {field} {}", instead(at, tag)), at)
}

/// The contents of the one element, of this tag, that the `field` consists of.
pub(super) fn only<'a>(input: &'a [u8], tag: u8, field: &str) -> Result<&'a [u8], Fault<'a>> {
    let mut reader = Reader(input);
    let contents = take(&mut reader, tag, field)?.contents;
    at_end(reader, field)?;
    Ok(contents)
}

/// Checks that there is nothing more in the `field`.
pub(super) fn at_end<'a>(reader: Reader<'a>, field: &str) -> Result<(), Fault<'a>> {
    if reader.is_empty() {
        return Ok(());
    }
    let count = reader.0.len();
    Err(Fault::new(format!("its {field} has {count} bytes more than belong there"), reader.0))
}

/// What is there instead of an element of this tag.
fn instead(input: &[u8], tag: u8) -> String {
    match input.first() {
        None => "is missing".to_owned(),
        Some(&found) if found != tag => {
            format!("is missing: there is {} in place of {}", kind(found), kind(tag))
        }
        Some(_) => malformed(input, tag).to_owned(),
    }
}

/// Why an element of the right tag does not parse.
fn malformed(input: &[u8], tag: u8) -> &'static str {
    match (tag, der::has_length(input)) {
        (der::INTEGER, true) => "is an INTEGER that is empty, or has a first byte too many",
        (der::OBJECT_IDENTIFIER, true) => {
            "is an OBJECT IDENTIFIER that is empty, padded or unfinished"
        }
        _ => "has a length that is not DER, or leads beyond the end",
    }
}

/// A tag in words.
fn kind(tag: u8) -> String {
    match tag {
        der::BOOLEAN => "a BOOLEAN".to_owned(),
        der::INTEGER => "an INTEGER".to_owned(),
        der::BIT_STRING => "a BIT STRING".to_owned(),
        der::OCTET_STRING => "an OCTET STRING".to_owned(),
        der::OBJECT_IDENTIFIER => "an OBJECT IDENTIFIER".to_owned(),
        der::UTC_TIME | der::GENERALIZED_TIME => "a time".to_owned(),
        der::SEQUENCE => "a SEQUENCE".to_owned(),
        der::SET => "a SET".to_owned(),
        other => format!("the tag 0x{other:02x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_what_is_there_and_at_which_byte() {
        let input = [der::SEQUENCE, 3, der::INTEGER, 1, 7];
        let contents = der::only(&input, der::SEQUENCE).unwrap();
        let said = |contents, tag| {
            let fault = take(&mut Reader(contents), tag, "serialNumber").err().unwrap();
            fault.describe(&input)
        };
        assert_eq!(
            said(contents, der::SEQUENCE),
            "its serialNumber is missing: there is an INTEGER in place of a SEQUENCE, at byte 2 of 5"
        );
        assert_eq!(said(&contents[3..], der::SET), "its serialNumber is missing, at byte 5 of 5");
        assert_eq!(
            said(&contents[..2], der::INTEGER),
            "its serialNumber has a length that is not DER, or leads beyond the end, at byte 2 of 5"
        );
        let more = only(&input[2..], der::INTEGER, "x").is_ok();
        assert!(more && only(&input, der::INTEGER, "x").is_err());
    }

    #[test]
    fn what_is_no_part_of_the_input_has_no_place() {
        assert_eq!(Fault::new("its x is missing", &[7]).describe(&[]), "its x is missing");
    }
}
