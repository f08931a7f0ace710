//! What came of the bytes that a stream received.

use std::io;

use crate::connection::Received;
use crate::error::Error;

/// What came of the bytes that were received.
#[derive(Clone, Copy)]
pub(super) enum Progress {
    /// A record was taken.
    Taken {
        /// Its length in bytes.
        record: usize,
        /// How many bytes of data it has, decrypted.
        data: usize,
    },
    /// The record is not complete.
    Incomplete,
    /// The peer has sent close_notify.
    Closed,
}

/// What the connection made of its input. If it has to wait for the answer to a question, the error is
/// `WouldBlock`.
pub(super) fn progress_of(
    received: Result<(usize, Received<'_>), Error>,
    early_data: &mut Vec<u8>,
) -> io::Result<Progress> {
    let (record, received) = received?;
    let data = match received {
        Received::Closed => return Ok(Progress::Closed),
        Received::Waiting => return Err(waits_for_an_answer()),
        Received::Incomplete => return Ok(Progress::Incomplete),
        Received::Data(data) => data.len(),
        Received::EarlyData(data) => {
            early_data.extend_from_slice(data);
            0
        }
        Received::Handled => 0,
    };
    Ok(Progress::Taken { record, data })
}

pub(super) fn waits_for_an_answer() -> io::Error {
    let reason = "the handshake waits for the answer to a question";
    io::Error::new(io::ErrorKind::WouldBlock, reason)
}
