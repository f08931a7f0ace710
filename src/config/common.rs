use std::sync::Arc;

use super::{ConfigError, ExtensionLayout, Limits};
use crate::credential::Compressors;
use crate::crypto::{CipherSuite, CryptoProvider, HashAlgorithm, StaticOrArc, provider_fault};
use crate::error::circumstances::OwnOffer;
use crate::key_log::KeyLog;
use crate::observer::MakeObserver;
use crate::record::PaddingPolicy;
use crate::registry::{CipherSuiteId, ProtocolVersion};
use crate::wire::ExtensionMessage;

/// The largest record size limit, in bytes. It is as large as a record can be, so it only lets the
/// peer announce a limit of its own.
const MAX_RECORD_SIZE_LIMIT: u16 = 0x4001;

/// The options that clients and servers have in common.
#[derive(Clone)]
pub(crate) struct CommonConfig {
    pub(crate) provider: CryptoProvider,
    /// The names for ALPN, the preferred one first.
    pub(crate) application_protocols: Vec<Vec<u8>>,
    pub(crate) psk_without_key_exchange: bool,
    /// The layout of the ClientHello or of EncryptedExtensions.
    pub(crate) layout: Option<ExtensionLayout>,
    pub(crate) record_size_limit: Option<u16>,
    pub(crate) record_padding: Option<PaddingPolicy>,
    pub(crate) compressors: Compressors,
    pub(crate) key_log: Option<Arc<dyn KeyLog>>,
    /// Each connection has an observer of each of them.
    pub(crate) observers: Vec<Arc<MakeObserver>>,
    pub(crate) limits: Limits,
    /// What this side offers, for the errors of connections.
    pub(crate) own_offer: Arc<OwnOffer>,
}

impl CommonConfig {
    /// The defaults.
    pub(super) fn new(provider: CryptoProvider) -> Self {
        Self {
            provider,
            application_protocols: Vec::new(),
            psk_without_key_exchange: false,
            layout: None,
            record_size_limit: Some(MAX_RECORD_SIZE_LIMIT),
            record_padding: None,
            compressors: Compressors::default(),
            key_log: None,
            observers: Vec::new(),
            limits: Limits::DEFAULT,
            own_offer: Arc::default(),
        }
    }

    /// What a client and a server have in common of their lists.
    pub(super) fn common_offer(&self) -> OwnOffer {
        OwnOffer {
            versions: vec![ProtocolVersion::TLS_1_3],
            cipher_suites: self.provider.cipher_suites.iter().map(|suite| suite.id).collect(),
            application_protocols: self.application_protocols.clone(),
            ..OwnOffer::default()
        }
    }

    /// What QUIC needs of a configuration (RFC 9001, sections 5.3 and 8.1).
    ///
    /// # Errors
    /// What the configuration lacks.
    pub(crate) fn check_for_quic(&self) -> Result<(), &'static str> {
        if self.application_protocols.is_empty() {
            return Err(
                "QUIC needs an application protocol (ALPN), and the configuration has none",
            );
        }
        let lacks_quic = |suite: &StaticOrArc<CipherSuite>| suite.aead.quic_limits().is_none();
        if self.provider.cipher_suites.iter().any(lacks_quic) {
            return Err("the crypto provider has a cipher suite without QUIC");
        }
        Ok(())
    }

    /// `message` is the one that the layout is for.
    pub(super) fn check(&self, message: ExtensionMessage) -> Result<(), ConfigError> {
        check_provider(&self.provider)?;
        check_protocols(&self.application_protocols)?;
        if let Some(limit) = self.record_size_limit {
            if !(64..=MAX_RECORD_SIZE_LIMIT).contains(&limit) {
                return Err(ConfigError::RecordSizeLimit);
            }
        }
        match &self.layout {
            Some(layout) => layout.check(message),
            None => Ok(()),
        }
    }
}

fn check_provider(provider: &CryptoProvider) -> Result<(), ConfigError> {
    if provider.cipher_suites.is_empty() {
        return Err(ConfigError::Empty("cipher suites"));
    }
    if provider.groups.is_empty() {
        return Err(ConfigError::Empty("key exchange groups"));
    }
    provider_fault::check_sha256(&*provider.sha256)?;
    for suite in &provider.cipher_suites {
        provider_fault::check_hash(&*suite.hash)?;
    }
    check_cipher_suites(&provider.cipher_suites)?;
    // RFC 9846, section 4.3.7: the list of groups has no duplicates.
    let mut seen = Vec::new();
    for group in &provider.groups {
        let name = group.name();
        if seen.contains(&name) {
            return Err(ConfigError::GroupTwice(name));
        }
        seen.push(name);
    }
    Ok(())
}

