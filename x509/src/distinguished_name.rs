//! Names of issuers and subjects, and when two of them are the same (RFC 5280, section 7.1).

use std::borrow::Cow;

use super::der;
use super::oid;
use super::text::printable;

/// The normalized form of a name: two names are the same if their forms are equal. The case of letters,
/// the number of spaces and the type of strings do not matter.
///
/// An authority must encode its name in the certificates that it issues exactly as in its own certificate
/// (section 4.1.2.4), and most do. Some tools decode the name and encode it again, so a comparison of
/// bytes would refuse good paths. A name proves nothing; the signature does. The form is the string
/// preparation of RFC 4518 for the characters that [`is_exact`] knows. Other characters are not mapped to
/// compatible ones. So the form may treat two names as different that are the same in the RFC, but never
/// two different names as the same.
///
/// If a name begins with another name, its form begins with the form of that name.
pub(super) fn normalize_or_raw(name: &[u8]) -> Vec<u8> {
    normalize(name).unwrap_or_else(|| name.to_vec())
}

/// As [`normalize_or_raw`]; `None` if it is no Name.
pub(super) fn normalize(name: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(2 * name.len());
    for part in parts(name) {
        normalize_part(part?, &mut out)?;
    }
    Some(out)
}

/// Whether two well-formed Names are the same: whether their normalized forms are equal. The forms are
/// not made. Compare names with [`CertificateName::is_same`](super::certificate_name::CertificateName::is_same),
/// which compares the bytes first.
pub(super) fn is_same(one: &[u8], other: &[u8]) -> bool {
    let (mut parts_of_one, mut parts_of_other) = (parts(one), parts(other));
    loop {
        match (parts_of_one.next(), parts_of_other.next()) {
            (None, None) => return true,
            (Some(Some(one)), Some(Some(other))) if is_same_part(one, other) => {}
            _ => return false,
        }
    }
}

fn is_same_part(one: Part<'_>, other: Part<'_>) -> bool {
    if one.whole == other.whole {
        return true;
    }
    if let (Some(one), Some(other)) = (one.only_attribute(), other.only_attribute()) {
        return one.kind.contents == other.kind.contents && is_same_value(one.value, other.value);
    }
    let (mut form, mut other_form) = (Vec::new(), Vec::new());
    normalize_part(one, &mut form).is_some()
        && normalize_part(other, &mut other_form).is_some()
        && form == other_form
}

/// Whether two values have the same words, if they are texts, and else the same bytes.
fn is_same_value(one: der::Element<'_>, other: der::Element<'_>) -> bool {
    let (Some(text_of_one), Some(text_of_other)) = (text(one), text(other)) else {
        return one.whole == other.whole;
    };
    let mut words_of_one = text_of_one.split_whitespace();
    let mut words_of_other = text_of_other.split_whitespace();
    loop {
        match (words_of_one.next(), words_of_other.next()) {
            (None, None) => return true,
            (Some(one), Some(other)) if is_same_word(one, other) => {}
            _ => return false,
        }
    }
}

fn is_same_word(one: &str, other: &str) -> bool {
    if one.is_ascii() && other.is_ascii() {
        return one.eq_ignore_ascii_case(other);
    }
    let (mut folded, mut other_folded) = (Vec::new(), Vec::new());
    fold_case(one, &mut folded);
    fold_case(other, &mut other_folded);
    folded == other_folded
}

/// A number that is the same for names that are the same, and nearly always another one for other names.
/// It is no cryptographic hash: everyone can find names with the same fingerprint. `None` if it is no Name.
pub(super) fn fingerprint(name: &[u8]) -> Option<u64> {
    // The prime of the hash function FNV-1a.
    const FACTOR: u64 = 0x0100_0000_01b3;
    let mut fingerprint: u64 = 0;
    for part in parts(name) {
        // The order of the attributes of a part does not matter, so their numbers are added.
        let mut sum: u64 = 1;
        for attribute in part?.attributes() {
            sum = sum.wrapping_add(fingerprint_of_attribute(attribute?));
        }
        fingerprint = fingerprint.wrapping_mul(FACTOR).wrapping_add(sum);
    }
    Some(fingerprint)
}

fn fingerprint_of_attribute(Attribute { kind, value }: Attribute<'_>) -> u64 {
    let kind = kind.contents.last().copied().unwrap_or_default().into();
    // Nearly every value. A BMPString has two bytes for each character.
    if value.contents.is_ascii() && value.tag != der::BMP_STRING {
        return followed_by_text(kind, value.contents);
    }
    let Some(text) = text(value) else { return followed_by_text(kind, value.contents) };
    let mut folded = Vec::new();
    text.split_whitespace().for_each(|word| fold_case(word, &mut folded));
    followed_by_text(kind, &folded)
}

