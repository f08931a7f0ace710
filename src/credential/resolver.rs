use core::fmt;
use std::sync::Arc;

use super::CertifiedKey;
use crate::registry::SignatureScheme;
use crate::reply::{AnswerLater, Reply};
use crate::wire::ClientHello;

/// Why a resolver has no certificate for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoCertificate {
    /// The server does not serve the name that the client requests: alert `unrecognized_name`. If the
    /// ClientHello has no server_name: alert `missing_extension` (RFC 9846, section 9.2).
    UnknownName,
    /// No key can sign with a scheme of the client: alert `handshake_failure`.
    NoCommonScheme,
    /// There is no certificate of a type that the client accepts: alert `unsupported_certificate`.
    NoCommonType,
    /// The server has no certificates: it serves only clients that have one of its pre-shared keys. Alert
    /// `unknown_psk_identity`.
    NoCertificates,
}

/// Chooses a server's certificate for a ClientHello (RFC 9846, section 4.5.1.2). A
/// [`CertificateList`](super::CertificateList) is one.
///
/// A resolver that serves one name, and refuses clients that request another one:
///
/// ```
/// use std::sync::Arc;
/// use handclasp::credential::{CertificateResolver, CertifiedKey, NoCertificate};
/// use handclasp::wire::ClientHello;
/// use handclasp::Reply;
///
/// #[derive(Debug)]
/// struct OneName {
///     /// In lower case.
///     name: String,
///     key: Arc<CertifiedKey>,
/// }
///
/// impl CertificateResolver for OneName {
///     fn resolve(
///         &self,
///         hello: &ClientHello<'_>,
///     ) -> Reply<Result<Arc<CertifiedKey>, NoCertificate>> {
///         match hello.dns_name() {
///             Some(name) if name == self.name => Reply::Now(Ok(self.key.clone())),
///             _ => Reply::Now(Err(NoCertificate::UnknownName)),
///         }
///     }
///
///     // The server resumes no session with another name either, and takes no external key for it.
///     fn serves(&self, server_name: Option<&str>) -> bool {
///         server_name == Some(&self.name)
///     }
/// }
/// ```
pub trait CertificateResolver: Send + Sync + fmt::Debug {
    /// The certificate for this ClientHello.
    ///
    /// # Errors
    /// [`NoCertificate`] if there is none. The connection then ends with the alert of the variant.
    fn resolve(&self, hello: &ClientHello<'_>) -> Reply<Result<Arc<CertifiedKey>, NoCertificate>>;

    /// Whether the server serves this name. `None` is for a client that requests no name.
    ///
    /// With a pre-shared key the server chooses no certificate, so it calls this method instead, before it
    /// resumes a session or takes an external key. If the name is not served any more, or another
    /// configuration with the same ticket keys serves it, the session is not resumed. By default a resolver
    /// serves all names.
    fn serves(&self, server_name: Option<&str>) -> bool {
        let _ = server_name;
        true
    }

    /// The schemes of all keys, which an error lists if the client has none of them. A configuration also
    /// asks for them when it is built, for the diagnosis of failures. By default there are none.
    fn schemes(&self) -> Vec<SignatureScheme> {
        Vec::new()
    }
}

impl CertificateResolver for AnswerLater {
    fn resolve(&self, _: &ClientHello<'_>) -> Reply<Result<Arc<CertifiedKey>, NoCertificate>> {
        Reply::Later
    }
}
