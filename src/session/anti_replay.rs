use core::fmt;
use core::mem;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use pki_types::UnixTime;

use crate::crypto::{SecureRandom, SystemRandom};
use crate::reply::Reply;

/// A ClientHello with 0-RTT data, as a register records it (RFC 9846, section 8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientHelloRecord {
    /// The SHA-256 of the binder, which was checked: another ClientHello has another one.
    pub id: [u8; 32],
    /// When the ticket was issued; `None` for a key that is no ticket of this server's.
    pub issued: Option<UnixTime>,
    /// The first second at which the ClientHello is fresh.
    pub fresh_since: UnixTime,
    /// The last second at which it is fresh. `None` for a key without an age: its ClientHello is
    /// always fresh.
    pub fresh_until: Option<UnixTime>,
    /// The zone in the ticket. `None` for a key that is no ticket of this server's, and for a ticket of
    /// a server whose register had no zone. A register whose zone changes must compare it in the step
    /// that records the ClientHello: the zone may have changed since the ticket was read.
    pub zone: Option<Zone>,
}

impl ClientHelloRecord {
    fn is_fresh(&self, now: UnixTime) -> bool {
        let is_over = self.fresh_until.is_some_and(|until| now > until);
        self.fresh_since <= now && !is_over
    }
}

/// Has a register seen this ClientHello before (RFC 9846, section 8.2)? 0-RTT data are accepted with
/// [`New`](Self::New) only. With the other two the handshake goes on without them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayCheck {
    /// It was not recorded before, and it is recorded now.
    New,
    /// It was recorded before: it is a replay.
    Seen,
    /// The register does not know, and has recorded nothing: it is full or cannot be reached, or it
    /// began after the ticket was sent.
    Unknown,
}

/// The name of a storage zone (RFC 9846, section 8.2): of one memory of ClientHellos. Each ticket
/// carries the zone of the server that sent it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Zone(pub [u8; Self::LENGTH]);

impl Zone {
    /// The length of a name in bytes. All zeros are no name.
    pub const LENGTH: usize = 16;
}

/// Makes sure that no 0-RTT data are accepted twice (RFC 9846, sections 8 and 8.2).
///
/// Before it asks, the handshake compares the expected arrival of the ClientHello with the
/// connection's clock (section 8.3): the time of the ticket plus the age that the client sent. The
/// two must not differ by more than
/// [`early_data_window`](crate::config::ServerConfigBuilder::early_data_window), in either direction.
///
/// A [`StrikeRegister`] is the memory of one process. Servers that share one over a network have a
/// register like this:
///
/// ```
/// use handclasp::Reply;
/// use handclasp::pki_types::UnixTime;
/// use handclasp::session::{AntiReplay, ClientHelloRecord, ReplayCheck, Zone};
///
/// /// The register of a fleet, in a database.
/// #[derive(Debug)]
/// struct Shared {
///     /// The database has it, too, and loses it together with its records.
///     zone: Zone,
/// }
///
/// impl AntiReplay for Shared {
///     fn zone(&self) -> Option<Zone> {
///         Some(self.zone)
///     }
///
///     fn check_and_record(&self, _: &ClientHelloRecord, _: UnixTime) -> Reply<ReplayCheck> {
///         // The handler of questions asks the database: see `Question::CheckReplay`.
///         Reply::Later
///     }
/// }
/// ```
pub trait AntiReplay: Send + Sync + fmt::Debug {
    /// The zone of this memory of ClientHellos. 0-RTT data under a ticket of another zone are
    /// refused; the ticket still resumes its session. A clock cannot show which ClientHellos came
    /// before the memory was made, as clocks are set back; the zone can.
    ///
    /// A memory that is lost when the server stops needs another name for each start. A memory that
    /// is kept over restarts, or that several servers share, keeps its name, and must have it before
    /// the first ticket is sent. `None`, the default, takes tickets of all zones: then each server
    /// with the same ticket keys accepts the same data once, and once again after each start, unless
    /// all of them share the memory.
    fn zone(&self) -> Option<Zone> {
        None
    }

    /// Records the ClientHello if it was not recorded before. The check and the record must be one
    /// step: of two servers that ask at once, one only gets [`ReplayCheck::New`].
    ///
    /// This is asked last, after all other checks and after the
    /// [`EarlyDataPolicy`](crate::session::EarlyDataPolicy), so that nothing is recorded for data that
    /// are refused in any case. It must not block. A register over a network returns [`Reply::Later`]:
    /// the handshake waits with the question
    /// [`CheckReplay`](crate::handshake::Question::CheckReplay), and is asked once. If the register
    /// cannot be reached, or does not answer in time, answer [`ReplayCheck::Unknown`].
    ///
    /// `now` is the time of the connection. It may be behind the time of other connections, as this
    /// one may have waited for its client: see [`set_time`](crate::Connection::set_time). So a
    /// register that forgets ClientHellos by a clock of its own must refuse those whose
    /// [`fresh_until`](ClientHelloRecord::fresh_until) is over by that clock.
    fn check_and_record(
        &self,
        client_hello: &ClientHelloRecord,
        now: UnixTime,
    ) -> Reply<ReplayCheck>;
}

