use core::fmt;
use std::sync::Arc;

use pki_types::{CertificateDer, PrivateKeyDer};

use super::common::common_options;
use super::{CommonConfig, ConfigError, ExtensionLayout, Limits};
use crate::certificate::{Profile, TrustAnchors};
use crate::cookie::MAX_COOKIE_LENGTH;
use crate::credential::{
    CertificateCompression, CertificateList, CertifiedKey, ClientCertificateResolver, Compressors,
};
use crate::crypto::{CryptoProvider, KeyExchangeGroup};
use crate::error::circumstances::{KeyName, OwnOffer};
use crate::key_log::KeyLog;
use crate::observer::Observer;
use crate::psk::{CertWithExternPsk, PreSharedKey, printable_identity};
use crate::record::PaddingPolicy;
use crate::registry::{CertificateType, NamedGroup};
use crate::session::{ClientSessionStore, MAX_TICKET_LENGTH};
use crate::side::Side;
use crate::verify::{OcspRequest, PeerVerifier, TrustAnchorVerifier};
use crate::wire::{CodePoint, ExtensionMessage, ExtensionType, TicketRequest};

/// The configuration of a client. It is built once and shared by all connections of the client.
///
/// ```
/// # use std::sync::Arc;
/// # use handclasp::{ClientConfig, CryptoProvider, TrustAnchors};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let made = rcgen::generate_simple_self_signed(["a.example".to_owned()])?;
/// # let anchors = TrustAnchors::from_der(made.cert.der())?;
/// let config = ClientConfig::builder(CryptoProvider::default())
///     .trust(anchors)?
///     .application_protocols(["h2", "http/1.1"])
///     .build()?;
/// let config = Arc::new(config);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ClientConfig {
    /// Shared with the connections.
    pub(crate) common: Arc<CommonConfig>,
    pub(crate) verifier: Arc<dyn PeerVerifier>,
    pub(crate) send_server_name: bool,
    pub(crate) middlebox_compatibility: bool,
    pub(crate) grease: bool,
    /// The groups of the first ClientHello's key shares. `None` for the default.
    pub(crate) key_shares: Option<Vec<NamedGroup>>,
    pub(crate) pre_shared_keys: Vec<PreSharedKey>,
    pub(crate) cert_with_extern_psk: CertWithExternPsk,
    pub(crate) sessions: Option<Arc<dyn ClientSessionStore>>,
    pub(crate) ticket_request: Option<TicketRequest>,
    pub(crate) early_data: bool,
    pub(crate) client_certificates: Option<Arc<dyn ClientCertificateResolver>>,
    pub(crate) post_handshake_auth: bool,
    /// The option. See [`Self::ocsp_request`].
    pub(crate) ocsp_request: Option<OcspRequest>,
    /// The status_request of the layout.
    layout_ocsp_request: Option<OcspRequest>,
    pub(crate) request_timestamps: bool,
}

impl ClientConfig {
    /// A client with the default provider. It trusts servers whose certificates lead to one of
    /// `anchors`. It shows no certificate of its own, so its provider is
    /// [`CryptoProvider::without_private_keys`], which makes a program smaller.
    ///
    /// # Errors
    /// [`ConfigError::NoTrustAnchors`] if there are no anchors.
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn new(anchors: TrustAnchors) -> Result<Self, ConfigError> {
        Self::builder(CryptoProvider::without_private_keys()).trust(anchors)?.build()
    }

    /// The crypto provider.
    pub fn provider(&self) -> &CryptoProvider {
        &self.common.provider
    }

    /// Starts a configuration with this provider. Call [`trust`](ClientConfigBuilder::trust) or
    /// [`verifier`](ClientConfigBuilder::verifier) to say how servers are verified.
    pub fn builder(provider: CryptoProvider) -> ClientConfigBuilder {
        let accepts_none =
            TrustAnchorVerifier::new(TrustAnchors::new(), provider.signatures.clone());
        ClientConfigBuilder {
            has_verifier: false,
            config: Self {
                common: Arc::new(CommonConfig::new(provider)),
                verifier: Arc::new(accepts_none),
                send_server_name: true,
                middlebox_compatibility: true,
                grease: true,
                key_shares: None,
                pre_shared_keys: Vec::new(),
                cert_with_extern_psk: CertWithExternPsk::Disabled,
                sessions: None,
                ticket_request: None,
                early_data: false,
                client_certificates: None,
                post_handshake_auth: false,
                ocsp_request: None,
                layout_ocsp_request: None,
                request_timestamps: false,
            },
        }
    }

