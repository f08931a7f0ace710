//! Configurations that were checked for QUIC.

use std::sync::Arc;

use pki_types::ServerName;

use super::{Connection, Version};
use crate::config::{ClientConfig, ServerConfig};
use crate::connection::Options;
use crate::error::{Error, ErrorKind};
use crate::handshake::Handshake;
use crate::time::Clock;

/// A client's configuration that is fit for QUIC: with it, a connection can always be made.
#[derive(Clone, Debug)]
pub struct CheckedClientConfig(Arc<ClientConfig>);

impl CheckedClientConfig {
    /// Checks the configuration.
    ///
    /// # Errors
    /// [`ErrorKind::Misuse`] when the configuration has no application protocol, which QUIC needs (RFC
    /// 9001, section 8.1), or a cipher suite whose AEAD has no
    /// [`quic_limits`](crate::crypto::Aead::quic_limits).
    pub fn new(config: Arc<ClientConfig>) -> Result<Self, Error> {
        config.common.check_for_quic().map_err(ErrorKind::Misuse)?;
        Ok(Self(config))
    }

    /// The configuration.
    pub fn config(&self) -> &Arc<ClientConfig> {
        &self.0
    }

    /// As [`Connection::client`].
    pub fn connection(
        &self,
        version: Version,
        server_name: ServerName<'static>,
        transport_parameters: Vec<u8>,
        options: Options,
    ) -> Connection {
        let clock = Clock::new(options.now);
        let handshake = Handshake::client(self.0.clone(), server_name, clock.then());
        Connection::new(handshake, version, transport_parameters, clock, options)
    }
}

/// A server's configuration that is fit for QUIC: with it, a connection can always be made.
#[derive(Clone, Debug)]
pub struct CheckedServerConfig(Arc<ServerConfig>);

impl CheckedServerConfig {
    /// Checks the configuration.
    ///
    /// # Errors
    /// As [`CheckedClientConfig::new`].
    pub fn new(config: Arc<ServerConfig>) -> Result<Self, Error> {
        config.common.check_for_quic().map_err(ErrorKind::Misuse)?;
        Ok(Self(config))
    }

    /// The configuration.
    pub fn config(&self) -> &Arc<ServerConfig> {
        &self.0
    }

    /// As [`Connection::server`].
    pub fn connection(
        &self,
        version: Version,
        transport_parameters: Vec<u8>,
        options: Options,
    ) -> Connection {
        let clock = Clock::new(options.now);
        let handshake = Handshake::server(self.0.clone(), clock.then());
        Connection::new(handshake, version, transport_parameters, clock, options)
    }
}
