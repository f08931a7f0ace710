//! Cookies of a HelloRetryRequest: the client keeps the server's state (RFC 9846, section 4.3.2).

use core::fmt;

use pki_types::UnixTime;

use crate::crypto::{
    CryptoError, CryptoProvider, Hash, Secret, SecureRandom, StaticOrArc, provider_fault,
};

/// The longest cookie that a server sends or a client accepts, in bytes. A longer one could make the
/// second ClientHello too long.
pub(crate) const MAX_COOKIE_LENGTH: usize = 0x2000;

/// Protects the state that a server puts into the cookie of a HelloRetryRequest (RFC 9846,
/// section 4.3.2). The server then needs no memory of the client until the second ClientHello.
pub trait CookieProtector: Send + Sync + fmt::Debug {
    /// Makes a cookie from `state`. It is 1 to 8192 bytes long.
    ///
    /// # Errors
    /// [`CryptoError`] if the provider fails. The handshake then ends.
    fn protect(&self, state: &[u8], now: UnixTime) -> Result<Vec<u8>, CryptoError>;

    /// The state of a cookie, if [`protect`](Self::protect) made it and it is not too old. `None` for any
    /// other cookie.
    fn open(&self, cookie: &[u8], now: UnixTime) -> Option<Vec<u8>>;
}

/// Cookies with the time and an HMAC-SHA256 under a key of the server.
///
/// The state is authenticated and not encrypted. It is a hash, a cipher suite and a group, and the
/// client knows all of them. Servers that share the key accept each other's cookies.
pub struct HmacCookies {
    sha256: StaticOrArc<dyn Hash>,
    key: Secret,
    lifetime: u64,
}

impl HmacCookies {
    /// How long a cookie can be used by default, in seconds.
    pub const DEFAULT_LIFETIME: u64 = 30;

    const TIME_LENGTH: usize = 8;
    const MAC_LENGTH: usize = 32;

    /// Cookies under a fresh random key, with the SHA-256 of the default provider.
    ///
    /// # Errors
    /// [`CryptoError`] if the provider has no randomness.
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn random(random: &dyn SecureRandom) -> Result<Self, CryptoError> {
        Self::with_random_key(random, CryptoProvider::default().sha256)
    }

    /// As [`random`](Self::random), with the randomness and the SHA-256 of this provider.
    ///
    /// # Errors
    /// [`CryptoError`] if the provider has no randomness.
    pub fn random_with_provider(provider: &CryptoProvider) -> Result<Self, CryptoError> {
        Self::with_random_key(&*provider.random, provider.sha256.clone())
    }

    /// Cookies under a key that several servers share, that can be used for `lifetime` seconds, with the SHA-256
    /// of the default provider.
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn shared(key: &[u8; 32], lifetime: u64) -> Self {
        Self::shared_with_provider(key, lifetime, &CryptoProvider::default())
    }

    /// As [`shared`](Self::shared), with the SHA-256 of this provider.
    pub fn shared_with_provider(key: &[u8; 32], lifetime: u64, provider: &CryptoProvider) -> Self {
        let mut secret = Secret::zeros(Self::MAC_LENGTH);
        secret.as_mut_bytes().copy_from_slice(key);
        Self { sha256: provider.sha256.clone(), key: secret, lifetime }
    }

    fn with_random_key(
        random: &dyn SecureRandom,
        sha256: StaticOrArc<dyn Hash>,
    ) -> Result<Self, CryptoError> {
        let mut key = Secret::zeros(Self::MAC_LENGTH);
        provider_fault::fill(random, key.as_mut_bytes())?;
        Ok(Self { sha256, key, lifetime: Self::DEFAULT_LIFETIME })
    }

    fn mac(&self, content: &[u8]) -> Result<Secret, CryptoError> {
        let mac = provider_fault::hmac(&*self.sha256, self.key.as_bytes(), &[content]);
        mac.map_err(|_| CryptoError)
    }
}

impl fmt::Debug for HmacCookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HmacCookies")
            .field("key", &self.key)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

impl CookieProtector for HmacCookies {
    fn protect(&self, state: &[u8], now: UnixTime) -> Result<Vec<u8>, CryptoError> {
        let mut cookie = now.as_secs().to_be_bytes().to_vec();
        cookie.extend_from_slice(state);
        let mac = self.mac(&cookie)?;
        cookie.extend_from_slice(mac.as_bytes());
        Ok(cookie)
    }

    fn open(&self, cookie: &[u8], now: UnixTime) -> Option<Vec<u8>> {
        let content_length = cookie.len().checked_sub(Self::MAC_LENGTH)?;
        let (content, mac) = cookie.split_at_checked(content_length)?;
        let expected = self.mac(content).ok()?;
        if !expected.verify(mac) {
            return None;
        }
        let (time, state) = content.split_first_chunk::<{ Self::TIME_LENGTH }>()?;
        // The clock of another server that shares the key may be ahead of this one.
        let age = now.as_secs().abs_diff(u64::from_be_bytes(*time));
        if age > self.lifetime {
            return None;
        }
        Some(state.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn a_cookie_opens_unchanged_and_in_time_only() {
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let cookies = HmacCookies::shared(&[5; 32], 10);
        let cookie = cookies.protect(b"state", at(100)).unwrap();
        assert_eq!(cookies.open(&cookie, at(110)).as_deref(), Some(&b"state"[..]));
        assert_eq!(cookies.open(&cookie, at(111)), None, "too old");
        assert!(cookies.open(&cookie, at(99)).is_some(), "of a server whose clock is ahead");
        assert_eq!(cookies.open(&cookie, at(89)), None, "too far ahead");
        for bit in 0..cookie.len() * 8 {
            let mut changed = cookie.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(cookies.open(&changed, at(100)), None);
        }
        for end in 0..cookie.len() {
            assert_eq!(cookies.open(&cookie[..end], at(100)), None);
        }
        assert_eq!(HmacCookies::shared(&[6; 32], 10).open(&cookie, at(100)), None);
    }
}
