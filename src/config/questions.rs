//! What a handshake cannot decide alone, and who decides it.
//!
//! Each trait is asked in the middle of a handshake. It may answer [`Reply::Now`], or
//! [`Reply::Later`]: then the handshake rests, with the question open
//! ([`Connection::question`](crate::connection::Connection::question)), until the answer is given
//! from anywhere. [`AnswerLater`] answers everything later.

use core::fmt;
use std::sync::Arc;

use pki_types::{CertificateDer, DnsName, ServerName, UnixTime};

use super::{CertifiedKey, ChosenPsk, EarlyDataOffer, EarlyDataPolicy, PskResolver};
use crate::certificate::{
    AnchorDates, CertificateError, CertificateRevocationList, ChainRequest, Digests,
    InitialPolicies, PathLimits, PolicyIdentifier, Problem, Profile, Purpose, Revocation,
    RevocationPolicy, StatusRequest, TrustAnchors, verify_chain,
};
use crate::crypto::{CipherSuite, SignatureAlgorithms, ring};
use crate::registry::{CertificateType, SignatureScheme};
pub use crate::reply::Reply;
use crate::wire::ClientHello;

/// Why a resolver has no certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoCertificate {
    /// The client's name is not served here: alert `unrecognized_name`.
    UnknownName,
    /// No key signs with a scheme that the client takes: alert `handshake_failure`.
    NoCommonScheme,
    /// There is no certificate of a type that the client takes: alert `unsupported_certificate`.
    NoCommonType,
}

/// Chooses the certificate for a ClientHello.
pub trait CertificateResolver: Send + Sync + fmt::Debug {
    /// The certificate for this ClientHello.
    fn resolve(&self, hello: &ClientHello<'_>) -> Reply<Result<Arc<CertifiedKey>, NoCertificate>>;

    /// Is there a server of this name here? In a resumption no certificate is chosen, so this is
    /// asked before: a session of a name that is not served any more, or by another configuration
    /// with the same ticket keys, is not resumed. All names are served, unless a resolver says
    /// otherwise. `None` is a client that names none.
    fn serves(&self, server_name: Option<&str>) -> bool {
        let _ = server_name;
        true
    }

    /// The schemes of all its keys, for the words of an error. None, unless a resolver says so.
    fn schemes(&self) -> Vec<SignatureScheme> {
        Vec::new()
    }
}

/// A list of certificates: the first whose names match the client's and whose key the client can
/// verify; else the first whose key it can verify, unless only known names are served. Of several
/// it takes the first whose whole chain is signed with what the client takes, if there is one.
#[derive(Clone, Debug)]
pub struct CertificateList {
    pub(super) keys: Vec<Arc<CertifiedKey>>,
    only_known_names: bool,
}

impl CertificateList {
    /// The certificates, the preferred one first.
    pub fn new(keys: Vec<Arc<CertifiedKey>>) -> Self {
        Self { keys, only_known_names: false }
    }

    /// A client that asks for a name of no certificate is refused with `unrecognized_name`. Its
    /// session with that name is not resumed either.
    pub fn only_known_names(mut self) -> Self {
        self.only_known_names = true;
        self
    }
}

impl CertificateResolver for CertificateList {
    fn resolve(&self, hello: &ClientHello<'_>) -> Reply<Result<Arc<CertifiedKey>, NoCertificate>> {
        let name = hello.server_name.and_then(|name| DnsName::try_from(name).ok());
        let name = name.map(|name| ServerName::DnsName(name.to_owned()).into());
        let named = |key: &&Arc<CertifiedKey>| {
            name.as_ref().is_some_and(|name| key.end_entity.valid_for(name))
        };
        let signs = |key: &&Arc<CertifiedKey>| key.scheme_for(hello).is_some();
        let strict = name.is_some() && self.only_known_names;
        if strict && !self.keys.iter().any(|key| named(&key)) {
            return Reply::Now(Err(NoCertificate::UnknownName));
        }
        let fitting = self.keys.iter().filter(|key| signs(key) && (!strict || named(key)));
        let (for_chains, others) = (hello.signature_algorithms_cert, hello.signature_algorithms);
        // The first of the best: true comes after false.
        let chosen =
            fitting.min_by_key(|key| (!named(key), !key.is_issued_with(for_chains, others)));
        let reason = match self.keys.iter().any(|key| key.has_type_for(hello)) {
            true => NoCertificate::NoCommonScheme,
            false => NoCertificate::NoCommonType,
        };
        Reply::Now(chosen.cloned().ok_or(reason))
    }

