use core::fmt;
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use pki_types::UnixTime;
use zeroize::Zeroizing;

use super::{MAX_LIFETIME, SessionError, SessionStore};
use crate::crypto::{
    Aead, AeadKey, CryptoError, CryptoProvider, HKDF_STACK_DEPTH, Hash, HashAlgorithm, HmacKey,
    Info, NONCE_LENGTH, SecureRandom, StaticOrArc, TAG_LENGTH, expand_block, hkdf_expand_with_key,
    hkdf_prepare_key, provider_fault, with_stack_wiped,
};
use crate::reply::Reply;

/// Seals sessions into the tickets themselves, so that a server keeps nothing (RFC 9846, section
/// 4.7.1).
///
/// A ticket is the name of its key, 16 random bytes, and the session under AES-256-GCM with a key
/// of its own, derived from the two. A server that restarts, or another one, opens it
/// if it has the same key. A key opens all tickets under it: keep it like a private key, and change
/// it.
///
/// The first key seals, and all open. The library makes [random](Self::random) keys, or the
/// application [gives](Self::from_bytes) them:
///
/// | Keys | The first one seals | Another one opens |
/// |---|---|---|
/// | random | within a day of its first use; then a new one comes before it | within eight days of its first use; then it is forgotten |
/// | given | until it is [replaced](Self::replace) | until it is replaced |
///
/// Keys that are given replace random ones, and no random ones are made after that: servers that were
/// given the same keys have the same keys. No clock decides about them: the application that gives them
/// decides how long each of them seals and opens. A ticket itself ends after its lifetime in any case.
///
/// The days of random keys are counted by the times of connections, in both directions: a key that was
/// first used while the clock was ahead is forgotten when the clock is right again, and a key that was
/// used long ago is forgotten when the clock jumps ahead. Clients with a ticket under such a key do a
/// full handshake.
///
/// # Keys of a fleet
///
/// Servers that share keys must all know a key before one of them seals with it. So a key goes through
/// three lists, and each server is given each list by [`replace`](Self::replace):
///
/// ```text
/// next key    [old, new]       both open, old seals     until all servers have this list
/// change      [new, old]       both open, new seals     until the tickets under old have ended
/// end         [new]            tickets under old lead to a full handshake
/// ```
///
/// Tickets end after [`ticket_lifetime`](crate::config::ServerConfigBuilder::ticket_lifetime). A key
/// that an attacker may have is left out of the next list. From then on no server opens a ticket under it.
/// Tickets that clients have under it are worth nothing, and the clients do full handshakes.
pub struct TicketKeys {
    random: Arc<dyn SecureRandom>,
    primitives: Primitives,
    keys: Mutex<Keys>,
}

/// The parts of a provider that tickets are made with.
struct Primitives {
    sha256: StaticOrArc<dyn Hash>,
    /// AES-256-GCM.
    aead: StaticOrArc<dyn Aead>,
}

impl Primitives {
    fn of(provider: &CryptoProvider) -> Self {
        Self { sha256: provider.sha256.clone(), aead: provider.ticket_aead.clone() }
    }
}

/// Each ticket has a key of its own, which seals nothing else: the nonce can be the same for all.
const NONCE: [u8; NONCE_LENGTH] = [0; NONCE_LENGTH];

/// The random bytes of a ticket.
type Salt = [u8; TicketKeys::SALT_LENGTH];

/// The newest key first. Never empty.
struct Keys {
    list: Vec<TicketKey>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Random,
    Given,
}

#[derive(Clone)]
struct TicketKey {
    name: [u8; TicketKeys::NAME_LENGTH],
    /// Prepared once for all tickets. Copies of the list share it.
    prepared: Arc<HmacKey>,
    /// When it was used first, in seconds since 1970.
    since: Option<u64>,
}

