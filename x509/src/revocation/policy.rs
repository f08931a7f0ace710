//! What a caller knows of revocation, and how much must be known.

use super::crl::CertificateRevocationList;

/// The evidence of a validation, and how much of it there must be.
///
/// Evidence that is given always counts, unless the policy is [`RevocationMode::Off`]:
///
/// - A revocation is believed whenever it is signed by the right key, even if it is outdated. A
///   hold (certificateHold) in a CRL is over when a newer CRL clears the certificate.
/// - That a certificate is good is believed only if it is fresh, and said for all reasons.
/// - Evidence that is for a certificate and cannot be used is an error, because someone wanted it
///   to count, unless other evidence clears the certificate.
#[derive(Clone, Copy, Debug, Default)]
pub struct Revocation<'a> {
    /// The CRLs, of any issuers in any order: each is used for the certificates that it is for.
    pub crls: &'a [CertificateRevocationList],
    /// The OCSP response that the peer was asked to staple; `None` if it was not asked.
    pub status_request: Option<StatusRequest<'a>>,
    /// How much must be known.
    pub policy: RevocationPolicy,
}

impl Revocation<'_> {
    /// Whether there is no evidence to look at.
    pub(in super::super) fn is_empty(&self) -> bool {
        self.crls.is_empty() && self.status_request.is_none()
    }

    /// Whether revocation has to be checked.
    pub(super) fn is_checked(&self) -> bool {
        match self.policy.mode {
            RevocationMode::Off => false,
            RevocationMode::IfPresent => !self.is_empty(),
            RevocationMode::Require => true,
        }
    }
}

/// What came of asking the peer for an OCSP response (`status_request`, RFC 6066, section 8).
///
/// Because it was asked for, a server's certificate that demands a response (must-staple, RFC 7633)
/// needs a good one, unless the policy is off.
#[derive(Clone, Copy, Debug)]
pub struct StatusRequest<'a> {
    /// The DER of the OCSPResponse about the end entity, if the peer has sent one.
    pub response: Option<&'a [u8]>,
    /// The hashes that responses name certificates with.
    pub digests: Digests,
}

/// The hashes of OCSP (RFC 6960, section 4.3). They find a certificate and prove nothing, so that
/// SHA-1 does no harm.
#[derive(Clone, Copy, Debug)]
pub struct Digests {
    /// SHA-1.
    pub sha1: fn(&[u8]) -> [u8; 20],
    /// SHA-256.
    pub sha256: fn(&[u8]) -> [u8; 32],
}

/// How much must be known about revocation, and of which certificates. By default, whatever
/// evidence is given counts, for the whole chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RevocationPolicy {
    /// How much must be known.
    pub mode: RevocationMode,
    /// Of which certificates.
    pub scope: RevocationScope,
}

/// How much must be known about revocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RevocationMode {
    /// Nothing: evidence is not looked at, not even if it says that a certificate is revoked.
    Off,
    /// Evidence that is given counts; where there is none, the certificate is taken as good.
    #[default]
    IfPresent,
    /// There must be evidence that the certificate is good.
    Require,
}

/// Of which certificates something must be known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RevocationScope {
    /// The peer's own.
    EndEntity,
    /// All but the trust anchor, which is trusted because it is. The peer's own certificate is
    /// checked even if it is an anchor itself.
    #[default]
    Chain,
}
