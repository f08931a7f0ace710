//! The source of random bytes.

use core::fmt;

use rand::TryRng;
use rand::rngs::SysRng;

use super::CryptoError;

/// A cryptographically secure source of random bytes.
pub trait SecureRandom: Send + Sync + fmt::Debug {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// When there is no randomness: the handshake fails then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), CryptoError>;
}

/// The operating system's generator. It keeps nothing in the process, so neither a fork nor a snapshot
/// of a virtual machine can make it repeat its output.
#[derive(Clone, Copy, Debug)]
pub struct SystemRandom;

impl SecureRandom for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        SysRng.try_fill_bytes(bytes).map_err(|_| CryptoError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_random_fills() {
        let mut bytes = [0; 64];
        SystemRandom.fill(&mut bytes).unwrap();
        assert_ne!(bytes, [0; 64]);
    }
}
