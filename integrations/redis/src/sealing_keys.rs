//! The sealing keys, and what is sealed with them.

use core::fmt;
use std::sync::Arc;

use handclasp::crypto::{
    Aead, AeadKey, CryptoError, CryptoProvider, Hash, HmacKey, NONCE_LENGTH, SecureRandom,
    StaticOrArc, TAG_LENGTH, hkdf_expand_with_key, hkdf_prepare_key,
};
use handclasp::zeroize::Zeroizing;

use crate::Error;

/// The keys that values are sealed with before they are stored. The first key seals, and all open.
///
/// The same keys are on all servers of a fleet, and nowhere else: not in the store. To change them, give all servers
/// the new key as the last one, then as the first, and take the old one away after the longest lifetime of what was
/// sealed with it: 7 days for sessions, and 9 days for ticket keys with the default options.
///
/// A value is sealed under a key of its own, with AES-256-GCM where the provider is a default one. That key is derived
/// from a sealing key, from random bytes, and from what the value is: its kind and its name. So a value does not open
/// in the place of another.
#[derive(Clone)]
pub struct SealingKeys {
    primitives: Arc<Primitives>,
    keys: Arc<[SealingKey]>,
}

/// The parts of a provider that values are sealed with.
pub(crate) struct Primitives {
    pub(crate) sha256: StaticOrArc<dyn Hash>,
    /// The provider's `ticket_aead`: AES-256-GCM in the default ones.
    aead: StaticOrArc<dyn Aead>,
    random: Arc<dyn SecureRandom>,
}

struct SealingKey {
    name: [u8; SealingKeys::NAME_LENGTH],
    /// The key, prepared once for all values. It is behind a pointer, so that the list, which is copied when it is made,
    /// leaves no copies of the key in memory.
    prepared: Arc<HmacKey>,
}

impl SealingKey {
    fn new(bytes: &[u8], sha256: &dyn Hash) -> Result<Self, CryptoError> {
        let prepared = hkdf_prepare_key(sha256, bytes);
        let mut name = [0; SealingKeys::NAME_LENGTH];
        hkdf_expand_with_key(sha256, &prepared, b"handclasp-redis key name", &mut name)?;
        Ok(Self { name, prepared })
    }
}

/// Each value has a key of its own, which is derived with a random salt of 16 bytes and seals nothing else. So the nonce
/// can be the same for all.
const NONCE: [u8; NONCE_LENGTH] = [0; NONCE_LENGTH];

/// The first byte of each sealed value.
const VERSION: u8 = 1;

type Salt = [u8; SealingKeys::SALT_LENGTH];

/// What a sealed value is. Its key is derived from this, so it opens only where the same is expected.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// A session for example.
    pub(crate) kind: &'static str,
    /// What distinguishes the value from others of its kind.
    pub(crate) id: &'a [u8],
}

impl Context<'_> {
    /// Both parts with their lengths, so that no two contexts are the same bytes.
    fn encode(&self, out: &mut Vec<u8>) {
        for part in [self.kind.as_bytes(), self.id] {
            out.extend_from_slice(&(part.len() as u64).to_be_bytes());
            out.extend_from_slice(part);
        }
    }
}

impl SealingKeys {
    /// The length of a key in bytes.
    pub const KEY_LENGTH: usize = 32;

    /// Enough to find a key among a few. A name proves nothing.
    const NAME_LENGTH: usize = 8;
    /// Random salts of this length do not repeat under a key.
    const SALT_LENGTH: usize = 16;
    const HEADER_LENGTH: usize = 1 + Self::NAME_LENGTH + Self::SALT_LENGTH;

