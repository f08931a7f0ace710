//! Bytes that were received from a socket and are not processed yet.

use std::io::{self, Read};

use handclasp::record::MAX_RECORD_LENGTH;

/// A buffer for at least one record, and usually for more.
pub struct ReceiveBuffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl ReceiveBuffer {
    pub fn new() -> Self {
        Self { bytes: vec![0; 4 * MAX_RECORD_LENGTH], start: 0, end: 0 }
    }

    /// The bytes that were received and not consumed.
    pub fn unread(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.start..self.end).unwrap_or_default()
    }

    /// Removes the first `count` bytes of [`unread`](Self::unread).
    pub fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
    }

    /// Reads once, and returns the number of bytes: 0 at the end.
    pub fn fill(&mut self, from: &mut impl Read) -> io::Result<usize> {
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let free = self.bytes.get_mut(self.end..).unwrap_or_default();
        loop {
            match from.read(free) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => {
                    let count = result?;
                    self.end += count;
                    return Ok(count);
                }
            }
        }
    }
}
