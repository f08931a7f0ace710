use core::fmt;

use pki_types::ServerName;
use zeroize::Zeroizing;

use crate::config_error::ConfigError;
use crate::crypto::{CipherSuite, Hash, HashAlgorithm, ProviderError, StaticOrArc, provider_fault};
use crate::key_schedule::PskKind;
use crate::session::{EarlyDataTerms, KeyRecord, Session};

/// A key that both sides have before the handshake, and its identity (RFC 9846, section 2.2).
///
/// The key authenticates both sides. RFC 9257, section 6, has rules for it:
///
/// - The key comes from a good source of randomness and has at least 128 bits of entropy. An attacker
///   who has recorded one handshake can try keys offline, so a password is not secure.
///   [`external`](Self::external) refuses a key that looks like a password.
/// - The key belongs to one client and one server, each always in the same role. If a group shares a
///   key, each member can impersonate each other member, and an attacker can send a message of a node
///   back to it. [`PskImporter::between`](super::PskImporter::between) binds a key to two nodes.
/// - The key is used with one hash and one protocol. A [`PskImporter`](super::PskImporter) derives
///   such keys from a key that is used with several.
/// - The identity is sent in the clear, and is the same each time. Observers can see which client
///   connects.
///
/// **A server that chooses the key sends no certificate.** The key is the proof. So a client that
/// connects to several servers must say which server has the key, with
/// [`for_server`](Self::for_server). Otherwise each holder of one of its keys can impersonate every
/// server.
///
/// # Examples
///
/// ```
/// use handclasp::psk::{PreSharedKey, PskList};
///
/// # fn example(secret: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
/// // For ClientConfigBuilder::pre_shared_keys.
/// let of_client = PreSharedKey::external(b"sensor 7", secret)?
///     .for_server("gateway.example".to_owned().try_into()?);
/// // For ServerConfigBuilder::pre_shared_keys.
/// let of_server = PskList::new(vec![PreSharedKey::external(b"sensor 7", secret)?]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PreSharedKey {
    identity: Vec<u8>,
    secret: PskSecret,
    hash: HashAlgorithm,
    kind: PskKind,
    server: Option<ServerName<'static>>,
    pub(crate) early_data: Option<EarlyDataTerms>,
}

/// Where the key itself is.
#[derive(Clone)]
enum PskSecret {
    FromOutside(Zeroizing<Vec<u8>>),
    /// In the session of the ticket.
    OfTicket(Box<Session>),
}

impl PreSharedKey {
    /// The length of the shortest key that is accepted, in bytes.
    pub const MIN_LENGTH: usize = 16;

    /// A key that was agreed on outside of TLS, for suites with SHA-256 (sections 2.2 and 4.3.11).
    ///
    /// # Errors
    /// - [`ConfigError::PreSharedKey`] if the identity is not 1 to 1024 bytes long, or the key is
    ///   shorter than [`MIN_LENGTH`](Self::MIN_LENGTH).
    /// - [`ConfigError::WeakPreSharedKey`] if the key is text, or has fewer than eight different
    ///   bytes. (One in ten million random keys of 16 bytes is text. It is refused, too.)
    pub fn external(identity: &[u8], secret: &[u8]) -> Result<Self, ConfigError> {
        check_secret(secret)?;
        Self::new(identity, secret, HashAlgorithm::Sha256, PskKind::External)
    }

    /// A key of any kind, for suites with this hash. The caller makes sure that the key is random.
    ///
    /// # Errors
    /// [`ConfigError::PreSharedKey`] if the identity is not 1 to 1024 bytes long, or the key is shorter
    /// than [`MIN_LENGTH`](Self::MIN_LENGTH).
    pub fn new(
        identity: &[u8],
        secret: &[u8],
        hash: HashAlgorithm,
        kind: PskKind,
    ) -> Result<Self, ConfigError> {
        if identity.is_empty() || identity.len() > 1024 || secret.len() < Self::MIN_LENGTH {
            return Err(ConfigError::PreSharedKey);
        }
        Ok(Self {
            identity: identity.to_vec(),
            secret: PskSecret::FromOutside(Zeroizing::new(secret.to_vec())),
            hash,
            kind,
            server: None,
            early_data: None,
        })
    }