    /// The types of certificate that the client can show.
    pub(crate) fn client_certificate_types(&self) -> &[CertificateType] {
        match &self.client_certificates {
            Some(resolver) => resolver.certificate_types(),
            None => &[CertificateType::X509],
        }
    }

    /// The status_request of the ClientHello: as an option, or in a layout.
    pub(crate) fn ocsp_request(&self) -> Option<OcspRequest> {
        self.ocsp_request.or(self.layout_ocsp_request)
    }

    /// The groups that the ClientHello offers, in the order of its supported_groups.
    pub(crate) fn offered_groups(&self) -> impl Iterator<Item = &Arc<dyn KeyExchangeGroup>> {
        let provider = &self.common.provider;
        let layout = self.common.layout.as_ref();
        let list = layout.and_then(|layout| layout.raw_list(ExtensionType::SUPPORTED_GROUPS));
        // One of the two is empty: the list of a layout takes the place of the provider's.
        let groups = if list.is_none() { provider.groups.as_slice() } else { &[] };
        let of_layout = list.unwrap_or_default();
        groups.iter().chain(of_layout.iter().filter_map(|name| provider.group(name)))
    }

    /// The group of this name, if the ClientHello offers it.
    pub(crate) fn offered_group(&self, name: NamedGroup) -> Option<&Arc<dyn KeyExchangeGroup>> {
        self.offered_groups().find(|group| group.name() == name)
    }

    /// Whether the ClientHello offers this code point in the extension `kind`, as far as a layout
    /// decides that.
    pub(crate) fn layout_offers<T: CodePoint>(&self, kind: ExtensionType, code: T) -> bool {
        let layout = self.common.layout.as_ref();
        match layout.and_then(|layout| layout.raw_list(kind)) {
            Some(list) => list.contains(code),
            None => true,
        }
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig")
            .field("provider", &self.common.provider)
            .field("verifier", &self.verifier)
            .field("limits", &self.common.limits)
            .finish_non_exhaustive()
    }
}

/// Builds a [`ClientConfig`].
#[derive(Debug)]
pub struct ClientConfigBuilder {
    config: ClientConfig,
    /// Whether [`verifier`](Self::verifier) was called.
    has_verifier: bool,
}

impl ClientConfigBuilder {
    /// Trusts servers whose certificates lead to one of these anchors. This is the usual way.
    ///
    /// # Errors
    /// [`ConfigError::NoTrustAnchors`] if there are no anchors.
    pub fn trust(self, anchors: TrustAnchors) -> Result<Self, ConfigError> {
        let verifier = self.verifier_for(anchors)?;
        Ok(self.verifier(Arc::new(verifier)))
    }

