//! How much of a big file was read.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};

/// Smaller files are read at once.
const SHOWN_FROM: u64 = 32 << 20;

/// A file that shows on standard error how much of it was read, if that is a terminal.
pub struct Progress {
    file: File,
    length: u64,
    read: u64,
    shown: Option<u64>,
}

impl Progress {
    pub fn new(file: File) -> Self {
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        let is_shown = length >= SHOWN_FROM && io::stderr().is_terminal();
        Self { file, length, read: 0, shown: is_shown.then_some(0) }
    }
}

impl Read for Progress {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.read += count as u64;
        let Some(shown) = &mut self.shown else { return Ok(count) };
        let percent = self.read.saturating_mul(100) / self.length.max(1);
        if percent > *shown {
            *shown = percent;
            let bar = "#".repeat(usize::try_from(percent / 4).unwrap_or_default());
            // A failure to show it must not stop the program.
            let _ = write!(io::stderr(), "\r[{bar:<25}] {percent:3} %");
        }
        Ok(count)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some_and(|shown| shown > 0) {
            let _ = write!(io::stderr(), "\r{:32}\r", "");
        }
    }
}
