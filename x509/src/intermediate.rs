//! The certificates that a peer sent along with its own.

use super::decode::Certificate;

/// A certificate that the peer sent along, and that parses.
pub(super) struct Intermediate<'a> {
    /// Its place among those that were sent, counted from 1.
    pub(super) number: usize,
    pub(super) certificate: Certificate<'a>,
}
