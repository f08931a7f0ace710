use core::fmt;
use core::ops::Deref;
use std::sync::Arc;

/// A primitive that a provider hands out: a `static` of the program, or one that is shared and counted.
///
/// The primitives of built-in providers are statics, and connections copy the reference. A provider
/// whose primitives hold something, such as the session of an HSM or the context of a library, uses
/// [`Arc`], so that the last user frees it:
///
/// ```
/// use std::sync::Arc;
///
/// use handclasp::crypto::{Aead, CipherSuite, Hash, StaticOrArc};
/// use handclasp::registry::CipherSuiteId;
///
/// fn suite(
///     hash: impl Hash + 'static,
///     aead: impl Aead + 'static,
/// ) -> StaticOrArc<CipherSuite> {
///     let suite = CipherSuite {
///         id: CipherSuiteId::TLS_AES_128_GCM_SHA256,
///         hash: StaticOrArc::Arc(Arc::new(hash)),
///         aead: StaticOrArc::Arc(Arc::new(aead)),
///     };
///     suite.into()
/// }
/// ```
pub enum StaticOrArc<T: ?Sized + 'static> {
    /// Lives as long as the program.
    Static(&'static T),
    /// Lives as long as its last user. Each connection that uses it counts; records do not.
    Arc(Arc<T>),
}

impl<T: ?Sized> Clone for StaticOrArc<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Static(reference) => Self::Static(reference),
            Self::Arc(arc) => Self::Arc(Arc::clone(arc)),
        }
    }
}

/// A value that is shared and counted.
impl<T> From<T> for StaticOrArc<T> {
    fn from(value: T) -> Self {
        Self::Arc(Arc::new(value))
    }
}

/// Shows the primitive alone.
impl<T: fmt::Debug + ?Sized> fmt::Debug for StaticOrArc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized> Deref for StaticOrArc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Self::Static(reference) => reference,
            Self::Arc(arc) => arc,
        }
    }
}
