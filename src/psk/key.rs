use core::fmt;

use pki_types::ServerName;
use zeroize::Zeroizing;

use crate::config_error::ConfigError;
use crate::crypto::ring::SHA256;
use crate::crypto::{CipherSuite, Hash, HashAlgorithm};
use crate::key_schedule::PskKind;
use crate::session::{EarlyDataTerms, KeyRecord, Session};

/// A key that both sides have already, under a name (RFC 9846, section 2.2).
///
/// It authenticates whoever has it. RFC 9257, section 6, asks for this:
///
/// - It comes from a good source of randomness, with at least 128 bits of entropy. Whoever sees one
///   handshake can try keys without ever connecting again, so a password is no such key. What looks
///   like one is refused.
/// - It belongs to one client and one server, each always in the same role. Where a group has it,
///   each member can pass for each other one, and a message of a node can be turned back on it:
///   [`PskImporter::between`](super::PskImporter::between) binds it to the two.
/// - It is used for one hash and one protocol. A [`PskImporter`](super::PskImporter) makes such keys
///   of a key that has to serve for more.
/// - Its identity is sent in the clear, the same each time, and tells observers who connects.
///
/// **A server that takes the key shows no certificate**: having the key is the proof. So a client
/// that connects to several servers must say whose key it is, with [`for_server`](Self::for_server);
/// else each holder of any of its keys can pass for every server.
#[derive(Clone)]
pub struct PreSharedKey {
    identity: Vec<u8>,
    pub(crate) secret: Zeroizing<Vec<u8>>,
    hash: HashAlgorithm,
    kind: PskKind,
    server: Option<ServerName<'static>>,
    pub(crate) early_data: Option<EarlyDataTerms>,
    /// The connection that a ticket's key comes from.
    pub(crate) session: Option<Box<Session>>,
}

impl PreSharedKey {
    /// The shortest key that is taken, in bytes.
    pub const MIN_LENGTH: usize = 16;

    /// A key that was agreed on outside of TLS, for suites with SHA-256.
    ///
    /// # Errors
    /// When the identity is not 1 to 1024 bytes long, or the key is shorter than
    /// [`MIN_LENGTH`](Self::MIN_LENGTH), is text, or has fewer than eight different bytes: a key
    /// that could be guessed is worse than none. (Of ten million random keys of 16 bytes one is
    /// text; it is refused, too.)
    pub fn external(identity: &[u8], secret: &[u8]) -> Result<Self, ConfigError> {
        check_secret(secret)?;
        Self::new(identity, secret, HashAlgorithm::Sha256, PskKind::External)
    }

    /// A key of any kind, for suites with this hash. The caller answers for its randomness.
    ///
    /// # Errors
    /// When the identity or the key is too short or too long: see [`external`](Self::external).
    pub fn new(
        identity: &[u8],
        secret: &[u8],
        hash: HashAlgorithm,
        kind: PskKind,
    ) -> Result<Self, ConfigError> {
        if identity.is_empty() || identity.len() > 1024 || secret.len() < Self::MIN_LENGTH {
            return Err(ConfigError::PreSharedKey);
        }
        let (identity, secret) = (identity.to_vec(), Zeroizing::new(secret.to_vec()));
        let (server, early_data, session) = (None, None, None);
        Ok(Self { identity, secret, hash, kind, server, early_data, session })
    }

    /// The key of a ticket, for suites with the hash that it was made with; `None` where there is
    /// no such suite. Keys of tickets are as long as their hash.
    pub(crate) fn of_ticket<'a>(
        ticket: &[u8],
        session: Session,
        suites: impl IntoIterator<Item = &'a CipherSuite>,
    ) -> Option<Self> {
        let secret = Zeroizing::new(session.secret.as_bytes().to_vec());
        let mut hashes = suites.into_iter().map(|suite| suite.hash);
        let hash = hashes.find(|hash| hash.output_length() == secret.len())?.algorithm();
        let early_data = (session.max_early_data_size > 0).then(|| EarlyDataTerms {
            max_size: session.max_early_data_size,
            cipher_suite: session.cipher_suite,
            application_protocol: session.application_protocol.clone(),
        });
        let (identity, kind, session) =
            (ticket.to_vec(), PskKind::Resumption, Some(Box::new(session)));
        Some(Self { identity, secret, hash, kind, server: None, early_data, session })
    }

    /// 0-RTT data may be sent under the key, on these terms, which both sides must have.
    ///
    /// Such a key has no age: a server can tell a replay only as long as it remembers every
    /// ClientHello, and takes no more 0-RTT data when its register is full.
    pub fn early_data(mut self, terms: EarlyDataTerms) -> Self {
        self.early_data = Some(terms);
        self
    }

    /// The key is offered to this server only.
    pub fn for_server(mut self, server: ServerName<'static>) -> Self {
        self.server = Some(server);
        self
    }

    pub(crate) fn is_for(&self, server: &ServerName<'static>) -> bool {
        self.server.as_ref().is_none_or(|own| own == server)
    }

    /// What a session keeps of the key where the key has vouched for the peer.
    pub(crate) fn record(&self) -> KeyRecord {
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
        KeyRecord {
            identity: self.identity.clone(),
            external: self.kind != PskKind::Resumption,
            digest: SHA256.hmac(&self.secret, &content),
        }
    }

    /// Is it the very key that the session keeps this of?
    pub(crate) fn is_key_of(&self, record: &KeyRecord) -> bool {
        self.identity == record.identity && self.record().is_same(record)
    }

    /// The name that the client sends, in the clear.
    pub fn identity(&self) -> &[u8] {
        &self.identity
    }

    /// The hash of the suites that the key can be used with.
    pub fn hash(&self) -> HashAlgorithm {
        self.hash
    }

    /// Where the key comes from.
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

/// Is it long enough, and not what people type or fill in?
pub(super) fn check_secret(secret: &[u8]) -> Result<(), ConfigError> {
    const FEW: usize = 8;
    if secret.len() < PreSharedKey::MIN_LENGTH {
        return Err(ConfigError::PreSharedKey);
    }
    let text = secret.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n'));
    let different = (0..=u8::MAX).filter(|byte| secret.contains(byte)).count();
    if text || different < FEW { Err(ConfigError::WeakPreSharedKey) } else { Ok(()) }
}
