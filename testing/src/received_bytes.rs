//! A transport with bytes that were received.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::rc::Rc;

/// Returns its bytes, at most `most` at a time, and then it would block. It takes what is written, and
/// discards it. A copy has the same bytes.
#[derive(Clone)]
pub struct ReceivedBytes {
    bytes: Rc<RefCell<VecDeque<u8>>>,
    most: usize,
}

impl ReceivedBytes {
    pub fn new(bytes: Vec<u8>, most: usize) -> Self {
        Self { bytes: Rc::new(RefCell::new(bytes.into())), most }
    }

    /// Adds bytes behind the others.
    pub fn add(&self, bytes: &[u8]) {
        self.bytes.borrow_mut().extend(bytes);
    }
}

impl Read for ReceivedBytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut bytes = self.bytes.borrow_mut();
        if bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let most = buffer.len().min(self.most);
        bytes.read(&mut buffer[..most])
    }
}

impl Write for ReceivedBytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
