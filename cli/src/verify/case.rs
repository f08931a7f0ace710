//! One chain to verify, with everything that the verification needs.

use handclasp::certificate::{
    AnchorDates, CertificateError, CertificateErrorKind, ChainRequest, Explanation,
    InitialPolicies, LoadedAnchors, PathLimits, PolicyIdentifier, Profile, Purpose,
    ReferenceIdentifier, RevocationPolicy, StatusRequest, TrustAnchorError, VerifiedPath,
    explain_chain,
};
use handclasp::crypto::CryptoProvider;
use handclasp::pki_types::{CertificateDer, ServerName, UnixTime};

use super::evidence::Evidence;

/// How many names of a certificate are listed.
const LISTED_NAMES: usize = 20;

/// A name that the certificate must be valid for.
#[derive(Clone, Debug)]
pub enum Name {
    Server(ServerName<'static>),
    Email(String),
    /// A name that no certificate can be valid for, such as a malformed DNS name.
    Impossible(String),
}

/// The inputs about policies (RFC 5280, section 6.1.1).
#[derive(Default)]
pub struct Policies {
    /// `None` is every policy.
    pub user_policy_set: Option<Vec<PolicyIdentifier>>,
    pub explicit_policy: bool,
    pub policy_mapping_inhibit: bool,
    pub any_policy_inhibit: bool,
}

pub struct Case {
    pub end_entity: CertificateDer<'static>,
    pub intermediates: Vec<CertificateDer<'static>>,
    /// The trust anchors. A malformed certificate is ignored.
    pub anchors: LoadedAnchors,
    pub evidence: Evidence,
    pub names: Vec<Name>,
    pub time: UnixTime,
    pub purpose: Purpose,
    pub profile: Profile,
    pub policies: Policies,
    pub anchor_dates: AnchorDates,
    pub max_depth: Option<usize>,
}

impl Case {
    /// The result, with all candidates that were tried.
    pub fn explain(&self) -> Explanation {
        let mut explanation = self.ask();
        explanation.result = self.with_skipped_anchor(explanation.result);
        explanation
    }

    fn ask(&self) -> Explanation {
        let names = self.names.iter().filter_map(|name| match name {
            Name::Server(name) => Some(ReferenceIdentifier::Server(name.clone())),
            Name::Email(address) => Some(ReferenceIdentifier::Email(address)),
            Name::Impossible(_) => None,
        });
        let names: Vec<_> = names.collect();
        let provider = CryptoProvider::default();
        let mut limits = PathLimits::DEFAULT;
        limits.depth = self.max_depth.unwrap_or(limits.depth);
        let algorithms: Vec<_> = provider.signatures.for_certificates().collect();
        let digests = provider.signatures.digests;
        let response = self.evidence.ocsp.as_deref();
        let status_request = response.map(|response| StatusRequest::new(Some(response), digests));
        let ask = |policy: RevocationPolicy| {
            let mut request = ChainRequest::new(
                &self.end_entity,
                &self.intermediates,
                &self.anchors.anchors,
                self.purpose,
                &names,
                self.time,
                &algorithms,
            );
            request.profile = self.profile;
            request.policies = InitialPolicies {
                user_policy_set: self.policies.user_policy_set.as_deref(),
                explicit_policy: self.policies.explicit_policy,
                policy_mapping_inhibit: self.policies.policy_mapping_inhibit,
                any_policy_inhibit: self.policies.any_policy_inhibit,
            };
            request.anchor_dates = self.anchor_dates;
            request.revocation.crls = &self.evidence.crls;
            request.revocation.status_request = status_request;
            request.revocation.policy = policy;
            request.limits = limits;
            explain_chain(&request)
        };
        let policies = self.evidence.policies();
        let answer = ask(policies.first);
        match policies.further {
            Some(policy) if answer.result.is_ok() => ask(policy),
            _ => answer,
        }
    }

    /// The stable name of the reason why this case was rejected. If the library did not reject it, a
    /// CRL was the reason.
    pub fn code(&self, error: &CertificateError) -> &'static str {
        match (&error.kind, &self.evidence.unusable) {
            (CertificateErrorKind::Rejected(_), Some(unusable)) => unusable.code(),
            (kind, _) => kind.code(),
        }
    }

    /// The result, with the reasons that the library does not know.
    fn with_skipped_anchor(
        &self,
        result: Result<VerifiedPath, CertificateError>,
    ) -> Result<VerifiedPath, CertificateError> {
        let path = result.map_err(|error| match (&error.kind, self.anchors.skipped.first()) {
            // There may be no path because that anchor is missing.
            (
                CertificateErrorKind::UnknownIssuer(_)
                | CertificateErrorKind::IssuerEncodedDifferently(_)
                | CertificateErrorKind::SelfIssued,
                Some(TrustAnchorError::Certificate { number, error: malformed }),
            ) => CertificateError {
                certificate: format!("trust anchor {number}"),
                kind: malformed.kind.clone(),
            },
            _ => error,
        })?;
        let impossible = self.names.iter().find_map(|name| match name {
            Name::Impossible(name) => Some(name.escape_default().to_string()),
            _ => None,
        });
        let kind = match (impossible, &self.evidence.unusable) {
            (Some(expected), _) => {
                let mut presented = path.end_entity.presented_identifiers();
                let omitted = presented.len().saturating_sub(LISTED_NAMES);
                presented.truncate(LISTED_NAMES);
                CertificateErrorKind::NameMismatch { expected, presented, omitted }
            }
            (None, Some(error)) => CertificateErrorKind::Rejected(error.to_string()),
            (None, None) => return Ok(path),
        };
        Err(CertificateError { certificate: path.end_entity.subject(), kind })
    }
}