/// The fingerprint of something and of a text behind it. Spaces are left out, and the bit is set by which the
/// two cases of a letter differ.
fn followed_by_text(mut fingerprint: u64, text: &[u8]) -> u64 {
    for &byte in text {
        if byte > b' ' {
            fingerprint = fingerprint.rotate_left(7) ^ u64::from(byte | 0x20);
        }
    }
    fingerprint
}

/// The rest of a malformed Name from the first of its parts on that does not parse.
pub(super) fn first_malformed_part(name: &[u8]) -> &[u8] {
    let mut rest = name;
    for part in parts(name) {
        match part {
            Some(part) if part.attributes().all(|attribute| attribute.is_some()) => {
                rest = rest.get(part.whole.len()..).unwrap_or_default();
            }
            _ => break,
        }
    }
    rest
}

/// A RelativeDistinguishedName: a SET of one attribute, rarely of several.
#[derive(Clone, Copy)]
struct Part<'a> {
    contents: &'a [u8],
    /// The contents with their header before them.
    whole: &'a [u8],
}

/// An AttributeTypeAndValue.
#[derive(Clone, Copy)]
struct Attribute<'a> {
    kind: der::Element<'a>,
    value: der::Element<'a>,
}

/// The parts of a Name, from its contents. A malformed part is `None`. All code that reads a Name uses
/// this and [`Part::attributes`].
fn parts(name: &[u8]) -> impl Iterator<Item = Option<Part<'_>>> {
    der::each(name).map(|element| match element? {
        der::Element { tag: der::SET, contents, whole } if !contents.is_empty() => {
            Some(Part { contents, whole })
        }
        _ => None,
    })
}

impl<'a> Part<'a> {
    /// The attributes in their order. A malformed attribute is `None`.
    fn attributes(self) -> impl Iterator<Item = Option<Attribute<'a>>> {
        der::each(self.contents).map(|element| {
            let mut fields = der::Reader(element.filter(|it| it.tag == der::SEQUENCE)?.contents);
            let (kind, value) = (fields.take(der::OBJECT_IDENTIFIER)?, fields.next_element()?);
            if fields.is_empty() { Some(Attribute { kind, value }) } else { None }
        })
    }

    /// The attribute, if there is one alone and it is well formed.
    fn only_attribute(self) -> Option<Attribute<'a>> {
        let mut attributes = self.attributes();
        let first = attributes.next()?;
        if attributes.next().is_some() { None } else { first }
    }

    /// The types of the attributes, sorted. There are none if one of the attributes is malformed.
    fn kinds(self) -> Vec<&'a [u8]> {
        let kinds = self.attributes().map(|attribute| Some(attribute?.kind.contents));
        let mut kinds = kinds.collect::<Option<Vec<_>>>().unwrap_or_default();
        kinds.sort_unstable();
        kinds
    }
}

