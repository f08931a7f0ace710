//! What is counted and logged about the store. The [crate] lists the names.

use core::time::Duration;

use crate::Error;

/// What the store is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    PutSession,
    TakeSession,
    CheckReplay,
    AskEpoch,
    ReadTicketKeys,
    ChangeTicketKeys,
}

impl Call {
    #[cfg_attr(not(any(feature = "metrics", feature = "tracing")), allow(dead_code))]
    fn name(self) -> &'static str {
        match self {
            Self::PutSession => "put_session",
            Self::TakeSession => "take_session",
            Self::CheckReplay => "check_replay",
            Self::AskEpoch => "ask_epoch",
            Self::ReadTicketKeys => "read_ticket_keys",
            Self::ChangeTicketKeys => "change_ticket_keys",
        }
    }
}

/// A call has ended. One that the store was not asked has no duration.
pub(crate) fn report_call(call: Call, duration: Option<Duration>, error: Option<&Error>) {
    #[cfg(feature = "metrics")]
    {
        let result = error.map_or("ok", Error::code);
        ::metrics::counter!("handclasp_redis_calls_total", "call" => call.name(), "result" => result)
            .increment(1);
        if let Some(duration) = duration {
            ::metrics::histogram!("handclasp_redis_call_duration_seconds", "call" => call.name())
                .record(duration.as_secs_f64());
        }
    }
    #[cfg(feature = "tracing")]
    if let Some(error) = error {
        ::tracing::debug!(target: "handclasp_redis", call = call.name(), ?duration, "{error}");
    }
    #[cfg(not(any(feature = "metrics", feature = "tracing")))]
    let _ = (call, duration, error);
}

/// A session was not given to the store, so the client gets no ticket.
pub(crate) fn report_not_stored(reason: &'static str) {
    #[cfg(feature = "metrics")]
    ::metrics::counter!("handclasp_redis_sessions_not_stored_total", "reason" => reason)
        .increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = reason;
}

/// The store, or the server without asking it, has decided about a ClientHello with 0-RTT data.
pub(crate) fn report_replay_check(verdict: &'static str) {
    #[cfg(feature = "metrics")]
    ::metrics::counter!("handclasp_redis_replay_checks_total", "verdict" => verdict).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = verdict;
}

/// A shard is in another epoch than before, or this is the first contact.
pub(crate) fn report_new_epoch(shard: u16) {
    #[cfg(feature = "metrics")]
    ::metrics::counter!("handclasp_redis_new_epochs_total").increment(1);
    #[cfg(feature = "tracing")]
    ::tracing::info!(target: "handclasp_redis", shard, "0-RTT data need tickets of a new epoch");
    #[cfg(not(feature = "tracing"))]
    let _ = shard;
}

/// The store has stopped answering.
pub(crate) fn report_silent(error: &Error) {
    #[cfg(feature = "tracing")]
    ::tracing::warn!(target: "handclasp_redis", "the store does not answer: {error}");
    #[cfg(not(feature = "tracing"))]
    let _ = error;
}

/// The store answers, but refuses the call, or has something else than was sealed.
pub(crate) fn report_refused(call: Call, error: &Error) {
    #[cfg(feature = "tracing")]
    ::tracing::warn!(
        target: "handclasp_redis",
        call = call.name(),
        code = error.code(),
        "the store cannot be used as it is: {error}"
    );
    #[cfg(not(feature = "tracing"))]
    let _ = (call, error);
}

/// The store answers again.
pub(crate) fn report_answering() {
    #[cfg(feature = "tracing")]
    ::tracing::info!(target: "handclasp_redis", "the store answers again");
}

/// A client has no connection, and fred has given it up.
pub(crate) fn report_not_connected(client: &str, pause: Duration, error: &fred::error::Error) {
    #[cfg(feature = "tracing")]
    ::tracing::warn!(
        target: "handclasp_redis",
        client,
        ?pause,
        "a client is not connected to the store, and tries again after a pause: {error}"
    );
    #[cfg(not(feature = "tracing"))]
    let _ = (client, pause, error);
}