    /// As [`trust`](Self::trust), with a choice of rules: [`Profile::Strict`] also refuses what the
    /// standards forbid authorities to issue. [`certificate`](crate::certificate#rules) lists the
    /// rules.
    ///
    /// ```
    /// # use handclasp::certificate::Profile;
    /// # use handclasp::{ClientConfig, CryptoProvider, TrustAnchors};
    /// # fn example(anchors: TrustAnchors) -> Result<(), Box<dyn std::error::Error>> {
    /// let config = ClientConfig::builder(CryptoProvider::default())
    ///     .trust_with_profile(anchors, Profile::Strict)?
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ConfigError::NoTrustAnchors`] if there are no anchors.
    pub fn trust_with_profile(
        self,
        anchors: TrustAnchors,
        profile: Profile,
    ) -> Result<Self, ConfigError> {
        let verifier = self.verifier_for(anchors)?.with_profile(profile);
        Ok(self.verifier(Arc::new(verifier)))
    }

    fn verifier_for(&self, anchors: TrustAnchors) -> Result<TrustAnchorVerifier, ConfigError> {
        if anchors.is_empty() {
            return Err(ConfigError::NoTrustAnchors);
        }
        let signatures = self.config.common.provider.signatures.clone();
        Ok(TrustAnchorVerifier::new(anchors, signatures))
    }

    /// Lets `verifier` verify servers. It replaces the default validation.
    pub fn verifier(mut self, verifier: Arc<dyn PeerVerifier>) -> Self {
        self.config.verifier = verifier;
        self.has_verifier = true;
        self
    }

    /// Whether to send the server's DNS name (SNI, RFC 6066). Yes by default. An IP address is never
    /// sent.
    pub fn send_server_name(mut self, send: bool) -> Self {
        self.config.send_server_name = send;
        self
    }

    /// Whether the handshake looks like TLS 1.2 to middleboxes (RFC 9846, appendix E.4). Yes by
    /// default.
    pub fn middlebox_compatibility(mut self, compatible: bool) -> Self {
        self.config.middlebox_compatibility = compatible;
        self
    }

    /// Whether the ClientHello contains random unknown values (GREASE, RFC 8701), and its extensions
    /// are in another order for each connection. Yes by default, as in browsers: middleboxes and
    /// servers then cannot depend on one form of the message. A
    /// [layout](Self::client_hello_layout) turns both off.
    pub fn grease(mut self, grease: bool) -> Self {
        self.config.grease = grease;
        self
    }

    /// The groups for which the first ClientHello has a key share: these, and no others. Each must be a
    /// group of the provider. With an empty list, each server has to ask for a share with a
    /// HelloRetryRequest, which costs a round trip.
    ///
    /// By default there is a share for the provider's first group, and, if that is a hybrid, one for its
    /// classical group, too: X25519MLKEM768 and x25519. Both are of the same x25519 key pair
    /// (RFC 9954, section 3.2). So neither a server with the hybrid nor one without
    /// it needs another round trip. If the client has a session with the server, there is also a share
    /// for the group that the server took on the connection of the ticket.
    ///
    /// ```
    /// # use handclasp::registry::NamedGroup;
    /// # use handclasp::{ClientConfig, CryptoProvider, TrustAnchors};
    /// # fn example(anchors: TrustAnchors) -> Result<(), Box<dyn std::error::Error>> {
    /// let config = ClientConfig::builder(CryptoProvider::default())
    ///     .trust(anchors)?
    ///     .key_shares([NamedGroup::X25519, NamedGroup::SECP256R1])
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn key_shares(mut self, groups: impl IntoIterator<Item = NamedGroup>) -> Self {
        self.config.key_shares = Some(groups.into_iter().collect());
        self
    }

    /// Sets the order of the extensions in the ClientHello, and adds extensions.
    pub fn client_hello_layout(mut self, layout: ExtensionLayout) -> Self {
        let requests_ocsp = layout.has_raw(ExtensionType::STATUS_REQUEST);
        self.config.layout_ocsp_request = requests_ocsp.then(OcspRequest::new);
        self.common_mut().layout = Some(layout);
        self
    }

    /// Offers these keys, the preferred one first, 16 at most. A server that chooses one is
    /// authenticated by the key and sends no certificate: see [`PreSharedKey::for_server`]. A server
    /// that chooses none must prove its name with a certificate.
    pub fn pre_shared_keys(mut self, keys: Vec<PreSharedKey>) -> Self {
        self.config.pre_shared_keys = keys;
        self
    }

    /// Whether the client offers to use one of its external keys together with certificates (RFC 9973).
    /// Not by default.
    ///
    /// The server then authenticates with a certificate, which the verifier checks, and the client too,
    /// if it is asked. The key goes into the key schedule.
    ///
    /// With [`CertWithExternPsk::Required`] the key never authenticates alone, so more than two parties may
    /// know it. With [`CertWithExternPsk::Optional`] they must not: a server that leaves out the extension is
    /// authenticated by the key alone.
    ///
    /// To a server for which there is a key, the client offers no session, no key of a ticket and no
    /// 0-RTT data, and it stores no tickets of a connection that used both.
    pub fn cert_with_extern_psk(mut self, offer: CertWithExternPsk) -> Self {
        self.config.cert_with_extern_psk = offer;
        self
    }

