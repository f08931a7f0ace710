use core::fmt;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use pki_types::UnixTime;
use zeroize::Zeroizing;

use super::{Session, SessionError, Zone};
use crate::crypto::{CryptoError, SecureRandom, provider_fault};
use crate::reply::Reply;

/// Where a server keeps its sessions between two connections: in the tickets themselves
/// ([`TicketKeys`](super::TicketKeys)), in memory ([`MemorySessions`]), or elsewhere.
///
/// A session is bytes that only the library reads. They hold the secret of a connection: keep them
/// as you would keep a key.
pub trait SessionStore: Send + Sync + fmt::Debug {
    /// Keeps a session of at most 32,768 bytes, and returns the ticket that finds it again: 1 to 8192
    /// bytes, which must not reveal anything of the session. It must not block: a store elsewhere makes
    /// up a random ticket, and is written to behind. A client that comes back before that was written gets a
    /// full handshake.
    ///
    /// It is not told how long the session is good for: keep it as long as
    /// [`ticket_lifetime`](crate::config::ServerConfigBuilder::ticket_lifetime) says, which is
    /// seven days at most.
    ///
    /// # Errors
    /// When there is no randomness or no room: the client gets no ticket then.
    fn put(&self, session: &[u8], now: UnixTime) -> Result<Vec<u8>, CryptoError>;

    /// The session that belongs to this ticket; `None` for any other bytes. A store that keeps
    /// sessions should give each of them out once (RFC 9846, section 8.1). One that has to ask
    /// elsewhere says [`Reply::Later`]: the handshake rests with the question
    /// [`TakeSession`](crate::handshake::Question::TakeSession).
    fn take(&self, ticket: &[u8], now: UnixTime) -> Reply<Option<Zeroizing<Vec<u8>>>>;
}

/// Sessions in memory, each good for one resumption. The oldest go when there are too many.
///
/// As nothing of a session is left once it was used, connections resumed with a fresh key exchange
/// or without stay secret even if the server is taken over later.
pub struct MemorySessions {
    random: Arc<dyn SecureRandom>,
    capacity: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    sessions: HashMap<[u8; MemorySessions::ID_LENGTH], (u64, Zeroizing<Vec<u8>>)>,
    /// The same sessions, the oldest first.
    order: BTreeMap<u64, [u8; MemorySessions::ID_LENGTH]>,
    count: u64,
}

impl MemorySessions {
    const ID_LENGTH: usize = 32;

    /// A store for up to `capacity` sessions, at least one. Each takes some 200 bytes, and the
    /// client's certificates where it had some: 32,768 bytes at most. `random` makes the tickets.
    pub fn new(capacity: usize, random: Arc<dyn SecureRandom>) -> Self {
        Self { random, capacity: capacity.max(1), kept: Mutex::default() }
    }
}

impl SessionStore for MemorySessions {
    fn put(&self, session: &[u8], _: UnixTime) -> Result<Vec<u8>, CryptoError> {
        let mut id = [0; Self::ID_LENGTH];
        provider_fault::fill(&*self.random, &mut id)?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        while kept.sessions.len() >= self.capacity {
            let Some((_, oldest)) = kept.order.pop_first() else { break };
            kept.sessions.remove(&oldest);
        }
        kept.count += 1;
        let number = kept.count;
        kept.order.insert(number, id);
        kept.sessions.insert(id, (number, Zeroizing::new(session.to_vec())));
        Ok(id.to_vec())
    }

    fn take(&self, ticket: &[u8], _: UnixTime) -> Reply<Option<Zeroizing<Vec<u8>>>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.sessions.remove(ticket);
        Reply::Now(found.map(|(number, session)| {
            kept.order.remove(&number);
            session
        }))
    }
}

impl fmt::Debug for MemorySessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySessions").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

/// What a server keeps.
pub(crate) struct ServerSession {
    pub(crate) session: Session,
    /// The digest of the rules that the session was made under: it is worth nothing under others.
    pub(crate) policy: [u8; 32],
    /// The zone that may take 0-RTT data under the ticket; `None` where each server may.
    pub(crate) zone: Option<Zone>,
}

impl ServerSession {
    /// The longest session that a store is given, in bytes. A client's chain may be longer, with
    /// certificates in it that no verifier looks at; the client then gets no ticket.
    const MAX_LENGTH: usize = 0x8000;

    /// Is it short enough to be kept?
    pub(crate) fn is_short(&self) -> bool {
        self.session.room() <= Self::MAX_LENGTH
    }

    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        super::write(self.session.room(), |out| {
            out.extend_from_slice(&self.policy);
            // Zeros are the name of no zone.
            out.extend_from_slice(&self.zone.unwrap_or_default().0);
            self.session.encode(out);
        })
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, SessionError> {
        let mut reader = super::open(bytes)?;
        let policy = *reader.array("policy")?;
        let zone = Zone(*reader.array("zone")?);
        let zone = (zone != Zone::default()).then_some(zone);
        let session = Session::read(&mut reader)?;
        reader.finish("end")?;
        Ok(Self { session, policy, zone })
    }
}
