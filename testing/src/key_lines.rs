//! A key log in memory.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use handclasp::key_log::{KeyLog, KeyLogFile};

/// The lines of a key log. Its copies have the same lines.
#[derive(Clone, Default)]
pub struct KeyLines(Arc<Mutex<Vec<u8>>>);

impl KeyLines {
    /// The key log that writes these lines.
    pub fn key_log(&self) -> Arc<dyn KeyLog> {
        Arc::new(KeyLogFile::new(self.clone()))
    }

    /// All lines so far.
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for KeyLines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
