use core::fmt;
use std::sync::Arc;

use super::CertifiedKey;
use crate::registry::SignatureScheme;
use crate::reply::{AnswerLater, Reply};
use crate::wire::ClientHello;

/// Why a resolver has no certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoCertificate {
    /// The client's name is not served here: alert `unrecognized_name`.
    UnknownName,
    /// No key signs with a scheme that the client takes: alert `handshake_failure`.
    NoCommonScheme,
    /// There is no certificate of a type that the client takes: alert `unsupported_certificate`.
    NoCommonType,
}

/// Chooses the certificate for a ClientHello.
pub trait CertificateResolver: Send + Sync + fmt::Debug {
    /// The certificate for this ClientHello.
    fn resolve(&self, hello: &ClientHello<'_>) -> Reply<Result<Arc<CertifiedKey>, NoCertificate>>;

    /// Is there a server of this name here? In a resumption no certificate is chosen, so this is
    /// asked before: a session of a name that is not served any more, or by another configuration
    /// with the same ticket keys, is not resumed. All names are served, unless a resolver says
    /// otherwise. `None` is a client that names none.
    fn serves(&self, server_name: Option<&str>) -> bool {
        let _ = server_name;
        true
    }

    /// The schemes of all its keys, for the words of an error. None, unless a resolver says so.
    fn schemes(&self) -> Vec<SignatureScheme> {
        Vec::new()
    }
}

impl CertificateResolver for AnswerLater {
    fn resolve(&self, _: &ClientHello<'_>) -> Reply<Result<Arc<CertifiedKey>, NoCertificate>> {
        Reply::Later
    }
}
