//! Whether the store answers: a store that does not is asked rarely, so that handshakes do not wait for it.

use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// What is known of the calls before.
#[derive(Debug, Default)]
pub(crate) struct Availability {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Calls without an answer since the last answer.
    unanswered: u32,
    /// When the store was asked last.
    asked: Option<Instant>,
    /// When there was a warning about an answer last.
    warned: Option<Instant>,
}

impl State {
    fn is_silent(&self) -> bool {
        self.unanswered >= Availability::UNANSWERED_CALLS
    }
}

impl Availability {
    /// After so many calls in a row without an answer, the store counts as silent.
    pub(crate) const UNANSWERED_CALLS: u32 = 5;
    /// A silent store is asked once in this time.
    pub(crate) const PAUSE: Duration = Duration::from_millis(500);

    /// A store whose answers are of no use is in the log once in this time.
    pub(crate) const WARNING_INTERVAL: Duration = Duration::from_secs(60);

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a call, if the store may be asked now: then this is the last call that began. Returns whether it may.
    pub(crate) fn begin_call(&self, now: Instant) -> bool {
        let mut state = self.state();
        let is_pause =
            state.asked.is_some_and(|asked| now.saturating_duration_since(asked) < Self::PAUSE);
        if state.is_silent() && is_pause {
            return false;
        }
        state.asked = Some(now);
        true
    }

    /// The store has answered. Returns whether it was silent before.
    pub(crate) fn on_answer(&self) -> bool {
        let mut state = self.state();
        let was_silent = state.is_silent();
        state.unanswered = 0;
        was_silent
    }

    /// The store has not answered. Returns whether it counts as silent from now on.
    pub(crate) fn on_no_answer(&self) -> bool {
        let mut state = self.state();
        state.unanswered = state.unanswered.saturating_add(1);
        state.unanswered == Self::UNANSWERED_CALLS
    }

    /// The store has answered with an error, or with something of no use. Returns whether a warning is due, which counts
    /// as given then: the next one is due after [`WARNING_INTERVAL`](Self::WARNING_INTERVAL).
    pub(crate) fn begin_warning(&self, now: Instant) -> bool {
        let mut state = self.state();
        let has_warned = state
            .warned
            .is_some_and(|warned| now.saturating_duration_since(warned) < Self::WARNING_INTERVAL);
        if !has_warned {
            state.warned = Some(now);
        }
        !has_warned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_store_is_asked_once_in_a_pause_until_it_answers() {
        let (store, start) = (Availability::default(), Instant::now());
        for call in 1..=Availability::UNANSWERED_CALLS {
            assert!(store.begin_call(start));
            assert_eq!(store.on_no_answer(), call == Availability::UNANSWERED_CALLS);
        }
        assert!(!store.begin_call(start));
        assert!(store.begin_call(start + Availability::PAUSE));
        assert!(!store.begin_call(start + Availability::PAUSE));
        assert!(!store.on_no_answer(), "it is reported once");
        assert!(store.begin_call(start + 2 * Availability::PAUSE));
        assert!(store.on_answer());
        assert!(store.begin_call(start) && store.begin_call(start));
        assert!(!store.on_answer());
    }

    #[test]
    fn a_warning_is_due_at_the_first_answer_of_no_use_and_once_in_an_interval() {
        let (store, start) = (Availability::default(), Instant::now());
        assert!(store.begin_warning(start));
        assert!(!store.begin_warning(start + Availability::WARNING_INTERVAL / 2));
        assert!(store.begin_warning(start + Availability::WARNING_INTERVAL));
        assert!(!store.begin_warning(start + Availability::WARNING_INTERVAL));
    }
}
