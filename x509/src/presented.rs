//! The names that a certificate presents, as an error lists them beside the one that was asked for.

use core::fmt;
use std::net::IpAddr;

use pki_types::{DnsName, ServerName};

use super::name::{SubjectName, split_email};

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
    /// A name that cannot be decoded, and so stands for nothing.
    Undecodable,
}

/// A subject alternative name of a certificate, safe to print: of bounded length and escaped.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PresentedIdentifier {
    /// Its kind: a name only stands for names of its own kind (RFC 9525, section 6.1).
    pub kind: NameKind,
    /// The name in printable ASCII.
    pub name: String,
}

/// As `openssl` takes it in a subjectAltName: `DNS:a.example`, `IP:192.0.2.1`.
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
    /// A name of one of the kinds that are listed.
    pub(super) fn of(name: &SubjectName) -> Option<Self> {
        let kind = match name {
            SubjectName::Dns(_) => NameKind::Dns,
            SubjectName::Ip(_) => NameKind::Ip,
            SubjectName::Email(_) => NameKind::Email,
            SubjectName::Undecodable => NameKind::Undecodable,
            SubjectName::Uri(_) | SubjectName::Directory { .. } | SubjectName::Other(_) => {
                return None;
            }
        };
        Some(Self { kind, name: name.printable() })
    }

    /// Whether there is a name that it stands for.
    fn stands_for_something(&self) -> bool {
        match self.kind {
            NameKind::Dns => parent_of_wildcard(&self.name).is_some() || self.can_be_asked_for(),
            _ => self.can_be_asked_for(),
        }
    }

    /// Whether the certificate is accepted for this name. A wildcard is no such name, nor is one
    /// that no reference identifier can be.
    fn can_be_asked_for(&self) -> bool {
        match self.kind {
            NameKind::Dns => {
                let is_name = DnsName::try_from(self.name.as_str()).is_ok();
                is_name && !self.name.ends_with('.')
            }
            NameKind::Ip => self.name.parse::<IpAddr>().is_ok(),
            // A backslash may be of an escape, which is not what stands in the certificate.
            NameKind::Email => !self.name.contains('\\') && split_email(&self.name).is_some(),
            NameKind::Undecodable => false,
        }
    }
}

/// What stands behind a wildcard that stands for names: it is the whole first label, before two or
/// more. `None` for every other name.
fn parent_of_wildcard(name: &str) -> Option<&str> {
    let parent = name.strip_prefix("*.")?;
    if !parent.contains('.') || parent.ends_with('.') || DnsName::try_from(parent).is_err() {
        return None;
    }
    Some(parent)
}

/// The kind of a name that was asked for.
fn kind_of(expected: &str) -> NameKind {
    if expected.contains('@') {
        return NameKind::Email;
    }
    match ServerName::try_from(expected) {
        Ok(ServerName::IpAddress(_)) => NameKind::Ip,
        _ => NameKind::Dns,
    }
}

/// A name that may be asked for in place of `expected`, so that the certificate is accepted.
pub(super) fn accepted_name<'a>(
    expected: &str,
    presented: &'a [PresentedIdentifier],
) -> Option<&'a PresentedIdentifier> {
    let asks_for_email = kind_of(expected) == NameKind::Email;
    presented.iter().find(|name| {
        let is_email = name.kind == NameKind::Email;
        name.can_be_asked_for()
            && is_email == asks_for_email
            && !name.name.eq_ignore_ascii_case(without_dot(expected))
    })
}

/// The name that was asked for as a certificate must have it.
pub(super) fn as_presented(expected: &str) -> PresentedIdentifier {
    PresentedIdentifier { kind: kind_of(expected), name: without_dot(expected).to_owned() }
}

fn without_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// What an error says of the names that there are, and of one that only looks like `expected`.
pub(super) fn describe(
    expected: &str,
    presented: &[PresentedIdentifier],
    omitted: usize,
) -> String {
    let mut counting = Vec::new();
    let mut idle = Vec::new();
    for name in presented {
        match name.stands_for_something() {
            true => counting.push(name.name.clone()),
            false => idle.push(name.to_string()),
        }
    }
    let more = if omitted > 0 { format!(" and {omitted} more") } else { String::new() };
    let counting = counting.join(", ");
    let idle = idle.join(", ");
    let mut words = match (counting.is_empty(), idle.is_empty()) {
        (true, true) => {
            "it has no DNS name, IP address or email address among its subject alternative names"
                .to_owned()
        }
        (false, true) => format!("it is valid for {counting}{more}"),
        (true, false) => format!("it has {idle}{more}, and is valid for no name"),
        (false, false) => {
            format!(
                "it is valid for {counting}{more}; it also has {idle}, which counts for nothing"
            )
        }
    };
    let asked = as_presented(expected);
    if let Some(reason) = presented.iter().find_map(|name| near_miss(&asked, name)) {
        words += &format!(": {reason}");
    }
    words
}

/// Why a name that looks like the one that was `asked` for does not stand for it.
fn near_miss(asked: &PresentedIdentifier, presented: &PresentedIdentifier) -> Option<String> {
    let same_text = presented.name.eq_ignore_ascii_case(&asked.name);
    match (asked.kind, presented.kind) {
        (NameKind::Ip, NameKind::Dns) if same_text => Some(
            "an address counts as an iPAddress only, and there it is a DNS name (RFC 9525, section \
             6.4)"
                .to_owned(),
        ),
        (NameKind::Email, NameKind::Email) if same_text => {
            Some("what stands before the @ counts with its case (RFC 5280, section 7.5)".to_owned())
        }
        (NameKind::Dns, NameKind::Dns) => dns_near_miss(&asked.name, &presented.name),
        _ => None,
    }
}

fn dns_near_miss(asked: &str, presented: &str) -> Option<String> {
    if presented.ends_with('.') {
        return Some(format!("\"{presented}\" ends with a dot, and so counts for nothing"));
    }
    if !presented.contains('*') {
        return None;
    }
    let Some(parent) = parent_of_wildcard(presented) else {
        return Some(format!(
            "the wildcard of \"{presented}\" counts for nothing: it must be the whole first label, \
             with two or more behind it"
        ));
    };
    let (asked, lower) = (asked.to_ascii_lowercase(), parent.to_ascii_lowercase());
    if asked == lower || asked.ends_with(&format!(".{lower}")) {
        return Some(format!("a wildcard stands for exactly one label before \"{parent}\""));
    }
    None
}
