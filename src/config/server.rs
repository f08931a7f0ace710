use core::fmt;
use std::sync::Arc;

use super::{ConfigError, ExtensionLayout, Limits, MAX_RECORD_SIZE_LIMIT, check};
use crate::cookie::CookieProtector;
use crate::credential::{
    CertificateCompression, CertificateList, CertificateResolver, CertifiedKey, Compressors,
};
use crate::crypto::CryptoProvider;
use crate::crypto::ring::sha256;
use crate::key_log::KeyLog;
use crate::psk::PskResolver;
use crate::record::PaddingPolicy;
use crate::session::{AcceptFresh, AntiReplay, EarlyDataPolicy, MAX_LIFETIME, SessionStore};
use crate::verify::ClientAuthentication;
use crate::wire::codec::{Prefix, write_bytes};
use crate::wire::write_names;

/// The configuration of a server: built once, shared by all its connections.
#[derive(Clone)]
pub struct ServerConfig {
    pub(crate) provider: CryptoProvider,
    pub(crate) resolver: Arc<dyn CertificateResolver>,
    pub(crate) application_protocols: Vec<Vec<u8>>,
    pub(crate) psks: Option<Arc<dyn PskResolver>>,
    pub(crate) sessions: Option<Arc<dyn SessionStore>>,
    pub(crate) tickets: u8,
    pub(crate) ticket_lifetime: u32,
    pub(crate) session_context: Vec<u8>,
    /// The most bytes of 0-RTT data that are taken, and what sees to it that none are taken twice.
    pub(crate) early_data: Option<(u32, Arc<dyn AntiReplay>)>,
    pub(crate) early_data_policy: Arc<dyn EarlyDataPolicy>,
    pub(crate) early_data_window: u32,
    pub(crate) psk_without_key_exchange: bool,
    pub(crate) client_authentication: Option<Arc<ClientAuthentication>>,
    pub(crate) cookies: Option<Arc<dyn CookieProtector>>,
    pub(crate) always_retry: bool,
    pub(crate) layout: Option<ExtensionLayout>,
    pub(crate) record_size_limit: Option<u16>,
    pub(crate) record_padding: Option<PaddingPolicy>,
    pub(crate) compressors: Compressors,
    pub(crate) key_log: Option<Arc<dyn KeyLog>>,
    pub(crate) limits: Limits,
}

impl ServerConfig {
    /// A server with the default provider and one certificate.
    pub fn new(key: CertifiedKey) -> Result<Self, ConfigError> {
        let list = CertificateList::new(vec![Arc::new(key)]);
        Self::builder(CryptoProvider::ring()).build(Arc::new(list))
    }

    /// The digest of the rules that a session is made under, and must be resumed under.
    pub(crate) fn session_policy(&self, server_name: Option<&str>) -> [u8; 32] {
        let mut rules = Vec::with_capacity(256);
        write_bytes(&mut rules, Prefix::U24, &self.session_context);
        write_names(&mut rules, Prefix::U8, &self.application_protocols);
        rules.push(u8::from(self.client_authentication.is_some()));
        if let Some(policy) = &self.client_authentication {
            policy.describe(&mut rules);
        }
        let name = server_name.map_or(&[][..], str::as_bytes);
        write_bytes(&mut rules, Prefix::U24, name);
        sha256(&rules)
    }

    /// Starts a configuration on this provider.
    pub fn builder(provider: CryptoProvider) -> ServerConfigBuilder {
        ServerConfigBuilder(Self {
            provider,
            resolver: Arc::new(CertificateList::new(Vec::new())),
            application_protocols: Vec::new(),
            psks: None,
            sessions: None,
            tickets: 2,
            ticket_lifetime: 24 * 60 * 60,
            session_context: Vec::new(),
            early_data: None,
            early_data_policy: Arc::new(AcceptFresh),
            early_data_window: 10,
            psk_without_key_exchange: false,
            client_authentication: None,
            cookies: None,
            always_retry: false,
            layout: None,
            record_size_limit: Some(MAX_RECORD_SIZE_LIMIT),
            record_padding: None,
            compressors: Compressors::default(),
            key_log: None,
            limits: Limits::DEFAULT,
        })
    }
}