/// Checks that no suite is there twice, and that the suites of RFC 9846, section B.4, have the hash and
/// the length of key that their code points name.
fn check_cipher_suites(suites: &[StaticOrArc<CipherSuite>]) -> Result<(), ConfigError> {
    use HashAlgorithm::{Sha256, Sha384};
    let mut seen = Vec::new();
    for suite in suites {
        let (hash, key_length) = (suite.hash.algorithm(), suite.aead.key_length());
        let is_right = match suite.id {
            CipherSuiteId::TLS_AES_128_GCM_SHA256 => hash == Sha256 && key_length == 16,
            CipherSuiteId::TLS_AES_256_GCM_SHA384 => hash == Sha384 && key_length == 32,
            CipherSuiteId::TLS_CHACHA20_POLY1305_SHA256 => hash == Sha256 && key_length == 32,
            _ => true,
        };
        if !is_right {
            return Err(ConfigError::WrongCipherSuite(suite.id));
        }
        if seen.contains(&suite.id) {
            return Err(ConfigError::CipherSuiteTwice(suite.id));
        }
        seen.push(suite.id);
    }
    Ok(())
}

pub(super) fn check_protocols(protocols: &[Vec<u8>]) -> Result<(), ConfigError> {
    // A ClientHello must have space for a layout's bytes and a cookie, too.
    const MAX_TOTAL_LENGTH: usize = 0x4000;
    let each_fits = protocols.iter().all(|name| (1..=255).contains(&name.len()));
    let total: usize = protocols.iter().map(|name| name.len() + 1).sum();
    if !each_fits || total > MAX_TOTAL_LENGTH {
        return Err(ConfigError::ApplicationProtocol);
    }
    Ok(())
}

/// Writes the methods of [`CommonConfig`]'s options for a builder that has a `config` with a `common`
/// part. A macro writes them so that the documentation of each builder has all its methods.
macro_rules! common_options {
    ($builder:ident) => {
        impl $builder {
            /// The connections share it later, so it is counted already.
            fn common_mut(&mut self) -> &mut CommonConfig {
                Arc::make_mut(&mut self.config.common)
            }

            /// The application protocols (ALPN, RFC 7301), the preferred one first. None by default.
            ///
            /// A client offers them. A server chooses the first of its protocols that the client
            /// offers. It refuses a client that offers only others, and serves a client that offers
            /// none.
            pub fn application_protocols<P: Into<Vec<u8>>>(
                mut self,
                protocols: impl IntoIterator<Item = P>,
            ) -> Self {
                let protocols = protocols.into_iter().map(Into::into).collect();
                self.common_mut().application_protocols = protocols;
                self
            }

            /// Allows a pre-shared key or a ticket to be used without a fresh key exchange (psk_ke).
            /// No by default: an attacker who learns the key later can decrypt the connection
            /// (RFC 9846, section 2.2).
            ///
            /// A client offers both modes. A server uses psk_dhe_ke where the client offers it.
            pub fn psk_without_key_exchange(mut self, allow: bool) -> Self {
                self.common_mut().psk_without_key_exchange = allow;
                self
            }

            /// The algorithms for compressed certificates (RFC 8879), the preferred one first. None by
            /// default.
            ///
            /// A client offers them and accepts certificates that are compressed with them. The
            /// compressed and the decompressed message are at most
            /// [`Limits::certificate_message`](super::Limits::certificate_message) long.
            ///
            /// A server compresses its certificate with its first algorithm that the client offers.
            /// The [`CertifiedKey`](crate::credential::CertifiedKey) keeps the result. A resolver that
            /// creates a new key for each connection makes the server compress each time.
            pub fn certificate_compression(
                mut self,
                algorithms: Vec<Arc<dyn CertificateCompression>>,
            ) -> Self {
                self.common_mut().compressors = Compressors::new(algorithms);
                self
            }

            /// The most bytes that a protected record from the peer may contain: content, type and
            /// padding together (RFC 8449). It is 64 to 16385.
            ///
            /// The default is 16385. This does not limit the peer, but lets the peer announce a limit
            /// of its own. With `None` neither side limits records. Each record costs 22 bytes, and
            /// some peers do not accept a limit below 512.
            pub fn record_size_limit(mut self, limit: Option<u16>) -> Self {
                self.common_mut().record_size_limit = limit;
                self
            }

            /// Pads protected records: see [`PaddingPolicy`]. By default there is no padding.
            pub fn record_padding(mut self, policy: PaddingPolicy) -> Self {
                self.common_mut().record_padding = Some(policy);
                self
            }

            /// Writes the secrets of each connection to this log, for tools that decrypt captured
            /// traffic.
            pub fn key_log(mut self, log: Arc<dyn KeyLog>) -> Self {
                self.common_mut().key_log = Some(log);
                self
            }

            /// Adds an observer to each connection: `make` makes it when the connection is made. A
            /// configuration may add several, and [`Options`](crate::connection::Options) another one for
            /// a single connection.
            ///
            /// This is the way to observe the connections that something else makes, such as an acceptor,
            /// a connector, or quinn. A server's connection has the observers of the configuration that it was
            /// made with: one that is chosen by the ClientHello adds none.
            pub fn observer(
                mut self,
                make: impl Fn(Side) -> Box<dyn Observer> + Send + Sync + 'static,
            ) -> Self {
                self.common_mut().observers.push(Arc::new(make));
                self
            }

            /// Replaces the default limits on what a peer can make this side spend.
            pub fn limits(mut self, limits: Limits) -> Self {
                self.common_mut().limits = limits;
                self
            }
        }
    };
}
pub(super) use common_options;
