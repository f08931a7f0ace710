//! Reading and writing the presentation language of RFC 9846, section 3.

use super::extensions::ExtensionType;
use core::fmt;
use core::iter;
use core::marker::PhantomData;

use smallvec::SmallVec;

use crate::alert::AlertDescription;
use crate::registry::HandshakeType;

/// The error of a message that cannot be parsed: the message, the field, and what is wrong with it.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}, {field}: {reason}")]
#[non_exhaustive]
pub struct DecodeError {
    /// The type of the message.
    pub message: HandshakeType,
    /// The name of the field in the RFC.
    pub field: &'static str,
    /// What is wrong.
    pub reason: DecodeReason,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeReason {
    /// The message ends inside the field.
    #[error("the message ends inside it")]
    Truncated,
    /// The field, or the message, goes on after its end.
    #[error("{0} bytes too many follow it")]
    TrailingBytes(usize),
    /// The length is outside the range of the RFC, or not a multiple of the element's length.
    #[error("a length of {0} bytes is not allowed")]
    Length(usize),
    /// Something that may appear once appears twice.
    #[error("{0} appears more than once")]
    Duplicate(String),
    /// The RFC forbids this extension in this message.
    #[error("the extension {0} is not allowed in this message")]
    ForbiddenExtension(ExtensionType),
    /// The RFC forbids the value.
    #[error("{0}")]
    Value(&'static str),
}

/// `Debug` prints the text of `Display`: a derived one would put the names of all variants into the program.
impl fmt::Debug for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecodeError({self})")
    }
}

impl DecodeError {
    pub(crate) fn length(message: HandshakeType, field: &'static str, length: usize) -> Self {
        Self { message, field, reason: DecodeReason::Length(length) }
    }

    /// The alert for this error: `decode_error` for syntax, `illegal_parameter` for values
    /// (RFC 9846, section 6.2).
    pub fn alert(&self) -> AlertDescription {
        match self.reason {
            DecodeReason::Truncated | DecodeReason::TrailingBytes(_) | DecodeReason::Length(_) => {
                AlertDescription::DECODE_ERROR
            }
            DecodeReason::Duplicate(_)
            | DecodeReason::ForbiddenExtension(_)
            | DecodeReason::Value(_) => AlertDescription::ILLEGAL_PARAMETER,
        }
    }
}

/// Reads a message from front to back. Each read names its field, for the error.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    message: HandshakeType,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(message: HandshakeType, bytes: &'a [u8]) -> Self {
        Self { bytes, message }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn error(&self, field: &'static str, reason: DecodeReason) -> DecodeError {
        DecodeError { message: self.message, field, reason }
    }

    pub(crate) fn bytes(
        &mut self,
        field: &'static str,
        length: usize,
    ) -> Result<&'a [u8], DecodeError> {
        let Some((taken, rest)) = self.bytes.split_at_checked(length) else {
            return Err(self.error(field, DecodeReason::Truncated));
        };
        self.bytes = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<&'a [u8; N], DecodeError> {
        let Some((taken, rest)) = self.bytes.split_first_chunk() else {
            return Err(self.error(field, DecodeReason::Truncated));
        };
        self.bytes = rest;
        Ok(taken)
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.array::<1>(field).map(|[byte]| *byte)
    }

    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        self.array(field).copied().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.array(field).copied().map(u32::from_be_bytes)
    }

    /// Reads a vector. The `prefix` bytes before it have its length, which must be in `range`.
    pub(crate) fn vector(
        &mut self,
        field: &'static str,
        prefix: Prefix,
        range: core::ops::RangeInclusive<usize>,
    ) -> Result<&'a [u8], DecodeError> {
        let mut length = 0;
        for byte in self.bytes(field, prefix as usize)? {
            length = length << 8 | usize::from(*byte);
        }
        if !range.contains(&length) {
            return Err(self.error(field, DecodeReason::Length(length)));
        }
        self.bytes(field, length)
    }

    /// Reads a vector of one or more code points.
    pub(crate) fn list<T: CodePoint>(
        &mut self,
        field: &'static str,
        prefix: Prefix,
    ) -> Result<List<'a, T>, DecodeError> {
        let bytes = self.vector(field, prefix, 2..=0xfffe)?;
        if bytes.len() % 2 != 0 {
            return Err(self.error(field, DecodeReason::Length(bytes.len())));
        }
        Ok(List::new(bytes))
    }

    /// Passes over the rest.
    pub(crate) fn skip(&mut self) {
        self.bytes = &[];
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.bytes)
    }

    /// The elements of a vector of the same message, each read by `read`. After an error there are
    /// none.
    pub(crate) fn elements<T, F>(
        &self,
        vector: &'a [u8],
        read: F,
    ) -> impl Iterator<Item = Result<T, DecodeError>> + use<'a, T, F>
    where
        F: Fn(&mut Reader<'a>) -> Result<T, DecodeError>,
    {
        let mut reader = self.part(vector);
        iter::from_fn(move || {
            if reader.is_empty() {
                return None;
            }
            let element = read(&mut reader);
            if element.is_err() {
                reader.skip();
            }
            Some(element)
        })
    }

    /// A reader for a part of the same message.
    pub(crate) fn part(&self, bytes: &'a [u8]) -> Self {
        Self { bytes, message: self.message }
    }

    /// Ends the reading: bytes that are left are an error. The alert is `decode_error` (section
    /// 4.3).
    pub(crate) fn finish(self, field: &'static str) -> Result<(), DecodeError> {
        match self.bytes.len() {
            0 => Ok(()),
            left => Err(self.error(field, DecodeReason::TrailingBytes(left))),
        }
    }
}

