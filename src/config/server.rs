use core::fmt;
use std::sync::Arc;

use pki_types::{CertificateDer, PrivateKeyDer};

use super::common::common_options;
use super::{CommonConfig, ConfigError, ConfigResolver, ExtensionLayout, Limits};
use crate::certificate::{Profile, TrustAnchors};
use crate::cookie::CookieProtector;
use crate::credential::{
    CertificateCompression, CertificateList, CertificateResolver, CertifiedKey, Compressors,
};
use crate::crypto::{CryptoProvider, provider_fault};
use crate::error::circumstances::OwnOffer;
use crate::key_log::KeyLog;
use crate::observer::Observer;
use crate::psk::{CertWithExternPsk, PskResolver};
use crate::record::PaddingPolicy;
use crate::session::{
    AcceptFresh, AntiReplay, EarlyDataPolicy, MAX_LIFETIME, RULES_DIGEST_LENGTH, SessionStore, Zone,
};
use crate::side::Side;
use crate::verify::{ClientAuthentication, ClientCertificatePolicy, TrustAnchorVerifier};
use crate::wire::codec::{Prefix, write_bytes};
use crate::wire::{ExtensionMessage, write_names};

/// The most tickets that a server sends on a connection.
const MAX_TICKETS: u8 = 16;

/// The configuration of a server. It is built once and shared by all connections of the server.
///
/// ```
/// # use std::sync::Arc;
/// # use handclasp::credential::CertificateList;
/// # use handclasp::{CertifiedKey, CryptoProvider, ServerConfig};
/// # fn example(first: CertifiedKey, second: CertifiedKey) -> Result<(), Box<dyn std::error::Error>> {
/// let list = CertificateList::new(vec![Arc::new(first), Arc::new(second)]);
/// let config = ServerConfig::builder(CryptoProvider::default())
///     .application_protocols(["h2", "http/1.1"])
///     .build(Arc::new(list))?;
/// let config = Arc::new(config);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ServerConfig {
    /// Shared with the connections.
    pub(crate) common: Arc<CommonConfig>,
    pub(crate) resolver: Arc<dyn CertificateResolver>,
    /// `None` if this configuration is for all clients.
    pub(crate) config_resolver: Option<Arc<dyn ConfigResolver>>,
    pub(crate) psks: Option<Arc<dyn PskResolver>>,
    pub(crate) cert_with_extern_psk: CertWithExternPsk,
    pub(crate) sessions: Option<Arc<dyn SessionStore>>,
    pub(crate) tickets: u8,
    /// In seconds.
    pub(crate) ticket_lifetime: u32,
    pub(crate) session_context: Vec<u8>,
    /// `None` if the server accepts no 0-RTT data.
    pub(crate) early_data: Option<EarlyDataConfig>,
    pub(crate) early_data_policy: Arc<dyn EarlyDataPolicy>,
    /// In seconds.
    pub(crate) early_data_window: u32,
    pub(crate) client_authentication: Option<Arc<ClientCertificatePolicy>>,
    pub(crate) cookies: Option<Arc<dyn CookieProtector>>,
    pub(crate) always_retry: bool,
    pub(crate) retry_for_preferred_group: bool,
}

/// How much 0-RTT data a server accepts, and what prevents that it accepts them twice.
#[derive(Clone)]
pub(crate) struct EarlyDataConfig {
    /// The most bytes on a connection.
    pub(crate) max_size: u32,
    pub(crate) anti_replay: Arc<dyn AntiReplay>,
}

impl ServerConfig {
    /// A server with the default provider and one certificate.
    ///
    /// # Errors
    /// None with the options that this has: they are those of [`ServerConfigBuilder::build`].
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn new(key: CertifiedKey) -> Result<Self, ConfigError> {
        let list = CertificateList::new(vec![Arc::new(key)]);
        Self::builder(CryptoProvider::default()).build(Arc::new(list))
    }

