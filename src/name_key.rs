//! The name of a server as the key of a table.

use std::borrow::Cow;

use pki_types::ServerName;

/// The text of the name, in lower case: names that are equal have the same key. A [`ServerName`] is hashed letter
/// by letter, which takes many times as long. Most names are in lower case, and are not copied.
pub(crate) fn name_key<'a>(name: &'a ServerName<'_>) -> Cow<'a, str> {
    let text = name.to_str();
    // Without a branch for each letter.
    if text.bytes().fold(false, |found, byte| found | byte.is_ascii_uppercase()) {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    text
}

/// Whether the names are equal. Most have the same letters, and then are not compared letter by letter.
pub(crate) fn is_same_name(one: &ServerName<'_>, other: &ServerName<'_>) -> bool {
    match (one, other) {
        (ServerName::DnsName(one), ServerName::DnsName(other)) => {
            one.as_ref() == other.as_ref() || one == other
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_have_the_same_key_and_others_do_not() {
        let names =
            ["a.example", "A.Example", "b.example", "192.0.2.1", "2001:db8::1", "2001:DB8:0::1"];
        let names = names.map(|name| ServerName::try_from(name).unwrap());
        for one in &names {
            for other in &names {
                assert_eq!(name_key(one) == name_key(other), one == other, "{one:?} {other:?}");
                assert_eq!(is_same_name(one, other), one == other, "{one:?} {other:?}");
            }
        }
    }
}
