//! tokio-postgres over TLS to a real PostgreSQL, with channel binding.

mod cluster;
mod queries;