    /// The crypto provider.
    pub fn provider(&self) -> &CryptoProvider {
        &self.common.provider
    }

    /// Starts a configuration with this provider.
    pub fn builder(provider: CryptoProvider) -> ServerConfigBuilder {
        ServerConfigBuilder {
            client_authentication: None,
            config: Self {
                common: Arc::new(CommonConfig::new(provider)),
                resolver: Arc::new(CertificateList::new(Vec::new())),
                config_resolver: None,
                psks: None,
                cert_with_extern_psk: CertWithExternPsk::Disabled,
                sessions: None,
                tickets: 2,
                ticket_lifetime: 24 * 60 * 60,
                session_context: Vec::new(),
                early_data: None,
                early_data_policy: Arc::new(AcceptFresh),
                early_data_window: 10,
                client_authentication: None,
                cookies: None,
                always_retry: false,
                retry_for_preferred_group: false,
            },
        }
    }

    /// The zone of the register that recognizes ClientHellos with 0-RTT data.
    pub(crate) fn anti_replay_zone(&self) -> Option<Zone> {
        self.early_data.as_ref()?.anti_replay.zone()
    }

    /// The digest of the rules for a session. The server resumes a session only under the rules of
    /// the handshake that created it.
    pub(crate) fn session_rules_digest(
        &self,
        server_name: Option<&str>,
    ) -> [u8; RULES_DIGEST_LENGTH] {
        let mut rules = Vec::with_capacity(256);
        write_bytes(&mut rules, Prefix::U24, &self.session_context);
        write_names(&mut rules, Prefix::U8, &self.common.application_protocols);
        rules.push(u8::from(self.client_authentication.is_some()));
        if let Some(policy) = &self.client_authentication {
            policy.write_session_rules(&mut rules);
        }
        let name = server_name.unwrap_or_default();
        write_bytes(&mut rules, Prefix::U24, name.as_bytes());
        let digest = provider_fault::sha256(&*self.common.provider.sha256, &rules);
        let mut beginning = [0; RULES_DIGEST_LENGTH];
        for (place, byte) in beginning.iter_mut().zip(digest) {
            *place = byte;
        }
        beginning
    }
}

impl fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerConfig")
            .field("provider", &self.common.provider)
            .field("resolver", &self.resolver)
            .field("limits", &self.common.limits)
            .finish_non_exhaustive()
    }
}

/// Builds a [`ServerConfig`].
#[derive(Debug)]
pub struct ServerConfigBuilder {
    config: ServerConfig,
    client_authentication: Option<ClientAuthentication>,
}

impl ServerConfigBuilder {
    /// Accepts pre-shared keys that `resolver` knows. A client that offers none of them is served with
    /// a certificate.
    ///
    /// The handshake has a fresh key exchange (psk_dhe_ke), unless the client wants none and
    /// [`psk_without_key_exchange`](Self::psk_without_key_exchange) allows that.
    pub fn pre_shared_keys(mut self, resolver: Arc<dyn PskResolver>) -> Self {
        self.config.psks = Some(resolver);
        self
    }

    /// Whether the server uses an external key together with certificates, if the client offers that (RFC
    /// 9973). No by default: then the server uses the key alone.
    ///
    /// The certificates authenticate, and the key goes into the key schedule: see
    /// [`CertWithExternPsk`]. The server sends no tickets on such a connection.
    ///
    /// With [`CertWithExternPsk::Optional`], a client that leaves out the extension is authenticated by the
    /// key alone, also where [`client_authentication`](Self::client_authentication) demands a
    /// certificate. Use [`CertWithExternPsk::Required`] if both are demanded, and always if more than two
    /// parties know the key. A [`PskResolver`] can also give a key only to a ClientHello with
    /// [`cert_with_extern_psk`](crate::wire::ClientExtensions::cert_with_extern_psk), and serve all
    /// other clients with certificates.
    pub fn cert_with_extern_psk(mut self, policy: CertWithExternPsk) -> Self {
        self.config.cert_with_extern_psk = policy;
        self
    }