/// Whether a Name is well formed, and each of its attributes passes the test.
fn every_attribute(name: &[u8], test: impl Fn(Attribute<'_>) -> bool) -> bool {
    for part in parts(name) {
        let Some(part) = part else { return false };
        for attribute in part.attributes() {
            let Some(attribute) = attribute else { return false };
            if !test(attribute) {
                return false;
            }
        }
    }
    true
}

/// Adds the number of attributes and the form of each.
fn normalize_part(part: Part<'_>, out: &mut Vec<u8>) -> Option<()> {
    let mut attributes = part.attributes();
    let first = attributes.next()??;
    let Some(second) = attributes.next() else {
        out.extend(1_usize.to_be_bytes());
        normalize_attribute(first, out);
        return Some(());
    };
    let mut forms = Vec::new();
    for attribute in [Some(first), second].into_iter().chain(attributes) {
        let mut form = Vec::new();
        normalize_attribute(attribute?, &mut form);
        forms.push(form);
    }
    // They are a set, and some encoders do not sort it.
    let mut forms: Vec<&[u8]> = forms.iter().map(Vec::as_slice).collect();
    forms.sort_unstable();
    out.extend(forms.len().to_be_bytes());
    forms.into_iter().for_each(|form| out.extend(form));
    Some(())
}

/// Adds type and value.
fn normalize_attribute(attribute: Attribute<'_>, out: &mut Vec<u8>) {
    out.extend(attribute.kind.whole);
    let Some(text) = text(attribute.value) else {
        out.extend(attribute.value.whole);
        return;
    };
    out.push(der::UTF8_STRING);
    // The length is known, and written, when the text is there.
    let length_at = out.len();
    out.extend(0_usize.to_be_bytes());
    let text_at = out.len();
    for word in text.split_whitespace() {
        if out.len() > text_at {
            out.push(b' ');
        }
        if word.is_ascii() {
            out.extend(word.bytes().map(|byte| byte.to_ascii_lowercase()));
        } else {
            fold_case(word, out);
        }
    }
    let length = (out.len() - text_at).to_be_bytes();
    if let Some(place) = out.get_mut(length_at..text_at) {
        place.copy_from_slice(&length);
    }
}

/// The case folding of RFC 3454, appendix B.2, one character after the other.
fn fold_case(word: &str, out: &mut Vec<u8>) {
    for character in word.chars().flat_map(char::to_lowercase) {
        match character {
            'ß' => out.extend(b"ss"),
            'ς' => out.extend("σ".bytes()),
            other => out.extend(other.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
}

/// Whether the form of a Name is exactly that of RFC 4518: none of its strings has a character
/// that is mapped to nothing, or that has another encoding and is not the composed one, or whose
/// case folds in another way than here.
pub(super) fn is_exact(name: &[u8]) -> bool {
    every_attribute(name, |Attribute { kind, value }| match text(value) {
        // A label of a domain may also be written in ASCII (RFC 5280, section 7.3).
        Some(text) if kind.contents == oid::DOMAIN_COMPONENT => {
            text.is_ascii() && text.chars().all(is_exact_character)
        }
        Some(text) => text.chars().all(is_exact_character),
        None => !is_string(value.tag),
    })
}

/// Whether the name may begin with the tree, if one of them is not [exact](is_exact), so that their
/// forms do not decide. It may if the attributes are of the same types, and the exact ones are the
/// same.
pub(super) fn may_begin_with(name: &[u8], tree: &[u8]) -> bool {
    let mut parts_of_name = parts(name).flatten();
    parts(tree).flatten().all(|of_tree| match parts_of_name.next() {
        Some(of_name) => may_be_same(of_name, of_tree),
        None => false,
    })
}

/// Whether two parts of Names may be the same.
fn may_be_same(one: Part<'_>, other: Part<'_>) -> bool {
    if is_exact(one.whole) && is_exact(other.whole) {
        return normalize_or_raw(one.whole) == normalize_or_raw(other.whole);
    }
    one.kinds() == other.kinds()
}

/// Whether a character is its own normal form (NFKC), is mapped to itself or to a space (RFC 4518,
/// section 2.2), does not combine with the one before it, and folds as [`fold_case`] does. The list
/// has most characters that names have. It lacks some for which the same is true.
fn is_exact_character(character: char) -> bool {
    matches!(
        character,
        '\t'..='\r' | ' '..='~' | '\u{a0}'
        // Latin.
        | 'À'..='į' | 'ı' | 'Ĵ'..='ľ' | 'Ł'..='ň' | 'Ŋ'..='ž'
        // Greek.
        | 'Ά' | 'Έ'..='Ί' | 'Ό' | 'Ύ'..='Ώ' | 'Α'..='Ρ' | 'Σ'..='ί' | 'α'..='ώ'
        // Cyrillic.
        | 'Ѐ'..='ҁ' | 'Ҋ'..='ӎ'
        // Dashes and quotation marks.
        | '–'..='—' | '‘'..='„'
        // Kana, Han and Hangul.
        | 'ぁ'..='ゖ' | 'ァ'..='ヾ' | '一'..='龥' | '가'..='힣'
    )
}

/// The text of a string of any kind. `None` if the value is not a string, or does not decode.
fn text(value: der::Element<'_>) -> Option<Cow<'_, str>> {
    match value.tag {
        der::UTF8_STRING | der::PRINTABLE_STRING | der::IA5_STRING => {
            core::str::from_utf8(value.contents).ok().map(Cow::Borrowed)
        }
        // Implementations disagree on the meaning of other bytes.
        der::TELETEX_STRING | der::NUMERIC_STRING | der::VISIBLE_STRING
            if value.contents.is_ascii() =>
        {
            core::str::from_utf8(value.contents).ok().map(Cow::Borrowed)
        }
        der::BMP_STRING => {
            let units = value.contents.chunks(2).map(|unit| match *unit {
                [high, low] => u16::from_be_bytes([high, low]),
                // Half a surrogate: refused as one.
                _ => 0xd800,
            });
            char::decode_utf16(units).collect::<Result<_, _>>().ok().map(Cow::Owned)
        }
        _ => None,
    }
}

/// Whether a Name is well formed, and each of its strings can be read. A string that cannot be read
/// could hide a name that is excluded.
pub(super) fn parses(name: &[u8]) -> bool {
    every_attribute(name, |Attribute { value, .. }| !is_string(value.tag) || text(value).is_some())
}

/// Whether it is the tag of a string, in one piece or in several, which DER forbids.
fn is_string(tag: u8) -> bool {
    matches!(tag & !0x20, der::UTF8_STRING | 0x12..=0x16 | 0x19..=0x1e)
}

/// The values of one kind of attribute of a Name, as they are written.
pub(super) fn values(name: &[u8], wanted: &[u8]) -> Vec<String> {
    let mut values = Vec::new();
    for attribute in attributes(name) {
        if attribute.kind.contents == wanted {
            values.push(text(attribute.value).unwrap_or_default().into_owned());
        }
    }
    values
}

/// The attributes of a Name that are well formed.
fn attributes(name: &[u8]) -> Vec<Attribute<'_>> {
    let mut attributes = Vec::new();
    for part in parts(name).flatten() {
        attributes.extend(part.attributes().flatten());
    }
    attributes
}

/// A Name (RFC 5280, section 4.1.2.4) as text, from its DER: safe to print, and cut off if it is
/// long. The text is empty if the Name is empty, or if the bytes are not a SEQUENCE.
///
/// It has the form of OpenSSL's tools: `C=DE, O=An Authority`. An attribute without a known name has its
/// numbers.
pub fn distinguished_name(name: &[u8]) -> String {
    describe(der::only(name, der::SEQUENCE).unwrap_or_default())
}

/// A Name in words, from its contents, safe to print.
pub(super) fn describe(name: &[u8]) -> String {
    printable(&words(name))
}

/// Whether two Names that are not the same look the same to a person, except for the case of letters
/// and the width of spaces.
pub(super) fn reads_like(one: &[u8], other: &[u8]) -> bool {
    readable(one) == readable(other)
}

/// What a person reads in a Name: for each attribute its type and its value.
fn readable(name: &[u8]) -> Vec<(&[u8], String)> {
    let mut readable = Vec::new();
    for Attribute { kind, value } in attributes(name) {
        let text: String = value_words(value).chars().flat_map(char::to_lowercase).collect();
        let words: Vec<_> = text.split_whitespace().collect();
        readable.push((kind.contents, words.join(" ")));
    }
    readable
}

/// A Name in the form of OpenSSL's tools: `C=DE, O=An Authority + CN=a`.
fn words(name: &[u8]) -> String {
    let mut words = String::new();
    for part in parts(name) {
        if !words.is_empty() {
            words.push_str(", ");
        }
        match part {
            Some(part) => add_words_of_part(part, &mut words),
            None => words.push('?'),
        }
    }
    words
}

fn attribute_words(attribute: Attribute<'_>) -> String {
    let Attribute { kind, value } = attribute;
    format!("{}={}", oid::attribute_name(kind.contents), value_words(value))
}

/// Adds a part of a Name in words. What is malformed is a question mark.
fn add_words_of_part(part: Part<'_>, words: &mut String) {
    let mut is_first = true;
    for attribute in part.attributes() {
        if !is_first {
            words.push_str(" + ");
        }
        is_first = false;
        match attribute {
            Some(attribute) => words.push_str(&attribute_words(attribute)),
            None => words.push('?'),
        }
    }
}

/// What a string says as far as it can be read, for words only: a TeletexString is taken for
/// Latin-1, as most are. What is no string is in hexadecimal digits.
fn value_words(value: der::Element<'_>) -> String {
    if let Some(text) = text(value) {
        return text.into_owned();
    }
    match value.tag {
        der::UTF8_STRING => String::from_utf8_lossy(value.contents).into_owned(),
        der::UNIVERSAL_STRING => {
            let letters = value.contents.chunks(4).map(|bytes| {
                let number = <[u8; 4]>::try_from(bytes).map(u32::from_be_bytes);
                number.ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
            });
            letters.collect()
        }
        tag if is_string(tag) => value.contents.iter().copied().map(char::from).collect(),
        _ => format!("#{}", hex::encode_upper(value.whole)),
    }
}

#[cfg(test)]
mod tests;
