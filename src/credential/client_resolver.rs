use core::fmt;
use std::sync::Arc;

use super::CertifiedKey;
use crate::registry::CertificateType;
use crate::reply::{AnswerLater, Reply};
use crate::wire::CertificateRequest;

/// Chooses a client's certificate for a server that asks for one.
pub trait ClientCertificateResolver: Send + Sync + fmt::Debug {
    /// The certificate for this request, of the type that was agreed on; `None` to go on as nobody.
    /// A key that signs with none of the request's schemes, or of another type, counts as none.
    fn choose(
        &self,
        request: &CertificateRequest<'_>,
        certificate_type: CertificateType,
    ) -> Reply<Option<Arc<CertifiedKey>>>;

    /// The types of certificate that there are, the preferred one first: X.509 alone, unless an
    /// implementation says otherwise.
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
