//! Names of issuers and subjects, and when two of them are the same (RFC 5280, section 7.1).

use std::borrow::Cow;

use x509_parser::asn1_rs::Oid;
use x509_parser::objects::{oid_registry, oid2abbrev};

use super::der;
use super::error::printable;

pub(super) const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const DOMAIN_COMPONENT: &[u8] = &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19];
/// Where certificates had email addresses before there were subject alternative names.
pub(super) const EMAIL_ADDRESS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01];

/// A form that two names share if they are the same: without the case of their letters, the width
/// of their spaces, and the kind of their strings.
///
/// An authority must write its name in the certificates that it issues as it stands in its own
/// (section 4.1.2.4), and most do. Tools that decode the name and encode it again do not, so that
/// comparing bytes would lose paths that are good; a name alone proves nothing in any case, the
/// signature does. It is the string preparation of RFC 4518 for the characters that [`is_clear`]
/// knows. Others are not made the same as those that they are compatible with: names with such
/// characters are two in the form where they are one in the RFC, and never the other way round.
///
/// The form of a name that begins with another name begins with the form of that one.
pub(super) fn fold(name: &[u8]) -> Vec<u8> {
    folded(name).unwrap_or_else(|| name.to_vec())
}

/// As [`fold`]; `None` for what is no Name.
pub(super) fn folded(name: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(2 * name.len());
    let mut sets = der::Reader(name);
    while !sets.is_empty() {
        let mut attributes = der::Reader(sets.take(der::SET)?.contents);
        let first = attributes.take(der::SEQUENCE)?;
        if attributes.is_empty() {
            out.extend(1_usize.to_be_bytes());
            fold_attribute(first.contents, &mut out)?;
            continue;
        }
        let mut forms = vec![Vec::new()];
        fold_attribute(first.contents, forms.last_mut()?)?;
        while !attributes.is_empty() {
            forms.push(Vec::new());
            fold_attribute(attributes.take(der::SEQUENCE)?.contents, forms.last_mut()?)?;
        }
        // They are a set, and not everyone sorts it.
        forms.sort_unstable();
        out.extend(forms.len().to_be_bytes());
        out.extend(forms.into_iter().flatten());
    }
    Some(out)
}

/// The rest of a malformed Name from the first of its parts on that does not parse.
pub(super) fn stumble(name: &[u8]) -> &[u8] {
    let mut sets = der::Reader(name);
    loop {
        let at = sets.0;
        match sets.next() {
            Some(set) if folded(set.whole).is_some() => {}
            _ => return at,
        }
    }
}

/// Adds type and value, from the contents of an AttributeTypeAndValue.
fn fold_attribute(attribute: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut parts = der::Reader(attribute);
    let (kind, value) = (parts.take(der::OBJECT_IDENTIFIER)?, parts.next()?);
    out.extend(kind.whole);
    match text(value) {
        Some(text) => {
            out.push(der::UTF8_STRING);
            let start = out.len();
            out.extend(0_usize.to_be_bytes());
            let from = out.len();
            for word in text.split_whitespace() {
                if out.len() > from {
                    out.push(b' ');
                }
                match word.is_ascii() {
                    true => out.extend(word.bytes().map(|byte| byte.to_ascii_lowercase())),
                    false => fold_word(word, out),
                }
            }
            let length = (out.len() - from).to_be_bytes();
            out.get_mut(start..from)?.copy_from_slice(&length);
        }
        None => out.extend(value.whole),
    }
    parts.is_empty().then_some(())
}

/// The case folding of RFC 3454, appendix B.2, one character after the other.
fn fold_word(word: &str, out: &mut Vec<u8>) {
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
pub(super) fn is_clear(name: &[u8]) -> bool {
    let is_value_clear = |kind: &[u8], value: der::Element<'_>| match text(value) {
        // A label of a domain may also be written in ASCII (RFC 5280, section 7.3).
        Some(text) if kind == DOMAIN_COMPONENT => text.is_ascii() && text.chars().all(is_exact),
        Some(text) => text.chars().all(is_exact),
        None => !is_string(value.tag),
    };
    attributes(name).is_some_and(|all| all.iter().all(|(kind, value)| is_value_clear(kind, *value)))
}

/// Whether the name may begin with the tree where their forms do not decide, as one of them is not
/// [clear](is_clear): attributes of the same types, of which those that are clear are the same.
pub(super) fn may_begin_with(name: &[u8], tree: &[u8]) -> bool {
    let mut sets = der::each(name).flatten();
    der::each(tree).flatten().all(|tree| sets.next().is_some_and(|set| may_be(set, tree)))
}

