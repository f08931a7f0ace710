//! The certificates that a peer sent with its own.

use super::certificate::Certificate;

/// A certificate that the peer sent with its own.
pub(super) struct Intermediate<'a> {
    /// Its number in the peer's list, counted from 1.
    pub(super) number: usize,
    pub(super) certificate: Certificate<'a>,
}