impl TicketKey {
    fn new(bytes: &[u8], sha256: &dyn Hash) -> Result<Self, CryptoError> {
        let prepared = hkdf_prepare_key(sha256, bytes);
        let mut name = [0; TicketKeys::NAME_LENGTH];
        hkdf_expand_with_key(sha256, &prepared, b"handclasp ticket key name", &mut name)?;
        Ok(Self { name, prepared, since: None })
    }

    /// The key of the ticket with this salt. Overwrites the stack: the states of the prepared key are as good as the
    /// key.
    fn cipher(&self, salt: &Salt, primitives: &Primitives) -> Result<AeadKey, CryptoError> {
        let mut info = Info::new();
        info.write(&[b"handclasp ticket", salt]);
        with_stack_wiped::<HKDF_STACK_DEPTH, _>(|| {
            let key = expand_block(HashAlgorithm::Sha256, &self.prepared, &info)?;
            primitives.aead.key(key.as_bytes())
        })
    }

    /// Was it used first less than so many seconds ago? Not so for a key from the future: that is
    /// of a clock that was ahead.
    fn is_younger_than(&self, seconds: u64, now: u64) -> bool {
        self.since.is_none_or(|since| now.abs_diff(since) < seconds)
    }
}

impl Keys {
    /// The first use of the keys begins their time.
    fn note_use(&mut self, now: u64) {
        for key in &mut self.list {
            key.since.get_or_insert(now);
        }
    }

    /// May the key at this place of the list still open a ticket?
    fn opens(&self, place: usize, now: u64) -> bool {
        if self.kind == Kind::Given {
            return true;
        }
        // The last ticket under it may have been made at the end of its period.
        let longest = TicketKeys::PERIOD + u64::from(MAX_LIFETIME) + 1;
        self.list.get(place).is_some_and(|key| key.is_younger_than(longest, now))
    }

    /// A new random key comes when no other is in its period, and old ones go with the last tickets
    /// under them. Keys that were given are not changed.
    fn rotate(
        &mut self,
        random: &dyn SecureRandom,
        sha256: &dyn Hash,
        now: u64,
    ) -> Result<(), CryptoError> {
        if self.kind == Kind::Given {
            return Ok(());
        }
        // A clock that goes to and fro finds the key of then again, and needs no new one each time.
        let in_period = |key: &TicketKey| key.is_younger_than(TicketKeys::PERIOD, now);
        let sealing = self.list.iter().position(in_period);
        if sealing == Some(0) && (0..self.list.len()).all(|place| self.opens(place, now)) {
            return Ok(());
        }
        let mut list = Vec::with_capacity(self.list.len() + 1);
        match sealing.and_then(|place| self.list.get(place)) {
            Some(key) => list.push(key.clone()),
            None => {
                list.push(TicketKey { since: Some(now), ..TicketKeys::random_key(random, sha256)? })
            }
        }
        for (place, key) in self.list.iter().enumerate() {
            if Some(place) != sealing && self.opens(place, now) {
                list.push(key.clone());
            }
        }
        self.list = list;
        Ok(())
    }
}

impl TicketKeys {
    /// The length of a key in bytes.
    pub const KEY_LENGTH: usize = 32;

    /// How long a random key seals before the next one takes over, in seconds: a day. It opens
    /// for seven days more.
    pub const PERIOD: u64 = 24 * 60 * 60;

    /// Enough to find a key among a few. A name proves nothing.
    const NAME_LENGTH: usize = 8;
    /// Random salts of this length do not repeat under a key.
    const SALT_LENGTH: usize = 16;

    /// Random keys that no other server has. Each seals for [`PERIOD`](Self::PERIOD), and is
    /// forgotten when the last ticket under it has expired. The ciphers are the default provider's.
    ///
    /// # Errors
    /// When there is no randomness.
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn random(random: Arc<dyn SecureRandom>) -> Result<Self, CryptoError> {
        Self::with_random_key(random, Primitives::of(&CryptoProvider::default()))
    }

