//! The extended key usage extension (RFC 5280, section 4.2.1.12).

use super::der::{self, Reader};
use super::profile::Purpose;

/// What the extension allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ExtendedKeyUsage {
    /// `anyExtendedKeyUsage` is among them.
    any: bool,
    /// Bit n is the n-th of [`PURPOSES`].
    named: u8,
    /// How many others there are.
    others: usize,
}

/// The last number of the purposes of the RFC, and what they are for.
const PURPOSES: [(u8, &str); 6] = [
    (1, "server authentication"),
    (2, "client authentication"),
    (3, "code signing"),
    (4, "email protection"),
    (8, "time stamping"),
    (9, "OCSP signing"),
];
const SERVER: u8 = 1;
const CLIENT: u8 = 2;

impl ExtendedKeyUsage {
    pub(super) fn read(value: &[u8]) -> Option<Self> {
        let mut usages = Self::default();
        let mut list = Reader(der::only(value, der::SEQUENCE)?);
        while !list.is_empty() {
            usages.add(list.take(der::OBJECT_IDENTIFIER)?.contents);
        }
        Some(usages)
    }

    fn add(&mut self, oid: &[u8]) {
        const PURPOSE: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3];
        if oid == [0x55, 0x1d, 37, 0] {
            self.any = true;
            return;
        }
        let known =
            PURPOSES.iter().position(|(last, _)| oid.strip_prefix(PURPOSE) == Some(&[*last]));
        match known {
            Some(bit) => self.named |= 1 << bit,
            None => self.others += 1,
        }
    }

    /// Whether `anyExtendedKeyUsage` is among them.
    pub(super) fn allow_any(self) -> bool {
        self.any
    }

    /// Whether they allow the purpose by name, or by `anyExtendedKeyUsage` where that counts.
    pub(super) fn allow(self, purpose: Purpose, any_counts: bool) -> bool {
        let named = match purpose {
            Purpose::Server => self.named & SERVER != 0,
            Purpose::Client => self.named & CLIENT != 0,
            Purpose::Any => true,
        };
        named || (self.any && any_counts)
    }

    /// What they allow, in words.
    pub(super) fn describe(self) -> String {
        let mut words = Vec::new();
        for (bit, (_, purpose)) in PURPOSES.iter().enumerate() {
            if self.named & (1 << bit) != 0 {
                words.push((*purpose).to_owned());
            }
        }
        match self.others {
            0 => {}
            1 => words.push("one purpose that is not known here".to_owned()),
            others => words.push(format!("{others} purposes that are not known here")),
        }
        if self.any {
            words.push("any purpose, which counts for CAs only".to_owned());
        }
        if words.is_empty() { "no purpose".to_owned() } else { words.join(", ") }
    }
}
