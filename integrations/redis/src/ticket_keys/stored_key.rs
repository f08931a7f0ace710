//! A ticket key as it is in the store: its times in the clear, and its secret sealed for them.

use core::fmt;
use core::time::Duration;

use handclasp::crypto::{CryptoError, Secret};
use handclasp::pki_types::UnixTime;
use handclasp::session::TicketKeys;

use crate::SealingKeys;
use crate::sealing_keys::Context;

/// The name of a ticket key: random bytes that reveal nothing of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketKeyId(pub [u8; Self::LENGTH]);

impl TicketKeyId {
    /// The length of a name in bytes.
    pub const LENGTH: usize = 16;

    /// Reads a name from its 32 hexadecimal digits, as it is displayed.
    pub fn from_hex(digits: &str) -> Option<Self> {
        let mut id = [0; Self::LENGTH];
        hex::decode_to_slice(digits, &mut id).ok()?;
        Some(Self(id))
    }
}

impl fmt::Display for TicketKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for TicketKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A time of the store's clock, in milliseconds since 1970. Only times of one store are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StoreTime(pub(super) u64);

impl StoreTime {
    pub(super) fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(milliseconds(duration)))
    }

    /// Zero if `later` has passed.
    pub(super) fn duration_until(self, later: Self) -> Duration {
        Duration::from_millis(later.0.saturating_sub(self.0))
    }

    pub(super) fn unix(self) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_millis(self.0))
    }
}

pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// When a key is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyTimes {
    pub(super) made_at: StoreTime,
    /// All servers know the key then.
    pub(super) seals_from: StoreTime,
    /// The next key takes over then.
    pub(super) seals_until: StoreTime,
    /// The last ticket under it has ended then.
    pub(super) opens_until: StoreTime,
}

impl KeyTimes {
    const LENGTH: usize = 4 * 8;

    fn in_order(&self) -> [StoreTime; 4] {
        [self.made_at, self.seals_from, self.seals_until, self.opens_until]
    }

    fn to_bytes(self) -> Vec<u8> {
        self.in_order().iter().flat_map(|time| time.0.to_be_bytes()).collect()
    }

    /// `None` where they are in no order that a server writes.
    fn from_bytes(bytes: &[u8; Self::LENGTH]) -> Option<Self> {
        let mut times = [StoreTime(0); 4];
        for (time, bytes) in times.iter_mut().zip(bytes.chunks(8)) {
            *time = StoreTime(u64::from_be_bytes(bytes.try_into().ok()?));
        }
        let [made_at, seals_from, seals_until, opens_until] = times;
        times.is_sorted().then_some(Self { made_at, seals_from, seals_until, opens_until })
    }
}

/// A ticket key that all servers of a fleet know, or will know.
#[derive(Clone)]
pub(super) struct StoredKey {
    pub(super) id: TicketKeyId,
    pub(super) times: KeyTimes,
    pub(super) secret: Secret,
    /// As it is in the store: for a store that has lost it.
    pub(super) sealed: Vec<u8>,
}

/// The first byte of each key and of each revocation in the store.
const VERSION: u8 = 1;

/// The kind of value that a ticket key is, for [`Context`].
const KIND: &str = "ticket key";

/// The kind of value that a revocation is, for [`Context`].
const REVOCATION: &str = "revocation of a ticket key";

const NO_KEY: &str = "it is no ticket key of a version that this server knows";
const NO_REVOCATION: &str = "it is no revocation of a version that this server knows";

impl StoredKey {
    /// A new random key.
    pub(super) fn make(times: KeyTimes, keys: &SealingKeys) -> Result<Self, CryptoError> {
        let id = TicketKeyId(keys.primitives().random_bytes()?);
        let mut secret = Secret::zeros(TicketKeys::KEY_LENGTH);
        keys.primitives().fill(secret.as_mut_bytes())?;
        let mut sealed = vec![VERSION];
        sealed.extend(times.to_bytes());
        let id_and_times = id_and_times(id, times);
        sealed.extend(keys.seal(Context { kind: KIND, id: &id_and_times }, secret.as_bytes())?);
        Ok(Self { id, times, secret, sealed })
    }

    /// When the key in the store is used, as far as it says so: this is not authenticated.
    pub(super) fn claimed_times(sealed: &[u8]) -> Result<KeyTimes, &'static str> {
        let (version, rest) = sealed.split_first().ok_or(NO_KEY)?;
        let (times, _) = rest.split_first_chunk().ok_or(NO_KEY)?;
        if *version != VERSION {
            return Err(NO_KEY);
        }
        KeyTimes::from_bytes(times).ok_or("its times are not in their order")
    }

    /// Opens what the store has for this name. The secret is sealed for its name and times, so that none of the
    /// three can be changed in the store.
    pub(super) fn open(
        id: TicketKeyId,
        sealed: &[u8],
        keys: &SealingKeys,
    ) -> Result<Self, &'static str> {
        let times = Self::claimed_times(sealed)?;
        let secret = sealed.get(1 + KeyTimes::LENGTH..).ok_or(NO_KEY)?;
        let id_and_times = id_and_times(id, times);
        let opened = keys.open(Context { kind: KIND, id: &id_and_times }, secret).map_err(|_| {
            "its name, its times or its secret were changed, or this server does not have the sealing key"
        })?;
        let secret = Secret::new(&opened).ok_or(NO_KEY)?;
        if opened.len() != TicketKeys::KEY_LENGTH {
            return Err(NO_KEY);
        }
        Ok(Self { id, times, secret, sealed: sealed.to_vec() })
    }
}