    /// Stores the server's tickets here, and resumes sessions with them. By default the client stores
    /// no tickets.
    ///
    /// Before the client resumes a session, it checks again what the session depends on:
    ///
    /// - The verifier must accept the server's certificates or public key of the first handshake.
    /// - If a pre-shared key authenticated the server, it must still be in
    ///   [`pre_shared_keys`](Self::pre_shared_keys).
    /// - The [`client_certificates`](Self::client_certificates) must choose the certificate that the
    ///   client has shown.
    ///
    /// If one of them answers later, the connection asks a question before its ClientHello. See
    /// [`crate::session`].
    pub fn sessions(mut self, store: Arc<dyn ClientSessionStore>) -> Self {
        self.config.sessions = Some(store);
        self
    }

    /// Requests this number of tickets when the session is new, and when it is resumed (RFC 9149). By
    /// default the server decides.
    pub fn ticket_request(mut self, new: u8, resumed: u8) -> Self {
        self.config.ticket_request =
            Some(TicketRequest { new_session_count: new, resumption_count: resumed });
        self
    }

    /// Whether to offer 0-RTT data if a ticket or a key allows them: see
    /// [`write_early_data`](crate::Connection::write_early_data). No by default.
    pub fn early_data(mut self, offer: bool) -> Self {
        self.config.early_data = offer;
        self
    }

    /// Chooses a certificate for a server that requests one: a
    /// [`CertificateList`](crate::credential::CertificateList), or a resolver of your own. By default
    /// the client has no certificate.
    pub fn client_certificates(mut self, resolver: Arc<dyn ClientCertificateResolver>) -> Self {
        self.config.client_certificates = Some(resolver);
        self
    }

    /// One certificate for a server that requests one, whose private key the provider of this
    /// configuration loads: PKCS#8, SEC1 or PKCS#1.
    ///
    /// # Errors
    /// Those of [`CertifiedKey::from_der_with_provider`].
    pub fn client_certificate(
        self,
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'_>,
    ) -> Result<Self, ConfigError> {
        let provider = &self.config.common.provider;
        let key = CertifiedKey::from_der_with_provider(chain, key, provider)?;
        Ok(self.client_certificates(Arc::new(CertificateList::new(vec![Arc::new(key)]))))
    }

    /// Whether the server may request a certificate after the handshake (RFC 9846, section 4.7.2). No
    /// by default.
    ///
    /// If an external pre-shared key authenticated the server, in this handshake or in the one that
    /// was resumed, the client refuses the request with `unexpected_message` (appendix F.1). In QUIC
    /// the client does not offer it (RFC 9001, section 4.4).
    pub fn post_handshake_authentication(mut self, allow: bool) -> Self {
        self.config.post_handshake_auth = allow;
        self
    }

    /// Whether to request a stapled OCSP response. The verifier finds it in the
    /// [`PeerIdentity`](crate::verify::PeerIdentity). No by default.
    ///
    /// The default verifier refuses a response that does not say that the certificate is good. It
    /// also refuses a certificate that demands a response (must-staple, RFC 7633) if none came.
    pub fn request_ocsp(mut self, request: bool) -> Self {
        self.config.ocsp_request = request.then(OcspRequest::new);
        self
    }

    /// Whether to request signed certificate timestamps (RFC 6962). The verifier finds them in the
    /// [`PeerIdentity`](crate::verify::PeerIdentity). No by default.
    pub fn request_certificate_timestamps(mut self, request: bool) -> Self {
        self.config.request_timestamps = request;
        self
    }

