//! Traffic secrets and what is derived from them (RFC 9846, sections 4.5.3, 7.2 and 7.3).

use zeroize::Zeroizing;

use super::{expand_label, expand_secret};
use crate::crypto::{CipherSuite, Digest, NONCE_LENGTH, ProviderError, Secret, provider_fault};
use crate::observer::Observers;

/// The secret of one direction at one level. Records derive a key and an IV from it; QUIC derives
/// what RFC 9001 says.
#[derive(Clone, Debug)]
pub struct TrafficSecret {
    suite: CipherSuite,
    secret: Secret,
}

/// The IV of a direction's records.
type Iv = Zeroizing<[u8; NONCE_LENGTH]>;

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
    pub(crate) fn key_and_iv(
        &self,
        observers: &mut Observers,
    ) -> Result<(Secret, Iv), ProviderError> {
        let (hash, secret) = (self.suite.hash, self.as_bytes());
        let (mut key, mut iv) = (Secret::zeros(self.suite.aead.key_length()), Iv::default());
        expand_label(hash, secret, "key", &[], key.as_mut_bytes(), observers)?;
        expand_label(hash, secret, "iv", &[], iv.as_mut_slice(), observers)?;
        Ok((key, iv))
    }

    /// The secret after a KeyUpdate (section 7.2). The old one is gone.
    pub(crate) fn update(self, observers: &mut Observers) -> Result<Self, ProviderError> {
        let (suite, hash) = (self.suite, self.suite.hash);
        let secret = expand_secret(hash, self.as_bytes(), "traffic upd", &[], observers)?;
        Ok(Self { suite, secret })
    }

    /// The `verify_data` of a Finished over this transcript (section 4.5.3).
    pub(crate) fn finished(
        &self,
        transcript: &Digest,
        observers: &mut Observers,
    ) -> Result<Secret, ProviderError> {
        let hash = self.suite.hash;
        let key = expand_secret(hash, self.as_bytes(), "finished", &[], observers)?;
        Ok(provider_fault::hmac(hash, key.as_bytes(), &[transcript])?)
    }
}