    /// One or several keys of [`KEY_LENGTH`](Self::KEY_LENGTH) random bytes each, with the default provider.
    ///
    /// # Errors
    /// [`Error::SealingKeys`] where the length is no multiple of a key's, or zero, or a key is one byte repeated.
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Self::from_bytes_with_provider(bytes, &CryptoProvider::default())
    }

    /// As [`from_bytes`](Self::from_bytes), with the ciphers and the randomness of this provider. All servers need
    /// one with the same `ticket_aead`.
    ///
    /// # Errors
    /// As `from_bytes`.
    pub fn from_bytes_with_provider(
        bytes: &[u8],
        provider: &CryptoProvider,
    ) -> Result<Self, Error> {
        if bytes.is_empty() || !bytes.len().is_multiple_of(Self::KEY_LENGTH) {
            return Err(Error::SealingKeys);
        }
        let mut keys = Vec::with_capacity(bytes.len() / Self::KEY_LENGTH);
        for key in bytes.chunks(Self::KEY_LENGTH) {
            let is_one_byte_repeated = key.iter().all(|byte| Some(byte) == key.first());
            if is_one_byte_repeated {
                return Err(Error::SealingKeys);
            }
            keys.push(SealingKey::new(key, &*provider.sha256)?);
        }
        let primitives = Primitives {
            sha256: provider.sha256.clone(),
            aead: provider.ticket_aead.clone(),
            random: Arc::clone(&provider.random),
        };
        Ok(Self { primitives: Arc::new(primitives), keys: keys.into() })
    }

    /// Seals a value in this context.
    pub(crate) fn seal(&self, context: Context<'_>, value: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let key = self.keys.first().ok_or(CryptoError)?;
        let salt: Salt = self.primitives.random_bytes()?;
        let cipher = self.primitives.cipher(key, context, &salt)?;
        // If the cipher fails, the value must not stay in memory.
        let length = Self::HEADER_LENGTH + value.len() + TAG_LENGTH;
        let mut sealed = Zeroizing::new(Vec::with_capacity(length));
        sealed.push(VERSION);
        sealed.extend_from_slice(&key.name);
        sealed.extend_from_slice(&salt);
        sealed.extend_from_slice(value);
        let (header, content) = sealed.split_at_mut(Self::HEADER_LENGTH);
        let tag = cipher.seal(NONCE, header, content)?;
        sealed.extend_from_slice(&tag);
        Ok(core::mem::take(&mut *sealed))
    }

    /// Opens a value that was sealed in this context.
    pub(crate) fn open(
        &self,
        context: Context<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let opened = self.try_open(context, sealed);
        opened.ok_or(Error::Value)
    }

    fn try_open(&self, context: Context<'_>, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (header, content) = sealed.split_at_checked(Self::HEADER_LENGTH)?;
        let (version, rest) = header.split_first()?;
        let (name, salt) = rest.split_last_chunk::<{ Self::SALT_LENGTH }>()?;
        if *version != VERSION {
            return None;
        }
        let key = self.keys.iter().find(|key| key.name == name)?;
        let cipher = self.primitives.cipher(key, context, salt).ok()?;
        let mut value = Zeroizing::new(content.to_vec());
        let length = cipher.open(NONCE, header, &mut value).ok()?.len();
        value.truncate(length);
        Some(value)
    }

    pub(crate) fn primitives(&self) -> &Primitives {
        &self.primitives
    }
}

impl Primitives {
    /// Random bytes.
    pub(crate) fn random_bytes<const LENGTH: usize>(&self) -> Result<[u8; LENGTH], CryptoError> {
        let mut bytes = [0; LENGTH];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// Fills the buffer with random bytes. A generator that fills in nothing leaves zeros.
    pub(crate) fn fill(&self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        self.random.fill(bytes)?;
        if bytes.iter().all(|byte| *byte == 0) {
            return Err(CryptoError);
        }
        Ok(())
    }

    /// The key of the value in this context with this salt.
    fn cipher(
        &self,
        key: &SealingKey,
        context: Context<'_>,
        salt: &Salt,
    ) -> Result<AeadKey, CryptoError> {
        let mut info = Vec::with_capacity(128);
        info.extend_from_slice(b"handclasp-redis value");
        info.extend_from_slice(salt);
        context.encode(&mut info);
        let mut derived = Zeroizing::new([0; SealingKeys::KEY_LENGTH]);
        hkdf_expand_with_key(&*self.sha256, &key.prepared, &info, &mut *derived)?;
        self.aead.key(&*derived)
    }
}

impl fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKeys({} keys)", self.keys.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: [u8; 32] = *b"0123456789abcdef0123456789abcdef";
    const NEW: [u8; 32] = *b"fedcba9876543210fedcba9876543210";
    const CONTEXT: Context<'static> = Context { kind: "session", id: b"an id" };

