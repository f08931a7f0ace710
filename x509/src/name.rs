//! Whether a certificate is valid for the expected name (RFC 9525).

use core::fmt;
use std::net::IpAddr;

use pki_types::ServerName;

use super::error::CertificateErrorKind;
use super::general_name::{GeneralName, matches_email};
use super::presented::PresentedIdentifier;
use super::text::printable;

/// The number of names of a certificate that an error lists.
const LISTED_NAMES: usize = 20;

/// A name that a certificate must be valid for (RFC 9525, section 1.4).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReferenceIdentifier<'a> {
    /// A server's DNS name or IP address.
    Server(ServerName<'a>),
    /// An email address, `local-part@domain` (RFC 5280, section 4.2.1.6).
    Email(&'a str),
}

impl<'a> From<ServerName<'a>> for ReferenceIdentifier<'a> {
    fn from(name: ServerName<'a>) -> Self {
        Self::Server(name)
    }
}

impl fmt::Display for ReferenceIdentifier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(name) => f.write_str(&name.to_str()),
            Self::Email(address) => f.write_str(address),
        }
    }
}

impl GeneralName {
    /// Whether this name matches `expected`. A DNS name never matches an IP address, even if it is
    /// written like one (RFC 9525, section 6.4).
    fn is_for(&self, expected: &ReferenceIdentifier<'_>) -> bool {
        use ReferenceIdentifier::{Email, Server};
        match (self, expected) {
            (Self::Dns(presented), Server(ServerName::DnsName(name))) => {
                matches_dns(presented, name.as_ref())
            }
            (Self::Ip(presented), Server(ServerName::IpAddress(address))) => {
                match IpAddr::from(*address) {
                    IpAddr::V4(address) => *presented == address.octets(),
                    IpAddr::V6(address) => *presented == address.octets(),
                }
            }
            (Self::Email(presented), Email(address)) => matches_email(presented, address),
            _ => false,
        }
    }
}

/// Whether one of `names` matches `expected`.
pub(super) fn valid_for(names: &[GeneralName], expected: &ReferenceIdentifier<'_>) -> bool {
    names.iter().any(|name| name.is_for(expected))
}

