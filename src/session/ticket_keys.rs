use core::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use pki_types::UnixTime;
use zeroize::Zeroizing;

use super::{MAX_LIFETIME, SessionError, SessionStore};
use crate::crypto::ring::{SHA256, TLS_AES_256_GCM_SHA384};
use crate::crypto::{AeadKey, CryptoError, Hash, NONCE_LENGTH, Secret, SecureRandom};
use crate::reply::Reply;

/// Seals sessions into the tickets themselves, so that a server keeps nothing (RFC 9846, section
/// 4.7.1).
///
/// A ticket is the name of its key, 32 random bytes, and the session under AES-256-GCM with a key
/// and a nonce of its own, derived from the two. A server that restarts, or another one, opens it
/// if it has the same key. Whoever gets hold of a key can read the tickets under it: it must be
/// kept like a private key, and changed.
pub struct TicketKeys {
    random: Arc<dyn SecureRandom>,
    /// The newest first; it seals, all open. Never empty.
    keys: Mutex<Vec<TicketKey>>,
    /// Seconds after which a new random key takes over.
    period: Option<u64>,
}

#[derive(Clone)]
struct TicketKey {
    name: [u8; TicketKeys::NAME_LENGTH],
    secret: Secret,
    /// When it sealed first, in seconds since 1970.
    since: Option<u64>,
}

impl TicketKey {
    fn new(bytes: &[u8]) -> Result<Self, CryptoError> {
        let secret = Secret::new(bytes).ok_or(CryptoError)?;
        let mut name = [0; TicketKeys::NAME_LENGTH];
        SHA256.expand(secret.as_bytes(), &[b"handclasp ticket key name"], &mut name)?;
        Ok(Self { name, secret, since: None })
    }

    /// The key and the nonce of the ticket with this salt.
    fn for_ticket(&self, salt: &[u8]) -> Result<(AeadKey, [u8; NONCE_LENGTH]), CryptoError> {
        let mut bytes = Zeroizing::new([0; TicketKeys::KEY_LENGTH + NONCE_LENGTH]);
        SHA256.expand(self.secret.as_bytes(), &[b"handclasp ticket", salt], &mut *bytes)?;
        let (key, nonce) = bytes.split_at(TicketKeys::KEY_LENGTH);
        let nonce = nonce.try_into().map_err(|_| CryptoError)?;
        Ok((TLS_AES_256_GCM_SHA384.aead.key(key)?, nonce))
    }
}

impl TicketKeys {
    /// The length of a key in bytes.
    pub const KEY_LENGTH: usize = 32;

    /// How long a random key seals before the next one takes over, in seconds: a day. It opens
    /// for seven days more.
    pub const PERIOD: u64 = 24 * 60 * 60;

    const NAME_LENGTH: usize = 16;
    const SALT_LENGTH: usize = 32;

    /// Random keys that nobody else has, each in use for [`PERIOD`](Self::PERIOD), and forgotten
    /// when the last ticket under it has expired.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn random(random: Arc<dyn SecureRandom>) -> Result<Self, CryptoError> {
        let first = Self::random_key(&*random)?;
        Ok(Self { random, keys: Mutex::new(vec![first]), period: Some(Self::PERIOD) })
    }

    /// Keys that several servers share, of [`KEY_LENGTH`](Self::KEY_LENGTH) bytes each: the first
    /// seals, all open. To change them without losing tickets, give all servers the new key as the
    /// last one, then as the first, and a week later take the old one away: see
    /// [`replace`](Self::replace).
    ///
    /// # Errors
    /// When the length is no multiple of a key's, or zero, or a key is one byte again and again:
    /// nobody drew that at random.
    pub fn from_bytes(bytes: &[u8], random: Arc<dyn SecureRandom>) -> Result<Self, SessionError> {
        Ok(Self { random, keys: Mutex::new(Self::parse(bytes)?), period: None })
    }

    /// Puts other keys in the place of those that there are, as [`from_bytes`](Self::from_bytes)
    /// takes them. Connections need not be told.
    ///
    /// # Errors
    /// As `from_bytes`; the keys stay as they were then.
    pub fn replace(&self, bytes: &[u8]) -> Result<(), SessionError> {
        let keys = Self::parse(bytes)?;
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    fn parse(bytes: &[u8]) -> Result<Vec<TicketKey>, SessionError> {
        let constant = |key: &[u8]| key.iter().all(|byte| Some(byte) == key.first());
        let whole = !bytes.is_empty() && bytes.len() % Self::KEY_LENGTH == 0;
        if !whole || bytes.chunks(Self::KEY_LENGTH).any(constant) {
            return Err(SessionError::TicketKeys);
        }
        let keys = bytes.chunks(Self::KEY_LENGTH).map(TicketKey::new);
        keys.collect::<Result<_, _>>().map_err(|CryptoError| SessionError::TicketKeys)
    }

    fn random_key(random: &dyn SecureRandom) -> Result<TicketKey, CryptoError> {
        let mut bytes = Zeroizing::new([0; Self::KEY_LENGTH]);
        random.fill(&mut *bytes)?;
        TicketKey::new(&*bytes)
    }

    /// The key that seals now.
    fn current(&self, now: UnixTime) -> Result<TicketKey, CryptoError> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now.as_secs();
        if let Some(period) = self.period {
            let old = |key: &TicketKey| key.since.is_some_and(|since| now >= since + period);
            if keys.first().is_none_or(old) {
                keys.insert(0, Self::random_key(&*self.random)?);
            }
            let last_use = period + u64::from(MAX_LIFETIME);
            keys.retain(|key| key.since.is_none_or(|since| now <= since + last_use));
        }
        let first = keys.first_mut().ok_or(CryptoError)?;
        first.since.get_or_insert(now);
        Ok(first.clone())
    }

    /// What is sealed into this ticket, if it is one of these keys'.
    fn open(&self, ticket: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (header, sealed) = ticket.split_at_checked(Self::NAME_LENGTH + Self::SALT_LENGTH)?;
        let (name, salt) = header.split_at_checked(Self::NAME_LENGTH)?;
        let key = {
            let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
            keys.iter().find(|key| key.name == name)?.clone()
        };
        let (aead, nonce) = key.for_ticket(salt).ok()?;
        let mut session = Zeroizing::new(sealed.to_vec());
        let length = aead.open(nonce, header, &mut session).ok()?.len();
        session.truncate(length);
        Some(session)
    }
}

impl SessionStore for TicketKeys {
    fn put(&self, session: &[u8], now: UnixTime) -> Result<Vec<u8>, CryptoError> {
        let key = self.current(now)?;
        let mut salt = [0; Self::SALT_LENGTH];
        self.random.fill(&mut salt)?;
        let (aead, nonce) = key.for_ticket(&salt)?;
        let mut sealed = Zeroizing::new(session.to_vec());
        let header = [&key.name[..], &salt].concat();
        let tag = aead.seal(nonce, &header, &mut sealed)?;
        Ok([&header[..], &sealed, &tag].concat())
    }

    fn take(&self, ticket: &[u8], _: UnixTime) -> Reply<Option<Zeroizing<Vec<u8>>>> {
        Reply::Now(self.open(ticket))
    }
}

impl fmt::Debug for TicketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketKeys").field("period", &self.period).finish_non_exhaustive()
    }
}