    fn keys(bytes: &[&[u8]]) -> SealingKeys {
        SealingKeys::from_bytes(&bytes.concat()).unwrap()
    }

    #[test]
    fn what_was_sealed_is_opened_in_its_context_only() {
        let keys = keys(&[&OLD]);
        for value in [b"".as_slice(), b"a value"] {
            let sealed = keys.seal(CONTEXT, value).unwrap();
            assert_eq!(keys.open(CONTEXT, &sealed).unwrap().as_slice(), value);
            assert_ne!(sealed, keys.seal(CONTEXT, value).unwrap(), "each has a key of its own");
            for (kind, id) in
                [("session", "another"), ("ticket key", "an id"), ("sessiona", "n id")]
            {
                let other = Context { kind, id: id.as_bytes() };
                assert!(matches!(keys.open(other, &sealed), Err(Error::Value)), "{kind} {id}");
            }
        }
    }

    #[test]
    fn a_changed_value_is_refused() {
        let keys = keys(&[&OLD]);
        let sealed = keys.seal(CONTEXT, b"a value").unwrap();
        assert!(!sealed.windows(7).any(|bytes| bytes == b"a value"));
        for (place, bit) in (0..sealed.len()).flat_map(|it| (0..8).map(move |bit| (it, bit))) {
            let mut changed = sealed.clone();
            changed[place] ^= 1 << bit;
            assert!(matches!(keys.open(CONTEXT, &changed), Err(Error::Value)), "{place} {bit}");
        }
        for length in 0..sealed.len() {
            assert!(matches!(keys.open(CONTEXT, &sealed[..length]), Err(Error::Value)));
        }
        assert!(keys.open(CONTEXT, &[&sealed[..], &[0]].concat()).is_err());
    }

    #[test]
    fn the_first_key_seals_and_all_open() {
        let [old, both, new] = [keys(&[&OLD]), keys(&[&NEW, &OLD]), keys(&[&NEW])];
        let before = old.seal(CONTEXT, b"a value").unwrap();
        assert_eq!(both.open(CONTEXT, &before).unwrap().as_slice(), b"a value");
        let after = both.seal(CONTEXT, b"a value").unwrap();
        assert_eq!(new.open(CONTEXT, &after).unwrap().as_slice(), b"a value");
        assert!(old.open(CONTEXT, &after).is_err());
        assert!(new.open(CONTEXT, &before).is_err());
    }

    #[test]
    fn keys_that_are_not_random_are_refused_and_none_is_shown() {
        for wrong in [vec![], OLD[1..].to_vec(), [&OLD[..], &[1]].concat(), vec![7; 32]] {
            assert!(matches!(SealingKeys::from_bytes(&wrong), Err(Error::SealingKeys)));
        }
        assert!(SealingKeys::from_bytes(&[&OLD[..], &[0; 32]].concat()).is_err());
        assert_eq!(format!("{:?}", keys(&[&OLD, &NEW])), "SealingKeys(2 keys)");
    }

    #[test]
    fn zeros_in_the_place_of_randomness_seal_nothing() {
        #[derive(Debug)]
        struct Zeros;
        impl SecureRandom for Zeros {
            fn fill(&self, bytes: &mut [u8]) -> Result<(), CryptoError> {
                bytes.fill(0);
                Ok(())
            }
        }
        let mut provider = CryptoProvider::default();
        provider.random = Arc::new(Zeros);
        let keys = SealingKeys::from_bytes_with_provider(&OLD, &provider).unwrap();
        assert_eq!(keys.seal(CONTEXT, b"a value"), Err(CryptoError));
    }
}
