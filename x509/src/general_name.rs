//! The names of certificates beside the subject: GeneralNames (RFC 5280, section 4.2.1.6).

use std::borrow::Cow;
use std::net::IpAddr;

use super::der::{self, Reader};
use super::distinguished_name;
use super::fault::{self, Fault};
use super::text::printable;

/// A subject alternative name.
#[derive(Clone)]
pub(super) enum GeneralName<'a> {
    Dns(&'a str),
    /// As encoded: 4 or 16 bytes if it is well formed.
    Ip(&'a [u8]),
    /// An email address (rfc822Name).
    Email(Cow<'a, str>),
    Uri(&'a str),
    Directory(DirectoryName<'a>),
    /// A kind that is not compared here, by its tag.
    Other(u8),
    /// The name is malformed.
    Undecodable,
}

/// A directoryName, for comparisons with another one.
#[derive(Clone)]
pub(super) struct DirectoryName<'a> {
    /// Contents of the Name.
    pub(super) contents: &'a [u8],
    /// See [`distinguished_name::normalize_or_raw`].
    pub(super) normalized: Vec<u8>,
    /// Whether nothing else is the same name.
    pub(super) is_exact: bool,
}

impl<'a> DirectoryName<'a> {
    /// From the contents of a Name, which may be malformed.
    pub(super) fn new(contents: &'a [u8]) -> Self {
        let normalized = distinguished_name::normalize_or_raw(contents);
        Self { contents, normalized, is_exact: distinguished_name::is_exact(contents) }
    }
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
pub(super) fn subject_alternative_names(value: &[u8]) -> Result<Vec<GeneralName<'_>>, Fault<'_>> {
    const FIELD: &str = "list of subject alternative names";
    let mut list = Reader(fault::only(value, der::SEQUENCE, FIELD)?);
    let mut names = Vec::new();
    while !list.is_empty() {
        let (at, number) = (list.0, names.len() + 1);
        let name = list.next_element().and_then(|name| GeneralName::read(&name));
        names.push(name.ok_or_else(|| {
            Fault::new(format!("number {number} of its subject alternative names is none"), at)
        })?);
    }
    Ok(names)
}

impl<'a> GeneralName<'a> {
    /// `None` if it is not a GeneralName.
    pub(super) fn read(name: &der::Element<'a>) -> Option<Self> {
        let text = |kind: fn(&'a str) -> Self| match core::str::from_utf8(name.contents) {
            Ok(text) if text.is_ascii() => kind(text),
            _ => Self::Undecodable,
        };
        Some(match name.tag {
            tag::DNS => text(Self::Dns),
            tag::EMAIL => text(|address| Self::Email(address.into())),
            tag::URI => text(Self::Uri),
            tag::IP => Self::Ip(name.contents),
            tag::DIRECTORY => match der::only(name.contents, der::SEQUENCE) {
                Some(contents) => Self::Directory(DirectoryName::new(contents)),
                None => Self::Undecodable,
            },
            tag::OTHER if !is_other_name(name.contents) => return None,
            tag::REGISTERED_ID if !der::is_object_identifier(name.contents) => return None,
            other if tag::OTHERS.contains(&other) => Self::Other(other),
            _ => return None,
        })
    }

    /// Whether it is well formed for its kind.
    pub(super) fn is_well_formed(&self) -> bool {
        match self {
            Self::Dns(name) => is_dns_name(name.strip_prefix("*.").unwrap_or(name)),
            Self::Ip(address) => matches!(address.len(), 4 | 16),
            // That of a subject may be in any string.
            Self::Email(address) => address.is_ascii() && split_email(address).is_some(),
            Self::Uri(uri) => uri_host(uri).is_some(),
            Self::Directory(name) => distinguished_name::parses(name.contents),
            Self::Other(_) => true,
            Self::Undecodable => false,
        }
    }

    /// The text for an error, escaped.
    pub(super) fn printable(&self) -> String {
        match self {
            Self::Dns(text) | Self::Uri(text) => printable(text),
            Self::Email(address) => printable(address),
            Self::Directory(name) => distinguished_name::describe(name.contents),
            Self::Ip(bytes) => match ip_address(bytes) {
                Some(address) => address.to_string(),
                None => format!("an IP address of {} bytes", bytes.len()),
            },
            Self::Other(_) => "a name of another kind".to_owned(),
            Self::Undecodable => "a name that cannot be decoded".to_owned(),
        }
    }
}

/// The address of an iPAddress. `None` if it has another length than an address.
pub(super) fn ip_address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let v6 = <[u8; 16]>::try_from(bytes).map(IpAddr::from);
    v4.or(v6).ok()
}

/// Whether these are the contents of an otherName: an object identifier and a value.
fn is_other_name(contents: &[u8]) -> bool {
    der::fields(contents, [der::OBJECT_IDENTIFIER, der::constructed(0)]).is_some()
}

/// A subject as text, escaped. If it is empty, the first of the other names.
pub(super) fn label(subject: &[u8], names: &[GeneralName<'_>]) -> String {
    match names.first() {
        Some(name) if subject.is_empty() => format!("subjectAltName={}", name.printable()),
        _ => distinguished_name::describe(subject),
    }
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

/// The host of a URI, if it is a name (RFC 3986, section 3.2.2). `None` for a URI outside of that
/// grammar, because other programs read its authority in another way: browsers read `\` as `/`.
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

/// Whether it has only labels of letters, digits, hyphens and underscores. Hosts have no underscores,
/// but names with underscores are in use.
pub(super) fn is_dns_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let label = |label: &str| !label.is_empty() && label.len() < 64 && label.bytes().all(plain);
    name.len() < 254 && name.split('.').all(label)
}
