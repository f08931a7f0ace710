//! What became of a client's 0-RTT data.

/// What became of 0-RTT data (RFC 9846, section 4.3.10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EarlyData {
    /// The client offered none.
    #[default]
    NotOffered,
    /// The client offered some; the server has not answered yet.
    Offered,
    /// The server accepted them: they are part of the connection.
    Accepted,
    /// The server rejected them. They are lost: the client's application may send them again, as on
    /// a new connection.
    Rejected,
}

impl EarlyData {
    /// A stable name for programs, in lower case with hyphens.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotOffered => "not-offered",
            Self::Offered => "offered",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
        }
    }
}
