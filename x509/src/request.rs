//! The request of a path validation.

use pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};

use super::anchors::TrustAnchors;
use super::certificate::Certificate;
use super::issuer::Issuer;
use super::limits::PathLimits;
use super::name::ReferenceIdentifier;
use super::policies::InitialPolicies;
use super::profile::{AnchorDates, Profile, Purpose};
use super::revocation::policy::Revocation;
use super::signature::{PublicKey, Signed};
use super::signature_cache::SignatureCache;

/// What [`verify_chain`](super::verify_chain) verifies, and how.
///
/// [`new`](Self::new) takes what every request needs. The other fields have defaults, and can be set.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ChainRequest<'a> {
    /// The peer's own certificate.
    pub end_entity: &'a CertificateDer<'a>,
    /// The other certificates that the peer sent. They may be in any order, and some may be missing
    /// or may belong to no path.
    pub intermediates: &'a [CertificateDer<'a>],
    /// The trust anchors.
    pub anchors: &'a TrustAnchors,
    /// What the certificate is used for.
    pub purpose: Purpose,
    /// The certificate must be valid for each of these names. An empty list skips the check. This is
    /// right for a client's certificate, whose names only mean something to the application. It is
    /// never right for a server's certificate.
    pub names: &'a [ReferenceIdentifier<'a>],
    /// Which rules the path must meet.
    pub profile: Profile,
    /// Which certificate policies are acceptable, and whether one is required.
    pub policies: InitialPolicies<'a>,
    /// Whether the dates of trust anchors are checked.
    pub anchor_dates: AnchorDates,
    /// The time of the validation.
    pub now: UnixTime,
    /// The accepted algorithms of the certificates' signatures.
    pub algorithms: &'a [&'a dyn SignatureVerificationAlgorithm],
    /// The revocation evidence, and how much of it is required.
    pub revocation: Revocation<'a>,
    /// How much work the peer can cause.
    pub limits: PathLimits,
    /// The signatures that were verified before. `None` to verify every signature.
    pub signature_cache: Option<&'a SignatureCache>,
}

impl ChainRequest<'_> {
    /// Whether it is remembered that the key made the signature of `signed`, all of which is in `der`,
    /// and the algorithm is accepted.
    pub(super) fn remembers(&self, key: PublicKey<'_>, signed: Signed<'_>, der: &[u8]) -> bool {
        let Some(cache) = self.signature_cache else { return false };
        // The cache is asked first: without a hit, `verify` follows, and looks for the algorithm itself.
        cache.contains(key, der) && signed.is_accepted(key, self.algorithms)
    }

    /// Whether this issuer issued the certificate: the names are the same, and the signature is valid.
    pub(super) fn is_issued_by(&self, certificate: &Certificate<'_>, issuer: &Issuer<'_>) -> bool {
        let Certificate { signed, der, .. } = certificate;
        certificate.issuer.is_same(issuer.subject)
            && (self.remembers(issuer.key, *signed, der)
                || signed.verify(issuer.key, self.algorithms).is_ok())
    }

    /// Remembers that the key made the signature that is in this DER.
    pub(super) fn remember(&self, key: PublicKey<'_>, der: &[u8]) {
        if let Some(cache) = self.signature_cache {
            cache.insert(key, der);
        }
    }
}

impl<'a> ChainRequest<'a> {
    /// A request in the default profile, with the default limits, no requirements for policies and no
    /// revocation evidence, no signature cache, and without a check of the anchors' dates.
    ///
    /// An empty list of `names` skips the check of the names: see [`names`](Self::names).
    pub fn new(
        end_entity: &'a CertificateDer<'a>,
        intermediates: &'a [CertificateDer<'a>],
        anchors: &'a TrustAnchors,
        purpose: Purpose,
        names: &'a [ReferenceIdentifier<'a>],
        now: UnixTime,
        algorithms: &'a [&'a dyn SignatureVerificationAlgorithm],
    ) -> Self {
        Self {
            end_entity,
            intermediates,
            anchors,
            purpose,
            names,
            profile: Profile::Default,
            policies: InitialPolicies::default(),
            anchor_dates: AnchorDates::Ignored,
            now,
            algorithms,
            revocation: Revocation::default(),
            limits: PathLimits::DEFAULT,
            signature_cache: None,
        }
    }
}
