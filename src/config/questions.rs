//! What a handshake cannot decide alone, and who decides it.
//!
//! Each trait is asked in the middle of a handshake. It may answer [`Reply::Now`], or
//! [`Reply::Later`]: then the handshake rests, with the question open
//! ([`Connection::question`](crate::connection::Connection::question)), until the answer is given
//! from anywhere. [`AnswerLater`] answers everything later.

use core::fmt;
use std::sync::Arc;

use pki_types::{CertificateDer, DnsName, PrivateKeyDer, ServerName, UnixTime};

use super::{ChosenPsk, ConfigError, EarlyDataOffer, EarlyDataPolicy, PskResolver};
use crate::certificate::{
    CertificateError, CertificateRevocationList, ChainRequest, EndEntity, PathLimits, Problem,
    Profile, Purpose, Revocation, RevocationPolicy, TrustAnchors, verify_chain,
};
use crate::crypto::{CipherSuite, SignatureAlgorithms, SigningKey, signing_key};
use crate::registry::SignatureScheme;
use crate::wire::ClientHello;

/// An answer, or the promise of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply<T> {
    /// The answer.
    Now(T),
    /// The answer comes later: the handshake rests until then.
    Later,
}

/// A certificate chain with the key that proves it.
#[derive(Clone, Debug)]
pub struct CertifiedKey {
    chain: Vec<CertificateDer<'static>>,
    key: KeySource,
    end_entity: EndEntity,
}

/// Where a private key is.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// Here: it signs at once.
    Here(Arc<dyn SigningKey>),
    /// In another process, a device or a service: the signature is asked for as a question, and
    /// the handshake rests until it is answered.
    Elsewhere {
        /// The schemes that the key can sign with, the preferred one first.
        schemes: Vec<SignatureScheme>,
    },
}

impl CertifiedKey {
    /// A chain, the server's own certificate first, and the key of that certificate. The key is
    /// checked to be the certificate's where it is known.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: KeySource) -> Result<Self, ConfigError> {
        let first = chain.first().ok_or(ConfigError::Empty("certificates"))?;
        if chain.iter().any(|certificate| certificate.is_empty()) {
            return Err(ConfigError::Empty("bytes in one of its certificates"));
        }
        let end_entity = EndEntity::parse(first)?;
        end_entity.check_may_sign()?;
        let certified = Self { end_entity, chain, key };
        if certified.schemes().is_empty() {
            return Err(ConfigError::UnsupportedKey);
        }
        if let KeySource::Here(key) = &certified.key {
            let public = key.public_key();
            if public.is_some_and(|key| key != certified.end_entity.subject_public_key_info()) {
                return Err(ConfigError::KeyMismatch);
            }
        }
        Ok(certified)
    }

    /// A chain and a private key from its DER: PKCS#8, SEC1 or PKCS#1.
    pub fn from_der(
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'_>,
    ) -> Result<Self, ConfigError> {
        let key = signing_key(key).map_err(|_| ConfigError::UnsupportedKey)?;
        Self::new(chain, KeySource::Here(key))
    }

    /// The chain, the own certificate first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// Where the key is.
    pub fn key(&self) -> &KeySource {
        &self.key
    }

    /// The schemes that the key can sign with, the preferred one first.
    pub fn schemes(&self) -> &[SignatureScheme] {
        match &self.key {
            KeySource::Here(key) => key.schemes(),
            KeySource::Elsewhere { schemes } => schemes,
        }
    }

    /// The key's first scheme that may sign a handshake and that the peer takes.
    pub(crate) fn scheme_for(&self, hello: &ClientHello<'_>) -> Option<SignatureScheme> {
        let offered = hello.signature_algorithms?;
        let mut schemes = self.schemes().iter().copied();
        schemes.find(|scheme| scheme.signs_handshakes() && offered.contains(*scheme))
    }
}

/// Why a resolver has no certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoCertificate {
    /// The client's name is not served here: alert `unrecognized_name`.
    UnknownName,
    /// No key signs with a scheme that the client takes: alert `handshake_failure`.
    NoCommonScheme,
}

/// Chooses the certificate for a ClientHello.
pub trait CertificateResolver: Send + Sync + fmt::Debug {
    /// The certificate for this ClientHello.
    fn resolve(&self, hello: &ClientHello<'_>) -> Reply<Result<Arc<CertifiedKey>, NoCertificate>>;
}

/// A list of certificates: the first whose names match the client's and whose key the client can
/// verify; else the first whose key it can verify, unless only known names are served.
#[derive(Clone, Debug)]
pub struct CertificateList {
    keys: Vec<Arc<CertifiedKey>>,
    only_known_names: bool,
}

impl CertificateList {
    /// The certificates, the preferred one first.
    pub fn new(keys: Vec<Arc<CertifiedKey>>) -> Self {
        Self { keys, only_known_names: false }
    }

