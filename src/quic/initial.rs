//! The keys of Initial packets (RFC 9001, section 5.2). They protect against mistakes and not against
//! attackers: they are made of what is in the packets.

use super::{DirectionalKeys, Version};
use crate::crypto::{CipherSuite, CryptoError, CryptoProvider, StaticOrArc, provider_fault};
use crate::handshake::Side;
use crate::key_schedule::{LabelPrefix, Prk, TrafficSecret};
use crate::registry::CipherSuiteId;

/// The keys of Initial packets, in both directions (RFC 9001, section 5.2).
#[derive(Debug)]
pub struct InitialKeys {
    /// For the packets that this side sends.
    pub local: DirectionalKeys,
    /// For the packets that the peer sends.
    pub remote: DirectionalKeys,
}

impl InitialKeys {
    /// The keys of one side. The provider of the handshake may lack the suite of Initial packets: then give
    /// another one here. `destination_connection_id` is that of the first Initial packet that the
    /// client has sent; after a Retry, of the first one that followed it.
    ///
    /// # Errors
    /// When the provider lacks `TLS_AES_128_GCM_SHA256`, or has no QUIC for it, or fails.
    pub fn new(
        provider: &CryptoProvider,
        version: Version,
        destination_connection_id: &[u8],
        side: Side,
    ) -> Result<Self, CryptoError> {
        let suite = initial_suite(provider)?;
        let salt = version.initial_salt();
        let initial_secret =
            provider_fault::hmac(&*suite.hash, &salt, &[destination_connection_id])
                .map_err(|_| CryptoError)?;
        let prk = Prk::new(&*suite.hash, LabelPrefix::Tls13, initial_secret.as_bytes());
        let keys = |label| {
            let secret = initial_traffic_secret(suite, &prk, label)?;
            DirectionalKeys::new(version, &secret)
        };
        let (client, server) = (keys("client in")?, keys("server in")?);
        Ok(match side {
            Side::Client => Self { local: client, remote: server },
            Side::Server => Self { local: server, remote: client },
        })
    }
}

/// Initial packets and Retry packets are always protected with AEAD_AES_128_GCM and SHA-256.
pub(super) fn initial_suite(
    provider: &CryptoProvider,
) -> Result<&StaticOrArc<CipherSuite>, CryptoError> {
    provider.cipher_suite(CipherSuiteId::TLS_AES_128_GCM_SHA256).ok_or(CryptoError)
}

pub(super) fn initial_traffic_secret(
    suite: &StaticOrArc<CipherSuite>,
    initial_secret: &Prk<'_>,
    label: &str,
) -> Result<TrafficSecret, CryptoError> {
    Ok(initial_secret.expand_traffic_secret(suite, label)?)
}
