//! What a test's connections have in common: the clock, tickets and their keys.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use handclasp::crypto::CryptoError;
use handclasp::handshake::{Answer, CheckReplay};
use handclasp::pki_types::{ServerName, UnixTime};
use handclasp::registry::CipherSuiteId;
use handclasp::session::{
    AntiReplay, ClientHelloRecord, ClientSession, ClientSessionStore, ReplayCheck, SessionStore,
    StrikeRegister, TicketKeys, Zone,
};
use handclasp::{CryptoProvider, Reply};
use zeroize::Zeroizing;

use crate::flags::Stop;
use crate::seen::{OfferedTicket, Seen, SentTicket};

/// Outlives a connection.
pub struct Memory {
    now: UnixTime,
    session: Arc<Mutex<Option<ClientSession>>>,
    keys: Option<Arc<TicketKeys>>,
    strikes: Arc<AskedRegister>,
    /// The cipher suite of the last connection.
    suite: Mutex<Option<CipherSuiteId>>,
    /// The tickets that a server has sent, and when.
    tickets: Mutex<Vec<(SentTicket, UnixTime)>>,
}

impl Memory {
    pub fn new() -> Self {
        // Not the second of the system's clock, which the library would have more exactly.
        let yesterday = UnixTime::now().as_secs() - 24 * 60 * 60;
        let now = UnixTime::since_unix_epoch(Duration::from_secs(yesterday));
        let started = UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs() - 3600));
        let keys = TicketKeys::random(CryptoProvider::default().random);
        Self {
            now,
            session: Arc::default(),
            keys: keys.ok().map(Arc::new),
            strikes: Arc::new(AskedRegister(StrikeRegister::new(started))),
            suite: Mutex::default(),
            tickets: Mutex::default(),
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

    /// The keys of a server's tickets. Where it `asks`, each ticket is a question.
    pub fn server(&self, asks: bool) -> Result<Arc<dyn SessionStore>, Stop> {
        let keys = self.keys.clone().ok_or_else(|| Stop::failed("there is no randomness"))?;
        match asks {
            true => Ok(Arc::new(Asking(keys))),
            false => Ok(keys),
        }
    }

    /// The cipher suite of the last connection, which a ticket of it has.
    pub fn suite(&self) -> Option<CipherSuiteId> {
        *self.suite.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn keep_suite(&self, suite: Option<CipherSuiteId>) {
        *self.suite.lock().unwrap_or_else(PoisonError::into_inner) = suite;
    }

    /// Keeps in mind which tickets a connection sent.
    pub fn keep_tickets(&self, sent: Vec<SentTicket>) {
        let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        tickets.extend(sent.into_iter().map(|ticket| (ticket, self.now)));
    }

    /// How much older the client says that this ticket is than it is, in seconds.
    pub fn skew(&self, offered: &OfferedTicket) -> Option<i64> {
        let tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        let (sent, at) = tickets.iter().find(|(sent, _)| sent.ticket == offered.ticket)?;
        let offered_age = offered.obfuscated_age.wrapping_sub(sent.age_add) / 1000;
        let age = self.now.as_secs().saturating_sub(at.as_secs());
        Some(i64::from(offered_age) - i64::try_from(age).ok()?)
    }

    pub fn strikes(&self) -> Arc<AskedRegister> {
        self.strikes.clone()
    }
}

/// A register that is asked about each ClientHello with 0-RTT data, and answers later.
#[derive(Debug)]
pub struct AskedRegister(StrikeRegister);

impl AskedRegister {
    /// The answer to the question.
    pub fn answer(&self, question: &CheckReplay) -> Answer {
        match self.0.check_and_record(&question.record, question.now) {
            Reply::Now(replay_check) => Answer::ReplayCheck(replay_check),
            Reply::Later => Answer::ReplayCheck(ReplayCheck::Unknown),
        }
    }
}

impl AntiReplay for AskedRegister {
    fn zone(&self) -> Option<Zone> {
        self.0.zone()
    }

    fn check_and_record(&self, _: &ClientHelloRecord, _: UnixTime) -> Reply<ReplayCheck> {
        Reply::Later
    }
}

/// Asks for the session of each ticket.
#[derive(Debug)]
struct Asking(Arc<TicketKeys>);

impl SessionStore for Asking {
    fn put(
        &self,
        session: &[u8],
        now: UnixTime,
        lifetime: Duration,
    ) -> Result<Vec<u8>, CryptoError> {
        self.0.put(session, now, lifetime)
    }

    fn take(&self, _: &[u8], _: UnixTime) -> Reply<Option<Zeroizing<Vec<u8>>>> {
        Reply::Later
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
