//! The purpose that a certificate is verified for, and how strictly it is verified.

use core::fmt;

/// What the certificate is used for: which side of the connection presents it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// The peer is a server (`id-kp-serverAuth`).
    Server,
    /// The peer is a client (`id-kp-clientAuth`).
    Client,
    /// Either side. The extended key usages are not checked.
    Any,
}

/// Which rules a path must meet. [`Rule::profile`](super::Rule::profile) says to which profile a
/// rule belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// The rules that a client can demand and still accept private authorities made with common
    /// tools.
    #[default]
    Default,
    /// Also the rules of RFC 5280 and of the CA/Browser Forum for what an authority may issue.
    Strict,
}

/// Whether the dates in the certificate of a trust anchor are checked.
///
/// An anchor is a name and a key (RFC 5280, section 6.1.1 (d)). The user chose to trust it, and
/// section 6.1 does not check the dates of its certificate. Devices outlive the roots that they came
/// with, and a root whose certificate has expired is often the only one that they have. To stop
/// trusting an anchor, remove it, or let its dates be checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AnchorDates {
    /// They are not checked.
    #[default]
    Ignored,
    /// A path to an anchor whose certificate has expired or is not valid yet is refused. An anchor
    /// without a certificate has no dates. The strict profile always checks the dates.
    Checked,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "server authentication",
            Self::Client => "client authentication",
            Self::Any => "any purpose",
        })
    }
}