/// The elements of a vector that was read to its end before, with the same `read`: an error
/// cannot come up.
pub(crate) fn checked_elements<'a, T>(
    vector: &'a [u8],
    read: impl Fn(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> impl Iterator<Item = T> {
    // No error is shown, so that the message does not matter.
    Reader::new(HandshakeType::CLIENT_HELLO, vector).elements(vector, read).map_while(Result::ok)
}

/// The number of bytes of a vector's length field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prefix {
    U8 = 1,
    U16 = 2,
    U24 = 3,
}

/// Writes a vector: its length in `prefix` bytes, then what `content` writes.
///
/// The length is written when the content is known. A vector must not be longer than its prefix can
/// say. The bytes of a configuration (certificates, protocols, keys, layouts) are checked when it is
/// built. The bytes of a peer that are sent back or stored (cookies, tickets, the context of a request,
/// certificates) have a limit where they are received or stored. No peer can therefore reach the
/// assertion. An application can: it gives `encode` a longer field than the documentation allows, or
/// has a provider with key shares of 64 KB. Without debug assertions such a vector is written empty,
/// and not with a wrong length.
pub(crate) fn write_vector(out: &mut Vec<u8>, prefix: Prefix, content: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    match prefix {
        Prefix::U8 => out.push(0),
        Prefix::U16 => out.extend_from_slice(&[0; 2]),
        Prefix::U24 => out.extend_from_slice(&[0; 3]),
    }
    content(out);
    write_length(out, prefix, start);
}

/// Writes the length of a vector whose prefix is at `start`. Not inlined: there is a `write_vector` for each
/// content.
#[inline(never)]
fn write_length(out: &mut Vec<u8>, prefix: Prefix, start: usize) {
    let width = prefix as usize;
    let mut length = out.len() - start - width;
    if length >> (8 * width) != 0 {
        debug_assert!(false, "a vector of {length} bytes does not fit");
        out.truncate(start + width);
        length = 0;
    }
    // Byte by byte: they are too few for a copy of a slice.
    let field = out.get_mut(start..start + width).unwrap_or_default();
    for (to, byte) in field.iter_mut().rev().zip(length.to_le_bytes()) {
        *to = byte;
    }
}

/// Writes a vector of these bytes.
pub(crate) fn write_bytes(out: &mut Vec<u8>, prefix: Prefix, bytes: &[u8]) {
    write_vector(out, prefix, |out| out.extend_from_slice(bytes));
}

/// Writes a vector of code points.
pub(crate) fn write_codes<T: CodePoint>(
    out: &mut Vec<u8>,
    prefix: Prefix,
    codes: impl IntoIterator<Item = T>,
) {
    write_vector(out, prefix, |out| {
        for code in codes {
            write_u16(out, code);
        }
    });
}

/// Writes a number, or a code point, of two bytes.
pub(crate) fn write_u16(out: &mut Vec<u8>, value: impl Into<u16>) {
    out.extend_from_slice(&value.into().to_be_bytes());
}

/// A code point of two bytes.
pub trait CodePoint: Copy + fmt::Display + From<u16> + Into<u16> {}

impl<T: Copy + fmt::Display + From<u16> + Into<u16>> CodePoint for T {}

/// A list of code points, in the form that it has in a message.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct List<'a, T> {
    bytes: &'a [u8],
    element: PhantomData<T>,
}

