//! The name of an issuer or a subject, as names are compared to find a path.

use core::ops::Deref;
use std::borrow::Cow;

use super::distinguished_name;

/// The name of an issuer or a subject: the contents of a Name (RFC 5280, sections 4.1.2.4 and
/// 4.1.2.6).
///
/// An authority encodes its name in what it issues as in its own certificate, so names that are the
/// same nearly always have the same bytes. Names that are not the same nearly always have different
/// fingerprints. So a search compares numbers and bytes, and hardly ever the words of two names.
#[derive(Clone)]
pub(super) struct CertificateName<'a> {
    contents: Cow<'a, [u8]>,
    /// See [`distinguished_name::fingerprint`].
    fingerprint: u64,
}

impl<'a> CertificateName<'a> {
    /// From the contents of a Name; `None` if it is malformed.
    pub(super) fn read(contents: &'a [u8]) -> Option<Self> {
        let fingerprint = distinguished_name::fingerprint(contents)?;
        Some(Self { contents: contents.into(), fingerprint })
    }

    pub(super) fn into_owned(self) -> CertificateName<'static> {
        let contents = Cow::Owned(self.contents.into_owned());
        CertificateName { contents, fingerprint: self.fingerprint }
    }

    /// The key of a table of names.
    pub(super) fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// Whether both are the same name, in any encoding.
    pub(super) fn is_same(&self, other: &CertificateName<'_>) -> bool {
        self.fingerprint == other.fingerprint
            && (self.contents == other.contents
                || distinguished_name::is_same(&self.contents, &other.contents))
    }
}

/// The contents of the Name.
impl Deref for CertificateName<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.contents
    }
}
