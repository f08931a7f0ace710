//! The identifiers that a certificate presents, as an error lists them.

use core::fmt;
use std::net::IpAddr;

use pki_types::{DnsName, ServerName};

use super::general_name::{GeneralName, split_email};

/// A kind of subject alternative name (RFC 5280, section 4.2.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NameKind {
    /// A dNSName.
    Dns,
    /// An iPAddress.
    Ip,
    /// An rfc822Name.
    Email,
    /// A name that cannot be decoded. It matches nothing.
    Undecodable,
}

/// A subject alternative name of a certificate: a presented identifier (RFC 9525, section 1.4). It
/// is safe to print, because it is escaped and its length is bounded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PresentedIdentifier {
    /// Its kind. A name only matches names of its own kind (RFC 9525, section 6.1).
    pub kind: NameKind,
    /// The name in printable ASCII.
    pub name: String,
}

/// In the form of OpenSSL's subjectAltName: `DNS:a.example`, `IP:192.0.2.1`.
impl fmt::Display for PresentedIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            NameKind::Dns => write!(f, "DNS:{}", self.name),
            NameKind::Ip => write!(f, "IP:{}", self.name),
            NameKind::Email => write!(f, "email:{}", self.name),
            NameKind::Undecodable => f.write_str(&self.name),
        }
    }
}

impl PresentedIdentifier {
    /// `None` for a name of a kind that errors do not list.
    pub(super) fn of(name: &GeneralName<'_>) -> Option<Self> {
        let kind = match name {
            GeneralName::Dns(_) => NameKind::Dns,
            GeneralName::Ip(_) => NameKind::Ip,
            GeneralName::Email(_) => NameKind::Email,
            GeneralName::Undecodable => NameKind::Undecodable,
            GeneralName::Uri(_) | GeneralName::Directory(_) | GeneralName::Other(_) => {
                return None;
            }
        };
        Some(Self { kind, name: name.printable() })
    }

    /// Whether there is a reference identifier that it matches.
    fn matches_something(&self) -> bool {
        match self.kind {
            NameKind::Dns => parent_of_wildcard(&self.name).is_some() || self.matches_itself(),
            _ => self.matches_itself(),
        }
    }

    /// Whether it can be a reference identifier itself. A wildcard cannot.
    fn matches_itself(&self) -> bool {
        match self.kind {
            NameKind::Dns => {
                let is_name = DnsName::try_from(self.name.as_str()).is_ok();
                is_name && !self.name.ends_with('.')
            }
            NameKind::Ip => self.name.parse::<IpAddr>().is_ok(),
            // A backslash may belong to an escape, which is not in the certificate.
            NameKind::Email => !self.name.contains('\\') && split_email(&self.name).is_some(),
            NameKind::Undecodable => false,
        }
    }
}

/// What follows a wildcard that matches names: the wildcard is the whole first label, and two or more
/// labels follow it. `None` for any other name.
fn parent_of_wildcard(name: &str) -> Option<&str> {
    let parent = name.strip_prefix("*.")?;
    if !parent.contains('.') || parent.ends_with('.') || DnsName::try_from(parent).is_err() {
        return None;
    }
    Some(parent)
}

/// The kind of an expected name.
fn kind_of(expected: &str) -> NameKind {
    if expected.contains('@') {
        return NameKind::Email;
    }
    match ServerName::try_from(expected) {
        Ok(ServerName::IpAddress(_)) => NameKind::Ip,
        _ => NameKind::Dns,
    }
}

/// A name for which the certificate is accepted, where it is not for `expected`.
pub(super) fn accepted_name<'a>(
    expected: &str,
    presented: &'a [PresentedIdentifier],
) -> Option<&'a PresentedIdentifier> {
    let wants_email = kind_of(expected) == NameKind::Email;
    presented.iter().find(|name| {
        let is_email = name.kind == NameKind::Email;
        name.matches_itself()
            && is_email == wants_email
            && !name.name.eq_ignore_ascii_case(without_dot(expected))
    })
}

/// The identifier that a certificate must present to be valid for the expected name.
pub(super) fn as_presented(expected: &str) -> PresentedIdentifier {
    PresentedIdentifier { kind: kind_of(expected), name: without_dot(expected).to_owned() }
}

fn without_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// The words of an error about the names that there are, and about one that only looks like
/// `expected`.
pub(super) fn describe(
    expected: &str,
    presented: &[PresentedIdentifier],
    omitted: usize,
) -> String {
    let mut words = describe_names(presented, omitted);
    let wanted = as_presented(expected);
    if let Some(reason) = presented.iter().find_map(|name| near_miss(&wanted, name)) {
        words += &format!(": {reason}");
    }
    words
}

fn describe_names(presented: &[PresentedIdentifier], omitted: usize) -> String {
    if presented.is_empty() {
        return "it has no DNS name, IP address or email address among its subject alternative names"
            .to_owned();
    }
    let mut names = Vec::new();
    let mut useless_names = Vec::new();
    for name in presented {
        if name.matches_something() {
            names.push(name.name.clone());
        } else {
            useless_names.push(name.to_string());
        }
    }
    let valid = names.join(", ");
    let useless = useless_names.join(", ");
    let more = if omitted > 0 { format!(" and {omitted} more") } else { String::new() };
    if useless.is_empty() {
        format!("it is valid for {valid}{more}")
    } else if valid.is_empty() {
        format!("it has {useless}{more}, and is valid for no name")
    } else {
        format!("it is valid for {valid}{more}; it also has {useless}, which matches no name")
    }
}

/// Why a name that looks like the `wanted` one does not match it.
fn near_miss(wanted: &PresentedIdentifier, presented: &PresentedIdentifier) -> Option<String> {
    let is_same_text = presented.name.eq_ignore_ascii_case(&wanted.name);
    match (wanted.kind, presented.kind) {
        (NameKind::Ip, NameKind::Dns) if is_same_text => Some(
            "an address must be an iPAddress, and the certificate has it as a DNS name (RFC 9525, \
             section 6.4)"
                .to_owned(),
        ),
        (NameKind::Email, NameKind::Email) if is_same_text => {
            Some("the part before the @ is case-sensitive (RFC 5280, section 7.5)".to_owned())
        }
        (NameKind::Dns, NameKind::Dns) => dns_near_miss(&wanted.name, &presented.name),
        _ => None,
    }
}

fn dns_near_miss(wanted: &str, presented: &str) -> Option<String> {
    if presented.ends_with('.') {
        return Some(format!("\"{presented}\" ends with a dot, and so matches no name"));
    }
    if !presented.contains('*') {
        return None;
    }
    let Some(parent) = parent_of_wildcard(presented) else {
        return Some(format!(
            "the wildcard of \"{presented}\" matches no name: it must be the whole first label, and \
             two or more labels must follow it"
        ));
    };
    let wanted_name = wanted.to_ascii_lowercase();
    let suffix = parent.to_ascii_lowercase();
    if wanted_name == suffix || wanted_name.ends_with(&format!(".{suffix}")) {
        return Some(format!("a wildcard matches exactly one label before \"{parent}\""));
    }
    None
}
