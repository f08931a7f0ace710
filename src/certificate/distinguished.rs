//! Distinguished names: taken apart, and compared (RFC 5280, section 7.1).

use x509_parser::prelude::FromDer;
use x509_parser::x509::{RelativeDistinguishedName, X509Name};

use super::der;
use super::error::printable;

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const EMAIL_ADDRESS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01];

/// A relative distinguished name: its attributes, in order.
type Relative<'a> = Vec<Attribute<'a>>;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Attribute<'a> {
    oid: &'a [u8],
    value: Value<'a>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Value<'a> {
    /// Any kind of string: small letters, one space for several, none at the ends.
    Text(String),
    /// Anything else, with its header.
    Other(&'a [u8]),
}

/// The parts of a Name, from its contents.
fn relatives(name: &[u8]) -> Option<Vec<Relative<'_>>> {
    der::elements(name)?
        .iter()
        .map(|set| {
            let attributes = der::elements(set.contents).filter(|_| set.tag == der::SET)?;
            let mut relative: Relative<'_> =
                attributes.iter().map(Attribute::read).collect::<Option<_>>()?;
            relative.sort();
            (!relative.is_empty()).then_some(relative)
        })
        .collect()
}

impl<'a> Attribute<'a> {
    fn parts(element: &der::Element<'a>) -> Option<(&'a [u8], der::Element<'a>)> {
        let [oid, value] = der::elements(element.contents)?.try_into().ok()?;
        (element.tag == der::SEQUENCE && oid.tag == der::OBJECT_IDENTIFIER)
            .then_some((oid.contents, value))
    }

    fn read(element: &der::Element<'a>) -> Option<Self> {
        let (oid, value) = Self::parts(element)?;
        let value = match string(value)? {
            Some(text) => {
                Value::Text(text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" "))
            }
            None => Value::Other(value.whole),
        };
        Some(Self { oid, value })
    }
}

/// What a string says, whatever its kind: `Some(None)` if it is none, `None` if it is malformed.
fn string(element: der::Element<'_>) -> Option<Option<String>> {
    let bytes = element.contents;
    let wide = |unit: usize| -> Option<Vec<u32>> {
        let units = bytes.chunks(unit);
        units
            .map(|it| {
                (it.len() == unit)
                    .then(|| it.iter().fold(0, |sum: u32, &byte| (sum << 8) | u32::from(byte)))
            })
            .collect()
    };
    Some(Some(match element.tag {
        der::UTF8_STRING => core::str::from_utf8(bytes).ok()?.to_owned(),
        der::PRINTABLE_STRING | der::IA5_STRING if bytes.is_ascii() => {
            bytes.iter().copied().map(char::from).collect()
        }
        der::PRINTABLE_STRING | der::IA5_STRING => return None,
        // Everyone who writes one means Latin-1.
        der::TELETEX_STRING => bytes.iter().copied().map(char::from).collect(),
        der::BMP_STRING => wide(2)?.into_iter().map(char::from_u32).collect::<Option<_>>()?,
        der::UNIVERSAL_STRING => wide(4)?.into_iter().map(char::from_u32).collect::<Option<_>>()?,
        _ => return Some(None),
    }))
}

/// Whether a Name parses, from its contents.
pub(super) fn parses(name: &[u8]) -> bool {
    relatives(name).is_some()
}

/// Whether a Name is `tree`, or `tree` with more after it (RFC 5280, section 7.1). Neither is if it
/// does not parse.
pub(super) fn is_within(name: &[u8], tree: &[u8]) -> bool {
    relatives(name)
        .zip(relatives(tree))
        .is_some_and(|(name, tree)| name.get(..tree.len()) == Some(tree.as_slice()))
}

