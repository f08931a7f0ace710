//! A reader of DER (X.690) that is strict to the byte: lengths, object identifiers and integers have
//! one form each. It has what certificates, CRLs, OCSP responses and private keys need.

use core::num::NonZero;

pub(super) const BOOLEAN: u8 = 0x01;
/// The tag INTEGER.
pub const INTEGER: u8 = 0x02;
/// The tag BIT STRING.
pub const BIT_STRING: u8 = 0x03;
/// The tag OCTET STRING.
pub const OCTET_STRING: u8 = 0x04;
/// The tag OBJECT IDENTIFIER.
pub const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const UTF8_STRING: u8 = 0x0c;
pub(super) const NUMERIC_STRING: u8 = 0x12;
pub(super) const PRINTABLE_STRING: u8 = 0x13;
pub(super) const TELETEX_STRING: u8 = 0x14;
pub(super) const IA5_STRING: u8 = 0x16;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const VISIBLE_STRING: u8 = 0x1a;
pub(super) const UNIVERSAL_STRING: u8 = 0x1c;
pub(super) const BMP_STRING: u8 = 0x1e;
/// The tag SEQUENCE.
pub const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// The whole element NULL.
pub(super) const NULL: &[u8] = &[0x05, 0x00];

/// The tag `[number]`, in the form that holds other elements.
pub const fn constructed(number: u8) -> u8 {
    0xa0 | number
}

/// The tag `[number]`, in the form that holds bytes.
pub const fn primitive(number: u8) -> u8 {
    0x80 | number
}

/// One element: tag, length and contents. It has no `Debug` output, as it may be a part of a private
/// key.
#[derive(Clone, Copy, Default)]
pub struct Element<'a> {
    /// The tag, with its class and its form.
    pub tag: u8,
    /// The contents.
    pub contents: &'a [u8],
    /// The contents with their header before them.
    pub whole: &'a [u8],
}

/// Reads elements from the front of its bytes, one after the other. Its field is the bytes that it has
/// not read yet.
///
/// ```
/// use handclasp_x509::der::{self, Reader};
///
/// let mut reader = Reader(&[der::INTEGER, 1, 7, der::OCTET_STRING, 0]);
/// assert!(reader.take(der::OCTET_STRING).is_none());
/// assert_eq!(reader.take(der::INTEGER).unwrap().contents, [7]);
/// assert_eq!(reader.next_element().unwrap().tag, der::OCTET_STRING);
/// assert!(reader.is_empty());
/// ```
#[derive(Clone, Copy)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next element. `None`, without reading anything, if the next bytes are not DER. That includes
    /// object identifiers and integers that are not in DER's form: two encodings of one number would be
    /// equal as numbers and different as bytes.
    #[inline]
    pub fn next_element(&mut self) -> Option<Element<'a>> {
        let tag = *self.0.first()?;
        let ElementLengths { header, whole } = checked_lengths(tag, self.0)?;
        let (whole, rest) = self.0.split_at_checked(whole)?;
        let contents = whole.get(header.get()..)?;
        self.0 = rest;
        Some(Element { tag, contents, whole })
    }

    /// The next element, if it has this tag; otherwise nothing is taken.
    #[inline]
    pub fn take(&mut self, tag: u8) -> Option<Element<'a>> {
        if *self.0.first()? == tag { self.next_element() } else { None }
    }

    /// The BOOLEAN of this tag that may be next, and is false if it is not there. `None` if it is
    /// malformed. An encoded default value breaks DER, but is not ambiguous.
    pub(super) fn flag(&mut self, tag: u8) -> Option<bool> {
        match self.take(tag).map(|flag| flag.contents) {
            None | Some([0x00]) => Some(false),
            Some([0xff]) => Some(true),
            Some(_) => None,
        }
    }
}

/// The elements that `input` consists of, one after the other; `None` if it is not all DER.
pub(super) fn elements(input: &[u8]) -> Option<Vec<Element<'_>>> {
    each(input).collect()
}

