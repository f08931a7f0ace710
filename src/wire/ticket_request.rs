//! ticket_request (RFC 9149).

use super::codec::{DecodeError, Reader};

/// How many tickets a client requests (RFC 9149, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TicketRequest {
    /// If the handshake creates a new session.
    pub new_session_count: u8,
    /// If the handshake resumes a session.
    pub resumption_count: u8,
}

impl TicketRequest {
    pub(super) fn read(body: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let [new_session_count, resumption_count] = *body.array("ticket_request")?;
        Ok(Self { new_session_count, resumption_count })
    }

    pub(super) fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.new_session_count, self.resumption_count]);
    }
}
