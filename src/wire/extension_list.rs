//! The list of extensions that most messages end with (RFC 9846, section 4.3).

use super::codec::{
    DecodeError, DecodeReason, Prefix, Reader, duplicate, write_bytes, write_u16, write_vector,
};
use super::extensions::{ExtensionMessage, ExtensionType};
use crate::registry::HandshakeType;

/// One extension as it stands in a message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Extension<'a> {
    /// The type.
    pub kind: ExtensionType,
    /// The body, without type and length.
    pub body: &'a [u8],
}

/// A list of extensions that was found to be well formed: each is whole, none appears twice, and
/// none stands where RFC 9846 forbids it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Extensions<'a> {
    bytes: &'a [u8],
}

impl<'a> Extensions<'a> {
    /// Reads the list with its length, and checks it against the table of section 4.3.
    pub(crate) fn read(
        reader: &mut Reader<'a>,
        message: ExtensionMessage,
    ) -> Result<Self, DecodeError> {
        let bytes = reader.vector("extensions", Prefix::U16, 0..=0xffff)?;
        let mut rest = reader.part(bytes);
        let mut kinds = Vec::with_capacity(16);
        while !rest.is_empty() {
            let kind = ExtensionType(rest.u16("extensions")?);
            rest.vector("extensions", Prefix::U16, 0..=0xffff)?;
            if !kind.may_stand_in(message) {
                return Err(rest.error("extensions", DecodeReason::ForbiddenExtension(kind)));
            }
            kinds.push(kind.0);
        }
        if let Some(kind) = duplicate(kinds) {
            let kind = ExtensionType(kind).to_string();
            return Err(rest.error("extensions", DecodeReason::Duplicate(kind)));
        }
        Ok(Self { bytes })
    }

    /// The extensions in the order of the message.
    pub fn iter(&self) -> impl Iterator<Item = Extension<'a>> + use<'a> {
        // Well-formedness was checked by `read`, so nothing is lost in ending at an error here.
        let mut reader = Reader::new(HandshakeType::CLIENT_HELLO, self.bytes);
        core::iter::from_fn(move || {
            let kind = ExtensionType(reader.u16("extensions").ok()?);
            let body = reader.vector("extensions", Prefix::U16, 0..=0xffff).ok()?;
            Some(Extension { kind, body })
        })
    }

    /// The body of the extension of this type.
    pub fn get(&self, kind: ExtensionType) -> Option<&'a [u8]> {
        self.iter().find(|extension| extension.kind == kind).map(|extension| extension.body)
    }

    /// Writes the list with its length.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_bytes(out, Prefix::U16, self.bytes);
    }

    /// A list over bytes that [`write_extension`] wrote.
    pub(crate) fn written(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }
}

/// Writes one extension: type, length, and what `body` writes.
pub(crate) fn write_extension(
    out: &mut Vec<u8>,
    kind: ExtensionType,
    body: impl FnOnce(&mut Vec<u8>),
) {
    write_u16(out, kind);
    write_vector(out, Prefix::U16, body);
}

/// Writes one extension, if `body` has something to say in it.
pub(crate) fn write_extension_if(
    out: &mut Vec<u8>,
    kind: ExtensionType,
    body: impl FnOnce(&mut Vec<u8>) -> Option<()>,
) -> bool {
    let (start, mut said) = (out.len(), None);
    write_extension(out, kind, |out| said = body(out));
    if said.is_none() {
        out.truncate(start);
    }
    said.is_some()
}

/// The value of record_size_limit: at least 64 (RFC 8449, section 4).
pub(super) fn read_record_size_limit(reader: &mut Reader<'_>) -> Result<u16, DecodeError> {
    const FIELD: &str = "record_size_limit";
    match reader.u16(FIELD)? {
        0..64 => Err(reader.error(FIELD, DecodeReason::Value("it must be 64 or more"))),
        limit => Ok(limit),
    }
}
