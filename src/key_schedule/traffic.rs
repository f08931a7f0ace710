//! Traffic secrets and what is derived from them (RFC 9846, sections 4.5.3, 7.2 and 7.3).

use core::fmt;

use zeroize::Zeroizing;

use super::expand_label;
use crate::crypto::{CipherSuite, CryptoError, Digest, NONCE_LENGTH, Secret};
use crate::observer::Observers;

/// The longest key of an AEAD in bytes that there is room for.
const MAX_KEY_LENGTH: usize = 32;

/// The secret of one direction at one level. Records derive a key and an IV from it; QUIC derives
/// what RFC 9001 says.
#[derive(Clone)]
pub struct TrafficSecret {
    suite: CipherSuite,
    secret: Secret,
}

/// The key and the IV of one direction, wiped on drop.
pub(crate) struct KeyAndIv {
    key: Zeroizing<[u8; MAX_KEY_LENGTH]>,
    key_length: usize,
    pub(crate) iv: Zeroizing<[u8; NONCE_LENGTH]>,
}

impl KeyAndIv {
    pub(crate) fn key(&self) -> &[u8] {
        self.key.get(..self.key_length).unwrap_or_default()
    }
}

impl TrafficSecret {
    pub(super) fn new(suite: CipherSuite, secret: Secret) -> Self {
        Self { suite, secret }
    }

    /// The suite that the secret is used with.
    pub fn suite(&self) -> &CipherSuite {
        &self.suite
    }

    /// The secret itself. Handle with care.
    pub fn as_bytes(&self) -> &[u8] {
        self.secret.as_bytes()
    }

    /// The key and the IV of the record protection (section 7.3).
    pub(crate) fn key_and_iv(&self, observers: &mut Observers) -> Result<KeyAndIv, CryptoError> {
        let key_length = self.suite.aead.key_length();
        let mut keys = KeyAndIv { key: Zeroizing::default(), key_length, iv: Zeroizing::default() };
        let key = keys.key.get_mut(..key_length).ok_or(CryptoError)?;
        expand_label(self.suite.hash, self.as_bytes(), "key", &[], key, observers)?;
        let iv = keys.iv.as_mut_slice();
        expand_label(self.suite.hash, self.as_bytes(), "iv", &[], iv, observers)?;
        Ok(keys)
    }

    /// The secret after a KeyUpdate (section 7.2). The old one is gone.
    pub(crate) fn update(self, observers: &mut Observers) -> Result<Self, CryptoError> {
        let mut next = Secret::zeros(self.suite.hash.output_length());
        let output = next.as_mut_bytes();
        expand_label(self.suite.hash, self.as_bytes(), "traffic upd", &[], output, observers)?;
        Ok(Self { suite: self.suite, secret: next })
    }

    /// The `verify_data` of a Finished over this transcript (section 4.5.3).
    pub(crate) fn finished(
        &self,
        transcript: &Digest,
        observers: &mut Observers,
    ) -> Result<Secret, CryptoError> {
        let mut key = Secret::zeros(self.suite.hash.output_length());
        let output = key.as_mut_bytes();
        expand_label(self.suite.hash, self.as_bytes(), "finished", &[], output, observers)?;
        Ok(self.suite.hash.hmac(key.as_bytes(), &[transcript]))
    }
}

impl fmt::Debug for TrafficSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrafficSecret({})", self.suite.id)
    }
}
