//! Lists of names: of application protocols (RFC 7301, section 3.1), and of certificate authorities
//! (RFC 9846, section 4.3.4).

use super::codec::{DecodeError, Prefix, Reader, checked_elements, write_bytes, write_vector};

/// A list of names, none of them empty: application protocols of up to 255 bytes (RFC 7301,
/// section 3.1), or the DER of authorities' names (section 4.3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names<'a> {
    bytes: &'a [u8],
    prefix: Prefix,
}

impl<'a> Names<'a> {
    /// Reads the list, in which the length of each name takes `prefix` bytes.
    pub(crate) fn read(
        reader: &mut Reader<'a>,
        field: &'static str,
        prefix: Prefix,
    ) -> Result<Self, DecodeError> {
        let bytes = reader.vector(field, Prefix::U16, 2..=0xffff)?;
        for name in reader.elements(bytes, |list| list.vector(field, prefix, 1..=0xffff)) {
            name?;
        }
        Ok(Self { bytes, prefix })
    }

    /// The names in the order of the message.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let prefix = self.prefix;
        checked_elements(self.bytes, move |list| list.vector("", prefix, 1..=0xffff))
    }
}

/// Writes a list of names with its length; that of each name takes `prefix` bytes.
pub(crate) fn write_names<N: AsRef<[u8]>>(
    out: &mut Vec<u8>,
    prefix: Prefix,
    names: impl IntoIterator<Item = N>,
) {
    write_vector(out, Prefix::U16, |out| {
        for name in names {
            write_bytes(out, prefix, name.as_ref());
        }
    });
}
