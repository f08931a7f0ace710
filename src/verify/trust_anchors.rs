use core::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

use super::accepted_servers::AcceptedServers;
use super::ocsp_request::Validation;
use super::{PeerIdentity, PeerVerifier};
use crate::certificate::{
    AnchorDates, CertificateError, CertificateErrorKind, CertificateRevocationList, ChainRequest,
    InitialPolicies, PathLimits, PolicyIdentifier, Profile, Purpose, ReferenceIdentifier,
    RevocationPolicy, SignatureCache, StatusRequest, TrustAnchors, VerifiedEndEntity,
    verify_end_entity, verify_end_entity_by_default,
};
use crate::crypto::SignatureAlgorithms;
use crate::reply::Reply;

/// The default verifier. It accepts a peer if there is a path from its certificate to a trust
/// anchor, the certificates are valid at this time, the server's certificate has the name, and no
/// certificate is known to be revoked. If this side requested an OCSP response, the verifier checks
/// the response, too (appendix C.5).
pub struct TrustAnchorVerifier {
    /// The smallest validation that has all that is configured here.
    validate: Validation,
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
    signature_cache: SignatureCache,
    pub(super) accepted: AcceptedServers,
}

impl TrustAnchorVerifier {
    /// The number of signatures that a verifier remembers by default. Each takes 32 bytes, and what a
    /// hash set needs beside them.
    pub const CACHED_SIGNATURES: usize = 1_024;

    /// Verifies servers. It trusts `anchors`, and verifies signatures with `algorithms`: those of the
    /// provider.
    pub fn new(anchors: TrustAnchors, algorithms: SignatureAlgorithms) -> Self {
        let sha256 = algorithms.digests.sha256;
        Self {
            validate: verify_end_entity_by_default,
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
            signature_cache: SignatureCache::new(Self::CACHED_SIGNATURES, sha256),
            accepted: AcceptedServers::new(Self::CACHED_SIGNATURES),
        }
    }

    /// Verifies clients. The application decides what their names mean.
    pub fn for_clients(anchors: TrustAnchors, algorithms: SignatureAlgorithms) -> Self {
        Self { purpose: Purpose::Client, ..Self::new(anchors, algorithms) }
    }

    /// Refuses certificates that these CRLs revoke. CRLs go out of date: replace the configuration
    /// when there are newer ones, or take the crate `handclasp-reload`, which reads their files again.
    /// Several verifiers can share an `Arc` of CRLs.
    pub fn with_crls(mut self, crls: impl Into<Arc<[CertificateRevocationList]>>) -> Self {
        self.crls = crls.into();
        self.validate = verify_end_entity;
        self.with_other_rules()
    }

    /// How much must be known about revocation. By default the verifier uses the CRLs and responses
    /// that there are, and demands no others.
    pub fn with_revocation(mut self, policy: RevocationPolicy) -> Self {
        self.revocation = policy;
        self.validate = verify_end_entity;
        self.with_other_rules()
    }

    /// Sets the profile: [`Profile::Default`] by default. The documentation of
    /// [`certificate`](crate::certificate) has the rules of both profiles.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use handclasp::certificate::Profile;
    /// # use handclasp::verify::TrustAnchorVerifier;
    /// # use handclasp::{ClientConfig, CryptoProvider, TrustAnchors};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let made = rcgen::generate_simple_self_signed(["a.example".to_owned()])?;
    /// # let anchors = TrustAnchors::from_der(made.cert.der())?;
    /// let provider = CryptoProvider::default();
    /// let verifier = TrustAnchorVerifier::new(anchors, provider.signatures.clone())
    ///     .with_profile(Profile::Strict);
    /// let config = ClientConfig::builder(provider).verifier(Arc::new(verifier)).build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self.validate = verify_end_entity;
        self.with_other_rules()
    }

    /// Whether an anchor is trusted outside of the dates in its certificate. By default it is, because
    /// an anchor is a name and a key: see [`AnchorDates`].
    pub fn with_anchor_dates(mut self, dates: AnchorDates) -> Self {
        self.anchor_dates = dates;
        self.with_other_rules()
    }

    /// Which certificate policies are acceptable, and whether a chain must have one (RFC 5280, section
    /// 6.1.1). By default all are acceptable, and a chain needs none.
    pub fn with_policies(mut self, policies: InitialPolicies<'_>) -> Self {
        self.user_policy_set = policies.user_policy_set.map(<[_]>::to_vec);
        self.policies = InitialPolicies { user_policy_set: None, ..policies };
        self.with_other_rules()
    }

    /// How much work the peer can cause: [`PathLimits::DEFAULT`] by default.
    pub fn with_limits(mut self, limits: PathLimits) -> Self {
        self.limits = limits;
        self.with_other_rules()
    }

    /// How many signatures the verifier remembers: [`CACHED_SIGNATURES`](Self::CACHED_SIGNATURES) by
    /// default, and none with 0. What was remembered before is forgotten.
    ///
    /// The signatures of a chain that was accepted are not verified again when the same certificates
    /// come again, in a full handshake or before a session is resumed. Everything else is checked each
    /// time: see [`SignatureCache`]. A server with more clients than that, each with a certificate of
    /// its own, may remember more.
    ///
    /// A verifier of servers remembers the chains of so many servers, too: of fewer where their
    /// certificates take more than 4,096 bytes for each. Where it has no CRLs, and no OCSP response was
    /// requested, the same chain for the same name is accepted again as long as all certificates of its
    /// path are valid: nothing else can have changed. The connections to such a server with
    /// a full handshake have its certificates once in memory.
    pub fn with_signature_cache(mut self, capacity: usize) -> Self {
        self.signature_cache = SignatureCache::new(capacity, self.algorithms.digests.sha256);
        self.accepted = AcceptedServers::new(capacity);
        self
    }

    /// Forgets what was accepted by other rules.
    fn with_other_rules(mut self) -> Self {
        self.accepted.clear();
        self
    }

    /// The verdict about this peer does not depend on the revocation of certificates.
    fn ignores_revocation(&self, peer: &PeerIdentity) -> bool {
        self.crls.is_empty() && !peer.ocsp_requested()
    }

    /// A verifier for clients checks no name, so it must not verify a server.
    fn check_purpose(&self, peer: &PeerIdentity) -> Result<(), CertificateError> {
        if peer.server_name.is_some() == (self.purpose == Purpose::Server) {
            return Ok(());
        }
        let reason = format!("the verifier is one for {}", self.purpose);
        Err(CertificateError::rejected(reason))
    }
}

