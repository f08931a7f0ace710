//! Endpoints whose own keys come from the crypto provider.

use std::sync::Arc;

use handclasp::crypto::{CryptoError, CryptoProvider};
use handclasp::quic::Version;
use quinn::EndpointConfig;

use crate::ResetKey;

/// The options of an endpoint: with a random key for stateless resets, and with version 1 of QUIC.
///
/// # Errors
/// When the provider has no randomness.
pub fn endpoint_config(provider: &CryptoProvider) -> Result<EndpointConfig, CryptoError> {
    let mut config = EndpointConfig::new(Arc::new(ResetKey::random(provider)?));
    config.supported_versions(vec![Version::V1.number()]);
    Ok(config)
}

/// An endpoint for clients, on a socket that is bound to this address. Call it in tokio's runtime. Give
/// it a configuration with
/// [`set_default_client_config`](quinn::Endpoint::set_default_client_config).
///
/// # Errors
/// When the socket cannot be bound, or there is no randomness.
#[cfg(all(feature = "runtime-tokio", any(feature = "ring", feature = "aws-lc-rs")))]
pub fn client_endpoint(address: std::net::SocketAddr) -> std::io::Result<quinn::Endpoint> {
    bind(None, address)
}

/// An endpoint for servers, on a socket that is bound to this address. Call it in tokio's runtime.
///
/// # Errors
/// As [`client_endpoint`].
#[cfg(all(feature = "runtime-tokio", any(feature = "ring", feature = "aws-lc-rs")))]
pub fn server_endpoint(
    config: quinn::ServerConfig,
    address: std::net::SocketAddr,
) -> std::io::Result<quinn::Endpoint> {
    bind(Some(config), address)
}

#[cfg(all(feature = "runtime-tokio", any(feature = "ring", feature = "aws-lc-rs")))]
fn bind(
    server: Option<quinn::ServerConfig>,
    address: std::net::SocketAddr,
) -> std::io::Result<quinn::Endpoint> {
    let config = endpoint_config(&CryptoProvider::default()).map_err(std::io::Error::other)?;
    let socket = std::net::UdpSocket::bind(address)?;
    quinn::Endpoint::new(config, server, socket, Arc::new(quinn::TokioRuntime))
}
