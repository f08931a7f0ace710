use core::fmt;
use std::sync::Arc;

use super::{ConfigError, ExtensionLayout, Limits, MAX_RECORD_SIZE_LIMIT, check};
use crate::certificate::TrustAnchors;
use crate::credential::{CertificateCompression, ClientCertificateResolver, Compressors};
use crate::crypto::CryptoProvider;
use crate::key_log::KeyLog;
use crate::psk::PreSharedKey;
use crate::record::PaddingPolicy;
use crate::registry::CertificateType;
use crate::session::ClientSessionStore;
use crate::verify::{PeerVerifier, TrustAnchorVerifier};
use crate::wire::{CodePoint, ExtensionType};

/// The configuration of a client: built once, shared by all its connections.
#[derive(Clone)]
pub struct ClientConfig {
    pub(crate) provider: CryptoProvider,
    pub(crate) verifier: Arc<dyn PeerVerifier>,
    pub(crate) application_protocols: Vec<Vec<u8>>,
    pub(crate) send_server_name: bool,
    pub(crate) middlebox_compatibility: bool,
    pub(crate) grease: bool,
    pub(crate) layout: Option<ExtensionLayout>,
    pub(crate) pre_shared_keys: Vec<PreSharedKey>,
    pub(crate) sessions: Option<Arc<dyn ClientSessionStore>>,
    pub(crate) ticket_request: Option<[u8; 2]>,
    pub(crate) early_data: bool,
    pub(crate) psk_without_key_exchange: bool,
    pub(crate) client_certificates: Option<Arc<dyn ClientCertificateResolver>>,
    pub(crate) post_handshake_auth: bool,
    pub(crate) request_ocsp: bool,
    pub(crate) request_timestamps: bool,
    pub(crate) record_size_limit: Option<u16>,
    pub(crate) record_padding: Option<PaddingPolicy>,
    pub(crate) compressors: Compressors,
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

    /// The types of certificate that the client has to show.
    pub(crate) fn client_certificate_types(&self) -> &[CertificateType] {
        match &self.client_certificates {
            Some(resolver) => resolver.certificate_types(),
            None => &[CertificateType::X509],
        }
    }

    /// Was this code point offered in the extension `kind`, as far as a layout decides that?
    pub(crate) fn layout_offers<T: CodePoint>(&self, kind: ExtensionType, code: T) -> bool {
        let raw = self.layout.as_ref().and_then(|layout| layout.raw_list(kind));
        raw.is_none_or(|list| list.contains(code))
    }

