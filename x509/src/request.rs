//! What is asked of a validation.

use core::fmt;

use pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};

use super::anchors::TrustAnchors;
use super::error::{CertificateErrorKind, Limit};
use super::name::ReferenceIdentifier;
use super::policies::InitialPolicies;
use super::revocation::Revocation;

/// What the certificate is to be used for: which side of the connection presents it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The peer is a server (`id-kp-serverAuth`).
    Server,
    /// The peer is a client (`id-kp-clientAuth`).
    Client,
    /// Either: the extended key usages are not looked at.
    Any,
}

/// How much of what a certification authority must not issue is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Profile {
    /// As strict as a client can be while private authorities made with common tools still work.
    #[default]
    Default,
    /// Also refuses what RFC 5280 and the CA/Browser Forum forbid an authority to issue.
    Strict,
}

/// Whether a trust anchor is believed beyond the dates in its certificate.
///
/// An anchor is a name and a key (RFC 5280, section 6.1.1 (d)): it is trusted because someone chose
/// it, not because its certificate says so, and section 6.1 does not look at the dates of that
/// certificate. Devices outlive the roots that they came with, and a root whose certificate has
/// expired is often the only one that they have. To end an anchor, take it away, or have its
/// dates checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AnchorDates {
    /// Its dates are not looked at.
    #[default]
    Ignored,
    /// A path to an anchor whose certificate has expired, or is not valid yet, is refused. An
    /// anchor without a certificate has no dates. The strict profile always does this.
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

/// How much work a peer can cause. Each limit holds for one call of
/// [`verify_chain`](super::verify_chain), over all the paths that it tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathLimits {
    /// How many intermediates may stand between the end entity and the anchor. A longer path is
    /// not tried. Self-issued ones, with which an authority hands its name over to a new key, are
    /// not counted, as in a pathLenConstraint (RFC 5280, section 4.2.1.9).
    pub depth: usize,
    /// How many signatures are verified before the search gives up. It is what makes a bag of
    /// certificates that all claim to have issued each other cheap to refuse. No certificate is
    /// verified twice with one key. Where there are CRLs or a response to look at, a path that has
    /// reached an anchor takes as many again as it has certificates, for theirs.
    pub signature_checks: usize,
    /// How many times someone of an issuer's name is considered for the issuer. It bounds the ways
    /// through a mesh whose signatures are all good. A path that has reached an anchor takes one
    /// for each kilobyte of its certificates besides, for what is read again on each path.
    pub candidates: usize,
    /// How many intermediates the peer may send. More are refused before any is parsed.
    pub intermediates: usize,
    /// How many times a name is compared with a name constraint before the search gives up.
    pub name_comparisons: usize,
}

impl PathLimits {
    /// The defaults: 6 intermediates in a path, 100 signatures, 10,000 candidates, 64 intermediates
    /// sent, and 100,000 comparisons of names with constraints. Public chains have one or two
    /// intermediates.
    pub const DEFAULT: Self = Self {
        depth: 6,
        signature_checks: 100,
        candidates: 10_000,
        intermediates: 64,
        name_comparisons: 100_000,
    };

    /// The field that a limit is in.
    pub(super) fn of(&mut self, limit: Limit) -> &mut usize {
        match limit {
            Limit::Depth => &mut self.depth,
            Limit::SignatureChecks => &mut self.signature_checks,
            Limit::Candidates => &mut self.candidates,
            Limit::Intermediates => &mut self.intermediates,
            Limit::NameComparisons => &mut self.name_comparisons,
        }
    }

    /// This one is used up.
    pub(super) fn exceeded(mut self, limit: Limit) -> CertificateErrorKind {
        CertificateErrorKind::LimitExceeded { limit, maximum: *self.of(limit), closest: None }
    }
}

impl Default for PathLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A question for [`verify_chain`](super::verify_chain).
#[derive(Clone, Copy, Debug)]
pub struct ChainRequest<'a> {
    /// The peer's own certificate.
    pub end_entity: &'a CertificateDer<'a>,
    /// The other certificates that the peer sent: in any order, with gaps, with strangers among
    /// them.
    pub intermediates: &'a [CertificateDer<'a>],
    /// Whom to believe.
    pub anchors: &'a TrustAnchors,
    /// What the certificate is to be used for.
    pub purpose: Purpose,
    /// The names that the certificate must be valid for, each of them. None skips the match: right
    /// for a client's certificate, whose names mean what the application makes of them, and never
    /// for a server's.
    pub names: &'a [ReferenceIdentifier<'a>],
    /// How strict to be.
    pub profile: Profile,
    /// Which policies are acceptable, and whether one is needed.
    pub policies: InitialPolicies<'a>,
    /// Whether the dates of trust anchors count.
    pub anchor_dates: AnchorDates,
    /// The time to validate at.
    pub now: UnixTime,
    /// The algorithms that certificates may be signed with.
    pub algorithms: &'a [&'static dyn SignatureVerificationAlgorithm],
    /// What is known of revocation, and how much must be.
    pub revocation: Revocation<'a>,
    /// How much work the peer can cause.
    pub limits: PathLimits,
}
