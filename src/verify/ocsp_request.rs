use core::fmt;

use crate::certificate::{CertificateError, ChainRequest, VerifiedEndEntity, verify_end_entity};

/// How chains are validated: [`verify_end_entity`], or a smaller one.
pub(super) type Validation = fn(&ChainRequest<'_>) -> Result<VerifiedEndEntity, CertificateError>;

/// This side requests an OCSP response from its peer (RFC 6066, section 8).
///
/// It has the validation that reads responses, and is only made where the request is turned on. So a
/// program that never turns it on does not contain that code.
#[derive(Clone, Copy)]
pub(crate) struct OcspRequest {
    pub(super) validate: Validation,
}

impl OcspRequest {
    pub(crate) fn new() -> Self {
        Self { validate: verify_end_entity }
    }
}

impl fmt::Debug for OcspRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OcspRequest")
    }
}
