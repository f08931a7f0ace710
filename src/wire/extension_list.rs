//! The list of extensions that most messages end with (RFC 9846, section 4.3): how it is read and
//! written. The bodies of the extensions are in `extensions.rs`.

use core::ops::Range;

use super::codec::{
    DecodeError, DecodeReason, Prefix, Reader, checked_elements, duplicate, write_bytes, write_u16,
    write_vector,
};
use super::extensions::{ExtensionMessage, ExtensionType};

/// The length in bytes of an extension's type and length.
const EXTENSION_HEADER_LENGTH: usize = 4;

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
            // The name of the field is looked up for the error only.
            if !body.is_empty() {
                body.finish(extension.kind.field())?;
            }
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

/// Writes a list of extensions with its length. `write` adds them, and puts them into their order.
pub(crate) fn write_extensions(out: &mut Vec<u8>, write: impl FnOnce(&mut ExtensionWriter<'_>)) {
    write_vector(out, Prefix::U16, |out| {
        let start = out.len();
        write(&mut ExtensionWriter { out, start });
    });
}

/// Extensions that are written into a message one after the other, and put into the order in which
/// they are sent there. What the extensions of each message say is written by methods beside their
/// readers.
pub(crate) struct ExtensionWriter<'a> {
    out: &'a mut Vec<u8>,
    /// Where the first extension is in `out`.
    start: usize,
}

impl ExtensionWriter<'_> {
    /// Adds an extension at the end.
    pub(crate) fn add(&mut self, kind: ExtensionType, body: impl FnOnce(&mut Vec<u8>)) {
        write_extension(self.out, kind, body);
    }

    /// Adds an extension before all others.
    pub(crate) fn add_first(&mut self, kind: ExtensionType, body: impl FnOnce(&mut Vec<u8>)) {
        let end = self.out.len();
        self.add(kind, body);
        self.move_forward(end..self.out.len(), self.start);
    }

    /// Adds an extension with this body. If there is one of this type already, it goes.
    pub(crate) fn replace(&mut self, kind: ExtensionType, body: &[u8]) {
        if let Some(place) = self.find(kind, self.start) {
            self.out.drain(place);
        }
        self.add(kind, |out| out.extend_from_slice(body));
    }

    /// Puts the extensions into this order. Those that are not in it follow, in the order that they
    /// have already.
    pub(crate) fn sort_by(&mut self, order: impl Iterator<Item = ExtensionType>) {
        let mut sorted = self.start;
        for kind in order {
            if let Some(place) = self.find(kind, sorted) {
                let length = place.len();
                self.move_forward(place, sorted);
                sorted += length;
            }
        }
    }

    /// The types of the extensions in their order.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = ExtensionType> {
        self.extensions_from(self.start).map(|extension| extension.kind)
    }

    fn extensions_from(&self, start: usize) -> impl Iterator<Item = Extension<'_>> {
        checked_elements(self.out.get(start..).unwrap_or_default(), Extension::read)
    }

    /// Where the extension of this type is in `out`, if it is behind `start`.
    fn find(&self, kind: ExtensionType, start: usize) -> Option<Range<usize>> {
        let mut end = start;
        for extension in self.extensions_from(start) {
            let place = end..end + EXTENSION_HEADER_LENGTH + extension.body.len();
            if extension.kind == kind {
                return Some(place);
            }
            end = place.end;
        }
        None
    }

    /// Moves the extension at `from` to the place `to`, before those that are there.
    fn move_forward(&mut self, from: Range<usize>, to: usize) {
        let length = from.len();
        if let Some(moved) = self.out.get_mut(to..from.end) {
            moved.rotate_right(length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_sent_in_the_order_that_they_are_given() {
        let [a, b, c, d] = [1, 2, 3, 4].map(ExtensionType);
        let mut out = vec![0x5a];
        write_extensions(&mut out, |list| {
            list.add(a, |out| out.push(9));
            list.add(b, |_| {});
            list.add(c, |_| {});
            list.replace(b, &[7, 7]);
            list.sort_by([c, d, b].into_iter());
            list.add_first(d, |_| {});
            assert!(list.kinds().eq([d, c, b, a]));
        });
        assert_eq!(out, [0x5a, 0, 19, 0, 4, 0, 0, 0, 3, 0, 0, 0, 2, 0, 2, 7, 7, 0, 1, 0, 1, 9]);
    }
}
