//! The result of path validation.

use core::fmt;

use super::distinguished_name;
use super::end_entity::EndEntity;
use super::time::Validity;

/// A path that was found and is valid.
#[derive(Clone, Debug)]
pub struct VerifiedPath {
    /// The peer's certificate.
    pub end_entity: EndEntity,
    /// When all certificates of the path are valid, and the anchor, where its dates are checked. The
    /// evidence of revocation has dates of its own.
    pub validity: Validity,
    /// The contents of the Names above the end entity.
    pub(super) above: Vec<Box<[u8]>>,
}

/// The end entity of a path that was found and is valid.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VerifiedEndEntity {
    /// The peer's certificate.
    pub end_entity: EndEntity,
    /// See [`VerifiedPath::validity`].
    pub validity: Validity,
}

impl From<VerifiedPath> for VerifiedEndEntity {
    fn from(path: VerifiedPath) -> Self {
        Self { end_entity: path.end_entity, validity: path.validity }
    }
}

impl VerifiedPath {
    /// The subjects from the end entity's to the anchor's, safe to print. There is only one if the
    /// end entity is itself an anchor.
    pub fn subjects(&self) -> Vec<String> {
        let above = self.above.iter().map(|name| distinguished_name::describe(name));
        [self.end_entity.subject()].into_iter().chain(above).collect()
    }
}

impl fmt::Display for VerifiedPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.subjects().join(" <- "))
    }
}
