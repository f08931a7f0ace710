//! Object identifiers: those that validation reads, and the words for any other in errors.
//!
//! Errors have the name of an identifier beside its numbers: those in certificates, and with the feature
//! `x509-parser` all others that the crate `x509-parser` knows.

use super::text::printable;

/// An identifier and its name in each line, as the RFCs write it, without prefixes such as id-ce-. All of the
/// text is in each program, so the sources are here, in the order of the names:
///
/// - attributes of Names: RFC 4514, section 3, and RFC 5280, appendix A.1;
/// - more attributes: RFC 4519, section 2, X.520, and the EV Guidelines of the CA/Browser Forum;
/// - extensions: RFC 5280, appendix A.2;
/// - more extensions: RFC 3739, RFC 3779, RFC 6960, RFC 6962, RFC 7633 and RFC 8737;
/// - policy qualifiers: RFC 5280, section 4.2.1.4;
/// - keys and signatures of RSA: RFC 3279 and RFC 4055;
/// - DSA and Diffie-Hellman: RFC 3279 and RFC 5758;
/// - elliptic curves: RFC 5480, RFC 5639, RFC 5758 and SEC 2;
/// - RFC 8410, and ML-DSA: RFC 9881;
/// - hashes: RFC 3279, RFC 5754 and RFC 8702.
const NAMES: &str = include_str!("oid_names.txt");

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
    let number = dotted(contents);
    let name = name(contents, &number);
    let number = printable(&number);
    match name {
        Some(name) => format!("{name} ({number})"),
        None => number,
    }
}

/// The type of an attribute of a Name, from its contents: its short name, or else its numbers.
pub(super) fn attribute_name(contents: &[u8]) -> String {
    let number = dotted(contents);
    name(contents, &number).map_or(number.clone(), str::to_owned)
}

/// The name of an object identifier, from its contents and its numbers.
fn name(contents: &[u8], number: &str) -> Option<&'static str> {
    let own = NAMES.lines().find_map(|line| line.strip_prefix(number)?.strip_prefix(' '));
    own.or_else(|| rare_name(contents))
}

/// A name that is not in [`NAMES`].
#[cfg(feature = "x509-parser")]
fn rare_name(contents: &[u8]) -> Option<&'static str> {
    use x509_parser::asn1_rs::Oid;
    use x509_parser::objects::oid_registry;

    oid_registry().get(&Oid::new(contents.to_vec().into())).map(|entry| entry.sn())
}

/// A name that is not in [`NAMES`].
#[cfg(not(feature = "x509-parser"))]
fn rare_name(_contents: &[u8]) -> Option<&'static str> {
    None
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
            assert_eq!(describe(contents), format!("{name} ({number})"));
        }
        assert_eq!(describe(&[0x2a, 3, 4]), "1.2.3.4");
    }

    #[test]
    fn a_rare_name_needs_the_feature() {
        let name = describe(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x02]);
        assert_eq!(name.contains("unstructuredName"), cfg!(feature = "x509-parser"), "{name}");
    }

    #[test]
    fn each_line_of_the_names_is_an_identifier_and_its_only_name() {
        let mut numbers = std::collections::BTreeSet::new();
        for line in NAMES.lines().filter(|line| !line.starts_with('#')) {
            let (number, name) = line.split_once(' ').unwrap();
            assert!(number.split('.').all(|it| it.parse::<u32>().is_ok()), "{line}");
            assert!(name == printable(name) && name == name.trim(), "{line}");
            assert!(numbers.insert(number), "{line}");
        }
    }
}
