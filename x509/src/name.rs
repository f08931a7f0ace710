//! Names: what a certificate presents, and whether it is what was asked for (RFC 9525).

use core::fmt;
use std::net::IpAddr;

use pki_types::ServerName;

use super::der::{self, Reader};
use super::distinguished_name;
use super::error::CertificateErrorKind;
use super::fault::{self, Fault};
use super::presented::PresentedIdentifier;
use super::text::printable;

/// How many of a certificate's names an error lists.
const LISTED_NAMES: usize = 20;

/// A name that a certificate is asked to be valid for (RFC 9525, section 1.4).
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

/// A subject alternative name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SubjectName {
    Dns(String),
    /// As encoded: 4 or 16 bytes if it is well formed.
    Ip(Vec<u8>),
    /// An email address (rfc822Name).
    Email(String),
    Uri(String),
    /// A Name: its contents, the form of them that is compared, and whether nothing else is the
    /// same name.
    Directory {
        contents: Vec<u8>,
        normalized: Vec<u8>,
        is_exact: bool,
    },
    /// Of a kind that nothing here compares: its tag.
    Other(u8),
    /// Nobody can say what it names.
    Undecodable,
}

/// The tags of a GeneralName (RFC 5280, section 4.2.1.6).
pub(super) mod tag {
    use super::super::der;

    pub(crate) const EMAIL: u8 = der::primitive(1);
    pub(crate) const DNS: u8 = der::primitive(2);
    pub(crate) const DIRECTORY: u8 = der::constructed(4);
    pub(crate) const URI: u8 = der::primitive(6);
    pub(crate) const IP: u8 = der::primitive(7);
    pub(crate) const OTHER: u8 = der::constructed(0);
    pub(crate) const REGISTERED_ID: u8 = der::primitive(8);
    /// otherName, x400Address, ediPartyName and registeredID.
    pub(crate) const OTHERS: [u8; 4] =
        [OTHER, der::constructed(3), der::constructed(5), REGISTERED_ID];
}

/// The names of a subject alternative name extension.
pub(super) fn subject_alternative_names(value: &[u8]) -> Result<Vec<SubjectName>, Fault<'_>> {
    const FIELD: &str = "list of subject alternative names";
    let mut list = Reader(fault::only(value, der::SEQUENCE, FIELD)?);
    let mut names = Vec::new();
    while !list.is_empty() {
        let (at, number) = (list.0, names.len() + 1);
        let name = list.next().and_then(|name| SubjectName::read(&name));
        names.push(name.ok_or_else(|| {
            Fault::new(format!("number {number} of its subject alternative names is none"), at)
        })?);
    }
    Ok(names)
}

impl SubjectName {
    /// `None` if it is no GeneralName at all.
    pub(super) fn read(name: &der::Element<'_>) -> Option<Self> {
        let text = |kind: fn(String) -> Self| match core::str::from_utf8(name.contents) {
            Ok(text) if text.is_ascii() => kind(text.to_owned()),
            _ => Self::Undecodable,
        };
        Some(match name.tag {
            tag::DNS => text(Self::Dns),
            tag::EMAIL => text(Self::Email),
            tag::URI => text(Self::Uri),
            tag::IP => Self::Ip(name.contents.to_vec()),
            tag::DIRECTORY => match der::only(name.contents, der::SEQUENCE) {
                Some(contents) => Self::directory(contents),
                None => Self::Undecodable,
            },
            tag::OTHER if !is_other_name(name.contents) => return None,
            tag::REGISTERED_ID if !der::is_object_identifier(name.contents) => return None,
            other if tag::OTHERS.contains(&other) => Self::Other(other),
            _ => return None,
        })
    }

    /// A Name, from its contents.
    pub(super) fn directory(contents: &[u8]) -> Self {
        let normalized = distinguished_name::normalize_or_raw(contents);
        Self::with_form(contents, normalized)
    }

    /// A Name, from its contents and the form of them that is compared.
    pub(super) fn with_form(contents: &[u8], normalized: Vec<u8>) -> Self {
        let is_exact = distinguished_name::is_exact(contents);
        Self::Directory { contents: contents.to_vec(), normalized, is_exact }
    }

    /// Whether it is what names of its kind are.
    pub(super) fn is_well_formed(&self) -> bool {
        match self {
            Self::Dns(name) => is_dns_name(name.strip_prefix("*.").unwrap_or(name)),
            Self::Ip(address) => matches!(address.len(), 4 | 16),
            // That of a subject may be in any string.
            Self::Email(address) => address.is_ascii() && split_email(address).is_some(),
            Self::Uri(uri) => uri_host(uri).is_some(),
            Self::Directory { contents, .. } => distinguished_name::parses(contents),
            Self::Other(_) => true,
            Self::Undecodable => false,
        }
    }

    /// Whether this name stands for `expected`. A DNS name never stands for an IP address, even
    /// when it is written like one (RFC 9525, section 6.4).
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