/// Checks that a certificate with these `names` is valid for each of the `expected` ones.
pub(super) fn check(
    names: &[GeneralName],
    expected: &[ReferenceIdentifier<'_>],
) -> Result<(), CertificateErrorKind> {
    let Some(missing) = expected.iter().find(|expected| !valid_for(names, expected)) else {
        return Ok(());
    };
    let mut relevant = names.iter().filter_map(PresentedIdentifier::of);
    Err(CertificateErrorKind::NameMismatch {
        expected: printable(&missing.to_string()),
        presented: relevant.by_ref().take(LISTED_NAMES).collect(),
        omitted: relevant.count(),
    })
}

/// RFC 9525, section 6.3. Both names are ASCII: `expected` because its type says so, and
/// `presented` because otherwise it equals nothing that `expected` can be.
fn matches_dns(presented: &str, expected: &str) -> bool {
    let expected = expected.strip_suffix('.').unwrap_or(expected);
    let Some(parent) = presented.strip_prefix("*.") else {
        return !expected.is_empty() && presented.eq_ignore_ascii_case(expected);
    };
    // A wildcard is exactly one label. One for a whole top-level domain is not accepted.
    let Some((label, expected_parent)) = expected.split_once('.') else {
        return false;
    };
    !label.is_empty()
        && parent.split('.').count() >= 2
        && parent.split('.').all(|label| !label.is_empty())
        && parent.eq_ignore_ascii_case(expected_parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dns(name: &str) -> GeneralName {
        GeneralName::Dns(name.to_owned())
    }

    fn name(name: &str) -> ReferenceIdentifier<'_> {
        ServerName::try_from(name).unwrap().into()
    }

    #[test]
    fn dns_names() {
        for (presented, expected, matches) in [
            ("example.com", "example.com", true),
            ("EXAMPLE.com", "eXample.COM", true),
            ("example.com", "example.com.", true),
            ("localhost", "localhost", true),
            ("xn--bcher-kva.example", "xn--bcher-kva.example", true),
            ("under_score.example.com", "under_score.example.com", true),
            ("example.com.", "example.com", false),
            (".example.com", "example.com", false),
            ("example.com", "www.example.com", false),
            ("www.example.com", "example.com", false),
            ("example.co", "example.com", false),
            ("", "example.com", false),
            ("example.com\0.evil.org", "example.com", false),
            ("b\u{fc}cher.example", "xn--bcher-kva.example", false),
        ] {
            assert_eq!(
                dns(presented).is_for(&name(expected)),
                matches,
                "{presented:?} {expected:?}"
            );
        }
    }

    #[test]
    fn wildcards() {
        for (presented, expected, matches) in [
            ("*.example.com", "www.example.com", true),
            ("*.EXAMPLE.com", "www.example.com.", true),
            ("*.example.com", "xn--bcher-kva.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "a.b.example.com", false),
            ("*.example.com", "www.example.org", false),
            ("*.com", "example.com", false),
            ("*", "localhost", false),
            ("*.", "localhost", false),
            ("*..com", "a.com", false),
            ("*.example.com.", "www.example.com", false),
            ("w*.example.com", "www.example.com", false),
            ("*w.example.com", "www.example.com", false),
            ("www.*.com", "www.example.com", false),
            ("*.*.com", "www.example.com", false),
            ("**.example.com", "www.example.com", false),
        ] {
            assert_eq!(
                dns(presented).is_for(&name(expected)),
                matches,
                "{presented:?} {expected:?}"
            );
        }
    }

    #[test]
    fn ip_addresses_match_their_bytes_alone() {
        let v4 = GeneralName::Ip(vec![192, 0, 2, 1]);
        let mut bytes = vec![0x20, 0x01, 0x0d, 0xb8];
        bytes.resize(16, 0);
        let v6 = GeneralName::Ip(bytes);
        assert!(v4.is_for(&name("192.0.2.1")));
        assert!(!v4.is_for(&name("192.0.2.2")));
        assert!(v6.is_for(&name("2001:db8::")));
        assert!(!v6.is_for(&name("2001:db8::1")));
        // Neither a written address nor one that is mapped into IPv6 is the address.
        assert!(!dns("192.0.2.1").is_for(&name("192.0.2.1")));
        assert!(!dns("*.0.2.1").is_for(&name("192.0.2.1")));
        assert!(!v4.is_for(&name("::ffff:192.0.2.1")));
        assert!(!GeneralName::Ip(vec![192, 0, 2]).is_for(&name("192.0.2.1")));
        assert!(!GeneralName::Ip(Vec::new()).is_for(&name("192.0.2.1")));
        assert!(!GeneralName::Other(0xa0).is_for(&name("192.0.2.1")));
    }

    #[test]
    fn a_mismatch_lists_names_within_bounds() {
        let mut names =
            vec![GeneralName::Other(0xa0), GeneralName::Ip(vec![192, 0, 2, 1]), dns("a\nb")];
        names.extend((0..100).map(|_| dns(&"x".repeat(1000))));
        let CertificateErrorKind::NameMismatch { expected, presented, omitted } =
            check(&names, &[name("example.com")]).unwrap_err()
        else {
            panic!("another error");
        };
        assert_eq!(expected, "example.com");
        assert_eq!(presented.len(), LISTED_NAMES);
        let shown: Vec<_> = presented.iter().map(PresentedIdentifier::to_string).collect();
        assert_eq!(shown[..2], ["IP:192.0.2.1", "DNS:a\\nb"]);
        assert!(shown.iter().all(|name| name.len() < 250));
        assert_eq!(omitted, 82);
        let text = check(&[], &[name("example.com")]).unwrap_err().to_string();
        assert!(text.contains("no DNS name"), "{text}");
    }
}
