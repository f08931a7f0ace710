//! When names are the same, and what they are in words.

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
fn a_name_in_words_has_the_form_of_openssl() {
    let organization = attribute(10, UTF8, b"An Authority, Inc.");
    let both = set(&[attribute(3, UTF8, b"#a "), attribute(11, UTF8, b"b=\"c\"\\")]);
    let mut name = [name(&[(6, PRINTABLE, b"DE")]), set(&[organization]), both].concat();
    let words = "C=DE, O=An Authority, Inc., CN=#a  + OU=b=\"c\"\\";
    assert_eq!(describe(&name), words);
    name.extend(set(&[attribute(5, PRINTABLE, b"7"), attribute(99, PRINTABLE, b"8")]));
    assert_eq!(describe(&name), format!("{words}, serialNumber=7 + 2.5.4.99=8"));
}

#[test]
fn what_is_malformed_in_a_name_is_a_question_mark_in_words() {
    let good = name(&[(3, UTF8, b"a")]);
    let no_attribute = set(&[der::wrap(der::SEQUENCE, &[])]);
    for bad in [no_attribute.as_slice(), &[der::SET, 0], &[der::SET, 9, 0]] {
        let name = [good.as_slice(), bad].concat();
        assert_eq!(describe(&name), "CN=a, ?");
        assert_eq!((normalize(&name), fingerprint(&name)), (None, None));
        assert_eq!(first_malformed_part(&name), bad);
        assert!(!parses(&name) && !is_exact(&name));
    }
}

#[test]
fn names_are_the_same_if_and_only_if_their_forms_are() {
    let texts: [(u8, &[u8]); 15] = [
        (UTF8, b"good root"),
        (PRINTABLE, b"Good  ROOT "),
        (UTF8, b"goodroot"),
        (UTF8, b"good"),
        (UTF8, b"good root 2"),
        (UTF8, "Straße".as_bytes()),
        (UTF8, b"STRASSE"),
        (0x1e, b"\0S\0t\0r\0a\0\xdf\0e"),
        // The sign of Kelvin is a k, and there is a space of another width.
        (UTF8, "\u{212a}elvin\u{2003}10".as_bytes()),
        (PRINTABLE, b"kelvin 10"),
        (0x1e, b"\0G\0o\0o\0d\0 \0R\0o\0o\0t"),
        (0x04, b"good root"),
        (0x14, b"good\xffroot"),
        (UTF8, b""),
        (UTF8, b" "),
    ];
    let mut names = vec![Vec::new()];
    for (tag, text) in texts {
        names.push(name(&[(3, tag, text)]));
        names.push(name(&[(10, tag, text)]));
        names.push(name(&[(10, UTF8, b"An Authority"), (3, tag, text)]));
        names.push(set(&[attribute(3, tag, text), attribute(10, UTF8, b"b")]));
        names.push(set(&[attribute(10, UTF8, b"B"), attribute(3, tag, text)]));
    }
    for one in &names {
        for other in &names {
            let has_same_form = normalize(one) == normalize(other);
            assert_eq!(is_same(one, other), has_same_form, "{one:02x?} {other:02x?}");
            let has_same_fingerprint = fingerprint(one) == fingerprint(other);
            assert!(has_same_fingerprint || !has_same_form, "{one:02x?} {other:02x?}");
        }
    }
}
