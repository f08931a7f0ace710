//! Connections in memory: for tests, demonstrations and threads of one process.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::connection::{Connection, Received};
use crate::error::Error;

/// Moves bytes between two connections until both are silent: each waits for data of its
/// application, rests on a question, or is closed. Application data are dropped.
///
/// # Errors
/// The first error of either side, which that side's peer has been told of.
pub fn exchange(left: &mut Connection, right: &mut Connection) -> Result<(), Error> {
    let (mut to_left, mut to_right) = (Vec::new(), Vec::new());
    loop {
        let moved = transfer(left, &mut to_right) + transfer(right, &mut to_left);
        let taken_left = take(left, &mut to_left);
        let taken_right = take(right, &mut to_right);
        // What one side says about the other's failure would only hide the cause.
        let taken = taken_left? + taken_right?;
        if moved + taken == 0 {
            return Ok(());
        }
    }
}

fn transfer(from: &mut Connection, buffer: &mut Vec<u8>) -> usize {
    let length = from.outgoing().len();
    buffer.extend_from_slice(from.outgoing());
    from.sent(length);
    length
}

/// Gives the connection the records that it takes now, and returns how many bytes they were.
fn take(connection: &mut Connection, buffer: &mut Vec<u8>) -> Result<usize, Error> {
    let mut start = 0;
    let result = loop {
        let input = buffer.get_mut(start..).unwrap_or_default();
        match connection.receive(input) {
            Ok((0, _)) | Ok((_, Received::Closed)) => break Ok(start),
            Ok((consumed, _)) => start += consumed,
            Err(error) => break Err(error),
        }
    };
    buffer.drain(..start);
    result
}

/// Two ends of a byte stream in memory, each of which blocks on reading like a socket, for two
/// threads. An end that is dropped is the end of what the other can read.
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
    /// A writer beyond this many bytes waits for the reader.
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
