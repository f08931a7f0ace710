//! Times in fractions of a second: the age of a ticket is in milliseconds (RFC 9846, section
//! 4.3.11.1).

use core::time::Duration;
use std::time::{Instant, SystemTime};

use pki_types::UnixTime;

/// A point in time: the duration since the beginning of 1970 (UTC).
///
/// Which of the two to use:
///
/// - [`UnixTime`], in seconds, where a function takes it: for certificates, CRLs and OCSP responses,
///   for stores, ticket keys and cookies, and for [`Options::now`](crate::connection::Options). Your
///   own verifier, store or register receives one.
/// - `Time` where a function takes `impl Into<Time>`, such as
///   [`Connection::set_time`](crate::Connection::set_time): give it [`Time::now`]. A client sends the
///   age of its ticket in milliseconds, and a server compares it with its own clock (RFC 9846,
///   sections 4.3.11.1 and 8.3). A [`UnixTime`] is accepted there, too, as the beginning of its
///   second: the age of a ticket is then wrong by up to a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(Duration);

impl Time {
    /// The present time of the system's clock.
    pub fn now() -> Self {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self(since_1970.unwrap_or_default())
    }

    /// The time `duration` after the beginning of 1970.
    pub const fn since_unix_epoch(duration: Duration) -> Self {
        Self(duration)
    }

    /// The duration since the beginning of 1970.
    pub const fn as_duration(self) -> Duration {
        self.0
    }

    /// The second of the time, without the fraction.
    pub fn unix(self) -> UnixTime {
        UnixTime::since_unix_epoch(self.0)
    }

    /// The time `duration` later.
    pub(crate) fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }

    /// The time `duration` earlier.
    pub(crate) fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(duration))
    }

    /// The duration since `earlier`; zero if `earlier` is later.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The duration between the two times, in either order.
    pub(crate) fn difference(self, other: Self) -> Duration {
        self.0.abs_diff(other.0)
    }
}

/// The beginning of this second.
impl From<UnixTime> for Time {
    fn from(time: UnixTime) -> Self {
        Self(Duration::from_secs(time.as_secs()))
    }
}

/// A clock that starts at a given time and never goes back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    made: Instant,
    then: Time,
}

impl Clock {
    /// A clock that starts at `now`. If `now` is the present second of the system's clock, the clock
    /// has the fraction of that second, too. Any other time is taken as the beginning of its second.
    pub(crate) fn new(now: UnixTime) -> Self {
        let (made, system) = (Instant::now(), Time::now());
        let then = if system.unix() == now { system } else { now.into() };
        Self { made, then }
    }

    /// The time at which the clock started.
    pub(crate) fn then(&self) -> Time {
        self.then
    }

    /// The time on this clock.
    pub(crate) fn now(&self) -> Time {
        self.then.after(self.made.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_exact_in_the_systems_second_only() {
        let made_up = UnixTime::since_unix_epoch(Duration::from_secs(1_000));
        let clock = Clock::new(made_up);
        assert_eq!(clock.then(), made_up.into());
        assert!(clock.now() >= clock.then());
        let exact = (0..100).any(|_| {
            let now = UnixTime::now();
            Clock::new(now).then() > now.into()
        });
        assert!(exact, "the system's clock has more than seconds");
    }

    #[test]
    fn no_sum_or_difference_overflows() {
        let last = Time::since_unix_epoch(Duration::MAX);
        assert_eq!(last.after(Duration::MAX), last);
        assert_eq!(Time::default().before(Duration::MAX), Time::default());
        assert_eq!(Time::default().difference(last), Duration::MAX);
        assert_eq!(Time::default().since(last), Duration::ZERO);
        let far = UnixTime::since_unix_epoch(Duration::from_secs(u64::MAX));
        assert_eq!(Time::from(far).unix(), far);
    }
}