    /// Checks the options and makes the configuration. Every client has the extensions that a
    /// ClientHello must have (section 9.3), and none of the options of older versions (appendix
    /// C.5).
    ///
    /// # Errors
    /// - [`ConfigError::NoTrustAnchors`] without [`trust`](Self::trust) or
    ///   [`verifier`](Self::verifier).
    /// - [`ConfigError::Empty`] or [`ConfigError::GroupTwice`] if the provider lacks something, or has
    ///   a group twice.
    /// - [`ConfigError::KeyShare`] if a key share is for a group that the ClientHello does not offer.
    /// - The error of an option that is out of its range, of a layout that sets a reserved extension,
    ///   or of a ClientHello that would be too long.
    pub fn build(self) -> Result<ClientConfig, ConfigError> {
        let mut config = self.config;
        if !self.has_verifier {
            return Err(ConfigError::NoTrustAnchors);
        }
        if config.pre_shared_keys.len() > MAX_PRE_SHARED_KEYS {
            return Err(ConfigError::PreSharedKey);
        }
        let signatures = &config.common.provider.signatures;
        if !signatures.schemes().any(|scheme| scheme.signs_handshakes()) {
            return Err(ConfigError::Empty("signature schemes"));
        }
        config.common.check(ExtensionMessage::ClientHello)?;
        check_groups(&config)?;
        check_length(&config)?;
        let offer = own_offer(&config);
        Arc::make_mut(&mut config.common).own_offer = Arc::new(offer);
        Ok(config)
    }
}

common_options!(ClientConfigBuilder);

/// What an error may know of the configuration.
fn own_offer(config: &ClientConfig) -> OwnOffer {
    let schemes = config.common.provider.signatures.schemes();
    let name = |key: &PreSharedKey| KeyName {
        identity: printable_identity(key.identity()),
        server: key.server().cloned(),
    };
    OwnOffer {
        groups: config.offered_groups().map(|group| group.name()).collect(),
        signature_schemes: schemes.filter(|scheme| !scheme.is_legacy()).collect(),
        pre_shared_keys: config.pre_shared_keys.iter().map(name).collect(),
        trust_anchors: config.verifier.trusted_names(),
        ..config.common.common_offer()
    }
}

/// Checks that the ClientHello offers a group, and those of its key shares (RFC 9846, section 4.3.8).
fn check_groups(config: &ClientConfig) -> Result<(), ConfigError> {
    if config.offered_groups().next().is_none() {
        return Err(ConfigError::Empty("key exchange groups"));
    }
    for (index, group) in config.key_shares.iter().flatten().enumerate() {
        if config.offered_group(*group).is_none() {
            return Err(ConfigError::KeyShare(*group));
        }
        if config.key_shares.iter().flatten().take(index).any(|before| before == group) {
            return Err(ConfigError::GroupTwice(*group));
        }
    }
    Ok(())
}

/// Checks that everything fits into a ClientHello, with the longest ticket, the longest cookie and the
/// other extensions. A server's cookie must not make the ClientHello too long.
fn check_length(config: &ClientConfig) -> Result<(), ConfigError> {
    const OTHER_EXTENSIONS: usize = 0x1000;
    /// More than one of each group that the built-in providers have.
    const KEY_SHARES: usize = 0x2000;
    const AVAILABLE: usize =
        0xffff - MAX_TICKET_LENGTH - MAX_COOKIE_LENGTH - KEY_SHARES - OTHER_EXTENSIONS;
    /// The length of the identity, its age, and the binder with its length.
    const OVERHEAD_OF_A_KEY: usize = 2 + 4 + 1 + 64;
    let mut length = 0;
    for key in &config.pre_shared_keys {
        length += key.identity().len() + OVERHEAD_OF_A_KEY;
    }
    for protocol in &config.common.application_protocols {
        length += protocol.len() + 1;
    }
    if let Some(layout) = &config.common.layout {
        length += layout.raw_length();
    }
    if length > AVAILABLE {
        return Err(ConfigError::ClientHelloTooLong);
    }
    Ok(())
}

/// More keys than this are a mistake in the configuration.
const MAX_PRE_SHARED_KEYS: usize = 16;
