//! Object identifiers: those that validation reads, and the words for any other in errors.
//!
//! With the feature `x509-parser`, errors have the name of an identifier beside its numbers.

use super::text::printable;

/// Extensions.
pub(super) const SUBJECT_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 14];
pub(super) const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
pub(super) const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 17];
pub(super) const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
pub(super) const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 30];
pub(super) const CRL_DISTRIBUTION_POINTS: &[u8] = &[0x55, 0x1d, 31];
pub(super) const CERTIFICATE_POLICIES: &[u8] = &[0x55, 0x1d, 32];
pub(super) const POLICY_MAPPINGS: &[u8] = &[0x55, 0x1d, 33];
pub(super) const AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 35];
pub(super) const POLICY_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 36];
pub(super) const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];
pub(super) const INHIBIT_ANY_POLICY: &[u8] = &[0x55, 0x1d, 54];
pub(super) const AUTHORITY_INFORMATION_ACCESS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 1];
pub(super) const TLS_FEATURE: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 24];
pub(super) const OCSP_NO_CHECK: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 0x30, 1, 5];

/// The types of attributes of a Name that are read.
pub(super) const COMMON_NAME: &[u8] = &[0x55, 0x04, 3];
pub(super) const DOMAIN_COMPONENT: &[u8] =
    &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19];
/// Where certificates had email addresses before there were subject alternative names.
pub(super) const EMAIL_ADDRESS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01];

/// The numbers of an object identifier, from its contents, with dots between them. One with a
/// number of more than 128 bits, which is not in use, is in hexadecimal digits.
pub(super) fn dotted(contents: &[u8]) -> String {
    match numbers(contents).as_deref() {
        Some([first, rest @ ..]) => {
            // The first two numbers are written as one (X.690, section 8.19.4).
            let root = (first / 40).min(2);
            let mut text = format!("{root}.{}", first - 40 * root);
            for number in rest {
                text += &format!(".{number}");
            }
            text
        }
        _ => hex::encode(contents),
    }
}

/// The numbers as they are written: in groups of seven bits, of which all but the last have the
/// highest bit set. `None` if one does not fit.
fn numbers(contents: &[u8]) -> Option<Vec<u128>> {
    let mut numbers = Vec::new();
    let mut number: u128 = 0;
    for byte in contents {
        number = number.checked_mul(128)? | u128::from(byte & 0x7f);
        if *byte < 0x80 {
            numbers.push(number);
            number = 0;
        }
    }
    Some(numbers)
}

/// An object identifier that is in the list twice. The list may have thousands, so it is sorted.
pub(super) fn duplicate<'a>(list: &mut [&'a [u8]]) -> Option<&'a [u8]> {
    list.sort_unstable();
    list.windows(2).find_map(|pair| match pair {
        [one, other] if one == other => Some(*other),
        _ => None,
    })
}

/// An object identifier from its contents, safe to print: its name, if it is known, and its numbers.
pub(super) fn describe(contents: &[u8]) -> String {
    let number = printable(&dotted(contents));
    match name(contents) {
        Some(name) => format!("{name} ({number})"),
        None => number,
    }
}

/// The name of an object identifier, from its contents.
#[cfg(not(feature = "x509-parser"))]
fn name(_contents: &[u8]) -> Option<&'static str> {
    None
}

/// The name of an object identifier, from its contents.
#[cfg(feature = "x509-parser")]
fn name(contents: &[u8]) -> Option<&'static str> {
    use x509_parser::asn1_rs::Oid;
    use x509_parser::objects::oid_registry;

    match oid_registry().get(&Oid::new(contents.to_vec().into())) {
        Some(entry) => Some(entry.sn()),
        None => name_beside_registry(&dotted(contents)),
    }
}

/// Names that the registry of `x509-parser` lacks.
#[cfg(feature = "x509-parser")]
fn name_beside_registry(number: &str) -> Option<&'static str> {
    Some(match number {
        "1.2.840.10045.4.1" => "ecdsa-with-SHA1",
        "1.3.132.0.10" => "secp256k1",
        "1.3.36.3.3.2.8.1.1.7" => "brainpoolP256r1",
        "1.3.36.3.3.2.8.1.1.11" => "brainpoolP384r1",
        "1.3.36.3.3.2.8.1.1.13" => "brainpoolP512r1",
        "1.3.101.110" => "X25519",
        "1.3.101.112" => "Ed25519",
        "1.3.101.113" => "Ed448",
        "2.16.840.1.101.3.4.3.17" => "ML-DSA-44",
        "2.16.840.1.101.3.4.3.18" => "ML-DSA-65",
        "2.16.840.1.101.3.4.3.19" => "ML-DSA-87",
        "1.3.6.1.4.1.311.21.10" => "Microsoft's application policies",
        "1.3.6.1.5.5.7.1.24" => "TLS feature",
        _ => return None,
    })
}

/// The type of an attribute of a Name, from its contents: its short name, or else its numbers.
#[cfg(feature = "x509-parser")]
pub(super) fn attribute_name(contents: &[u8]) -> String {
    use x509_parser::asn1_rs::Oid;
    use x509_parser::objects::{oid_registry, oid2abbrev};

    match oid2abbrev(&Oid::new(contents.into()), oid_registry()) {
        Ok(name) => name.to_owned(),
        Err(_) => dotted(contents),
    }
}

/// The short name of a type of attribute, from its contents, if RFC 4514, section 3, has one.
#[cfg(not(feature = "x509-parser"))]
pub(super) fn attribute_name(contents: &[u8]) -> Option<&'static str> {
    const USER_ID: &[u8] = &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x01];
    Some(match contents {
        COMMON_NAME => "CN",
        [0x55, 0x04, 6] => "C",
        [0x55, 0x04, 7] => "L",
        [0x55, 0x04, 8] => "ST",
        [0x55, 0x04, 9] => "STREET",
        [0x55, 0x04, 10] => "O",
        [0x55, 0x04, 11] => "OU",
        DOMAIN_COMPONENT => "DC",
        USER_ID => "UID",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_dots_between_them() {
        for (contents, text) in [
            (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b][..], "1.2.840.113549.1.1.11"),
            (&[0x55, 0x1d, 0x20, 0x00], "2.5.29.32.0"),
            (&[0x00], "0.0"),
            (&[0x27, 0x7f], "0.39.127"),
            (&[0x28], "1.0"),
            (&[0x88, 0x37, 0x03], "2.999.3"),
        ] {
            assert_eq!(dotted(contents), text);
        }
        let most = [&[0x2a, 0x83][..], &[0xff; 17], &[0x7f]].concat();
        assert_eq!(dotted(&most), format!("1.2.{}", u128::MAX));
        let more = [&[0x2a, 0x84][..], &[0x80; 17], &[0x00]].concat();
        assert_eq!(dotted(&more), hex::encode(&more));
    }

    #[test]
    fn a_name_is_before_its_numbers_if_it_is_known() {
        for (contents, name, number) in [
            (
                &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b][..],
                "sha256WithRSAEncryption",
                "1.2.840.113549.1.1.11",
            ),
            (&[0x2b, 0x81, 0x04, 0x00, 0x0a], "secp256k1", "1.3.132.0.10"),
            (TLS_FEATURE, "TLS feature", "1.3.6.1.5.5.7.1.24"),
        ] {
            assert_eq!(describe(contents), crate::tests::oid_words(name, number));
        }
        assert_eq!(describe(&[0x2a, 3, 4]), "1.2.3.4");
    }
}
