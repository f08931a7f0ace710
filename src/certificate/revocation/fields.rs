//! Fields that CRLs and OCSP responses have in common.

use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

use super::super::der::{self, Element};
use super::super::error::Timestamp;

/// The first nine bits of a BIT STRING, from its contents, bit n as bit n: the first one of DER is
/// the highest of its byte. Bits that are not there are not set.
pub(super) fn named_bits(contents: &[u8]) -> Option<u16> {
    let (&unused, bytes) = contents.split_first()?;
    if unused > 7 || (bytes.is_empty() && unused > 0) {
        return None;
    }
    let set = |number: &usize| {
        let byte = bytes.get(number / 8).copied().unwrap_or_default();
        byte & (0x80 >> (number % 8)) != 0
    };
    Some((0..9).filter(set).fold(0, |bits, number| bits | 1 << number))
}

/// A Time in one of its two forms, with seconds and in UTC (RFC 5280, section 4.1.2.5).
pub(super) fn time(element: Element<'_>) -> Option<Timestamp> {
    let length = match element.tag {
        der::UTC_TIME => 13,
        der::GENERALIZED_TIME => 15,
        _ => return None,
    };
    if element.contents.len() != length || element.contents.last() != Some(&b'Z') {
        return None;
    }
    let (rest, time) = ASN1Time::from_der(element.whole).ok()?;
    rest.is_empty().then(|| Timestamp(time.timestamp()))
}

/// An INTEGER's contents without the bytes in front that say nothing: one number is one sequence of
/// bytes, and a negative one is not the positive one whose last bytes it has.
pub(super) fn canonical(mut integer: &[u8]) -> &[u8] {
    while let [0x00, 0x00..=0x7f, ..] | [0xff, 0x80..=0xff, ..] = integer {
        integer = integer.get(1..).unwrap_or_default();
    }
    integer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_form_and_its_sign_is_part_of_it() {
        for (bytes, form) in [
            (&[0x00, 0xff][..], &[0x00, 0xff][..]),
            (&[0x00, 0x00, 0xff], &[0x00, 0xff]),
            (&[0xff], &[0xff]),
            (&[0xff, 0xff], &[0xff]),
            (&[0xff, 0x7f], &[0xff, 0x7f]),
            (&[0x00, 0x7f], &[0x7f]),
            (&[0x00, 0x00], &[0x00]),
            (&[], &[]),
        ] {
            assert_eq!(canonical(bytes), form, "{bytes:02x?}");
        }
    }
}
