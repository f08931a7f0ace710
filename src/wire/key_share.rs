//! key_share (RFC 9846, section 4.3.8).

use super::codec::{
    DecodeError, DecodeReason, Prefix, Reader, checked_elements, duplicate, write_bytes, write_u16,
};
use crate::registry::NamedGroup;

/// A group and a public key of it (section 4.3.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyShareEntry<'a> {
    /// The group.
    pub group: NamedGroup,
    /// The public key: 1 byte to 2^16-1.
    pub key_exchange: &'a [u8],
}

impl<'a> KeyShareEntry<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let group = NamedGroup(reader.u16("key_share")?);
        let key_exchange = reader.vector("key_share", Prefix::U16, 1..=0xffff)?;
        Ok(Self { group, key_exchange })
    }

    /// Writes the entry.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_u16(out, self.group);
        write_bytes(out, Prefix::U16, self.key_exchange);
    }
}

/// The key shares of a ClientHello: possibly none, which asks for a HelloRetryRequest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyShares<'a> {
    bytes: &'a [u8],
}

impl<'a> KeyShares<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let bytes = reader.vector("key_share", Prefix::U16, 0..=0xffff)?;
        for share in reader.elements(bytes, KeyShareEntry::read) {
            share?;
        }
        let shares = Self { bytes };
        if let Some(group) = duplicate(shares.iter().map(|share| share.group.0)) {
            let reason = DecodeReason::Duplicate(NamedGroup(group).to_string());
            return Err(reader.error("key_share", reason));
        }
        Ok(shares)
    }

    /// The shares in the order of the message.
    pub fn iter(&self) -> impl Iterator<Item = KeyShareEntry<'a>> + use<'a> {
        checked_elements(self.bytes, KeyShareEntry::read)
    }
}