/// A key that no server uses any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Revocation {
    pub(super) id: TicketKeyId,
    /// The key has ended then.
    pub(super) until: StoreTime,
}

impl Revocation {
    /// As it is in the store: who can only write to the store cannot make one, or have it end earlier.
    pub(super) fn seal(&self, keys: &SealingKeys) -> Result<Vec<u8>, CryptoError> {
        let mut sealed = vec![VERSION];
        sealed.extend(self.until.0.to_be_bytes());
        sealed.extend(keys.seal(Context { kind: REVOCATION, id: &self.id_and_time() }, &[])?);
        Ok(sealed)
    }

    /// What the store says of this name. This is not authenticated.
    pub(super) fn claimed(id: TicketKeyId, sealed: &[u8]) -> Result<Self, &'static str> {
        let (version, rest) = sealed.split_first().ok_or(NO_REVOCATION)?;
        let (until, _) = rest.split_first_chunk().ok_or(NO_REVOCATION)?;
        if *version != VERSION {
            return Err(NO_REVOCATION);
        }
        Ok(Self { id, until: StoreTime(u64::from_be_bytes(*until)) })
    }

    /// Opens what the store has for this name.
    pub(super) fn open(
        id: TicketKeyId,
        sealed: &[u8],
        keys: &SealingKeys,
    ) -> Result<Self, &'static str> {
        let claimed = Self::claimed(id, sealed)?;
        let proof = sealed.get(1 + 8..).ok_or(NO_REVOCATION)?;
        let opened = keys.open(Context { kind: REVOCATION, id: &claimed.id_and_time() }, proof);
        match opened {
            Ok(nothing) if nothing.is_empty() => Ok(claimed),
            Ok(_) => Err(NO_REVOCATION),
            Err(_) => Err(
                "its name or its time was changed, or this server does not have the sealing key",
            ),
        }
    }

    fn id_and_time(&self) -> Vec<u8> {
        [&self.id.0[..], &self.until.0.to_be_bytes()].concat()
    }
}

fn id_and_times(id: TicketKeyId, times: KeyTimes) -> Vec<u8> {
    [&id.0[..], &times.to_bytes()].concat()
}

impl fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredKey")
            .field("id", &self.id)
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> SealingKeys {
        SealingKeys::from_bytes(b"0123456789abcdef0123456789abcdef").unwrap()
    }

    fn times(begin: u64) -> KeyTimes {
        let [made_at, seals_from, seals_until, opens_until] =
            [begin, begin + 10, begin + 100, begin + 1000].map(StoreTime);
        KeyTimes { made_at, seals_from, seals_until, opens_until }
    }

    #[test]
    fn a_key_is_opened_with_its_name_and_times_and_in_no_other_form() {
        let keys = keys();
        let made = StoredKey::make(times(5), &keys).unwrap();
        let opened = StoredKey::open(made.id, &made.sealed, &keys).unwrap();
        assert_eq!((opened.id, opened.times), (made.id, made.times));
        assert_eq!(opened.secret.as_bytes(), made.secret.as_bytes());
        assert_eq!(opened.sealed, made.sealed);
        let secret = made.secret.as_bytes();
        assert!(!made.sealed.windows(secret.len()).any(|bytes| bytes == secret));
        for place in 0..made.sealed.len() {
            let mut changed = made.sealed.clone();
            changed[place] ^= 1;
            assert!(StoredKey::open(made.id, &changed, &keys).is_err(), "{place}");
            assert!(StoredKey::open(made.id, &made.sealed[..place], &keys).is_err(), "{place}");
        }
        let other = StoredKey::make(times(5), &keys).unwrap();
        assert!(StoredKey::open(other.id, &made.sealed, &keys).is_err(), "another name");
        // The times of one, and the secret of the other.
        let later = StoredKey::make(times(6), &keys).unwrap();
        let head = 1 + KeyTimes::LENGTH;
        let swapped = [&later.sealed[..head], &made.sealed[head..]].concat();
        assert!(StoredKey::open(made.id, &swapped, &keys).is_err());
    }

    #[test]
    fn a_revocation_is_opened_with_its_name_and_time_and_in_no_other_form() {
        let keys = keys();
        let made = Revocation { id: TicketKeyId([7; 16]), until: StoreTime(9) };
        let sealed = made.seal(&keys).unwrap();
        assert_eq!(Revocation::open(made.id, &sealed, &keys), Ok(made));
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(Revocation::open(made.id, &changed, &keys).is_err(), "{place}");
            assert!(Revocation::open(made.id, &sealed[..place], &keys).is_err(), "{place}");
        }
        assert!(Revocation::open(TicketKeyId([8; 16]), &sealed, &keys).is_err(), "another name");
    }

    #[test]
    fn what_is_refused_is_said_in_words_without_the_secret() {
        let keys = keys();
        let made = StoredKey::make(times(5), &keys).unwrap();
        let refused = |sealed: &[u8]| StoredKey::open(made.id, sealed, &keys).unwrap_err();
        assert!(refused(b"").contains("no ticket key of a version"));
        assert!(refused(&[2; 200]).contains("no ticket key of a version"));
        let mut changed = made.sealed.clone();
        changed[1] = 0xff;
        assert!(refused(&changed).contains("not in their order"));
        let mut changed = made.sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(refused(&changed).contains("were changed"));
        let shown = format!("{made:?}");
        assert!(!shown.contains(&hex::encode(made.secret.as_bytes())), "{shown}");
        assert!(shown.contains(&made.id.to_string()));
        assert_eq!(TicketKeyId::from_hex(&made.id.to_string()), Some(made.id));
        assert_eq!(TicketKeyId::from_hex("01"), None);
    }
}
