//! The options of clients and servers, and the limits on what a peer can make them spend.
//!
//! A configuration is built once, checked when it is built, and shared by `Arc` between any
//! number of connections.

mod client;
mod common;
mod layout;
mod limits;
mod resolver;
mod server;

pub use client::{ClientConfig, ClientConfigBuilder};
pub(crate) use common::CommonConfig;
pub use layout::{ExtensionLayout, LayoutItem};
pub use limits::Limits;
pub use resolver::{ConfigChoice, ConfigResolver};
pub use server::{ServerConfig, ServerConfigBuilder};

pub use crate::config_error::ConfigError;

#[cfg(test)]
mod tests;