impl fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerConfig")
            .field("provider", &self.provider)
            .field("resolver", &self.resolver)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Builds a [`ServerConfig`].
#[derive(Debug)]
pub struct ServerConfigBuilder(ServerConfig);

impl ServerConfigBuilder {
    /// The application protocols that the server speaks, the preferred one first (RFC 7301). A
    /// client that offers others only is refused; one that offers none is served.
    pub fn application_protocols<P: Into<Vec<u8>>>(
        mut self,
        protocols: impl IntoIterator<Item = P>,
    ) -> Self {
        self.0.application_protocols = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// Takes pre-shared keys, with a fresh key exchange (psk_dhe_ke) unless
    /// [`psk_without_key_exchange`](Self::psk_without_key_exchange) allows to do without; clients
    /// without a key are served with a certificate.
    pub fn pre_shared_keys(mut self, resolver: Arc<dyn PskResolver>) -> Self {
        self.0.psks = Some(resolver);
        self
    }

    /// Sends tickets, and resumes with them (RFC 9846, section 4.7.1):
    /// [`TicketKeys`](crate::session::TicketKeys) or
    /// [`MemorySessions`](crate::session::MemorySessions). No tickets by default.
    ///
    /// A session ends with what it was made under: where the server name, the application
    /// protocols of this configuration, what it asks of clients or its
    /// [`session_context`](Self::session_context) are others, or the suite has another hash, there
    /// is a full handshake. What the client has proved itself with is asked about again: its
    /// certificates or public key, of the verifier, and a pre-shared key, of the resolver. See
    /// [`crate::session`].
    pub fn sessions(mut self, store: Arc<dyn SessionStore>) -> Self {
        self.0.sessions = Some(store);
        self
    }

    /// How many tickets a client gets: 2 by default, 16 at most. A client that asks for fewer gets
    /// fewer (RFC 9149).
    pub fn tickets(mut self, count: u8) -> Self {
        self.0.tickets = count;
        self
    }

    /// How long a ticket is good for, in seconds: a day by default, 604800 at most.
    pub fn ticket_lifetime(mut self, seconds: u32) -> Self {
        self.0.ticket_lifetime = seconds;
        self
    }

    /// Names what sessions belong to beside what the library knows of: a virtual host, a rule of
    /// the application's. Sessions of another context are not resumed.
    pub fn session_context(mut self, context: impl Into<Vec<u8>>) -> Self {
        self.0.session_context = context.into();
        self
    }

    /// Accepts up to `max_size` bytes of 0-RTT data on a connection. `anti_replay` sees to it that
    /// none are taken twice. A [`StrikeRegister`](crate::session::StrikeRegister) takes data under the
    /// tickets that were sent with it; a register of your own may serve several servers with the same
    /// ticket keys. None by default.
    pub fn early_data(mut self, max_size: u32, anti_replay: Arc<dyn AntiReplay>) -> Self {
        self.0.early_data = Some((max_size, anti_replay));
        self
    }

    /// Who says whether 0-RTT data may be accepted, where they could be: they may, by default.
    pub fn early_data_policy(mut self, policy: Arc<dyn EarlyDataPolicy>) -> Self {
        self.0.early_data_policy = policy;
        self
    }

    /// How far the expected arrival of a ClientHello may be from the clock, in either direction, for
    /// its 0-RTT data to be accepted, in seconds: 10 by default (section 8.3). The expected arrival is
    /// the time of the ticket plus the age that the client sent. Where servers share ticket keys, the
    /// narrower window counts: this one, or that of the server that sent the ticket.
    pub fn early_data_window(mut self, seconds: u32) -> Self {
        self.0.early_data_window = seconds;
        self
    }

    /// Lets a client that wants no fresh key exchange do without (psk_ke). No by default: whoever
    /// gets the key later can then read the connection (RFC 9846, section 2.2).
    pub fn psk_without_key_exchange(mut self, allow: bool) -> Self {
        self.0.psk_without_key_exchange = allow;
        self
    }

    /// Asks clients for certificates. They are not asked by default.
    pub fn client_authentication(mut self, policy: ClientAuthentication) -> Self {
        self.0.client_authentication = Some(Arc::new(policy));
        self
    }

    /// Puts a cookie into each HelloRetryRequest. A connection that knows nothing of the first
    /// ClientHello then goes on with the second, in this process or in another one that shares
    /// the protector's key.
    pub fn cookies(mut self, cookies: Arc<dyn CookieProtector>) -> Self {
        self.0.cookies = Some(cookies);
        self
    }

    /// Answers every first ClientHello with a HelloRetryRequest, so that a client must have been
    /// reachable, a cookie's lifetime ago at most, before anything costly is done for it. Takes
    /// effect with [`cookies`](Self::cookies) only: a retry must change something.
    ///
    /// **It shuts clients out.** Where the client's key share fits already, the HelloRetryRequest has a
    /// cookie and asks for no other share. RFC 9846, section 4.2.4, allows that, but clients with
    /// GnuTLS (3.7.9 was tried) end the handshake there with an illegal_parameter alert. Without this,
    /// a retry has a cookie only where it asks for another share as well, which GnuTLS takes.
    pub fn always_retry(mut self, always: bool) -> Self {
        self.0.always_retry = always;
        self
    }

    /// Shapes EncryptedExtensions.
    pub fn encrypted_extensions_layout(mut self, layout: ExtensionLayout) -> Self {
        self.0.layout = Some(layout);
        self
    }

    /// The most that a protected record from the peer may have in it, in bytes of content, type and
    /// padding (RFC 8449): 64 to 16385, by default 16385, which is no limit but lets the peer say
    /// its own. With `None` neither side limits records. Each record costs 22 bytes, and not every
    /// peer takes a limit below 512.
    pub fn record_size_limit(mut self, limit: Option<u16>) -> Self {
        self.0.record_size_limit = limit;
        self
    }

    /// Pads protected records: see [`PaddingPolicy`]. They are not padded by default.
    pub fn record_padding(mut self, policy: PaddingPolicy) -> Self {
        self.0.record_padding = Some(policy);
        self
    }

    /// Compresses certificates with the first of these algorithms that the client takes (RFC 8879).
    /// None by default. What was compressed is kept with the [`CertifiedKey`](crate::credential::CertifiedKey):
    /// a resolver that makes its keys anew for each connection has each compressed anew.
    pub fn certificate_compression(
        mut self,
        algorithms: Vec<Arc<dyn CertificateCompression>>,
    ) -> Self {
        self.0.compressors = Compressors::new(algorithms);
        self
    }

    /// Writes the connection's secrets to a log, for tools that decrypt captured traffic.
    pub fn key_log(mut self, log: Arc<dyn KeyLog>) -> Self {
        self.0.key_log = Some(log);
        self
    }

    /// Limits other than the default.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.0.limits = limits;
        self
    }