    /// The key of a ticket, for suites with the hash of the session. `None` if there is no such suite.
    /// The key of a ticket is as long as its hash.
    pub(crate) fn of_ticket<'a>(
        ticket: impl Into<Vec<u8>>,
        session: Session,
        suites: impl IntoIterator<Item = &'a StaticOrArc<CipherSuite>>,
    ) -> Option<Self> {
        let length = session.secret.as_bytes().len();
        let mut hashes = suites.into_iter().map(|suite| &suite.hash);
        let hash = hashes.find(|hash| hash.output_length() == length)?;
        let early_data = match session.max_early_data_size {
            0 => None,
            max_size => Some(EarlyDataTerms {
                max_size,
                cipher_suite: session.cipher_suite,
                application_protocol: session.application_protocol.clone(),
            }),
        };
        Some(Self {
            identity: ticket.into(),
            secret: PskSecret::OfTicket(Box::new(session)),
            hash: hash.algorithm(),
            kind: PskKind::Resumption,
            server: None,
            early_data,
        })
    }

    /// Allows 0-RTT data with the key, on these terms. Both sides must have the same terms.
    ///
    /// Such a key has no age. A server can recognize a replay only as long as it remembers every
    /// ClientHello, and it accepts no more 0-RTT data when its register is full.
    pub fn early_data(mut self, terms: EarlyDataTerms) -> Self {
        self.early_data = Some(terms);
        self
    }

    /// Offers the key only to this server.
    pub fn for_server(mut self, server: ServerName<'static>) -> Self {
        self.server = Some(server);
        self
    }

    /// The only server that the key is offered to. `None` for a key that is offered to all.
    pub(crate) fn server(&self) -> Option<&ServerName<'static>> {
        self.server.as_ref()
    }

    pub(crate) fn is_for(&self, server: &ServerName<'static>) -> bool {
        self.server.as_ref().is_none_or(|own| own == server)
    }

    /// What a session keeps of the key if the key authenticated the peer.
    pub(crate) fn record(&self, sha256: &dyn Hash) -> Result<KeyRecord, ProviderError> {
        let kind = match self.kind {
            PskKind::External => 0,
            PskKind::Resumption => 1,
            PskKind::Imported => 2,
        };
        let hash = match self.hash {
            HashAlgorithm::Sha256 => 0,
            HashAlgorithm::Sha384 => 1,
        };
        let content = [b"handclasp pre-shared key", &[kind, hash][..], &self.identity];
        Ok(KeyRecord {
            identity: self.identity.clone(),
            external: self.kind != PskKind::Resumption,
            digest: provider_fault::hmac(sha256, self.secret(), &content)?,
        })
    }

    /// Whether this is the key from which `record` was made.
    pub(crate) fn is_key_of(&self, record: &KeyRecord, sha256: &dyn Hash) -> bool {
        self.identity == record.identity && self.record(sha256).is_ok_and(|own| own.is_same(record))
    }

    /// The key itself.
    pub(crate) fn secret(&self) -> &[u8] {
        match &self.secret {
            PskSecret::FromOutside(secret) => secret,
            PskSecret::OfTicket(session) => session.secret.as_bytes(),
        }
    }

    /// The session of a ticket's key. `None` for a key from outside of TLS.
    pub(crate) fn session(&self) -> Option<&Session> {
        match &self.secret {
            PskSecret::FromOutside(_) => None,
            PskSecret::OfTicket(session) => Some(session),
        }
    }

    /// The identity of the key, which the client sends in the clear.
    pub fn identity(&self) -> &[u8] {
        &self.identity
    }

    /// The key can be used with suites that have this hash.
    pub fn hash(&self) -> HashAlgorithm {
        self.hash
    }

    /// The origin of the key: external, imported, or a ticket.
    pub fn kind(&self) -> PskKind {
        self.kind
    }
}

impl fmt::Debug for PreSharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreSharedKey")
            .field("identity", &String::from_utf8_lossy(&self.identity))
            .field("hash", &self.hash)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// The identity of a pre-shared key, for an error: escaped, and cut after 64 bytes. It is no secret.
pub(crate) fn printable_identity(identity: &[u8]) -> String {
    const SHOWN: usize = 64;
    let shown = identity.get(..SHOWN).unwrap_or(identity);
    let more = if shown.len() < identity.len() { "..." } else { "" };
    format!("{}{more}", shown.escape_ascii())
}

/// Refuses a key that is too short, that is text, or that repeats few bytes.
pub(super) fn check_secret(secret: &[u8]) -> Result<(), ConfigError> {
    const MIN_DIFFERENT_BYTES: usize = 8;
    if secret.len() < PreSharedKey::MIN_LENGTH {
        return Err(ConfigError::PreSharedKey);
    }
    let is_text = secret.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n'));
    let different_bytes = (0..=u8::MAX).filter(|byte| secret.contains(byte)).count();
    if is_text || different_bytes < MIN_DIFFERENT_BYTES {
        return Err(ConfigError::WeakPreSharedKey);
    }
    Ok(())
}