/// Whether two parts of Names may be the same.
fn may_be(one: der::Element<'_>, other: der::Element<'_>) -> bool {
    if is_clear(one.whole) && is_clear(other.whole) {
        return fold(one.whole) == fold(other.whole);
    }
    kinds(one) == kinds(other)
}

/// The types of the attributes in a part of a Name, in one order.
fn kinds(set: der::Element<'_>) -> Vec<Vec<u8>> {
    let attributes = attributes(set.whole).unwrap_or_default();
    let mut kinds: Vec<_> = attributes.iter().map(|(kind, _)| kind.to_vec()).collect();
    kinds.sort_unstable();
    kinds
}

/// Whether a character is its own normal form (NFKC), is mapped to itself or to a space (RFC 4518,
/// section 2.2), combines with none before it, and folds as [`fold_word`] does. These are most of
/// those that names have; of those that are not here the RFC may still say the same.
fn is_exact(character: char) -> bool {
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

/// What a string says, whatever its kind. `None` if it is none, or does not decode.
fn text(value: der::Element<'_>) -> Option<Cow<'_, str>> {
    match value.tag {
        der::UTF8_STRING | der::PRINTABLE_STRING | der::IA5_STRING => {
            core::str::from_utf8(value.contents).ok().map(Cow::Borrowed)
        }
        // What its other bytes mean, hardly two agree on.
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

/// Whether a Name is well formed, and each of its strings can be read: one that cannot is a way
/// around what is excluded.
pub(super) fn parses(name: &[u8]) -> bool {
    let reads = |value: &der::Element<'_>| !is_string(value.tag) || text(*value).is_some();
    attributes(name).is_some_and(|attributes| attributes.iter().all(|(_, value)| reads(value)))
}

/// Every kind of string there is, in one piece or in several, which DER forbids.
fn is_string(tag: u8) -> bool {
    matches!(tag & !0x20, der::UTF8_STRING | 0x12..=0x16 | 0x19..=0x1e)
}

/// The attributes of a Name, types and values.
fn attributes(name: &[u8]) -> Option<Vec<(&[u8], der::Element<'_>)>> {
    let mut attributes = Vec::new();
    for set in der::elements(name)? {
        let inside = der::elements(set.contents).filter(|it| set.tag == der::SET && !it.is_empty());
        for attribute in inside? {
            let [kind, value] = der::elements(attribute.contents)?.try_into().ok()?;
            let is_one = attribute.tag == der::SEQUENCE && kind.tag == der::OBJECT_IDENTIFIER;
            is_one.then(|| attributes.push((kind.contents, value)))?;
        }
    }
    Some(attributes)
}

/// The values of one kind of attribute of a Name, as they are written.
pub(super) fn values(name: &[u8], wanted: &[u8]) -> Vec<String> {
    let attributes = attributes(name).unwrap_or_default().into_iter();
    let wanted = attributes.filter(|(kind, _)| *kind == wanted);
    wanted.map(|(_, value)| text(value).unwrap_or_default().into_owned()).collect()
}

/// A Name (RFC 5280, section 4.1.2.4) in words, from its DER, as OpenSSL's tools have it: safe to
/// print, and cut off if it is long. It is empty for an empty Name, and for what is none.
pub fn distinguished_name(name: &[u8]) -> String {
    describe(der::only(name, der::SEQUENCE).unwrap_or_default())
}

/// A Name in words, from its contents, safe to print.
pub(super) fn describe(name: &[u8]) -> String {
    printable(&words(name))
}

/// Whether two Names that are not the same read the same, but for the case of their letters and
/// the width of their spaces.
pub(super) fn reads_like(one: &[u8], other: &[u8]) -> bool {
    let plain = |name| -> String {
        words(name).to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    plain(one) == plain(other)
}

/// A Name in the form of OpenSSL's tools: `C=DE, O=An Authority + CN=a`.
fn words(name: &[u8]) -> String {
    let mut parts = Vec::new();
    for set in der::elements(name).unwrap_or_default() {
        let attributes = der::elements(set.contents).unwrap_or_default();
        let part: Vec<_> = attributes.iter().map(|it| attribute_words(it.contents)).collect();
        parts.push(part.join(" + "));
    }
    parts.join(", ")
}

fn attribute_words(attribute: &[u8]) -> String {
    let mut fields = der::Reader(attribute);
    let (Some(kind), Some(value)) = (fields.take(der::OBJECT_IDENTIFIER), fields.next()) else {
        return "?".to_owned();
    };
    let oid = Oid::new(kind.contents.into());
    let number = oid.to_id_string();
    let kind = oid2abbrev(&oid, oid_registry()).unwrap_or(&number);
    format!("{kind}={}", value_words(value))
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
        let plain = fold(&name(&[(3, UTF8, b"good root")]));
        for (tag, value) in [
            (PRINTABLE, &b"good root"[..]),
            (UTF8, b" Good   ROOT "),
            (0x16, b"Good Root"),
            (0x14, b"Good Root"),
            (0x12, b"Good Root"),
            (0x1a, b"Good Root"),
            (0x1e, b"\0G\0o\0o\0d\0 \0R\0o\0o\0t"),
        ] {
            assert_eq!(fold(&name(&[(3, tag, value)])), plain, "{tag:#x}");
        }
        for (one, other) in
            [("CAFÉ", "café"), ("STRASSE", "Straße"), ("ΟΔΟΣ", "οδος"), ("ΟΔΟΣ", "οδοσ")]
        {
            assert_eq!(
                fold(&name(&[(3, UTF8, one.as_bytes())])),
                fold(&name(&[(3, UTF8, other.as_bytes())])),
            );
        }
    }

    #[test]
    fn a_name_is_clear_if_nothing_in_it_could_be_written_in_another_way() {
        let is_clear_text = |text: &str| is_clear(&name(&[(3, UTF8, text.as_bytes())]));
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
            assert!(is_clear_text(text), "{text}");
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
            assert!(!is_clear_text(text), "{text:?}");
        }
        let label = |text: &str| {
            let kind = der::wrap(der::OBJECT_IDENTIFIER, DOMAIN_COMPONENT);
            let value = der::wrap(der::UTF8_STRING, text.as_bytes());
            set(&[der::wrap(der::SEQUENCE, &[kind, value].concat())])
        };
        assert!(is_clear(&label("xn--bcher-kva")) && !is_clear(&label("bücher")));
        assert!(!is_clear(&name(&[(3, 0x14, b"good\xffroot")])), "a string that does not decode");
        assert!(is_clear(&name(&[(3, 0x03, &[0, 0xff])])), "no string");
    }

    #[test]
    fn a_name_that_is_not_clear_may_begin_with_every_tree_of_its_types() {
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
        let plain = fold(&name(&[(3, UTF8, b"good root")]));
        for other in [
            name(&[(3, UTF8, b"goodroot")]),
            name(&[(10, UTF8, b"good root")]),
            name(&[(3, 0x04, b"good root")]),
            name(&[(3, 0x14, b"good\xffroot")]),
            name(&[(3, 0x1e, b"\0g\0o\0o\0d\0 \0r\0o\0o\0t\0")]),
            name(&[(3, UTF8, b"good root"), (3, UTF8, b"good root")]),
            Vec::new(),
        ] {
            assert_ne!(fold(&other), plain, "{other:02x?}");
        }
        let (a, b) = ((6, PRINTABLE, &b"DE"[..]), (10, UTF8, &b"a"[..]));
        assert_ne!(fold(&name(&[a, b])), fold(&name(&[b, a])));
    }

    #[test]
    fn one_part_of_several_attributes_is_a_set() {
        let (a, b) = (attribute(3, UTF8, b"a"), attribute(10, UTF8, b"b"));
        let both = fold(&set(&[a.clone(), b.clone()]));
        assert_eq!(both, fold(&set(&[b.clone(), a.clone()])));
        assert_ne!(both, fold(&[set(&[a]), set(&[b])].concat()));
    }

    #[test]
    fn the_form_of_a_beginning_is_the_beginning_of_the_form() {
        let parts: [(u8, u8, &[u8]); 3] =
            [(6, PRINTABLE, b"DE"), (10, UTF8, b"An Authority"), (3, UTF8, b"a")];
        let whole = fold(&name(&parts));
        assert!(whole.starts_with(&fold(&name(&parts[..2]))));
        assert!(!whole.starts_with(&fold(&name(&parts[1..]))));
        // Not so where only the text of a value goes on.
        assert!(!whole.starts_with(&fold(&name(&[(6, PRINTABLE, b"D")]))));
    }

    #[test]
    fn what_is_no_name_is_only_itself() {
        for bytes in [&[0x31][..], &[0x31, 0x02, 0x30, 0x05], &[0x31, 0x02, 0x30, 0x00], b"x"] {
            assert_eq!(fold(bytes), bytes);
        }
    }
}
