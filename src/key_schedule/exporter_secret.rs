//! Keys from an exporter secret (RFC 9846, section 7.5). `MainSecret::traffic` and
//! `EarlySecret::early_traffic`, in the module above, derive that secret.

use super::constants::hash_of_nothing;
use super::hkdf::{Hkdf, LabelPrefix, Result};
use crate::crypto::{CipherSuite, HKDF_STACK_DEPTH, Secret, with_stack_wiped};
use crate::observer::Observers;

/// Derives keys for other protocols from a connection (RFC 9846, section 7.5).
pub(crate) struct ExporterSecret {
    hkdf: Hkdf,
    pub(super) secret: Secret,
}

impl ExporterSecret {
    pub(super) fn new(hkdf: Hkdf, secret: Secret) -> Self {
        Self { hkdf, secret }
    }

    /// The bytes alone, for a caller that knows the suite.
    pub(crate) fn into_secret(self) -> Secret {
        self.secret
    }

    /// The inverse of [`into_secret`](Self::into_secret), for TLS and QUIC. DTLS has other labels.
    pub(crate) fn of_secret(suite: &CipherSuite, secret: &Secret) -> Self {
        Self::new(Hkdf { hash: suite.hash.clone(), prefix: LabelPrefix::Tls13 }, secret.clone())
    }

    /// TLS-Exporter(label, context, the length of `output`).
    pub(crate) fn export(&self, label: &str, context: &[u8], output: &mut [u8]) -> Result<()> {
        with_stack_wiped::<HKDF_STACK_DEPTH, _>(|| self.derive(label, context, output))
    }

    fn derive(&self, label: &str, context: &[u8], output: &mut [u8]) -> Result<()> {
        // Exported keys are the application's: no observer sees them.
        let mut observers = Observers::default();
        let nothing = hash_of_nothing(self.hkdf.hash.algorithm());
        let prk = self.hkdf.prk(&self.secret);
        let secret = prk.derive_secret(label, nothing, &mut observers)?;
        let context = self.hkdf.hash.digest(context);
        self.hkdf.prk(&secret).expand_label("exporter", &context, output, &mut observers)
    }
}
