//! What a connection did with the bytes that a stream received, for both streams.

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

/// Converts what [`Connection::receive`](crate::connection::Connection::receive) returned. Appends 0-RTT data to
/// `early_data`: they do not count as data of the record.
///
/// # Errors
/// The connection's error. `WouldBlock` when it waits for the answer to a question.
pub(super) fn progress_of(
    received: Result<(usize, Received<'_>), Error>,
    early_data: &mut Vec<u8>,
) -> io::Result<Progress> {
    let (record, received) = received?;
    let data = match received {
        Received::Closed => return Ok(Progress::Closed),
        Received::Waiting => return Err(no_answer_yet()),
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

/// The `WouldBlock` error of a stream whose handshake waits for the answer to a question.
pub(super) fn no_answer_yet() -> io::Error {
    let reason = "the handshake waits for the answer to a question";
    io::Error::new(io::ErrorKind::WouldBlock, reason)
}
