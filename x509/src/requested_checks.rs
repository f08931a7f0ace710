//! The checks that a request can ask for, beside those that every path must pass.
//!
//! The search for a path calls them through a trait. So a program that only uses the validation without
//! them does not contain their code.

use super::anchors::Anchor;
use super::certificate::Certificate;
use super::error::CertificateError;
use super::intermediate::Intermediate;
use super::limits::Budget;
use super::profile::Profile;
use super::request::ChainRequest;
use super::{revocation, strict_path};

pub(super) trait RequestedChecks {
    /// Checks a path by the profile of the request: the end entity first, and the anchor that issued the
    /// last certificate. Without an anchor, the end entity is trusted itself.
    fn profile(
        &self,
        path: &[&Certificate<'_>],
        anchor: Option<&Anchor>,
        request: &ChainRequest<'_>,
    ) -> Result<(), CertificateError>;

    /// See [`revocation::check`].
    fn revocation(
        &self,
        path: &[&Certificate<'_>],
        anchor: &Anchor,
        intermediates: &[Intermediate<'_>],
        budget: &mut Budget,
        request: &ChainRequest<'_>,
    ) -> Result<(), CertificateError>;

    /// See [`revocation::check_trusted`].
    fn revocation_of_trusted(
        &self,
        certificate: &Certificate<'_>,
        request: &ChainRequest<'_>,
    ) -> Result<(), CertificateError>;
}

/// All that the request asks for.
pub(super) struct AllRequestedChecks;

/// For a request that asks for none: the default profile, and nothing about revocation.
pub(super) struct NoRequestedChecks;

impl RequestedChecks for AllRequestedChecks {
    fn profile(
        &self,
        path: &[&Certificate<'_>],
        anchor: Option<&Anchor>,
        request: &ChainRequest<'_>,
    ) -> Result<(), CertificateError> {
        match request.profile {
            Profile::Default => Ok(()),
            Profile::Strict => strict_path::check(path, anchor, request),
        }
    }

    fn revocation(
        &self,
        path: &[&Certificate<'_>],
        anchor: &Anchor,
        intermediates: &[Intermediate<'_>],
        budget: &mut Budget,
        request: &ChainRequest<'_>,
    ) -> Result<(), CertificateError> {
        revocation::check(path, anchor, intermediates, budget, request)
    }

    fn revocation_of_trusted(
        &self,
        certificate: &Certificate<'_>,
        request: &ChainRequest<'_>,
    ) -> Result<(), CertificateError> {
        revocation::check_trusted(certificate, request)
    }
}

impl RequestedChecks for NoRequestedChecks {
    fn profile(
        &self,
        _: &[&Certificate<'_>],
        _: Option<&Anchor>,
        _: &ChainRequest<'_>,
    ) -> Result<(), CertificateError> {
        Ok(())
    }

    fn revocation(
        &self,
        _: &[&Certificate<'_>],
        _: &Anchor,
        _: &[Intermediate<'_>],
        _: &mut Budget,
        _: &ChainRequest<'_>,
    ) -> Result<(), CertificateError> {
        Ok(())
    }

    fn revocation_of_trusted(
        &self,
        _: &Certificate<'_>,
        _: &ChainRequest<'_>,
    ) -> Result<(), CertificateError> {
        Ok(())
    }
}
