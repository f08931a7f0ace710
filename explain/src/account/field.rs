//! Fields of messages.

use serde::{Serialize, Serializer};

/// A field of a message, under the name that it has in the RFC's struct.
///
/// A field with fields in it spans them. A field without is a leaf: each byte of a message is in one leaf.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Field {
    /// Its name in the RFC.
    pub name: &'static str,
    /// The key of its meaning, for [`words::meaning`](crate::words::meaning).
    pub meaning: &'static str,
    /// Its value. A field with fields in it has one where a single value says what it is, such as the
    /// type of an extension.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Where it is among the bytes of the message, which begin with the header.
    pub range: ByteRange,
    /// The fields in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
}

impl Field {
    /// The first field in it with this name, at any depth.
    pub fn find(&self, name: &str) -> Option<&Field> {
        find(&self.fields, name)
    }

    /// All fields that have no fields in them, in the order of their bytes.
    pub fn leaves<'f>(&'f self, out: &mut Vec<&'f Field>) {
        if self.fields.is_empty() {
            out.push(self);
        }
        for field in &self.fields {
            field.leaves(out);
        }
    }

    /// Its code point, if its value is one.
    pub fn code(&self) -> Option<Code> {
        match &self.value {
            Some(Value::Code(code)) => Some(*code),
            _ => None,
        }
    }

    /// Its number, if its value is one.
    pub fn number(&self) -> Option<u64> {
        match &self.value {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// How many bytes it has.
    pub fn length(&self) -> usize {
        self.range.end - self.range.start
    }
}

/// The first field with this name, at any depth.
pub(crate) fn find<'f>(fields: &'f [Field], name: &str) -> Option<&'f Field> {
    for field in fields {
        if field.name == name {
            return Some(field);
        }
        if let Some(found) = field.find(name) {
            return Some(found);
        }
    }
    None
}

/// A range of bytes: from `start` up to, but not including `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ByteRange {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Value {
    /// A code point of a registry.
    Code(Code),
    /// A number.
    Number(u64),
    /// Bytes.
    Bytes(Hex),
    /// Text of the peer. It may contain any character.
    Text(String),
}

impl Value {
    /// Whether it is a reserved value of GREASE (RFC 8701), which means nothing.
    pub fn is_grease(&self) -> bool {
        matches!(self, Self::Code(code) if code.grease)
    }
}

/// A code point of a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Code {
    /// The number.
    pub code: u32,
    /// The registered name, if it is known.
    pub name: Option<&'static str>,
    /// Is it one of the values of RFC 8701, which mean nothing?
    #[serde(skip_serializing_if = "is_false")]
    pub grease: bool,
    /// How many bytes it has in a message.
    #[serde(skip)]
    pub(crate) width: usize,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl core::fmt::Display for Code {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match (self.name, self.width) {
            (Some(name), _) => f.write_str(name),
            (None, 1) => write!(f, "{}", self.code),
            _ if self.grease => write!(f, "GREASE {:#06x}", self.code),
            _ => write!(f, "{:#06x}", self.code),
        }
    }
}

/// Bytes, which are written in hexadecimal.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Hex(pub Vec<u8>);

impl core::fmt::Debug for Hex {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "({} bytes)", self.0.len())
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(&self.0))
    }
}

impl From<&[u8]> for Hex {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}
