//! Keys from an exporter secret (RFC 9846, section 7.5). `MainSecret::exporter` and
//! `EarlySecret::early_exporter`, in the module above, derive that secret.

use super::hkdf::{Hkdf, Result};
use crate::crypto::Secret;
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

    /// TLS-Exporter(label, context, the length of `output`).
    pub(crate) fn export(&self, label: &str, context: &[u8], output: &mut [u8]) -> Result<()> {
        // Exported keys are the application's: no observer sees them.
        let mut observers = Observers::default();
        let hash = &self.hkdf.hash;
        let nothing = hash.digest(b"");
        let secret = self.hkdf.expand_secret(&self.secret, label, &nothing, &mut observers)?;
        let context = hash.digest(context);
        self.hkdf.expand_label(&secret, "exporter", &context, output, &mut observers)
    }
}
