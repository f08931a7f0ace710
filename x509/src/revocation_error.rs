//! What evidence can say, and what can be wrong with it.

use core::fmt;

use super::time::Timestamp;

/// Why a CRL cannot be used for any certificate, whatever it says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CrlError {
    /// The text is not PEM.
    #[error("the CRLs are not PEM: {0}")]
    Pem(#[source] crate::pem::PemError),
    /// The text has no CRL in it, which is hardly what was meant.
    #[error("there is no CRL in the text; its PEM label is \"X509 CRL\"")]
    NoCrl,
    /// It cannot be decoded, by this part of it.
    #[error("the CRL is malformed: {0}")]
    Malformed(&'static str),
    /// The algorithm inside of the signature is not the one beside it (RFC 5280, section 5.1.1.2).
    #[error("the CRL names one signature algorithm in its signed part and another beside it")]
    SignatureAlgorithmMismatch,
    /// It is a delta CRL (section 5.2.4): it only tells what has changed since another one.
    #[error("the CRL is a delta CRL, which is not supported: give the complete CRL instead")]
    Delta,
    /// It is an indirect CRL (section 5.2.5): it lists the certificates of several authorities.
    #[error(
        "the CRL is an indirect CRL, which is not supported: give the CRLs of the authorities \
         themselves instead"
    )]
    Indirect,
    /// It, or an entry of it, has a critical extension that is not understood, and must not be used
    /// (section 5.2 and 5.3).
    #[error(
        "the CRL has the critical extension {0}, which is not supported, so nothing it says counts"
    )]
    UnknownCriticalExtension(String),
}

impl CrlError {
    /// What is wrong: a stable name for programs, in lower case with hyphens.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Pem(_) | Self::NoCrl | Self::Malformed(_) | Self::SignatureAlgorithmMismatch => {
                "crl-malformed"
            }
            Self::Delta => "crl-delta",
            Self::Indirect => "crl-indirect",
            Self::UnknownCriticalExtension(_) => "crl-unknown-critical-extension",
        }
    }
}

/// Where it is said whether a certificate is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RevocationEvidence {
    /// A CRL (RFC 5280, section 5).
    Crl,
    /// An OCSP response (RFC 6960).
    OcspResponse,
}

impl fmt::Display for RevocationEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Crl => "CRL of its issuer",
            Self::OcspResponse => "OCSP response",
        })
    }
}

