use core::fmt;
use std::sync::Arc;

use super::{PeerIdentity, PeerVerifier};
use crate::certificate::{
    AnchorDates, CertificateError, CertificateErrorKind, CertificateRevocationList, ChainRequest,
    Digests, InitialPolicies, PathLimits, PolicyIdentifier, Profile, Purpose, Revocation,
    RevocationPolicy, StatusRequest, TrustAnchors, verify_chain,
};
use crate::crypto::{SignatureAlgorithms, ring};
use crate::reply::Reply;

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
    /// # use handclasp::verify::TrustAnchorVerifier;
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
            let kind = CertificateErrorKind::Malformed("the chain is empty".into());
            return Reply::Now(Err(CertificateError { certificate: "(none)".into(), kind }));
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
