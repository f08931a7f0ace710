//! The PIN of a token's user.

use core::fmt;
use std::path::PathBuf;

use cryptoki::types::RawAuthPin;
use handclasp::pem::printable_path;
use handclasp::zeroize::Zeroizing;

use crate::error::TokenError;

/// The PIN of a token's user. It is wiped when it is dropped, and `Debug` does not show it.
#[derive(Clone)]
pub struct Pin(Zeroizing<Vec<u8>>);

impl Pin {
    /// A PIN of these bytes, most often digits.
    pub fn new(pin: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(pin.into()))
    }

    #[cfg(test)]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn for_login(&self) -> RawAuthPin {
        RawAuthPin::new(Box::new(self.0.to_vec()))
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
    pub(crate) fn read(&self) -> Result<Pin, TokenError> {
        let file = match self {
            Self::Value(pin) => return Ok(pin.clone()),
            Self::File(file) => file,
        };
        let fail = |reason: String| TokenError::PinFile { file: printable_path(file), reason };
        let mut pin = std::fs::read(file).map(Zeroizing::new).map_err(|it| fail(it.to_string()))?;
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
