//! The names of a certificate as they are, for decisions of the application.

use std::borrow::Cow;
use std::net::IpAddr;

use super::general_name::{GeneralName, ip_address};

/// A name in the subjectAltName of a certificate (RFC 5280, section 4.2.1.6). It is not safe to print: a peer
/// chose it. [`PresentedIdentifier`](super::PresentedIdentifier) is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SubjectAltName<'a> {
    /// A dNSName. It may be a wildcard.
    Dns(&'a str),
    /// An iPAddress.
    Ip(IpAddr),
    /// An rfc822Name: an email address.
    Email(Cow<'a, str>),
    /// A uniformResourceIdentifier.
    Uri(&'a str),
}

impl<'a> SubjectAltName<'a> {
    /// `None` for a name of another kind, and for one that cannot be decoded.
    pub(super) fn of(name: GeneralName<'a>) -> Option<Self> {
        match name {
            GeneralName::Dns(name) => Some(Self::Dns(name)),
            GeneralName::Ip(address) => ip_address(address).map(Self::Ip),
            GeneralName::Email(address) => Some(Self::Email(address)),
            GeneralName::Uri(uri) => Some(Self::Uri(uri)),
            GeneralName::Directory(_) | GeneralName::Other(_) | GeneralName::Undecodable => None,
        }
    }
}
