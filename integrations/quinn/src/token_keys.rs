//! The keys of tokens for Retry and NEW_TOKEN, and of stateless resets, from the crypto provider.

use std::sync::Arc;

use handclasp::crypto::{
    Aead, AeadKey, CryptoError, CryptoProvider, HmacKey, NONCE_LENGTH, Secret, SecureRandom,
    TAG_LENGTH, hkdf_expand,
};
use quinn_proto::crypto;

const KEY_LENGTH: usize = 32;

/// A random secret.
fn random_secret(provider: &CryptoProvider) -> Result<Secret, CryptoError> {
    let mut secret = Secret::zeros(KEY_LENGTH);
    provider.random.fill(secret.as_mut_bytes())?;
    Ok(secret)
}

/// The key of address validation tokens: those in Retry packets and NEW_TOKEN frames (RFC 9000, section
/// 8.1). Servers that share a key accept each other's tokens.
pub struct TokenKey {
    provider: CryptoProvider,
    secret: Secret,
}

impl TokenKey {
    /// A random key.
    ///
    /// # Errors
    /// When the provider has no randomness.
    pub fn random(provider: &CryptoProvider) -> Result<Self, CryptoError> {
        Ok(Self { provider: provider.clone(), secret: random_secret(provider)? })
    }

    /// This key.
    pub fn new(provider: &CryptoProvider, key: &[u8; KEY_LENGTH]) -> Self {
        let mut secret = Secret::zeros(KEY_LENGTH);
        secret.as_mut_bytes().copy_from_slice(key);
        Self { provider: provider.clone(), secret }
    }

    fn aead_key(&self, random_bytes: &[u8]) -> Result<AeadKey, CryptoError> {
        let Self { provider, secret } = self;
        let (hash, aead): (_, &dyn Aead) = (&*provider.sha256, &*provider.ticket_aead);
        let mut key = Secret::zeros(aead.key_length());
        hkdf_expand(hash, secret.as_bytes(), random_bytes, key.as_mut_bytes())?;
        aead.key(key.as_bytes())
    }
}

impl crypto::HandshakeTokenKey for TokenKey {
    fn aead_from_hkdf(&self, random_bytes: &[u8]) -> Box<dyn crypto::AeadKey> {
        Box::new(TokenAead(self.aead_key(random_bytes)))
    }
}

/// The key of one token: derived from random bytes, it is used once, so that its nonce may be zero.
struct TokenAead(Result<AeadKey, CryptoError>);

impl crypto::AeadKey for TokenAead {
    fn seal(&self, data: &mut Vec<u8>, additional_data: &[u8]) -> Result<(), crypto::CryptoError> {
        let key = self.0.as_ref().map_err(|_| crypto::CryptoError)?;
        let tag: [u8; TAG_LENGTH] = key
            .seal([0; NONCE_LENGTH], additional_data, data)
            .map_err(|CryptoError| crypto::CryptoError)?;
        data.extend_from_slice(&tag);
        Ok(())
    }

    fn open<'a>(
        &self,
        data: &'a mut [u8],
        additional_data: &[u8],
    ) -> Result<&'a mut [u8], crypto::CryptoError> {
        let key = self.0.as_ref().map_err(|_| crypto::CryptoError)?;
        key.open([0; NONCE_LENGTH], additional_data, data)
            .map_err(|CryptoError| crypto::CryptoError)
    }
}

/// The key of stateless resets (RFC 9000, section 10.3). An endpoint that has the same key after a
/// restart can end the connections of before.
pub struct ResetKey {
    key: HmacKey,
    /// Where its random bytes come from if it fails.
    random: Arc<dyn SecureRandom>,
}

impl ResetKey {
    /// A random key.
    ///
    /// # Errors
    /// When the provider has no randomness.
    pub fn random(provider: &CryptoProvider) -> Result<Self, CryptoError> {
        Ok(Self::with_secret(provider, random_secret(provider)?.as_bytes()))
    }

    /// This key.
    pub fn new(provider: &CryptoProvider, key: &[u8; KEY_LENGTH]) -> Self {
        Self::with_secret(provider, key)
    }

    fn with_secret(provider: &CryptoProvider, secret: &[u8]) -> Self {
        Self { key: provider.sha256.hmac_key(secret), random: provider.random.clone() }
    }
}

impl crypto::HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        match self.key.sign(&[data]) {
            Ok(mac) => signature_out.copy_from_slice(mac.as_bytes()),
            // quinn expects no failure. A reset with random bytes is ignored.
            Err(CryptoError) => {
                let _ = self.random.fill(signature_out);
            }
        }
    }

    fn signature_len(&self) -> usize {
        KEY_LENGTH
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), crypto::CryptoError> {
        match self.key.sign(&[data]) {
            Ok(mac) if mac.verify(signature) => Ok(()),
            _ => Err(crypto::CryptoError),
        }
    }
}

#[cfg(test)]
mod tests {
    use quinn_proto::crypto::{HandshakeTokenKey as _, HmacKey as _};

    use super::*;

    #[test]
    fn a_token_opens_with_its_key_and_its_random_bytes_only() {
        let provider = CryptoProvider::default();
        let key = TokenKey::new(&provider, &[7; 32]);
        let mut token = b"an address".to_vec();
        key.aead_from_hkdf(b"random").seal(&mut token, b"additional").unwrap();
        let opens = |key: &TokenKey, random: &[u8], additional: &[u8]| {
            let aead = key.aead_from_hkdf(random);
            aead.open(&mut token.clone(), additional).is_ok_and(|data| data == b"an address")
        };
        assert!(opens(&key, b"random", b"additional"));
        assert!(opens(&TokenKey::new(&provider, &[7; 32]), b"random", b"additional"));
        assert!(!opens(&key, b"other", b"additional"));
        assert!(!opens(&key, b"random", b"other"));
        assert!(!opens(&TokenKey::random(&provider).unwrap(), b"random", b"additional"));
    }

    #[test]
    fn a_reset_token_depends_on_the_key_and_the_data() {
        let provider = CryptoProvider::default();
        let sign = |key: &ResetKey, data: &[u8]| {
            let mut signature = vec![0; key.signature_len()];
            key.sign(data, &mut signature);
            signature
        };
        let key = ResetKey::new(&provider, &[7; 32]);
        let signature = sign(&key, b"connection ID");
        assert!(key.verify(b"connection ID", &signature).is_ok());
        assert!(key.verify(b"another", &signature).is_err());
        assert!(key.verify(b"connection ID", &signature[..16]).is_err());
        assert_ne!(sign(&ResetKey::random(&provider).unwrap(), b"connection ID"), signature);
    }
}
