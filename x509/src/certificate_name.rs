//! The name of an issuer or a subject, as names are compared to find a path.

use core::ops::Deref;
use std::borrow::Cow;
use std::sync::OnceLock;

use super::distinguished_name;

/// The name of an issuer or a subject: the contents of a Name (RFC 5280, sections 4.1.2.4 and
/// 4.1.2.6).
///
/// An authority encodes its name in what it issues as in its own certificate, so names that are the
/// same nearly always have the same bytes. The normalized form, by which an issuer is found among many
/// anchors, is made when it is first needed.
#[derive(Clone)]
pub(super) struct CertificateName<'a> {
    contents: Cow<'a, [u8]>,
    /// See [`distinguished_name::normalize_or_raw`].
    normalized: OnceLock<Vec<u8>>,
}

impl<'a> CertificateName<'a> {
    /// From the contents of a Name, which may be malformed.
    pub(super) fn new(contents: &'a [u8]) -> Self {
        Self { contents: contents.into(), normalized: OnceLock::new() }
    }

    /// As [`Self::new`]; `None` if it is no Name.
    pub(super) fn read(contents: &'a [u8]) -> Option<Self> {
        let is_name = distinguished_name::first_malformed_part(contents).is_empty();
        is_name.then(|| Self::new(contents))
    }

    pub(super) fn into_owned(self) -> CertificateName<'static> {
        let contents = Cow::Owned(self.contents.into_owned());
        CertificateName { contents, normalized: self.normalized }
    }

    /// The key of a table of names.
    pub(super) fn normalized(&self) -> &[u8] {
        self.normalized.get_or_init(|| distinguished_name::normalize_or_raw(&self.contents))
    }

    /// Whether both are the same name, in any encoding.
    pub(super) fn is_same(&self, other: &CertificateName<'_>) -> bool {
        self.contents == other.contents
            || distinguished_name::is_same(&self.contents, &other.contents)
    }
}

/// The contents of the Name.
impl Deref for CertificateName<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.contents
    }
}
