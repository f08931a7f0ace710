//! The name of a server as the key of a table.

use std::borrow::Cow;

use pki_types::ServerName;

/// The text of the name, in lower case: names that are equal have the same key. A [`ServerName`] is hashed letter
/// by letter, which takes many times as long. Most names are in lower case, and are not copied.
pub(crate) fn name_key<'a>(name: &'a ServerName<'_>) -> Cow<'a, str> {
    let text = name.to_str();
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    text
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
            }
        }
    }
}
