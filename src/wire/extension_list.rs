//! The list of extensions that most messages end with (RFC 9846, section 4.3): how it is read and
//! written. The bodies of the extensions are in `extensions.rs`.

use core::ops::Range;

use super::codec::{
    DecodeError, DecodeReason, Prefix, Reader, checked_elements, duplicate, write_bytes, write_u16,
    write_vector,
};
use super::extensions::{ExtensionMessage, ExtensionType};

/// Few messages have more extensions than this.
const USUAL_COUNT: usize = 16;

/// One extension of a message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Extension<'a> {
    /// The type.
    pub kind: ExtensionType,
    /// The body, without type and length.
    pub body: &'a [u8],
}

impl<'a> Extension<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let kind = ExtensionType(reader.u16("extensions")?);
        let body = reader.vector("extensions", Prefix::U16, 0..=0xffff)?;
        Ok(Self { kind, body })
    }
}

/// A list of extensions that was found to be well formed: each is whole, none appears twice, and
/// each is allowed in its message by RFC 9846.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Extensions<'a> {
    bytes: &'a [u8],
}

impl<'a> Extensions<'a> {
    /// Reads the list with its length, and checks it against the table of section 4.3. An extension
    /// that does not belong in this message, or is there twice, is an `illegal_parameter`.
    pub(crate) fn read(
        reader: &mut Reader<'a>,
        message: ExtensionMessage,
    ) -> Result<Self, DecodeError> {
        let bytes = reader.vector("extensions", Prefix::U16, 0..=0xffff)?;
        for extension in reader.elements(bytes, Extension::read) {
            let kind = extension?.kind;
            if !kind.is_allowed_in(message) {
                return Err(reader.error("extensions", DecodeReason::ForbiddenExtension(kind)));
            }
        }
        let list = Self { bytes };
        if let Some(kind) = duplicate(list.iter().map(|extension| extension.kind.0)) {
            let kind = ExtensionType(kind).to_string();
            return Err(reader.error("extensions", DecodeReason::Duplicate(kind)));
        }
        Ok(list)
    }

    /// Lets `read` read the body of each extension, which must have been read to its end then.
    /// `message` is the reader of the message.
    pub(super) fn read_bodies(
        &self,
        message: &Reader<'a>,
        mut read: impl FnMut(ExtensionType, &mut Reader<'a>) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        for extension in self.iter() {
            let mut body = message.part(extension.body);
            read(extension.kind, &mut body)?;
            body.finish(extension.kind.field())?;
        }
        Ok(())
    }

    /// The extensions in the order of the message.
    pub fn iter(&self) -> impl Iterator<Item = Extension<'a>> + use<'a> {
        checked_elements(self.bytes, Extension::read)
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

/// Extensions that are written one after the other, and then put into the order in which they
/// are sent. What the extensions of each message say is written by methods beside their readers.
#[derive(Debug, Default)]
pub(crate) struct ExtensionWriter {
    bytes: Vec<u8>,
    /// In the order in which the extensions are sent.
    written: Vec<WrittenExtension>,
}

/// Where an extension is in the bytes of its writer, with type and length.
#[derive(Debug)]
struct WrittenExtension {
    kind: ExtensionType,
    range: Range<usize>,
}

impl ExtensionWriter {
    /// A writer with place for this many bytes, and for as many extensions as messages usually have.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), written: Vec::with_capacity(USUAL_COUNT) }
    }

    /// Adds an extension at the end.
    pub(crate) fn add(&mut self, kind: ExtensionType, body: impl FnOnce(&mut Vec<u8>)) {
        let extension = self.write(kind, body);
        self.written.push(extension);
    }

    /// Adds an extension before all others.
    pub(crate) fn add_first(&mut self, kind: ExtensionType, body: impl FnOnce(&mut Vec<u8>)) {
        let extension = self.write(kind, body);
        self.written.insert(0, extension);
    }

    /// Adds an extension with this body. If there is one of this type already, it goes.
    pub(crate) fn replace(&mut self, kind: ExtensionType, body: &[u8]) {
        self.written.retain(|extension| extension.kind != kind);
        self.add(kind, |out| out.extend_from_slice(body));
    }

    fn write(&mut self, kind: ExtensionType, body: impl FnOnce(&mut Vec<u8>)) -> WrittenExtension {
        let start = self.bytes.len();
        write_extension(&mut self.bytes, kind, body);
        WrittenExtension { kind, range: start..self.bytes.len() }
    }

    /// Puts the extensions into this order. Those that are not in it follow, in the order that they
    /// have already.
    pub(crate) fn sort_by(&mut self, order: impl Iterator<Item = ExtensionType>) {
        let mut rest = self.written.as_mut_slice();
        for kind in order {
            let Some(place) = rest.iter().position(|extension| extension.kind == kind) else {
                continue;
            };
            if let Some(to_here) = rest.get_mut(..=place) {
                to_here.rotate_right(1);
            }
            let Some((_, after)) = rest.split_first_mut() else { return };
            rest = after;
        }
    }

    /// The types of the extensions in their order.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = ExtensionType> {
        self.written.iter().map(|extension| extension.kind)
    }

    /// The length of the extensions in bytes, with their types and lengths.
    pub(crate) fn length(&self) -> usize {
        self.written.iter().map(|extension| extension.range.len()).sum()
    }

    /// Writes the list with its length.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        write_vector(out, Prefix::U16, |out| {
            for extension in &self.written {
                out.extend_from_slice(self.bytes.get(extension.range.clone()).unwrap_or_default());
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_sent_in_the_order_that_they_are_given() {
        let [a, b, c, d] = [1, 2, 3, 4].map(ExtensionType);
        let mut list = ExtensionWriter::default();
        list.add(a, |out| out.push(9));
        list.add(b, |_| {});
        list.add(c, |_| {});
        list.replace(b, &[7, 7]);
        list.sort_by([c, d, b].into_iter());
        list.add_first(d, |_| {});
        assert!(list.kinds().eq([d, c, b, a]));
        let mut out = Vec::new();
        list.encode(&mut out);
        assert_eq!(out, [0, 19, 0, 4, 0, 0, 0, 3, 0, 0, 0, 2, 0, 2, 7, 7, 0, 1, 0, 1, 9]);
        assert_eq!(list.length(), 19);
    }
}
