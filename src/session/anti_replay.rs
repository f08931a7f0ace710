use core::fmt;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use pki_types::UnixTime;

/// A ClientHello that wants its 0-RTT data to be taken, as far as telling it from another one goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Strike {
    /// The hash of the binder, which was checked: another ClientHello has another one.
    pub id: [u8; 32],
    /// When the ticket was issued; `None` for a key that is no ticket of this server's.
    pub issued: Option<UnixTime>,
    /// From when on the same ClientHello would have passed for fresh.
    pub fresh_since: UnixTime,
    /// Until when it will; `None` for ever, as a key without an age has it.
    pub fresh_until: Option<UnixTime>,
}

/// Sees to it that no 0-RTT data is taken twice (RFC 9846, section 8).
///
/// Servers that share ticket keys must share this too, or each takes the same data once.
pub trait AntiReplay: Send + Sync + fmt::Debug {
    /// Is this ClientHello seen for the first time? It is remembered then. When in doubt, or out
    /// of room, say no: the connection goes on without 0-RTT data. What has to ask over a
    /// network is better asked as a question of the handshake.
    ///
    /// `now` is the time of the connection, which is behind where it was made long before the
    /// client spoke: see [`set_time`](crate::Connection::set_time). Who forgets a ClientHello by a
    /// clock of its own must refuse those whose [`fresh_until`](Strike::fresh_until) is over by
    /// that clock.
    fn is_first(&self, strike: &Strike, now: UnixTime) -> bool;
}

/// Remembers each ClientHello while it would pass for fresh, in memory and up to a limit; says no
/// beyond it. Connections of all configurations with the same ticket keys must share it.
pub struct StrikeRegister {
    capacity: usize,
    started: UnixTime,
    seen: Mutex<Seen>,
}

/// Two generations, so that forgetting takes no time: when all of the older one is stale, the
/// younger takes its place.
#[derive(Default)]
struct Seen {
    young: HashSet<[u8; 32]>,
    young_until: u64,
    old: HashSet<[u8; 32]>,
    old_until: u64,
    for_ever: HashSet<[u8; 32]>,
    /// Until when those were fresh, at most, that were forgotten.
    forgotten_until: u64,
}

impl StrikeRegister {
    /// How many ClientHellos a register remembers unless said otherwise: of 32 bytes each.
    pub const CAPACITY: usize = 65_536;

    /// An empty register. What was taken before `started` is not in it: so the 0-RTT data of tickets
    /// of that second, and of older ones, are refused until they cannot be a replay of something from
    /// before. Those under a key that is no ticket have no age: after a restart, each may be taken
    /// once more.
    pub fn new(started: UnixTime) -> Self {
        Self::with_capacity(started, Self::CAPACITY)
    }

    /// As [`new`](Self::new), for so many ClientHellos.
    pub fn with_capacity(started: UnixTime, capacity: usize) -> Self {
        Self { capacity, started, seen: Mutex::default() }
    }

    /// Could the same ClientHello have been taken before there was this register? In the same second
    /// it could: what was there before may have ended then.
    fn predates(&self, strike: &Strike) -> bool {
        let older = strike.issued.is_some_and(|issued| issued <= self.started);
        older && strike.fresh_since <= self.started
    }
}

impl AntiReplay for StrikeRegister {
    fn is_first(&self, strike: &Strike, now: UnixTime) -> bool {
        if self.predates(strike) {
            return false;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let Seen { young, young_until, old, old_until, for_ever, forgotten_until } = &mut *seen;
        if now.as_secs() > *old_until {
            *forgotten_until = (*old_until).max(*forgotten_until);
            *old = core::mem::take(young);
            *old_until = core::mem::take(young_until);
        }
        let (set, until) = match strike.fresh_until {
            Some(until) => (young, until.as_secs()),
            None => (for_ever, 0),
        };
        // Of connections the one can be behind the other: what is fresh by the time of this one may
        // have been forgotten by the time of another.
        let forgotten = strike.fresh_until.is_some() && until <= *forgotten_until;
        let seen = old.contains(&strike.id) || set.contains(&strike.id);
        if forgotten || seen || set.len() >= self.capacity {
            return false;
        }
        set.insert(strike.id);
        *young_until = until.max(*young_until);
        true
    }
}

impl fmt::Debug for StrikeRegister {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StrikeRegister")
            .field("capacity", &self.capacity)
            .field("started", &self.started)
            .finish_non_exhaustive()
    }
}
