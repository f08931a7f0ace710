//! The PIN of a token's user.

use core::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use cryptoki::types::RawAuthPin;
use handclasp::pem::printable_path;
use handclasp::zeroize::Zeroizing;

use crate::error::TokenError;

/// The longest file of a PIN in bytes. PINs are much shorter: a longer file is another one.
const LONGEST_FILE: usize = 1024;

/// The PIN of a token's user. It is wiped when it is dropped, and `Debug` does not show it.
#[derive(Clone)]
pub struct Pin(Zeroizing<Vec<u8>>);

impl Pin {
    /// A PIN of these bytes, most often digits.
    pub fn new(pin: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(pin.into()))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn for_login(&self) -> RawAuthPin {
        RawAuthPin::new(Box::new(self.0.to_vec()))
    }
}

impl From<Zeroizing<Vec<u8>>> for Pin {
    fn from(pin: Zeroizing<Vec<u8>>) -> Self {
        Self(pin)
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(..)")
    }
}

/// Where the PIN is.
#[derive(Clone, Debug)]
pub(crate) enum PinSource {
    Value(Pin),
    File(PathBuf),
}

impl PinSource {
    /// The PIN. This may block, if the file system does.
    pub(crate) fn read(&self) -> Result<Pin, TokenError> {
        let file = match self {
            Self::Value(pin) => return Ok(pin.clone()),
            Self::File(file) => file,
        };
        let fail = |reason: String| TokenError::PinFile { file: printable_path(file), reason };
        let mut pin = read_file(file).map_err(|error| fail(error.to_string()))?;
        if pin.len() > LONGEST_FILE {
            return Err(fail(format!("it is longer than {LONGEST_FILE} bytes")));
        }
        if pin.last() == Some(&b'\n') {
            pin.pop();
        }
        if pin.last() == Some(&b'\r') {
            pin.pop();
        }
        if pin.is_empty() {
            return Err(fail("it is empty".to_owned()));
        }
        Ok(Pin(pin))
    }
}

/// The contents of a regular file: at most one byte more than [`LONGEST_FILE`]. They are read into one buffer, so that
/// no copy of the PIN stays.
fn read_file(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    // Opening a pipe would wait for its other end.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut file = File::open(path)?;
    let mut contents = Zeroizing::new(vec![0; LONGEST_FILE + 1]);
    let mut length = 0;
    while length < contents.len() {
        match file.read(&mut contents[length..])? {
            0 => break,
            count => length += count,
        }
    }
    contents.truncate(length);
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_not_read_from_what_is_no_short_regular_file() {
        let name = format!("handclasp-pkcs11-pin-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let read = || PinSource::File(path.clone()).read().map(|pin| pin.bytes().to_vec());
        for (contents, expected) in [
            (b"1234\r\n".to_vec(), Ok(b"1234".to_vec())),
            (vec![b'1'; LONGEST_FILE], Ok(vec![b'1'; LONGEST_FILE])),
            (vec![b'1'; LONGEST_FILE + 1], Err("it is longer than 1024 bytes")),
            (b"\n".to_vec(), Err("it is empty")),
        ] {
            std::fs::write(&path, contents).unwrap();
            let reason = |reason: &str| TokenError::PinFile {
                file: printable_path(&path),
                reason: reason.to_owned(),
            };
            assert_eq!(read(), expected.map_err(reason));
        }
        std::fs::remove_file(&path).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        let error = read().unwrap_err().to_string();
        std::fs::remove_file(&path).unwrap();
        assert!(error.ends_with("it is not a regular file"), "{error}");
    }
}
