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

impl<'a> From<&'a ServerName<'_>> for ReferenceIdentifier<'a> {
    fn from(name: &'a ServerName<'_>) -> Self {
        Self::Server(match name {
            ServerName::DnsName(name) => ServerName::DnsName(name.borrow()),
            other => other.to_owned(),
        })
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

impl GeneralName<'_> {
    /// Whether this name matches `expected`. A DNS name never matches an IP address, even if it is
    /// written like one (RFC 9525, section 6.4).
    fn is_for(&self, expected: &ReferenceIdentifier<'_>) -> bool {
        use ReferenceIdentifier::{Email, Server};
        match (self, expected) {
            (Self::Dns(presented), Server(ServerName::DnsName(name))) => {
                DnsId::read(presented).is_some_and(|id| id.matches(name.as_ref()))
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
pub(super) fn valid_for(names: &[GeneralName<'_>], expected: &ReferenceIdentifier<'_>) -> bool {
    names.iter().any(|name| name.is_for(expected))
}

/// Checks that a certificate with these `names` is valid for each of the `expected` ones.
pub(super) fn check(
    names: &[GeneralName<'_>],
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

/// A dNSName of a certificate that can match a name: a DNS-ID (RFC 9525, sections 1.4 and 6.3). Upper
/// and lower case are the same in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsId<'a> {
    /// It matches this name.
    Name(&'a str),
    /// `*.` before this parent. It matches each name that is one label, a dot, and this parent.
    Wildcard(&'a str),
}

impl<'a> DnsId<'a> {
    /// `None` for a name that matches nothing, such as a wildcard for a whole top-level domain.
    fn read(presented: &'a str) -> Option<Self> {
        let Some(parent) = presented.strip_prefix("*.") else {
            return (!presented.is_empty()).then_some(Self::Name(presented));
        };
        let has_two_labels = parent.contains('.');
        let has_empty_label = parent.split('.').any(str::is_empty);
        (has_two_labels && !has_empty_label).then_some(Self::Wildcard(parent))
    }

    /// Both names are ASCII: `expected` because its type says so, and `self` because otherwise it
    /// equals nothing that `expected` can be.
    fn matches(self, expected: &str) -> bool {
        let expected = expected.strip_suffix('.').unwrap_or(expected);
        match self {
            Self::Name(name) => name.eq_ignore_ascii_case(expected),
            // A wildcard is exactly one label.
            Self::Wildcard(parent) => expected.split_once('.').is_some_and(|(label, rest)| {
                !label.is_empty() && rest.eq_ignore_ascii_case(parent)
            }),
        }
    }
}

/// The DNS-IDs among `names`.
pub(super) fn dns_ids(names: Vec<GeneralName<'_>>) -> impl Iterator<Item = DnsId<'_>> {
    names.into_iter().filter_map(|name| match name {
        GeneralName::Dns(presented) => DnsId::read(presented),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dns(name: &str) -> GeneralName<'_> {
        GeneralName::Dns(name)
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
        let v4 = GeneralName::Ip(&[192, 0, 2, 1]);
        let mut bytes = vec![0x20, 0x01, 0x0d, 0xb8];
        bytes.resize(16, 0);
        let v6 = GeneralName::Ip(&bytes);
        assert!(v4.is_for(&name("192.0.2.1")));
        assert!(!v4.is_for(&name("192.0.2.2")));
        assert!(v6.is_for(&name("2001:db8::")));
        assert!(!v6.is_for(&name("2001:db8::1")));
        // Neither a written address nor one that is mapped into IPv6 is the address.
        assert!(!dns("192.0.2.1").is_for(&name("192.0.2.1")));
        assert!(!dns("*.0.2.1").is_for(&name("192.0.2.1")));
        assert!(!v4.is_for(&name("::ffff:192.0.2.1")));
        assert!(!GeneralName::Ip(&[192, 0, 2]).is_for(&name("192.0.2.1")));
        assert!(!GeneralName::Ip(&[]).is_for(&name("192.0.2.1")));
        assert!(!GeneralName::Other(0xa0).is_for(&name("192.0.2.1")));
    }

    #[test]
    fn a_mismatch_lists_names_within_bounds() {
        let mut names =
            vec![GeneralName::Other(0xa0), GeneralName::Ip(&[192, 0, 2, 1]), dns("a\nb")];
        let long = "x".repeat(1000);
        names.extend((0..100).map(|_| dns(&long)));
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
