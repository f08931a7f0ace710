//! Fields that CRLs and OCSP responses have in common.

use super::super::decode;
use super::super::der::{self, Element};
use super::super::error::Timestamp;

/// A Time in one of its two forms.
pub(super) fn time(element: Element<'_>) -> Option<Timestamp> {
    decode::time(element).filter(|_| der::is_time(&element))
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