    fn serves(&self, server_name: Option<&str>) -> bool {
        let Some(Ok(name)) = server_name.map(DnsName::try_from) else { return true };
        let name = ServerName::DnsName(name.to_owned()).into();
        !self.only_known_names || self.keys.iter().any(|key| key.end_entity.valid_for(&name))
    }

    fn schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = Vec::new();
        for scheme in self.keys.iter().flat_map(|key| key.schemes()) {
            if !schemes.contains(scheme) {
                schemes.push(*scheme);
            }
        }
        schemes
    }
}

/// Who the peer says it is, by certificates of X.509: what a [`PeerVerifier`] judges.
#[derive(Clone, Debug)]
pub struct PeerIdentity {
    /// The chain as it was sent, the peer's own certificate first. Never empty.
    pub chain: Arc<[CertificateDer<'static>]>,
    /// The name that was asked for; `None` where the peer is a client, which has no name to prove.
    pub server_name: Option<ServerName<'static>>,
    /// The time of the connection.
    pub now: UnixTime,
    /// Whether the peer was asked to staple an OCSP response, which some certificates demand then
    /// (RFC 7633).
    pub ocsp_requested: bool,
    /// The OCSP response that is stapled to the peer's own certificate: its DER, as it was sent.
    /// Nothing has verified it.
    pub ocsp_response: Option<Arc<[u8]>>,
    /// The signed certificate timestamps (RFC 6962) that came with the peer's own certificate.
    /// Nothing has verified them.
    pub signed_certificate_timestamps: Vec<Vec<u8>>,
}

/// Who the peer says it is, by a public key alone (RFC 7250): what
/// [`PeerVerifier::verify_raw_public_key`] judges.
#[derive(Clone, Debug)]
pub struct RawPublicKey {
    /// The DER of the SubjectPublicKeyInfo.
    pub subject_public_key_info: Arc<[u8]>,
    /// The name that was asked for; `None` where the peer is a client.
    pub server_name: Option<ServerName<'static>>,
    /// The time of the connection.
    pub now: UnixTime,
}

/// Judges whether a server's certificates are good for its name, or whether a client's are good.
///
/// Whoever implements this replaces all of certificate validation. The signature over the
/// handshake is checked by the handshake itself and cannot be switched off; everything else is
/// the implementation's to decide.
///
/// Raw public keys have a method of their own and are not agreed on unless
/// [`certificate_types`](Self::certificate_types) says so: an implementation that knows X.509 only
/// is never asked about one, and would refuse it.
///
/// The same is asked again before a session is resumed: with the chain, the OCSP response and the
/// timestamps of the handshake that the session goes back to, at the time of the new connection.
/// After a refusal there is a full handshake.
pub trait PeerVerifier: Send + Sync + fmt::Debug {
    /// The verdict on certificates of X.509.
    fn verify(&self, peer: &PeerIdentity) -> Reply<Result<(), CertificateError>>;

    /// The types of certificate that it can judge, the preferred one first: X.509 alone, unless an
    /// implementation says otherwise.
    fn certificate_types(&self) -> &[CertificateType] {
        &[CertificateType::X509]
    }

    /// The verdict on a raw public key: a refusal, unless an implementation says otherwise.
    fn verify_raw_public_key(&self, _: &RawPublicKey) -> Reply<Result<(), CertificateError>> {
        Reply::Now(Err(CertificateError::rejected("this verifier takes no raw public keys")))
    }
}

/// The default verifier: a path to one of the trust anchors, valid for the name and the time, of
/// which nothing is known to be revoked. A stapled OCSP response is verified if it was asked for.
pub struct TrustAnchorVerifier {
    anchors: TrustAnchors,
    algorithms: SignatureAlgorithms,
    crls: Arc<[CertificateRevocationList]>,
    revocation: RevocationPolicy,
    limits: PathLimits,
    purpose: Purpose,
    profile: Profile,
    anchor_dates: AnchorDates,
    /// The acceptable policies of `policies`.
    user_policy_set: Option<Vec<PolicyIdentifier>>,
    policies: InitialPolicies<'static>,
}

impl TrustAnchorVerifier {
    /// Judges servers: trusts what `anchors` say, verifying with `algorithms`.
    pub fn new(anchors: TrustAnchors, algorithms: SignatureAlgorithms) -> Self {
        Self {
            anchors,
            algorithms,
            crls: Arc::default(),
            revocation: RevocationPolicy::default(),
            limits: PathLimits::DEFAULT,
            purpose: Purpose::Server,
            profile: Profile::Default,
            anchor_dates: AnchorDates::Ignored,
            user_policy_set: None,
            policies: InitialPolicies::default(),
        }
    }