/// Records each ClientHello in memory while it is fresh, up to a limit; it refuses 0-RTT data
/// beyond the limit (section 8.2).
///
/// Each register is a [`Zone`] of its own: it accepts 0-RTT data under the tickets that were sent
/// with it, and under no others. After a restart, and where other servers have the same ticket keys,
/// a client resumes without 0-RTT data once, and gets a ticket of this register. Share the register
/// between all configurations of a server that have the same ticket keys. Make it after a fork: processes
/// that inherit one have the same zone and a memory each, so each of them accepts the same data once.
///
/// It forgets no ClientHello that could be accepted again, even if the clock jumps. If the clock was
/// far ahead when 0-RTT data were accepted, their records stay until the clock reaches that time
/// again. When the register is full of such records, it refuses all 0-RTT data.
///
/// # How it forgets
///
/// The register has two generations of records, and drops a whole generation at a time. A new record
/// goes to the young one. When every ClientHello of the old generation is stale, the old generation
/// is dropped, the young one takes its place, and a new young one begins:
///
/// ```text
///                     now
///                      v
/// old    ==============|===]           ] the last second at which one of its ClientHellos is fresh
/// young       =========|========]
///
///                            now, later than the end of the old generation
///                             v
/// old         ================|=]      it was the young one
/// young                       |        empty
/// ```
///
/// So each record is kept for as long as its ClientHello is fresh, and at most until a generation
/// after it is over.
pub struct StrikeRegister {
    capacity: usize,
    started: UnixTime,
    /// `None` where the system has no randomness: then the register refuses all tickets.
    zone: Option<Zone>,
    recorded: Mutex<Recorded>,
}

#[derive(Default)]
struct Recorded {
    young: Generation,
    old: Generation,
    /// ClientHellos under keys without an age. They are always fresh, so they are never forgotten.
    ageless: HashSet<[u8; 32]>,
    /// The last second at which a ClientHello of a dropped generation was fresh.
    forgotten_until: u64,
}

#[derive(Default)]
struct Generation {
    ids: HashSet<[u8; 32]>,
    /// The last second at which one of its ClientHellos is fresh, since 1970.
    until: u64,
}

impl Recorded {
    /// Drops the old generation once all of its ClientHellos are stale.
    fn forget_stale(&mut self, now: u64) {
        if now > self.old.until {
            self.forgotten_until = self.forgotten_until.max(self.old.until);
            self.old = mem::take(&mut self.young);
        }
    }

    /// Records a ClientHello that is fresh until this second.
    fn record(&mut self, id: [u8; 32], until: u64, capacity: usize) -> ReplayCheck {
        if self.old.ids.contains(&id) || self.young.ids.contains(&id) {
            return ReplayCheck::Seen;
        }
        // The times of connections differ. A ClientHello that is still fresh by the time of this
        // connection may have been forgotten by the time of another one.
        if until <= self.forgotten_until || self.young.ids.len() >= capacity {
            return ReplayCheck::Unknown;
        }
        self.young.ids.insert(id);
        self.young.until = self.young.until.max(until);
        ReplayCheck::New
    }

    /// Records a ClientHello that is always fresh.
    fn record_ageless(&mut self, id: [u8; 32], capacity: usize) -> ReplayCheck {
        if self.ageless.contains(&id) {
            return ReplayCheck::Seen;
        }
        if self.ageless.len() >= capacity {
            return ReplayCheck::Unknown;
        }
        self.ageless.insert(id);
        ReplayCheck::New
    }
}

impl StrikeRegister {
    /// How many ClientHellos a generation has by default; each takes 32 bytes.
    pub const CAPACITY: usize = 65_536;

    /// An empty register, which began at the time `started`. Data under a ticket of that second or
    /// of an earlier one, or of one in the future, may have been accepted before: they are refused
    /// while the window overlaps the start (section 8.2). Data under a key that is no ticket have no
    /// age: after a restart, they may be accepted once more.
    pub fn new(started: UnixTime) -> Self {
        Self::with_capacity(started, Self::CAPACITY)
    }

    /// As [`new`](Self::new), for `capacity` ClientHellos in each generation, and as many under keys
    /// without an age.
    pub fn with_capacity(started: UnixTime, capacity: usize) -> Self {
        let mut name = Zone::default();
        let zone = SystemRandom.fill(&mut name.0).is_ok().then_some(name);
        Self { capacity, started, zone, recorded: Mutex::default() }
    }

    /// Could the same ClientHello have been accepted before this register began? In the second of
    /// its start it could: an earlier register may have ended in that second. A ticket from the
    /// future was made by another clock, so it may be of any time before (section 8).
    fn predates(&self, issued: UnixTime, fresh_since: UnixTime, now: UnixTime) -> bool {
        issued > now || (issued <= self.started && fresh_since <= self.started)
    }

    /// ClientHello recording (section 8.2).
    fn check(&self, client_hello: &ClientHelloRecord, now: UnixTime) -> ReplayCheck {
        if !client_hello.is_fresh(now) {
            return ReplayCheck::Unknown;
        }
        if let Some(issued) = client_hello.issued {
            if self.zone.is_none() || self.predates(issued, client_hello.fresh_since, now) {
                return ReplayCheck::Unknown;
            }
        }
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        recorded.forget_stale(now.as_secs());
        match client_hello.fresh_until {
            Some(until) => recorded.record(client_hello.id, until.as_secs(), self.capacity),
            None => recorded.record_ageless(client_hello.id, self.capacity),
        }
    }
}

impl AntiReplay for StrikeRegister {
    /// Zeros, which are the name of no zone, where there is no randomness.
    fn zone(&self) -> Option<Zone> {
        Some(self.zone.unwrap_or_default())
    }

    fn check_and_record(
        &self,
        client_hello: &ClientHelloRecord,
        now: UnixTime,
    ) -> Reply<ReplayCheck> {
        Reply::Now(self.check(client_hello, now))
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
