//! quinn's configuration of a client.

use std::sync::Arc;

use handclasp::connection::Options;
use handclasp::pki_types::ServerName;
use handclasp::quic::{CheckedClientConfig, Version};
use handclasp::{ClientConfig, Error};
use quinn_proto::transport_parameters::TransportParameters;
use quinn_proto::{ConnectError, crypto};

use crate::QuestionHandler;
use crate::packet_keys::check_initial_keys;
use crate::session::Session;

/// A client's configuration for quinn: [`QuicClientConfig`] with quinn's defaults for the rest.
///
/// # Errors
/// As [`QuicClientConfig::new`].
pub fn client_config(config: Arc<ClientConfig>) -> Result<quinn::ClientConfig, Error> {
    Ok(quinn::ClientConfig::new(Arc::new(QuicClientConfig::new(config)?)))
}

/// The TLS of quinn's clients.
///
/// If a handshake cannot begin, for example because a key is missing that
/// [`CertWithExternPsk::Required`](handclasp::psk::CertWithExternPsk) needs,
/// [`connect`](quinn::Endpoint::connect) returns
/// [`InvalidServerName`](quinn::ConnectError::InvalidServerName), whose text has the reason: quinn has no
/// error of its own for that.
pub struct QuicClientConfig {
    tls: CheckedClientConfig,
    question_handler: Option<Arc<dyn QuestionHandler>>,
}

impl QuicClientConfig {
    /// With this configuration, which must name an application protocol (RFC 9001, section 8.1). Its
    /// provider must have `TLS_AES_128_GCM_SHA256`, which protects Initial packets.
    ///
    /// # Errors
    /// As [`CheckedClientConfig::new`], and [`ErrorKind::Crypto`](handclasp::ErrorKind::Crypto)
    /// when keys of Initial packets cannot be made.
    pub fn new(config: Arc<ClientConfig>) -> Result<Self, Error> {
        let tls = CheckedClientConfig::new(config)?;
        check_initial_keys(tls.config().provider())?;
        Ok(Self { tls, question_handler: None })
    }

    /// Answers what is answered later.
    pub fn question_handler(mut self, handler: Arc<dyn QuestionHandler>) -> Self {
        self.question_handler = Some(handler);
        self
    }
}

impl crypto::ClientConfig for QuicClientConfig {
    fn start_session(
        self: Arc<Self>,
        version: u32,
        server_name: &str,
        params: &TransportParameters,
    ) -> Result<Box<dyn crypto::Session>, ConnectError> {
        let version = Version::from_number(version).filter(|version| *version == Version::V1);
        let version = version.ok_or(ConnectError::UnsupportedVersion)?;
        let invalid = || ConnectError::InvalidServerName(server_name.into());
        let name = ServerName::try_from(server_name).map_err(|_| invalid())?.to_owned();
        let mut parameters = Vec::new();
        params.write(&mut parameters);
        let connection = self.tls.connection(version, name, parameters, Options::default());
        let provider = self.tls.config().provider().clone();
        let mut session = Session::new(connection, provider, self.question_handler.clone());
        session.begin().map_err(|error| cannot_begin(server_name, &error))?;
        Ok(Box::new(session))
    }
}

/// No other error of quinn's has a text.
fn cannot_begin(server_name: &str, error: &Error) -> ConnectError {
    let reason = format!("{server_name} (the handshake cannot begin: {error})");
    ConnectError::InvalidServerName(reason)
}
