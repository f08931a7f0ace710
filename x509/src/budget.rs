//! What is left of the limits of a validation.

use super::error::{CertificateErrorKind, Limit};
use super::request::PathLimits;

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
        let left = self.left.of(limit);
        match left.checked_sub(cost) {
            Some(rest) => {
                *left = rest;
                Ok(())
            }
            None => Err(self.limits.exceeded(limit)),
        }
    }
}