    /// Sends tickets, and resumes sessions with them (RFC 9846, section 4.7.1). The store is
    /// [`TicketKeys`](crate::session::TicketKeys),
    /// [`MemorySessions`](crate::session::MemorySessions), or one of your own. By default the server
    /// sends no tickets.
    ///
    /// The server resumes a session only under the rules of the handshake that created it. There is a
    /// full handshake if one of these is different: the server name, the application protocols of
    /// the configuration, the rules for client certificates, or the
    /// [`session_context`](Self::session_context). And there is one if both sides have no suite with the
    /// hash of the session's, or a HelloRetryRequest has settled another.
    ///
    /// The server also checks again how the client was authenticated: it asks the verifier about
    /// certificates and public keys, and the resolver about a pre-shared key. See
    /// [`crate::session`].
    pub fn sessions(mut self, store: Arc<dyn SessionStore>) -> Self {
        self.config.sessions = Some(store);
        self
    }

    /// How many tickets the server sends after a full handshake: 2 by default, 16 at most. After a resumption it
    /// sends one, in the place of the ticket that the client has used, so that a client does not collect more
    /// tickets with each connection.
    ///
    /// A client may request numbers for both cases (RFC 9149). It gets them, but not more than `count`.
    pub fn tickets(mut self, count: u8) -> Self {
        self.config.tickets = count;
        self
    }

    /// How long a ticket can be used, in seconds: 86400 (a day) by default, 604800 (seven days) at
    /// most.
    pub fn ticket_lifetime(mut self, seconds: u32) -> Self {
        self.config.ticket_lifetime = seconds;
        self
    }

    /// Names what sessions belong to, beside what the library knows: a virtual host, for example, or
    /// a rule of the application. The server does not resume a session of another context.
    pub fn session_context(mut self, context: impl Into<Vec<u8>>) -> Self {
        self.config.session_context = context.into();
        self
    }

    /// Accepts up to `max_size` bytes of 0-RTT data on a connection. By default the server accepts
    /// none.
    ///
    /// `anti_replay` recognizes a ClientHello that was seen before. A
    /// [`StrikeRegister`](crate::session::StrikeRegister) accepts data only under tickets that were
    /// sent with it. A register of your own can serve several servers with the same ticket keys, and
    /// answer later: see [`AntiReplay`].
    ///
    /// This raises [`Limits::early_data_skipped`] to `max_size` if it is lower.
    pub fn early_data(mut self, max_size: u32, anti_replay: Arc<dyn AntiReplay>) -> Self {
        self.config.early_data = Some(EarlyDataConfig { max_size, anti_replay });
        self
    }

    /// Decides whether to accept 0-RTT data that are acceptable otherwise. By default they are
    /// accepted.
    pub fn early_data_policy(mut self, policy: Arc<dyn EarlyDataPolicy>) -> Self {
        self.config.early_data_policy = policy;
        self
    }

    /// How far the expected arrival time of a ClientHello may be from the clock, in either direction,
    /// for its 0-RTT data to be accepted, in seconds: 10 by default (RFC 9846, section 8.3).
    ///
    /// The expected arrival time is the time of the ticket plus the age that the client sent. If
    /// servers share ticket keys, the narrower window counts: this one, or that of the server that
    /// sent the ticket.
    pub fn early_data_window(mut self, seconds: u32) -> Self {
        self.config.early_data_window = seconds;
        self
    }

    /// Requests certificates from clients. By default the server requests none.
    pub fn client_authentication(mut self, policy: ClientAuthentication) -> Self {
        self.client_authentication = Some(policy);
        self
    }

