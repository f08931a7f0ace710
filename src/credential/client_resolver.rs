use core::fmt;
use std::sync::Arc;

use super::CertifiedKey;
use crate::registry::CertificateType;
use crate::reply::{AnswerLater, Reply};
use crate::wire::CertificateRequest;

/// Chooses a client's certificate for a server that requests one (RFC 9846, section 4.4.2). A
/// [`CertificateList`](super::CertificateList) is one.
pub trait ClientCertificateResolver: Send + Sync + fmt::Debug {
    /// The certificate for this request, of the type that both sides agreed on. With `None` the client
    /// continues without a certificate. A key that signs with none of the request's schemes, or that
    /// is of another type, counts as `None`.
    fn choose(
        &self,
        request: &CertificateRequest<'_>,
        certificate_type: CertificateType,
    ) -> Reply<Option<Arc<CertifiedKey>>>;

    /// The types of certificate that the client has, the preferred one first. By default this is X.509
    /// alone.
    fn certificate_types(&self) -> &[CertificateType] {
        &[CertificateType::X509]
    }
}

impl ClientCertificateResolver for AnswerLater {
    fn choose(
        &self,
        _: &CertificateRequest<'_>,
        _: CertificateType,
    ) -> Reply<Option<Arc<CertifiedKey>>> {
        Reply::Later
    }
}