    /// As [`random`](Self::random), with the randomness and the ciphers of this provider.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn random_with_provider(provider: &CryptoProvider) -> Result<Self, CryptoError> {
        Self::with_random_key(Arc::clone(&provider.random), Primitives::of(provider))
    }

    fn with_random_key(
        random: Arc<dyn SecureRandom>,
        primitives: Primitives,
    ) -> Result<Self, CryptoError> {
        let first = Self::random_key(&*random, &*primitives.sha256)?;
        let keys = Keys { list: vec![first], kind: Kind::Random };
        Ok(Self { random, primitives, keys: Mutex::new(keys) })
    }

    /// Keys that several servers share, of [`KEY_LENGTH`](Self::KEY_LENGTH) bytes each: the first
    /// seals, all open, until they are [replaced](Self::replace). The library makes no key that the
    /// other servers do not have. [`TicketKeys`] says how to change them without losing tickets.
    ///
    /// # Errors
    /// When the length is no multiple of a key's, or zero, or a key is one byte repeated, which is no
    /// random key.
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn from_bytes(bytes: &[u8], random: Arc<dyn SecureRandom>) -> Result<Self, SessionError> {
        let primitives = Primitives::of(&CryptoProvider::default());
        let keys = Self::parse(bytes, &*primitives.sha256)?;
        Ok(Self { random, primitives, keys: Mutex::new(keys) })
    }

    /// As [`from_bytes`](Self::from_bytes), with the randomness and the ciphers of this provider.
    ///
    /// # Errors
    /// Those of `from_bytes`.
    pub fn from_bytes_with_provider(
        bytes: &[u8],
        provider: &CryptoProvider,
    ) -> Result<Self, SessionError> {
        let keys = Self::parse(bytes, &*provider.sha256)?;
        let (random, primitives) = (Arc::clone(&provider.random), Primitives::of(provider));
        Ok(Self { random, primitives, keys: Mutex::new(keys) })
    }

    /// Replaces all keys, also for connections that there are already. The keys are as
    /// [`from_bytes`](Self::from_bytes) takes them; random ones are no longer made then. A key that is
    /// not given again is forgotten at once: it opens no ticket any more. To give the same keys
    /// again changes nothing.
    ///
    /// # Errors
    /// As `from_bytes`; the keys stay as they were then.
    pub fn replace(&self, bytes: &[u8]) -> Result<(), SessionError> {
        let keys = Self::parse(bytes, &*self.primitives.sha256)?;
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    fn parse(bytes: &[u8], sha256: &dyn Hash) -> Result<Keys, SessionError> {
        if bytes.is_empty() || !bytes.len().is_multiple_of(Self::KEY_LENGTH) {
            return Err(SessionError::TicketKeys);
        }
        let mut list = Vec::with_capacity(bytes.len() / Self::KEY_LENGTH);
        for key in bytes.chunks(Self::KEY_LENGTH) {
            let is_one_byte_repeated = key.iter().all(|byte| Some(byte) == key.first());
            if is_one_byte_repeated {
                return Err(SessionError::TicketKeys);
            }
            let key = TicketKey::new(key, sha256);
            list.push(key.map_err(|CryptoError| SessionError::TicketKeys)?);
        }
        Ok(Keys { list, kind: Kind::Given })
    }

    fn random_key(random: &dyn SecureRandom, sha256: &dyn Hash) -> Result<TicketKey, CryptoError> {
        let mut bytes = Zeroizing::new([0; Self::KEY_LENGTH]);
        provider_fault::fill(random, &mut *bytes)?;
        TicketKey::new(&*bytes, sha256)
    }

    /// The key that seals now.
    fn current(&self, now: UnixTime) -> Result<TicketKey, CryptoError> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.note_use(now.as_secs());
        keys.rotate(&*self.random, &*self.primitives.sha256, now.as_secs())?;
        keys.list.first().cloned().ok_or(CryptoError)
    }

    /// What is sealed into this ticket, if it is one of these keys'.
    fn open(&self, ticket: &[u8], now: u64) -> Option<Zeroizing<Vec<u8>>> {
        let (header, sealed) = ticket.split_at_checked(Self::NAME_LENGTH + Self::SALT_LENGTH)?;
        let (name, salt) = header.split_last_chunk::<{ Self::SALT_LENGTH }>()?;
        let key = {
            let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
            let place = keys.list.iter().position(|key| key.name == name)?;
            keys.note_use(now);
            if !keys.opens(place, now) {
                return None;
            }
            keys.list.get(place)?.clone()
        };
        let cipher = key.cipher(salt, &self.primitives).ok()?;
        let mut session = Zeroizing::new(sealed.to_vec());
        let length = cipher.open(NONCE, header, &mut session).ok()?.len();
        provider_fault::check_opened(sealed.len(), length).ok()?;
        session.truncate(length);
        Some(session)
    }
}

