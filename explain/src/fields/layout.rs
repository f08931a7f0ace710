//! Lays fields over the bytes of a message, from front to back.

use crate::account::{ByteRange, Code, Field, Hex, Value};

/// How many fields there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldLimit {
    pub(crate) count: usize,
    /// The name of the limit.
    pub(crate) name: &'static str,
}

/// The fields of a message so far, and where the next one begins.
///
/// Each field must be equal to the bytes at its place. After one that is not, no more fields are taken, and
/// the rest of the bytes becomes one field. The same is done behind a limit.
pub(super) struct Layout<'a> {
    bytes: &'a [u8],
    position: usize,
    fields: Vec<Field>,
    differs: bool,
    /// How many fields there are, at any depth.
    count: usize,
    limit: FieldLimit,
    limit_reached: Option<&'static str>,
}

impl<'a> Layout<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let limit = FieldLimit { count: usize::MAX, name: "" };
        let (fields, limit_reached) = (Vec::new(), None);
        Self { bytes, position: 0, fields, differs: false, count: 0, limit, limit_reached }
    }

    /// Allows this many fields more.
    pub(super) fn allow(&mut self, limit: FieldLimit) {
        (self.count, self.limit) = (0, limit);
    }

    /// How many fields there are since the limit was set.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The limit behind which there are no more fields.
    pub(super) fn limit_reached(&self) -> Option<&'static str> {
        self.limit_reached
    }

    /// There is more than this limit allows: what follows is no field of its own.
    pub(super) fn reach_limit(&mut self, name: &'static str) {
        self.limit_reached.get_or_insert(name);
    }

    /// A number of `width` bytes.
    pub(super) fn number(
        &mut self,
        name: &'static str,
        meaning: &'static str,
        width: usize,
        number: u64,
    ) {
        self.leaf(name, meaning, &low_bytes(number, width), Value::Number(number));
    }

    /// A code point.
    pub(super) fn code(&mut self, name: &'static str, meaning: &'static str, code: Code) {
        let bytes = low_bytes(u64::from(code.code), code.width);
        self.leaf(name, meaning, &bytes, Value::Code(code));
    }

    /// Bytes of a fixed length, or to the end of what holds them.
    pub(super) fn bytes(&mut self, name: &'static str, meaning: &'static str, bytes: &[u8]) {
        self.leaf(name, meaning, bytes, Value::Bytes(Hex::from(bytes)));
    }

    /// Text, such as the name of a server. Bytes that are no UTF-8 stay bytes.
    pub(super) fn text(&mut self, name: &'static str, meaning: &'static str, text: &[u8]) {
        let value = match core::str::from_utf8(text) {
            Ok(text) => Value::Text(text.to_owned()),
            Err(_) => Value::Bytes(Hex::from(text)),
        };
        self.leaf(name, meaning, text, value);
    }

    /// A vector: a length of `prefix` bytes, and what `content` adds.
    pub(super) fn vector(
        &mut self,
        name: &'static str,
        meaning: &'static str,
        prefix: usize,
        content: impl FnOnce(&mut Self),
    ) {
        self.group(name, meaning, None, |layout| {
            let length = layout.next_number(prefix);
            layout.number("length", "length", prefix, length);
            content(layout);
        });
    }

    /// A vector of bytes.
    pub(super) fn vector_of_bytes(
        &mut self,
        name: &'static str,
        meaning: &'static str,
        prefix: usize,
        bytes: &[u8],
    ) {
        self.vector(name, meaning, prefix, |layout| {
            if !bytes.is_empty() {
                layout.bytes("data", meaning, bytes);
            }
        });
    }

    /// A vector of code points.
    pub(super) fn vector_of_codes(
        &mut self,
        name: &'static str,
        element: &'static str,
        meaning: &'static str,
        prefix: usize,
        codes: impl Iterator<Item = Code>,
    ) {
        self.vector(name, meaning, prefix, |layout| {
            for code in codes {
                layout.code(element, meaning, code);
            }
        });
    }

    /// A field that holds what `content` adds.
    pub(super) fn group(
        &mut self,
        name: &'static str,
        meaning: &'static str,
        value: Option<Value>,
        content: impl FnOnce(&mut Self),
    ) {
        if !self.count_one() {
            return;
        }
        let start = self.position;
        let outer = core::mem::take(&mut self.fields);
        content(self);
        let fields = core::mem::replace(&mut self.fields, outer);
        if self.position == start {
            return;
        }
        let range = ByteRange { start, end: self.position };
        self.fields.push(Field { name, meaning, value, range, fields });
    }

    /// The next `length` bytes, which `content` lays out. Where it does not cover them, or they are not
    /// what it says, they become one field of bytes.
    pub(super) fn within(
        &mut self,
        name: &'static str,
        meaning: &'static str,
        length: usize,
        content: impl FnOnce(&mut Self),
    ) {
        if self.has_ended() || length == 0 {
            return;
        }
        let start = self.position;
        let count = self.fields.len();
        content(self);
        if self.limit_reached.is_some() {
            return;
        }
        if self.differs || self.position != start + length {
            self.fields.truncate(count);
            self.differs = false;
            self.position = start;
            let bytes = self.bytes.get(start..start + length).unwrap_or_default();
            self.bytes(name, meaning, bytes);
        }
    }

    /// Are there no more bytes?
    pub(super) fn is_at_end(&self) -> bool {
        self.position == self.bytes.len()
    }

    /// All fields. What is left of the bytes is a field, too.
    pub(super) fn finish(mut self) -> Vec<Field> {
        self.differs = false;
        self.limit_reached = None;
        self.limit.count = usize::MAX;
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        if !rest.is_empty() {
            self.bytes("body", "body", rest);
        }
        self.fields
    }

    fn leaf(&mut self, name: &'static str, meaning: &'static str, bytes: &[u8], value: Value) {
        let (start, end) = (self.position, self.position + bytes.len());
        if self.has_ended() {
            return;
        }
        if self.bytes.get(start..end) != Some(bytes) {
            self.differs = true;
            return;
        }
        if !self.count_one() {
            return;
        }
        self.position = end;
        let (value, range) = (Some(value), ByteRange { start, end });
        self.fields.push(Field { name, meaning, value, range, fields: Vec::new() });
    }

    /// Whether no more fields are taken.
    fn has_ended(&self) -> bool {
        self.differs || self.limit_reached.is_some()
    }

    /// Counts a field. False if it must not be taken.
    fn count_one(&mut self) -> bool {
        if self.has_ended() {
            return false;
        }
        if self.count >= self.limit.count {
            self.reach_limit(self.limit.name);
            return false;
        }
        self.count += 1;
        true
    }

    /// The number in the next bytes: the length of a vector that a parser has checked.
    fn next_number(&self, width: usize) -> u64 {
        let bytes = self.bytes.get(self.position..self.position + width).unwrap_or_default();
        bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

/// The last `width` bytes of a number.
fn low_bytes(number: u64, width: usize) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    bytes.get(bytes.len().saturating_sub(width)..).unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_is_not_at_its_place_ends_the_layout() {
        let mut layout = Layout::new(&[1, 0, 2, 3]);
        layout.number("a", "a", 1, 1);
        layout.number("b", "b", 2, 7);
        layout.number("c", "c", 1, 3);
        let fields = layout.finish();
        let ranges: Vec<_> = fields.iter().map(|field| (field.name, field.length())).collect();
        assert_eq!(ranges, [("a", 1), ("body", 3)]);
    }

    #[test]
    fn what_does_not_fit_into_its_bytes_becomes_bytes() {
        let mut layout = Layout::new(&[9, 8, 7, 6]);
        layout.within("x", "x", 3, |layout| layout.number("y", "y", 1, 9));
        layout.number("z", "z", 1, 6);
        let fields = layout.finish();
        assert_eq!(fields.iter().map(|field| field.name).collect::<Vec<_>>(), ["x", "z"]);
    }
}