    /// Checks and finishes the configuration; `resolver` chooses the certificate for each client.
    ///
    /// # Errors
    /// When the provider lacks something, a protocol name is impossible, what clients are asked for
    /// does not fit into a message, or a layout sets what it must not.
    pub fn build(
        self,
        resolver: Arc<dyn CertificateResolver>,
    ) -> Result<ServerConfig, ConfigError> {
        let mut config = ServerConfig { resolver, ..self.0 };
        if config.tickets > 16 || !(1..=MAX_LIFETIME).contains(&config.ticket_lifetime) {
            return Err(ConfigError::Tickets);
        }
        if let Some((max_size, _)) = config.early_data {
            // What a ticket allows must be passed over where it is not taken (section 4.3.10).
            let allowed = usize::try_from(max_size).unwrap_or(usize::MAX);
            let skipped = &mut config.limits.early_data_skipped;
            *skipped = allowed.max(*skipped);
        }
        if let Some(policy) = config.client_authentication.take() {
            let policy = Arc::unwrap_or_clone(policy).prepare(&config.provider)?;
            config.client_authentication = Some(Arc::new(policy));
        }
        let layout = config.layout.as_ref();
        let protocols = &config.application_protocols;
        check(&config.provider, protocols, config.record_size_limit, layout)?;
        Ok(config)
    }
}
