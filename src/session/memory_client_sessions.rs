use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pki_types::{ServerName, UnixTime};

use super::{ClientSession, ClientSessionStore};
use crate::name_key::name_key;

/// How many expired sessions are dropped at most where one is taken. With two, they become fewer.
const MAX_DROPPED: usize = 2;

/// Sessions in memory: a few for each server. The oldest are removed when there are too many.
///
/// The time of a call grows with the logarithm of the number of sessions.
#[derive(Debug)]
pub struct MemoryClientSessions {
    capacity: usize,
    stored: Mutex<Stored>,
}

#[derive(Debug, Default)]
struct Stored {
    /// By their numbers, so the oldest first.
    sessions: BTreeMap<u64, ClientSession>,
    /// The numbers of the sessions with each server, the oldest first, by [`name_key`]. None is empty.
    by_server: HashMap<Box<str>, VecDeque<u64>>,
    /// How many sessions were stored so far.
    count: u64,
}

impl Stored {
    /// Stores a session as the newest.
    fn push(&mut self, session: ClientSession) {
        self.count += 1;
        let key = Box::from(name_key(&session.server_name));
        self.by_server.entry(key).or_default().push_back(self.count);
        self.sessions.insert(self.count, session);
    }

    /// Removes the oldest of all sessions.
    fn pop_oldest(&mut self) -> Option<ClientSession> {
        let (_, session) = self.sessions.pop_first()?;
        // The oldest of all is the oldest with its server.
        self.pop_number(&session.server_name, VecDeque::pop_front);
        Some(session)
    }

    /// Removes the oldest session with this server.
    fn pop_oldest_with(&mut self, server: &ServerName<'static>) -> Option<ClientSession> {
        let number = self.pop_number(server, VecDeque::pop_front)?;
        self.sessions.remove(&number)
    }

    /// Removes the newest session with this server.
    fn pop_newest_with(&mut self, server: &ServerName<'static>) -> Option<ClientSession> {
        let number = self.pop_number(server, VecDeque::pop_back)?;
        self.sessions.remove(&number)
    }

    fn pop_number(
        &mut self,
        server: &ServerName<'static>,
        pop: fn(&mut VecDeque<u64>) -> Option<u64>,
    ) -> Option<u64> {
        let key = name_key(server);
        let numbers = self.by_server.get_mut(&*key)?;
        let number = pop(numbers);
        if numbers.is_empty() {
            self.by_server.remove(&*key);
        }
        number
    }

    fn count_with(&self, server: &ServerName<'static>) -> usize {
        self.by_server.get(&*name_key(server)).map_or(0, VecDeque::len)
    }

    /// Removes sessions that cannot be resumed any more, if they are the oldest of all. Few at a time: a
    /// connection whose time is far ahead must not remove the sessions with all servers.
    fn drop_some_expired(&mut self, now: UnixTime) {
        for _ in 0..MAX_DROPPED {
            let oldest = self.sessions.first_key_value();
            if oldest.is_some_and(|(_, oldest)| !oldest.is_alive(now)) {
                self.pop_oldest();
            }
        }
    }
}

impl MemoryClientSessions {
    /// The most sessions with one server.
    pub const PER_SERVER: usize = 8;

