//! Sessions in the store.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use fred::interfaces::KeysInterface;
use fred::types::{Expiration, Value};
use handclasp::Reply;
use handclasp::crypto::CryptoError;
use handclasp::pki_types::UnixTime;
use handclasp::session::SessionStore;
use handclasp::zeroize::Zeroizing;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::sealing_keys::Context;
use crate::telemetry::{Call, report_not_stored};
use crate::{Error, RedisStore};

/// Sessions that all servers of a fleet share, each good for one resumption (RFC 9846, section 8.1).
///
/// A ticket is 32 random bytes. The client gets it at once, and the session is written to the store meanwhile. A client
/// that comes back before that gets a full handshake, as does one whose session is not found, because the store is
/// down or slow, has removed it, or returns something else. No failure of the store ends a connection.
///
/// The store never sees a session, nor a ticket. A session is encrypted under a key that is derived from both the
/// sealing key and the ticket. Its name in the store is derived from the ticket alone, and does not reveal it. A
/// session is removed from the store in the step that reads it.
///
/// # What it does not protect from
///
/// - **A store that loses writes.** Replicas and the append-only file get the removal a moment later. After a failover
///   or a restart, a session may be there again, and is used once more. Its 0-RTT data are still accepted once:
///   [`RedisStrikeRegister`](crate::RedisStrikeRegister) refuses a replay.
/// - **Backups.** A removed session stays in older backups, in the append-only file until that is rewritten, and in a
///   replica that is cut off. With such a copy and the sealing key, an attacker lacks only the ticket. But a client
///   that comes back sends its ticket unencrypted. If the attacker recorded that connection, its 0-RTT data can be
///   read, and all of its data if it had no fresh key exchange. So make no backups of sessions, and replace the
///   sealing key regularly.
#[derive(Clone)]
pub struct RedisSessions {
    store: RedisStore,
    /// Writes that may be under way.
    writes: Arc<Semaphore>,
    runtime: Handle,
}

/// What a client gets.
type Ticket = [u8; RedisSessions::TICKET_LENGTH];

/// A session as it is written to the store, and the client's ticket for it.
struct SealedSession {
    ticket: Ticket,
    /// Its name in the store.
    name: String,
    value: Vec<u8>,
}

/// The kind of value that a session is, for [`Context`].
const KIND: &str = "session";

impl RedisSessions {
    /// How many sessions may wait to be written by default. Each takes some 7 kilobytes of the server's memory, and the
    /// client's certificates where it had some.
    pub const MAX_WRITES: usize = 4096;

    const TICKET_LENGTH: usize = 32;
    const NAME_LENGTH: usize = 16;

    /// Sessions in this store. They are written by the tokio runtime that this is called in.
    ///
    /// # Errors
    /// [`Error::NoRuntime`] outside of a tokio runtime.
    pub fn new(store: &RedisStore) -> Result<Self, Error> {
        let runtime = Handle::try_current().map_err(|_| Error::NoRuntime)?;
        let writes = Arc::new(Semaphore::new(Self::MAX_WRITES));
        Ok(Self { store: store.clone(), writes, runtime })
    }

    /// Sets how many sessions may wait to be written. If there are more, clients get no tickets.
    pub fn max_writes(mut self, limit: usize) -> Self {
        self.writes = Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS)));
        self
    }

    /// Takes the session of this ticket out of the store: the answer to
    /// [`Question::TakeSession`](handclasp::handshake::Question::TakeSession). `None`, for a full handshake, where
    /// there is none, and where the store does not answer in time. [`FleetAnswers`](crate::FleetAnswers) calls it.
    pub async fn take_session(&self, ticket: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let ticket: &Ticket = ticket.try_into().ok()?;
        // The call is in the metrics.
        self.try_take_session(ticket).await.ok().flatten()
    }

    async fn try_take_session(&self, ticket: &Ticket) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let name = self.name(ticket)?;
        let found = self.store.call(Call::TakeSession, async |client| {
            let answer = client.getdel::<Value, _>(name).await.map_err(Error::Store)?;
            match answer {
                Value::Null => Ok(None),
                Value::Bytes(sealed) => self.open(ticket, &sealed).map(Some),
                Value::String(sealed) => self.open(ticket, sealed.as_bytes()).map(Some),
                _ => Err(Error::Answer),
            }
        });
        found.await
    }

    fn open(&self, ticket: &Ticket, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.store.keys().open(Context { kind: KIND, id: ticket }, sealed)
    }

    /// The session's name in the store: a hash of the ticket. The ticket is random, so its hash does not reveal it.
    fn name(&self, ticket: &Ticket) -> Result<String, CryptoError> {
        // Together one block of SHA-256.
        let mut context = self.store.keys().primitives().sha256.start();
        context.update(b"handclasp-redis session");
        context.update(ticket);
        let digest = context.current();
        let name = digest.get(..Self::NAME_LENGTH).ok_or(CryptoError)?;
        Ok(self.store.names().session(name))
    }

    /// Makes a ticket for this session, and seals the session for the store.
    fn seal_session(&self, session: &[u8]) -> Result<SealedSession, CryptoError> {
        let keys = self.store.keys();
        let ticket: Ticket = keys.primitives().random_bytes()?;
        let name = self.name(&ticket)?;
        let value = keys.seal(Context { kind: KIND, id: &ticket }, session)?;
        Ok(SealedSession { ticket, name, value })
    }

    /// Writes the session to the store meanwhile. The permit counts this write until it has ended.
    fn spawn_write(&self, sealed: SealedSession, lifetime: Duration, permit: OwnedSemaphorePermit) {
        let store = self.store.clone();
        let SealedSession { name, value, .. } = sealed;
        let seconds = i64::try_from(lifetime.as_secs().max(1)).unwrap_or(i64::MAX);
        self.runtime.spawn(async move {
            let written = store.call(Call::PutSession, async |client| {
                let value = Value::Bytes(value.into());
                let lifetime = Some(Expiration::EX(seconds));
                let set = client.set::<(), _, _>(name, value, lifetime, None, false);
                set.await.map_err(Error::Store)
            });
            // The call is in the metrics. The client has its ticket already, which leads to a full handshake.
            let _ = written.await;
            drop(permit);
        });
    }
}

impl SessionStore for RedisSessions {
    /// Makes a ticket at once. The session is written to the store meanwhile.
    fn put(&self, session: &[u8], _: UnixTime, lifetime: Duration) -> Result<Vec<u8>, CryptoError> {
        let Ok(permit) = Arc::clone(&self.writes).try_acquire_owned() else {
            report_not_stored("too_many_writes");
            return Err(CryptoError);
        };
        let sealed = self.seal_session(session)?;
        let ticket = sealed.ticket.to_vec();
        self.spawn_write(sealed, lifetime, permit);
        Ok(ticket)
    }

    /// Later, for a ticket of this kind of store: ask [`take_session`](Self::take_session). Others have no session
    /// here.
    fn take(&self, ticket: &[u8], _: UnixTime) -> Reply<Option<Zeroizing<Vec<u8>>>> {
        if ticket.len() == Self::TICKET_LENGTH { Reply::Later } else { Reply::Now(None) }
    }
}

impl fmt::Debug for RedisSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSessions").field("store", &self.store).finish_non_exhaustive()
    }
}