/// The elements of `input`. Bytes that are not DER are `None`, which is the last.
pub(super) fn each(input: &[u8]) -> impl Iterator<Item = Option<Element<'_>>> {
    let mut left = Reader(input);
    core::iter::from_fn(move || {
        if left.is_empty() {
            return None;
        }
        let element = left.next_element();
        if element.is_none() {
            left = Reader(&[]);
        }
        Some(element)
    })
}

/// The elements of a SEQUENCE, from its DER.
pub(super) fn list(der: &[u8]) -> Option<Vec<Element<'_>>> {
    elements(only(der, SEQUENCE)?)
}

/// The elements that `input` consists of, which must be those of these tags.
pub fn fields<const N: usize>(input: &[u8], tags: [u8; N]) -> Option<[Element<'_>; N]> {
    let mut reader = Reader(input);
    let mut fields = [Element::default(); N];
    for (field, tag) in fields.iter_mut().zip(tags) {
        *field = reader.take(tag)?;
    }
    reader.is_empty().then_some(fields)
}

/// The contents of the one element that `input` consists of.
pub fn only(input: &[u8], tag: u8) -> Option<&[u8]> {
    fields(input, [tag]).map(|[element]| element.contents)
}

/// How many bytes an element has.
struct ElementLengths {
    /// Of the tag and the length. It is never 0, so 0 can stand for `None`: an `Option` of the two numbers is no
    /// larger than they are, and a function returns it in two registers, not in memory.
    header: NonZero<usize>,
    /// Of all that the element consists of.
    whole: usize,
}

/// The lengths of the element of this tag that begins the input, if it is DER and there as a whole. It is
/// the one function behind every element that is read, so it is not inlined.
#[inline(never)]
fn checked_lengths(tag: u8, input: &[u8]) -> Option<ElementLengths> {
    // Tags above 30 take further bytes; nothing in a certificate uses them.
    if tag & 0x1f == 0x1f {
        return None;
    }
    let Lengths { header, contents } = Lengths::read(input)?;
    let whole = header.checked_add(contents)?;
    if !has_one_form(tag, input.get(header..whole)?) {
        return None;
    }
    Some(ElementLengths { header: NonZero::new(header)?, whole })
}

/// Whether these contents of an object identifier or an integer are the ones that DER has for it.
/// The contents of other tags are checked by their readers.
fn has_one_form(tag: u8, contents: &[u8]) -> bool {
    match tag {
        OBJECT_IDENTIFIER => is_object_identifier(contents),
        INTEGER | ENUMERATED => is_integer(contents),
        _ => true,
    }
}

/// X.690, section 8.19.2: groups of seven bits, each number's last byte without the highest bit,
/// and its first one not all padding (0x80).
pub(super) fn is_object_identifier(contents: &[u8]) -> bool {
    let mut starts = true;
    for &byte in contents {
        if starts && byte == 0x80 {
            return false;
        }
        starts = byte < 0x80;
    }
    // Without contents, or with a number that goes on beyond them, it is none.
    starts && !contents.is_empty()
}

/// X.690, section 8.3.2: the first nine bits are not all the same.
pub(super) fn is_integer(contents: &[u8]) -> bool {
    !matches!(contents, [] | [0x00, 0x00..=0x7f, ..] | [0xff, 0x80..=0xff, ..])
}

/// The value of an INTEGER that is not negative, from its contents; one that is too large is the
/// largest there is.
pub(super) fn count(contents: &[u8]) -> Option<u32> {
    match contents {
        // One with a tag of its context comes here unchecked.
        _ if !is_integer(contents) => None,
        [first, ..] if *first >= 0x80 => None,
        _ => Some(contents.iter().fold(0, |value: u32, &byte| {
            value.checked_mul(256).map_or(u32::MAX, |value| value.saturating_add(byte.into()))
        })),
    }
}

