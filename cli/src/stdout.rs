//! Standard output. It remembers a failure to write, which makes the program fail at its end.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use crate::failure::Failure;
use crate::text_report::Output;

/// The first failure to write.
static FAILED: Mutex<Option<io::Error>> = Mutex::new(None);

/// Standard output, with colours on a terminal. A failure does not stop the program: [`check`] returns
/// it at the end.
pub fn stdout() -> Output {
    Box::new(Remembering(anstream::stdout()))
}

/// # Errors
/// The first failure to write.
pub fn check() -> Result<(), Failure> {
    remember(&io::stdout().flush());
    let mut failed = FAILED.lock().unwrap_or_else(PoisonError::into_inner);
    match failed.take() {
        Some(error) => ended(&error),
        None => Ok(()),
    }
}

/// Ends standard output after this error. It is no failure if the reader has closed the pipe.
pub fn ended(error: &io::Error) -> Result<(), Failure> {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Ok(());
    }
    Err(Failure::failed(format!("standard output cannot be written: {error}")))
}

fn remember<T>(result: &io::Result<T>) {
    let Err(error) = result else { return };
    if error.kind() == io::ErrorKind::Interrupted {
        return;
    }
    let mut failed = FAILED.lock().unwrap_or_else(PoisonError::into_inner);
    if failed.is_none() {
        // An io::Error cannot be copied.
        *failed = Some(match error.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => error.kind().into(),
        });
    }
}

struct Remembering(anstream::AutoStream<io::Stdout>);

impl Write for Remembering {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.0.write(bytes);
        remember(&result);
        result
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.0.flush();
        remember(&result);
        result
    }
}
