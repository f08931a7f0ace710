//! Pre-shared keys in the key schedule: labels of their binders, keys of tickets, imported keys.

use super::hkdf::{Hkdf, LabelPrefix, Result};
use crate::crypto::{CipherSuite, HKDF_STACK_DEPTH, Hash, Secret, StaticOrArc, with_stack_wiped};
use crate::observer::Observers;

/// Where a PSK comes from: it decides the label of its binder key (section 7.1), so that a ticket
/// can never be taken for a key that was agreed on outside of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PskKind {
    /// Agreed on outside of TLS: "ext binder".
    External,
    /// Of an earlier connection's ticket: "res binder".
    Resumption,
    /// Made of an external key by a [`PskImporter`](crate::psk::PskImporter): "imp binder"
    /// (RFC 9258, section 5.2).
    Imported,
}

impl PskKind {
    pub(super) fn binder_label(self) -> &'static str {
        match self {
            Self::External => "ext binder",
            Self::Resumption => "res binder",
            Self::Imported => "imp binder",
        }
    }
}

/// The PSKs of tickets are made of it.
pub(crate) struct ResumptionSecret {
    hkdf: Hkdf,
    pub(super) secret: Secret,
}

impl ResumptionSecret {
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

    /// The PSK that goes with a ticket of this nonce (section 4.7.1).
    pub(crate) fn psk(&self, nonce: &[u8], observers: &mut Observers) -> Result<Secret> {
        with_stack_wiped::<HKDF_STACK_DEPTH, _>(|| {
            self.hkdf.prk(&self.secret).expand_label_to_secret("resumption", nonce, observers)
        })
    }
}

/// The key that an external key is imported as (RFC 9258, section 5.1). The hash is the external
/// key's; the length of `output` is that of the hash that the imported key is for.
pub(crate) fn imported_psk(
    hash: &StaticOrArc<dyn Hash>,
    secret: &[u8],
    imported_identity: &[u8],
    output: &mut [u8],
) -> Result<()> {
    with_stack_wiped::<HKDF_STACK_DEPTH, _>(|| import(hash, secret, imported_identity, output))
}

fn import(
    hash: &StaticOrArc<dyn Hash>,
    secret: &[u8],
    imported_identity: &[u8],
    output: &mut [u8],
) -> Result<()> {
    let hkdf = Hkdf { hash: hash.clone(), prefix: LabelPrefix::Tls13 };
    let mut no_observers = Observers::default();
    let extracted = hkdf.extract("imported PSK", &[], secret, &mut no_observers)?;
    let context = hash.digest(imported_identity);
    hkdf.prk(&extracted).expand_label("derived psk", &context, output, &mut no_observers)
}
