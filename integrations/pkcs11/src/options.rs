//! How a token is used.

use core::fmt;
use core::time::Duration;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use handclasp::CryptoProvider;

use crate::error::TokenError;
use crate::pin::Pin;

/// How a token is used. The defaults of [`new`](Self::new) fit a server with a small token.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// Hashes what is signed, and verifies the signatures that show that the key belongs to the certificate.
    pub provider: CryptoProvider,
    /// The file of the module, where the URI names none.
    pub module: Option<PathBuf>,
    /// The PIN, where the URI has none.
    pub pin: Option<Pin>,
    /// The most sessions with the token, each with a thread that signs: 4 by default. A token that allows fewer gets
    /// fewer. One session is opened at once, the others when they are needed. 0 is taken for 1.
    pub sessions: usize,
    /// The most signatures that wait for a session: 1024 by default. Others fail at once with
    /// [`TokenError::Busy`]. A good number is the signatures that the token makes in a second, times the seconds that
    /// clients wait: for a token with 50 signatures in a second, 100. When the oldest has waited for half of
    /// `timeout`, the newest is signed first; those that would come too late fail with [`TokenError::Overloaded`].
    pub max_waiting: usize,
    /// How long a signature may take, with the time that it waits: 5 seconds by default. Choose less than the time
    /// of a handshake. More than a day is taken for a day.
    pub timeout: Duration,
    /// Called with each failure to sign, for logs and metrics. It must not block. While a token is away or too slow,
    /// each handshake of a client is such a failure: [`limited`](crate::limited) keeps a log short.
    pub on_failure: Option<FailureHandler>,
}

/// What is done with a failure to sign.
pub type FailureHandler = Arc<dyn Fn(&TokenError) + Send + Sync>;

/// A handler that calls `log` at most once in each interval. It gives it a failure, and the number of failures since the
/// last call that were left out.
///
/// ```
/// # use std::time::Duration;
/// use handclasp_pkcs11::limited;
///
/// let handler = limited(Duration::from_secs(10), |error, left_out| {
///     eprintln!("the token did not sign: {error} ({left_out} others)");
/// });
/// # drop(handler);
/// ```
pub fn limited(
    interval: Duration,
    log: impl Fn(&TokenError, u64) + Send + Sync + 'static,
) -> FailureHandler {
    let state = Mutex::new(LimitState { logged: None, left_out: 0 });
    Arc::new(move |error| {
        let left_out = state.lock().unwrap_or_else(PoisonError::into_inner).count(interval);
        if let Some(left_out) = left_out {
            log(error, left_out);
        }
    })
}

struct LimitState {
    /// When the last failure was logged.
    logged: Option<Instant>,
    left_out: u64,
}

impl LimitState {
    /// Counts a failure. If it is logged, returns how many were left out before.
    fn count(&mut self, interval: Duration) -> Option<u64> {
        if self.logged.is_some_and(|logged| logged.elapsed() < interval) {
            self.left_out = self.left_out.saturating_add(1);
            return None;
        }
        self.logged = Some(Instant::now());
        Some(core::mem::take(&mut self.left_out))
    }
}

impl Options {
    /// The defaults, with this crypto provider.
    pub fn new(provider: CryptoProvider) -> Self {
        Self {
            provider,
            module: None,
            pin: None,
            sessions: 4,
            max_waiting: 1024,
            timeout: Duration::from_secs(5),
            on_failure: None,
        }
    }
}

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
impl Default for Options {
    fn default() -> Self {
        Self::new(CryptoProvider::default())
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("module", &self.module)
            .field("pin", &self.pin)
            .field("sessions", &self.sessions)
            .field("max_waiting", &self.max_waiting)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limited_handler_logs_one_failure_of_many_and_counts_the_others() {
        let mut state = LimitState { logged: None, left_out: 0 };
        assert_eq!(state.count(Duration::MAX), Some(0));
        assert_eq!(state.count(Duration::MAX), None);
        assert_eq!(state.count(Duration::MAX), None);
        assert_eq!(state.count(Duration::ZERO), Some(2));
        assert_eq!(state.count(Duration::ZERO), Some(0));
    }
}
