//! Traffic secrets and what is derived from them (RFC 9846, sections 4.5.3, 7.2 and 7.3).

use core::fmt;

use zeroize::Zeroizing;

use super::hkdf::{Hkdf, LabelPrefix, Prk, Result};
use crate::crypto::{
    CipherSuite, CryptoError, Digest, HKDF_STACK_DEPTH, NONCE_LENGTH, Secret, StaticOrArc,
    provider_fault, with_stack_wiped,
};
use crate::observer::Observers;
use crate::record::TrafficKeys;

/// The secret of one direction at one level. Records derive a key and an IV from it; QUIC derives
/// what RFC 9001 says.
///
/// A key log (RFC 9850, `SSLKEYLOGFILE`) has such secrets, in hexadecimal. With one of them, the
/// records of its direction can be opened:
///
/// ```
/// use handclasp::crypto::{CipherSuite, StaticOrArc};
/// use handclasp::key_schedule::TrafficSecret;
/// use handclasp::record::Opener;
/// # fn example(
/// #     suite: StaticOrArc<CipherSuite>,
/// #     logged: &[u8],
/// #     record: &mut [u8],
/// # ) -> Result<(), Box<dyn std::error::Error>> {
///
/// // The suite is in the ServerHello; the line was `SERVER_TRAFFIC_SECRET_0`.
/// let secret = TrafficSecret::from_bytes(suite, logged)?;
/// let mut opener = Opener::plaintext();
/// opener.install(secret.traffic_keys()?);
/// let opened = opener.open(record)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct TrafficSecret {
    suite: StaticOrArc<CipherSuite>,
    prefix: LabelPrefix,
    secret: Secret,
}

/// What protects the records of one direction (section 7.3).
#[derive(Clone)]
#[non_exhaustive]
pub struct KeyAndIv {
    /// The key, as long as the suite's AEAD needs it.
    pub key: Secret,
    /// The IV. A record's nonce is made of it and the record's number (section 5.3).
    pub iv: Zeroizing<[u8; NONCE_LENGTH]>,
}

impl fmt::Debug for KeyAndIv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyAndIv(..)")
    }
}

impl TrafficSecret {
    pub(super) fn new(
        suite: StaticOrArc<CipherSuite>,
        prefix: LabelPrefix,
        secret: Secret,
    ) -> Self {
        Self { suite, prefix, secret }
    }

    /// Prepares the secret, to expand it.
    pub(crate) fn prk(&self) -> Prk<'_> {
        Hkdf { hash: self.suite.hash.clone(), prefix: self.prefix }.prk(&self.secret)
    }

    /// The secret of TLS or QUIC with these bytes, for the suite of its connection: from a key log,
    /// for example.
    ///
    /// # Errors
    /// When it is not as long as the output of the suite's hash.
    pub fn from_bytes(
        suite: StaticOrArc<CipherSuite>,
        secret: &[u8],
    ) -> core::result::Result<Self, CryptoError> {
        let secret = Secret::new(secret).ok_or(CryptoError)?;
        if secret.as_bytes().len() != suite.hash.output_length() {
            return Err(CryptoError);
        }
        Ok(Self::new(suite, LabelPrefix::Tls13, secret))
    }

    /// The bytes alone, for a caller that knows the suite.
    pub(crate) fn into_secret(self) -> Secret {
        self.secret
    }

    /// The inverse of [`into_secret`](Self::into_secret), for TLS and QUIC. DTLS has other labels.
    pub(crate) fn of_secret(suite: &StaticOrArc<CipherSuite>, secret: &Secret) -> Self {
        Self::new(suite.clone(), LabelPrefix::Tls13, secret.clone())
    }

    /// The suite that the secret is used with.
    pub fn suite(&self) -> &StaticOrArc<CipherSuite> {
        &self.suite
    }

    /// The secret itself. Handle with care.
    pub fn as_bytes(&self) -> &[u8] {
        self.secret.as_bytes()
    }

    /// The key and the IV of the records under this secret (section 7.3).
    ///
    /// # Errors
    /// When the suite's provider fails.
    pub fn key_and_iv(&self) -> core::result::Result<KeyAndIv, CryptoError> {
        Ok(self.derive_key_and_iv(&mut Observers::default())?)
    }

    /// The same, ready for an [`Opener`](crate::record::Opener) or a
    /// [`Sealer`](crate::record::Sealer).
    ///
    /// # Errors
    /// When the suite's provider fails.
    pub fn traffic_keys(&self) -> core::result::Result<TrafficKeys, CryptoError> {
        let KeyAndIv { key, iv } = self.key_and_iv()?;
        TrafficKeys::new(&self.suite, key.as_bytes(), &iv)
    }

    /// The secret after a KeyUpdate of its direction (section 7.2). Most implementations write only the
    /// first secret to their key logs.
    ///
    /// # Errors
    /// When the suite's provider fails.
    pub fn after_key_update(&self) -> core::result::Result<Self, CryptoError> {
        Ok(self.clone().update(&mut Observers::default())?)
    }

    /// Derives the key and the IV of records (section 7.3).
    pub(crate) fn derive_key_and_iv(&self, observers: &mut Observers) -> Result<KeyAndIv> {
        let mut key = Secret::zeros(self.suite.aead.key_length());
        let mut iv = Zeroizing::<[u8; NONCE_LENGTH]>::default();
        let prk = self.prk();
        prk.expand_label("key", &[], key.as_mut_bytes(), observers)?;
        prk.expand_label("iv", &[], iv.as_mut_slice(), observers)?;
        Ok(KeyAndIv { key, iv })
    }

    /// The secret after a KeyUpdate (section 7.2). Consumes the old one.
    pub(crate) fn update(self, observers: &mut Observers) -> Result<Self> {
        // Before the key is made: it goes through the same place on the stack, and bytes that are left beside
        // it would be moved to the heap with it.
        let secret = with_stack_wiped::<HKDF_STACK_DEPTH, _>(|| {
            self.prk().expand_label_to_secret("traffic upd", &[], observers)
        })?;
        Ok(Self { secret, ..self })
    }

    /// The `verify_data` of a Finished over this transcript (section 4.5.3).
    pub(crate) fn finished(
        &self,
        transcript: &Digest,
        observers: &mut Observers,
    ) -> Result<Secret> {
        with_stack_wiped::<HKDF_STACK_DEPTH, _>(|| {
            let finished_key = self.prk().expand_label_to_secret("finished", &[], observers)?;
            provider_fault::hmac(&*self.suite.hash, finished_key.as_bytes(), &[transcript])
        })
    }
}