/// Whether an element that begins the input has a length that is DER, and is there as a whole.
pub(super) fn has_length(input: &[u8]) -> bool {
    Lengths::read(input)
        .is_some_and(|Lengths { header, contents }| contents <= input.len() - header)
}

/// What the header of an element says of its length.
struct Lengths {
    /// Of the tag and the length.
    header: usize,
    contents: usize,
}

impl Lengths {
    /// Of the element that begins the input, with a tag of one byte. Its length must be definite and
    /// minimal, as DER demands, and of no more than four bytes.
    fn read(input: &[u8]) -> Option<Self> {
        let (header, contents) = match *input {
            [_, length @ 0..=0x7f, ..] => (2, length.into()),
            [_, 0x81, length @ 0x80..=0xff, ..] => (3, length.into()),
            [_, 0x82, a @ 1..=0xff, b, ..] => (4, u32::from_be_bytes([0, 0, a, b])),
            [_, 0x83, a @ 1..=0xff, b, c, ..] => (5, u32::from_be_bytes([0, a, b, c])),
            [_, 0x84, a @ 1..=0xff, b, c, d, ..] => (6, u32::from_be_bytes([a, b, c, d])),
            _ => return None,
        };
        Some(Self { header, contents: contents.try_into().ok()? })
    }
}

/// The named bits of a BIT STRING, from its contents, bit n as bit n: the first one of DER is the
/// highest of its byte. Bits that are not there are not set, and those after the 16th not looked at.
pub(super) fn named_bits(contents: &[u8]) -> Option<u16> {
    let (&unused, bytes) = contents.split_first()?;
    let zeros = bytes.last().map_or(0, |last| last.trailing_zeros());
    let byte = |index| bytes.get(index).map_or(0, |byte: &u8| byte.reverse_bits());
    let is_strict = unused < 8 && u32::from(unused) <= zeros;
    is_strict.then(|| u16::from_le_bytes([byte(0), byte(1)]))
}

/// The bytes of a BIT STRING, from its contents. One that does not end on a byte boundary holds
/// neither a key nor a signature.
pub fn whole_bytes(contents: &[u8]) -> Option<&[u8]> {
    match contents.split_first()? {
        (0, bytes) => Some(bytes),
        _ => None,
    }
}

/// An element of these contents.
pub fn wrap(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len().to_be_bytes();
    let mut out = vec![tag];
    if contents.len() < 0x80 {
        out.extend(length.last());
    } else {
        let significant: Vec<u8> = length.into_iter().skip_while(|&byte| byte == 0).collect();
        out.extend(u8::try_from(significant.len()).map(|count| 0x80 | count));
        out.extend(significant);
    }
    out.extend(contents);
    out
}