    /// Requires a certificate from each client, with a path to one of these anchors by the rules of
    /// this profile. The request names the anchors, so that clients can choose. For other policies
    /// there is [`client_authentication`](Self::client_authentication).
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use handclasp::certificate::Profile;
    /// # use handclasp::credential::CertificateList;
    /// # use handclasp::{CertifiedKey, CryptoProvider, ServerConfig, TrustAnchors};
    /// # fn example(key: CertifiedKey, anchors: TrustAnchors) -> Result<(), Box<dyn std::error::Error>> {
    /// let config = ServerConfig::builder(CryptoProvider::default())
    ///     .require_client_certificates(anchors, Profile::Strict)?
    ///     .build(Arc::new(CertificateList::new(vec![Arc::new(key)])))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ConfigError::NoTrustAnchors`] if there are no anchors.
    pub fn require_client_certificates(
        self,
        anchors: TrustAnchors,
        profile: Profile,
    ) -> Result<Self, ConfigError> {
        if anchors.is_empty() {
            return Err(ConfigError::NoTrustAnchors);
        }
        let names = anchors.subjects();
        let signatures = self.config.common.provider.signatures.clone();
        let verifier = TrustAnchorVerifier::for_clients(anchors, signatures).with_profile(profile);
        let policy = ClientAuthentication::required(Arc::new(verifier)).authorities(names);
        Ok(self.client_authentication(policy))
    }

    /// Puts a cookie into each HelloRetryRequest. A connection that has not seen the first
    /// ClientHello can then continue with the second one, in this process or in another one that
    /// shares the protector's key.
    pub fn cookies(mut self, cookies: Arc<dyn CookieProtector>) -> Self {
        self.config.cookies = Some(cookies);
        self
    }

    /// Answers every first ClientHello with a HelloRetryRequest, unless a pre-shared key is used without a
    /// key exchange. The server exchanges keys, looks for a session and signs only for a client that sends
    /// the cookie back. This needs [`cookies`](Self::cookies), because a HelloRetryRequest must change
    /// something; without them it has no effect.
    ///
    /// The cookie does not know the client's address, and can be used any number of times while it is
    /// valid (30 seconds with [`HmacCookies::random`](crate::cookie::HmacCookies::random)). So it proves that
    /// a HelloRetryRequest of this server was received, and not that this client can be reached: over TCP the
    /// transport has shown that already. An attacker needs a round trip for each cookie, and not for each
    /// handshake. A [`CookieProtector`] of your own can bind the cookie to the address.
    ///
    /// **Some clients cannot connect then.** If the client's key share fits already, the
    /// HelloRetryRequest has a cookie and requests no other share. RFC 9846, section 4.2.4, allows
    /// that, but clients with GnuTLS (3.7.9 was tested) end the handshake with an illegal_parameter
    /// alert. Without this option, a HelloRetryRequest has a cookie only if it also requests another
    /// share, which GnuTLS accepts.
    pub fn always_retry(mut self, always: bool) -> Self {
        self.config.always_retry = always;
        self
    }

    /// Whether the server asks for a share of the first of its groups that the client offers, with a
    /// HelloRetryRequest, if the client has sent shares for other groups only. No by default: the server
    /// takes the first of its groups that has a share, and saves the round trip. With this option it
    /// uses a hybrid group with every client that has one.
    pub fn retry_for_preferred_group(mut self, retry: bool) -> Self {
        self.config.retry_for_preferred_group = retry;
        self
    }

