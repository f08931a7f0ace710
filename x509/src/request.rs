//! The request of a path validation.

use pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};

use super::anchors::TrustAnchors;
use super::error::{CertificateErrorKind, Limit};
use super::name::ReferenceIdentifier;
use super::policies::InitialPolicies;
use super::profile::{AnchorDates, Profile, Purpose};
use super::revocation::policy::Revocation;

/// How much work a peer can cause. Each limit applies to one call of
/// [`verify_chain`](super::verify_chain), with all the paths that it tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathLimits {
    /// The number of intermediates between the end entity and the anchor. A longer path is not
    /// tried. Self-issued intermediates, with which an authority gives its name to a new key, are
    /// not counted, as in a pathLenConstraint (RFC 5280, section 4.2.1.9).
    pub depth: usize,
    /// The number of signatures that are verified before the search gives up. With this limit, a
    /// set of certificates that all claim to have issued each other is cheap to refuse. No
    /// certificate is verified twice with the same key. If there are CRLs or an OCSP response, a
    /// path that has reached an anchor uses one more for each of its certificates.
    pub signature_checks: usize,
    /// The number of times that a certificate with an issuer's name is tried as the issuer. It
    /// bounds the number of paths through a mesh whose signatures are all valid. A path that has
    /// reached an anchor uses one more for each kilobyte of its certificates, because each path
    /// reads them again.
    pub candidates: usize,
    /// The number of intermediates that the peer may send. If there are more, none is parsed.
    pub intermediates: usize,
    /// The number of comparisons of a name with a name constraint before the search gives up.
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

    /// The error when a limit is used up.
    pub(super) fn exceeded(mut self, limit: Limit) -> CertificateErrorKind {
        CertificateErrorKind::LimitExceeded { limit, maximum: *self.of(limit), closest: None }
    }
}

impl Default for PathLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What [`verify_chain`](super::verify_chain) verifies, and how.
#[derive(Clone, Copy, Debug)]
pub struct ChainRequest<'a> {
    /// The peer's own certificate.
    pub end_entity: &'a CertificateDer<'a>,
    /// The other certificates that the peer sent. They may be in any order, and some may be missing
    /// or may belong to no path.
    pub intermediates: &'a [CertificateDer<'a>],
    /// The trust anchors.
    pub anchors: &'a TrustAnchors,
    /// What the certificate is used for.
    pub purpose: Purpose,
    /// The certificate must be valid for each of these names. An empty list skips the check. This is
    /// right for a client's certificate, whose names only mean something to the application. It is
    /// never right for a server's certificate.
    pub names: &'a [ReferenceIdentifier<'a>],
    /// Which rules the path must meet.
    pub profile: Profile,
    /// Which certificate policies are acceptable, and whether one is required.
    pub policies: InitialPolicies<'a>,
    /// Whether the dates of trust anchors are checked.
    pub anchor_dates: AnchorDates,
    /// The time of the validation.
    pub now: UnixTime,
    /// The accepted algorithms of the certificates' signatures.
    pub algorithms: &'a [&'static dyn SignatureVerificationAlgorithm],
    /// The revocation evidence, and how much of it is required.
    pub revocation: Revocation<'a>,
    /// How much work the peer can cause.
    pub limits: PathLimits,
}
