//! The extensions about revocation, as far as they must be understood where they are critical.

use super::super::der;
use super::super::extension::{Extension, ExtensionSupport};
use super::super::oid;
use super::distribution_point;

/// The TLS feature status_request (RFC 7633): the contents of an INTEGER.
pub(super) const STATUS_REQUEST: &[u8] = &[5];

/// How much of a critical extension about revocation is supported.
pub(in super::super) fn support(extension: Extension<'_>) -> ExtensionSupport {
    let value = extension.value;
    match extension.oid {
        oid::CRL_DISTRIBUTION_POINTS if distribution_point::are_well_formed(value) => {
            ExtensionSupport::Full
        }
        oid::OCSP_NO_CHECK if value == der::NULL => ExtensionSupport::Full,
        oid::CRL_DISTRIBUTION_POINTS | oid::OCSP_NO_CHECK => ExtensionSupport::Malformed,
        oid::TLS_FEATURE => tls_features(value),
        _ => ExtensionSupport::None,
    }
}

fn tls_features(value: &[u8]) -> ExtensionSupport {
    let Some(features) = der::list(value) else { return ExtensionSupport::Malformed };
    match features.iter().find(|it| it.contents != STATUS_REQUEST) {
        Some(it) => ExtensionSupport::AllBut(format!("the feature 0x{}", hex::encode(it.contents))),
        None => ExtensionSupport::Full,
    }
}