impl<'a, T: CodePoint> List<'a, T> {
    /// A list over an even number of bytes. An odd last byte is ignored.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, element: PhantomData }
    }

    /// The elements in the order of the message.
    pub fn iter(&self) -> impl Iterator<Item = T> + use<'a, T> {
        let pairs = self.bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok());
        pairs.map(|pair| T::from(u16::from_be_bytes(pair)))
    }

    /// Is `element` in the list?
    pub fn contains(&self, element: T) -> bool {
        self.iter().any(|candidate| candidate.into() == element.into())
    }

    /// The bytes of the list, without its length.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

impl<T: CodePoint> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&join(self.iter()))
    }
}

impl<T: CodePoint> fmt::Debug for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{self}]")
    }
}

/// `a, b, c`, with at most sixteen elements: peers can send thousands.
pub(crate) fn join<T: fmt::Display>(elements: impl Iterator<Item = T>) -> String {
    listed(elements).join(", ")
}

/// At most sixteen elements as text, and then how many more there are: peers can send thousands.
pub(crate) fn listed<T: fmt::Display>(elements: impl Iterator<Item = T>) -> Vec<String> {
    const SHOWN: usize = 16;
    let mut texts = Vec::new();
    let mut more = 0_usize;
    for element in elements {
        if texts.len() < SHOWN {
            texts.push(element.to_string());
        } else {
            more += 1;
        }
    }
    if more > 0 {
        texts.push(format!("and {more} more"));
    }
    texts
}

/// An element that appears twice, if there is one.
///
/// Each list of extensions and of key shares comes through here. Most of their values are below 64: a bit for
/// each shows which were there. Of others an honest list has a few, which are compared with each other. A
/// hostile one may have 16,000: each has a bit in a table then. The table is made for long lists only: a message may
/// have thousands of short ones.
pub(crate) fn duplicate(values: impl Iterator<Item = u16>) -> Option<u16> {
    let mut seen = 0_u64;
    let mut others: SmallVec<[u16; 8]> = SmallVec::new();
    for value in values {
        let Some(bit) = 1_u64.checked_shl(value.into()) else {
            others.push(value);
            continue;
        };
        if seen & bit != 0 {
            return Some(value);
        }
        seen |= bit;
    }
    if others.len() > 32 {
        return duplicate_in_table(&others);
    }
    let mut others = others.as_slice();
    while let [value, rest @ ..] = others {
        if rest.contains(value) {
            return Some(*value);
        }
        others = rest;
    }
    None
}

/// The same with a bit for each value that there is.
fn duplicate_in_table(values: &[u16]) -> Option<u16> {
    let mut seen = vec![0_u64; 1 << 10];
    for value in values {
        let word = seen.get_mut(usize::from(value / 64))?;
        let bit = 1 << (value % 64);
        if *word & bit != 0 {
            return Some(*value);
        }
        *word |= bit;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::NamedGroup;

    #[test]
    fn vectors_check_their_range_before_their_bytes() {
        let mut reader = Reader::new(HandshakeType::FINISHED, &[2, 1]);
        let error = reader.vector("x", Prefix::U8, 0..=1).unwrap_err();
        assert_eq!(error.reason, DecodeReason::Length(2));
        let mut reader = Reader::new(HandshakeType::FINISHED, &[2, 1]);
        assert_eq!(
            reader.vector("x", Prefix::U8, 0..=2).unwrap_err().reason,
            DecodeReason::Truncated
        );
    }

    #[test]
    fn lists_of_code_points_have_an_even_length() {
        let mut reader = Reader::new(HandshakeType::CLIENT_HELLO, &[3, 0, 1, 0]);
        assert!(reader.list::<NamedGroup>("x", Prefix::U8).is_err());
    }

    #[test]
    fn written_vectors_carry_their_length() {
        let mut out = vec![9];
        write_vector(&mut out, Prefix::U24, |out| {
            write_vector(out, Prefix::U8, |out| out.push(7));
        });
        assert_eq!(out, [9, 0, 0, 2, 1, 7]);
    }

    #[test]
    fn a_long_list_is_cut() {
        let text = join(0..1000);
        assert!(text.ends_with("15, and 984 more"), "{text}");
    }

    #[test]
    fn a_duplicate_is_found_in_a_list_of_any_length() {
        for length in [1, 2, 7, 8, 9, 32, 33, 63, 16_000] {
            for first in [0, 60, 0x3000] {
                let mut values: Vec<u16> = (first..first + length).collect();
                assert_eq!(duplicate(values.iter().copied()), None, "{first} {length}");
                let twice = first + length / 2;
                values.push(twice);
                assert_eq!(duplicate(values.into_iter()), Some(twice), "{first} {length}");
            }
        }
    }
}