impl SessionStore for TicketKeys {
    /// The lifetime of a session is in the session itself, and a key opens for longer.
    fn put(&self, session: &[u8], now: UnixTime, _: Duration) -> Result<Vec<u8>, CryptoError> {
        let key = self.current(now)?;
        // Twice as much as is kept: zeros of a generator that stops half-way are only recognized then.
        let mut random = [Salt::default(); 2];
        provider_fault::fill(&*self.random, random.as_flattened_mut())?;
        let [salt, _] = random;
        let cipher = key.cipher(&salt, &self.primitives)?;
        let length = Self::NAME_LENGTH + Self::SALT_LENGTH + session.len() + TAG_LENGTH;
        // If the cipher fails, the session must not stay in memory.
        let mut ticket = Zeroizing::new(Vec::with_capacity(length));
        ticket.extend_from_slice(&key.name);
        ticket.extend_from_slice(&salt);
        ticket.extend_from_slice(session);
        let (header, sealed) = ticket.split_at_mut(Self::NAME_LENGTH + Self::SALT_LENGTH);
        let tag = cipher.seal(NONCE, header, sealed)?;
        // A session that is not encrypted would be sent in the clear.
        let beginning = provider_fault::beginning(session);
        provider_fault::check_sealed(beginning, sealed).map_err(|_| CryptoError)?;
        ticket.extend_from_slice(&tag);
        Ok(core::mem::take(&mut *ticket))
    }

    fn take(&self, ticket: &[u8], now: UnixTime) -> Reply<Option<Zeroizing<Vec<u8>>>> {
        Reply::Now(self.open(ticket, now.as_secs()))
    }
}

impl fmt::Debug for TicketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.keys.lock().unwrap_or_else(PoisonError::into_inner).kind;
        f.debug_struct("TicketKeys").field("kind", &kind).finish_non_exhaustive()
    }
}

#[cfg(all(test, any(feature = "ring", feature = "aws-lc-rs")))]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 60 * 60;

    /// Its drop overwrites a prepared key.
    #[test]
    fn a_key_is_dropped_with_its_last_ticket_and_when_it_is_replaced() {
        let keys = TicketKeys::random_with_provider(&CryptoProvider::default()).unwrap();
        let mut prepared = Vec::new();
        for day in (0..8).chain([48]) {
            let now = UnixTime::since_unix_epoch(Duration::from_secs(day * DAY));
            keys.put(b"a session", now, Duration::from_secs(1)).unwrap();
            prepared.push(Arc::downgrade(&keys.current(now).unwrap().prepared));
        }
        let kept = |key: &std::sync::Weak<HmacKey>| key.strong_count() > 0;
        assert_eq!(prepared.iter().filter(|key| kept(key)).count(), 1, "the newest");
        keys.replace(&core::array::from_fn::<u8, 32, _>(|byte| byte as u8)).unwrap();
        assert!(!prepared.iter().any(kept));
    }
}