    /// For an error: safe to print.
    pub(super) fn printable(&self) -> String {
        match self {
            Self::Dns(name) | Self::Email(name) | Self::Uri(name) => printable(name),
            Self::Directory { contents, .. } => distinguished_name::describe(contents),
            Self::Ip(bytes) => {
                let v4 = <[u8; 4]>::try_from(bytes.as_slice()).map(IpAddr::from);
                let v6 = <[u8; 16]>::try_from(bytes.as_slice()).map(IpAddr::from);
                match v4.or(v6) {
                    Ok(address) => address.to_string(),
                    Err(_) => format!("an IP address of {} bytes", bytes.len()),
                }
            }
            Self::Other(_) => "a name of another kind".to_owned(),
            Self::Undecodable => "a name that cannot be decoded".to_owned(),
        }
    }
}

/// Whether these are the contents of an otherName: an object identifier and a value.
fn is_other_name(contents: &[u8]) -> bool {
    der::fields(contents, [der::OBJECT_IDENTIFIER, der::constructed(0)]).is_some()
}

/// A subject in words, safe to print; if it is empty, the first of the other names.
pub(super) fn label(subject: &[u8], names: &[SubjectName]) -> String {
    match names.first().filter(|_| subject.is_empty()) {
        Some(name) => format!("subjectAltName={}", name.printable()),
        None => distinguished_name::describe(subject),
    }
}

/// Whether one of `names` stands for `expected`.
pub(super) fn valid_for(names: &[SubjectName], expected: &ReferenceIdentifier<'_>) -> bool {
    names.iter().any(|name| name.is_for(expected))
}

/// A certificate that is valid for `names` must be for each of the `expected`.
pub(super) fn check(
    names: &[SubjectName],
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

/// The local part counts exactly, the domain as DNS names do (RFC 5280, section 7.5).
pub(super) fn matches_email(presented: &str, expected: &str) -> bool {
    match (split_email(presented), split_email(expected)) {
        (Some((local, domain)), Some((expected_local, expected_domain))) => {
            local == expected_local && domain.eq_ignore_ascii_case(expected_domain)
        }
        _ => false,
    }
}

/// The local part and the domain of an email address.
pub(super) fn split_email(address: &str) -> Option<(&str, &str)> {
    address.split_once('@').filter(|(local, domain)| !local.is_empty() && is_dns_name(domain))
}

/// The host of a URI that has one, and has it by name (RFC 3986, section 3.2.2). A URI that this
/// grammar does not have has none: others read its authority in another way, as browsers take a
/// `\` for a `/`.
pub(super) fn uri_host(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once(':')?;
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    if scheme.is_empty() || !scheme.bytes().all(is_scheme) {
        return None;
    }
    let authority = rest.strip_prefix("//")?.split(['/', '?', '#']).next()?;
    let (user, host_and_port) = authority.split_once('@').unwrap_or(("", authority));
    let (host, port) = host_and_port.split_once(':').unwrap_or((host_and_port, ""));
    let is_user = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:".contains(&byte);
    if !user.bytes().all(is_user) || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    (is_dns_name(host) && host.parse::<IpAddr>().is_err()).then_some(host)
}

/// Labels of letters, digits and hyphens; and of underscores, which are no host's, but in use.
pub(super) fn is_dns_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let label = |label: &str| !label.is_empty() && label.len() < 64 && label.bytes().all(plain);
    name.len() < 254 && name.split('.').all(label)
}

/// RFC 9525, section 6.3. Both names are ASCII: `expected` because its type says so, and
/// `presented` because otherwise it equals nothing that `expected` can be.
fn matches_dns(presented: &str, expected: &str) -> bool {
    let expected = expected.strip_suffix('.').unwrap_or(expected);
    let Some(parent) = presented.strip_prefix("*.") else {
        return !expected.is_empty() && presented.eq_ignore_ascii_case(expected);
    };
    // A wildcard stands for exactly one label. One that covers a whole top-level domain is nobody's
    // to use.
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

    fn dns(name: &str) -> SubjectName {
        SubjectName::Dns(name.to_owned())
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
        let v4 = SubjectName::Ip(vec![192, 0, 2, 1]);
        let mut bytes = vec![0x20, 0x01, 0x0d, 0xb8];
        bytes.resize(16, 0);
        let v6 = SubjectName::Ip(bytes);
        assert!(v4.is_for(&name("192.0.2.1")));
        assert!(!v4.is_for(&name("192.0.2.2")));
        assert!(v6.is_for(&name("2001:db8::")));
        assert!(!v6.is_for(&name("2001:db8::1")));
        // Neither a written address nor one that is mapped into IPv6 is the address.
        assert!(!dns("192.0.2.1").is_for(&name("192.0.2.1")));
        assert!(!dns("*.0.2.1").is_for(&name("192.0.2.1")));
        assert!(!v4.is_for(&name("::ffff:192.0.2.1")));
        assert!(!SubjectName::Ip(vec![192, 0, 2]).is_for(&name("192.0.2.1")));
        assert!(!SubjectName::Ip(Vec::new()).is_for(&name("192.0.2.1")));
        assert!(!SubjectName::Other(0xa0).is_for(&name("192.0.2.1")));
    }

    #[test]
    fn a_mismatch_lists_names_within_bounds() {
        let mut names =
            vec![SubjectName::Other(0xa0), SubjectName::Ip(vec![192, 0, 2, 1]), dns("a\nb")];
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
