//! How the keys of a fleet change, and what a server does that cannot reach the store at its start.

use core::time::Duration;

use handclasp::session::MAX_LIFETIME;

use super::stored_key::{KeyTimes, StoreTime};
use crate::Error;

/// How ticket keys change. All servers of a fleet need the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TicketKeyOptions {
    /// How long a server waits at most before it reads the keys again: 60 seconds by default. It waits for half of that
    /// at least, by chance, so that servers that were started together do not ask together.
    pub refresh_interval: Duration,
    /// How long a key seals: a day by default, a year at most. It is at least six refresh intervals, and at least the
    /// two hundredth part of `ticket_lifetime`.
    pub period: Duration,
    /// How long tickets live: the
    /// [`ticket_lifetime`](handclasp::config::ServerConfigBuilder::ticket_lifetime) of the servers' configurations.
    /// Seven days by default, which is the longest.
    pub ticket_lifetime: Duration,
    /// What a server does that cannot reach the store at its start.
    pub first_start: FirstStart,
}

/// What a server does that cannot reach the store at its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirstStart {
    /// It makes random keys of its own until the store answers, so that it can start. Clients that have a ticket under
    /// these keys do one full handshake when they come to another server, or later.
    #[default]
    RandomKeys,
    /// It does not start.
    StoreRequired,
}

impl Default for TicketKeyOptions {
    fn default() -> Self {
        Self {
            refresh_interval: Duration::from_secs(60),
            period: Duration::from_secs(24 * 60 * 60),
            ticket_lifetime: Duration::from_secs(MAX_LIFETIME.into()),
            first_start: FirstStart::default(),
        }
    }
}

impl TicketKeyOptions {
    /// A ticket lives for this many periods at most. So many keys, and two more, are used at one time.
    const MAX_PERIODS: u32 = 200;

    const LONGEST_PERIOD: Duration = Duration::from_secs(366 * 24 * 60 * 60);

    /// In this time each server reads the keys at least twice: all of them know a key then.
    pub(super) fn learning_time(&self) -> Duration {
        self.refresh_interval.saturating_mul(3)
    }

    /// The times of a key that is made now.
    pub(super) fn times_of_next(&self, now: StoreTime) -> KeyTimes {
        let seals_from = now.plus(self.learning_time());
        let seals_until = seals_from.plus(self.period);
        // The next one may be made a little late.
        let opens_until = seals_until.plus(self.ticket_lifetime).plus(self.learning_time());
        KeyTimes { made_at: now, seals_from, seals_until, opens_until }
    }

    /// A key must seal for longer than it takes to learn the next one. All times are limited, so that the store can
    /// have all keys that are used at one time, and can count the time until the last one ends.
    pub(super) fn check(self) -> Result<Self, Error> {
        let is_long = self.period >= self.learning_time().saturating_mul(2);
        let is_short = self.period <= Self::LONGEST_PERIOD;
        let lives_longest = Duration::from_secs(MAX_LIFETIME.into());
        let has_few = self.ticket_lifetime <= self.period.saturating_mul(Self::MAX_PERIODS);
        if self.refresh_interval < Duration::from_millis(1)
            || !is_long
            || !is_short
            || self.ticket_lifetime > lives_longest
            || !has_few
        {
            return Err(Error::TicketKeyTimes);
        }
        Ok(self)
    }
}
