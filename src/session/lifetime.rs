//! How long a session can be resumed (RFC 9846, section 4.7.1).

use core::time::Duration;

use crate::time::Time;

/// The longest lifetime of a ticket, in seconds: seven days (RFC 9846, section 4.7.1). Resumptions do
/// not extend it: it begins with the handshake in which the peer authenticated.
pub const MAX_LIFETIME: u32 = 7 * 24 * 60 * 60;

/// How far ahead of this clock the time of a session may be. Clocks of servers that share sessions
/// differ a little, and so do the times of two connections of one server. RFC 9846, section 8.3,
/// calls ten seconds the order of such errors.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(10);

/// Is `then` at most `lifetime` seconds ago (section 4.7.1)?
///
/// A time in the future is not recent: the clock was set back, or the other machine's clock is
/// wrong. The true age is not known then, and a ticket would live longer than it may. A small
/// difference is allowed: see [`CLOCK_TOLERANCE`].
pub(super) fn is_recent(then: Time, lifetime: u32, now: Time) -> bool {
    let limit = if then <= now { Duration::from_secs(lifetime.into()) } else { CLOCK_TOLERANCE };
    now.difference(then) <= limit
}

/// The seconds that are left of seven days since the peer authenticated at the time
/// `authenticated`, in seconds since 1970. None are left where that is in the future (section
/// 4.7.1).
pub(crate) fn seconds_left(authenticated: u64, now: Time) -> u32 {
    let authenticated = from_secs(authenticated);
    if !is_recent(authenticated, MAX_LIFETIME, now) {
        return 0;
    }
    let passed = now.since(authenticated).as_secs();
    MAX_LIFETIME.saturating_sub(u32::try_from(passed).unwrap_or(u32::MAX))
}

pub(super) fn from_secs(seconds: u64) -> Time {
    Time::since_unix_epoch(Duration::from_secs(seconds))
}