    /// A client that asks for a name of no certificate is refused with `unrecognized_name`.
    pub fn only_known_names(mut self) -> Self {
        self.only_known_names = true;
        self
    }
}

impl CertificateResolver for CertificateList {
    fn resolve(&self, hello: &ClientHello<'_>) -> Reply<Result<Arc<CertifiedKey>, NoCertificate>> {
        let name = hello.server_name.and_then(|name| DnsName::try_from(name).ok());
        let name = name.map(|name| ServerName::DnsName(name.to_owned()));
        let named = |key: &&Arc<CertifiedKey>| {
            name.as_ref().is_some_and(|name| key.end_entity.valid_for(name))
        };
        let signs = |key: &&Arc<CertifiedKey>| key.scheme_for(hello).is_some();
        let mut matching = self.keys.iter().filter(named).peekable();
        if name.is_some() && self.only_known_names && matching.peek().is_none() {
            return Reply::Now(Err(NoCertificate::UnknownName));
        }
        let chosen = matching.find(signs).or_else(|| match self.only_known_names {
            true if name.is_some() => None,
            _ => self.keys.iter().find(signs),
        });
        Reply::Now(chosen.cloned().ok_or(NoCertificate::NoCommonScheme))
    }
}

/// Who the peer says it is: what a [`PeerVerifier`] judges.
#[derive(Clone, Debug)]
pub struct PeerIdentity {
    /// The chain as it was sent, the peer's own certificate first. Never empty.
    pub chain: Arc<[CertificateDer<'static>]>,
    /// The name that was asked for.
    pub server_name: ServerName<'static>,
    /// The time of the connection.
    pub now: UnixTime,
}

/// Judges whether a server's certificates are good for its name.
///
/// Whoever implements this replaces all of certificate validation. The signature over the
/// handshake is checked by the handshake itself and cannot be switched off; everything else is
/// the implementation's to decide.
pub trait PeerVerifier: Send + Sync + fmt::Debug {
    /// The verdict.
    fn verify(&self, peer: &PeerIdentity) -> Reply<Result<(), CertificateError>>;
}

/// The default verifier: a path to one of the trust anchors, valid for the name and the time.
pub struct TrustAnchorVerifier {
    anchors: TrustAnchors,
    algorithms: SignatureAlgorithms,
    crls: Vec<CertificateRevocationList>,
    revocation: RevocationPolicy,
    limits: PathLimits,
}

impl TrustAnchorVerifier {
    /// Trusts what `anchors` say, verifying with `algorithms`.
    pub fn new(anchors: TrustAnchors, algorithms: SignatureAlgorithms) -> Self {
        let (crls, revocation) = (Vec::new(), RevocationPolicy::default());
        Self { anchors, algorithms, crls, revocation, limits: PathLimits::DEFAULT }
    }

    /// Refuses what these CRLs say is revoked. They become stale: replace the verifier when there
    /// are newer ones.
    pub fn with_crls(mut self, crls: Vec<CertificateRevocationList>) -> Self {
        self.crls = crls;
        self
    }

    /// How much must be known about revocation. By default, what is there counts.
    pub fn with_revocation(mut self, policy: RevocationPolicy) -> Self {
        self.revocation = policy;
        self
    }
}

impl PeerVerifier for TrustAnchorVerifier {
    fn verify(&self, peer: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        let Some((end_entity, intermediates)) = peer.chain.split_first() else {
            let problem = Problem::Malformed("the chain is empty".into());
            return Reply::Now(Err(CertificateError { certificate: "(none)".into(), problem }));
        };
        let request = ChainRequest {
            end_entity,
            intermediates,
            anchors: &self.anchors,
            purpose: Purpose::Server,
            names: &[peer.server_name.clone().into()],
            profile: Profile::Default,
            now: peer.now,
            algorithms: &self.algorithms.all,
            revocation: Revocation {
                crls: &self.crls,
                status_request: None,
                policy: self.revocation,
            },
            limits: self.limits,
        };
        Reply::Now(verify_chain(&request).map(drop))
    }
}

impl fmt::Debug for TrustAnchorVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustAnchorVerifier({} anchors)", self.anchors.len())
    }
}

/// Answers every question later.
#[derive(Clone, Copy, Debug)]
pub struct AnswerLater;

impl CertificateResolver for AnswerLater {
    fn resolve(&self, _: &ClientHello<'_>) -> Reply<Result<Arc<CertifiedKey>, NoCertificate>> {
        Reply::Later
    }
}

impl PskResolver for AnswerLater {
    fn resolve(&self, _: &ClientHello<'_>, _: &CipherSuite) -> Reply<Option<ChosenPsk>> {
        Reply::Later
    }
}

impl EarlyDataPolicy for AnswerLater {
    fn accept(&self, _: &EarlyDataOffer) -> Reply<bool> {
        Reply::Later
    }
}

impl PeerVerifier for AnswerLater {
    fn verify(&self, _: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        Reply::Later
    }
}
