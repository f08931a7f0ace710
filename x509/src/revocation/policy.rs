//! What a caller knows of revocation, and how much must be known.

use super::crl::CertificateRevocationList;

/// The revocation evidence for a validation, and how much of it is required.
///
/// The evidence always counts, unless the policy is [`RevocationMode::Off`]:
///
/// - A revocation with a valid signature counts, even if it is outdated. A newer CRL ends a hold
///   (certificateHold) in a CRL if it says that the certificate is good.
/// - A certificate is good only if current evidence says so for all reasons.
/// - Evidence that covers a certificate but cannot be used is an error, because the caller wanted it
///   to count. It is no error if other evidence says that the certificate is good.
///
/// Start with [`Revocation::default`], and set the fields.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Revocation<'a> {
    /// The CRLs of any issuers, in any order. Each is used for the certificates that it covers.
    pub crls: &'a [CertificateRevocationList],
    /// The OCSP response that the peer was asked to staple. `None` if the peer was not asked.
    pub status_request: Option<StatusRequest<'a>>,
    /// How much evidence is required, and for which certificates.
    pub policy: RevocationPolicy,
}

impl Revocation<'_> {
    /// Whether there is no evidence.
    pub(in super::super) fn is_empty(&self) -> bool {
        self.crls.is_empty() && self.status_request.is_none()
    }

    /// Whether revocation has to be checked.
    pub(in super::super) fn is_checked(&self) -> bool {
        match self.policy.mode {
            RevocationMode::Off => false,
            RevocationMode::IfPresent => !self.is_empty(),
            RevocationMode::Require => true,
        }
    }
}

/// The peer's answer to the request for an OCSP response (`status_request`, RFC 6066, section 8).
///
/// A server's certificate may demand such a response (must-staple, RFC 7633). After the request, it
/// needs a response that says it is good, unless the policy is off.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct StatusRequest<'a> {
    /// The DER of the OCSPResponse about the end entity, if the peer sent one.
    pub response: Option<&'a [u8]>,
    /// The hash functions with which responses name certificates.
    pub digests: Digests,
}

impl<'a> StatusRequest<'a> {
    /// The answer to a request: the response that the peer sent, or `None`.
    pub fn new(response: Option<&'a [u8]>, digests: Digests) -> Self {
        Self { response, digests }
    }
}

/// The hash functions of OCSP (RFC 6960, section 4.3) and of [`certificate_hash`](crate::certificate_hash).
/// SHA-1 is for OCSP: there it only finds a certificate and proves nothing, so it does no harm.
///
/// They are functions, so a device or a context of a library cannot be behind them, unless it is a `static`.
/// What they hash is public and short, so any implementation in the program serves as well.
#[derive(Clone, Copy, Debug)]
pub struct Digests {
    /// SHA-1.
    pub sha1: fn(&[u8]) -> [u8; 20],
    /// SHA-256.
    pub sha256: fn(&[u8]) -> [u8; 32],
    /// SHA-384.
    pub sha384: fn(&[u8]) -> [u8; 48],
    /// SHA-512.
    pub sha512: fn(&[u8]) -> [u8; 64],
}

/// How much revocation evidence is required, and for which certificates. By default, no evidence is
/// required, and evidence that is there counts for the whole chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RevocationPolicy {
    /// How much evidence is required.
    pub mode: RevocationMode,
    /// For which certificates.
    pub scope: RevocationScope,
}

impl RevocationPolicy {
    /// This much evidence, for these certificates.
    pub const fn new(mode: RevocationMode, scope: RevocationScope) -> Self {
        Self { mode, scope }
    }
}

/// How much revocation evidence is required.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RevocationMode {
    /// None. Revocation is not checked, even if evidence says that a certificate is revoked.
    Off,
    /// None, but evidence that is there counts. A certificate without evidence is accepted.
    #[default]
    IfPresent,
    /// There must be evidence that the certificate is good.
    Require,
}

/// The certificates whose revocation status is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RevocationScope {
    /// The end entity alone.
    EndEntity,
    /// All certificates of the path except for the trust anchor. The end entity is checked even if
    /// it is an anchor itself.
    #[default]
    Chain,
}