    /// A store for up to `capacity` sessions, at least one.
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), stored: Mutex::default() }
    }

    /// Copies of all sessions, the oldest first: to store them elsewhere.
    pub fn sessions(&self) -> Vec<ClientSession> {
        self.lock().sessions.values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Stored> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientSessionStore for MemoryClientSessions {
    fn put(&self, session: ClientSession) {
        let mut stored = self.lock();
        if stored.count_with(&session.server_name) >= Self::PER_SERVER {
            stored.pop_oldest_with(&session.server_name);
        }
        while stored.sessions.len() >= self.capacity {
            stored.pop_oldest();
        }
        stored.push(session);
    }

    fn take(&self, server: &ServerName<'static>, now: UnixTime) -> Option<ClientSession> {
        let mut stored = self.lock();
        stored.drop_some_expired(now);
        // Older ones may be alive: lifetimes differ.
        while let Some(newest) = stored.pop_newest_with(server) {
            if newest.is_alive(now) {
                return Some(newest);
            }
        }
        None
    }

    fn forget(&self, server: &ServerName<'static>) {
        let mut stored = self.lock();
        while stored.pop_oldest_with(server).is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use arbtest::arbitrary::{Result, Unstructured};
    use arbtest::arbtest;

    use super::*;
    use crate::crypto::Secret;
    use crate::registry::CipherSuiteId;
    use crate::session::TicketOrigin;
    use crate::wire::{Extensions, NewSessionTicket};

    const START: u64 = 1_700_000_000;

    fn server(number: u8) -> ServerName<'static> {
        ServerName::try_from(format!("{number}.example")).unwrap()
    }

    /// A session whose ticket has this number and came at this second.
    fn session(ticket: u32, with: u8, lifetime: u32, received: u64) -> ClientSession {
        let suite = CipherSuiteId::TLS_AES_128_GCM_SHA256;
        let origin = TicketOrigin::new(server(with), suite, received);
        let ticket = NewSessionTicket {
            lifetime,
            age_add: 0,
            nonce: &[],
            ticket: &ticket.to_be_bytes(),
            extensions: Extensions::default(),
            max_early_data_size: None,
        };
        let received = Duration::from_secs(received);
        ClientSession::new(origin, &ticket, Secret::zeros(32), received).unwrap()
    }

    /// The same store as a list, which each call searches from end to end.
    struct Searched {
        capacity: usize,
        sessions: Vec<ClientSession>,
    }

    impl Searched {
        fn put(&mut self, session: ClientSession) {
            let is_same_server = |it: &ClientSession| it.server_name == session.server_name;
            let with_server = self.sessions.iter().filter(|it| is_same_server(it)).count();
            if with_server >= MemoryClientSessions::PER_SERVER {
                let oldest = self.sessions.iter().position(is_same_server).unwrap();
                self.sessions.remove(oldest);
            }
            while self.sessions.len() >= self.capacity {
                self.sessions.remove(0);
            }
            self.sessions.push(session);
        }

        fn take(&mut self, server: &ServerName<'static>, now: UnixTime) -> Option<ClientSession> {
            for _ in 0..MAX_DROPPED {
                if self.sessions.first().is_some_and(|oldest| !oldest.is_alive(now)) {
                    self.sessions.remove(0);
                }
            }
            loop {
                let newest = self.sessions.iter().rposition(|it| it.server_name == *server)?;
                let session = self.sessions.remove(newest);
                if session.is_alive(now) {
                    return Some(session);
                }
            }
        }

        fn forget(&mut self, server: &ServerName<'static>) {
            self.sessions.retain(|it| it.server_name != *server);
        }
    }

    #[derive(Clone, Debug)]
    enum Call {
        Put { with: u8, lifetime: u32 },
        Take { with: u8 },
        Forget { with: u8 },
        Wait { seconds: u64 },
    }

    fn call(u: &mut Unstructured<'_>) -> Result<Call> {
        let with = u.int_in_range(0..=3)?;
        Ok(match u.int_in_range(0..=10)? {
            0..=5 => Call::Put { with, lifetime: u.int_in_range(1..=199)? },
            6..=8 => Call::Take { with },
            9 => Call::Forget { with },
            _ => Call::Wait { seconds: u.int_in_range(0..=89)? },
        })
    }

    #[test]
    fn the_store_does_what_a_searched_list_does() {
        arbtest(|u| {
            let capacity = u.int_in_range(1..=29)?;
            let store = MemoryClientSessions::new(capacity);
            let mut model = Searched { capacity, sessions: Vec::new() };
            let (mut tickets, mut now) = (0, START);
            let ticket_of = |session: Option<ClientSession>| session.map(|it| it.ticket);
            for _ in 0..u.int_in_range(0..=79)? {
                match call(u)? {
                    Call::Put { with, lifetime } => {
                        tickets += 1;
                        store.put(session(tickets, with, lifetime, now));
                        model.put(session(tickets, with, lifetime, now));
                    }
                    Call::Take { with } => {
                        let at = UnixTime::since_unix_epoch(Duration::from_secs(now));
                        let taken = ticket_of(store.take(&server(with), at));
                        assert_eq!(taken, ticket_of(model.take(&server(with), at)));
                    }
                    Call::Forget { with } => {
                        store.forget(&server(with));
                        model.forget(&server(with));
                    }
                    Call::Wait { seconds } => now += seconds,
                }
                let kept = |sessions: &[ClientSession]| -> Vec<_> {
                    sessions.iter().map(|it| it.ticket.clone()).collect()
                };
                assert_eq!(kept(&store.sessions()), kept(&model.sessions));
                let stored = store.lock();
                let indexed: usize = stored.by_server.values().map(VecDeque::len).sum();
                assert_eq!(indexed, stored.sessions.len());
                assert!(stored.by_server.values().all(|numbers| !numbers.is_empty()));
            }
            Ok(())
        })
        .size_max(4096);
    }

    #[test]
    fn the_newest_session_that_is_alive_is_taken_and_dead_ones_go() {
        let store = MemoryClientSessions::new(10);
        store.put(session(1, 1, 1000, START));
        store.put(session(2, 1, 10, START));
        let later = UnixTime::since_unix_epoch(Duration::from_secs(START + 100));
        assert_eq!(store.take(&server(1), later).unwrap().ticket, 1_u32.to_be_bytes());
        assert!(store.sessions().is_empty(), "the newest has expired");
    }
}
