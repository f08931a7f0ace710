use crate::wire::DecodeError;

/// Why bytes are no session or no ticket keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The bytes were written by another version of this library.
    #[error("the session was stored by another version of this library")]
    Version,
    /// The bytes are not a session: this field of it is wrong or missing.
    #[error("the session is malformed: its field {0} is wrong or missing")]
    Malformed(&'static str),
    /// Ticket keys must be one or several times 32 bytes, and random.
    #[error("ticket keys must be one or several times 32 random bytes")]
    TicketKeys,
}

impl From<DecodeError> for SessionError {
    fn from(error: DecodeError) -> Self {
        Self::Malformed(error.field)
    }
}
