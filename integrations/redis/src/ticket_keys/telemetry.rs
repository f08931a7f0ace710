//! What is counted and logged about ticket keys. The [crate](crate) lists the names.

use super::stored_key::TicketKeyId;

/// The store was read: so many keys are known, and these fields are refused.
pub(super) fn report_refresh(known: usize, refused: &[String]) {
    #[cfg(feature = "metrics")]
    {
        ::metrics::gauge!("handclasp_redis_ticket_keys")
            .set(u32::try_from(known).unwrap_or(u32::MAX));
        ::metrics::gauge!("handclasp_redis_ticket_keys_refused")
            .set(u32::try_from(refused.len()).unwrap_or(u32::MAX));
    }
    #[cfg(feature = "tracing")]
    for reason in refused {
        ::tracing::warn!(target: "handclasp_redis", "ticket keys in the store: {reason}");
    }
    #[cfg(not(feature = "metrics"))]
    let _ = known;
    #[cfg(not(any(feature = "metrics", feature = "tracing")))]
    let _ = refused;
}

/// Another key seals from now on.
pub(super) fn report_sealing(id: Option<TicketKeyId>) {
    #[cfg(feature = "metrics")]
    ::metrics::counter!("handclasp_redis_ticket_key_changes_total").increment(1);
    #[cfg(feature = "tracing")]
    match id {
        Some(id) => {
            ::tracing::info!(target: "handclasp_redis", "the ticket key {id} seals from now on");
        }
        None => ::tracing::warn!(
            target: "handclasp_redis",
            "no ticket key of the fleet is left: random keys of this server seal until the store has a new one"
        ),
    }
    #[cfg(not(feature = "tracing"))]
    let _ = id;
}
