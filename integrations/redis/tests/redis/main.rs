//! Sessions, the register and the ticket keys of a fleet, on real servers, sentinels and clusters of Redis.

mod availability;
mod cluster;
mod example;
mod fleet;
mod rights;
mod sentinel;
mod sessions;
mod stay_connected;
mod strike_register;
#[cfg(all(feature = "metrics", feature = "tracing"))]
mod telemetry;
mod ticket_key_attacks;
mod ticket_keys;