    /// Judges clients, whose names mean what the application makes of them.
    pub fn for_clients(anchors: TrustAnchors, algorithms: SignatureAlgorithms) -> Self {
        Self { purpose: Purpose::Client, ..Self::new(anchors, algorithms) }
    }

    /// Refuses what these CRLs say is revoked. They go stale: replace the configuration when there
    /// are newer ones. An `Arc` of them can be shared by several verifiers.
    pub fn with_crls(mut self, crls: impl Into<Arc<[CertificateRevocationList]>>) -> Self {
        self.crls = crls.into();
        self
    }

    /// How much must be known about revocation. By default, what is there counts.
    pub fn with_revocation(mut self, policy: RevocationPolicy) -> Self {
        self.revocation = policy;
        self
    }

    /// How strict to be: [`Profile::Default`] by default. The rules of both profiles are in the
    /// documentation of [`certificate`](crate::certificate).
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use handclasp::certificate::Profile;
    /// # use handclasp::config::TrustAnchorVerifier;
    /// # use handclasp::{ClientConfig, CryptoProvider, TrustAnchors};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let made = rcgen::generate_simple_self_signed(["a.example".to_owned()])?;
    /// # let anchors = TrustAnchors::from_der(made.cert.der())?;
    /// let provider = CryptoProvider::ring();
    /// let verifier = TrustAnchorVerifier::new(anchors, provider.signatures.clone())
    ///     .with_profile(Profile::Strict);
    /// let config = ClientConfig::builder(provider).verifier(Arc::new(verifier)).build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// Whether an anchor counts beyond the dates in its certificate. It does by default, as an
    /// anchor is a name and a key: see [`AnchorDates`].
    pub fn with_anchor_dates(mut self, dates: AnchorDates) -> Self {
        self.anchor_dates = dates;
        self
    }

    /// Which certificate policies are acceptable, and whether one is needed (RFC 5280, section
    /// 6.1.1). By default all are, and none is.
    pub fn with_policies(mut self, policies: InitialPolicies<'_>) -> Self {
        self.user_policy_set = policies.user_policy_set.map(<[_]>::to_vec);
        self.policies = InitialPolicies { user_policy_set: None, ..policies };
        self
    }
}

impl PeerVerifier for TrustAnchorVerifier {
    fn verify(&self, peer: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        let Some((end_entity, intermediates)) = peer.chain.split_first() else {
            let problem = Problem::Malformed("the chain is empty".into());
            return Reply::Now(Err(CertificateError { certificate: "(none)".into(), problem }));
        };
        // A verifier on the wrong side must not become one that looks at no name.
        if peer.server_name.is_some() != (self.purpose == Purpose::Server) {
            let reason = format!("the verifier is one for {}", self.purpose);
            return Reply::Now(Err(CertificateError::rejected(reason)));
        }
        let names: Vec<_> = peer.server_name.iter().cloned().map(Into::into).collect();
        let status_request = peer.ocsp_requested.then_some(StatusRequest {
            response: peer.ocsp_response.as_deref(),
            digests: Digests { sha1: ring::sha1, sha256: ring::sha256 },
        });
        let request = ChainRequest {
            end_entity,
            intermediates,
            anchors: &self.anchors,
            purpose: self.purpose,
            names: &names,
            profile: self.profile,
            policies: InitialPolicies {
                user_policy_set: self.user_policy_set.as_deref(),
                ..self.policies
            },
            anchor_dates: self.anchor_dates,
            now: peer.now,
            algorithms: &self.algorithms.all,
            revocation: Revocation { crls: &self.crls, status_request, policy: self.revocation },
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

/// Answers every question later. Raw public keys it does not take.
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
