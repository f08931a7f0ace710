//! Connections in memory: for tests, demonstrations and threads of one process.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::connection::{Connection, Received};
use crate::error::Error;

/// Moves bytes between two connections until neither sends any more: each waits for its application,
/// waits for the answer to a question, or is closed. Application data are discarded.
///
/// # Errors
/// The first error of either side. The alert has been delivered to its peer.
pub fn exchange(left: &mut Connection, right: &mut Connection) -> Result<(), Error> {
    loop {
        let (to_right, to_left) = (left.outgoing().to_vec(), right.outgoing().to_vec());
        let taken_right = deliver(left, to_right, right);
        let taken_left = deliver(right, to_left, left);
        // The alert that one side receives must not hide the error of the other, which is the cause.
        let taken = taken_left? + taken_right?;
        if taken == 0 {
            return Ok(());
        }
    }
}

/// Gives `to` the records of `bytes` that it takes now, and returns how many bytes they were. `from`
/// keeps the others for a later call: `to` may wait for the answer to a question.
fn deliver(from: &mut Connection, mut bytes: Vec<u8>, to: &mut Connection) -> Result<usize, Error> {
    let mut start = 0;
    let result = loop {
        let input = bytes.get_mut(start..).unwrap_or_default();
        match to.receive(input) {
            Ok((consumed, Received::Closed)) => break Ok(start + consumed),
            Ok((0, _)) => break Ok(start),
            Ok((consumed, _)) => start += consumed,
            // A failed connection takes nothing more: the bytes are dropped.
            Err(error) => {
                start = bytes.len();
                break Err(error);
            }
        }
    };
    from.sent(*result.as_ref().unwrap_or(&start));
    result
}

/// Two ends of a byte stream in memory, for two threads. Reading blocks as on a socket. When one end
/// is dropped, the other reads the end of the stream.
pub fn pipe() -> (PipeEnd, PipeEnd) {
    let (left, right) = (Arc::new(Direction::default()), Arc::new(Direction::default()));
    (
        PipeEnd { incoming: Arc::clone(&left), outgoing: Arc::clone(&right) },
        PipeEnd { incoming: right, outgoing: left },
    )
}

/// One end of a [`pipe`].
#[derive(Debug)]
pub struct PipeEnd {
    incoming: Arc<Direction>,
    outgoing: Arc<Direction>,
}

#[derive(Debug, Default)]
struct Direction {
    state: Mutex<DirectionState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct DirectionState {
    bytes: VecDeque<u8>,
    closed: bool,
}

impl Direction {
    /// A writer waits for the reader when so many bytes are unread.
    const CAPACITY: usize = 256 * 1024;

    fn lock(&self) -> MutexGuard<'_, DirectionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while(
        &self,
        condition: impl Fn(&DirectionState) -> bool,
    ) -> MutexGuard<'_, DirectionState> {
        let guard = self.changed.wait_while(self.lock(), |state| condition(state));
        guard.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Read for PipeEnd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let empty = |state: &DirectionState| state.bytes.is_empty() && !state.closed;
        let mut state = self.incoming.wait_while(empty);
        let count = state.bytes.read(buffer)?;
        self.incoming.changed.notify_all();
        Ok(count)
    }
}

impl Write for PipeEnd {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let full =
            |state: &DirectionState| state.bytes.len() >= Direction::CAPACITY && !state.closed;
        let mut state = self.outgoing.wait_while(full);
        if state.closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        state.bytes.extend(bytes);
        self.outgoing.changed.notify_all();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        for direction in [&self.incoming, &self.outgoing] {
            direction.lock().closed = true;
            direction.changed.notify_all();
        }
    }
}
