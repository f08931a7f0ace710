use aws_lc_rs::rand;

use crate::crypto::{CryptoError, SecureRandom};

/// The generator of AWS-LC. Each thread has one, with a seed of the operating system. It gets a new seed
/// after a fork, and after a snapshot of a virtual machine where the kernel announces it.
#[derive(Clone, Copy, Debug)]
pub struct AwsLcRandom;

impl SecureRandom for AwsLcRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        rand::fill(bytes).map_err(|_| CryptoError)
    }
}
