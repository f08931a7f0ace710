use core::fmt;
use core::time::Duration;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use pki_types::UnixTime;
use zeroize::Zeroizing;

use super::credential::read_flag;
use super::{Session, SessionError, Zone, stored};
use crate::crypto::{CryptoError, SecureRandom, provider_fault};
use crate::reply::Reply;

/// Stores a server's sessions between two connections: in the tickets themselves
/// ([`TicketKeys`](super::TicketKeys)), in memory ([`MemorySessions`]), or elsewhere.
///
/// A session is bytes that only the library reads. They hold the secret of a connection: store them
/// only where keys may be stored.
pub trait SessionStore: Send + Sync + fmt::Debug {
    /// Stores a session of at most 32,768 bytes, and returns the ticket that finds it again: 1 to 8192
    /// bytes, which must not reveal anything of the session. It must not block: a store over a network
    /// returns a random ticket at once, and writes the session later. A client that comes back before
    /// that gets a full handshake.
    ///
    /// After `lifetime` the session is worth nothing: forget it then. It is at least a second, and at
    /// most
    /// [`ticket_lifetime`](crate::config::ServerConfigBuilder::ticket_lifetime). It is less than that
    /// where the client authenticated some time ago: resumptions do not extend its seven days.
    ///
    /// # Errors
    /// When there is no randomness, or the store is full: the client gets no ticket then.
    fn put(
        &self,
        session: &[u8],
        now: UnixTime,
        lifetime: Duration,
    ) -> Result<Vec<u8>, CryptoError>;

    /// The session that belongs to this ticket; `None` for any other bytes. A store that has the
    /// sessions itself should return each of them once (RFC 9846, section 8.1). A store over a network
    /// returns [`Reply::Later`]: the handshake waits with the question
    /// [`TakeSession`](crate::handshake::Question::TakeSession). Of a list of tickets, only the first four
    /// are asked about so; the others are looked up as far as the sixteenth, if the reply is there at once.
    fn take(&self, ticket: &[u8], now: UnixTime) -> Reply<Option<Zeroizing<Vec<u8>>>>;
}

/// How many sessions are removed at most where one is stored. With two, those whose lifetime is over become
/// fewer.
const MAX_REMOVED: usize = 2;

/// Sessions in memory, each good for one resumption. With each one that is stored, up to two whose lifetime
/// is over are removed, and the oldest when there are too many.
///
/// Nothing of a session is left once it was used. So resumed connections stay secret if the server is
/// taken over later, with a fresh key exchange or without.
pub struct MemorySessions {
    random: Arc<dyn SecureRandom>,
    capacity: usize,
    stored: Mutex<Stored>,
}

type SessionId = [u8; MemorySessions::ID_LENGTH];

#[derive(Default)]
struct Stored {
    sessions: HashMap<SessionId, StoredSession>,
    /// The same sessions by their numbers, so the oldest first.
    order: BTreeMap<u64, SessionId>,
    /// How many sessions were stored so far.
    count: u64,
}

struct StoredSession {
    number: u64,
    /// The last second of its lifetime, since 1970.
    until: u64,
    bytes: Zeroizing<Vec<u8>>,
}

impl Stored {
    /// Makes room for a session. Removes few: the lock is held, and a connection whose time is far ahead
    /// must not remove the sessions of all others.
    fn make_room(&mut self, capacity: usize, now: UnixTime) {
        for _ in 0..MAX_REMOVED {
            if self.sessions.len() >= capacity || self.is_oldest_over(now) {
                self.remove_oldest();
            }
        }
    }

    fn remove_oldest(&mut self) {
        if let Some((_, oldest)) = self.order.pop_first() {
            self.sessions.remove(&oldest);
        }
    }

    /// Is the lifetime of the oldest session over? A younger one may have a shorter lifetime. It waits
    /// until it is the oldest one.
    fn is_oldest_over(&self, now: UnixTime) -> bool {
        let oldest = self.order.values().next().and_then(|id| self.sessions.get(id));
        oldest.is_some_and(|session| session.until < now.as_secs())
    }
}

impl MemorySessions {
    const ID_LENGTH: usize = 32;

    /// A store for up to `capacity` sessions, at least one. Each takes some 200 bytes, and the
    /// client's certificates where it had some: 32,768 bytes at most. `random` makes the tickets.
    pub fn new(capacity: usize, random: Arc<dyn SecureRandom>) -> Self {
        Self { random, capacity: capacity.max(1), stored: Mutex::default() }
    }
}

impl SessionStore for MemorySessions {
    fn put(
        &self,
        session: &[u8],
        now: UnixTime,
        lifetime: Duration,
    ) -> Result<Vec<u8>, CryptoError> {
        let mut id = [0; Self::ID_LENGTH];
        provider_fault::fill(&*self.random, &mut id)?;
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        stored.make_room(self.capacity, now);
        stored.count += 1;
        let number = stored.count;
        stored.order.insert(number, id);
        let until = now.as_secs().saturating_add(lifetime.as_secs());
        let bytes = Zeroizing::new(session.to_vec());
        stored.sessions.insert(id, StoredSession { number, until, bytes });
        Ok(id.to_vec())
    }

    fn take(&self, ticket: &[u8], _: UnixTime) -> Reply<Option<Zeroizing<Vec<u8>>>> {
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(session) = stored.sessions.remove(ticket) else { return Reply::Now(None) };
        stored.order.remove(&session.number);
        Reply::Now(Some(session.bytes))
    }
}

impl fmt::Debug for MemorySessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySessions").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

/// The bytes of the SHA-256 of the rules that a session keeps: few, because they are in each ticket.
pub(crate) const RULES_DIGEST_LENGTH: usize = 16;

/// What a server stores of a connection.
pub(crate) struct ServerSession {
    pub(crate) session: Session,
    /// The digest of the rules that the session was made under: it is worth nothing under others.
    pub(crate) rules_digest: [u8; RULES_DIGEST_LENGTH],
    /// The zone that may take 0-RTT data under the ticket; `None` where each server may.
    pub(crate) zone: Option<Zone>,
}

impl ServerSession {
    /// The longest session that a store is given, in bytes. A client's chain may be longer, with
    /// certificates in it that no verifier looks at; the client then gets no ticket.
    const MAX_LENGTH: usize = 0x8000;

    /// Is it short enough to be stored?
    pub(crate) fn is_short(&self) -> bool {
        self.session.max_encoded_length() <= Self::MAX_LENGTH
    }

    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        stored::write(self.session.max_encoded_length(), |out| {
            out.extend_from_slice(&self.rules_digest);
            out.push(u8::from(self.zone.is_some()));
            if let Some(zone) = self.zone {
                out.extend_from_slice(&zone.0);
            }
            self.session.encode(out);
        })
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, SessionError> {
        let mut reader = stored::open(bytes)?;
        let rules_digest = *reader.array("rules")?;
        let zone = match read_flag(&mut reader, "zone")? {
            true => Some(Zone(*reader.array("zone")?)),
            false => None,
        };
        let session = Session::read(&mut reader)?;
        reader.finish("end")?;
        Ok(Self { session, rules_digest, zone })
    }
}
