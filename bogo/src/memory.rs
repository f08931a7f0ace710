//! What a test's connections have in common: the clock, tickets and their keys.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use handclasp::CryptoProvider;
use handclasp::pki_types::{ServerName, UnixTime};
use handclasp::session::{ClientSession, ClientSessionStore, StrikeRegister, TicketKeys};

use crate::flags::Stop;
use crate::seen::Seen;

/// Outlives a connection.
pub struct Memory {
    now: UnixTime,
    session: Arc<Mutex<Option<ClientSession>>>,
    keys: Option<Arc<TicketKeys>>,
    strikes: Arc<StrikeRegister>,
}

impl Memory {
    pub fn new() -> Self {
        let now = UnixTime::now();
        let started = UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs() - 3600));
        let keys = TicketKeys::random(CryptoProvider::ring().random);
        Self {
            now,
            session: Arc::default(),
            keys: keys.ok().map(Arc::new),
            strikes: Arc::new(StrikeRegister::new(started)),
        }
    }

    /// The time, which passes between connections only.
    pub fn now(&self) -> UnixTime {
        self.now
    }

    pub fn pass(&mut self, seconds: u64) {
        self.now = UnixTime::since_unix_epoch(Duration::from_secs(self.now.as_secs() + seconds));
    }

    /// Where a client finds the last connection's ticket, and leaves its own.
    pub fn client(&self, seen: &Arc<Seen>) -> Arc<dyn ClientSessionStore> {
        let offered = self.session.lock().unwrap_or_else(PoisonError::into_inner).take();
        let offered = Mutex::new(offered);
        Arc::new(Sessions { offered, kept: self.session.clone(), seen: seen.clone() })
    }

    /// The last connection's ticket.
    pub fn session(&self) -> Option<ClientSession> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn server(&self) -> Result<Arc<TicketKeys>, Stop> {
        self.keys.clone().ok_or_else(|| Stop::failed("there is no randomness"))
    }

    pub fn strikes(&self) -> Arc<StrikeRegister> {
        self.strikes.clone()
    }
}

/// The tickets of one connection of a client.
#[derive(Debug)]
struct Sessions {
    offered: Mutex<Option<ClientSession>>,
    kept: Arc<Mutex<Option<ClientSession>>>,
    seen: Arc<Seen>,
}

impl ClientSessionStore for Sessions {
    fn put(&self, session: ClientSession) {
        self.seen.count_ticket();
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
    }

    fn take(&self, _: &ServerName<'static>, _: UnixTime) -> Option<ClientSession> {
        self.offered.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
