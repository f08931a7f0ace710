use core::fmt;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use pki_types::UnixTime;

use crate::crypto::SecureRandom;
use crate::crypto::ring::SystemRandom;

/// A ClientHello that wants its 0-RTT data to be taken, as far as telling it from another one goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Strike {
    /// The hash of the binder, which was checked: another ClientHello has another one.
    pub id: [u8; 32],
    /// When the ticket was issued; `None` for a key that is no ticket of this server's.
    pub issued: Option<UnixTime>,
    /// The first second at which the ClientHello is fresh.
    pub fresh_since: UnixTime,
    /// The last one. `None` for a key without an age: its ClientHello is always fresh.
    pub fresh_until: Option<UnixTime>,
}

/// The name of a storage zone (RFC 9846, section 8.2): of one memory of ClientHellos. Each ticket
/// carries the zone of the server that sent it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Zone(pub [u8; Self::LENGTH]);

impl Zone {
    /// The length of a name in bytes. All zeros are no name.
    pub const LENGTH: usize = 16;
}

/// Sees to it that no 0-RTT data is taken twice (RFC 9846, section 8).
///
/// Before it is asked, the handshake compares the expected arrival of the ClientHello with the
/// connection's clock (section 8.3): the time of the ticket plus the age that the client sent. The
/// two must not differ by more than
/// [`early_data_window`](crate::config::ServerConfigBuilder::early_data_window), in either direction.
pub trait AntiReplay: Send + Sync + fmt::Debug {
    /// The zone of this memory of ClientHellos. 0-RTT data under a ticket of another zone are
    /// refused, and the ticket resumes all the same. A clock cannot tell which ClientHellos came
    /// before the memory was made, as clocks are set back; the zone can.
    ///
    /// A memory that is lost when the server stops needs another name for each start. One that is
    /// kept over restarts, or that several servers share, keeps its name, and has to have it before
    /// the first ticket is sent. `None`, the default, takes tickets of all zones: then each server
    /// with the same ticket keys takes the same data once, and once again after each start, unless
    /// all of them share the memory.
    fn zone(&self) -> Option<Zone> {
        None
    }

    /// Is this ClientHello seen for the first time? It is remembered then. When in doubt, or out of
    /// room, say no: the connection goes on without 0-RTT data. A register that has to ask over a
    /// network should not do it here: leave
    /// [the question](crate::handshake::Question::AcceptEarlyData) open, and ask before the answer.
    ///
    /// `now` is the time of the connection. It may be behind, where the connection waited for the
    /// client: see [`set_time`](crate::Connection::set_time). A register that forgets a ClientHello
    /// by a clock of its own must refuse those whose [`fresh_until`](Strike::fresh_until) is over by
    /// that clock.
    fn is_first(&self, strike: &Strike, now: UnixTime) -> bool;
}

/// Remembers each ClientHello while it is fresh, in memory and up to a limit; says no beyond it.
///
/// Each register is a [`Zone`] of its own: 0-RTT data are accepted under the tickets that were sent
/// with it, and under no others. After a restart, and where other servers have the same ticket keys,
/// a client resumes without 0-RTT data once, and gets a ticket of this register. Share the register
/// between all configurations of a server that have the same ticket keys.
///
/// It forgets no ClientHello that could be accepted again, wherever the clock jumps. A clock that
/// was far ahead when 0-RTT data were accepted, and is right again, leaves entries that stay until
/// the clock is there once more. When the register is full of them it says no.
pub struct StrikeRegister {
    capacity: usize,
    started: UnixTime,
    /// `None` where the system has no randomness: then the register says no to all tickets.
    zone: Option<Zone>,
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

    /// An empty register, which began at the time `started`. Data under a ticket of that second or
    /// of an earlier one, or of one in the future, may have been taken before: they are refused while
    /// the window overlaps the start (section 8.2). Those under a key that is no ticket have no age:
    /// after a restart, each may be taken once more.
    pub fn new(started: UnixTime) -> Self {
        Self::with_capacity(started, Self::CAPACITY)
    }

    /// As [`new`](Self::new), for so many ClientHellos.
    pub fn with_capacity(started: UnixTime, capacity: usize) -> Self {
        let mut name = Zone::default();
        let zone = SystemRandom.fill(&mut name.0).is_ok().then_some(name);
        Self { capacity, started, zone, seen: Mutex::default() }
    }

    /// Could the same ClientHello have been taken before there was this register? In the second of
    /// its start it could: what was there before may have ended then. A ticket from the future is
    /// not of this clock, so it may be of any time before.
    fn predates(&self, strike: &Strike, now: UnixTime) -> bool {
        let Some(issued) = strike.issued else { return false };
        issued > now || (issued <= self.started && strike.fresh_since <= self.started)
    }
}

impl AntiReplay for StrikeRegister {
    /// Zeros, the name of no zone, where there is no randomness.
    fn zone(&self) -> Option<Zone> {
        Some(self.zone.unwrap_or_default())
    }

    fn is_first(&self, strike: &Strike, now: UnixTime) -> bool {
        let nameless = self.zone.is_none() && strike.issued.is_some();
        let stale = strike.fresh_until.is_some_and(|until| now > until);
        if nameless || stale || now < strike.fresh_since || self.predates(strike, now) {
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
