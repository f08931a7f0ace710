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
    forms.sort_unstable();
    out.extend(forms.len().to_be_bytes());
    out.extend(forms.into_iter().flatten());
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
    let attributes = parts(name).flatten().flat_map(Part::attributes).flatten();
    let wanted = attributes.filter(|attribute| attribute.kind.contents == wanted);
    wanted.map(|attribute| text(attribute.value).unwrap_or_default().into_owned()).collect()
}

/// A Name (RFC 5280, section 4.1.2.4) as text, from its DER: safe to print, and cut off if it is
/// long. The text is empty if the Name is empty, or if the bytes are not a SEQUENCE.
///
/// With the feature `x509-parser` it has the form of OpenSSL's tools, `C=DE, O=An Authority`, with
/// the names of all attributes that are known there; without it the form of RFC 4514,
/// `O=An Authority,C=DE`.
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
    let attributes = parts(name).flatten().flat_map(Part::attributes).flatten();
    let attributes = attributes.map(|Attribute { kind, value }| {
        let text = value_words(value).to_lowercase();
        (kind.contents, text.split_whitespace().collect::<Vec<_>>().join(" "))
    });
    attributes.collect()
}

/// A Name in the form of OpenSSL's tools: `C=DE, O=An Authority + CN=a`.
#[cfg(feature = "x509-parser")]
fn words(name: &[u8]) -> String {
    let words_of = |attribute: Option<Attribute<'_>>| match attribute {
        Some(Attribute { kind, value }) => {
            format!("{}={}", oid::attribute_name(kind.contents), value_words(value))
        }
        None => "?".to_owned(),
    };
    let parts = parts(name).map(|part| match part {
        Some(part) => part.attributes().map(words_of).collect::<Vec<_>>().join(" + "),
        None => "?".to_owned(),
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// A Name in the form of RFC 4514, with the last part first: `CN=a+O=An Authority,C=DE`. What is
/// malformed is a question mark.
#[cfg(not(feature = "x509-parser"))]
fn words(name: &[u8]) -> String {
    let words_of = |attribute: Option<Attribute<'_>>| attribute.map_or("?".to_owned(), rfc_4514);
    let parts = parts(name).map(|part| match part {
        Some(part) => part.attributes().map(words_of).collect::<Vec<_>>().join("+"),
        None => "?".to_owned(),
    });
    let mut parts: Vec<_> = parts.collect();
    parts.reverse();
    parts.join(",")
}

/// An attribute in the form of RFC 4514, sections 2.3 and 2.4. A type without a name there has its
/// numbers, and its value is in hexadecimal digits.
#[cfg(not(feature = "x509-parser"))]
fn rfc_4514(attribute: Attribute<'_>) -> String {
    let Attribute { kind, value } = attribute;
    match oid::attribute_name(kind.contents) {
        Some(name) if is_string(value.tag) => format!("{name}={}", escaped(&value_words(value))),
        Some(name) => format!("{name}=#{}", hex::encode(value.whole)),
        None => format!("{}=#{}", oid::dotted(kind.contents), hex::encode(value.whole)),
    }
}

/// A value with the characters escaped that would end it, or would be taken for another form (RFC
/// 4514, section 2.4).
#[cfg(not(feature = "x509-parser"))]
fn escaped(value: &str) -> String {
    let mut out = String::new();
    let last = value.chars().count().saturating_sub(1);
    for (place, character) in value.chars().enumerate() {
        match character {
            '\0' => out.push_str("\\00"),
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => out.extend(['\\', character]),
            '#' if place == 0 => out.push_str("\\#"),
            ' ' if place == 0 || place == last => out.push_str("\\ "),
            _ => out.push(character),
        }
    }
    out
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
mod tests {
    use super::*;

    const UTF8: u8 = 0x0c;
    const PRINTABLE: u8 = 0x13;

    /// Of parts that each have one attribute: the last byte of its type, its tag and its value.
    fn name(parts: &[(u8, u8, &[u8])]) -> Vec<u8> {
        parts.iter().flat_map(|&(kind, tag, value)| set(&[attribute(kind, tag, value)])).collect()
    }

    fn attribute(kind: u8, tag: u8, value: &[u8]) -> Vec<u8> {
        let kind = der::wrap(der::OBJECT_IDENTIFIER, &[0x55, 0x04, kind]);
        der::wrap(der::SEQUENCE, &[kind, der::wrap(tag, value)].concat())
    }

    fn set(attributes: &[Vec<u8>]) -> Vec<u8> {
        der::wrap(der::SET, &attributes.concat())
    }

    #[test]
    fn case_width_of_spaces_and_kind_of_string_do_not_count() {
        let plain = normalize_or_raw(&name(&[(3, UTF8, b"good root")]));
        for (tag, value) in [
            (PRINTABLE, &b"good root"[..]),
            (UTF8, b" Good   ROOT "),
            (0x16, b"Good Root"),
            (0x14, b"Good Root"),
            (0x12, b"Good Root"),
            (0x1a, b"Good Root"),
            (0x1e, b"\0G\0o\0o\0d\0 \0R\0o\0o\0t"),
        ] {
            assert_eq!(normalize_or_raw(&name(&[(3, tag, value)])), plain, "{tag:#x}");
        }
        for (one, other) in
            [("CAFÉ", "café"), ("STRASSE", "Straße"), ("ΟΔΟΣ", "οδος"), ("ΟΔΟΣ", "οδοσ")]
        {
            assert_eq!(
                normalize_or_raw(&name(&[(3, UTF8, one.as_bytes())])),
                normalize_or_raw(&name(&[(3, UTF8, other.as_bytes())])),
            );
        }
    }

    #[test]
    fn a_name_is_exact_if_nothing_in_it_could_be_written_in_another_way() {
        let is_exact_text = |text: &str| is_exact(&name(&[(3, UTF8, text.as_bytes())]));
        for text in [
            "An Authority, Inc. <a@b.example>",
            "Müller & Söhne",
            "Łódź",
            "Αθήνα",
            "ООО Ромашка",
            "東京タワー",
            "한국",
            "a\u{a0}b",
        ] {
            assert!(is_exact_text(text), "{text}");
        }
        for text in [
            "Ev\u{ad}il",
            "Ev\u{200b}il",
            "Ev\u{0}il",
            "Ev\u{7f}il",
            "Ev\u{202e}il",
            "Ev\u{fe0f}il",
            "Ｅｖｉｌ",
            "Cafe\u{301}",
            "ﬁne",
            "İ",
            "ŉ",
            "ﾀﾜｰ",
            "Ⅻ",
            "µ",
            "ΐ",
        ] {
            assert!(!is_exact_text(text), "{text:?}");
        }
        let label = |text: &str| {
            let kind = der::wrap(der::OBJECT_IDENTIFIER, oid::DOMAIN_COMPONENT);
            let value = der::wrap(der::UTF8_STRING, text.as_bytes());
            set(&[der::wrap(der::SEQUENCE, &[kind, value].concat())])
        };
        assert!(is_exact(&label("xn--bcher-kva")) && !is_exact(&label("bücher")));
        assert!(!is_exact(&name(&[(3, 0x14, b"good\xffroot")])), "a string that does not decode");
        assert!(is_exact(&name(&[(3, 0x03, &[0, 0xff])])), "no string");
    }

    #[test]
    fn a_name_that_is_not_exact_may_begin_with_every_tree_of_its_types() {
        let (evil, other) = ("Evil".as_bytes(), "Ev\u{ad}il".as_bytes());
        let tree = name(&[(6, PRINTABLE, b"DE"), (10, UTF8, evil)]);
        for (parts, may) in [
            (&[(6, PRINTABLE, &b"de"[..]), (10, UTF8, other)][..], true),
            (&[(6, PRINTABLE, b"DE"), (10, UTF8, other), (3, UTF8, b"a")], true),
            (&[(6, PRINTABLE, b"FR"), (10, UTF8, other)], false),
            (&[(6, PRINTABLE, b"DE"), (11, UTF8, other)], false),
            (&[(6, PRINTABLE, b"DE")], false),
        ] {
            assert_eq!(may_begin_with(&name(parts), &tree), may);
        }
        // The tree itself may be the one that is not.
        let tree = name(&[(10, UTF8, other)]);
        assert!(may_begin_with(&name(&[(10, UTF8, evil)]), &tree));
    }

    #[test]
    fn everything_else_counts() {
        let plain = normalize_or_raw(&name(&[(3, UTF8, b"good root")]));
        for other in [
            name(&[(3, UTF8, b"goodroot")]),
            name(&[(10, UTF8, b"good root")]),
            name(&[(3, 0x04, b"good root")]),
            name(&[(3, 0x14, b"good\xffroot")]),
            name(&[(3, 0x1e, b"\0g\0o\0o\0d\0 \0r\0o\0o\0t\0")]),
            name(&[(3, UTF8, b"good root"), (3, UTF8, b"good root")]),
            Vec::new(),
        ] {
            assert_ne!(normalize_or_raw(&other), plain, "{other:02x?}");
        }
        let (a, b) = ((6, PRINTABLE, &b"DE"[..]), (10, UTF8, &b"a"[..]));
        assert_ne!(normalize_or_raw(&name(&[a, b])), normalize_or_raw(&name(&[b, a])));
    }

    #[test]
    fn one_part_of_several_attributes_is_a_set() {
        let (a, b) = (attribute(3, UTF8, b"a"), attribute(10, UTF8, b"b"));
        let both = normalize_or_raw(&set(&[a.clone(), b.clone()]));
        assert_eq!(both, normalize_or_raw(&set(&[b.clone(), a.clone()])));
        assert_ne!(both, normalize_or_raw(&[set(&[a]), set(&[b])].concat()));
    }

    #[test]
    fn the_form_of_a_beginning_is_the_beginning_of_the_form() {
        let parts: [(u8, u8, &[u8]); 3] =
            [(6, PRINTABLE, b"DE"), (10, UTF8, b"An Authority"), (3, UTF8, b"a")];
        let whole = normalize_or_raw(&name(&parts));
        assert!(whole.starts_with(&normalize_or_raw(&name(&parts[..2]))));
        assert!(!whole.starts_with(&normalize_or_raw(&name(&parts[1..]))));
        // Not so where only the text of a value goes on.
        assert!(!whole.starts_with(&normalize_or_raw(&name(&[(6, PRINTABLE, b"D")]))));
    }

    #[test]
    fn what_is_no_name_is_only_itself() {
        for bytes in [&[0x31][..], &[0x31, 0x02, 0x30, 0x05], &[0x31, 0x02, 0x30, 0x00], b"x"] {
            assert_eq!(normalize_or_raw(bytes), bytes);
        }
    }

    #[test]
    fn a_name_in_words_has_the_last_part_first_only_in_the_form_of_rfc_4514() {
        let organization = attribute(10, UTF8, b"An Authority, Inc.");
        let both = set(&[attribute(3, UTF8, b"#a "), attribute(11, UTF8, b"b=\"c\"\\")]);
        let mut name = [name(&[(6, PRINTABLE, b"DE")]), set(&[organization]), both].concat();
        let (openssl, rfc_4514) = (
            "C=DE, O=An Authority, Inc., CN=#a  + OU=b=\"c\"\\",
            "CN=\\#a\\ +OU=b=\\\"c\\\"\\\\,O=An Authority\\, Inc.,C=DE",
        );
        let has_names = cfg!(feature = "x509-parser");
        assert_eq!(describe(&name), if has_names { openssl } else { rfc_4514 });
        name.extend(set(&[attribute(5, PRINTABLE, b"7")]));
        let unnamed = if has_names {
            format!("{openssl}, serialNumber=7")
        } else {
            format!("2.5.4.5=#130137,{rfc_4514}")
        };
        assert_eq!(describe(&name), unnamed);
    }

    #[test]
    fn what_is_malformed_in_a_name_is_a_question_mark_in_words() {
        let good = name(&[(3, UTF8, b"a")]);
        let no_attribute = set(&[der::wrap(der::SEQUENCE, &[])]);
        for bad in [no_attribute.as_slice(), &[der::SET, 0], &[der::SET, 9, 0]] {
            let name = [good.as_slice(), bad].concat();
            let words = if cfg!(feature = "x509-parser") { "CN=a, ?" } else { "?,CN=a" };
            assert_eq!(describe(&name), words);
            assert_eq!(normalize(&name), None);
            assert_eq!(first_malformed_part(&name), bad);
            assert!(!parses(&name) && !is_exact(&name));
        }
    }
}
