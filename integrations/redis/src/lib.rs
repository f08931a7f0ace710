//! Servers of TLS 1.3 that share what a fleet has to share, on Valkey or Redis: sessions, each for one use, and a
//! register of ClientHellos, so that 0-RTT data are accepted once in the whole fleet. [`handclasp`] and [`fred`] are
//! re-exported.
//!
//! The application configures and connects [`fred`]'s clients itself, and gives them to a [`RedisStore`]. Cluster,
//! Sentinel, TLS to the store, users and passwords are options of `fred`.

mod availability;
mod epochs;
mod error;
mod fleet_answers;
mod key_names;
mod sealing_keys;
mod sessions;
mod store;
mod strike_register;
mod telemetry;

pub use error::Error;
pub use fleet_answers::FleetAnswers;
pub use fred;
pub use handclasp;
pub use sealing_keys::SealingKeys;
pub use sessions::RedisSessions;
pub use store::{Clients, RedisStore};
pub use strike_register::{RedisStrikeRegister, RegisterSize};