    /// Starts a configuration on this provider. [`trust`](ClientConfigBuilder::trust) or
    /// [`verifier`](ClientConfigBuilder::verifier) must say who judges servers.
    pub fn builder(provider: CryptoProvider) -> ClientConfigBuilder {
        let nobody = TrustAnchorVerifier::new(TrustAnchors::new(), provider.signatures.clone());
        ClientConfigBuilder {
            verified: false,
            config: Self {
                provider,
                verifier: Arc::new(nobody),
                application_protocols: Vec::new(),
                send_server_name: true,
                middlebox_compatibility: true,
                grease: true,
                layout: None,
                pre_shared_keys: Vec::new(),
                sessions: None,
                ticket_request: None,
                early_data: false,
                psk_without_key_exchange: false,
                client_certificates: None,
                post_handshake_auth: false,
                request_ocsp: false,
                request_timestamps: false,
                record_size_limit: Some(MAX_RECORD_SIZE_LIMIT),
                record_padding: None,
                compressors: Compressors::default(),
                key_log: None,
                limits: Limits::DEFAULT,
            },
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

/// Builds a [`ClientConfig`].
#[derive(Debug)]
pub struct ClientConfigBuilder {
    config: ClientConfig,
    /// Somebody was named who judges servers.
    verified: bool,
}

impl ClientConfigBuilder {
    /// Trusts servers whose certificates lead to one of these anchors: the usual way.
    ///
    /// # Errors
    /// When there are no anchors: such a client could connect to nothing.
    pub fn trust(self, anchors: TrustAnchors) -> Result<Self, ConfigError> {
        if anchors.is_empty() {
            return Err(ConfigError::NoTrustAnchors);
        }
        let signatures = self.config.provider.signatures.clone();
        Ok(self.verifier(Arc::new(TrustAnchorVerifier::new(anchors, signatures))))
    }

    /// Lets `verifier` judge servers, and takes the default validation out.
    pub fn verifier(mut self, verifier: Arc<dyn PeerVerifier>) -> Self {
        self.config.verifier = verifier;
        self.verified = true;
        self
    }

    /// The application protocols to offer, the preferred one first (RFC 7301). None by default.
    pub fn application_protocols<P: Into<Vec<u8>>>(
        mut self,
        protocols: impl IntoIterator<Item = P>,
    ) -> Self {
        self.config.application_protocols = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// Should the server's DNS name be sent? Yes by default. An IP address never is.
    pub fn send_server_name(mut self, send: bool) -> Self {
        self.config.send_server_name = send;
        self
    }

    /// Should the handshake look like TLS 1.2 to middleboxes (appendix E.4)? Yes by default.
    pub fn middlebox_compatibility(mut self, compatible: bool) -> Self {
        self.config.middlebox_compatibility = compatible;
        self
    }

    /// Should the ClientHello have values in it that mean nothing (GREASE, RFC 8701), and its
    /// extensions in another order for each connection? Yes by default, as browsers do it: what
    /// stands between client and server then cannot come to rely on one shape. A layout says its
    /// own shape, and turns both off.
    pub fn grease(mut self, grease: bool) -> Self {
        self.config.grease = grease;
        self
    }

    /// Shapes the ClientHello.
    pub fn client_hello_layout(mut self, layout: ExtensionLayout) -> Self {
        self.config.layout = Some(layout);
        self
    }

    /// Offers these keys, the preferred one first. A server that takes one is authenticated by
    /// having it, without a certificate: see [`PreSharedKey::for_server`]. Another one must prove
    /// its name by a certificate as ever.
    pub fn pre_shared_keys(mut self, keys: Vec<PreSharedKey>) -> Self {
        self.config.pre_shared_keys = keys;
        self
    }

    /// Keeps the server's tickets here, and resumes with them. No tickets are taken by default.
    ///
    /// What a session rests on is asked about again before it is resumed: the verifier, about the
    /// server's certificates or public key of then; the [`pre_shared_keys`](Self::pre_shared_keys),
    /// which must have the key that vouched for the server; and the
    /// [`client_certificates`](Self::client_certificates), which must choose what was shown then.
    /// What answers later is asked by a question before the ClientHello. See [`crate::session`].
    pub fn sessions(mut self, store: Arc<dyn ClientSessionStore>) -> Self {
        self.config.sessions = Some(store);
        self
    }

    /// Asks for so many tickets: of a new session, and when one is resumed (RFC 9149). By default
    /// the server decides.
    pub fn ticket_request(mut self, new: u8, resumed: u8) -> Self {
        self.config.ticket_request = Some([new, resumed]);
        self
    }

    /// Offers 0-RTT data where a ticket or key allows it: see
    /// [`write_early_data`](crate::Connection::write_early_data). No by default.
    pub fn early_data(mut self, offer: bool) -> Self {
        self.config.early_data = offer;
        self
    }

    /// Lets the server resume without a fresh key exchange (psk_ke). No by default: whoever gets
    /// the key later can then read the connection (RFC 9846, section 2.2).
    pub fn psk_without_key_exchange(mut self, allow: bool) -> Self {
        self.config.psk_without_key_exchange = allow;
        self
    }

    /// Shows one of these certificates to a server that asks for one: a
    /// [`CertificateList`](crate::credential::CertificateList), or whoever else chooses. Without it the
    /// client has none to show.
    pub fn client_certificates(mut self, resolver: Arc<dyn ClientCertificateResolver>) -> Self {
        self.config.client_certificates = Some(resolver);
        self
    }

    /// Lets the server ask for a certificate after the handshake (section 4.7.2). No by default. A
    /// server that has proved itself with an external pre-shared key, in this handshake or in the
    /// one that was resumed, is refused with `unexpected_message` (appendix F.1). In QUIC it is not
    /// offered (RFC 9001, section 4.4).
    pub fn post_handshake_authentication(mut self, allow: bool) -> Self {
        self.config.post_handshake_auth = allow;
        self
    }

    /// Asks the server to staple an OCSP response to its certificate, which the verifier then
    /// finds in what it judges. No by default.
    ///
    /// The default verifier refuses a response that does not clear the certificate, and a
    /// certificate that demands a response (must-staple, RFC 7633) where none came.
    pub fn request_ocsp(mut self, request: bool) -> Self {
        self.config.request_ocsp = request;
        self
    }

    /// Asks the server for signed certificate timestamps, which the verifier then finds in what
    /// it judges. No by default.
    pub fn request_certificate_timestamps(mut self, request: bool) -> Self {
        self.config.request_timestamps = request;
        self
    }

    /// The most that a protected record from the peer may have in it, in bytes of content, type and
    /// padding (RFC 8449): 64 to 16385, by default 16385, which is no limit but lets the peer say
    /// its own. With `None` neither side limits records. Each record costs 22 bytes, and not every
    /// peer takes a limit below 512.
    pub fn record_size_limit(mut self, limit: Option<u16>) -> Self {
        self.config.record_size_limit = limit;
        self
    }

    /// Pads protected records: see [`PaddingPolicy`]. They are not padded by default.
    pub fn record_padding(mut self, policy: PaddingPolicy) -> Self {
        self.config.record_padding = Some(policy);
        self
    }

    /// Takes certificates that are compressed with one of these algorithms (RFC 8879), the preferred one
    /// first. None by default. A compressed message is bounded by
    /// [`Limits::certificate_message`] before it is decompressed, and after.
    pub fn certificate_compression(
        mut self,
        algorithms: Vec<Arc<dyn CertificateCompression>>,
    ) -> Self {
        self.config.compressors = Compressors::new(algorithms);
        self
    }

    /// Writes the connection's secrets to a log, for tools that decrypt captured traffic.
    pub fn key_log(mut self, log: Arc<dyn KeyLog>) -> Self {
        self.config.key_log = Some(log);
        self
    }

    /// Limits other than the default.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.config.limits = limits;
        self
    }

    /// Checks and finishes the configuration.
    ///
    /// # Errors
    /// When nobody was named who judges servers, the provider lacks something, a protocol name is
    /// impossible, or the layout sets what it must not.
    pub fn build(self) -> Result<ClientConfig, ConfigError> {
        let config = self.config;
        if !self.verified {
            return Err(ConfigError::NoTrustAnchors);
        }
        if config.pre_shared_keys.len() > MAX_PRE_SHARED_KEYS {
            return Err(ConfigError::PreSharedKey);
        }
        if !config.provider.signatures.schemes().any(|scheme| scheme.signs_handshakes()) {
            return Err(ConfigError::Empty("signature schemes"));
        }
        let layout = config.layout.as_ref();
        let protocols = &config.application_protocols;
        check(&config.provider, protocols, config.record_size_limit, layout)?;
        check_length(&config)?;
        Ok(config)
    }
}

/// Does everything fit into a ClientHello, beside a ticket and a cookie of 8192 bytes each and what
/// else the library writes? A server's cookie must not be what makes it too long.
fn check_length(config: &ClientConfig) -> Result<(), ConfigError> {
    const ROOM: usize = 0xffff - 2 * 0x2000 - 0x1000;
    /// The length of the identity, its age, and the binder with its length.
    const OF_A_KEY: usize = 2 + 4 + 1 + 64;
    let keys = config.pre_shared_keys.iter().map(|key| key.identity().len() + OF_A_KEY);
    let protocols = config.application_protocols.iter().map(|name| name.len() + 1);
    let layout = config.layout.as_ref().map_or(0, ExtensionLayout::raw_length);
    match keys.chain(protocols).sum::<usize>() + layout <= ROOM {
        true => Ok(()),
        false => Err(ConfigError::ClientHelloTooLong),
    }
}

/// More identities than this fit no sensible ClientHello.
const MAX_PRE_SHARED_KEYS: usize = 16;