/// A SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7), from the contents of its AlgorithmIdentifier and the bytes of
/// its key.
pub fn subject_public_key_info(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    let algorithm = wrap(SEQUENCE, algorithm);
    let key = wrap(BIT_STRING, &[&[0], key].concat());
    wrap(SEQUENCE, &[algorithm, key].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_survives_a_round_trip() {
        for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let contents = vec![7; length];
            let wrapped = wrap(SEQUENCE, &contents);
            assert_eq!(only(&wrapped, SEQUENCE), Some(contents.as_slice()));
            assert_eq!(only(&wrapped, INTEGER), None);
            assert_eq!(only(&[wrapped.as_slice(), &[0]].concat(), SEQUENCE), None);
            let cut = wrapped.len() - 1;
            assert_eq!(only(&wrapped[..cut], SEQUENCE), None);
        }
    }

    #[test]
    fn what_is_ber_and_not_der_is_refused() {
        // A length that fits the short form, one with a leading zero, an indefinite one, one of
        // five bytes, and a high tag number.
        assert_eq!(only(&[0x04, 0x81, 0x01, 0xff], 0x04), None);
        let padded = [&[0x04, 0x82, 0x00, 0x80][..], &[0; 128]].concat();
        assert_eq!(only(&padded, 0x04), None);
        assert_eq!(only(&[0x30, 0x80, 0x00, 0x00], SEQUENCE), None);
        assert_eq!(only(&[0x04, 0x85, 1, 0, 0, 0, 0], 0x04), None);
        assert_eq!(only(&[0x1f, 0x01, 0x00], 0x1f), None);
    }

    #[test]
    fn keys_and_signatures_are_whole_bytes() {
        assert_eq!(whole_bytes(&[0, 1, 2]), Some(&[1, 2][..]));
        assert_eq!(whole_bytes(&[1, 2]), None);
        assert_eq!(whole_bytes(&[]), None);
    }

    #[test]
    fn an_integer_has_one_form() {
        for (contents, is_one) in [
            (&[][..], false),
            (&[0x00], true),
            (&[0x7f], true),
            (&[0x80], true),
            (&[0xff], true),
            (&[0x00, 0x80], true),
            (&[0xff, 0x7f], true),
            (&[0x00, 0x00], false),
            (&[0x00, 0x7f], false),
            (&[0xff, 0xff], false),
            (&[0xff, 0x80], false),
            (&[0x00, 0x00, 0xff], false),
        ] {
            for tag in [INTEGER, ENUMERATED] {
                let der = wrap(tag, contents);
                assert_eq!(only(&der, tag).is_some(), is_one, "{der:02x?}");
            }
            let implicit = count(contents).is_some();
            let is_positive = contents.first().is_some_and(|first| *first < 0x80);
            assert_eq!(implicit, is_one && is_positive, "{contents:02x?}");
        }
    }

    #[test]
    fn an_object_identifier_has_one_form() {
        for (contents, is_one) in [
            (&[][..], false),
            (&[0x2a], true),
            (&[0x55, 0x1d, 0x11], true),
            (&[0x88, 0x37], true),
            (&[0x2a, 0xff, 0x80, 0x00], true),
            (&[0x80, 0x55, 0x1d, 0x11], false),
            (&[0x55, 0x1d, 0x80, 0x11], false),
            (&[0x55, 0x80, 0x1d, 0x11], false),
            (&[0x55, 0x1d, 0x91], false),
            (&[0x80], false),
        ] {
            let der = wrap(OBJECT_IDENTIFIER, contents);
            assert_eq!(only(&der, OBJECT_IDENTIFIER).is_some(), is_one, "{der:02x?}");
        }
    }

    #[test]
    fn named_bits_are_counted_from_the_highest_and_padded_with_zeros() {
        for (contents, bits) in [
            (&[7, 0x80][..], Some(1)),
            (&[1, 0x86], Some(0b0110_0001)),
            (&[7, 0x00, 0x80], Some(1 << 8)),
            (&[0], Some(0)),
            (&[0, 0xff, 0xff, 0xff], Some(0xffff)),
            (&[7, 0xc0], None),
            (&[8, 0x00], None),
            (&[1], None),
            (&[], None),
        ] {
            assert_eq!(named_bits(contents), bits, "{contents:02x?}");
        }
    }

    #[test]
    fn what_is_not_der_is_told_once_and_ends_the_elements() {
        let mut found = each(&[INTEGER, 1, 7, 0x02, 5, 0]).map(|it| it.map(|it| it.contents));
        assert_eq!(found.next(), Some(Some(&[7][..])));
        assert_eq!(found.next(), Some(None));
        assert_eq!(found.next(), None);
        assert_eq!(each(&[]).count(), 0);
    }

    #[test]
    fn a_flag_is_false_where_it_is_left_out() {
        for (bytes, flag) in [
            (&[BOOLEAN, 1, 0xff][..], Some(true)),
            (&[BOOLEAN, 1, 0x00], Some(false)),
            (&[INTEGER, 1, 0xff], Some(false)),
            (&[], Some(false)),
            (&[BOOLEAN, 1, 0x01], None),
            (&[BOOLEAN, 0], None),
        ] {
            assert_eq!(Reader(bytes).flag(BOOLEAN), flag, "{bytes:02x?}");
        }
    }
}
