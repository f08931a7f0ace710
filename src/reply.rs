//! What someone says who is asked in the middle of a handshake.

/// An answer, or the promise of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply<T> {
    /// The answer.
    Now(T),
    /// The answer comes later: the handshake rests until then.
    Later,
}
