use core::fmt;
use std::sync::Arc;

use super::{
    ConfigError, ExtensionLayout, Limits, PeerVerifier, PreSharedKey, TicketReceiver,
    TrustAnchorVerifier, check_protocols,
};
use crate::certificate::TrustAnchors;
use crate::crypto::CryptoProvider;
use crate::observer::KeyLog;

/// The configuration of a client: built once, shared by all its connections.
#[derive(Clone)]
pub struct ClientConfig {
    pub(crate) provider: CryptoProvider,
    pub(crate) verifier: Arc<dyn PeerVerifier>,
    pub(crate) application_protocols: Vec<Vec<u8>>,
    pub(crate) send_server_name: bool,
    pub(crate) middlebox_compatibility: bool,
    pub(crate) layout: Option<ExtensionLayout>,
    pub(crate) pre_shared_keys: Vec<PreSharedKey>,
    pub(crate) tickets: Option<Arc<dyn TicketReceiver>>,
    pub(crate) key_log: Option<Arc<dyn KeyLog>>,
    pub(crate) limits: Limits,
}

impl ClientConfig {
    /// A client with the default provider that trusts servers whose certificates lead to one of
    /// `anchors`.
    ///
    /// # Errors
    /// When there are no anchors: such a client could connect to nothing.
    pub fn new(anchors: TrustAnchors) -> Result<Self, ConfigError> {
        Self::builder(CryptoProvider::ring()).trust(anchors)?.build()
    }

    /// Starts a configuration on this provider.
    pub fn builder(provider: CryptoProvider) -> ClientConfigBuilder<()> {
        ClientConfigBuilder {
            verifier: (),
            provider,
            application_protocols: Vec::new(),
            send_server_name: true,
            middlebox_compatibility: true,
            layout: None,
            pre_shared_keys: Vec::new(),
            tickets: None,
            key_log: None,
            limits: Limits::DEFAULT,
        }
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig")
            .field("provider", &self.provider)
            .field("verifier", &self.verifier)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Builds a [`ClientConfig`]. It can be finished once it is known who judges servers.
pub struct ClientConfigBuilder<V> {
    verifier: V,
    provider: CryptoProvider,
    application_protocols: Vec<Vec<u8>>,
    send_server_name: bool,
    middlebox_compatibility: bool,
    layout: Option<ExtensionLayout>,
    pre_shared_keys: Vec<PreSharedKey>,
    tickets: Option<Arc<dyn TicketReceiver>>,
    key_log: Option<Arc<dyn KeyLog>>,
    limits: Limits,
}

impl ClientConfigBuilder<()> {
    /// Trusts servers whose certificates lead to one of these anchors: the usual way.
    pub fn trust(
        self,
        anchors: TrustAnchors,
    ) -> Result<ClientConfigBuilder<Arc<dyn PeerVerifier>>, ConfigError> {
        if anchors.is_empty() {
            return Err(ConfigError::NoTrustAnchors);
        }
        let verifier = TrustAnchorVerifier::new(anchors, self.provider.signatures.clone());
        Ok(self.verifier(Arc::new(verifier)))
    }

    /// Lets `verifier` judge servers, and takes the default validation out.
    pub fn verifier(
        self,
        verifier: Arc<dyn PeerVerifier>,
    ) -> ClientConfigBuilder<Arc<dyn PeerVerifier>> {
        ClientConfigBuilder {
            verifier,
            provider: self.provider,
            application_protocols: self.application_protocols,
            send_server_name: self.send_server_name,
            middlebox_compatibility: self.middlebox_compatibility,
            layout: self.layout,
            pre_shared_keys: self.pre_shared_keys,
            tickets: self.tickets,
            key_log: self.key_log,
            limits: self.limits,
        }
    }
}

impl<V> ClientConfigBuilder<V> {
    /// The application protocols to offer, the preferred one first (RFC 7301). None by default.
    pub fn application_protocols<P: Into<Vec<u8>>>(
        mut self,
        protocols: impl IntoIterator<Item = P>,
    ) -> Self {
        self.application_protocols = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// Should the server's DNS name be sent? Yes by default. An IP address never is.
    pub fn send_server_name(mut self, send: bool) -> Self {
        self.send_server_name = send;
        self
    }

    /// Should the handshake look like TLS 1.2 to middleboxes (appendix E.4)? Yes by default.
    pub fn middlebox_compatibility(mut self, compatible: bool) -> Self {
        self.middlebox_compatibility = compatible;
        self
    }

    /// Shapes the ClientHello.
    pub fn client_hello_layout(mut self, layout: ExtensionLayout) -> Self {
        self.layout = Some(layout);
        self
    }

    /// Offers these keys, the preferred one first. A server that takes one is authenticated by
    /// having it; another one must prove its name by a certificate as ever.
    pub fn pre_shared_keys(mut self, keys: Vec<PreSharedKey>) -> Self {
        self.pre_shared_keys = keys;
        self
    }

    /// Who takes the server's tickets. They are ignored by default.
    pub fn ticket_receiver(mut self, receiver: Arc<dyn TicketReceiver>) -> Self {
        self.tickets = Some(receiver);
        self
    }

    /// Writes the connection's secrets to a log, for tools that decrypt captured traffic.
    pub fn key_log(mut self, log: Arc<dyn KeyLog>) -> Self {
        self.key_log = Some(log);
        self
    }

    /// Limits other than the default.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

impl ClientConfigBuilder<Arc<dyn PeerVerifier>> {
    /// Checks and finishes the configuration.
    ///
    /// # Errors
    /// When the provider lacks something, a protocol name is impossible, or the layout sets what
    /// it must not.
    pub fn build(self) -> Result<ClientConfig, ConfigError> {
        check_provider(&self.provider)?;
        check_protocols(&self.application_protocols)?;
        if self.pre_shared_keys.len() > MAX_PRE_SHARED_KEYS {
            return Err(ConfigError::PreSharedKey);
        }
        if let Some(layout) = &self.layout {
            layout.check()?;
        }
        Ok(ClientConfig {
            provider: self.provider,
            verifier: self.verifier,
            application_protocols: self.application_protocols,
            send_server_name: self.send_server_name,
            middlebox_compatibility: self.middlebox_compatibility,
            layout: self.layout,
            pre_shared_keys: self.pre_shared_keys,
            tickets: self.tickets,
            key_log: self.key_log,
            limits: self.limits,
        })
    }
}

/// More identities than this fit no sensible ClientHello.
const MAX_PRE_SHARED_KEYS: usize = 16;

fn check_provider(provider: &CryptoProvider) -> Result<(), ConfigError> {
    if provider.cipher_suites.is_empty() {
        return Err(ConfigError::Empty("cipher suites"));
    }
    if provider.groups.is_empty() {
        return Err(ConfigError::Empty("key exchange groups"));
    }
    if !provider.signatures.schemes().any(|scheme| scheme.signs_handshakes()) {
        return Err(ConfigError::Empty("signature schemes"));
    }
    Ok(())
}
