//! Servers of TLS 1.3 that share what a fleet has to share, on Valkey or Redis: sessions, each for one use, or ticket
//! keys that change by themselves, and a register of ClientHellos, so that 0-RTT data are accepted once in the whole
//! fleet. [`handclasp`] and [`fred`] are re-exported.
//!
//! The application configures and connects [`fred`]'s clients itself, and gives them to a [`RedisStore`]. Cluster,
//! Sentinel, TLS to the store, users and passwords are options of `fred`.
//!
//! ```no_run
//! use std::sync::Arc;
//! use handclasp_redis::fred::clients::Pool;
//! use handclasp_redis::handclasp::config::ServerConfigBuilder;
//! use handclasp_redis::{
//!     Error, FleetAnswers, RedisSessions, RedisStore, RedisStrikeRegister, SealingKeys,
//! };
//!
//! /// The configuration of a server, and what answers its questions, for `Acceptor::answers`.
//! fn share(
//!     config: ServerConfigBuilder,
//!     pool: Pool,
//!     sealing_key: &[u8],
//! ) -> Result<(ServerConfigBuilder, FleetAnswers), Error> {
//!     let store = RedisStore::new(pool, "shop:tls", SealingKeys::from_bytes(sealing_key)?)?;
//!     let (sessions, register) = (RedisSessions::new(&store)?, RedisStrikeRegister::new(&store)?);
//!     let config = config
//!         .sessions(Arc::new(sessions.clone()))
//!         // Only if the server calls `take_early_data` after `accept`.
//!         .early_data(16_384, Arc::new(register.clone()));
//!     Ok((config, FleetAnswers::new().sessions(&sessions).register(&register)))
//! }
//! ```
//!
//! The chapter `fleets` of handclasp's guide says what to share, how to configure `fred`, and what the store needs.
//!
//! No failure of the store ends a handshake. Where it does not answer in time, there is a full handshake, and 0-RTT
//! data are refused. A store that has not answered several calls in a row is asked rarely, so that handshakes do not
//! wait for it.
//!
//! # Metrics and logs
//!
//! With the feature `metrics`:
//!
//! | Name | Kind | Labels |
//! |---|---|---|
//! | `handclasp_redis_calls_total` | counter | `call`, `result` |
//! | `handclasp_redis_call_duration_seconds` | histogram | `call` |
//! | `handclasp_redis_sessions_not_stored_total` | counter | `reason`: `too_many_writes` |
//! | `handclasp_redis_replay_checks_total` | counter | `verdict` |
//! | `handclasp_redis_new_epochs_total` | counter | |
//! | `handclasp_redis_ticket_keys` | gauge | |
//! | `handclasp_redis_ticket_keys_refused` | gauge | |
//! | `handclasp_redis_ticket_key_changes_total` | counter | |
//!
//! - `call`: `put_session`, `take_session`, `check_replay`, `ask_epoch`, `read_ticket_keys` or `change_ticket_keys`.
//! - `result`: `ok`, or the [code](Error::code) of an error.
//! - `verdict`: `new` for 0-RTT data that are accepted; `seen` for a replay; `not_fresh`, `full`, `other_epoch` and
//!   `not_asked` where the register cannot know; `no_answer` where the store has not answered.
//!
//! With the feature `tracing`, the target `handclasp_redis`:
//!
//! - WARN:
//!   - The store stops answering.
//!   - The store refuses calls, or has values that cannot be opened: once a minute at most.
//!   - A ticket key in the store is refused: at each refresh, for each such key.
//!   - The fleet has no ticket key left, so random keys seal.
//!   - fred has given up a client, which [`stay_connected`] connects again.
//! - INFO: the store answers again, an epoch begins, or another ticket key seals.
//! - DEBUG: a call fails, or is not made.

// Examples are copied: an import that one does not use would be a warning there.
#![doc(test(attr(deny(unused_imports))))]

mod availability;
mod epochs;
mod error;
mod fleet_answers;
mod key_names;
mod script;
mod sealing_keys;
mod sessions;
mod stay_connected;
mod store;
mod strike_register;
mod telemetry;
mod ticket_keys;

pub use error::Error;
pub use fleet_answers::FleetAnswers;
pub use fred;
pub use handclasp;
pub use sealing_keys::SealingKeys;
pub use sessions::RedisSessions;
pub use stay_connected::stay_connected;
pub use store::{Clients, RedisStore};
pub use strike_register::{RedisStrikeRegister, RegisterSize};
pub use ticket_keys::{
    FirstStart, RedisTicketKeys, TicketKeyId, TicketKeyInfo, TicketKeyOptions, TicketKeyRole,
    TicketKeyStatus,
};

// The guide's chapter on fleets is compiled here.
#[cfg(doctest)]
#[doc = include_str!("../../../src/guide/fleets.md")]
mod guide {}
