//! hyper's client and axum's server over TLS, with each other and with the examples.

mod client;
mod early_data;
mod ends;
mod examples;
mod grpc;
mod misdirected;
mod server;
mod upgrades;
