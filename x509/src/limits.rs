//! The limits of a validation, and what is left of them.

use super::error::{CertificateErrorKind, Limit};

/// How much work a peer can cause. Each limit applies to one call of
/// [`verify_chain`](super::verify_chain), with all the paths that it tries.
///
/// ```
/// use handclasp_x509::PathLimits;
///
/// let mut limits = PathLimits::DEFAULT;
/// limits.depth = 2;
/// # let _ = limits;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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
    fn field_mut(&mut self, limit: Limit) -> &mut usize {
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
        let maximum = *self.field_mut(limit);
        CertificateErrorKind::LimitExceeded { limit, maximum, closest: None }
    }
}

impl Default for PathLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The limits of a request, and what is left of them.
pub(super) struct Budget {
    limits: PathLimits,
    left: PathLimits,
}

impl Budget {
    pub(super) fn new(limits: PathLimits) -> Self {
        Self { limits, left: limits }
    }

    /// Takes `cost` off what is left of a limit.
    ///
    /// # Errors
    /// The limit is used up.
    pub(super) fn spend(&mut self, limit: Limit, cost: usize) -> Result<(), CertificateErrorKind> {
        let left = self.left.field_mut(limit);
        match left.checked_sub(cost) {
            Some(rest) => {
                *left = rest;
                Ok(())
            }
            None => Err(self.limits.exceeded(limit)),
        }
    }
}