/// Why a CRL or an OCSP response that was given for a certificate says nothing that counts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RevocationEvidenceError {
    /// A newer one must exist by now.
    #[error("the {evidence} was to be replaced by {next_update}; the time is {now}")]
    Stale {
        /// Which it is.
        evidence: RevocationEvidence,
        /// Until when there was to be a newer one.
        next_update: Timestamp,
        /// The time of the validation.
        now: Timestamp,
    },
    /// It does not say when there will be a newer one, so that it could be of any age.
    #[error("the {0} has no nextUpdate, so it may be long outdated")]
    NoNextUpdate(RevocationEvidence),
    /// Its time is not yet come.
    #[error("the {evidence} is of {this_update}; the time is {now}")]
    NotYetValid {
        /// Which it is.
        evidence: RevocationEvidence,
        /// From when it is.
        this_update: Timestamp,
        /// The time of the validation.
        now: Timestamp,
    },
    /// The key that should have signed it did not.
    #[error("the {evidence} has a signature that was not made by the key of \"{signer}\"")]
    BadSignature {
        /// Which it is.
        evidence: RevocationEvidence,
        /// Whose key it should be.
        signer: String,
    },
    /// None of the algorithms that were given verifies its signature.
    #[error("the {evidence} is signed with {algorithm}, which is not supported with this key")]
    UnsupportedSignatureAlgorithm {
        /// Which it is.
        evidence: RevocationEvidence,
        /// The signature's algorithm.
        algorithm: String,
    },
    /// The issuer has a keyUsage by which its key does not sign CRLs (RFC 5280, section 6.3.3 (f)).
    #[error("the keyUsage of its issuer \"{0}\" has no cRLSign, so that no CRL of it counts")]
    MayNotSignCrls(String),
    /// The certificate's own cRLDistributionPoints do not parse, so that nobody can tell which CRL
    /// is for it.
    #[error("its cRLDistributionPoints are malformed")]
    MalformedDistributionPoints,
    /// The OCSP response cannot be decoded, by this part of it.
    #[error("the OCSP response is malformed: {0}")]
    MalformedResponse(&'static str),
    /// The responder answered, but with an error (RFC 6960, section 4.2.1).
    #[error("the OCSP responder gave no answer: {}", response_status(*.0))]
    Unsuccessful(u8),
    /// The OCSP response has a critical extension that is not understood.
    #[error("the OCSP response has the critical extension {0}, which is not supported")]
    UnknownCriticalExtension(String),
    /// The OCSP response is about other certificates only.
    #[error("the OCSP response says nothing about this certificate by this issuer")]
    OtherCertificate,
    /// The certificate is trusted itself, and the one of its issuer is neither trusted nor sent along,
    /// so that nothing can verify what the issuer says.
    #[error(
        "the {evidence} cannot be verified: the certificate of its issuer \"{issuer}\" is not known"
    )]
    UnknownIssuer {
        /// Which it is.
        evidence: RevocationEvidence,
        /// The name of the issuer.
        issuer: String,
    },
    /// The OCSP response is neither the issuer's nor of anyone whose certificate is in it.
    #[error(
        "the OCSP response is not signed by the issuer \"{0}\", and the certificate of the \
         responder that it names is not in it"
    )]
    UnknownResponder(String),
    /// The one that signed the OCSP response may not do so (RFC 6960, section 4.2.2.2).
    #[error("the OCSP response is signed by \"{responder}\", which may not answer: it {reason}")]
    UnauthorizedResponder {
        /// The subject of the certificate that came with the response.
        responder: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// What is missing where a certificate's status must be known, and is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownRevocationStatus {
    /// The policy requires evidence, and there is none for this certificate.
    #[error(
        "no CRL of \"{0}\" that covers it and no OCSP response for it was given, and the policy \
         requires one"
    )]
    NoEvidence(String),
    /// The certificate may only be used with an OCSP response (RFC 7633), and none came.
    #[error("it demands a stapled OCSP response (must-staple, RFC 7633), and none came")]
    NoStapledResponse,
    /// The OCSP responder does not know the certificate.
    #[error("its OCSP responder answered that it does not know it")]
    UnknownToResponder,
}

impl RevocationEvidenceError {
    /// What it is that does not count.
    pub const fn evidence(&self) -> RevocationEvidence {
        match self {
            Self::Stale { evidence, .. }
            | Self::NoNextUpdate(evidence)
            | Self::NotYetValid { evidence, .. }
            | Self::BadSignature { evidence, .. }
            | Self::UnsupportedSignatureAlgorithm { evidence, .. }
            | Self::UnknownIssuer { evidence, .. } => *evidence,
            Self::MayNotSignCrls(_) | Self::MalformedDistributionPoints => RevocationEvidence::Crl,
            _ => RevocationEvidence::OcspResponse,
        }
    }