/// The values of one kind of attribute, as they are written.
fn values(name: &[u8], wanted: &[u8]) -> Vec<String> {
    let sets = der::elements(name).unwrap_or_default();
    let attributes = sets.iter().flat_map(|set| der::elements(set.contents).unwrap_or_default());
    let parts: Vec<_> = attributes.filter_map(|it| Attribute::parts(&it)).collect();
    let wanted = parts.into_iter().filter(|(oid, _)| *oid == wanted);
    wanted.map(|(_, value)| string(value).flatten().unwrap_or_default()).collect()
}

/// The common names of a Name.
pub(super) fn common_names(name: &[u8]) -> Vec<String> {
    values(name, COMMON_NAME)
}

/// The email addresses of a Name, where certificates had them before there were subject
/// alternative names.
pub(super) fn email_addresses(name: &[u8]) -> Vec<String> {
    values(name, EMAIL_ADDRESS)
}

/// A Name in words, from its contents, safe to print.
pub(super) fn describe(name: &[u8]) -> String {
    let sets = der::elements(name).unwrap_or_default();
    let parts = sets.iter().filter_map(|set| RelativeDistinguishedName::from_der(set.whole).ok());
    printable(&parts.map(|(_, part)| part).collect::<X509Name<'_>>().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Name of relative names of one attribute each.
    fn name(attributes: &[(&[u8], u8, &[u8])]) -> Vec<u8> {
        let attribute = |&(oid, tag, value): &(&[u8], u8, &[u8])| {
            let parts = [der::wrap(der::OBJECT_IDENTIFIER, oid), der::wrap(tag, value)].concat();
            der::wrap(der::SET, &der::wrap(der::SEQUENCE, &parts))
        };
        attributes.iter().flat_map(attribute).collect()
    }

    const COUNTRY: &[u8] = &[0x55, 0x04, 0x06];

    #[test]
    fn strings_are_compared_whatever_their_kind() {
        let tree = name(&[(COMMON_NAME, der::UTF8_STRING, b"The  Example")]);
        for (tag, value, same) in [
            (der::UTF8_STRING, &b" the example "[..], true),
            (der::PRINTABLE_STRING, b"THE EXAMPLE", true),
            (der::TELETEX_STRING, b"The Example", true),
            (der::BMP_STRING, b"\0T\0h\0e\0 \0E\0x\0a\0m\0p\0l\0e", true),
            (der::UTF8_STRING, b"TheExample", false),
            (der::UTF8_STRING, b"The Examples", false),
            (der::BMP_STRING, b"\0T\0", false),
            (der::OCTET_STRING, b"The Example", false),
        ] {
            let name = name(&[(COMMON_NAME, tag, value)]);
            assert_eq!(is_within(&name, &tree), same, "{value:?}");
        }
    }

    #[test]
    fn a_tree_is_a_beginning() {
        let tree = name(&[(COUNTRY, der::PRINTABLE_STRING, b"DE")]);
        let cn = (COMMON_NAME, der::UTF8_STRING, &b"a"[..]);
        assert!(is_within(&name(&[(COUNTRY, der::UTF8_STRING, b"de"), cn]), &tree));
        assert!(is_within(&tree, &[]));
        assert!(!is_within(&name(&[cn, (COUNTRY, der::PRINTABLE_STRING, b"DE")]), &tree));
        assert!(!is_within(&[], &tree));
        // A common name "DE" is no country.
        assert!(!is_within(&name(&[(COMMON_NAME, der::PRINTABLE_STRING, b"DE")]), &tree));
        assert!(!is_within(&[0x31, 0x00], &[]));
    }

    #[test]
    fn attributes_are_found_as_they_are_written() {
        let name = name(&[
            (COUNTRY, der::PRINTABLE_STRING, b"DE"),
            (COMMON_NAME, der::UTF8_STRING, b"Example.COM"),
            (EMAIL_ADDRESS, der::IA5_STRING, b"a@example.com"),
        ]);
        assert_eq!(common_names(&name), ["Example.COM"]);
        assert_eq!(email_addresses(&name), ["a@example.com"]);
    }
}