    /// Chooses another configuration for a connection when its ClientHello is there: for virtual hosts whose
    /// options differ in more than the certificate, such as client certificates or application protocols.
    /// Everything of the configuration that is chosen applies, its
    /// [`limits`](Self::limits) and its key log too.
    ///
    /// Before the choice, this configuration counts: its [`Limits::handshake_message`] is the longest
    /// ClientHello. After a HelloRetryRequest the choice stays. If the second ClientHello comes to another
    /// connection, with a [cookie](Self::cookies), there is a choice for it.
    ///
    /// **The name in the request of the application protocol may be another one.** A client can request
    /// `public.example.org` here, where no certificate is asked for, and then send an HTTP request with the host
    /// `admin.example.org`. Compare the two, and refuse such a request: with 421 (Misdirected Request) in HTTP
    /// (RFC 9110, section 7.4). The middleware `misdirected` of `handclasp-hyper` does it.
    ///
    /// A session is resumed under another configuration only if both have the same ticket keys or store, and
    /// the same rules: see [`sessions`](Self::sessions). Virtual hosts that must not share sessions have
    /// ticket keys or a [`session_context`](Self::session_context) of their own.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use handclasp::ServerConfig;
    /// use handclasp::config::{ConfigChoice, ServerConfigBuilder};
    /// use handclasp::wire::ClientHello;
    ///
    /// fn with_admin(builder: ServerConfigBuilder, admin: Arc<ServerConfig>) -> ServerConfigBuilder {
    ///     builder.config_resolver(Arc::new(move |hello: &ClientHello<'_>| {
    ///         if hello.dns_name().as_deref() == Some("admin.example.org") {
    ///             ConfigChoice::Use(admin.clone())
    ///         } else {
    ///             ConfigChoice::Keep
    ///         }
    ///     }))
    /// }
    /// ```
    pub fn config_resolver(mut self, resolver: Arc<dyn ConfigResolver>) -> Self {
        self.config.config_resolver = Some(resolver);
        self
    }

    /// Sets the order of the extensions in EncryptedExtensions, and adds extensions.
    pub fn encrypted_extensions_layout(mut self, layout: ExtensionLayout) -> Self {
        self.common_mut().layout = Some(layout);
        self
    }

    /// Checks the options and makes the configuration. `resolver` chooses the certificate for each
    /// client. A ticket lives at most seven days (section 4.7.1).
    ///
    /// # Errors
    /// - [`ConfigError::Empty`] or [`ConfigError::GroupTwice`] if the provider lacks something, or has
    ///   a group twice.
    /// - [`ConfigError::CertificateRequest`] if the request for client certificates does not fit into
    ///   a message.
    /// - The error of an option that is out of its range, or of a layout that sets a reserved
    ///   extension.
    pub fn build(
        self,
        resolver: Arc<dyn CertificateResolver>,
    ) -> Result<ServerConfig, ConfigError> {
        let mut config = ServerConfig { resolver, ..self.config };
        if config.tickets > MAX_TICKETS || !(1..=MAX_LIFETIME).contains(&config.ticket_lifetime) {
            return Err(ConfigError::Tickets);
        }
        if let Some(early_data) = &config.early_data {
            // The server must skip as many bytes as a ticket allows, where it does not accept them
            // (RFC 9846, section 4.3.10).
            let allowed = usize::try_from(early_data.max_size).unwrap_or(usize::MAX);
            let limits = &mut Arc::make_mut(&mut config.common).limits;
            let skipped = &mut limits.early_data_skipped;
            *skipped = allowed.max(*skipped);
        }
        if let Some(policy) = self.client_authentication {
            let policy = policy.prepare(&config.common.provider)?;
            config.client_authentication = Some(Arc::new(policy));
        }
        config.common.check(ExtensionMessage::EncryptedExtensions)?;
        let offer = OwnOffer {
            groups: config.common.provider.groups.iter().map(|group| group.name()).collect(),
            signature_schemes: config.resolver.schemes(),
            ..config.common.common_offer()
        };
        Arc::make_mut(&mut config.common).own_offer = Arc::new(offer);
        Ok(config)
    }

    /// The same with one certificate, whose private key the provider of this configuration loads:
    /// PKCS#8, SEC1 or PKCS#1.
    ///
    /// # Errors
    /// Those of [`build`](Self::build), and of
    /// [`CertifiedKey::from_der_with_provider`].
    pub fn build_with_certificate(
        self,
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'_>,
    ) -> Result<ServerConfig, ConfigError> {
        let provider = &self.config.common.provider;
        let key = CertifiedKey::from_der_with_provider(chain, key, provider)?;
        self.build(Arc::new(CertificateList::new(vec![Arc::new(key)])))
    }
}

common_options!(ServerConfigBuilder);