    pub(crate) const fn code(&self) -> &'static str {
        use RevocationEvidence::Crl;
        match self {
            Self::Stale { evidence: Crl, .. } => "crl-stale",
            Self::Stale { .. } => "ocsp-stale",
            Self::NoNextUpdate(Crl) => "crl-without-next-update",
            Self::NoNextUpdate(_) => "ocsp-without-next-update",
            Self::NotYetValid { evidence: Crl, .. } => "crl-not-yet-valid",
            Self::NotYetValid { .. } => "ocsp-not-yet-valid",
            Self::BadSignature { evidence: Crl, .. } => "crl-bad-signature",
            Self::BadSignature { .. } => "ocsp-bad-signature",
            Self::UnsupportedSignatureAlgorithm { evidence: Crl, .. } => {
                "crl-unsupported-algorithm"
            }
            Self::UnsupportedSignatureAlgorithm { .. } => "ocsp-unsupported-algorithm",
            Self::UnknownIssuer { evidence: Crl, .. } => "crl-unknown-issuer",
            Self::UnknownIssuer { .. } => "ocsp-unknown-issuer",
            Self::MayNotSignCrls(_) => "crl-issuer-without-crl-sign",
            Self::MalformedDistributionPoints => "malformed-distribution-points",
            Self::MalformedResponse(_) => "ocsp-malformed",
            Self::Unsuccessful(_) => "ocsp-unsuccessful",
            Self::UnknownCriticalExtension(_) => "ocsp-unknown-critical-extension",
            Self::OtherCertificate => "ocsp-other-certificate",
            Self::UnknownResponder(_) => "ocsp-unknown-responder",
            Self::UnauthorizedResponder { .. } => "ocsp-unauthorized-responder",
        }
    }

    pub(crate) fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Stale { evidence: RevocationEvidence::Crl, .. } => {
                "fetch the CRL anew; if it is the newest, its issuer has stopped to issue any"
                    .into()
            }
            Self::Stale { .. } => {
                "see why the server does not fetch a new OCSP response from its responder".into()
            }
            Self::NoNextUpdate(evidence) => format!("have the {evidence} issued with a nextUpdate"),
            Self::NotYetValid { .. } => "this machine's clock may be behind".into(),
            Self::BadSignature { evidence: RevocationEvidence::Crl, signer } => format!(
                "\"{signer}\" may have another key now: use the CRL that goes with the certificate \
                 of it on this path"
            ),
            Self::UnknownIssuer { issuer, .. } => format!(
                "send the certificate of \"{issuer}\" along with the end-entity certificate, or trust it, \
                 too"
            ),
            Self::MayNotSignCrls(issuer) => {
                format!("have \"{issuer}\" issued with cRLSign in its keyUsage")
            }
            Self::OtherCertificate => {
                "see whether the server has a new certificate, and a response about the old".into()
            }
            _ => return None,
        })
    }
}

impl UnknownRevocationStatus {
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::NoEvidence(_) => "revocation-unknown",
            Self::NoStapledResponse => "staple-missing",
            Self::UnknownToResponder => "ocsp-unknown",
        }
    }

    pub(crate) fn remedy(&self) -> String {
        match self {
            Self::NoEvidence(issuer) => format!("give the newest CRL of \"{issuer}\""),
            Self::NoStapledResponse => "enable OCSP stapling at the server".to_owned(),
            Self::UnknownToResponder => {
                "see whether the certificate is its issuer's at all".to_owned()
            }
        }
    }
}

/// Why a certificate was revoked (RFC 5280, section 5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RevocationReason(pub u8);

impl RevocationReason {
    /// No reason, which is also what no mention of one means.
    pub const UNSPECIFIED: Self = Self(0);
    /// Its key is known to others.
    pub const KEY_COMPROMISE: Self = Self(1);
    /// It is revoked for the time being, and may come back.
    pub const CERTIFICATE_HOLD: Self = Self(6);
    /// It came back: it is not revoked any more.
    pub const REMOVE_FROM_CRL: Self = Self(8);
}

impl fmt::Display for RevocationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            0 => "unspecified",
            1 => "keyCompromise",
            2 => "cACompromise",
            3 => "affiliationChanged",
            4 => "superseded",
            5 => "cessationOfOperation",
            6 => "certificateHold",
            8 => "removeFromCRL",
            9 => "privilegeWithdrawn",
            10 => "aACompromise",
            other => return write!(f, "reason {other}"),
        })
    }
}

fn response_status(status: u8) -> String {
    match status {
        1 => "malformedRequest".to_owned(),
        2 => "internalError".to_owned(),
        3 => "tryLater".to_owned(),
        5 => "sigRequired".to_owned(),
        6 => "unauthorized: it may not know the certificate, or answer for its issuer".to_owned(),
        other => format!("status {other}"),
    }
}