impl PeerVerifier for TrustAnchorVerifier {
    fn verify(&self, peer: &PeerIdentity) -> Reply<Result<(), CertificateError>> {
        let Some((end_entity, intermediates)) = peer.chain.split_first() else {
            let kind = CertificateErrorKind::Malformed("the chain is empty".into());
            return Reply::Now(Err(CertificateError { certificate: "(none)".into(), kind }));
        };
        if let Err(error) = self.check_purpose(peer) {
            return Reply::Now(Err(error));
        }
        if self.ignores_revocation(peer) {
            if let Some(accepted) = self.accepted.find(peer) {
                peer.keep_accepted(accepted.chain, accepted.end_entity);
                return Reply::Now(Ok(()));
            }
        }
        let name = peer.server_name.as_ref().map(ReferenceIdentifier::from);
        // The built-in providers have fewer algorithms than 32, so nothing is allocated.
        let algorithms: SmallVec<[_; 32]> = self.algorithms.for_certificates().collect();
        let mut request = ChainRequest::new(
            end_entity,
            intermediates,
            &self.anchors,
            self.purpose,
            name.as_slice(),
            peer.now,
            &algorithms,
        );
        request.profile = self.profile;
        request.policies =
            InitialPolicies { user_policy_set: self.user_policy_set.as_deref(), ..self.policies };
        request.anchor_dates = self.anchor_dates;
        request.revocation.crls = &self.crls;
        request.revocation.policy = self.revocation;
        let mut validate = self.validate;
        if let Some(ocsp) = peer.ocsp_request {
            let response = peer.ocsp_response.as_deref();
            let status_request = StatusRequest::new(response, self.algorithms.digests);
            request.revocation.status_request = Some(status_request);
            validate = ocsp.validate;
        }
        request.limits = self.limits;
        request.signature_cache = Some(&self.signature_cache);
        match validate(&request) {
            Ok(verified) => {
                let VerifiedEndEntity { end_entity, validity, .. } = verified;
                if self.ignores_revocation(peer) {
                    self.accepted.insert(peer, &end_entity, validity);
                }
                peer.keep_end_entity(end_entity);
                Reply::Now(Ok(()))
            }
            Err(error) => Reply::Now(Err(error)),
        }
    }

    /// All names of a short list. Those of a long one, such as the system's, do not help a reader: the first ones are
    /// an example.
    fn trusted_names(&self) -> Vec<String> {
        const SHORT_LIST: usize = 8;
        const EXAMPLES: usize = 3;
        let count = self.anchors.len();
        let shown = if count > SHORT_LIST { EXAMPLES } else { count };
        let mut names = Vec::new();
        for label in self.anchors.labels().take(shown) {
            names.push(label.to_owned());
        }
        if count > shown {
            names.push(format!("and {} more", count - shown));
        }
        names
    }

    fn authorities(&self) -> Vec<Vec<u8>> {
        self.anchors.subjects()
    }
}

impl fmt::Debug for TrustAnchorVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustAnchorVerifier({} anchors)", self.anchors.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::TrustAnchors;
    use crate::crypto::CryptoProvider;

    fn names_of(count: usize) -> Vec<String> {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut pem = String::new();
        for number in 1..=count {
            let mut params = rcgen::CertificateParams::default();
            params.distinguished_name.push(rcgen::DnType::CommonName, format!("root {number}"));
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            pem += &params.self_signed(&key).unwrap().pem();
        }
        let anchors = TrustAnchors::from_pem(pem.as_bytes()).unwrap();
        assert_eq!(anchors.len(), count);
        TrustAnchorVerifier::new(anchors, CryptoProvider::default().signatures).trusted_names()
    }

    #[test]
    fn a_short_list_of_anchors_is_named_in_full_and_a_long_one_by_examples() {
        let short = names_of(8);
        assert_eq!(short.len(), 8);
        assert!(short[7].contains("root 8"), "{short:?}");
        let long = names_of(9);
        assert_eq!(long.len(), 4);
        assert_eq!((long[0].contains("root 1"), long[3].as_str()), (true, "and 6 more"));
    }
}
