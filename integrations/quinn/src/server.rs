//! quinn's configuration of a server.

use std::sync::Arc;

use handclasp::connection::Options;
use handclasp::handshake::Side;
use handclasp::quic::{CheckedServerConfig, InitialKeys, Version, retry_integrity_tag};
use handclasp::{Error, ErrorKind, ServerConfig};
use quinn_proto::coding::Codec as _;
use quinn_proto::transport_parameters::TransportParameters;
use quinn_proto::{ConnectionId, VarInt, crypto};

use crate::packet_keys::{Failure, check_initial_keys, initial};
use crate::session::Session;
use crate::{QuestionHandler, TokenKey};

/// A server's configuration for quinn: [`QuicServerConfig`], a random [`TokenKey`], and quinn's defaults
/// for the rest.
///
/// # Errors
/// As [`QuicServerConfig::new`], and [`ErrorKind::Crypto`] when the provider has no randomness.
pub fn server_config(config: Arc<ServerConfig>) -> Result<quinn::ServerConfig, Error> {
    let token_key = TokenKey::random(config.provider()).map_err(ErrorKind::Crypto)?;
    let config = QuicServerConfig::new(config)?;
    Ok(quinn::ServerConfig::new(Arc::new(config), Arc::new(token_key)))
}

/// The TLS of quinn's servers.
pub struct QuicServerConfig {
    tls: CheckedServerConfig,
    question_handler: Option<Arc<dyn QuestionHandler>>,
}

impl QuicServerConfig {
    /// With this configuration, which must name an application protocol (RFC 9001, section 8.1). Its
    /// provider must have `TLS_AES_128_GCM_SHA256`, which protects Initial packets.
    ///
    /// # Errors
    /// As [`CheckedServerConfig::new`], and [`ErrorKind::Crypto`](handclasp::ErrorKind::Crypto)
    /// when keys of Initial packets cannot be made.
    pub fn new(config: Arc<ServerConfig>) -> Result<Self, Error> {
        let tls = CheckedServerConfig::new(config)?;
        check_initial_keys(tls.config().provider())?;
        Ok(Self { tls, question_handler: None })
    }

    /// Answers what is answered later.
    pub fn question_handler(mut self, handler: Arc<dyn QuestionHandler>) -> Self {
        self.question_handler = Some(handler);
        self
    }
}

impl crypto::ServerConfig for QuicServerConfig {
    fn initial_keys(
        &self,
        version: u32,
        dst_cid: &ConnectionId,
    ) -> Result<crypto::Keys, crypto::UnsupportedVersion> {
        match Version::from_number(version) {
            Some(Version::V1) => {
                let provider = self.tls.config().provider();
                let keys = InitialKeys::new(provider, Version::V1, dst_cid, Side::Server);
                Ok(initial(keys, &Failure::default()))
            }
            _ => Err(crypto::UnsupportedVersion),
        }
    }

    fn retry_tag(&self, _: u32, orig_dst_cid: &ConnectionId, packet: &[u8]) -> [u8; 16] {
        let provider = self.tls.config().provider();
        let tag = retry_integrity_tag(provider, Version::V1, orig_dst_cid, packet);
        // A client ignores a Retry with a wrong tag.
        tag.unwrap_or([0; 16])
    }

    fn start_session(
        self: Arc<Self>,
        _: u32,
        params: &TransportParameters,
    ) -> Box<dyn crypto::Session> {
        let mut parameters = Vec::new();
        params.write(&mut parameters);
        let context = early_data_context(&parameters);
        let mut connection = self.tls.connection(Version::V1, parameters, Options::default());
        if let Err(error) = connection.set_early_data_context(&context) {
            connection.fail(error);
        }
        let provider = self.tls.config().provider().clone();
        Box::new(Session::new(connection, provider, self.question_handler.clone()))
    }
}

/// The transport parameters that a client remembers for its 0-RTT data (RFC 9000, section 7.4.1), in one
/// order: those that differ between connections with the same configuration are left out.
fn early_data_context(parameters: &[u8]) -> Vec<u8> {
    let mut remembered = Vec::new();
    let mut rest = parameters;
    while let Some((id, parameter, others)) = split_parameter(rest) {
        if !differs_between_connections(id) {
            remembered.push(parameter);
        }
        rest = others;
    }
    remembered.sort_unstable();
    remembered.concat()
}

/// The ID of the first parameter, all of this parameter, and the others (RFC 9000, section 18).
fn split_parameter(parameters: &[u8]) -> Option<(u64, &[u8], &[u8])> {
    let mut rest = parameters;
    let id = VarInt::decode(&mut rest).ok()?;
    let length = usize::try_from(VarInt::decode(&mut rest).ok()?.into_inner()).ok()?;
    let others = rest.get(length..)?;
    let (parameter, others) = parameters.split_at(parameters.len() - others.len());
    Some((id.into_inner(), parameter, others))
}

/// Connection IDs, tokens, and the reserved parameters, which quinn makes at random (RFC 9000, sections
/// 18.1 and 18.2).
fn differs_between_connections(id: u64) -> bool {
    const ORIGINAL_DESTINATION_CONNECTION_ID: u64 = 0x00;
    const STATELESS_RESET_TOKEN: u64 = 0x02;
    const PREFERRED_ADDRESS: u64 = 0x0d;
    const INITIAL_SOURCE_CONNECTION_ID: u64 = 0x0f;
    const RETRY_SOURCE_CONNECTION_ID: u64 = 0x10;
    match id {
        ORIGINAL_DESTINATION_CONNECTION_ID
        | STATELESS_RESET_TOKEN
        | PREFERRED_ADDRESS
        | INITIAL_SOURCE_CONNECTION_ID
        | RETRY_SOURCE_CONNECTION_ID => true,
        other => other % 31 == 27,
    }
}
