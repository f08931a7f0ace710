use core::fmt;

use zeroize::Zeroizing;

use super::PreSharedKey;
use super::key::check_secret;
use crate::config_error::ConfigError;
use crate::crypto::{CryptoProvider, HashAlgorithm, Secret};
use crate::key_schedule::{PskKind, imported_psk};
use crate::registry::ProtocolVersion;
use crate::wire::codec::{Prefix, write_bytes, write_u16};

/// Derives keys for TLS 1.3 from an external key (RFC 9258): one for each hash of the suites. So no
/// key is used with two hashes, and none of them is the external key, which other protocols may use.
///
/// Both sides must import with the same identity, context and hash. The context is made from the two
/// names of [`between`](Self::between), or is chosen by the application; it is sent in the clear. The
/// importer wipes its copy of the external key. The application should wipe its own copies, too
/// (RFC 9257, section 6).
///
/// ```
/// use handclasp::psk::PskImporter;
/// use handclasp::CryptoProvider;
///
/// # fn example(secret: &[u8]) -> Result<(), handclasp::config::ConfigError> {
/// let importer = PskImporter::new(b"sensor 7", secret)?.between(b"sensor 7", b"gateway");
/// let keys = importer.import(&CryptoProvider::default())?;
/// // For ClientConfigBuilder::pre_shared_keys, or for a PskList.
/// # Ok(())
/// # }
/// ```
pub struct PskImporter {
    identity: Vec<u8>,
    secret: Zeroizing<Vec<u8>>,
    context: Vec<u8>,
    hash: HashAlgorithm,
}

impl PskImporter {
    /// An external key and its identity. Its hash is SHA-256, unless [`hash`](Self::hash) sets another
    /// one.
    ///
    /// # Errors
    /// [`ConfigError::PreSharedKey`] if the key is shorter than [`PreSharedKey::MIN_LENGTH`], and
    /// [`ConfigError::WeakPreSharedKey`] if it is text or has fewer than eight different bytes.
    pub fn new(identity: &[u8], secret: &[u8]) -> Result<Self, ConfigError> {
        check_secret(secret)?;
        Ok(Self::unchecked(identity, secret))
    }

    /// As [`new`](Self::new), without a check of the key. The caller makes sure that it is random.
    pub fn unchecked(identity: &[u8], secret: &[u8]) -> Self {
        Self {
            identity: identity.to_vec(),
            secret: Zeroizing::new(secret.to_vec()),
            context: Vec::new(),
            hash: HashAlgorithm::Sha256,
        }
    }

    /// Sets the hash that the external key was made for.
    pub fn hash(mut self, hash: HashAlgorithm) -> Self {
        self.hash = hash;
        self
    }

    /// Sets the context of the key: how it was provisioned, for example, and the roles of the nodes that
    /// have it.
    pub fn context(mut self, context: &[u8]) -> Self {
        self.context = context.to_vec();
        self
    }

    /// Binds the key to this client and this server. A node then finds no key for a ClientHello of its
    /// own that an attacker sends back, or for one that was sent to another node with the same key
    /// (RFC 9258, appendix A). Each name has at most 255 bytes, and a longer one is cut off.
    pub fn between(self, client: &[u8], server: &[u8]) -> Self {
        let mut context = Vec::new();
        for name in [client, server] {
            let name = name.get(..name.len().min(255)).unwrap_or_default();
            write_bytes(&mut context, Prefix::U8, name);
        }
        self.context(&context)
    }

    /// Derives a key for each hash of the provider's suites, the preferred suite's key first.
    ///
    /// # Errors
    /// - [`ConfigError::PreSharedKey`] if the identity is empty, or identity and context together are
    ///   longer than 1016 bytes.
    /// - [`ConfigError::Empty`] if the provider has no suite with the hash of the external key.
    pub fn import(self, provider: &CryptoProvider) -> Result<Vec<PreSharedKey>, ConfigError> {
        let mut suites = provider.cipher_suites.iter();
        let Some(own) = suites.find(|suite| suite.hash.algorithm() == self.hash) else {
            return Err(ConfigError::Empty("cipher suite with the hash of a pre-shared key"));
        };
        if self.identity.is_empty() || self.identity.len() + self.context.len() > 1016 {
            return Err(ConfigError::PreSharedKey);
        }
        let mut keys: Vec<PreSharedKey> = Vec::new();
        for suite in &provider.cipher_suites {
            let target = suite.hash.algorithm();
            if keys.iter().any(|key| key.hash() == target) {
                continue;
            }
            let identity = self.imported_identity(target);
            let mut secret = Secret::zeros(suite.hash.output_length());
            imported_psk(&own.hash, &self.secret, &identity, secret.as_mut_bytes())
                .map_err(|_| ConfigError::PreSharedKey)?;
            let key = PreSharedKey::new(&identity, secret.as_bytes(), target, PskKind::Imported)?;
            keys.push(key);
        }
        Ok(keys)
    }

    /// The ImportedIdentity (RFC 9258, section 5.1), which is the identity on the wire.
    fn imported_identity(&self, target: HashAlgorithm) -> Vec<u8> {
        let target_kdf: u16 = match target {
            HashAlgorithm::Sha256 => 1,
            HashAlgorithm::Sha384 => 2,
        };
        let mut out = Vec::with_capacity(64);
        write_bytes(&mut out, Prefix::U16, &self.identity);
        write_bytes(&mut out, Prefix::U16, &self.context);
        write_u16(&mut out, ProtocolVersion::TLS_1_3);
        write_u16(&mut out, target_kdf);
        out
    }
}

impl fmt::Debug for PskImporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PskImporter")
            .field("identity", &String::from_utf8_lossy(&self.identity))
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}
